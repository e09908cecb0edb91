"""What our own records say of an account's entities: who changed what, and when.

A few queries, each by account and by time; the entities themselves are joined in Python.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Final, NamedTuple

from sqlalchemy import or_, select

from meta_autonomous.adapters.database import accounts, creatives, observations, texts
from meta_autonomous.adapters.database.tables import (
    activities,
    attempts,
    entity_traces,
    optimization_actions,
)
from meta_autonomous.adapters.database.unit import Unit
from meta_autonomous.decision.context import (
    AutomaticPause,
    EntityMemory,
    Memory,
    PendingSuggestion,
)
from meta_autonomous.domain.action import ActionStatus, ActionType
from meta_autonomous.domain.entities import (
    AccountSnapshot,
    Ad,
    Budget,
    BudgetKind,
    Entity,
    Level,
    Status,
)
from meta_autonomous.domain.intent import OPEN_STATES, AttemptState, ChangedField
from meta_autonomous.domain.quantities import Currency, Money
from meta_autonomous.ports import WORKER

_DAY: Final = timedelta(hours=24)
_OVERRIDE: Final = timedelta(days=7)  # a person's word against ours counts that long
_PAUSED: Final = timedelta(days=14)
_PAST: Final = timedelta(days=30)  # what we executed, for any cooldown that is asked for
_HOUR: Final = timedelta(hours=1)
#: Meta's log and our clock may differ by so much.
_SKEW: Final = timedelta(seconds=120)

_APPLIED: Final = frozenset(
    {
        AttemptState.ACCEPTED,
        AttemptState.CONFIRMED,
        AttemptState.APPLIED_OVERRIDDEN,
        AttemptState.RESOLVED_APPLIED,
    }
)
_BUDGETS: Final = {
    BudgetKind.DAILY: ChangedField.DAILY_BUDGET,
    BudgetKind.LIFETIME: ChangedField.LIFETIME_BUDGET,
}


def build(
    unit: Unit, snapshot: AccountSnapshot, *, now: datetime, our_application_id: str | None
) -> Memory:
    """See `ports.Store.memory`."""
    account_id = snapshot.account.id
    approved, rejected = creatives.decided(unit, account_id)
    past = _Past(
        snapshot=snapshot,
        now=now,
        our_application_id=our_application_id,
        is_account_known=_is_account_known(unit, snapshot, now=now),
        known_since=_known_since(unit, account_id),
        rows=_rows(unit, account_id, now=now),
        attempts=_attempts(unit, account_id, now=now),
        activities=_activities(unit, snapshot, now=now),
        decided=_decided(unit, account_id, now=now),
        pending=_pending(unit, account_id, now=now),
        evaluated=_evaluated(unit, account_id),
    )
    entities = {}
    for entity in snapshot.entities():
        remembered = past.of(entity)
        if remembered is not None:
            entities[entity.id] = remembered
    return Memory(
        entities=entities,
        approved_creatives=approved,
        rejected_creatives=rejected,
        automatic_pauses=_automatic_pauses(unit, account_id, now=now),
    )


# --- what is looked up --------------------------------------------------------------------------


class _Tried(NamedTuple):
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

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES

    @property
    def is_applied(self) -> bool:
        return self.state in _APPLIED


class _Turn(NamedTuple):
    """A change of one field between two states on record, or in Meta's log."""

    field: str  # budget, status, bid
    old: str | None
    new: str | None
    words: str
    after: datetime
    at: datetime


class _Decided(NamedTuple):
    type: ActionType
    at: datetime
    is_reversal: bool  # else a rejection


def _is_account_known(unit: Unit, snapshot: AccountSnapshot, *, now: datetime) -> bool:
    if snapshot.activities is not None:
        return True
    row = accounts.row_of(unit, snapshot.account.id)
    return (
        row is not None
        and row.observed_at is not None
        and now - row.observed_at <= observations.GAP
        and row.known_since <= now - _DAY
    )


def _known_since(unit: Unit, account_id: str) -> datetime | None:
    row = accounts.row_of(unit, account_id)
    return None if row is None else row.known_since


