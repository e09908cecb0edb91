"""Settling what an earlier run left open: by reading, never by sending again.

What may live here: what an action's attempts make of the action (`standing_of`), the writing down
of its end (`conclude`), the circuit that too much doubt opens, and the deed that every tick
begins with (`reconcile`). Nothing in this file asks Meta to change anything.
"""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from meta_autonomous.domain.action import ActionStatus, ActionType, Route
from meta_autonomous.domain.intent import OPEN_STATES, Attempt, AttemptEvent, AttemptState
from meta_autonomous.operations.read_back import Judgement, cannot_tell, judge, read_back
from meta_autonomous.operations.world import World
from meta_autonomous.ports.errors import AuthFailed, Gone, PlatformError, RefusedByGuard, Throttled
from meta_autonomous.ports.records import ActionRecord, AlertRecord
from meta_autonomous.ports.store import Store
from meta_autonomous.ports.words import WORKER, Json

logger = logging.getLogger("meta_auto.execute")

#: So many changes in doubt stop every further write: something is wrong with more than one answer.
IN_DOUBT_PER_TICK: Final = 2
IN_DOUBT_PER_ACCOUNT: Final = 3
#: How long people hear that somebody changed what we had just changed: as long as the cooldown.
OVERRIDE_IS_NEWS: Final = timedelta(hours=24)

#: States in which the change was made, whatever came after it.
TOOK_EFFECT: Final = frozenset(
    {AttemptState.CONFIRMED, AttemptState.APPLIED_OVERRIDDEN, AttemptState.RESOLVED_APPLIED}
)
_LEDGER_EVENTS: Final[Mapping[ActionStatus, str]] = {
    ActionStatus.EXECUTED: "optimization_executed",
    ActionStatus.FAILED: "optimization_failed",
    ActionStatus.IN_DOUBT: "optimization_in_doubt",
    ActionStatus.SUPERSEDED: "optimization_superseded",
    ActionStatus.EXPIRED: "optimization_expired",
    ActionStatus.UNDONE: "optimization_undone",
}


# --- what an action's attempts make of it -------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Standing:
    status: ActionStatus
    message: str


def standing_of(record: ActionRecord, attempts: Sequence[Attempt]) -> Standing:
    """Where an action stands that was begun and that nobody works at any more."""
    states = list({attempt.change.entity_id: attempt.state for attempt in attempts}.values())
    applied = [state for state in states if state in TOOK_EFFECT]
    if any(state in OPEN_STATES for state in states):
        return Standing(ActionStatus.IN_DOUBT, "In doubt: no reading has settled it yet.")
    if len(applied) == changes_in(record):
        return _EXECUTED_OVERRIDDEN if AttemptState.APPLIED_OVERRIDDEN in applied else EXECUTED
    if applied:
        return half_done(record, "The increase was not made.")
    return _WITHOUT_EFFECT[states[-1] if states else AttemptState.NOT_SENT]


EXECUTED: Final = Standing(ActionStatus.EXECUTED, "Executed and read back.")
_EXECUTED_OVERRIDDEN: Final = Standing(
    ActionStatus.EXECUTED, "It took effect, and someone changed it afterwards."
)
_NOT_APPLIED: Final = Standing(ActionStatus.FAILED, "Not applied; will be decided afresh.")
_WITHOUT_EFFECT: Final[Mapping[AttemptState, Standing]] = {
    AttemptState.NOT_SENT: Standing(
        ActionStatus.DEFERRED, "Nothing was sent; will be decided afresh."
    ),
    AttemptState.REFUSED: Standing(
        ActionStatus.FAILED, "Meta took nothing; will be decided afresh."
    ),
    AttemptState.NOT_APPLIED: _NOT_APPLIED,
    AttemptState.RESOLVED_NOT_APPLIED: _NOT_APPLIED,
}


def changes_in(record: ActionRecord) -> int:
    return 2 if record.type is ActionType.REALLOCATE else 1


