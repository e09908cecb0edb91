"""The write-ahead record of one request: which event is possible where."""

import pytest

from meta_autonomous.domain.intent import (
    FIRST_STATE,
    OPEN_STATES,
    TRANSITIONS,
    AttemptEvent,
    AttemptState,
    IllegalTransition,
    next_state,
)


def test_every_state_stands_in_the_table():
    assert set(TRANSITIONS) == set(AttemptState)


def test_what_is_settled_moves_no_more_and_what_is_open_can_be_settled():
    for state, moves in TRANSITIONS.items():
        assert bool(moves) is (state in OPEN_STATES)
        if moves:
            assert set(moves.values()) - OPEN_STATES


@pytest.mark.parametrize(
    ("event", "state"),
    [
        (AttemptEvent.ANSWERED_YES, AttemptState.ACCEPTED),
        (AttemptEvent.ANSWERED_NO, AttemptState.REFUSED),
        (AttemptEvent.NO_CLEAR_ANSWER, AttemptState.UNKNOWN),
        (AttemptEvent.NEVER_LEFT, AttemptState.NOT_SENT),
    ],
)
def test_an_answer_moves_what_is_being_sent(event, state):
    assert next_state(AttemptState.DISPATCHING, event) is state


@pytest.mark.parametrize(
    "state", [AttemptState.DISPATCHING, AttemptState.ACCEPTED, AttemptState.UNKNOWN]
)
def test_a_reading_that_can_not_tell_moves_nothing(state):
    assert next_state(state, AttemptEvent.UNREADABLE) is state


def test_a_yes_is_no_proof():
    assert AttemptState.ACCEPTED in OPEN_STATES


def test_what_needs_a_person_is_moved_by_a_person_only():
    assert set(TRANSITIONS[AttemptState.NEEDS_HUMAN]) == {
        AttemptEvent.PERSON_SAYS_APPLIED,
        AttemptEvent.PERSON_SAYS_NOT_APPLIED,
    }


@pytest.mark.parametrize(
    ("state", "event"),
    [
        (state, event)
        for state in AttemptState
        for event in AttemptEvent
        if event not in TRANSITIONS[state]
    ],
)
def test_an_event_that_stands_in_no_row_is_a_bug(state, event):
    with pytest.raises(IllegalTransition, match=f"{event} can't happen to an attempt"):
        next_state(state, event)


def test_every_state_can_be_reached_and_every_event_is_of_use():
    reached = {FIRST_STATE}
    for _ in AttemptState:
        reached |= {after for state in reached for after in TRANSITIONS[state].values()}
    assert reached == set(AttemptState)
    assert {event for moves in TRANSITIONS.values() for event in moves} == set(AttemptEvent)
