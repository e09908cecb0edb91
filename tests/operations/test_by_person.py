"""A person's deeds over several accounts: one that is not free costs the others nothing."""

from dataclasses import replace

import pytest

from meta_autonomous.operations.by_person import (
    Handled,
    alone_with,
    by_account,
    exit_code_of,
    find,
)
from meta_autonomous.operations.undo import undo
from meta_autonomous.ports.errors import Busy
from tests.fakes.scene import Scene, an_adset, pause, run
from tests.operations.live_site import FIRST


def records_of(scene: Scene, *accounts: str):
    ids = [scene.approved(pause(an_adset(str(n)))) for n, _ in enumerate(accounts)]
    return [
        replace(scene.store.action(one), account_id=account)
        for one, account in zip(ids, accounts, strict=True)
    ]


async def done_unless_1002(account_id, records):
    if account_id == "1002":
        raise Busy("1002 is being worked on.", remedy="Try again.")
    return [Handled(id=record.id, status="undone", message="") for record in records]


def test_what_was_done_in_one_account_is_told_when_the_next_is_busy():
    scene = Scene()
    records = records_of(scene, "1001", "1002", "1001")

    handled = run(by_account(records, done_unless_1002))

    assert {one.id: one.status for one in handled} == {1: "undone", 3: "undone", 2: "approved"}
    assert handled[-1].message == "1002 is being worked on. Try again."
    assert exit_code_of(handled) == 4


def test_one_account_alone_that_is_busy_is_an_error():
    with pytest.raises(Busy):
        run(by_account(records_of(Scene(), "1002"), done_unless_1002))


def test_an_unknown_id_beside_a_busy_account_is_told_too():
    refused = Handled(id=9, status="not_found", message="", exit_code=3)

    handled = run(by_account(records_of(Scene(), "1002"), done_unless_1002, handled=[refused]))

    assert [one.exit_code for one in handled] == [3, 75]


def test_an_id_named_twice_is_one_and_an_unknown_one_is_refused():
    scene = Scene()
    records_of(scene, "1001")
    found, unknown = find(scene.store, [1, 7, 1], what="action", command="meta-auto actions list")
    assert [record.id for record in found] == [1]
    assert [(one.id, one.exit_code) for one in unknown] == [(7, 3)]
    assert unknown[0].message == "There is no action 7. See `meta-auto actions list`."


@pytest.mark.slow
def test_of_two_accounts_to_undo_the_free_one_is_undone(site, monkeypatch):
    monkeypatch.setattr("meta_autonomous.operations.by_person.LOCK_WAIT_SECONDS", 0.1)
    action = pause(site.entity(FIRST))
    executed = site.approved(action)
    site.execute(executed, action)
    elsewhere = pause(replace(site.entity(FIRST), id="77", account_id="9999"))
    other = site.approved_in("9999", elsewhere)

    async def while_9999_is_held(world):
        with alone_with(world.store, "9999"):
            return await undo(world, [executed, other])

    handled = site.inside(while_9999_is_held)

    assert [(one.id, one.exit_code) for one in handled] == [(executed, 0), (other, 75)]
    assert site.entity(FIRST).status == "ACTIVE"
