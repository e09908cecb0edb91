"""Decisions as rows: one per distinct action, and an event when what is said of it changes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import select

from meta_autonomous.adapters.database import ledger, texts
from meta_autonomous.adapters.database.actions import supersede
from meta_autonomous.adapters.database.tables import accounts, optimization_actions
from meta_autonomous.adapters.database.unit import Unit
from meta_autonomous.domain.action import Action, ActionStatus, ActionType, BudgetLeg
from meta_autonomous.domain.entities import Ad, AdSet, Status
from meta_autonomous.domain.verdict import Effect, Verdict
from meta_autonomous.ports.records import LedgerEvent, NewAction

#: What was blocked and not seen for so long is another action when it comes again.
SAME_WITHIN: Final = timedelta(days=30)

_table = optimization_actions
_EVENTS: Final[Mapping[ActionStatus, str]] = {
    ActionStatus.SUGGESTED: "optimization_suggested",
    ActionStatus.BLOCKED: "optimization_blocked",
    ActionStatus.APPROVED: "optimization_approved",
}
_HOLDS_BACK: Final[Mapping[ActionStatus, Effect]] = {
    ActionStatus.BLOCKED: Effect.BLOCKS,
    ActionStatus.DEFERRED: Effect.DEFERS,
}


@dataclass(slots=True)
class _Known:
    """Rows of an account that a decision may be again, or may replace."""

    currency: str = ""
    pending: dict[int, tuple[str, ...]] = field(default_factory=dict)  # id -> entity ids
    same: dict[tuple[str, str], int] = field(default_factory=dict)  # status, identity -> id
    latest_blocker: dict[str, str] = field(default_factory=dict)  # entities and type -> rule
    pending_again: list[tuple[dict[str, Any], int]] = field(default_factory=list)
    held_again: list[tuple[dict[str, Any], int]] = field(default_factory=list)


def record(
    unit: Unit, account_id: str, decisions: Sequence[NewAction], *, tick_id: str, at: datetime
) -> tuple[int, ...]:
    """Write decisions; see `ports.Store.record_decisions`. Ids in the order given."""
    if not decisions:
        return ()
    known = _load_known(unit, account_id, at=at)
    events: list[LedgerEvent] = []
    ids = [
        _record_one(unit, known, account_id, decision, tick_id=tick_id, at=at, events=events)
        for decision in decisions
    ]
    _refresh(unit, known.pending_again)
    _refresh(unit, known.held_again)
    ledger.append(unit, *events)
    return tuple(ids)


def _load_known(unit: Unit, account_id: str, *, at: datetime) -> _Known:
    known = _Known(currency=_account_currency(unit, account_id))
    waiting = select(_table.c.id, _table.c.entity_ids, _table.c.identity).where(
        _table.c.platform == unit.platform,
        _table.c.account_id == account_id,
        _table.c.status == ActionStatus.SUGGESTED,
    )
    for row in unit.connection.execute(waiting):
        known.pending[row.id] = tuple(texts.parsed(row.entity_ids))
        known.same[ActionStatus.SUGGESTED, row.identity] = row.id
    held = (
        select(
            _table.c.id,
            _table.c.status,
            _table.c.identity,
            _table.c.entity_ids,
            _table.c.action_type,
            _table.c.blocked_by,
        )
        .where(
            _table.c.platform == unit.platform,
            _table.c.account_id == account_id,
            _table.c.status.in_(tuple(_HOLDS_BACK)),
            _table.c.last_seen_at >= at - SAME_WITHIN,
        )
        .order_by(_table.c.last_seen_at, _table.c.id)
    )
    for before in unit.connection.execute(held):
        known.same[before.status, before.identity] = before.id
        known.latest_blocker[f"{before.entity_ids} {before.action_type}"] = before.blocked_by or ""
    return known


def _record_one(
    unit: Unit,
    known: _Known,
    account_id: str,
    decision: NewAction,
    *,
    tick_id: str,
    at: datetime,
    events: list[LedgerEvent],
) -> int:
    blocker = _blocker(decision)
    identity = _identity(decision, blocker)
    same = decision.unchanged_id or known.same.get((decision.status, identity))
    if same is not None:
        _see_again(unit, known, same, decision, tick_id=tick_id, at=at)
        action_id = same
    else:
        row = _new_row(unit, account_id, decision, known.currency, tick_id=tick_id, at=at)
        row |= {"identity": identity, "blocked_by": blocker}
        action_id = unit.insert_one(_table, row)
    entities = texts.canonical(decision.action.entity_ids)
    lane = f"{entities} {decision.action.type}"
    changed = same is None or (
        decision.status in _HOLDS_BACK and known.latest_blocker.get(lane) != (blocker or "")
    )
    if decision.status in _HOLDS_BACK:
        known.latest_blocker[lane] = blocker or ""
        known.same[decision.status, identity] = action_id
    if changed and decision.status in _EVENTS:
        events.append(_told(decision, action_id, blocker, tick_id=tick_id, at=at))
    if same is None and decision.status is ActionStatus.SUGGESTED:
        touched = set(decision.action.entity_ids)
        others = {key: ids[0] for key, ids in known.pending.items() if touched.intersection(ids)}
        for other in others:
            del known.pending[other]
        events.extend(supersede(unit, others, by=action_id, at=at, tick_id=tick_id))
        known.pending[action_id] = decision.action.entity_ids
        known.same[decision.status, identity] = action_id
    return action_id


def _blocker(decision: NewAction) -> str | None:
    effect = _HOLDS_BACK.get(decision.status)
    if effect is None:
        return None
    return next((verdict.rule for verdict in decision.verdicts if verdict.effect is effect), None)


def _identity(decision: NewAction, blocker: str | None) -> str:
    """Equal for the same distinct action, among those of one status. One that was approved is
    never seen again: the next time is another action."""
    action = decision.action
    parts: dict[str, Any] = {
        "type": action.type,
        "entities": action.entity_ids,
        "base": [leg.current.minor for leg in action.legs],
    }
    if decision.status in _HOLDS_BACK:
        parts["rule"] = blocker or decision.reason
    else:
        parts["to"] = [leg.proposed.minor for leg in action.legs]
    return texts.canonical(parts)


def _new_row(
    unit: Unit,
    account_id: str,
    decision: NewAction,
    account_currency: str,
    *,
    tick_id: str,
    at: datetime,
) -> dict[str, Any]:
    """A row of driver values."""
    action = decision.action
    entity = action.entity
    is_decided = decision.status is ActionStatus.APPROVED
    current = action.current_budget
    return {
        "account_id": account_id,
        "created_at": unit.at(at),
        "created_by": decision.created_by,
        "status": decision.status.value,
        "action_type": action.type.value,
        "level": entity.level.value,
        "entity_id": entity.id,
        "entity_name": texts.clean(entity.name),
        "entity_ids": texts.canonical(action.entity_ids),
        "campaign_id": entity.campaign_id,
        "adset_id": _adset_id(action),
        "ad_id": entity.id if isinstance(entity, Ad) else None,
        "guard_rails_passed": decision.status is not ActionStatus.BLOCKED,
        "currency": current.currency.code if current else account_currency,
        "budget_before_minor": current.minor if current else None,
        "route": decision.route,
        "is_hard_stop": action.is_hard_stop,
        "decided_at": unit.at(at) if is_decided else None,
        "decided_by": decision.created_by if is_decided else None,
        "undoes": decision.undoes,
        "message": "",
        "expires_at": unit.at(decision.expires_at) if decision.expires_at else None,
        **_size(unit, decision),
        **_evidence(unit, decision, tick_id=tick_id, at=at),
    }


def _size(unit: Unit, decision: NewAction) -> dict[str, Any]:
    action = decision.action
    proposed = action.proposed_budget
    return {
        "amount_usd": unit.number(decision.amount_usd),
        "budget_after_minor": proposed.minor if proposed else None,
        "change_pct": unit.number(action.change_pct),
        "legs": texts.canonical([_leg_json(leg) for leg in action.legs]),
        "is_urgent": decision.is_urgent,
    }


def _see_again(
    unit: Unit, known: _Known, action_id: int, decision: NewAction, *, tick_id: str, at: datetime
) -> None:
    """Refresh what the decision rests on. What a person was offered stays: amount and expiry; and
    what was decided meanwhile stays as it was decided."""
    values = _evidence(unit, decision, tick_id=tick_id, at=at)
    if decision.status in _HOLDS_BACK:
        values |= _size(unit, decision)
        known.held_again.append((values, action_id))
    elif action_id in known.pending:
        known.pending_again.append((values, action_id))


def _refresh(unit: Unit, again: Sequence[tuple[dict[str, Any], int]]) -> None:
    if again:
        rows = [(*values.values(), action_id) for values, action_id in again]
        unit.update_many(_table, tuple(again[0][0]), ("id",), rows)


def _evidence(unit: Unit, decision: NewAction, *, tick_id: str, at: datetime) -> dict[str, Any]:
    action = decision.action
    return {
        "last_seen_at": unit.at(at),
        "reason": texts.clean(decision.reason),
        "roas_value": unit.number(action.roas),
        "expected_roas": unit.number(action.expected_roas),
        "confidence": unit.number(action.confidence),
        "verdicts": texts.canonical([verdict_json(verdict) for verdict in decision.verdicts]),
        "evidence": texts.canonical(decision.evidence),
        "tick_id": tick_id,
    }


def _adset_id(action: Action) -> str | None:
    match action.entity:
        case Ad(of_adset=adset_id):
            return adset_id
        case AdSet(id=adset_id):
            return adset_id
        case _:
            return None


def _account_currency(unit: Unit, account_id: str) -> str:
    query = select(accounts.c.currency).where(
        accounts.c.platform == unit.platform, accounts.c.account_id == account_id
    )
    return unit.connection.execute(query).scalar_one_or_none() or ""


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    """A verdict as the contract's JSON spells it."""
    said = {
        "rule": verdict.rule,
        "outcome": verdict.ruling,
        "observed": verdict.observed,
        "limit": verdict.limit,
        "message": verdict.message,
    }
    return said if verdict.eligible_at is None else said | {"eligible_at": verdict.eligible_at}


