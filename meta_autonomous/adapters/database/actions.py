"""Actions: one row per distinct action, its status moved by conditional updates only."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Row, insert, or_, select, update

from meta_autonomous.adapters.database import ledger, texts
from meta_autonomous.adapters.database.tables import accounts, optimization_actions
from meta_autonomous.adapters.database.unit import Unit
from meta_autonomous.domain.action import (
    SCALES,
    STATUS_TRANSITIONS,
    Action,
    ActionStatus,
    ActionType,
    BudgetLeg,
)
from meta_autonomous.domain.entities import Ad, AdSet, Level, Status
from meta_autonomous.domain.intent import Change, ChangedField
from meta_autonomous.domain.quantities import Currency, Money
from meta_autonomous.domain.verdict import Effect, Verdict
from meta_autonomous.ports import WORKER, ActionRecord, Json, LedgerEvent, NewAction, NotFound

#: An approval that no process works any more, because it died: not offered for ever.
FORGOTTEN_AFTER: Final = timedelta(hours=1)
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


# --- writing decisions --------------------------------------------------------------------------


@dataclass(slots=True)
class _Known:
    """Rows of an account that a decision may be again, or may replace."""

    currency: str = ""
    pending: dict[int, tuple[str, ...]] = field(default_factory=dict)  # id -> entity ids
    same: dict[tuple[str, str], int] = field(default_factory=dict)  # status, identity -> id
    latest_blocker: dict[str, str] = field(default_factory=dict)  # entities and type -> rule


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
        _see_again(unit, same, decision, tick_id=tick_id, at=at)
        action_id = same
    else:
        row = _new_row(account_id, decision, known.currency, tick_id=tick_id, at=at)
        row |= {"platform": unit.platform, "identity": identity, "blocked_by": blocker}
        result = unit.connection.execute(insert(_table).values(row))
        action_id = int(result.inserted_primary_key[0])  # type: ignore[index]
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
        events.extend(_supersede(unit, others, by=action_id, at=at, tick_id=tick_id))
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
    account_id: str, decision: NewAction, account_currency: str, *, tick_id: str, at: datetime
) -> dict[str, Any]:
    action = decision.action
    entity = action.entity
    is_decided = decision.status is ActionStatus.APPROVED
    current = action.current_budget
    return {
        "account_id": account_id,
        "created_at": at,
        "created_by": decision.created_by,
        "status": decision.status,
        "action_type": action.type,
        "level": entity.level,
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
        "decided_at": at if is_decided else None,
        "decided_by": decision.created_by if is_decided else None,
        "undoes": decision.undoes,
        "message": "",
        "expires_at": decision.expires_at,
        **_size(decision),
        **_evidence(decision, tick_id=tick_id, at=at),
    }


def _size(decision: NewAction) -> dict[str, Any]:
    action = decision.action
    proposed = action.proposed_budget
    return {
        "amount_usd": decision.amount_usd,
        "budget_after_minor": proposed.minor if proposed else None,
        "change_pct": action.change_pct,
        "legs": texts.canonical([_leg_json(leg) for leg in action.legs]),
        "is_urgent": decision.is_urgent,
    }


def _see_again(
    unit: Unit, action_id: int, decision: NewAction, *, tick_id: str, at: datetime
) -> None:
    """Refresh what the decision rests on. What a person was offered stays: amount and expiry."""
    values = _evidence(decision, tick_id=tick_id, at=at)
    if decision.status in _HOLDS_BACK:
        values |= _size(decision)
    unit.connection.execute(
        update(_table)
        .where(
            _table.c.platform == unit.platform,
            _table.c.id == action_id,
            _table.c.status.in_((ActionStatus.SUGGESTED, *_HOLDS_BACK)),
        )
        .values(values)
    )


def _evidence(decision: NewAction, *, tick_id: str, at: datetime) -> dict[str, Any]:
    action = decision.action
    return {
        "last_seen_at": at,
        "reason": texts.clean(decision.reason),
        "roas_value": action.roas,
        "expected_roas": action.expected_roas,
        "confidence": action.confidence,
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


# --- moving -------------------------------------------------------------------------------------


def move(
    unit: Unit,
    action_id: int,
    *,
    expected: Sequence[ActionStatus],
    to: ActionStatus,
    at: datetime,
    who: str,
    event: str | None,
    message: str = "",
    before: Json | None = None,
    after: Json | None = None,
    tick_id: str | None = None,
) -> bool:
    """Conditional update; see `ports.Store.move`."""
    legal = [status for status in expected if to in STATUS_TRANSITIONS[status]]
    if not legal:
        raise ValueError(f"no action goes from {', '.join(expected) or 'nowhere'} to {to}")
    query = select(_table.c.status, _table.c.entity_id, _table.c.reason, _table.c.tick_id).where(
        _table.c.platform == unit.platform, _table.c.id == action_id
    )
    found = unit.connection.execute(query.with_for_update()).one_or_none()
    if found is None or found.status not in legal:
        return False
    values: dict[str, Any] = {"status": to}
    if message:
        values["message"] = texts.clean(message)
    if to in (ActionStatus.APPROVED, ActionStatus.REJECTED):
        values |= {"decided_at": at, "decided_by": who}
    elif to is ActionStatus.SUGGESTED:
        values |= {"decided_at": None, "decided_by": None}
    elif to is ActionStatus.EXECUTED:
        values["executed_at"] = at
    changed = unit.connection.execute(
        update(_table)
        .where(
            _table.c.platform == unit.platform,
            _table.c.id == action_id,
            _table.c.status == found.status,
        )
        .values(values)
    )
    if changed.rowcount != 1:
        return False
    if event is not None:
        ledger.append(
            unit,
            LedgerEvent(
                event=event,
                who=who,
                at=at,
                entity_id=found.entity_id,
                action_id=action_id,
                tick_id=tick_id or found.tick_id,
                why=message or found.reason,
                before=before if before is not None else {"action": found.status},
                after=after if after is not None else {"action": to},
            ),
        )
    return True


def _supersede(
    unit: Unit, pending: Mapping[int, str], *, by: int, at: datetime, tick_id: str | None = None
) -> Iterable[LedgerEvent]:
    """Close pending suggestions (id -> entity id); an event for each that was still pending."""
    for action_id, entity_id in pending.items():
        changed = unit.connection.execute(
            update(_table)
            .where(
                _table.c.platform == unit.platform,
                _table.c.id == action_id,
                _table.c.status == ActionStatus.SUGGESTED,
            )
            .values(status=ActionStatus.SUPERSEDED, message=f"superseded by {by}")
        )
        if changed.rowcount == 1:
            yield LedgerEvent(
                event="optimization_superseded",
                who=WORKER,
                at=at,
                entity_id=entity_id,
                action_id=action_id,
                tick_id=tick_id,
                why=f"superseded by {by}",
                before={"action": ActionStatus.SUGGESTED},
                after={"action": ActionStatus.SUPERSEDED},
            )


def supersede_others(unit: Unit, entity_ids: Sequence[str], *, keep: int, at: datetime) -> None:
    touched = set(entity_ids)
    query = select(_table.c.id, _table.c.entity_id, _table.c.entity_ids).where(
        _table.c.platform == unit.platform,
        _table.c.status == ActionStatus.SUGGESTED,
        _table.c.id != keep,
    )
    others = {
        row.id: row.entity_id
        for row in unit.connection.execute(query).all()
        if touched.intersection(texts.parsed(row.entity_ids))
    }
    ledger.append(unit, *_supersede(unit, others, by=keep, at=at))


def note_size(unit: Unit, action_id: int, change: Change) -> None:
    """A person may approve less than was proposed: the row says what is really sent. A lifetime
    budget's amount is not its budget per day, and stays."""
    if change.field is not ChangedField.DAILY_BUDGET:
        return
    row = unit.connection.execute(
        select(_table).where(_table.c.platform == unit.platform, _table.c.id == action_id)
    ).one()
    before, planned, sent = row.budget_before_minor, row.budget_after_minor, int(change.new)
    if row.action_type not in SCALES or planned in (before, sent) or int(change.old) != before:
        return
    share = Decimal(sent - before) / Decimal(planned - before)
    (leg,) = texts.parsed(row.legs)
    leg |= {"proposed_minor": sent, "proposed_budget": _budget(sent, row.currency)}
    unit.connection.execute(
        update(_table)
        .where(_table.c.platform == unit.platform, _table.c.id == action_id)
        .values(
            budget_after_minor=sent,
            amount_usd=None if row.amount_usd is None else row.amount_usd * share,
            change_pct=Decimal(sent - before) / Decimal(before) if before else None,
            legs=texts.canonical([leg]),
        )
    )


