"""Is purchase tracking broken? A test of an account's latest complete days, with a stated error.

The purchases of a day are expected to follow the spend that causes them. Under conversion-day
booking (Meta's rule for web purchases) a day's row is whole at once, and its purchases stem from
the spend of that day and the seven before, by the usual delay of orders. Under impression-day
booking a young row is still filling up, and is expected to hold only what rows of its age hold.
So the latest day is never called low for being young.

Purchases vary from day to day far more than chance alone would have it. The test therefore takes
them as negative binomial, with a spread that the account's own history teaches (shrunk to a
cautious default), widened by what is not known of the account's rate and by how far that may have
moved since. A run of one to seven days is called an outage when so few purchases had a probability
under the false-alarm rate, shared out over the runs looked at, *and* fewer than half of the
expected ones came, also by what like weekdays brought: a bad day is not an outage.

Statistics are floats; nothing here is money.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from math import exp, lgamma, log, log1p
from typing import Final, NamedTuple

from meta_autonomous.decision.booking import (
    DEFAULT_DELAY,
    LONGEST_DELAY_DAYS,
    NO_RESTATEMENTS,
    Booking,
    Restatements,
    delayed_spend,
    expected_reported,
)
from meta_autonomous.decision.context import Outage
from meta_autonomous.domain.entities import AccountSnapshot, Level
from meta_autonomous.domain.performance import DayFacts, Days

#: How often a day of an account whose tracking is whole is called an outage: one in a thousand.
FALSE_ALARM_RATE: Final = 0.001
#: An outage takes at least half of the purchases.
LARGEST_SHARE_LEFT: Final = 0.5
LONGEST_RUN: Final = 7
#: The days before a run that teach its rate and spread: few enough to follow a trend.
HISTORY_DAYS: Final = 14
#: ... and the days whose like weekdays it is compared with, so that a shop which sells nothing on
#: Sundays has no outage every week.
WEEKDAY_HISTORY_DAYS: Final = 28

_FEWEST_HISTORY_DAYS = 7
_FEWEST_PURCHASES = 10
_LEVEL_BEFORE_DAYS = 3  # days with spend that stand for those before the read

# Relative variances of an account's purchases from day to day, beyond Poisson's.
_SPREAD, _SPREAD_WEIGHT = 0.0625, 10.0
_SPREAD_RANGE = (0.02, 4.0)
_LEVEL_SHIFT = 0.03  # how far the rate may have moved since the history


class Day(NamedTuple):
    """One complete day of a whole account."""

    on: date
    exposure: float  # spend whose purchases this day is expected to hold
    purchases: int


@dataclass(frozen=True, slots=True)
class _Run:
    """The latest days of some moment, and how improbable so few purchases were."""

    days: tuple[date, ...]
    expected: float
    expected_by_weekday: float  # by what like weekdays brought
    seen: int
    probability: float


def find_outage(
    snapshot: AccountSnapshot, restatements: Restatements | None = None
) -> Outage | None:
    """The outage that lasts, or lasted until yesterday; None when yesterday was possible."""
    runs = _outages(snapshot, restatements)
    if not runs or runs[-1].days[-1] != snapshot.today - timedelta(days=1):
        return None
    lasting = [runs[-1]]
    for run in reversed(runs[:-1]):
        if run.days[-1] + timedelta(days=1) != lasting[-1].days[0]:
            break
        lasting.append(run)
    return Outage(
        days=tuple(day for run in reversed(lasting) for day in run.days),
        expected_purchases=Decimal(str(round(sum(run.expected for run in lasting), 1))),
        seen_purchases=sum(run.seen for run in lasting),
        probability=Decimal(repr(min(run.probability for run in lasting))),
        false_alarm_rate=Decimal(repr(FALSE_ALARM_RATE)),
    )


def outage_days(
    snapshot: AccountSnapshot, restatements: Restatements | None = None
) -> frozenset[date]:
    """Every complete day on record that an outage took, past ones too: they leave the window."""
    return frozenset(day for run in _outages(snapshot, restatements) for day in run.days)


def _outages(snapshot: AccountSnapshot, restatements: Restatements | None) -> Sequence[_Run]:
    """The outages on record, oldest first, by parts that follow one another."""
    return _outages_among(tuple(days_of(snapshot, restatements or NO_RESTATEMENTS)))


@lru_cache(maxsize=4)
def _outages_among(days: tuple[Day, ...]) -> Sequence[_Run]:
    """Asked twice of every read: what lasts, and which days were lost."""
    return tuple(outages_among(days))


def outages_among(days: Sequence[Day]) -> list[_Run]:
    """Each day is asked about once, as if it were the latest; what is found leaves the history.

    An outage lasts until a day brings its share again: a slow account's single day could never
    prove by itself that it goes on.
    """
    found: list[_Run] = []
    lost: set[date] = set()
    for end in range(1, len(days) + 1):
        known = days[:end]
        if lost and known[-2].on in lost:
            history = [day for day in known[:-1] if day.on not in lost]
            run = _try_run(known[-1:], history)
            is_out = run is not None and _is_low(run)
        else:
            run = _worst_run(known, lost)
            is_out = run is not None
        if run is not None and is_out:
            found.append(run)
            lost.update(run.days)
    return found


def _worst_run(days: Sequence[Day], lost: set[date]) -> _Run | None:
    """The most improbable run that ends with the last of these days, if it is an outage."""
    worst: _Run | None = None
    for length in range(1, LONGEST_RUN + 1):
        run = days[-length:]
        if len(run) < length or run[0].on in lost:
            break
        history = [day for day in days[:-length] if day.on not in lost]
        tried = _try_run(run, history)
        if tried is not None and (worst is None or tried.probability < worst.probability):
            worst = tried
    if worst is None or worst.probability >= FALSE_ALARM_RATE / LONGEST_RUN:
        return None
    return worst if _is_low(worst) else None


def _is_low(run: _Run) -> bool:
    return run.seen < LARGEST_SHARE_LEFT * min(run.expected, run.expected_by_weekday)


def _try_run(run: Sequence[Day], past: Sequence[Day]) -> _Run | None:
    """None when the past is too thin to expect anything."""
    history = past[-HISTORY_DAYS:]
    exposure = sum(day.exposure for day in history)
    purchases = sum(day.purchases for day in history)
    if len(history) < _FEWEST_HISTORY_DAYS or purchases < _FEWEST_PURCHASES or exposure <= 0.0:
        return None
    rate = purchases / exposure
    means = [rate * day.exposure for day in run]
    expected, seen = sum(means), sum(day.purchases for day in run)
    if expected <= 0.0:
        return None
    spread = _spread(history, rate)
    concentration = sum(mean * mean for mean in means) / (expected * expected)
    rate_noise = sum((rate * day.exposure) ** 2 for day in history) / (purchases * purchases)
    noise = spread * concentration + spread * rate_noise + 1.0 / purchases + _LEVEL_SHIFT
    return _Run(
        days=tuple(day.on for day in run),
        expected=expected,
        expected_by_weekday=_by_weekday(run, past[-WEEKDAY_HISTORY_DAYS:]),
        seen=seen,
        probability=at_most(seen, expected, noise),
    )


def _by_weekday(run: Sequence[Day], past: Sequence[Day]) -> float:
    expected = 0.0
    for day in run:
        alike = [other for other in past if other.on.weekday() == day.on.weekday()]
        exposure = sum(other.exposure for other in alike)
        if exposure > 0.0:
            expected += day.exposure * sum(other.purchases for other in alike) / exposure
    return expected


def _spread(history: Sequence[Day], rate: float) -> float:
    """The relative variance of a day's purchases beyond Poisson's, by moments, shrunk."""
    means = [rate * day.exposure for day in history]
    weight = sum(mean * mean for mean in means)
    excess = sum(
        (day.purchases - mean) ** 2 - mean for day, mean in zip(history, means, strict=True)
    )
    default_weight = _SPREAD_WEIGHT * weight / len(history)
    spread = (excess + _SPREAD * default_weight) / (weight + default_weight)
    low, high = _SPREAD_RANGE
    return min(max(spread, low), high)


# --- what each day was expected to hold ---------------------------------------------------------


def days_of(snapshot: AccountSnapshot, restatements: Restatements) -> list[Day]:
    """The account's complete days that were read, oldest first."""
    return account_days(
        snapshot.telling_days(Level.CAMPAIGN).values(),
        first_day=snapshot.first_day,
        today=snapshot.today,
        restatements=restatements,
        missing=snapshot.missing_days,
    )