def _rows(unit: Unit, account_id: str, *, now: datetime) -> Mapping[str, Sequence[Any]]:
    """Each entity's states in force in the last days, oldest first."""
    found: dict[str, list[Any]] = defaultdict(list)
    for row in observations.latest_entities(unit, account_id, since=now - _OVERRIDE):
        found[row.entity_id].append(row)
    return found


def _attempts(unit: Unit, account_id: str, *, now: datetime) -> Mapping[str, Sequence[_Tried]]:
    table, action = attempts, optimization_actions
    query = (
        select(
            table.c.entity_id,
            table.c.field,
            table.c.old,
            table.c.new,
            table.c.state,
            table.c.intended_at,
            table.c.effect_at,
            action.c.action_type,
            action.c.last_seen_at,
            action.c.undoes,
        )
        .join(action, action.c.id == table.c.action_id)
        .where(
            table.c.platform == unit.platform,
            table.c.account_id == account_id,
            or_(table.c.effect_at >= now - _PAST, table.c.state.in_(tuple(OPEN_STATES))),
        )
        .order_by(table.c.id)
    )
    found: dict[str, list[_Tried]] = defaultdict(list)
    for (
        entity_id,
        name,
        old,
        new,
        state,
        intended,
        effect,
        kind,
        seen,
        undoes,
    ) in unit.connection.execute(query):
        found[entity_id].append(
            _Tried(
                field=name,
                old=old,
                new=new,
                state=AttemptState(state),
                intended_at=intended,
                effect_at=effect,
                type=ActionType(kind),
                decided_at=seen,
                is_undo=undoes is not None,
            )
        )
    return found


def _activities(
    unit: Unit, snapshot: AccountSnapshot, *, now: datetime
) -> Mapping[str, Sequence[tuple[_Turn, str | None]]]:
    """Changes by Meta's log, with the application that made them; what this read brought too."""
    table = activities
    query = select(table).where(
        table.c.platform == unit.platform,
        table.c.account_id == snapshot.account.id,
        table.c.at >= now - _OVERRIDE,
    )
    lines: dict[tuple[str, datetime, str], Any] = {
        (row.object_id, row.at, row.event_type): row for row in unit.connection.execute(query)
    }
    for activity in snapshot.activities or ():
        lines[activity.object_id, activity.at, activity.event_type] = activity
    found: dict[str, list[tuple[_Turn, str | None]]] = defaultdict(list)
    for (object_id, at, event_type), line in sorted(lines.items(), key=lambda item: item[0][1]):
        name = _field_of(event_type)
        if name is not None and at >= now - _OVERRIDE:
            words = f"{name} {line.old or 'unknown'} → {line.new or 'unknown'}"
            turn = _Turn(name, line.old, line.new, words, after=at, at=at)
            found[object_id].append((turn, line.application_id))
    return found


def _field_of(event_type: str) -> str | None:
    """Which field an activity changed; None for what restarts no cooldown."""
    if "budget" in event_type:
        return "budget"
    if "run_status" in event_type:
        return "status"
    return "bid" if "_bid" in event_type else None


def _decided(unit: Unit, account_id: str, *, now: datetime) -> Mapping[str, Sequence[_Decided]]:
    """What persons took back or rejected."""
    table = optimization_actions
    undo = table.alias("undo")
    columns = (table.c.entity_ids, table.c.action_type)
    found: dict[str, list[_Decided]] = defaultdict(list)
    rejections = select(*columns, table.c.decided_at).where(
        table.c.platform == unit.platform,
        table.c.account_id == account_id,
        table.c.status == ActionStatus.REJECTED,
        table.c.decided_at >= now - _OVERRIDE,
    )
    reversals = (
        select(*columns, undo.c.last_seen_at, undo.c.executed_at)
        .join(undo, undo.c.undoes == table.c.id)
        .where(
            table.c.platform == unit.platform,
            table.c.account_id == account_id,
            table.c.status == ActionStatus.UNDONE,
            undo.c.platform == unit.platform,
            undo.c.last_seen_at >= now - _OVERRIDE,
        )
    )
    for ids, kind, at in unit.connection.execute(rejections):
        for entity_id in texts.parsed(ids):
            found[entity_id].append(_Decided(ActionType(kind), at, is_reversal=False))
    for ids, kind, asked_at, done_at in unit.connection.execute(reversals):
        for entity_id in texts.parsed(ids):
            decided = _Decided(ActionType(kind), done_at or asked_at, is_reversal=True)
            found[entity_id].append(decided)
    return found


