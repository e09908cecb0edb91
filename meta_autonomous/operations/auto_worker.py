"""The tick: one full cycle, then it exits.

    gate -> locks -> settle what is in doubt -> observe -> decide -> record -> execute -> report

A dry run is the same read and the same decisions, and stops before the first thing written.
"""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import datetime

from meta_autonomous.decision.decide import Plan
from meta_autonomous.decision.granting import Decision
from meta_autonomous.decision.money_at_commit import money_at_commit
from meta_autonomous.decision.rules import describe
from meta_autonomous.decision.safety_spend import UnreadAccount
from meta_autonomous.decision.tick_case import Circumstances, decide_prepared, totals_of
from meta_autonomous.domain.action import Outcome
from meta_autonomous.operations.alerts import review_alerts
from meta_autonomous.operations.digest import send_digest
from meta_autonomous.operations.execute import Executed, execute
from meta_autonomous.operations.judging import case_of
from meta_autonomous.operations.observe import Observed, observe
from meta_autonomous.operations.reading_time import ReadingTime, StopRequested
from meta_autonomous.operations.reconcile import reconcile
from meta_autonomous.operations.record import record_account, record_case, record_plan
from meta_autonomous.operations.selftest import dead_guards
from meta_autonomous.operations.staleness import supersede_stale
from meta_autonomous.operations.tick_report import AccountState, Ending, Stopped, TickReport
from meta_autonomous.operations.token_watch import watch_token
from meta_autonomous.operations.world import World
from meta_autonomous.ports.errors import (
    BadAnswer,
    Busy,
    MetaAutoError,
    NotFound,
    PlatformError,
    Throttled,
)
from meta_autonomous.ports.progress import Stage, Step
from meta_autonomous.ports.words import WORKER

#: The share of the interval after which no write is begun any more.
_WRITE_SHARE = 0.6

logger = logging.getLogger("meta_auto.tick")


async def tick(
    world: World,
    *,
    tick_id: str,
    accounts: Sequence[str] = (),
    dry_run: bool = False,
    stop_requested: StopRequested = lambda: False,
) -> TickReport:
    """One cycle over all accounts (or the named ones). Raises Busy when none is free."""
    report = TickReport.begin(world, tick_id=tick_id, dry_run=dry_run)
    in_time = ReadingTime(world, report, stop_requested)
    with ExitStack() as locks:
        mine = await _take_accounts(world, accounts, report, locks)
        trusted = await _trusted_now(world, mine, report, in_time)
        now = trusted or world.clock()
        # A clock that lies must leave no trace: the records' own time would stand in its future.
        on_record = trusted or world.store.latest_time() or now
        if not dry_run:
            world.store.begin_tick(tick_id, at=on_record, mode=report.mode)
            world.store.record_policy(
                world.system.policy_digest, world.system.policy, at=on_record, who=world.actor.name
            )
            report.dead_guards = dead_guards(world, report.mode, at=on_record)
            await _settle_doubts(world, mine, report, now, in_time)
            if trusted is not None:
                world.store.expire(now=trusted)
                await _watch_token(world, report, trusted, in_time)
        if report.is_running:
            observed = await _observe_all(world, mine, report, now, in_time)
            world.progress(Step(stage=Stage.DECIDING))
            plan, circumstances = _decide(world, observed, report, now)
            if dry_run or report.is_read_only:
                report.add_planned(plan)
            else:
                world.progress(Step(stage=Stage.RECORDING))
                record_case(world, plan, observed, circumstances, tick_id=report.tick_id, at=now)
                await _carry_out(
                    world, plan, observed, report, stop_requested=stop_requested, now=now
                )
        report.complete()
        if not dry_run:
            await _finish(world, report, on_record)
    return report


async def _take_accounts(
    world: World, wanted: Sequence[str], report: TickReport, locks: ExitStack
) -> tuple[str, ...]:
    """The accounts that are ours for this tick. Whoever holds the others works them."""
    configured = world.system.account_ids or await world.platform.account_ids()
    unknown = sorted(set(wanted) - set(configured))
    if unknown:
        raise NotFound(
            f"Ad account {unknown[0]} is not configured.",
            remedy=f"META_AD_ACCOUNT_IDS names {', '.join(configured)}.",
        )
    ids = tuple(dict.fromkeys(wanted)) or configured
    mine: list[str] = []
    for account_id in ids:
        record = world.store.account(account_id)
        if report.dry_run or locks.enter_context(world.store.account_lock(account_id)):
            report.accounts[account_id] = AccountState(account_id, name=record.account_id)
            mine.append(account_id)
        else:
            report.accounts[account_id] = AccountState(account_id, state="locked")
    if ids and not mine:
        raise Busy(
            f"Another command is working on {_told(ids)}: a tick, or a person's approval or undo.",
            remedy="Try again in a minute; after a tick there is nothing left to do.",
        )
    return tuple(mine)