def account_days(
    entities: Iterable[Days],
    *,
    first_day: date,
    today: date,
    restatements: Restatements,
    missing: AbstractSet[date] = frozenset(),
) -> list[Day]:
    """The complete days of an account whose entities these are, less those that are missing."""
    spent, bought = _totals(entities)
    dates = [first_day + timedelta(days=step) for step in range(max((today - first_day).days, 0))]
    spend = [float(spent[day]) for day in dates]
    exposures = _exposures(spend, restatements)
    return [
        Day(day, exposure, bought[day])
        for day, exposure in zip(dates, exposures, strict=True)
        if day not in missing
    ]


def _exposures(spend: Sequence[float], restatements: Restatements) -> list[float]:
    if restatements.booking() is Booking.IMPRESSION_DAY:
        ages = range(len(spend), 0, -1)
        return [
            amount * restatements.completeness(age, expected_reported(age))
            for amount, age in zip(spend, ages, strict=True)
        ]
    level = [amount for amount in spend if amount > 0.0][:_LEVEL_BEFORE_DAYS]
    before = sum(level) / len(level) if level and spend[0] > 0.0 else 0.0
    filled = [before] * LONGEST_DELAY_DAYS + list(spend)
    return delayed_spend(filled, DEFAULT_DELAY)


def _totals(entities: Iterable[Mapping[date, DayFacts]]) -> tuple[Counter[date], Counter[date]]:
    """The account's spend in micros and its purchases, by day."""
    spent: Counter[date] = Counter()
    bought: Counter[date] = Counter()
    for days in entities:
        for day, facts in days.items():
            spent[day] += facts.spend_micros
            bought[day] += facts.purchases
    return spent, bought


