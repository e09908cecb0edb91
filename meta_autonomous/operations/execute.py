"""The one path to Meta: every change, from a tick, an approval or an undo, goes through here.

    trusted time -> read afresh -> commit the intent -> send once -> commit the answer -> read back

Wherever this process is killed, the committed records are enough for `reconcile` to find out what
became of the change by reading. What was sent is never sent again, and what was decided is never
adjusted: an entity that stands elsewhere than the decision found it supersedes the action.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from meta_autonomous.decision.money_at_commit import NO_MONEY, MoneyAtCommit
from meta_autonomous.domain.action import Action, ActionStatus, Outcome
from meta_autonomous.domain.intent import Attempt, AttemptEvent, AttemptState, Change
from meta_autonomous.domain.text import sentence
from meta_autonomous.operations.asked_to_wait import wait_if_asked_to
from meta_autonomous.operations.change import Stale, Step, change_to_send, steps_of
from meta_autonomous.operations.read_back import CONFIRMED, judge, read_back, value_of
from meta_autonomous.operations.reconcile import (
    EXECUTED,
    TOOK_EFFECT,
    Standing,
    conclude,
    half_done,
    is_persons_approval,
    why_writes_are_blocked,
)
from meta_autonomous.operations.world import World
from meta_autonomous.ports.errors import (
    AuthFailed,
    Gone,
    MetaAutoError,
    Penalised,
    PlatformError,
    RefusedByGuard,
    Throttled,
    Unreachable,
)
from meta_autonomous.ports.platform import Answer, AnswerKind, Throttle
from meta_autonomous.ports.records import ActionRecord
from meta_autonomous.ports.store import Store

logger = logging.getLogger("meta_auto.execute")

#: So long after the fresh read nothing is sent any more: what it found may not hold now.
SEND_WITHIN: Final = timedelta(seconds=30)
#: The longest that a request may have been under way: until it is sent, and its own deadline.
LONGEST_UNDER_WAY: Final = timedelta(seconds=60)
#: Pauses before each look at an accepted change: it shows at once, or within two seconds.
READ_BACK_PAUSES: Final = (0.0, 0.5, 1.5)
#: So long, in seconds, all looks at one change may take. With the write's own 30 s a process that
#: is told to end (`stop`, SIGTERM) has done so within 45 s, whatever Meta does.
LOOKS_END_AFTER: Final = 10.0

_OUTCOMES: Final[Mapping[ActionStatus, Outcome]] = {
    ActionStatus.EXECUTED: Outcome.EXECUTED,
    ActionStatus.FAILED: Outcome.FAILED,
    ActionStatus.IN_DOUBT: Outcome.IN_DOUBT,
}

Sleep = Callable[[float], Awaitable[None]]
Within = Callable[[Awaitable[Any], float], Awaitable[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Executed:
    """What became of one action.

    `outcome` is the tick's word; a superseded action counts as deferred, for it is decided
    afresh. `status` is where the action's row stands now. `problem` is what kept it from being
    sent or taken, where that was an error of the platform's or a guard's refusal; None also where
    Meta's limit concerned this entity alone.
    """

    outcome: Outcome
    status: ActionStatus
    message: str
    superseded: bool = False
    attempts: tuple[Attempt, ...] = ()
    problem: MetaAutoError | None = None

    @property
    def stops_account(self) -> bool:
        """Further writes to the account would fare no better now."""
        return isinstance(self.problem, AuthFailed | Throttled)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Deed:
    """What stays the same while one action is carried out."""

    world: World
    record: ActionRecord
    who: str
    money: MoneyAtCommit
    stop_requested: Callable[[], bool]
    sleep: Sleep
    within: Within


@dataclass(frozen=True, slots=True, kw_only=True)
class _End:
    """How one change ended; EXECUTED means confirmed by reading it back."""

    status: ActionStatus
    message: str
    attempt: Attempt | None = None
    problem: MetaAutoError | None = None


async def execute(
    world: World,
    record_id: int,
    action: Action,
    *,
    who: str,
    money: MoneyAtCommit = NO_MONEY,
    restoring: Mapping[str, int] | None = None,
    stop_requested: Callable[[], bool] = lambda: False,
    sleep: Sleep = asyncio.sleep,
    within: Within = asyncio.wait_for,
) -> Executed:
    """Carry out one approved action, with its account's lock held.

    `money` is what it books of the day's cap: the store holds every open promise against it.
    `restoring` gives
    the exact amounts that an undo puts back, in minor units by entity id. Raises
    StoreUnavailable; whatever was begun then is settled by the next tick.
    """
    deed = _Deed(
        world=world,
        record=world.store.action(record_id),
        who=who,
        money=money,
        stop_requested=stop_requested,
        sleep=sleep,
        within=within,
    )
    if deed.record.status is not ActionStatus.APPROVED:
        return _not_ours(deed.record, "nothing was sent")
    if blocked := why_writes_are_blocked(world.store, deed.record.account_id):
        why = f"Nothing was sent: {blocked}."
        return await _finish(deed, _End(status=ActionStatus.DEFERRED, message=why), [])
    try:
        end, attempts = await _change_in_order(deed, steps_of(action, restoring or {}))
    except RefusedByGuard:  # the store's word that the attempt is no longer as we knew it
        return _not_ours(world.store.action(record_id), "another process has settled it")
    return await _finish(deed, end, attempts)


async def _change_in_order(deed: _Deed, steps: tuple[Step, ...]) -> tuple[_End, list[Attempt]]:
    """One change after the other; the next one only when the last was seen to be in force."""
    end = _End(status=ActionStatus.EXECUTED, message=EXECUTED.message)
    attempts: list[Attempt] = []
    for step in steps:
        end = await _change_one(deed, step)
        if end.attempt is not None:
            attempts.append(end.attempt)
        if end.status is not ActionStatus.EXECUTED:
            break
    return end, attempts


# --- the end ------------------------------------------------------------------------------------


async def _finish(deed: _Deed, end: _End, attempts: list[Attempt]) -> Executed:
    """Bring the action's row into step with what was done."""
    store, record = deed.world.store, deed.record
    standing = _standing(deed, end, attempts)
    # Without an attempt of ours only an approved row is ours: another process may be at it.
    is_begun = bool(attempts)
    moved = conclude(
        store,
        record,
        attempts,
        standing,
        expected=(ActionStatus.EXECUTING, ActionStatus.IN_DOUBT)
        if is_begun
        else (ActionStatus.APPROVED,),
        at=await _time_of_end(deed, attempts),
        who=deed.who,
    )
    if not moved:
        return _not_ours(store.action(record.id), "another process works at it")
    logger.info("action %d: %s. %s", record.id, standing.status, standing.message)
    return Executed(
        outcome=_OUTCOMES.get(standing.status, Outcome.DEFERRED),
        status=standing.status,
        message=standing.message,
        superseded=standing.status is ActionStatus.SUPERSEDED,
        attempts=tuple(attempts),
        problem=end.problem,
    )


