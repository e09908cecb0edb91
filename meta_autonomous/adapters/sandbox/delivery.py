"""Time passing: ads spend their budgets, people click, buy now or days later.

Delivery runs in steps of an hour (whole days while the opening world's past is made). A budget is
paced against the intraday profile towards the day's target. Orders are booked in the hour in which
they happen, as Meta reports them, so a paused ad still earns for days, and a young ad looks poor.
"""

import json
import sqlite3
from bisect import bisect
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Final
from zoneinfo import ZoneInfo

from meta_autonomous.adapters.sandbox import changes, physics, store
from meta_autonomous.adapters.sandbox.stage import HOUR, Holder, Stage, flush, load
from meta_autonomous.adapters.sandbox.store import Node

WEEK: Final = 7 * 86_400
_SATURDAY: Final = 5


def run(db: sqlite3.Connection, until: int, *, by_day_until: int = 0) -> None:
    """Advance the world's clock to `until` (unix seconds), scheduled events included.

    Before `by_day_until` a step is a whole day: coarser, and fast enough for weeks of history.
    """
    now: int = store.setting(db, "now")
    while True:
        due = db.execute("SELECT id, at, deed FROM event ORDER BY at, id LIMIT 1").fetchone()
        stop = until if due is None else min(until, max(now, due[1]))
        if stop > now:
            for account in store.nodes(db, "kind = 'account'"):
                _deliver(db, account, now, stop, by_day_until)
            now = stop
        if due is None or due[1] > now:
            break
        db.execute("DELETE FROM event WHERE id = ?", (due[0],))
        changes.perform(db, json.loads(due[2]), at=now)
    store.set_setting(db, "now", now)