def _pending(unit: Unit, account_id: str, *, now: datetime) -> Mapping[str, PendingSuggestion]:
    table = optimization_actions
    rows = unit.connection.execute(
        select(table)
        .where(
            table.c.platform == unit.platform,
            table.c.account_id == account_id,
            table.c.status == ActionStatus.SUGGESTED,
            or_(table.c.expires_at.is_(None), table.c.expires_at > now),
        )
        .order_by(table.c.id)
    )
    found: dict[str, PendingSuggestion] = {}
    for row in rows:
        suggestion = _suggestion(row)
        found |= dict.fromkeys(suggestion.entity_ids, suggestion)
        found.setdefault(row.entity_id, suggestion)
    return found


def _suggestion(row: Any) -> PendingSuggestion:
    kind = ActionType(row.action_type)
    base = proposed = None
    if row.budget_before_minor is not None and row.budget_after_minor is not None:
        currency = Currency(row.currency)
        base = Money(row.budget_before_minor, currency)
        proposed = Money(row.budget_after_minor, currency)
    is_move = kind is ActionType.REALLOCATE and base is not None and proposed is not None
    return PendingSuggestion(
        action_id=row.id,
        type=kind,
        base=base,
        proposed=proposed,
        moved=base - proposed if is_move and base is not None and proposed is not None else None,
        entity_ids=tuple(texts.parsed(row.entity_ids)),
    )


def _evaluated(unit: Unit, account_id: str) -> Mapping[str, datetime]:
    table = entity_traces
    query = select(table.c.entity_id, table.c.evaluated_at).where(
        table.c.platform == unit.platform,
        table.c.account_id == account_id,
        table.c.level == Level.CAMPAIGN,
        table.c.evaluated_at.is_not(None),
    )
    return {row.entity_id: row.evaluated_at for row in unit.connection.execute(query)}


def _automatic_pauses(unit: Unit, account_id: str, *, now: datetime) -> tuple[AutomaticPause, ...]:
    """Pauses that nobody was asked about, executed or under way."""
    table = optimization_actions
    rows = unit.connection.execute(
        select(table)
        .where(
            table.c.platform == unit.platform,
            table.c.account_id == account_id,
            table.c.action_type == ActionType.PAUSE,
            table.c.decided_by == WORKER,
            table.c.decided_at >= now - _DAY - _HOUR,
            table.c.status.in_(
                (
                    ActionStatus.APPROVED,
                    ActionStatus.EXECUTING,
                    ActionStatus.IN_DOUBT,
                    ActionStatus.EXECUTED,
                    ActionStatus.UNDONE,
                )
            ),
        )
        .order_by(table.c.id)
    )
    pauses = (
        AutomaticPause(
            entity_id=row.entity_id,
            campaign_id=row.campaign_id,
            adset_id=row.adset_id,
            at=row.executed_at or row.decided_at,
        )
        for row in rows
    )
    return tuple(pause for pause in pauses if pause.at >= now - _DAY)


