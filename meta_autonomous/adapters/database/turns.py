"""What happened to one entity: our attempts, the changes of its states, and whose they were.

Pure values and functions: nothing here looks anything up.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from meta_autonomous.domain.action import ActionType
from meta_autonomous.domain.entities import Budget, BudgetKind, Entity
from meta_autonomous.domain.intent import OPEN_STATES, AttemptState, ChangedField
from meta_autonomous.domain.quantities import Currency, Money

DAY: Final = timedelta(hours=24)
#: Two clocks, or one read twice, may differ by so much.
_SKEW: Final = timedelta(seconds=120)
_APPLIED: Final = frozenset(
    {
        AttemptState.ACCEPTED,
        AttemptState.CONFIRMED,
        AttemptState.APPLIED_OVERRIDDEN,
        AttemptState.RESOLVED_APPLIED,
    }
)


class Tried(NamedTuple):
    """An attempt of ours with what it belongs to."""

    field: str
    old: str
    new: str
    state: AttemptState
    intended_at: datetime
    effect_at: datetime
    type: ActionType
    decided_at: datetime  # the last time that its action was decided
    is_undo: bool
    blocked_until: datetime | None = None  # Meta takes no other budget until then

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES

    @property
    def is_refused(self) -> bool:
        """A plain no, not a request to wait."""
        return self.state is AttemptState.REFUSED and self.blocked_until is None

    @property
    def is_applied(self) -> bool:
        return self.state in _APPLIED


class Turn(NamedTuple):
    """A change of one field between two states on record, or in Meta's log."""

    field: str  # budget, status, bid
    old: str | None
    new: str | None
    words: str
    after: datetime
    at: datetime


class Decided(NamedTuple):
    type: ActionType
    at: datetime
    is_reversal: bool  # else a rejection


class State(NamedTuple):
    """What cooldowns look at in one entity, and since when it was seen so."""

    budget_kind: str | None
    budget_minor: int | None
    currency: str
    status: str
    bid: str | None
    at: datetime
    after: datetime | None  # the read before, which found it otherwise

    @classmethod
    def of(cls, entity: Entity, at: datetime, after: datetime | None) -> "State":
        budget = entity.budget
        return cls(
            budget.kind.value if budget else None,
            budget.amount.minor if budget else None,
            budget.amount.currency.code if budget else "",
            entity.status,
            entity.bid,
            at,
            after,
        )

    @classmethod
    def of_row(cls, row: Any) -> "State":
        return cls(
            row.budget_kind,
            row.budget_minor,
            row.currency,
            row.status,
            row.bid,
            row.valid_from,
            row.changed_after,
        )

    def is_same(self, other: "State") -> bool:
        return (self.budget_kind, self.budget_minor, self.status, self.bid) == (
            other.budget_kind,
            other.budget_minor,
            other.status,
            other.bid,
        )

    def turns_to(self, later: "State") -> Iterable[Turn]:
        between = {"after": later.after or self.at, "at": later.at}
        if (self.budget_kind, self.budget_minor) != (later.budget_kind, later.budget_minor):
            words = f"budget {self._budget_words()} → {later._budget_words()}"  # noqa: SLF001
            yield Turn("budget", self._minor(), later._minor(), words, **between)  # noqa: SLF001
        if self.status != later.status:
            words = f"status {self.status} → {later.status}"
            yield Turn("status", self.status, later.status, words, **between)
        if self.bid != later.bid:
            words = f"bid {self.bid or 'none'} → {later.bid or 'none'}"
            yield Turn("bid", self.bid, later.bid, words, **between)

    def _minor(self) -> str | None:
        return None if self.budget_minor is None else str(self.budget_minor)

    def _budget_words(self) -> str:
        if self.budget_minor is None or self.budget_kind is None:
            return "none"
        return f"{Money(self.budget_minor, Currency(self.currency))} ({self.budget_kind})"


def explains(attempt: Tried, turn: Turn) -> bool:
    """Whether a change is, or may be, the effect of one of our attempts."""
    if not (attempt.is_applied or attempt.is_open):
        return False
    return (
        is_same_field(attempt.field, turn.field)
        and attempt.new == turn.new
        and attempt.intended_at <= turn.at + _SKEW
        and attempt.effect_at >= turn.after - _SKEW
    )


def explains_roughly(attempt: Tried, turn: Turn) -> bool:
    """The same for a line that our own application stands in: whatever words Meta has for the
    value, and however late the line is."""
    return (
        (attempt.is_applied or attempt.is_open)
        and is_same_field(attempt.field, turn.field)
        and abs(attempt.effect_at - turn.at) <= DAY
    )


def is_same_field(ours: str, theirs: str) -> bool:
    return theirs == ("status" if ours == ChangedField.STATUS else "budget")


def at_logged_time(turn: Turn, log: Sequence[tuple[Turn, str | None]]) -> Turn:
    """The change with the moment that Meta's log gives it, if it tells of it."""
    times = [
        line.at
        for line, _ in log
        if line.field == turn.field and line.new == turn.new and turn.after <= line.at <= turn.at
    ]
    return turn._replace(at=max(times)) if times else turn


def takes_back(turn: Turn, attempt: Tried) -> bool:
    """Whether someone's change goes against our last one."""
    if turn.field == "status":
        return turn.new != attempt.new
    theirs, ours, before = _number(turn.new), _number(attempt.new), _number(attempt.old)
    if theirs is None or ours is None or before is None:
        return False
    return (theirs - ours) * (ours - before) < 0


def direction(attempt: Tried) -> int:
    old, new = _number(attempt.old), _number(attempt.new)
    return 0 if old is None or new is None else (new > old) - (new < old)


def amounts_of(name: str, *values: str | None) -> set[tuple[str, int]]:
    kind = BudgetKind.LIFETIME if name == ChangedField.LIFETIME_BUDGET else BudgetKind.DAILY
    return {(kind, minor) for minor in map(_number, values) if minor is not None}


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() else None


def per_day(present: Budget, kind: str, minor: int, now: datetime) -> Money | None:
    """An earlier amount as a budget per day; of a lifetime budget, with what is spent now."""
    amount = Money(minor, present.amount.currency)
    if kind == BudgetKind.DAILY:
        return amount
    if present.kind is not BudgetKind.LIFETIME or present.remaining is None:
        return None
    remaining = amount - (present.amount - present.remaining)
    return replace(present, amount=amount, remaining=remaining).daily(now)


def last_of(found: Iterable[Tried]) -> Tried | None:
    return max(found, key=lambda attempt: attempt.effect_at, default=None)


def latest_by_type(found: Iterable[Decided]) -> Mapping[ActionType, datetime]:
    latest: dict[ActionType, datetime] = {}
    for decided in found:
        at = latest.get(decided.type)
        latest[decided.type] = decided.at if at is None else max(at, decided.at)
    return latest
