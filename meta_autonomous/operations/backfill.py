"""Past days recorded afterwards, so that a new user sees what would have been decided on them.

Nobody looked at the time, so two things are not as they would have been seen, and every output
says so: the numbers are those known now (late orders are in them), and budgets, statuses and
creatives are today's. Nothing is written to Meta.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, TypeVar

from meta_autonomous.decision.context import EntityMemory, Memory
from meta_autonomous.decision.differences import briefs
from meta_autonomous.decision.evaluate import HISTORY_DAYS
from meta_autonomous.decision.tick_case import (
    AccountCase,
    Circumstances,
    TickCase,
    deliberate,
)
from meta_autonomous.domain.entities import (
    Account,
    AccountSnapshot,
    Entity,
    Level,
    days_by_level,
)
from meta_autonomous.domain.performance import Days
from meta_autonomous.operations.asked_to_wait import remembering_to_wait, wait_if_asked_to
from meta_autonomous.operations.by_person import alone_with
from meta_autonomous.operations.switches import mode_in_force
from meta_autonomous.operations.world import World
from meta_autonomous.ports.errors import PlatformError
from meta_autonomous.ports.platform import ReadPlan

#: A past day is decided as its first tick would: half an hour into it, before it has spent.
_TICK_AT: Final = time(0, 30)

E = TypeVar("E", bound=Entity)


@dataclass(slots=True)
class Backfilled:
    """What came of it. `days` are those that have a case now."""

    days: list[date] = field(default_factory=list)
    accounts: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)  # account id -> why it was not read
    wanted: int = 0  # decisions that would have been executed or queued, day by day
    already_recorded: int = 0  # days asked for that have real ticks


async def backfill(world: World, *, days: int) -> Backfilled:
    """Read the insights of `days` past days (and of the 28 before, which the first of them rests
    on), store them, and record a case for each day that has no tick of its own.

    Raises PlatformError when no account could be read, Busy when another process works one.
    """
    now = await world.platform.trusted_now()
    done = Backfilled()
    reads: list[AccountSnapshot] = []
    problems: list[PlatformError] = []
    for account_id in world.system.account_ids or await world.platform.account_ids():
        try:
            reads.append(await _read_past(world, account_id, days=days, now=now))
        except PlatformError as problem:
            problems.append(problem)
            done.failed[account_id] = problem.message
        else:
            done.accounts.append(account_id)
    if not reads:
        if problems:
            raise problems[-1]
        return done
    first_case_at = world.store.first_case_at()
    accounts = [read.account for read in reads]
    for day in _past_days(reads, now, days):
        if first_case_at is not None and day >= _first_day(accounts, first_case_at):
            done.already_recorded += 1
            continue
        at = _moment_of(day, accounts)
        done.wanted += _record_day(world, reads, at)
        done.days.append(day)
    return done


async def _read_past(
    world: World, account_id: str, *, days: int, now: datetime
) -> AccountSnapshot:
    with alone_with(world.store, account_id), remembering_to_wait(world.store, account_id):
        wait_if_asked_to(world.store, account_id, now)
        plan = ReadPlan(days=days + HISTORY_DAYS, window_days=world.book.limits.lookback_days)
        read = await world.platform.read_account(account_id, plan)
        world.store.record_past(read)
        return read


def _past_days(reads: Sequence[AccountSnapshot], now: datetime, count: int) -> Iterator[date]:
    """The oldest first; today is any account's that is furthest behind."""
    today = min(read.account.day_of(now) for read in reads)
    return (today - timedelta(days=age) for age in range(count, 0, -1))


def _first_day(accounts: Sequence[Account], at: datetime) -> date:
    return min(account.day_of(at) for account in accounts)


def _moment_of(day: date, accounts: Sequence[Account]) -> datetime:
    """When that day has begun for every account."""
    begins = (datetime.combine(day, _TICK_AT, account.timezone) for account in accounts)
    return max(begins).astimezone(UTC)


def _record_day(world: World, reads: Sequence[AccountSnapshot], at: datetime) -> int:
    case = TickCase(
        circumstances=Circumstances(
            now=at,
            is_auto=mode_in_force(world.store, world.system) == "auto",
            book=world.book,
            rates=world.rates,
        ),
        accounts=tuple(past_case(read, at) for read in reads),
    )
    plan, situations = deliberate(case)
    decided = briefs(plan, situations, world.book)
    world.store.record_past_case(case, decided, at=at)
    return sum(brief.is_granted for brief in decided)


def past_case(read: AccountSnapshot, at: datetime) -> AccountCase:
    """The account as its first tick of that day might have found it, by what is known now: the
    28 days before it, and today's entities as far as they existed. No record of ours: nothing was
    changed, pending or unapproved."""
    day = read.account.day_of(at)
    first_day = day - timedelta(days=HISTORY_DAYS)
    rows: dict[str, Days] = {}
    for ad_id, days in read.days.get(Level.AD, {}).items():
        known = {on: facts for on, facts in days.items() if first_day <= on < day}
        if known:
            rows[ad_id] = known
    parents = {ad_id: read.ad_parents[ad_id] for ad_id in rows}
    snapshot = replace(
        read,
        observed_at=at,
        first_day=first_day,
        campaigns=_existing(read.campaigns.values(), at),
        adsets=_existing(read.adsets.values(), at),
        ads=_existing(read.ads.values(), at),
        days=days_by_level(rows, parents),
        ad_parents=parents,
        activities=None,
    )
    memory = Memory(
        entities={one.id: EntityMemory(budgets_known=True) for one in snapshot.entities()},
        approved_creatives=frozenset(
            ad.creative_id for ad in snapshot.ads.values() if ad.creative_id
        ),
    )
    return AccountCase(snapshot=snapshot, memory=memory, restatements=None)


def _existing(entities: Iterable[E], at: datetime) -> dict[str, E]:
    return {one.id: one for one in entities if one.created_at is None or one.created_at <= at}