def _told(account_ids: Sequence[str]) -> str:
    """Names an account alone; of several it is enough that none is free."""
    if len(account_ids) == 1:
        return f"ad account {account_ids[0]}"
    return f"each of the {len(account_ids)} ad accounts"


async def _trusted_now(
    world: World, accounts: Sequence[str], report: TickReport, in_time: ReadingTime
) -> datetime | None:
    """The platform's clock. Without one that can be trusted the tick reads and reports only."""
    try:
        now = await in_time(world.platform.trusted_now())
    except BadAnswer as problem:
        report.clock_is_off(problem.message)
        return None
    except PlatformError as problem:
        for account_id in accounts:
            _leave(world, account_id, report, problem)
        return None
    latest = world.store.latest_time()
    if latest is not None and (latest - now).total_seconds() > 120:  # noqa: PLR2004 - contract 7
        report.clock_is_off(
            f"The trusted clock says {now:%Y-%m-%d %H:%M:%S} UTC, yet the ledger's last entry is "
            f"of {latest:%Y-%m-%d %H:%M:%S} UTC."
        )
        return None
    return now


async def _settle_doubts(
    world: World,
    accounts: Sequence[str],
    report: TickReport,
    now: datetime,
    in_time: ReadingTime,
) -> None:
    """Reads only: what an earlier tick left in doubt is settled before anything is decided."""
    for account_id in accounts:
        if _blocked_until(world, account_id, now) is not None:
            continue  # not even for this: Meta asked to wait, and nothing is sent there anyway
        with _stopping_no_other(world, account_id, report):
            settled = await in_time(reconcile(world, account_id))
            report.note_settled(settled)
            if settled.writes_blocked:
                report.hold_writes(account_id, "too many writes in doubt")


@contextmanager
def _stopping_no_other(world: World, account_id: str, report: TickReport) -> Iterator[None]:
    """Whatever goes wrong in here ends this tick's work on that account, and on no other. Only
    what is nobody's account to blame for (the database, the configuration) ends the tick."""
    try:
        yield
    except PlatformError as problem:
        _leave(world, account_id, report, problem)
    except MetaAutoError:
        raise
    except Exception as bug:  # noqa: BLE001 - one broken account never stops the others
        _leave(world, account_id, report, _broken(account_id, bug))


def _broken(account_id: str, bug: Exception) -> PlatformError:
    """A mistake of ours that one account's data woke: the others are worked all the same."""
    logger.error("account %s could not be worked: %s", account_id, type(bug).__name__)
    logger.debug("where it broke", exc_info=bug)
    return BadAnswer(
        f"something in it broke meta-auto: {describe(bug)[:200]}",
        remedy="Run it again with --debug before the command to see where, and please report it.",
    )


async def _watch_token(
    world: World, report: TickReport, now: datetime, in_time: ReadingTime
) -> None:
    with suppress(PlatformError):  # nobody is told of it: the other reads will tell
        report.token = await in_time(watch_token(world, now=now))


def _blocked_until(world: World, account_id: str, now: datetime) -> datetime | None:
    """Until when Meta asked to be left alone, as an earlier tick heard it."""
    until = world.store.account(account_id).blocked_until
    return until if until is not None and until > now else None


async def _observe_all(
    world: World,
    accounts: Sequence[str],
    report: TickReport,
    now: datetime,
    in_time: ReadingTime,
) -> dict[str, Observed]:
    """Every account that can be read whole; the others are reported and left for the next tick."""

    read: dict[str, Observed] = {}

    async def one(account_id: str) -> None:
        until = _blocked_until(world, account_id, now)
        if until is not None:
            told = Throttled(f"Meta asked to wait until {until:%H:%M} UTC.", until=until)
            _leave(world, account_id, report, told)
            return
        with _stopping_no_other(world, account_id, report):
            read[account_id] = await in_time(observe(world, account_id, now=now))

    workable = [key for key in accounts if report.accounts[key].state == "ok"]
    at_work = 1

    async def next_one(account_id: str) -> None:
        nonlocal at_work
        await one(account_id)
        at_work = min(at_work + 1, len(workable))
        world.progress(Step(stage=Stage.READING, place=at_work, of=len(workable)))

    world.progress(Step(stage=Stage.READING, place=at_work, of=len(workable)))
    await asyncio.gather(*(next_one(account_id) for account_id in workable))
    observed: dict[str, Observed] = {}
    for account_id in (key for key in workable if key in read):
        seen = read[account_id]
        with _stopping_no_other(world, account_id, report):
            if not (report.dry_run or report.is_read_only):
                record_account(world, seen, tick_id=report.tick_id)
                supersede_stale(world, seen.situation.snapshot, at=now)
            report.account_was_read(seen.situation)
            observed[account_id] = seen
        for entity_id, oddity in seen.situation.snapshot.skipped.items():
            report.errors.append(f"account {account_id}: {entity_id} skipped: {oddity}")
    return observed