def half_done(record: ActionRecord, why: str) -> Standing:
    """A reallocation of which only the decrease was made. It is never continued later: what
    justified the increase may not hold any more."""
    return Standing(
        ActionStatus.FAILED,
        f"{why} The decrease stands; `meta-auto actions undo {record.id}` takes it back.",
    )


def conclude(
    store: Store,
    record: ActionRecord,
    attempts: Sequence[Attempt],
    standing: Standing,
    *,
    expected: Sequence[ActionStatus],
    at: datetime,
    who: str,
) -> bool:
    """Write down where the action stands. False when it stands in no expected status any more.

    The action's own move comes last: until it is made, a crash leaves an unfinished action, and
    the next tick does all of this again.
    """
    applied = [attempt for attempt in attempts if attempt.state in TOOK_EFFECT]
    if applied:
        entity_ids = [attempt.change.entity_id for attempt in applied]
        store.supersede_others(entity_ids, keep=record.id, at=at)
    if standing.status is ActionStatus.EXECUTED and record.undoes is not None:
        _mark_undone(store, record, record.undoes, at=at, who=who)
    told = attempts if standing.status is ActionStatus.IN_DOUBT else applied
    return store.move(
        record.id,
        expected=expected,
        to=standing.status,
        at=at,
        who=who,
        event=_LEDGER_EVENTS.get(standing.status),
        message=standing.message,
        before=_values(told, "old"),
        after=_values(told, "new"),
    )


def _mark_undone(
    store: Store, record: ActionRecord, original_id: int, *, at: datetime, who: str
) -> None:
    store.move(
        original_id,
        expected=(ActionStatus.EXECUTED, ActionStatus.FAILED),
        to=ActionStatus.UNDONE,
        at=at,
        who=record.decided_by or who,
        event=_LEDGER_EVENTS[ActionStatus.UNDONE],
        message=f"Undone by action {record.id}.",
    )


def _values(attempts: Sequence[Attempt], side: str) -> Json | None:
    """``{entity id: {field: value}}``, in Meta's own text."""
    return {
        attempt.change.entity_id: {attempt.change.field.value: getattr(attempt.change, side)}
        for attempt in attempts
    } or None


# --- the circuit --------------------------------------------------------------------------------


def why_writes_are_blocked(store: Store, account_id: str) -> str | None:
    """Too many outcomes in doubt stop all writes of an account; None when there are few.

    The open attempts are the memory of this circuit: it closes when they are settled.
    """
    in_doubt = store.open_attempts(account_id)
    if len(in_doubt) >= IN_DOUBT_PER_ACCOUNT:
        return f"{len(in_doubt)} changes of account {account_id} are in doubt"
    ticks = Counter(store.action(attempt.action_id).tick_id for attempt in in_doubt)
    if any(tick and count >= IN_DOUBT_PER_TICK for tick, count in ticks.items()):
        return f"{len(in_doubt)} changes of one tick are in doubt in account {account_id}"
    return None


# --- the deed -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """What settling one account came to. Counts are of attempts, `needs_human` of action ids."""

    account_id: str
    confirmed: int = 0
    overridden: int = 0
    not_applied: int = 0
    still_open: int = 0
    returned: int = 0  # approvals that a dead process left, given back
    needs_human: tuple[int, ...] = ()
    messages: tuple[str, ...] = ()
    new_alerts: tuple[AlertRecord, ...] = ()  # to be told to people: new, or due again
    writes_blocked: bool = False


async def reconcile(world: World, account_id: str) -> Reconciled:
    """Settle every open attempt of the account, and every action that a dead process left.

    Reads only. Call it with the account's lock held and before this run approves anything: then
    whatever is unfinished belongs to nobody any more.
    """
    try:
        now = await world.platform.trusted_now()
    except PlatformError as error:
        return _untouched(world, account_id, f"Nothing could be settled: {error.message}")
    judged, alerts = await _settle_attempts(world, account_id, now)
    elsewhere = {attempt.action_id for attempt, judgement in judged if judgement.supersedes}
    returned, messages = _finish_actions(world, account_id, elsewhere, at=now)
    _clear_stale_alerts(world.store, at=now)
    report = _report(world, account_id, judged, messages)
    return replace(report, returned=returned, new_alerts=tuple(alerts))