# --- joined by entity ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Past:
    """All that was looked up, by entity id."""

    snapshot: AccountSnapshot
    now: datetime
    our_application_id: str | None
    is_account_known: bool
    known_since: datetime | None
    rows: Mapping[str, Sequence[Any]]
    attempts: Mapping[str, Sequence[_Tried]]
    activities: Mapping[str, Sequence[tuple[_Turn, str | None]]]
    decided: Mapping[str, Sequence[_Decided]]
    pending: Mapping[str, PendingSuggestion]
    evaluated: Mapping[str, datetime]
    _plain: dict[bool, EntityMemory] = field(
        default_factory=lambda: {
            known: EntityMemory(budgets_known=known) for known in (False, True)
        }
    )

    def of(self, entity: Entity) -> EntityMemory:
        key = entity.id
        rows = self.rows.get(key, ())
        tried = self.attempts.get(key, ())
        log = self.activities.get(key, ())
        turns = self._turns(entity, rows)
        is_known = self._is_known(entity, rows)
        creative_at = self._creative_changed_at(entity, rows)
        if not (tried or log or turns or creative_at) and not (
            key in self.decided or key in self.pending or key in self.evaluated
        ):
            return self._plain[is_known]  # of most there is nothing to tell
        foreign = self._foreign(tried, log, turns)
        last = _last(attempt for attempt in tried if attempt.is_applied)
        scale = _last(
            attempt for attempt in tried if attempt.is_applied and attempt.field != "status"
        )
        pause = self._our_pause(entity, tried, foreign)
        latest = max(foreign, key=lambda turn: turn.at, default=None)
        return EntityMemory(
            last_executed_at=last.effect_at if last else None,
            last_executed_type=last.type if last else None,
            foreign_change_at=latest.at if latest else None,
            foreign_change=latest.words if latest else None,
            budgets_24h=self._budgets(entity, rows, tried, log),
            budgets_known=is_known,
            last_direction=_direction(scale) if scale else 0,
            last_direction_at=scale.effect_at if scale else None,
            reversed_at=self._reversed(key, tried, foreign),
            rejected_at=_latest_by_type(
                decided for decided in self.decided.get(key, ()) if not decided.is_reversal
            ),
            in_doubt_since=min(
                (attempt.intended_at for attempt in tried if attempt.is_open), default=None
            ),
            budget_sent_at=tuple(
                attempt.effect_at
                for attempt in tried
                if attempt.field != ChangedField.STATUS
                and attempt.state is not AttemptState.NOT_SENT
                and attempt.effect_at > self.now - _HOUR
            ),
            paused_by_us_at=pause.effect_at if pause else None,
            paused_on=self.snapshot.account.day_of(pause.decided_at) if pause else None,
            pending=self.pending.get(key),
            creative_changed_at=creative_at,
            last_evaluated_at=self.evaluated.get(key),
        )

    def _is_known(self, entity: Entity, rows: Sequence[Any]) -> bool:
        """Whether every budget of the last 24 hours is on record, as far as reads can tell."""
        if self.snapshot.activities is not None:
            return True
        if not self.is_account_known:
            return False
        if any(row.known_since <= self.now - _DAY for row in rows):
            return True
        since = self.known_since
        return entity.created_at is not None and since is not None and entity.created_at >= since

    def _turns(self, entity: Entity, rows: Sequence[Any]) -> list[_Turn]:
        """Changes from one state on record to the next, and from the last to the present."""
        if not rows:
            return []
        present = _State.of(entity, self.snapshot.observed_at)
        if len(rows) == 1 and _State.of_row(rows[0]).is_same(present):
            return []  # as nearly all are
        states = [*map(_State.of_row, rows), present]
        turns: list[_Turn] = []
        for before, after in pairwise(states):
            turns.extend(before.turns_to(after))
        return turns

    def _foreign(
        self,
        tried: Sequence[_Tried],
        log: Sequence[tuple[_Turn, str | None]],
        turns: Sequence[_Turn],
    ) -> list[_Turn]:
        """Changes that no attempt of ours explains."""
        foreign = [
            _at_logged_time(turn, log)
            for turn in turns
            if not any(_explains(attempt, turn) for attempt in tried)
        ]
        foreign += [
            turn
            for turn, application_id in log
            if not any(
                _explains(attempt, turn, slack=_SKEW)
                or (self._is_ours(application_id) and _explains_roughly(attempt, turn))
                for attempt in tried
            )
        ]
        return foreign

    def _is_ours(self, application_id: str | None) -> bool:
        return application_id is not None and application_id == self.our_application_id

    def _budgets(
        self,
        entity: Entity,
        rows: Sequence[Any],
        tried: Sequence[_Tried],
        log: Sequence[tuple[_Turn, str | None]],
    ) -> tuple[Money, ...]:
        """Budgets per day in force within the last 24 hours, the present one left out."""
        if entity.budget is None:
            return ()
        since = self.now - _DAY
        amounts: set[tuple[str, int]] = {
            (row.budget_kind, row.budget_minor)
            for row in rows
            if row.budget_kind is not None
            and row.currency == entity.budget.amount.currency.code
            and (row.replaced_at is None or row.replaced_at > since)
        }
        for attempt in tried:
            if attempt.is_applied and attempt.effect_at > since:
                amounts |= _amounts(attempt.field, attempt.old, attempt.new)
        for turn, _ in log:
            if turn.field == "budget" and turn.at > since:
                amounts |= _amounts(_BUDGETS[entity.budget.kind], turn.old, turn.new)
        present = entity.budget.daily(self.now)
        daily = {_per_day(entity.budget, kind, minor, self.now) for kind, minor in amounts}
        return tuple(
            sorted(
                (money for money in daily if money is not None and money != present),
                key=lambda money: money.minor,
            )
        )

    def _our_pause(
        self, entity: Entity, tried: Sequence[_Tried], foreign: Sequence[_Turn]
    ) -> _Tried | None:
        """The pause that still holds the entity, if it is ours and not a person's undo."""
        if entity.status != Status.PAUSED:
            return None
        last = _last(
            attempt
            for attempt in tried
            if attempt.field == ChangedField.STATUS and attempt.is_applied
        )
        if last is None or last.new != Status.PAUSED or last.is_undo:
            return None
        if last.effect_at < self.now - _PAUSED:
            return None
        was_touched = any(turn.field == "status" and turn.at > last.effect_at for turn in foreign)
        return None if was_touched else last

    def _reversed(
        self, key: str, tried: Sequence[_Tried], foreign: Sequence[_Turn]
    ) -> Mapping[ActionType, datetime]:
        """When a person last took back an action of each kind: by `undo`, or in Ads Manager."""
        found = dict(
            _latest_by_type(
                decided for decided in self.decided.get(key, ()) if decided.is_reversal
            )
        )
        for turn in foreign:
            attempt = _last(
                attempt
                for attempt in tried
                if attempt.is_applied
                and not attempt.is_undo
                and _same_field(attempt.field, turn.field)
                and attempt.effect_at <= turn.at
            )
            if attempt is not None and _takes_back(turn, attempt):
                at = found.get(attempt.type)
                found[attempt.type] = max(at, turn.at) if at is not None else turn.at
        return found

    def _creative_changed_at(self, entity: Entity, rows: Sequence[Any]) -> datetime | None:
        if not isinstance(entity, Ad) or not rows:
            return None
        last = rows[-1]
        if last.creative_id != entity.creative_id:
            return self.snapshot.observed_at
        changed_at: datetime | None = last.creative_changed_at
        return changed_at