def expire(unit: Unit, *, now: datetime) -> int:
    """Close suggestions past their end, and approvals that no process works any more."""
    query = select(_table.c.id, _table.c.status).where(
        _table.c.platform == unit.platform,
        or_(
            _table.c.status.in_((ActionStatus.SUGGESTED, ActionStatus.APPROVED))
            & (_table.c.expires_at <= now),
            (_table.c.status == ActionStatus.APPROVED)
            & _table.c.expires_at.is_(None)
            & (_table.c.decided_at <= now - FORGOTTEN_AFTER),
        ),
    )
    count = 0
    for row in unit.connection.execute(query).all():
        count += move(
            unit,
            row.id,
            expected=(ActionStatus(row.status),),
            to=ActionStatus.EXPIRED,
            at=now,
            who=WORKER,
            event="optimization_expired",
            message="nobody decided in time"
            if row.status == ActionStatus.SUGGESTED
            else "approved, but never sent",
        )
    return count


# --- reading ------------------------------------------------------------------------------------


def one(unit: Unit, action_id: int) -> ActionRecord:
    query = select(_table).where(_table.c.platform == unit.platform, _table.c.id == action_id)
    row = unit.connection.execute(query).one_or_none() if _is_row_id(action_id) else None
    if row is None:
        raise NotFound(
            f"there is no action {action_id}", remedy="`meta-auto actions list` shows them"
        )
    return _to_record(row)


