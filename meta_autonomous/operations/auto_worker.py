"""The tick: one full cycle, then it exits.

    gate -> locks -> settle what is in doubt -> observe -> decide -> record -> execute -> report

A dry run is the same read and the same decisions, and stops before the first thing written.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from meta_autonomous.decision.decide import Deciding, Decision, Plan, decide
from meta_autonomous.decision.limits import campaign_name_of
from meta_autonomous.decision.safety_spend import UnreadAccount, daily_spend_totals, extra_usd
from meta_autonomous.domain.action import Outcome
from meta_autonomous.operations.alerts import review_alerts
from meta_autonomous.operations.digest import send_digest
from meta_autonomous.operations.execute import Executed, execute
from meta_autonomous.operations.observe import Observed, observe
from meta_autonomous.operations.reconcile import reconcile
from meta_autonomous.operations.record import record_account, record_plan
from meta_autonomous.operations.selftest import dead_guards
from meta_autonomous.operations.staleness import supersede_stale
from meta_autonomous.operations.tick_report import AccountState, Handled, TickReport
from meta_autonomous.operations.token_watch import watch_token
from meta_autonomous.operations.world import World
from meta_autonomous.ports import (
    WORKER,
    BadAnswer,
    Busy,
    NotFound,
    PlatformError,
    Throttled,
    Unreachable,
)

#: Shares of the interval after which no account is read any more, and no write begun.
_READ_SHARE = 0.5
_WRITE_SHARE = 0.6

StopRequested = Callable[[], bool]
T = TypeVar("T")


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
    with ExitStack() as locks:
        mine = await _take_accounts(world, accounts, report, locks)
        trusted = await _trusted_now(world, mine, report)
        now = trusted or world.clock()
        # A clock that lies must leave no trace: the records' own time would stand in its future.
        on_record = trusted or world.store.latest_time() or now
        if not dry_run:
            world.store.begin_tick(tick_id, at=on_record, mode=report.mode)
            world.store.record_policy(
                world.system.policy_digest, world.system.policy, at=on_record, who=world.actor.name
            )
            report.dead_guards = dead_guards(world, report.mode, at=on_record)
            await _settle_doubts(world, mine, report, now)
            if trusted is not None:
                world.store.expire(now=trusted)
                await _watch_token(world, report, trusted)
        if report.is_running:
            observed = await _observe_all(world, mine, report, now)
            plan = _decide(world, observed, report, now)
            if dry_run or report.is_read_only:
                report.add_planned(plan)
            else:
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
            "Another tick is working on every account.",
            remedy="Nothing to do: the other tick does the work. Look at `meta-auto status`.",
        )
    return tuple(mine)


async def _trusted_now(
    world: World, accounts: Sequence[str], report: TickReport
) -> datetime | None:
    """The platform's clock. Without one that can be trusted the tick reads and reports only."""
    try:
        now = await _in_time(world, report, world.platform.trusted_now())
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
    world: World, accounts: Sequence[str], report: TickReport, now: datetime
) -> None:
    """Reads only: what an earlier tick left in doubt is settled before anything is decided."""
    for account_id in accounts:
        if _blocked_until(world, account_id, now) is not None:
            continue  # not even for this: Meta asked to wait, and nothing is sent there anyway
        try:
            settled = await _in_time(world, report, reconcile(world, account_id))
        except PlatformError as problem:
            report.fail(account_id, problem)
            continue
        report.note_settled(settled)
        if settled.writes_blocked:
            report.hold_writes(account_id, "too many writes in doubt")


async def _watch_token(world: World, report: TickReport, now: datetime) -> None:
    with suppress(PlatformError):  # nobody is told of it: the other reads will tell
        report.token = await _in_time(world, report, watch_token(world, now=now))


def _blocked_until(world: World, account_id: str, now: datetime) -> datetime | None:
    """Until when Meta asked to be left alone, as an earlier tick heard it."""
    until = world.store.account(account_id).blocked_until
    return until if until is not None and until > now else None


