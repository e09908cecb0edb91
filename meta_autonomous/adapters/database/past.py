"""What is on record of an account's entities: a few queries, each by account and by time."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import or_, select, union

from meta_autonomous.adapters.database import observations, texts
from meta_autonomous.adapters.database.tables import (
    OPEN_ATTEMPTS,
    activities,
    attempts,
    entity_traces,
    optimization_actions,
)
from meta_autonomous.adapters.database.turns import DAY, Decided, Tried, Turn
from meta_autonomous.adapters.database.unit import Unit
from meta_autonomous.decision.context import AutomaticPause, PendingSuggestion
from meta_autonomous.domain.action import ActionStatus, ActionType
from meta_autonomous.domain.entities import AccountSnapshot, Level
from meta_autonomous.domain.intent import AttemptState
from meta_autonomous.domain.quantities import Currency, Money
from meta_autonomous.ports.words import WORKER

_OVERRIDE: Final = timedelta(days=7)  # a person's word against ours counts that long
_PAST: Final = timedelta(days=30)  # what we executed, for any cooldown that is asked for
_HOUR: Final = timedelta(hours=1)


def is_account_known(account: Any, snapshot: AccountSnapshot, *, now: datetime) -> bool:
    """Whether reads without a gap, or Meta's log, tell of the last 24 hours."""
    if snapshot.activities is not None:
        return True
    return (
        account is not None
        and account.observed_at is not None
        and now - account.observed_at <= observations.GAP
        and account.known_since <= now - DAY
    )


def rows_of(unit: Unit, account_id: str, *, now: datetime) -> Mapping[str, Sequence[Any]]:
    """Each entity's states in force in the last days, oldest first."""
    found: dict[str, list[Any]] = defaultdict(list)
    for row in observations.latest_entities(unit, account_id, since=now - _OVERRIDE):
        found[row.entity_id].append(row)
    return found


def attempts_of(unit: Unit, account_id: str, *, now: datetime) -> Mapping[str, Sequence[Tried]]:
    table, action = attempts, optimization_actions
    # Each half has an index of its own; of an OR of both, years of attempts would be read. What is
    # open is so little that the other accounts' may come along: nobody asks for their entities.
    recent = select(table.c.id).where(
        table.c.platform == unit.platform,
        table.c.account_id == account_id,
        table.c.effect_at >= now - _PAST,
    )
    is_open = select(table.c.id).where(table.c.platform == unit.platform, OPEN_ATTEMPTS)
    query = (
        select(
            table.c.entity_id,
            table.c.field,
            table.c.old,
            table.c.new,
            table.c.state,
            table.c.intended_at,
            table.c.effect_at,
            table.c.blocked_until,
            action.c.action_type,
            action.c.last_seen_at,
            action.c.undoes,
        )
        .join(action, action.c.id == table.c.action_id)
        .where(table.c.id.in_(union(recent, is_open)))
        .order_by(table.c.id)
    )
    found: dict[str, list[Tried]] = defaultdict(list)
    for (
        entity_id,
        name,
        old,
        new,
        state,
        intended,
        effect,
        blocked_until,
        kind,
        seen,
        undoes,
    ) in unit.connection.execute(query):
        found[entity_id].append(
            Tried(
                field=name,
                old=old,
                new=new,
                state=AttemptState(state),
                intended_at=intended,
                effect_at=effect,
                blocked_until=blocked_until,
                type=ActionType(kind),
                decided_at=seen,
                is_undo=undoes is not None,
            )
        )
    return found


def activities_of(
    unit: Unit, snapshot: AccountSnapshot, *, now: datetime
) -> Mapping[str, Sequence[tuple[Turn, str | None]]]:
    """Changes by Meta's log, with the application that made them; what this read brought too."""
    table = activities
    query = select(table).where(
        table.c.platform == unit.platform,
        table.c.account_id == snapshot.account.id,
        table.c.at >= now - _OVERRIDE,
    )
    lines: dict[tuple[Any, ...], Any] = {
        observations.line_of_log(row): row
        for row in unit.connection.execute(query.order_by(table.c.at))
    }
    for activity in reversed(snapshot.activities or ()):
        lines[observations.line_of_log(activity)] = activity
    found: dict[str, list[tuple[Turn, str | None]]] = defaultdict(list)
    for (object_id, at, event_type, *_), line in sorted(
        lines.items(), key=lambda item: item[0][1]
    ):
        name = _field_of(event_type)
        if name is not None and at >= now - _OVERRIDE:
            words = f"{name} {line.old or 'unknown'} → {line.new or 'unknown'}"
            turn = Turn(name, line.old, line.new, words, after=at, at=at)
            found[object_id].append((turn, line.application_id))
    return found


def _field_of(event_type: str) -> str | None:
    """Which field an activity changed; None for what restarts no cooldown."""
    if "budget" in event_type:
        return "budget"
    if "run_status" in event_type:
        return "status"
    return "bid" if "_bid" in event_type else None


def decided_of(unit: Unit, account_id: str, *, now: datetime) -> Mapping[str, Sequence[Decided]]:
    """What persons took back or rejected."""
    table = optimization_actions
    undo = table.alias("undo")
    columns = (table.c.entity_ids, table.c.action_type)
    found: dict[str, list[Decided]] = defaultdict(list)
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
            found[entity_id].append(Decided(ActionType(kind), at, is_reversal=False))
    for ids, kind, asked_at, done_at in unit.connection.execute(reversals):
        for entity_id in texts.parsed(ids):
            decided = Decided(ActionType(kind), done_at or asked_at, is_reversal=True)
            found[entity_id].append(decided)
    return found


def pending_of(unit: Unit, account_id: str, *, now: datetime) -> Mapping[str, PendingSuggestion]:
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


def evaluated_of(unit: Unit, account_id: str) -> Mapping[str, datetime]:
    table = entity_traces
    query = select(table.c.entity_id, table.c.evaluated_at).where(
        table.c.platform == unit.platform,
        table.c.account_id == account_id,
        table.c.level == Level.CAMPAIGN,
        table.c.evaluated_at.is_not(None),
    )
    return {row.entity_id: row.evaluated_at for row in unit.connection.execute(query)}


def automatic_pauses(unit: Unit, account_id: str, *, now: datetime) -> tuple[AutomaticPause, ...]:
    """Pauses that nobody was asked about, executed or under way."""
    table = optimization_actions
    rows = unit.connection.execute(
        select(table)
        .where(
            table.c.platform == unit.platform,
            table.c.account_id == account_id,
            table.c.action_type == ActionType.PAUSE,
            table.c.decided_by == WORKER,
            table.c.decided_at >= now - DAY - _HOUR,
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
    return tuple(pause for pause in pauses if pause.at >= now - DAY)