class _State(NamedTuple):
    """What cooldowns look at in one entity, and since when it was seen so."""

    budget_kind: str | None
    budget_minor: int | None
    currency: str
    status: str
    bid: str | None
    at: datetime

    @classmethod
    def of(cls, entity: Entity, at: datetime) -> "_State":
        budget = entity.budget
        return cls(
            budget.kind.value if budget else None,
            budget.amount.minor if budget else None,
            budget.amount.currency.code if budget else "",
            entity.status,
            entity.bid,
            at,
        )

    @classmethod
    def of_row(cls, row: Any) -> "_State":
        return cls(
            row.budget_kind, row.budget_minor, row.currency, row.status, row.bid, row.valid_from
        )

    def is_same(self, other: "_State") -> bool:
        return (self.budget_kind, self.budget_minor, self.status, self.bid) == (
            other.budget_kind,
            other.budget_minor,
            other.status,
            other.bid,
        )

    def turns_to(self, later: "_State") -> Iterable[_Turn]:
        between = {"after": self.at, "at": later.at}
        if (self.budget_kind, self.budget_minor) != (later.budget_kind, later.budget_minor):
            words = f"budget {self._budget_words()} → {later._budget_words()}"  # noqa: SLF001
            yield _Turn("budget", self._minor(), later._minor(), words, **between)  # noqa: SLF001
        if self.status != later.status:
            words = f"status {self.status} → {later.status}"
            yield _Turn("status", self.status, later.status, words, **between)
        if self.bid != later.bid:
            words = f"bid {self.bid or 'none'} → {later.bid or 'none'}"
            yield _Turn("bid", self.bid, later.bid, words, **between)

    def _minor(self) -> str | None:
        return None if self.budget_minor is None else str(self.budget_minor)

    def _budget_words(self) -> str:
        if self.budget_minor is None or self.budget_kind is None:
            return "none"
        return f"{Money(self.budget_minor, Currency(self.currency))} ({self.budget_kind})"


