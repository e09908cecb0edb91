"""Attempts: the write-ahead records of what is asked of Meta, one open per entity at most."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Row, insert, select, update
from sqlalchemy.exc import IntegrityError

from meta_autonomous.adapters.database import accounts, actions, switches, texts
from meta_autonomous.adapters.database.tables import (
    OPEN_ATTEMPTS,
    attempts,
    optimization_actions,
)
from meta_autonomous.adapters.database.unit import Unit
from meta_autonomous.decision.money_at_commit import MoneyAtCommit
from meta_autonomous.domain.action import ActionStatus
from meta_autonomous.domain.entities import Level
from meta_autonomous.domain.intent import (
    FIRST_STATE,
    OPEN_STATES,
    Attempt,
    AttemptEvent,
    AttemptState,
    Change,
    ChangedField,
    next_state,
)
from meta_autonomous.ports.errors import NotFound, RefusedByGuard
from meta_autonomous.ports.records import ActionRecord
from meta_autonomous.ports.words import WORKER

_table = attempts
_actions = optimization_actions
#: A projection is of one day: what was read before then says nothing of this one.
_A_DAY: Final = timedelta(hours=24)
#: After these the request may have been under way until the answer came.
_ANSWERS: Final = frozenset(
    {AttemptEvent.ANSWERED_YES, AttemptEvent.ANSWERED_NO, AttemptEvent.NO_CLEAR_ANSWER}
)
_WITHOUT_EFFECT: Final = frozenset(
    {
        AttemptState.NOT_SENT,
        AttemptState.REFUSED,
        AttemptState.NOT_APPLIED,
        AttemptState.RESOLVED_NOT_APPLIED,
    }
)
_UNFINISHED: Final = (ActionStatus.APPROVED, ActionStatus.EXECUTING, ActionStatus.IN_DOUBT)


def commit_intent(
    unit: Unit,
    action_id: int,
    change: Change,
    *,
    at: datetime,
    who: str,
    money: MoneyAtCommit,
) -> Attempt:
    """See `ports.Store.commit_intent`. The caller's transaction is the whole of it."""
    query = select(_actions.c.status, _actions.c.expires_at).where(
        _actions.c.platform == unit.platform, _actions.c.id == action_id
    )
    found = unit.connection.execute(query.with_for_update()).one_or_none()
    if found is None:
        raise NotFound(f"there is no action {action_id}")
    _refuse_if_stopped(unit, who)
    _refuse_if_busy(unit, change.entity_id)
    earlier = of_action(unit, action_id)
    _refuse_if_sent(earlier, change.entity_id)
    match ActionStatus(found.status):
        case ActionStatus.APPROVED:
            if found.expires_at is not None and found.expires_at <= at:
                raise RefusedByGuard(f"action {action_id} has expired")
            if not _start(unit, action_id):
                raise RefusedByGuard(f"action {action_id} was just decided elsewhere")
        case ActionStatus.EXECUTING if earlier:
            pass  # the second leg of a reallocation
        case ActionStatus.EXECUTING:
            raise RefusedByGuard(f"action {action_id} is being executed elsewhere")
        case status:
            raise RefusedByGuard(f"action {action_id} is {status}, not approved")
    _refuse_if_over_cap(unit, action_id, money, at=at)
    actions.note_size(unit, action_id, change)
    return _insert(unit, action_id, change, at=at, who=who, extra_usd=money.extra_usd)


def _refuse_if_over_cap(unit: Unit, action_id: int, money: MoneyAtCommit, *, at: datetime) -> None:
    """The daily cap over all accounts and hosts. Nobody else books while this transaction lasts,
    so of two hosts the later one sees what the earlier one booked: as a grant until the account
    is read again, in that account's projection afterwards."""
    elsewhere = sum(actions.reserved_usd(unit, besides=action_id).values(), Decimal(0))
    on_record = accounts.projected_usd(unit, since=at - _A_DAY)
    over = money.why_over(elsewhere_usd=elsewhere, on_record_usd=on_record)
    if over is not None:
        raise RefusedByGuard(over)


def _refuse_if_stopped(unit: Unit, who: str) -> None:
    """`stop` ends what runs by itself; a person's approval and undo still work."""
    if who == WORKER and not switches.runtime(unit).is_started:
        raise RefusedByGuard("the system was stopped", remedy="`meta-auto start`")


def _refuse_if_busy(unit: Unit, entity_id: str) -> None:
    query = select(_table.c.id, _table.c.action_id).where(
        _table.c.platform == unit.platform,
        _table.c.entity_id == entity_id,
        OPEN_ATTEMPTS,
    )
    found = unit.connection.execute(query).first()
    if found is not None:
        raise RefusedByGuard(
            f"{entity_id} is in doubt: the outcome of action {found.action_id} is not known yet",
            remedy="the next tick reads it back; `meta-auto actions resolve` settles it by hand",
        )


