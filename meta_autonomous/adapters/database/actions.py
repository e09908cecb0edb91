"""Actions: one row per distinct action, its status moved by conditional updates only."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Row, and_, func, or_, select, union_all, update

from meta_autonomous.adapters.database import ledger, texts
from meta_autonomous.adapters.database.tables import accounts, optimization_actions
from meta_autonomous.adapters.database.unit import Unit
from meta_autonomous.domain.action import (
    SCALES,
    STATUS_TRANSITIONS,
    ActionStatus,
    ActionType,
)
from meta_autonomous.domain.entities import Level
from meta_autonomous.domain.intent import Change, ChangedField
from meta_autonomous.domain.quantities import Currency, Money
from meta_autonomous.ports.errors import NotFound
from meta_autonomous.ports.records import ActionRecord, LedgerEvent
from meta_autonomous.ports.words import WORKER, Json

#: An approval that no process works any more, because it died: not offered for ever.
FORGOTTEN_AFTER: Final = timedelta(hours=1)

_table = optimization_actions
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


def supersede(
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
    ledger.append(unit, *supersede(unit, others, by=keep, at=at))


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
        _table.c.status.in_((ActionStatus.SUGGESTED, ActionStatus.APPROVED)),
        or_(
            _table.c.expires_at <= now,
            _table.c.expires_at.is_(None)
            & (_table.c.status == ActionStatus.APPROVED)
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
    """Extra USD per day of every increase that no read of its account has seen yet: open ones, and
    those executed since the account was last read. By entity; a reallocation adds nothing."""
    increases = select(_table.c.id, _table.c.entity_id, _table.c.amount_usd).where(
        _table.c.platform == unit.platform,
        _table.c.amount_usd > Decimal(0),
        _table.c.action_type != ActionType.REALLOCATE,
    )
    open_ones = increases.where(
        _table.c.status.in_((ActionStatus.APPROVED, ActionStatus.EXECUTING, ActionStatus.IN_DOUBT))
    )
    unseen = increases.join(
        accounts,
        and_(
            accounts.c.platform == _table.c.platform,
            accounts.c.account_id == _table.c.account_id,
        ),
    ).where(
        _table.c.status == ActionStatus.EXECUTED,
        _table.c.executed_at >= accounts.c.last_read_at,
        # The same bound once for all accounts, so that the index over it is taken: an action of
        # last year is no reason to read last year.
        _table.c.executed_at
        >= select(func.min(accounts.c.last_read_at))
        .where(accounts.c.platform == unit.platform)
        .scalar_subquery(),
    )
    # Each half has an index of its own; of an OR of both, years of actions would be read.
    query = union_all(open_ones, unseen)
    reserved: dict[str, Decimal] = {}
    for row in unit.connection.execute(query):
        if row.id != besides:
            reserved[row.entity_id] = reserved.get(row.entity_id, Decimal(0)) + row.amount_usd
    return reserved