def _explains(attempt: _Tried, turn: _Turn, *, slack: timedelta = timedelta(0)) -> bool:
    """Whether a change is, or may be, the effect of one of our attempts."""
    if not (attempt.is_applied or attempt.is_open):
        return False
    return (
        _same_field(attempt.field, turn.field)
        and attempt.new == turn.new
        and attempt.intended_at <= turn.at + slack
        and attempt.effect_at >= turn.after - slack
    )


def _explains_roughly(attempt: _Tried, turn: _Turn) -> bool:
    """The same for a line that our own application stands in: whatever words Meta has for the
    value, and however late the line is."""
    return (
        (attempt.is_applied or attempt.is_open)
        and _same_field(attempt.field, turn.field)
        and abs(attempt.effect_at - turn.at) <= _DAY
    )


def _same_field(ours: str, theirs: str) -> bool:
    return theirs == ("status" if ours == ChangedField.STATUS else "budget")


def _at_logged_time(turn: _Turn, log: Sequence[tuple[_Turn, str | None]]) -> _Turn:
    """The change with the moment that Meta's log gives it, if it tells of it."""
    times = [
        line.at
        for line, _ in log
        if line.field == turn.field and line.new == turn.new and turn.after <= line.at <= turn.at
    ]
    return turn._replace(at=max(times)) if times else turn


def _takes_back(turn: _Turn, attempt: _Tried) -> bool:
    """Whether someone's change goes against our last one."""
    if turn.field == "status":
        return turn.new != attempt.new
    theirs, ours, before = _number(turn.new), _number(attempt.new), _number(attempt.old)
    if theirs is None or ours is None or before is None:
        return False
    return (theirs - ours) * (ours - before) < 0


def _direction(attempt: _Tried) -> int:
    old, new = _number(attempt.old), _number(attempt.new)
    return 0 if old is None or new is None else (new > old) - (new < old)


def _amounts(name: str, *values: str | None) -> set[tuple[str, int]]:
    kind = BudgetKind.LIFETIME if name == ChangedField.LIFETIME_BUDGET else BudgetKind.DAILY
    return {(kind, minor) for minor in map(_number, values) if minor is not None}


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() else None


def _per_day(present: Budget, kind: str, minor: int, now: datetime) -> Money | None:
    """An earlier amount as a budget per day; of a lifetime budget, with what is spent now."""
    amount = Money(minor, present.amount.currency)
    if kind == BudgetKind.DAILY:
        return amount
    if present.kind is not BudgetKind.LIFETIME or present.remaining is None:
        return None
    remaining = amount - (present.amount - present.remaining)
    return replace(present, amount=amount, remaining=remaining).daily(now)


def _last(found: Iterable[_Tried]) -> _Tried | None:
    return max(found, key=lambda attempt: attempt.effect_at, default=None)


def _latest_by_type(found: Iterable[_Decided]) -> Mapping[ActionType, datetime]:
    latest: dict[ActionType, datetime] = {}
    for decided in found:
        at = latest.get(decided.type)
        latest[decided.type] = decided.at if at is None else max(at, decided.at)
    return latest