async def _settle_attempts(
    world: World, account_id: str, now: datetime
) -> tuple[list[tuple[Attempt, Judgement]], list[AlertRecord]]:
    """Each attempt that reading may settle, as it stands then; and what people must be told."""
    judged: list[tuple[Attempt, Judgement]] = []
    alerts: list[AlertRecord] = []
    throttled: Throttled | None = None
    for attempt in world.store.open_attempts(account_id):
        if attempt.state is AttemptState.NEEDS_HUMAN:
            alerts += _raise(world, _asks_a_person(attempt, at=now))
            continue
        # A throttled account isn't asked again in this run; that is a reading in vain as well.
        read_at, judgement, throttled = await _examine(world, attempt, now, throttled)
        # The alert goes first: a crash in between raises it again, it is never lost.
        if judgement.event is AttemptEvent.UNSETTLED:
            alerts += _raise(world, _asks_a_person(attempt, at=read_at))
        if judgement.event is AttemptEvent.SEEN_OVERRIDDEN:
            alerts += _raise(world, _tells_of_override(attempt, at=read_at))
        judged.append((_settle(world, attempt, judgement, at=read_at), judgement))
    return judged, alerts


async def _examine(
    world: World, attempt: Attempt, now: datetime, throttled: Throttled | None
) -> tuple[datetime, Judgement, Throttled | None]:
    """The time is taken before the first reading: what took effect while we read is younger."""
    settle = timedelta(seconds=world.system.settle_seconds)
    read_at = now
    try:
        if throttled is not None:
            raise throttled
        read_at = max(now, await world.platform.trusted_now())
        reading = await read_back(world.platform, attempt)
    except (Gone, AuthFailed) as error:
        judgement = Judgement(AttemptEvent.UNSETTLED, f"it can't be read: {error.message}")
    except PlatformError as error:
        throttled = error if isinstance(error, Throttled) else throttled
        judgement = cannot_tell(attempt, error.message, age=read_at - attempt.effect_at)
    else:
        judgement = judge(attempt, reading, age=read_at - attempt.effect_at, settle=settle)
    return read_at, judgement, throttled


def _settle(world: World, attempt: Attempt, judgement: Judgement, *, at: datetime) -> Attempt:
    if judgement.event is None:
        return attempt
    logger.info("attempt %d of action %d: %s", attempt.id, attempt.action_id, judgement.message)
    try:
        return world.store.record_event(attempt, judgement.event, at=at, detail=judgement.message)
    except RefusedByGuard:  # another process has settled it: its word stands
        return attempt


def _finish_actions(
    world: World, account_id: str, elsewhere: set[int], *, at: datetime
) -> tuple[int, list[str]]:
    """Bring every unfinished action into step with its attempts."""
    returned, messages = 0, []
    for record in world.store.unfinished_actions(account_id):
        attempts = world.store.attempts_of(record.id)
        if record.status is ActionStatus.APPROVED:
            attempts, standing = (), _given_back(record, at)
            returned += 1
        elif record.id in elsewhere and len(attempts) == 1:
            standing = _STANDS_ELSEWHERE
        else:
            standing = standing_of(record, attempts)
        if standing.status is not record.status:
            conclude(
                world.store,
                record,
                attempts,
                standing,
                expected=(record.status,),
                at=at,
                who=WORKER,
            )
        messages.append(f"Action {record.id} ({record.entity_name}): {standing.message}")
    return returned, messages


def is_persons_approval(record: ActionRecord) -> bool:
    """A suggestion that a person said yes to: when it can't be worked, it waits again."""
    return record.decided_by not in (None, WORKER) and record.route != Route.UNDO


_STANDS_ELSEWHERE: Final = Standing(
    ActionStatus.SUPERSEDED, "Not applied: someone changed it to another value meanwhile."
)


