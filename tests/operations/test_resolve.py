"""A person's word on what reading could not settle."""

from dataclasses import replace
from datetime import timedelta

import pytest

from meta_autonomous.adapters.sandbox import faults
from meta_autonomous.domain.action import ActionStatus
from meta_autonomous.domain.exit_code import ExitCode
from meta_autonomous.domain.intent import AttemptState
from meta_autonomous.operations.by_person import Handled
from meta_autonomous.operations.resolve import resolve
from meta_autonomous.operations.world import World
from meta_autonomous.ports.errors import NotAllowed, NotFound
from meta_autonomous.ports.people import Actor
from tests.fakes.scene import Scene, an_adset, run, scale
from tests.operations.live_site import FIRST, Site


def waiting(site: Site) -> int:
    """Meta said success, and it never came: only a person can tell."""
    action = scale(site.entity(FIRST), 130)
    action_id = site.approved(action)
    site.sandbox.inject(faults.forgotten(), match=r"^POST ")
    site.execute(action_id, action)
    return action_id


def resolved(site: Site, action_id: int, *, applied: bool) -> Handled:
    async def as_admin(world: World) -> Handled:
        world = replace(world, actor=Actor(name="ada", is_admin=True, is_manager=True))
        return await resolve(world, action_id, applied=applied, reason="I looked")

    return site.inside(as_admin)


@pytest.mark.parametrize(
    ("applied", "state", "status"),
    [
        (True, AttemptState.RESOLVED_APPLIED, ActionStatus.EXECUTED),
        (False, AttemptState.RESOLVED_NOT_APPLIED, ActionStatus.FAILED),
    ],
)
def test_a_persons_word_settles_it(site, applied, state, status):
    action_id = waiting(site)
    site.sandbox.advance(timedelta(minutes=20))
    assert site.reconcile().needs_human == (action_id,)

    handled = resolved(site, action_id, applied=applied)

    assert handled.exit_code == ExitCode.DONE
    assert site.states(action_id) == [state]
    assert site.record(action_id).status is status

    async def look(world: World):
        return world.store.open_alerts(), [entry.event for entry in world.store.ledger()]

    alerts, events = site.inside(look)
    assert alerts == ()
    (word,) = [event for event in events if event.event == "optimization_resolved"]
    assert (word.who, word.why) == ("ada", "I looked")


def test_what_reading_may_still_settle_is_not_a_persons_to_say(site):
    action_id = waiting(site)

    handled = resolved(site, action_id, applied=True)

    assert handled.exit_code == ExitCode.REFUSED
    assert site.states(action_id) == [AttemptState.ACCEPTED]


def test_what_is_settled_stays_so(site):
    action = scale(site.entity(FIRST), 130)
    action_id = site.approved(action)
    site.execute(action_id, action)

    assert resolved(site, action_id, applied=False).exit_code == ExitCode.REFUSED
    assert site.record(action_id).status is ActionStatus.EXECUTED


def test_an_unknown_action_is_not_found(site):
    with pytest.raises(NotFound):
        resolved(site, 77, applied=True)


@pytest.mark.parametrize(
    "actor",
    [
        Actor(name="ana", is_manager=True),
        Actor(name="meta-auto", is_admin=True, is_service=True),
    ],
)
def test_only_an_admin_may_resolve(actor):
    scene = Scene(an_adset())

    with pytest.raises(NotAllowed):
        run(resolve(replace(scene.world, actor=actor), 1, applied=True, reason="x"))
