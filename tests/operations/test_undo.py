"""Taking back: what puts the old values back, and what is left alone."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from meta_autonomous.adapters.sandbox import faults
from meta_autonomous.decision.limits import Limits, PolicyBook
from meta_autonomous.domain.action import ActionStatus, ActionType
from meta_autonomous.domain.exit_code import ExitCode
from meta_autonomous.domain.intent import ChangedField
from meta_autonomous.operations.undo import NotUndoable, Restoration, plan_undo, undo, undoable
from meta_autonomous.ports.errors import Busy, NotAllowed
from meta_autonomous.ports.people import Actor
from tests.fakes.platform import APPLIED, LOST, NOON, REFUSED
from tests.fakes.scene import (
    Scene,
    an_adset,
    pause,
    reallocate,
    resume,
    run,
    scale,
    usd,
    with_lifetime_budget,
)
from tests.operations.live_site import FIRST, SECOND, Site
from tests.operations.live_world import ANA

# --- the plan -----------------------------------------------------------------------------------


def plan(scene: Scene, action_id: int) -> Restoration | NotUndoable:
    attempts = scene.store.attempts_of(action_id)
    found = {a.change.entity_id: scene.platform.entity(a.change.entity_id) for a in attempts}
    return plan_undo(scene.store.action(action_id), attempts, found, now=scene.platform.clock)


def test_a_raise_is_undone_by_a_cut_to_the_very_amount():
    adset = an_adset(budget="50.01")
    scene = Scene(adset)
    action_id, _ = scene.carry_out(scale(adset, 55))

    restoration = plan(scene, action_id)

    assert restoration.action.type is ActionType.SCALE_DOWN
    assert restoration.amounts == {"11": 5001}
    assert str(action_id) in restoration.action.reason


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        (pause(an_adset()), ActionType.RESUME),
        (resume(an_adset(status="PAUSED")), ActionType.PAUSE),
        (scale(an_adset(), 45), ActionType.SCALE_UP),
    ],
)
def test_every_action_has_its_opposite(action, kind):
    scene = Scene(action.entity)
    action_id, _ = scene.carry_out(action)

    assert plan(scene, action_id).action.type is kind


def test_a_reallocation_goes_back_with_its_decrease_first():
    donor, receiver = an_adset("11", budget=50), an_adset("12", budget=70)
    scene = Scene(donor, receiver)
    action_id, _ = scene.carry_out(reallocate(donor, receiver, 5))

    restoration = plan(scene, action_id)

    assert restoration.action.type is ActionType.REALLOCATE
    assert restoration.action.entity_ids == ("12", "11")
    assert restoration.amounts == {"11": 5000, "12": 7000}


def test_of_half_a_reallocation_the_decrease_goes_back():
    donor, receiver = an_adset("11", budget=50), an_adset("12", budget=70)
    scene = Scene(donor, receiver)
    scene.platform.will(APPLIED, REFUSED)
    action_id, _ = scene.carry_out(reallocate(donor, receiver, 5))

    restoration = plan(scene, action_id)

    assert restoration.action.type is ActionType.SCALE_UP
    assert restoration.amounts == {"11": 5000}


def test_a_lifetime_budget_goes_back_to_its_amount_though_days_have_passed():
    adset = with_lifetime_budget(
        an_adset(), total=1000, remaining=600, ends_at=NOON + timedelta(days=6)
    )
    scene = Scene(adset)
    action_id, _ = scene.carry_out(scale(adset, 110))
    scene.platform.passes(hours=30)

    restoration = plan(scene, action_id)

    assert restoration.amounts == {"11": 100_000}
    assert restoration.action.type is ActionType.SCALE_DOWN


def test_more_spent_than_the_earlier_lifetime_budget_can_not_go_back():
    adset = with_lifetime_budget(
        an_adset(), total=1000, remaining=10, ends_at=NOON + timedelta(days=6)
    )
    scene = Scene(adset)
    action_id, _ = scene.carry_out(scale(adset, 100))
    raised = scene.platform.entity("11")
    scene.platform.put(replace(raised, budget=replace(raised.budget, remaining=usd(200))))

    assert "More was spent" in plan(scene, action_id).message


@pytest.mark.parametrize("value", ["9000", "5000"])
def test_what_someone_changed_since_is_theirs(value):
    adset = an_adset(budget=50)
    scene = Scene(adset)
    action_id, _ = scene.carry_out(scale(adset, 55))
    scene.platform.person_sets("11", ChangedField.DAILY_BUDGET, value)

    assert "Someone changed" in plan(scene, action_id).message


def test_an_entity_that_is_gone_stays_gone():
    adset = an_adset()
    scene = Scene(adset)
    action_id, _ = scene.carry_out(pause(adset))
    scene.platform.put(an_adset(status="ARCHIVED"))

    assert "no longer there" in plan(scene, action_id).message


def test_what_never_took_effect_can_not_be_taken_back():
    adset = an_adset()
    scene = Scene(adset)
    scene.platform.will(REFUSED)
    refused, _ = scene.carry_out(pause(adset))
    scene.platform.will(LOST)
    doubtful, _ = scene.carry_out(pause(adset))

    assert "nothing to take back" in plan(scene, refused).message
    assert "nothing to take back" in plan(scene, doubtful).message


# --- the deed, over HTTP ------------------------------------------------------------------------


def test_an_undo_restores_the_value_and_marks_the_original(site):
    action = scale(site.entity(FIRST), 130)
    action_id = site.approved(action)
    site.execute(action_id, action)

    (handled,) = undone(site, action_id)

    assert (handled.status, handled.exit_code) == ("undone", ExitCode.DONE)
    assert site.entity(FIRST).budget.amount.minor == 12000
    assert site.record(action_id).status is ActionStatus.UNDONE


def test_an_undo_can_not_be_done_twice(site):
    action = scale(site.entity(FIRST), 130)
    action_id = site.approved(action)
    site.execute(action_id, action)
    undone(site, action_id)

    (handled,) = undone(site, action_id)

    assert handled.exit_code == ExitCode.REFUSED
    assert len(site.writes()) == 2


def test_a_reallocation_is_undone_as_a_whole(site):
    action = reallocate(site.entity(FIRST), site.entity(SECOND), 10)
    action_id = site.approved(action)
    site.execute(action_id, action)

    (handled,) = undone(site, action_id)

    assert handled.status == "undone", handled.message
    assert site.entity(FIRST).budget.amount.minor == 12000
    assert site.entity(SECOND).budget.amount.minor == 10000


def test_two_changes_of_one_entity_go_back_the_way_they_came(site):
    for budget in (126, 132):
        action = scale(site.entity(FIRST), budget)
        site.execute(site.approved(action), action)

    async def ids(world):
        return undoable(world.store, tick_id="t1")

    site.sandbox.advance(timedelta(hours=2))
    handled = undone(site, *site.inside(ids))

    assert [one.status for one in handled] == ["undone", "undone"]
    assert [one.id for one in handled] == [2, 1]
    assert site.entity(FIRST).budget.amount.minor == 12000
    assert site.inside(ids) == ()


def test_each_of_them_counts_among_the_budgets_that_were_sent_within_the_hour(site):
    for budget in (126, 132):
        action = scale(site.entity(FIRST), budget)
        site.execute(site.approved(action), action)

    first, second = undone(site, 2, 1)

    assert first.status == "undone"
    assert second.exit_code == ExitCode.REFUSED
    assert "[safety.platform_pace]" in second.message
    assert site.entity(FIRST).budget.amount.minor == 12600


def test_a_persons_later_edit_is_left_alone(site):
    action = scale(site.entity(FIRST), 130)
    action_id = site.approved(action)
    site.execute(action_id, action)
    site.sandbox.edit(site.sandbox.find(FIRST), daily_budget=14000)

    (handled,) = undone(site, action_id)

    assert handled.exit_code == ExitCode.REFUSED
    assert "Someone changed" in handled.message
    assert site.entity(FIRST).budget.amount.minor == 14000


def test_an_unknown_id_is_refused_and_the_others_are_done(site):
    action = pause(site.entity(FIRST))
    action_id = site.approved(action)
    site.execute(action_id, action)

    handled = undone(site, 77, action_id)

    assert [one.status for one in handled] == ["not_found", "undone"]
    assert site.entity(FIRST).status == "ACTIVE"


@pytest.mark.parametrize(
    ("fault", "exit_code", "words"),
    [
        (faults.error(100, subcode=1885272), ExitCode.PARTLY, "Meta refused"),
        (faults.throttled(), ExitCode.LATER, "Meta asked to wait"),
        (faults.reset(), ExitCode.PARTLY, "In doubt"),
    ],
)
def test_an_undo_that_meta_does_not_take_leaves_the_original_executed(
    site, fault, exit_code, words
):
    action = scale(site.entity(FIRST), 130)
    action_id = site.approved(action)
    site.execute(action_id, action)
    site.sandbox.inject(fault, match=r"^POST ")

    (handled,) = undone(site, action_id)

    assert (handled.status, handled.exit_code) == ("executed", exit_code)
    assert words in handled.message


@pytest.mark.parametrize(
    ("fault", "exit_code"),
    [(faults.throttled(), ExitCode.LATER), (faults.unauthorised(), ExitCode.PARTLY)],
)
def test_without_a_reading_of_the_account_nothing_is_undone(site, fault, exit_code):
    action = pause(site.entity(FIRST))
    action_id = site.approved(action)
    site.execute(action_id, action)
    site.sandbox.inject(fault, match=r"/campaigns\?", times=10)

    (handled,) = undone(site, action_id)

    assert (handled.status, handled.exit_code) == ("executed", exit_code)
    assert site.entity(FIRST).status == "PAUSED"


def test_an_undo_leaves_an_account_alone_for_which_meta_asked_to_wait(site):
    action = pause(site.entity(FIRST))
    action_id = site.approved(action)
    site.execute(action_id, action)
    site.sandbox.inject(faults.throttled(), match=r"/campaigns\?", times=10)
    undone(site, action_id)
    site.sandbox.clear_faults()
    site.sandbox.forget_requests()

    (handled,) = undone(site, action_id)

    assert handled.exit_code == ExitCode.LATER
    assert "alone until" in handled.message
    assert not [one for one in site.sandbox.requests if site.account_id in one.text]


def test_an_undo_that_spends_more_is_bound_by_the_cap(site):
    action = pause(site.entity(FIRST))
    action_id = site.approved(action)
    site.execute(action_id, action)
    one_dollar = PolicyBook(limits=Limits(max_daily_spend_usd=Decimal(1)))

    (handled,) = site.inside(lambda world: undo(replace(world, book=one_dollar), [action_id]))

    assert handled.exit_code == ExitCode.REFUSED
    assert "safety.daily_spend" in handled.message
    assert len(site.writes()) == 1


def test_an_undo_is_only_warned_of_how_budgets_lie_over_countries(site):
    action = scale(site.entity(FIRST), 90)
    action_id = site.approved(action)
    site.execute(action_id, action)
    tight = Limits(min_spain_percentage=Decimal(1), max_single_country_pct=Decimal("0.01"))

    (handled,) = site.inside(
        lambda world: undo(replace(world, book=PolicyBook(limits=tight)), [action_id])
    )

    assert handled.status == "undone", handled.message
    assert site.entity(FIRST).budget.amount.minor == 12000
    verdicts = site.record(action_id + 1).verdicts
    (geo,) = (v for v in verdicts if v["rule"] == "policy.geo_distribution")
    assert (geo["outcome"], geo["message"][-18:]) == ("warn", "An undo is exempt.")


@pytest.mark.slow
def test_an_undo_of_a_cut_is_bound_by_a_creative_that_may_not_run(offered):
    cut = offered.pending("Evergreen - FR")  # Meta disapproved one of its ads
    assert offered.approve(cut.id)[0].status == "executed"

    (handled,) = offered.inside(lambda world: undo(world, [cut.id]), actor=ANA)

    assert (handled.status, handled.exit_code) == ("executed", ExitCode.REFUSED)
    assert handled.message.startswith("Refused: [safety.creative]"), handled.message
    assert "ad 'Get your dream body'" in handled.message
    assert offered.field("Evergreen - FR", "daily_budget") == 36000


def test_an_undo_waits_for_the_account_and_then_says_so(site, monkeypatch):
    action = pause(site.entity(FIRST))
    action_id = site.approved(action)
    site.execute(action_id, action)
    monkeypatch.setattr("meta_autonomous.operations.by_person.LOCK_WAIT_SECONDS", 0.1)

    async def while_another_holds_it(world):
        with world.store.account_lock(site.account_id):
            return await undo(world, [action_id])

    with pytest.raises(Busy):
        site.inside(while_another_holds_it)


@pytest.mark.parametrize(
    "actor", [Actor(name="eve"), Actor(name="meta-auto", is_manager=True, is_service=True)]
)
def test_only_a_manager_may_undo(actor):
    scene = Scene(an_adset())
    world = replace(scene.world, actor=actor)

    with pytest.raises(NotAllowed):
        run(undo(world, [1]))


def undone(site: Site, *ids: int):
    return site.inside(lambda world: undo(world, ids))
