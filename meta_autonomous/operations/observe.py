"""One account, read whole: Meta's state and our own records made into a situation."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from meta_autonomous.decision.context import Evaluation, Situation
from meta_autonomous.decision.evaluate import HISTORY_DAYS
from meta_autonomous.decision.tick_case import AccountCase, Prepared, prepare
from meta_autonomous.domain.entities import AccountSnapshot, Entity
from meta_autonomous.operations.world import World
from meta_autonomous.ports.platform import ReadPlan

#: A record of the past reaches back far enough when it is this old.
_MEMORY_SPAN = timedelta(hours=25)
#: Complete days whose rows an order may still change: it is credited to a click up to seven days
#: old, and reported up to a day late; one more for safety. Meta restates older ones seldom, and
#: the first read of each day finds that.
RECENT_DAYS: Final = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """An account as this run sees it. `read` is what Meta was asked for just now; `prepared` rests
    on all of the 28 days."""

    read: AccountSnapshot
    prepared: Prepared

    @property
    def case(self) -> AccountCase:
        return self.prepared.case

    @property
    def situation(self) -> Situation:
        return self.prepared.situation

    @property
    def pause_window(self) -> Callable[[Entity], Evaluation | None]:
        return self.prepared.pause_window


async def observe(world: World, account_id: str, *, now: datetime) -> Observed:
    """Read the account to the last page and join what is on record of it. Writes nothing.

    The first read of the account's day takes all 28 days; later ones take the days that can still
    change, and the rest from the database.

    Raises PlatformError when the read is not complete: no decision rests on half an account.
    """
    record = world.store.account(account_id)
    plan = ReadPlan(
        days=HISTORY_DAYS,
        window_days=world.book.limits.lookback_days,
        recent_days=RECENT_DAYS,
        complete_on=record.last_full_read_on,
        with_activities_since=_activities_since(world, account_id, now),
        known_ads=world.store.count_ads(account_id),
    )
    read = await world.platform.read_account(account_id, plan)
    snapshot = _with_stored_days(world, read)
    memory = world.store.memory(
        snapshot, now=now, our_application_id=world.platform.application_id
    )
    if record.first_read_at is None:
        # What runs when the system first sees the account is the baseline that people approved.
        creatives = frozenset(ad.creative_id for ad in snapshot.ads.values() if ad.creative_id)
        memory = replace(memory, approved_creatives=memory.approved_creatives | creatives)
    case = AccountCase(
        snapshot=snapshot,
        memory=memory,
        restatements=world.store.restatements(account_id, today=snapshot.today),
    )
    prepared = prepare(case, limits=world.book.limits, rates=world.rates)
    return Observed(read=read, prepared=prepared)


def is_whole(read: AccountSnapshot) -> bool:
    """Whether later reads of the same day may rest on it: it covers all days, and nothing in it
    was odd. (An odd row's purchases are not known, and the database has no word for that.)"""
    first_day = read.today - timedelta(days=HISTORY_DAYS)
    return read.first_day <= first_day and not (read.skipped or read.missing_days)


def _with_stored_days(world: World, read: AccountSnapshot) -> AccountSnapshot:
    first_day = read.today - timedelta(days=HISTORY_DAYS)
    if read.first_day <= first_day:
        return read
    account_id = read.account.id
    earlier = world.store.stored_days(
        account_id, since=first_day, until=read.first_day - timedelta(days=1)
    )
    return read.with_days_before(first_day, earlier, world.store.ad_parents(account_id))


def _activities_since(world: World, account_id: str, now: datetime) -> datetime | None:
    """From when the activity log is needed: our own record does not reach back 24 hours without
    a gap. What people changed then must count as much as what we saw ourselves."""
    record = world.store.account(account_id)
    gap = timedelta(seconds=2 * world.system.interval_seconds)
    reaches_back = record.first_read_at is not None and now - record.first_read_at >= _MEMORY_SPAN
    is_current = record.last_read_at is not None and now - record.last_read_at <= gap
    return None if reaches_back and is_current else now - _MEMORY_SPAN