def _given_back(record: ActionRecord, now: datetime) -> Standing:
    """Approved by a process that died before it sent anything."""
    if not is_persons_approval(record):
        return _WITHOUT_EFFECT[AttemptState.NOT_SENT]
    if record.expires_at is not None and record.expires_at <= now:
        return Standing(ActionStatus.EXPIRED, "Approved, but nothing was sent before it expired.")
    return Standing(ActionStatus.SUGGESTED, "Approved, but nothing was sent; it waits again.")


def _untouched(world: World, account_id: str, message: str) -> Reconciled:
    still_open = len(world.store.open_attempts(account_id))
    return Reconciled(
        account_id=account_id,
        still_open=still_open,
        needs_human=_for_a_person(world.store, account_id),
        messages=(message,) if still_open else (),
        writes_blocked=why_writes_are_blocked(world.store, account_id) is not None,
    )


def _report(
    world: World,
    account_id: str,
    judged: Sequence[tuple[Attempt, Judgement]],
    messages: Sequence[str],
) -> Reconciled:
    states = Counter(attempt.state for attempt, _ in judged)
    blocked = why_writes_are_blocked(world.store, account_id)
    return Reconciled(
        account_id=account_id,
        confirmed=states[AttemptState.CONFIRMED],
        overridden=states[AttemptState.APPLIED_OVERRIDDEN],
        not_applied=states[AttemptState.NOT_APPLIED],
        still_open=len(world.store.open_attempts(account_id)),
        needs_human=_for_a_person(world.store, account_id),
        messages=(*messages, f"Nothing is sent: {blocked}.") if blocked else tuple(messages),
        writes_blocked=blocked is not None,
    )


def _for_a_person(store: Store, account_id: str) -> tuple[int, ...]:
    return tuple(
        attempt.action_id
        for attempt in store.open_attempts(account_id)
        if attempt.state is AttemptState.NEEDS_HUMAN
    )


# --- alerts -------------------------------------------------------------------------------------


_IN_DOUBT: Final = "in_doubt"
_OVERRIDDEN: Final = "overridden"


def doubt_alert(attempt: Attempt) -> str:
    """The key of the alert that asks a person about this attempt."""
    return f"{_IN_DOUBT}:{attempt.id}"


def _asks_a_person(attempt: Attempt, *, at: datetime) -> AlertRecord:
    change = attempt.change
    return AlertRecord(
        key=doubt_alert(attempt),
        severity="critical",
        message=f"Action {attempt.action_id} is in doubt: {change.field} of {change.level} "
        f"{change.entity_id} should be {change.new}, and reading it back can't settle whether "
        "that took effect. Look in Ads Manager, then `meta-auto actions resolve "
        f"{attempt.action_id} --applied|--not-applied --reason TEXT`.",
        raised_at=at,
        entity_id=change.entity_id,
    )


def _tells_of_override(attempt: Attempt, *, at: datetime) -> AlertRecord:
    change = attempt.change
    return AlertRecord(
        key=f"{_OVERRIDDEN}:{attempt.id}",
        severity="warning",
        message=f"Someone changed {change.field} of {change.level} {change.entity_id} right after "
        f"action {attempt.action_id} had set it to {change.new}. It is left alone for a day.",
        raised_at=at,
        entity_id=change.entity_id,
    )


def _raise(world: World, alert: AlertRecord) -> list[AlertRecord]:
    """The alert, if people are to be told of it now."""
    return [alert] if world.store.raise_alert(alert, who=WORKER) else []


def _clear_stale_alerts(store: Store, *, at: datetime) -> None:
    """An alert of this file outlives neither its doubt (a person may have settled it) nor a day
    of an override."""
    in_doubt = {doubt_alert(attempt) for attempt in store.open_attempts()}
    for alert in store.open_alerts():
        kind = alert.key.partition(":")[0]
        settled = kind == _IN_DOUBT and alert.key not in in_doubt
        old_news = kind == _OVERRIDDEN and at - alert.raised_at >= OVERRIDE_IS_NEWS
        if settled or old_news:
            store.clear_alert(alert.key, at=at, who=WORKER)