def _standing(deed: _Deed, end: _End, attempts: list[Attempt]) -> Standing:
    is_half_done = any(attempt.state in TOOK_EFFECT for attempt in attempts)
    match end.status:
        case ActionStatus.EXECUTED | ActionStatus.IN_DOUBT:
            return Standing(end.status, end.message)
        case _ if is_half_done:
            return half_done(deed.record, f"The increase was not made. {end.message}")
        case ActionStatus.DEFERRED if not attempts and is_persons_approval(deed.record):
            return Standing(ActionStatus.SUGGESTED, f"{end.message} It waits again.")
        case _:
            return Standing(end.status, end.message)


def _not_ours(record: ActionRecord, why: str) -> Executed:
    return Executed(
        outcome=Outcome.DEFERRED,
        status=record.status,
        message=f"Action {record.id} is {record.status} by now: {why}.",
        superseded=True,
    )


async def _time_of_end(deed: _Deed, attempts: list[Attempt]) -> datetime:
    """Trusted time, or where there is none the latest that is on record."""
    store = deed.world.store
    known = attempts[-1].effect_at if attempts else store.latest_time()
    known = known or deed.record.last_seen_at
    try:
        return max(known, await deed.world.platform.trusted_now())
    except PlatformError:
        return known


# --- one change, from top to bottom -------------------------------------------------------------


