"""Simulated accounts: spend, orders one by one, and the true ROAS behind them.

No setting centres on a default of the estimator but where its name says `plain_impressions`.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np

from meta_autonomous.decision.booking import Restatements
from meta_autonomous.domain.performance import DayFacts, Days

TODAY = date(2026, 3, 1)
HISTORY = 28  # days read
BEFORE = 8  # days before them, whose spend brings orders too
LONGEST = 7  # days within which orders come

Range = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a kind of account is like. Ranges are uniform, drawn once per account."""

    size: int = 150
    centre: tuple[float, float] = (0.588, 0.4)  # log ROAS of the account: mean, deviation
    spread: Range = (0.35, 0.85)
    duds: float = 0.08
    student_t: bool = False
    worth: tuple[float, float] = (4.0, 0.5)  # log order value of the account
    worth_spread: float = 0.25
    worth_follows_roas: float = 0.0
    order_sigma: Range = (0.5, 1.1)
    huge: tuple[float, float] = (0.01, 10.0)  # share of huge orders, and how huge
    larger_later: float = 0.0
    day_noise: Range = (0.15, 0.45)
    account_day_noise: float = 0.12
    drift: float = 0.06
    weekday: float = 0.15
    fast_weight: Range = (0.25, 0.85)
    slow_days: Range = (0.8, 4.5)
    slow_days_by_entity: float = 0.0
    tail: bool = False  # the slow orders come on days 4 to 7
    changed: float = 0.3  # share of entities whose budget changes
    young: float = 0.2
    most_spend: float = 3000.0
    impression_day: bool = False
    has_history: bool = True


@dataclass(frozen=True)
class Shop:
    """One account. Orders stand one per place: whose, of which spend day, when seen, worth."""

    roas: np.ndarray  # (entity, day): the true level, without the luck of days
    spend: np.ndarray  # (entity, day)
    entity: np.ndarray
    day: np.ndarray
    seen: np.ndarray  # moment in days on the scale of `day`
    worth: np.ndarray
    settings: Settings
    names: list[str] = field(default_factory=list)

    @property
    def last(self) -> int:
        """The place of today."""
        return self.spend.shape[1] - 1


def shop(seed: int, settings: Settings, *, later_days: int = 0) -> Shop:
    """The account of a seed, up to a today that has `later_days` more days of history."""
    rng = np.random.default_rng(seed)
    n, days = settings.size, BEFORE + HISTORY + 1 + later_days
    centre = rng.normal(*settings.centre)
    spread = rng.uniform(*settings.spread)
    scatter = rng.standard_t(3, n) / np.sqrt(3.0) if settings.student_t else rng.normal(0, 1, n)
    level = centre - spread**2 / 2 + spread * scatter
    duds = rng.random(n) < settings.duds
    level[duds] = centre + np.log(rng.uniform(0.05, 0.4, duds.sum()))
    walk = np.cumsum(rng.normal(0, settings.drift, (n, days)), axis=1)
    roas = np.exp(level[:, None] + walk - walk[:, -1 - later_days][:, None])

    spend = np.exp(rng.uniform(np.log(5), np.log(settings.most_spend), n))[:, None] * np.exp(
        rng.normal(0, 0.2, (n, days))
    )
    for entity in np.flatnonzero(rng.random(n) < settings.changed):
        spend[entity, rng.integers(days - 15, days - 1) :] *= np.exp(rng.normal(0, 0.6))
    for entity in np.flatnonzero(rng.random(n) < settings.young):
        spend[entity, : days - 1 - later_days - rng.integers(1, 7)] = 0.0

    sd = rng.uniform(*settings.day_noise)
    luck = rng.normal(-(sd**2) / 2, sd, (n, days))
    # A day's luck has mean one, not its logarithm mean zero: the level is what is expected.
    luck += rng.normal(-(settings.account_day_noise**2) / 2, settings.account_day_noise, days)
    weekday = np.exp(rng.uniform(-settings.weekday, settings.weekday, 7))
    luck += np.log(weekday / weekday.mean())[np.arange(days) % 7]
    value = np.exp(
        rng.normal(*settings.worth)
        + rng.normal(0, settings.worth_spread, n)
        - settings.worth_follows_roas * (level - centre)
    )
    count = rng.poisson(spend * roas * np.exp(luck) / value[:, None])
    entity, day = np.nonzero(count)
    repeats = count[entity, day]
    entity, day = np.repeat(entity, repeats), np.repeat(day, repeats)
    delay = _delays(rng, entity, settings, n)
    sigma = rng.uniform(*settings.order_sigma)
    share, times = settings.huge
    worth = np.exp(rng.normal(-(sigma**2) / 2, sigma, len(entity)))
    worth *= np.where(rng.random(len(entity)) < share, times, 1.0) / (1 + share * (times - 1))
    if settings.larger_later:
        slower = (delay / LONGEST) ** 0.5
        worth *= np.exp(settings.larger_later * (slower - slower.mean()))
    return Shop(
        roas,
        spend,
        entity,
        day,
        day + rng.random(len(day)) + delay,
        worth * value[entity],
        settings,
        [f"ad{place:04d}" for place in range(n)],
    )


