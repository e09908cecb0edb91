"""The write-ahead record of one request to Meta: its states and the table of legal moves.

What may live here: the states of an attempt, the events that move it, and the one table that says
which event is possible where. An event that stands in no row is a bug and raises. A state is
never inferred from the clock: only Meta's answer, a reading of the entity, or a person moves it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from meta_autonomous.domain.entities import Level


class AttemptState(StrEnum):
    DISPATCHING = "dispatching"  # the intent is committed; a request may be under way
    ACCEPTED = "accepted"  # Meta said success; not yet seen
    UNKNOWN = "unknown"  # no clear answer
    REFUSED = "refused"  # Meta said no: nothing changed
    NOT_SENT = "not_sent"  # nothing left this machine
    CONFIRMED = "confirmed"  # read back as asked
    APPLIED_OVERRIDDEN = "applied_overridden"  # it took effect, then someone changed it
    NOT_APPLIED = "not_applied"  # read back: it never took effect
    NEEDS_HUMAN = "needs_human"  # reading can't settle it
    RESOLVED_APPLIED = "resolved_applied"  # a person: it took effect
    RESOLVED_NOT_APPLIED = "resolved_not_applied"  # a person: it did not


class AttemptEvent(StrEnum):
    ANSWERED_YES = "answered_yes"
    ANSWERED_NO = "answered_no"
    NO_CLEAR_ANSWER = "no_clear_answer"
    NEVER_LEFT = "never_left"
    SEEN_APPLIED = "seen_applied"
    SEEN_OVERRIDDEN = "seen_overridden"
    SEEN_NOT_APPLIED = "seen_not_applied"
    UNREADABLE = "unreadable"  # a reading that could not tell: it is counted, nothing moves
    UNSETTLED = "unsettled"
    PERSON_SAYS_APPLIED = "person_says_applied"
    PERSON_SAYS_NOT_APPLIED = "person_says_not_applied"


_SETTLED_BY_READING: Final[Mapping[AttemptEvent, AttemptState]] = {
    AttemptEvent.SEEN_APPLIED: AttemptState.CONFIRMED,
    AttemptEvent.SEEN_OVERRIDDEN: AttemptState.APPLIED_OVERRIDDEN,
    AttemptEvent.SEEN_NOT_APPLIED: AttemptState.NOT_APPLIED,
    AttemptEvent.UNSETTLED: AttemptState.NEEDS_HUMAN,
    AttemptEvent.PERSON_SAYS_APPLIED: AttemptState.RESOLVED_APPLIED,
    AttemptEvent.PERSON_SAYS_NOT_APPLIED: AttemptState.RESOLVED_NOT_APPLIED,
}

TRANSITIONS: Final[Mapping[AttemptState, Mapping[AttemptEvent, AttemptState]]] = {
    AttemptState.DISPATCHING: {
        AttemptEvent.UNREADABLE: AttemptState.DISPATCHING,
        AttemptEvent.ANSWERED_YES: AttemptState.ACCEPTED,
        AttemptEvent.ANSWERED_NO: AttemptState.REFUSED,
        AttemptEvent.NO_CLEAR_ANSWER: AttemptState.UNKNOWN,
        AttemptEvent.NEVER_LEFT: AttemptState.NOT_SENT,
        # A crash between the record and the answer leaves only reading.
        **_SETTLED_BY_READING,
    },
    AttemptState.ACCEPTED: {
        AttemptEvent.UNREADABLE: AttemptState.ACCEPTED,
        **_SETTLED_BY_READING,
    },
    AttemptState.UNKNOWN: {
        AttemptEvent.UNREADABLE: AttemptState.UNKNOWN,
        **_SETTLED_BY_READING,
    },
    AttemptState.NEEDS_HUMAN: {
        AttemptEvent.PERSON_SAYS_APPLIED: AttemptState.RESOLVED_APPLIED,
        AttemptEvent.PERSON_SAYS_NOT_APPLIED: AttemptState.RESOLVED_NOT_APPLIED,
    },
    AttemptState.REFUSED: {},
    AttemptState.NOT_SENT: {},
    AttemptState.CONFIRMED: {},
    AttemptState.APPLIED_OVERRIDDEN: {},
    AttemptState.NOT_APPLIED: {},
    AttemptState.RESOLVED_APPLIED: {},
    AttemptState.RESOLVED_NOT_APPLIED: {},
}

#: In which every attempt comes to be: the record that is committed before anything is sent.
FIRST_STATE: Final = AttemptState.DISPATCHING

#: States in which the outcome is open: the entity gets no other write, its money counts as spent.
OPEN_STATES: Final = frozenset(
    {
        AttemptState.DISPATCHING,
        AttemptState.ACCEPTED,
        AttemptState.UNKNOWN,
        AttemptState.NEEDS_HUMAN,
    }
)


class IllegalTransition(RuntimeError):
    """An event that can't happen in that state: a bug, never a condition."""


def next_state(state: AttemptState, event: AttemptEvent) -> AttemptState:
    try:
        return TRANSITIONS[state][event]
    except KeyError:
        raise IllegalTransition(f"{event} can't happen to an attempt that is {state}") from None


class ChangedField(StrEnum):
    STATUS = "status"
    DAILY_BUDGET = "daily_budget"
    LIFETIME_BUDGET = "lifetime_budget"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One absolute set of one field of one entity. Values are Meta's text: a status word, or a
    budget in whole minor units."""

    account_id: str
    entity_id: str
    level: Level
    field: ChangedField
    old: str
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A change that was, or is being, asked for. At most one per entity is open at a time."""

    id: int
    action_id: int
    change: Change
    state: AttemptState
    intended_at: datetime  # trusted time of the committed intent
    effect_at: datetime  # latest moment at which our request may have been under way
    unsettled_reads: int = 0  # how many times reading it back could not tell (UNREADABLE)
