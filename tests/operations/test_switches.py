"""The persistent switches: mode, start and stop, each with who turned it."""

import pytest

from meta_autonomous.operations.switches import mode_in_force, set_mode, set_started
from meta_autonomous.ports.errors import NotAllowed
from meta_autonomous.ports.people import Actor
from tests.operations.live_world import ANA, SERVICE, Live

ADMIN = Actor(name="root", is_admin=True, is_manager=True)


def switch(live: Live, mode: str, actor: Actor = ADMIN) -> dict[str, object]:
    with live.database() as store:
        at = live.sandbox.now()
        return set_mode(store, live.system, mode, actor=actor, at=at).to_json()


def turn(live: Live, *, is_started: bool, actor: Actor = ADMIN) -> str:
    with live.database() as store:
        return set_started(store, is_started=is_started, actor=actor, at=live.sandbox.now())


def test_the_mode_is_changed_on_the_next_tick(live):
    told = switch(live, "auto")
    assert told == {
        "success": True,
        "old_mode": "suggest",
        "new_mode": "auto",
        "message": "Mode changed from suggest to auto. Changes take effect on next tick.",
    }
    assert live.tick(dry_run=True).mode == "auto"


def test_the_stored_mode_wins_over_the_configured_one(live):
    switch(live.in_mode("auto"), "suggest")
    with live.database() as store:
        assert mode_in_force(store, live.system) == "suggest"


def test_the_same_mode_again_says_so(live):
    assert switch(live, "suggest")["message"] == "Mode is suggest already."


def test_who_changed_the_mode_is_in_the_ledger(live):
    switch(live, "auto")
    (entry,) = live.ledger("mode_changed")
    assert entry.event.who == "root"
    assert (entry.event.before, entry.event.after) == ({"mode": "suggest"}, {"mode": "auto"})


def test_stop_and_start_are_remembered_with_who(live):
    assert "Stopped" in turn(live, is_started=False)
    assert live.tick().to_json()["started"] is False
    assert "Started" in turn(live, is_started=True)
    assert live.tick().to_json()["started"] is True
    assert [one.event.who for one in live.ledger("system_stopped")] == ["root"]
    assert live.ledger("system_started")[0].event.before == {"started": False}


@pytest.mark.parametrize("actor", [ANA, SERVICE, Actor(name="eve")])
def test_only_an_admin_turns_switches(live, actor):
    with pytest.raises(NotAllowed, match=actor.name):
        switch(live, "auto", actor)
    with pytest.raises(NotAllowed, match=actor.name):
        turn(live, is_started=False, actor=actor)
    with live.database() as store:
        assert store.runtime().mode is None
        assert store.runtime().is_started