async def _change_one(deed: _Deed, step: Step) -> _End:
    """The protocol. A crash after any line leaves a state that reading can settle."""
    world, decided_on = deed.world, step.entity
    started_at = world.clock()
    try:
        # The time before the reading: a process that slept after it must not act on it.
        now = await world.platform.trusted_now()
        wait_if_asked_to(world.store, decided_on.account_id, now)
        reading = world.platform.read_entity(
            decided_on.account_id, decided_on.id, decided_on.level
        )
        found = await deed.within(reading, SEND_WITHIN.total_seconds())
    except (PlatformError, TimeoutError) as problem:
        return _unreadable(problem)

    change = change_to_send(step, found, now)
    if isinstance(change, Stale):
        return _End(status=ActionStatus.SUPERSEDED, message=change.message)
    if deed.stop_requested():
        return _End(status=ActionStatus.DEFERRED, message="Stopped before anything was sent.")

    try:
        attempt = _commit_intent(deed, step, change, now)
    except RefusedByGuard as refusal:
        return _End(
            status=ActionStatus.DEFERRED,
            message=sentence(f"Nothing was sent: {refusal.message}"),
            problem=refusal,
        )

    late = await _why_not_to_send(deed, attempt, started_at)
    if late is not None:
        return late
    logger.info("action %d: sending %s", deed.record.id, change)
    answer = await world.platform.write(change)
    return await _note_answer(deed, attempt, answer)


def _commit_intent(deed: _Deed, step: Step, change: Change, now: datetime) -> Attempt:
    """The cap never holds back a decrease or a pause."""
    return deed.world.store.commit_intent(
        deed.record.id,
        change,
        at=now,
        who=deed.who,
        money=deed.money if step.raises_spend else NO_MONEY,
    )


async def _why_not_to_send(deed: _Deed, attempt: Attempt, started_at: datetime) -> _End | None:
    """The last look before sending: this process may have been stopped since it read afresh.

    Two clocks are asked, for the trusted one may stand still (the sandbox's) and the local one
    may be set back.
    """
    world = deed.world
    try:
        now = await world.platform.trusted_now()
    except PlatformError as problem:
        return _never_left(deed, attempt, problem.message, at=attempt.intended_at)
    waited = max(now - attempt.intended_at, world.clock() - started_at)
    if waited > SEND_WITHIN:
        why = f"{waited.total_seconds():.0f} s passed between the fresh read and the sending"
        return _never_left(deed, attempt, why, at=max(now, attempt.intended_at))
    if not _is_still_ours(deed, attempt):
        return _End(
            status=ActionStatus.SUPERSEDED, message="Another process has settled this meanwhile."
        )
    return None


def _is_still_ours(deed: _Deed, attempt: Attempt) -> bool:
    """Nobody has settled the attempt while this process slept."""
    return any(
        known.id == attempt.id and known.state is AttemptState.DISPATCHING
        for known in deed.world.store.attempts_of(deed.record.id)
    )


def _never_left(deed: _Deed, attempt: Attempt, why: str, *, at: datetime) -> _End:
    settled = deed.world.store.record_event(
        attempt, AttemptEvent.NEVER_LEFT, at=at, detail=f"not sent: {why}"
    )
    return _End(
        status=ActionStatus.DEFERRED,
        message=sentence(f"Nothing was sent: {why}"),
        attempt=settled,
    )


async def _note_answer(deed: _Deed, attempt: Attempt, answer: Answer) -> _End:
    """Commit what we now know, and no more than that."""
    at = await _time_after(deed, attempt.intended_at)
    record_event = deed.world.store.record_event
    logger.info("action %d: Meta's answer is %s", deed.record.id, answer.kind)
    detail = answer.detail if answer.trace_id is None else f"{answer.detail} [{answer.trace_id}]"
    match answer.kind:
        case AnswerKind.ACCEPTED:
            known = record_event(attempt, AttemptEvent.ANSWERED_YES, at=at, detail=detail)
            return await _look_for_it(deed, known)
        case AnswerKind.UNKNOWN:
            known = record_event(attempt, AttemptEvent.NO_CLEAR_ANSWER, at=at, detail=detail)
            return await _look_for_proof(deed, known, answer)
        case AnswerKind.REFUSED:
            known = record_event(attempt, AttemptEvent.ANSWERED_NO, at=at, detail=detail)
            return _End(
                status=ActionStatus.FAILED,
                message=sentence(f"Meta refused: {answer.detail}"),
                attempt=known,
                problem=AuthFailed(answer.detail) if answer.is_about_access else None,
            )
        case AnswerKind.THROTTLED:
            is_of_entity = answer.throttle is Throttle.ENTITY
            if not is_of_entity:
                _remember(deed.world.store, deed.record.account_id, answer)
            known = record_event(
                attempt,
                AttemptEvent.ANSWERED_NO,
                at=at,
                detail=detail,
                # In any case a mark: we were told to wait, not refused.
                blocked_until=(answer.until if is_of_entity else None) or at,
            )
            return _End(
                status=ActionStatus.DEFERRED,
                message=sentence(f"Meta asked to wait: {answer.detail}"),
                attempt=known,
                problem=None if is_of_entity else _throttled(answer),
            )
        case AnswerKind.NOT_SENT:
            return _never_left(deed, attempt, answer.detail, at=at)