def _start(unit: Unit, action_id: int) -> bool:
    started = unit.connection.execute(
        update(_actions)
        .where(
            _actions.c.platform == unit.platform,
            _actions.c.id == action_id,
            _actions.c.status == ActionStatus.APPROVED,
        )
        .values(status=ActionStatus.EXECUTING)
    )
    return started.rowcount == 1


def _refuse_if_sent(earlier: Sequence[Attempt], entity_id: str) -> None:
    """One intent is sent once, and the second of two only when the first is settled."""
    for attempt in earlier:
        took_effect = attempt.state not in _WITHOUT_EFFECT
        is_same = attempt.change.entity_id == entity_id
        if attempt.state in OPEN_STATES or (is_same and took_effect):
            raise RefusedByGuard(f"action {attempt.action_id} was sent already")


def _insert(
    unit: Unit, action_id: int, change: Change, *, at: datetime, who: str, extra_usd: Decimal
) -> Attempt:
    try:
        result = unit.connection.execute(
            insert(_table).values(
                platform=unit.platform,
                action_id=action_id,
                account_id=change.account_id,
                entity_id=change.entity_id,
                level=change.level,
                field=change.field,
                old=change.old,
                new=change.new,
                state=FIRST_STATE,
                intended_at=at,
                effect_at=at,
                updated_at=at,
                intended_by=who,
                extra_usd=extra_usd,
                unsettled_reads=0,
                detail="",
            )
        )
    except IntegrityError:
        raise RefusedByGuard(f"{change.entity_id} has another write under way") from None
    return Attempt(
        id=int(result.inserted_primary_key[0]),  # type: ignore[index]
        action_id=action_id,
        change=change,
        state=FIRST_STATE,
        intended_at=at,
        effect_at=at,
    )


def record_event(
    unit: Unit,
    attempt: Attempt,
    event: AttemptEvent,
    *,
    at: datetime,
    detail: str,
    blocked_until: datetime | None = None,
) -> Attempt:
    """Move an attempt from the state that the caller knows. Raises RefusedByGuard when another
    process moved it first, IllegalTransition for an event that can't happen in that state."""
    state = next_state(attempt.state, event)
    effect_at = max(attempt.effect_at, at) if event in _ANSWERS else attempt.effect_at
    changed = unit.connection.execute(
        update(_table)
        .where(
            _table.c.platform == unit.platform,
            _table.c.id == attempt.id,
            _table.c.state == attempt.state,
        )
        .values(
            state=state,
            effect_at=effect_at,
            updated_at=at,
            detail=texts.clean(detail),
            unsettled_reads=_table.c.unsettled_reads + int(event is AttemptEvent.UNREADABLE),
            blocked_until=blocked_until,
        )
    )
    if changed.rowcount != 1:
        raise RefusedByGuard(f"attempt {attempt.id} was settled by another process")
    return _by_id(unit, attempt.id)


def open_attempts(unit: Unit, account_id: str | None) -> tuple[Attempt, ...]:
    """Oldest first."""
    query = select(_table).where(_table.c.platform == unit.platform, OPEN_ATTEMPTS)
    # They are few. Asked for one account's, a database would go through all that it ever sent.
    return tuple(
        attempt
        for attempt in _all(unit, query)
        if account_id is None or attempt.change.account_id == account_id
    )


def of_action(unit: Unit, action_id: int) -> tuple[Attempt, ...]:
    """Every attempt of an action, oldest first."""
    query = select(_table).where(
        _table.c.platform == unit.platform, _table.c.action_id == action_id
    )
    return _all(unit, query)


def unfinished(unit: Unit, account_id: str | None) -> tuple[ActionRecord, ...]:
    """Actions under way: approved, executing or in doubt. Under the account's lock, whatever is
    approved, or has no open attempt, was left so by a process that died."""
    return actions.listed(
        unit,
        statuses=_UNFINISHED,
        entity_id=None,
        since=None,
        tick_id=None,
        account_id=account_id,
    )


def _by_id(unit: Unit, attempt_id: int) -> Attempt:
    query = select(_table).where(_table.c.platform == unit.platform, _table.c.id == attempt_id)
    return _to_attempt(unit.connection.execute(query).one())


def _all(unit: Unit, query: Any) -> tuple[Attempt, ...]:
    rows: Sequence[Row[Any]] = unit.connection.execute(query.order_by(_table.c.id)).all()
    return tuple(_to_attempt(row) for row in rows)


def _to_attempt(row: Row[Any]) -> Attempt:
    return Attempt(
        id=row.id,
        action_id=row.action_id,
        change=Change(
            account_id=row.account_id,
            entity_id=row.entity_id,
            level=Level(row.level),
            field=ChangedField(row.field),
            old=row.old,
            new=row.new,
        ),
        state=AttemptState(row.state),
        intended_at=row.intended_at,
        effect_at=row.effect_at,
        unsettled_reads=row.unsettled_reads,
    )