def _leave(world: World, account_id: str, report: TickReport, problem: PlatformError) -> None:
    """One account's failure stops no other. What Meta asked to wait for is remembered."""
    report.fail(account_id, problem)
    if not (report.dry_run or isinstance(problem, Stopped)):
        record = world.store.account(account_id)
        heard = problem.until if isinstance(problem, Throttled) else None
        until = max(filter(None, (record.blocked_until, heard)), default=None)
        world.store.save_account(replace(record, blocked_until=until, last_error=problem.message))


def _decide(
    world: World, observed: dict[str, Observed], report: TickReport, now: datetime
) -> tuple[Plan, Circumstances]:
    known = set(report.accounts) | set(world.system.account_ids)
    circumstances = Circumstances(
        now=now,
        is_auto=report.mode == "auto",
        book=world.book,
        rates=world.rates,
        unread=tuple(_last_known(world, key) for key in sorted(known - set(observed))),
        reserved_usd=world.store.reserved_usd(),
    )
    totals = totals_of([seen.situation for seen in observed.values()], circumstances)
    report.totals = totals
    report.errors += [f"No budget is raised anywhere: {gap}." for gap in totals.unpriced]
    prepared = [seen.prepared for seen in observed.values()]
    plan = decide_prepared(prepared, circumstances, totals)
    report.evaluated = len(plan.evaluated)
    return plan, circumstances


def _last_known(world: World, account_id: str) -> UnreadAccount:
    record = world.store.account(account_id)
    return UnreadAccount(
        account_id=account_id,
        projected_usd=record.projected_usd,
        budgets_usd=record.budgets_usd,
    )


async def _carry_out(
    world: World,
    plan: Plan,
    observed: dict[str, Observed],
    report: TickReport,
    *,
    stop_requested: StopRequested,
    now: datetime,
) -> None:
    """Record every decision, then execute, one write after the other, what nobody is asked for."""
    ids = record_plan(world, plan, observed, tick_id=report.tick_id, at=now)
    writes, place = sum(decision.executes for decision in plan.decisions), 0
    for decision, action_id in zip(plan.decisions, ids, strict=True):
        if decision.executes:
            place += 1
            name = decision.action.entity.name
            world.progress(Step(stage=Stage.EXECUTING, place=place, of=writes, subject=name))
            done = await _execute(
                world,
                plan,
                decision,
                action_id,
                report=report,
                stop_requested=stop_requested,
                now=now,
            )
            report.add(decision, action_id, done)
        else:
            report.add(decision, action_id, Ending(decision.outcome, ""))


async def _execute(
    world: World,
    plan: Plan,
    decision: Decision,
    action_id: int,
    *,
    report: TickReport,
    stop_requested: StopRequested,
    now: datetime,
) -> Ending:
    """One automatic action, unless something says that this tick should write no more."""
    held = report.held.get(decision.account_id)
    if stop_requested():
        held = "the system was stopped"
    elif report.elapsed() > world.system.interval_seconds * _WRITE_SHARE:
        held = "this tick's time is used up"
    if held is not None:
        report.defer(world, action_id, held)
        return Ending(Outcome.DEFERRED, f"Not executed now: {held}.")
    case = case_of(
        world,
        report.situations[decision.account_id],
        plan.totals,
        decision.action,
        route=decision.route,
        now=now,
    )
    done: Executed = await execute(
        world,
        action_id,
        decision.action,
        who=WORKER,
        money=money_at_commit(decision.action, case),
        stop_requested=stop_requested,
    )
    report.note_execution(decision, done)
    return Ending(done.outcome, done.message)


async def _finish(world: World, report: TickReport, now: datetime) -> None:
    """Alerts, the record of the tick, and one digest to people: in that order. Log (when all is
    done) and digest take the ledger's head to where whoever may rewrite the ledger can't."""
    world.progress(Step(stage=Stage.REPORTING))
    review_alerts(world, report, now=now)
    ended_at = await _time_of_end(world, report, now)
    record = report.to_record(
        ended_at=world.wall_now, before=world.store.last_tick(), quota=world.platform.quota_used()
    )
    world.store.finish_tick(report.tick_id, at=ended_at, report=record)
    report.ledger_head = world.store.ledger_head()
    await send_digest(world, report)


async def _time_of_end(world: World, report: TickReport, began_at: datetime) -> datetime:
    """Trusted time by now, and not before anything that this tick has on record."""
    if report.is_read_only:
        return began_at
    known = max(began_at, world.store.latest_time() or began_at)
    try:
        return max(known, await world.platform.trusted_now())
    except PlatformError:
        return known
