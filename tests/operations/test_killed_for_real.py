"""The protocol over real HTTP and a real database, with processes that really die."""

import time
from datetime import timedelta

import pytest

from meta_autonomous.adapters.sandbox import faults
from meta_autonomous.domain.action import ActionStatus, Outcome
from meta_autonomous.domain.intent import AttemptState
from tests.fakes.scene import pause, reallocate, scale
from tests.operations.live_site import FIRST, SECOND

pytestmark = pytest.mark.slow

# --- over HTTP, alive ---------------------------------------------------------------------------


def test_a_raise_a_pause_and_a_reallocation_arrive_at_the_account(site):
    first, second = site.entity(FIRST), site.entity(SECOND)
    for action in (reallocate(first, second, 10),):
        assert site.execute(site.approved(action), action).outcome is Outcome.EXECUTED
    raised = scale(site.entity(FIRST), 115)
    assert site.execute(site.approved(raised), raised).outcome is Outcome.EXECUTED
    paused = pause(site.entity(SECOND))
    assert site.execute(site.approved(paused), paused).outcome is Outcome.EXECUTED

    assert site.entity(FIRST).budget.amount.minor == 11500
    assert site.entity(SECOND).budget.amount.minor == 11000
    assert site.entity(SECOND).status == "PAUSED"
    assert len(site.writes()) == 4


@pytest.mark.parametrize(
    ("fault", "state", "status", "is_applied"),
    [
        (faults.reset_after(), AttemptState.CONFIRMED, ActionStatus.EXECUTED, True),
        (faults.reset(), AttemptState.NOT_APPLIED, ActionStatus.FAILED, False),
        (faults.server_error(), AttemptState.NOT_APPLIED, ActionStatus.FAILED, False),
        (faults.bad_gateway(), AttemptState.NOT_APPLIED, ActionStatus.FAILED, False),
        (faults.apply_late(0.3), AttemptState.CONFIRMED, ActionStatus.EXECUTED, True),
        (faults.truncated(), AttemptState.CONFIRMED, ActionStatus.EXECUTED, True),
        (faults.forgotten(), AttemptState.NEEDS_HUMAN, ActionStatus.IN_DOUBT, False),
        (faults.throttled(), AttemptState.REFUSED, ActionStatus.DEFERRED, False),
        (
            faults.error(100, subcode=1885272),
            AttemptState.REFUSED,
            ActionStatus.FAILED,
            False,
        ),
        (faults.hang(5), AttemptState.CONFIRMED, ActionStatus.EXECUTED, True),
    ],
)
def test_a_bad_answer_is_settled_by_reading_and_nothing_is_sent_twice(
    site, fault, state, status, is_applied
):
    action = scale(site.entity(FIRST), 130)
    action_id = site.approved(action)
    site.sandbox.inject(fault, match=r"^POST ")

    site.execute(action_id, action)
    time.sleep(0.4)  # for what is applied late
    site.sandbox.advance(timedelta(minutes=20))
    site.reconcile()

    assert site.states(action_id) == [state]
    assert site.record(action_id).status is status
    assert (site.entity(FIRST).budget.amount.minor == 13000) is is_applied
    assert len(site.writes()) == 1


def test_a_person_who_is_faster_supersedes_the_action(site):
    action = scale(site.entity(FIRST), 130)
    action_id = site.approved(action)
    site.sandbox.edit(site.sandbox.find(FIRST), daily_budget=12500)

    done = site.execute(action_id, action)

    assert done.superseded
    assert site.writes() == []


def test_a_person_who_changes_it_right_after_us_is_told_from_a_lost_write(site):
    """The client does not know its own application's name: the log's line with our value at our
    time is taken for ours, and somebody's later value stands beside it."""
    action = scale(site.entity(FIRST), 130)
    action_id = site.approved(action)
    site.sandbox.inject(faults.apply_late(0.2), match=r"^POST ")
    assert site.execute(action_id, action).outcome is Outcome.IN_DOUBT
    time.sleep(0.4)
    site.sandbox.edit(site.sandbox.find(FIRST), daily_budget=12000)
    site.sandbox.advance(timedelta(minutes=70))

    settled = site.reconcile()

    assert settled.needs_human == ()
    assert settled.overridden == 1
    assert site.record(action_id).status is ActionStatus.EXECUTED


# --- killed -------------------------------------------------------------------------------------

ENTITY = r"^GET /v26\.0/\d+\?"


@pytest.mark.parametrize(
    ("where", "state", "status", "is_applied"),
    [
        ({"match": ENTITY}, [], ActionStatus.DEFERRED, False),
        ({"match": r"^POST "}, [AttemptState.CONFIRMED], ActionStatus.EXECUTED, True),
        (
            {"match": r"^POST ", "works": False},
            [AttemptState.NOT_APPLIED],
            ActionStatus.FAILED,
            False,
        ),
        ({"match": ENTITY, "after": 1}, [AttemptState.CONFIRMED], ActionStatus.EXECUTED, True),
    ],
    ids=["at the fresh read", "written", "never written", "at the read back"],
)
def test_killed_at_any_request_it_is_settled_and_nothing_is_sent_twice(
    site, where, state, status, is_applied
):
    action = scale(site.entity(FIRST), 130)
    action_id = site.approved(action)
    site.hang(**where)

    site.kill_when_reached(site.start(action_id, action))
    time.sleep(0.3)  # what hung is worked now, after the death
    site.sandbox.advance(timedelta(minutes=20))
    site.reconcile()

    assert site.states(action_id) == state
    assert site.record(action_id).status is status
    assert (site.entity(FIRST).budget.amount.minor == 13000) is is_applied
    assert len(site.writes()) == len(state)


def test_killed_between_the_legs_the_increase_is_never_sent(site):
    action = reallocate(site.entity(FIRST), site.entity(SECOND), 10)
    action_id = site.approved(action)
    site.hang(match=rf"^GET /v26\.0/{site.sandbox.find(SECOND)}\?")

    site.kill_when_reached(site.start(action_id, action))
    site.sandbox.advance(timedelta(minutes=20))
    site.reconcile()

    record = site.record(action_id)
    assert record.status is ActionStatus.FAILED
    assert "The decrease stands" in record.message
    assert site.states(action_id) == [AttemptState.CONFIRMED]
    assert site.entity(SECOND).budget.amount.minor == 10000


def test_while_one_process_is_at_it_another_finds_the_account_locked(site):
    action = scale(site.entity(FIRST), 130)
    action_id = site.approved(action)
    site.hang(match=r"^POST ")
    first = site.start(action_id, action)
    assert site.reached.wait(30)

    second = site.start(action_id, action)
    assert second.communicate(timeout=30)[0].strip() == "locked"

    site.go_on.set()
    assert first.communicate(timeout=30)[0].strip() == "executed"
    assert len(site.writes()) == 1
