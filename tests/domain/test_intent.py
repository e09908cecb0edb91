"""The write-ahead record of one request: which event is possible where."""

import pytest

from meta_autonomous.domain.intent import (
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


def test_an_event_that_stands_in_no_row_is_a_bug():
    with pytest.raises(IllegalTransition, match="answered_yes can't happen"):
        next_state(AttemptState.CONFIRMED, AttemptEvent.ANSWERED_YES)