# --- the tail -----------------------------------------------------------------------------------


def at_most(seen: int, expected: float, noise: float) -> float:
    """P(N <= seen) of a negative binomial N with mean `expected` and relative variance `noise`.

    Its variance is ``expected + noise * expected**2``. By the regularised incomplete beta
    function, ``I_p(1/noise, seen + 1)`` with ``p = 1 / (1 + noise * expected)``.
    """
    if seen < 0:
        return 0.0
    size = 1.0 / noise
    share = 1.0 / (1.0 + noise * expected)
    return _incomplete_beta(size, seen + 1.0, share)


_MOST_TERMS = 10_000
_TINY = 1e-300
_CLOSE = 1e-14


def _incomplete_beta(a: float, b: float, x: float) -> float:
    """I_x(a, b) by its continued fraction (DLMF 8.17.22), taken on the side where it is quick."""
    if x >= 1.0:
        return 1.0
    if x > (a + 1.0) / (a + b + 2.0):
        return 1.0 - _incomplete_beta(b, a, 1.0 - x)
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x)) / a
    fraction, c, d = 1.0, 1.0, 0.0  # Lentz's method
    for term in range(_MOST_TERMS):
        half = term // 2
        if term == 0:
            numerator = 1.0
        elif term % 2 == 0:
            numerator = half * (b - half) * x / ((a + term - 1.0) * (a + term))
        else:
            numerator = -(a + half) * (a + b + half) * x / ((a + term - 1.0) * (a + term))
        d = 1.0 / _away_from_zero(1.0 + numerator * d)
        c = _away_from_zero(1.0 + numerator / c)
        fraction *= c * d
        if abs(1.0 - c * d) < _CLOSE:
            break
    return min(max(front * (fraction - 1.0), 0.0), 1.0)


def _away_from_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