def _delays(
    rng: np.random.Generator, entity: np.ndarray, settings: Settings, n: int
) -> np.ndarray:
    fast = rng.uniform(*settings.fast_weight)
    slow = np.full(n, rng.uniform(*settings.slow_days))
    slow *= np.exp(rng.normal(0, settings.slow_days_by_entity, n))
    is_fast = rng.random(len(entity)) < fast
    u = rng.random(len(entity))

    def truncated(mean: np.ndarray) -> np.ndarray:
        return -mean * np.log1p(u * np.expm1(-LONGEST / mean))

    late = 4.0 + 3.0 * u if settings.tail else truncated(slow[entity])
    return np.where(is_fast, truncated(np.full(len(entity), 1 / 24)), late)


def rows(shop: Shop, *, now: float) -> dict[str, Days]:
    """What a read at `now` (days, on the scale of the shop's days) finds of the last 28 days."""
    today = int(now)
    n, days = shop.spend.shape
    is_seen = shop.seen <= now
    booked = shop.day if shop.settings.impression_day else shop.seen.astype(int)
    use = is_seen & (booked < today) & (booked >= today - HISTORY)
    key = shop.entity[use] * days + booked[use]
    orders = np.bincount(key, minlength=n * days).reshape(n, days)
    value = np.bincount(key, weights=shop.worth[use], minlength=n * days).reshape(n, days)
    found: dict[str, Days] = {}
    dates = {place: TODAY - timedelta(days=today - place) for place in range(days)}
    for entity, name in enumerate(shop.names):
        found[name] = {
            dates[day]: DayFacts(
                int(shop.spend[entity, day] * 1e6),
                int(value[entity, day] * 1e6),
                int(orders[entity, day]),
                int(shop.spend[entity, day] / 12 * 1000),
            )
            for day in range(today - HISTORY, today)
            if shop.spend[entity, day] > 0 or orders[entity, day]
        }
    return found


def history(shop: Shop, *, now: float) -> Restatements | None:
    """The account's own restatements, as 28 days of daily readings at this hour would show."""
    if not shop.settings.has_history:
        return None
    today = int(now)
    hour = now - today
    settled = (shop.day >= today - HISTORY) & (shop.day < today - 8)
    if not shop.settings.impression_day:
        whole = int(settled.sum())
        return Restatements((whole,) * 7, (whole,) * 7)
    seen, final = [], []
    for age in range(1, 15):
        old_enough = settled & (shop.day + age <= today)
        final.append(int(old_enough.sum()))
        seen.append(int((old_enough & (shop.seen <= shop.day + age + hour)).sum()))
    return Restatements(tuple(seen), tuple(final))
