"""One account, read whole: Meta's state and our own records made into a situation."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from meta_autonomous.decision.context import Evaluation, Situation
from meta_autonomous.decision.evaluate import HISTORY_DAYS, evaluate, pause_windows
from meta_autonomous.domain.entities import Entity
from meta_autonomous.operations.world import World
from meta_autonomous.ports import ReadPlan

#: A record of the past reaches back far enough when it is this old.
_MEMORY_SPAN = timedelta(hours=25)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    situation: Situation
    pause_window: Callable[[Entity], Evaluation | None]


async def observe(world: World, account_id: str, *, now: datetime) -> Observed:
    """Read the account to the last page and join what is on record of it. Writes nothing.

    Raises PlatformError when the read is not complete: no decision rests on half an account.
    """
    limits = world.book.limits
    plan = ReadPlan(
        days=HISTORY_DAYS,
        window_days=limits.lookback_days,
        with_activities_since=_activities_since(world, account_id, now),
    )
    snapshot = await world.platform.read_account(account_id, plan)
    memory = world.store.memory(
        snapshot, now=now, our_application_id=world.platform.application_id
    )
    if world.store.account(account_id).first_read_at is None:
        # What runs when the system first sees the account is the baseline that people approved.
        creatives = frozenset(ad.creative_id for ad in snapshot.ads.values() if ad.creative_id)
        memory = replace(memory, approved_creatives=memory.approved_creatives | creatives)
    restatements = world.store.restatements(account_id, today=snapshot.today)
    situation = evaluate(
        snapshot, memory, rates=world.rates, limits=limits, restatements=restatements
    )
    return Observed(
        situation=situation, pause_window=pause_windows(situation, limits, restatements)
    )


def _activities_since(world: World, account_id: str, now: datetime) -> datetime | None:
    """From when the activity log is needed: our own record does not reach back 24 hours without
    a gap. What people changed then must count as much as what we saw ourselves."""
    record = world.store.account(account_id)
    gap = timedelta(seconds=2 * world.system.interval_seconds)
    reaches_back = record.first_read_at is not None and now - record.first_read_at >= _MEMORY_SPAN
    is_current = record.last_read_at is not None and now - record.last_read_at <= gap
    return None if reaches_back and is_current else now - _MEMORY_SPAN