async def _observe_all(
    world: World, accounts: Sequence[str], report: TickReport, now: datetime
) -> dict[str, Observed]:
    """Every account that can be read whole; the others are reported and left for the next tick."""

    async def one(account_id: str) -> tuple[str, Observed] | None:
        until = _blocked_until(world, account_id, now)
        try:
            if until is not None:
                raise Throttled(f"Meta asked to wait until {until:%H:%M} UTC.", until=until)
            reading = observe(world, account_id, now=now)
            return account_id, await _in_time(world, report, reading)
        except PlatformError as problem:
            _leave(world, account_id, report, problem)
        return None

    workable = [key for key in accounts if report.accounts[key].state == "ok"]
    done = await asyncio.gather(*(one(account_id) for account_id in workable))
    observed = dict(pair for pair in done if pair is not None)
    for account_id, seen in observed.items():
        report.account_was_read(seen.situation)
        if not (report.dry_run or report.is_read_only):
            record_account(world, seen.situation, tick_id=report.tick_id)
            supersede_stale(world, seen.situation.snapshot, at=now)
        for entity_id, oddity in seen.situation.snapshot.skipped.items():
            report.errors.append(f"account {account_id}: {entity_id} skipped: {oddity}")
    return observed


async def _in_time(world: World, report: TickReport, reading: Awaitable[T]) -> T:
    """What is read before the tick's time for reading is over. Raises Unreachable after it."""
    share = world.system.interval_seconds * _READ_SHARE
    try:
        async with asyncio.timeout(max(share - report.elapsed(), 0)):
            return await reading
    except TimeoutError:
        raise Unreachable(f"Reading did not end within {share:.0f} s of this tick.") from None


def _leave(world: World, account_id: str, report: TickReport, problem: PlatformError) -> None:
    """One account's failure stops no other. What Meta asked to wait for is remembered."""
    report.fail(account_id, problem)
    if not report.dry_run:
        record = world.store.account(account_id)
        heard = problem.until if isinstance(problem, Throttled) else None
        until = max(filter(None, (record.blocked_until, heard)), default=None)
        world.store.save_account(replace(record, blocked_until=until, last_error=problem.message))


def _decide(
    world: World, observed: dict[str, Observed], report: TickReport, now: datetime
) -> Plan:
    situations = [seen.situation for seen in observed.values()]
    known = set(report.accounts) | set(world.system.account_ids)
    totals = daily_spend_totals(
        situations,
        book=world.book,
        now=now,
        unread=[_last_known(world, account_id) for account_id in sorted(known - set(observed))],
        granted_usd=world.store.reserved_usd(),
    )
    report.totals = totals
    report.errors += [f"No budget is raised anywhere: {gap}." for gap in totals.unpriced]
    plan = decide(
        situations,
        Deciding(
            now=now,
            book=world.book,
            is_auto=report.mode == "auto",
            totals=totals,
            pause_windows={key: seen.pause_window for key, seen in observed.items()},
        ),
    )
    report.evaluated = len(plan.evaluated)
    return plan


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
    for decision, action_id in zip(plan.decisions, ids, strict=True):
        if decision.executes:
            done = await _execute(
                world, plan, decision, action_id, report=report, stop_requested=stop_requested
            )
            report.add(decision, action_id, done)
        else:
            report.add(decision, action_id, Handled(decision.outcome, ""))


async def _execute(
    world: World,
    plan: Plan,
    decision: Decision,
    action_id: int,
    *,
    report: TickReport,
    stop_requested: StopRequested,
) -> Handled:
    """One automatic action, unless something says that this tick should write no more."""
    held = report.held.get(decision.account_id)
    if stop_requested():
        held = "the system was stopped"
    elif report.elapsed() > world.system.interval_seconds * _WRITE_SHARE:
        held = "this tick's time is used up"
    if held is not None:
        report.defer(world, action_id, held)
        return Handled(Outcome.DEFERRED, f"Not executed now: {held}.")
    situation = report.situations[decision.account_id]
    extra = extra_usd(decision.action, situation, situation.snapshot.observed_at)
    done: Executed = await execute(
        world,
        action_id,
        decision.action,
        who=WORKER,
        extra_usd=sum(extra.values(), Decimal(0)),
        headroom_usd=_cap_for(world, decision, report) - plan.totals.projected_usd,
        stop_requested=stop_requested,
    )
    report.note_execution(decision, done)
    return Handled(done.outcome, done.message)


def _cap_for(world: World, decision: Decision, report: TickReport) -> Decimal:
    """The daily cap in force for the action's campaign."""
    campaigns = report.situations[decision.account_id].snapshot.campaigns
    name = campaign_name_of(decision.action.entity, campaigns)
    return world.book.limits_for(decision.account_id, name).max_daily_spend_usd


async def _finish(world: World, report: TickReport, now: datetime) -> None:
    """Alerts, the record of the tick, and one digest to people: in that order."""
    review_alerts(world, report, now=now)
    record = report.to_record(
        ended_at=world.wall_now, before=world.store.last_tick(), quota=world.platform.quota_used()
    )
    world.store.finish_tick(report.tick_id, at=now, report=record)
    await send_digest(world, report)
