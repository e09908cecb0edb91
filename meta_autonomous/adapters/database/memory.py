"""What our own records say of an account's entities: who changed what, and when.

`past` looks it up, account by account; here it is joined, entity by entity.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Final

from meta_autonomous.adapters.database import accounts, creatives, past
from meta_autonomous.adapters.database.turns import (
    DAY,
    Decided,
    State,
    Tried,
    Turn,
    amounts_of,
    at_logged_time,
    direction,
    explains,
    explains_roughly,
    is_same_field,
    last_of,
    latest_by_type,
    per_day,
    takes_back,
)
from meta_autonomous.adapters.database.unit import Unit
from meta_autonomous.decision.context import EntityMemory, Memory, PendingSuggestion
from meta_autonomous.domain.action import ActionType
from meta_autonomous.domain.entities import AccountSnapshot, Ad, BudgetKind, Entity, Status
from meta_autonomous.domain.intent import AttemptState, ChangedField
from meta_autonomous.domain.quantities import Money

_PAUSED: Final = timedelta(days=14)
_HOUR: Final = timedelta(hours=1)
_BUDGETS: Final = {
    BudgetKind.DAILY: ChangedField.DAILY_BUDGET,
    BudgetKind.LIFETIME: ChangedField.LIFETIME_BUDGET,
}


def build(
    unit: Unit, snapshot: AccountSnapshot, *, now: datetime, our_application_id: str | None
) -> Memory:
    """See `ports.Store.memory`."""
    account_id = snapshot.account.id
    account = accounts.row_of(unit, account_id)
    approved, rejected = creatives.decided(unit, account_id)
    known = _Past(
        snapshot=snapshot,
        now=now,
        our_application_id=our_application_id,
        is_account_known=past.is_account_known(account, snapshot, now=now),
        known_since=account.known_since if account is not None else None,
        last_read_at=account.observed_at if account is not None else None,
        rows=past.rows_of(unit, account_id, now=now),
        attempts=past.attempts_of(unit, account_id, now=now),
        activities=past.activities_of(unit, snapshot, now=now),
        decided=past.decided_of(unit, account_id, now=now),
        pending=past.pending_of(unit, account_id, now=now),
        evaluated=past.evaluated_of(unit, account_id),
    )
    return Memory(
        entities={entity.id: known.of(entity) for entity in snapshot.entities()},
        approved_creatives=approved,
        rejected_creatives=rejected,
        automatic_pauses=past.automatic_pauses(unit, account_id, now=now),
        last_budgets={
            holder_id: Money(rows[-1].budget_minor, snapshot.account.currency)
            for holder_id in snapshot.unread
            if (rows := known.rows.get(holder_id)) and rows[-1].budget_kind == BudgetKind.DAILY
        },
    )


# --- joined by entity ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Past:
    """All that was looked up, by entity id."""

    snapshot: AccountSnapshot
    now: datetime
    our_application_id: str | None
    is_account_known: bool
    known_since: datetime | None
    last_read_at: datetime | None
    rows: Mapping[str, Sequence[Any]]
    attempts: Mapping[str, Sequence[Tried]]
    activities: Mapping[str, Sequence[tuple[Turn, str | None]]]
    decided: Mapping[str, Sequence[Decided]]
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
        last = last_of(attempt for attempt in tried if attempt.is_applied)
        scale = last_of(
            attempt for attempt in tried if attempt.is_applied and attempt.field != "status"
        )
        pause = self._our_pause(entity, tried, foreign)
        latest = max(foreign, key=lambda turn: turn.at, default=None)
        return EntityMemory(
            last_executed_at=last.effect_at if last else None,
            foreign_change_at=latest.at if latest else None,
            foreign_change=latest.words if latest else None,
            budgets_24h=self._budgets(entity, rows, tried, log),
            budgets_known=is_known,
            last_direction=direction(scale) if scale else 0,
            last_direction_at=scale.effect_at if scale else None,
            reversed_at=self._reversed(key, tried, foreign),
            rejected_at=latest_by_type(
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
            budget_blocked_until=max(
                (
                    attempt.blocked_until
                    for attempt in tried
                    if attempt.blocked_until is not None and attempt.blocked_until > self.now
                ),
                default=None,
            ),
            budget_refused_at=self._budget_refused_at(entity, tried),
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
        if any(row.known_since <= self.now - DAY for row in rows):
            return True
        since = self.known_since
        return entity.created_at is not None and since is not None and entity.created_at >= since

    def _turns(self, entity: Entity, rows: Sequence[Any]) -> list[Turn]:
        """Changes from one state on record to the next, and from the last to the present."""
        if not rows:
            return []
        present = State.of(entity, self.snapshot.observed_at, self.last_read_at)
        if len(rows) == 1 and State.of_row(rows[0]).is_same(present):
            return []  # as nearly all are
        states = [*map(State.of_row, rows), present]
        turns: list[Turn] = []
        for before, after in pairwise(states):
            turns.extend(before.turns_to(after))
        return turns

    def _foreign(
        self,
        tried: Sequence[Tried],
        log: Sequence[tuple[Turn, str | None]],
        turns: Sequence[Turn],
    ) -> list[Turn]:
        """Changes that no attempt of ours explains."""
        foreign = [
            at_logged_time(turn, log)
            for turn in turns
            if not any(explains(attempt, turn) for attempt in tried)
        ]
        foreign += [
            turn
            for turn, application_id in log
            if not any(
                explains(attempt, turn)
                or (self._is_ours(application_id) and explains_roughly(attempt, turn))
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
        tried: Sequence[Tried],
        log: Sequence[tuple[Turn, str | None]],
    ) -> tuple[Money, ...]:
        """Budgets per day in force within the last 24 hours, the present one left out."""
        if entity.budget is None:
            return ()
        since = self.now - DAY
        amounts: set[tuple[str, int]] = {
            (row.budget_kind, row.budget_minor)
            for row, ended_at in zip(rows, self._ends(entity, rows, tried, log), strict=True)
            if row.budget_kind is not None
            and row.currency == entity.budget.amount.currency.code
            and (ended_at is None or ended_at > since)
        }
        for attempt in tried:
            if attempt.is_applied and attempt.effect_at > since:
                amounts |= amounts_of(attempt.field, attempt.old, attempt.new)
        for turn, _ in log:
            if turn.field == "budget" and turn.at > since:
                amounts |= amounts_of(_BUDGETS[entity.budget.kind], turn.old, turn.new)
        present = entity.budget.daily(self.now)
        daily = {per_day(entity.budget, kind, minor, self.now) for kind, minor in amounts}
        return tuple(
            sorted(
                (money for money in daily if money is not None and money != present),
                key=lambda money: money.minor,
            )
        )

    def _ends(
        self,
        entity: Entity,
        rows: Sequence[Any],
        tried: Sequence[Tried],
        log: Sequence[tuple[Turn, str | None]],
    ) -> list[datetime | None]:
        """Until when the budget of each row was in force; None: it is. That is known from our own
        attempt or Meta's log, else only that the next read found another one: after a gap it may
        have been over for long."""
        states = [*map(State.of_row, rows)]
        if states:
            states.append(State.of(entity, self.snapshot.observed_at, self.last_read_at))
        ends: list[datetime | None] = []
        for row, (before, after) in zip(rows, pairwise(states), strict=True):
            turn = next((one for one in before.turns_to(after) if one.field == "budget"), None)
            if turn is None:
                ends.append(row.replaced_at)
                continue
            ours = last_of(
                attempt
                for attempt in tried
                if attempt.is_applied and attempt.old == turn.old and explains(attempt, turn)
            )
            ends.append(ours.effect_at if ours else at_logged_time(turn, log).at)
        return ends

    def _budget_refused_at(self, entity: Entity, tried: Sequence[Tried]) -> datetime | None:
        """The last time that Meta refused a budget, if the entity still has the budget of then:
        where somebody has changed it, the refusal says nothing any more."""
        last = last_of(attempt for attempt in tried if attempt.field != ChangedField.STATUS)
        if last is None or not last.is_refused or entity.budget is None:
            return None
        return last.effect_at if last.old == str(entity.budget.amount.minor) else None

    def _our_pause(
        self, entity: Entity, tried: Sequence[Tried], foreign: Sequence[Turn]
    ) -> Tried | None:
        """The pause that still holds the entity, if it is ours and not a person's undo."""
        if entity.status != Status.PAUSED:
            return None
        last = last_of(
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
        self, key: str, tried: Sequence[Tried], foreign: Sequence[Turn]
    ) -> Mapping[ActionType, datetime]:
        """When a person last took back an action of each kind: by `undo`, or in Ads Manager."""
        found = dict(
            latest_by_type(decided for decided in self.decided.get(key, ()) if decided.is_reversal)
        )
        for turn in foreign:
            attempt = last_of(
                attempt
                for attempt in tried
                if attempt.is_applied
                and not attempt.is_undo
                and is_same_field(attempt.field, turn.field)
                and attempt.effect_at <= turn.at
            )
            if attempt is not None and takes_back(turn, attempt):
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