def _deliver(
    db: sqlite3.Connection, account: Node, start: int, stop: int, by_day_until: int
) -> None:
    stage = load(db, account, start)
    at = start
    while at < stop:
        midnight = _next_midnight(at, stage.zone)
        end = midnight if at < by_day_until else at // HOUR * HOUR + HOUR
        if at < by_day_until:
            end = min(end, by_day_until)
        end = min(end, midnight, stop)
        _step(stage, at, end, midnight)
        _book(stage, (end - 1) // HOUR)
        _leave_learning(stage, end)
        at = end
    flush(db, stage)


def _step(stage: Stage, start: int, end: int, midnight: int) -> None:
    """Delivery of one stretch of time within one of the account's days."""
    day = stage.day_of(start // HOUR)
    hours = _local_hours(start, end, stage.zone)
    now_mass = physics.mass(hours)
    left_mass = physics.mass(_local_hours(start, midnight, stage.zone))
    starts = [max(start, hour * HOUR) for hour in range(start // HOUR, (end - 1) // HOUR + 1)]
    steps = list(accumulate(physics.PROFILE[hour] * share for hour, share in hours))
    mood = physics.around(physics.draws(stage.seed, "account", stage.account, day), 1.0, 0.06)
    for holder in stage.holders:
        if holder.ends_at is not None and start >= holder.ends_at:
            continue
        spent = stage.spent.get((holder.id, day), 0)
        luck = physics.around(physics.draws(stage.seed, "holder", holder.id, day), 1.0, 0.05)
        target = luck * _target(stage, holder, day, start)
        # The first term keeps an ad resumed at night from spending a whole day's budget at once.
        amount = min(1.8 * target * now_mass, max(0.0, target - spent) * now_mass / left_mass)
        weight = sum(ad.weight for ad in holder.ads)
        for ad in holder.ads:
            rng = physics.draws(stage.seed, "ad", ad.id, start)
            share = ad.weight / weight
            spend = physics.whole(rng, amount * share * physics.around(rng, 1.0, 0.1))
            spent += spend
            impressions = physics.whole(
                rng, spend / (ad.cpm * physics.around(rng, 1.0, 0.05)) * 1000
            )
            clicks = min(impressions, physics.whole(rng, impressions * ad.ctr))
            leads = physics.poisson(rng, spend / ad.cost_per_lead) if ad.cost_per_lead else 0
            if spend or impressions:
                row = [spend, impressions, clicks, physics.whole(rng, clicks * 0.72), 0, 0, leads]
                stage.add(ad.id, day, row)
            if ad.roas <= 0 or spend <= 0:
                continue
            fortune = physics.around(
                physics.draws(stage.seed, "fortune", ad.id, day), 1.0, ad.noise
            )
            roas = ad.roas * mood * fortune * physics.diminished(target * share, ad.reference)
            if ad.adset in stage.learning:
                roas *= physics.LEARNING_EFFICIENCY
            for _ in range(physics.poisson(rng, spend * roas / ad.order_value)):
                clicked = starts[min(bisect(steps, rng.random() * now_mass), len(starts) - 1)]
                ordered = clicked + rng.random() * min(HOUR, end - start)
                hour = int(ordered + physics.order_delay(rng)) // HOUR
                value = max(1, round(physics.around(rng, ad.order_value, ad.order_sigma)))
                order = stage.pending.setdefault(hour, {}).setdefault(ad.id, [0, 0])
                order[0] += 1
                order[1] += value
        stage.spent[holder.id, day] = spent


def _target(stage: Stage, holder: Holder, day: int, at: int) -> float:
    """What the budget allows for this day, before luck."""
    if holder.lifetime is not None and holder.ends_at is not None:
        used = stage.spent_before[holder.id] + sum(
            spend
            for (owner, other), spend in stage.spent.items()
            if owner == holder.id and other != day
        )
        days_left = max(1.0, (holder.ends_at - at) / 86_400 + _part_of_day(at, stage.zone))
        return max(0.0, holder.lifetime - used) / days_left
    target = min(holder.daily or 0.0, holder.capacity)
    is_weekend = (day - 1) % 7 >= _SATURDAY  # ordinal 1 was a Monday
    return target * holder.weekend_factor if is_weekend else target


def _book(stage: Stage, last_hour: int) -> None:
    """Orders whose time has come appear in the reports of their day."""
    for hour in sorted(hour for hour in stage.pending if hour <= last_hour):
        day = stage.day_of(hour)
        for ad, (purchases, value) in stage.pending.pop(hour).items():
            stage.add(ad, day, [0, 0, 0, 0, purchases, value, 0])
            if (adset := stage.learning.get(stage.parents[ad][0])) is not None:
                adset.fields["learning_stage_info"]["conversions"] += purchases
                stage.learned[adset.id] = adset


def _leave_learning(stage: Stage, at: int) -> None:
    for adset in list(stage.learning.values()):
        info = adset.fields["learning_stage_info"]
        if info["conversions"] >= physics.LEARNING_CONVERSIONS:
            info.update(status="SUCCESS", conversions=0)
        elif at - info["last_sig_edit_ts"] > WEEK:
            info["status"] = "FAIL"  # "learning limited"
        else:
            continue
        stage.learned[adset.id] = stage.learning.pop(adset.id)


def _local_hours(start: int, end: int, zone: ZoneInfo) -> list[tuple[int, float]]:
    """(local hour, covered fraction) of each UTC hour that [start, end) touches."""
    return [
        (
            datetime.fromtimestamp(hour * HOUR, zone).hour,
            (min(end, (hour + 1) * HOUR) - max(start, hour * HOUR)) / HOUR,
        )
        for hour in range(start // HOUR, (end - 1) // HOUR + 1)
    ]


def _next_midnight(at: int, zone: ZoneInfo) -> int:
    day = datetime.fromtimestamp(at, zone).date() + timedelta(days=1)
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp())


def _part_of_day(at: int, zone: ZoneInfo) -> float:
    local = datetime.fromtimestamp(at, zone)
    return (local.hour * HOUR + local.minute * 60 + local.second) / 86_400