def _leg_json(leg: BudgetLeg) -> dict[str, Any]:
    return {
        "entity_id": leg.entity.id,
        "entity_name": leg.entity.name,
        "level": leg.entity.level,
        "current_budget": leg.current.plain(),
        "proposed_budget": leg.proposed.plain(),
        "current_minor": leg.current.minor,
        "proposed_minor": leg.proposed.minor,
        "currency": leg.current.currency.code,
    }


def _told(
    decision: NewAction, action_id: int, blocker: str | None, *, tick_id: str, at: datetime
) -> LedgerEvent:
    action = decision.action
    before, after = _change(action)
    after |= {
        "type": action.type,
        "route": decision.route,
        "roas": action.roas,
        "confidence": action.confidence,
        "rule": blocker,
        "undoes": decision.undoes,
    }
    return LedgerEvent(
        event=_EVENTS[decision.status],
        who=decision.created_by,
        at=at,
        entity_id=action.entity.id,
        action_id=action_id,
        tick_id=tick_id,
        why=decision.reason,
        before=before,
        after={key: value for key, value in after.items() if value is not None},
    )


def _change(action: Action) -> tuple[dict[str, Any], dict[str, Any]]:
    if action.type is ActionType.REALLOCATE:
        return (
            {"budgets": {leg.entity.id: str(leg.current) for leg in action.legs}},
            {"budgets": {leg.entity.id: str(leg.proposed) for leg in action.legs}},
        )
    if action.legs:
        leg = action.legs[0]
        return {"budget": str(leg.current)}, {"budget": str(leg.proposed)}
    return {"status": action.entity.status}, {"status": action.new_status or Status.ACTIVE}