def _throttled(answer: Answer) -> Throttled:
    kind = Penalised if answer.throttle is Throttle.PENALTY else Throttled
    return kind(answer.detail, until=answer.until)


def _remember(store: Store, account_id: str, answer: Answer) -> None:
    """Before the attempt is settled: a crash in between must not forget it."""
    record = store.account(account_id)
    store.save_account(replace(record, blocked_until=answer.until, last_error=answer.detail))


async def _time_after(deed: _Deed, earlier: datetime) -> datetime:
    """Trusted time, never before `earlier`. Without it: the latest moment that it can be, so that
    a doubt looks younger than it is, never older."""
    try:
        return max(earlier, await deed.world.platform.trusted_now())
    except PlatformError:
        return earlier + LONGEST_UNDER_WAY


async def _look_for_it(deed: _Deed, attempt: Attempt) -> _End:
    """Accepted proves nothing: `success: true` has been seen for changes that never came."""
    try:
        is_seen = await deed.within(_is_seen(deed, attempt.change), LOOKS_END_AFTER)
    except TimeoutError:
        is_seen = False
    if is_seen:
        return await _confirmed(deed, attempt)
    return _in_doubt(deed, attempt, "Meta accepted it, but it does not show yet.")


async def _is_seen(deed: _Deed, change: Change) -> bool:
    for pause in READ_BACK_PAUSES:
        await deed.sleep(pause)
        try:
            entity = await deed.world.platform.read_entity(
                change.account_id, change.entity_id, change.level
            )
        except Throttled:
            break
        except PlatformError:
            continue
        if value_of(entity, change.field) == change.new:
            return True
    return False


async def _look_for_proof(deed: _Deed, attempt: Attempt, answer: Answer) -> _End:
    """One look, in case the log already tells of it. Seeing nothing proves nothing yet."""
    doubt = _in_doubt(deed, attempt, sentence(f"No clear answer from Meta: {answer.detail}"))
    try:
        reading = await deed.within(read_back(deed.world.platform, attempt), LOOKS_END_AFTER)
    except (PlatformError, TimeoutError):
        return doubt
    present = judge(attempt, reading, age=timedelta(0), settle=timedelta.max)
    return await _confirmed(deed, attempt) if present is CONFIRMED else doubt


async def _confirmed(deed: _Deed, attempt: Attempt) -> _End:
    settled = deed.world.store.record_event(
        attempt,
        AttemptEvent.SEEN_APPLIED,
        at=await _time_after(deed, attempt.effect_at),
        detail=CONFIRMED.message,
    )
    return _End(status=ActionStatus.EXECUTED, message=EXECUTED.message, attempt=settled)


def _in_doubt(deed: _Deed, attempt: Attempt, why: str) -> _End:
    minutes = -(-deed.world.system.settle_seconds // 60)
    return _End(
        status=ActionStatus.IN_DOUBT,
        message=f"In doubt. {why} It is settled by reading, {minutes} min from now or later; "
        "until then nothing else is sent to this entity.",
        attempt=attempt,
    )


def _unreadable(problem: PlatformError | TimeoutError) -> _End:
    """Nothing was sent. What can be read again later is deferred; what is gone has failed."""
    if isinstance(problem, TimeoutError):
        problem = Unreachable("it could not be read in time")
    is_lost = isinstance(problem, Gone | AuthFailed)
    return _End(
        status=ActionStatus.FAILED if is_lost else ActionStatus.DEFERRED,
        message=sentence(f"Nothing was sent: {problem.message}"),
        problem=problem,
    )