def _is_row_id(number: int) -> bool:
    return 0 < number < 2**63


def listed(
    unit: Unit,
    *,
    statuses: Sequence[ActionStatus] | None,
    entity_id: str | None,
    since: datetime | None,
    tick_id: str | None,
    account_id: str | None = None,
) -> tuple[ActionRecord, ...]:
    """Newest first."""
    query = select(_table).where(_table.c.platform == unit.platform)
    if statuses is not None:
        query = query.where(_table.c.status.in_(statuses))
    if account_id is not None:
        query = query.where(_table.c.account_id == account_id)
    if entity_id is not None:
        query = query.where(
            or_(
                _table.c.entity_id == entity_id,
                _table.c.entity_ids.contains(texts.canonical(entity_id), autoescape=True),
            )
        )
    if since is not None:
        query = query.where(or_(_table.c.last_seen_at >= since, _table.c.executed_at >= since))
    if tick_id is not None:
        query = query.where(_table.c.tick_id == tick_id)
    rows = unit.connection.execute(query.order_by(_table.c.created_at.desc(), _table.c.id.desc()))
    return tuple(_to_record(row) for row in rows)


def _to_record(row: Row[Any]) -> ActionRecord:
    return ActionRecord(
        id=row.id,
        status=ActionStatus(row.status),
        type=ActionType(row.action_type),
        level=Level(row.level),
        entity_id=row.entity_id,
        entity_name=row.entity_name,
        campaign_id=row.campaign_id,
        ad_id=row.ad_id,
        account_id=row.account_id,
        currency=row.currency,
        current_budget=_budget(row.budget_before_minor, row.currency),
        proposed_budget=_budget(row.budget_after_minor, row.currency),
        change_pct=row.change_pct,
        amount_usd=row.amount_usd,
        roas=row.roas_value,
        expected_roas=row.expected_roas,
        confidence=row.confidence,
        reason=row.reason,
        is_urgent=row.is_urgent,
        is_hard_stop=row.is_hard_stop,
        route=row.route,
        legs=tuple(texts.parsed(row.legs)),
        verdicts=tuple(texts.parsed(row.verdicts)),
        evidence=texts.parsed(row.evidence),
        created_at=row.created_at,
        last_seen_at=row.last_seen_at,
        expires_at=row.expires_at,
        decided_at=row.decided_at,
        decided_by=row.decided_by,
        executed_at=row.executed_at,
        tick_id=row.tick_id,
        undoes=row.undoes,
        message=row.message,
    )


def _budget(minor: int | None, currency: str) -> str | None:
    return None if minor is None else Money(minor, Currency(currency)).plain()


def reserved_usd(unit: Unit, *, besides: int | None = None) -> dict[str, Decimal]:
    """Extra USD per day of every open increase, by entity. A reallocation adds nothing."""
    query = select(_table.c.id, _table.c.entity_id, _table.c.amount_usd).where(
        _table.c.platform == unit.platform,
        _table.c.status.in_(
            (ActionStatus.APPROVED, ActionStatus.EXECUTING, ActionStatus.IN_DOUBT)
        ),
        _table.c.amount_usd > Decimal(0),
        _table.c.action_type != ActionType.REALLOCATE,
    )
    reserved: dict[str, Decimal] = {}
    for row in unit.connection.execute(query):
        if row.id != besides:
            reserved[row.entity_id] = reserved.get(row.entity_id, Decimal(0)) + row.amount_usd
    return reserved
