"""ROAS as a calibrated probability: from the days of one account's entities to a posterior each.

Raw ROAS misleads four ways: orders come later than the spend that caused them, a few orders are
mostly luck, one large order is not a better ad, and the best and worst of many are extreme by
chance. The estimator answers each: an exposure that allows for delay (`booking`), a count model
with the noise that accounts show, a shrunk order value, and a prior that all entities of one
account and level share (`posterior`). It is an empirical-Bayes posterior on log ROAS; simulation
puts its calibration error at 0.002 to 0.011, where the usual delta method has 0.05 to 0.10.

A posterior never becomes certain (its spread stays near 0.14 on the logarithm): what is asked is
tomorrow's ROAS, and days differ. That is meant, and `explain` says it.

A hundred thousand entities with fourteen days each take two seconds and 170 MB beside their rows,
a thousand 50 ms (`python -m tests.benchmarks core`): what all share (the prior, the delay, the
noise) is learned from an even sample of them, and no numeric library is imported.

Pure and deterministic: entities are worked in the order of their ids, so that the same facts give
the same bits. Statistics are floats; money enters and leaves as whole micros.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from heapq import nsmallest
from itertools import compress
from math import exp
from operator import mul

from meta_autonomous.decision.booking import (
    DEFAULT_DELAY,
    LONGEST_DELAY_DAYS,
    MOST_ENTITIES_FOR_DELAY,
    NO_RESTATEMENTS,
    Booking,
    Restatements,
    Shares,
    SpendAndOrders,
    delayed_spend,
    expected_reported,
    learn_delay,
)
from meta_autonomous.decision.histories import Calendar, Histories, Sums, spend_of_last
from meta_autonomous.decision.order_value import OrderValues, order_values
from meta_autonomous.decision.posterior import (
    Evidence,
    Posterior,
    fit_prior,
    posteriors_of,
)
from meta_autonomous.decision.sampling import evenly_spaced
from meta_autonomous.domain.performance import Days

_MICROS = 1e6

# Noise of the order rate (variances of its logarithm).
_DAY_NOISE, _DAY_NOISE_WEIGHT = 0.0625, 100.0
_DAY_NOISE_RANGE = (0.0025, 0.5)
_FEWEST_ORDERS_FOR_DAY_NOISE = 10
_MOST_ENTITIES_FOR_DAY_NOISE = 500
_ACCOUNT_DAY_NOISE = 0.01  # a day's shock that all entities share
_DRIFT_PER_DAY = 0.0025  # 0.05 squared

_LEAST_FREEDOM = 1e-6

#: Where a day's row holds its own spend's orders and no other day's.
_AT_ONCE: Shares = (1.0, *(0.0,) * LONGEST_DELAY_DAYS)


@dataclass(frozen=True, slots=True)
class Estimate:
    """One entity: the window's raw sums, and what they say of its true ROAS."""

    entity_id: str
    spend_micros: int  # sums over the window's complete days, outage days left out
    value_micros: int
    purchases: int
    impressions: int
    exposure: float  # E: spend whose orders this window holds, major units; may exceed the spend
    orders_at_one: float  # e: orders that a true ROAS of 1.0 would have brought
    lag_adjusted_roas: float | None  # value / exposure; None without exposure
    posterior: Posterior

    @property
    def actual_roas(self) -> Decimal | None:
        """Value / spend as Ads Manager shows it; None without spend."""
        if self.spend_micros <= 0:
            return None
        return Decimal(self.value_micros) / Decimal(self.spend_micros)


@dataclass(frozen=True, slots=True)
class LevelEstimates:
    """One account at one level: each entity's estimate, and what they taught one another."""

    estimates: Mapping[str, Estimate]  # in the order of the ids
    mu: float  # centre of log ROAS over the account's entities
    tau: float  # its spread
    pi: float  # share of duds
    a0: float  # average order value, major units; 0.0 if the account had no order
    booking: Booking
    delay: Shares  # f_0..f_7: share of orders booked k days after the spend
    completeness: tuple[float, ...]  # c_1..c_window: share of a row's orders there at that age
    order_variance: float  # cv2: relative variance of one order's value
    value_spread: float  # tau_A2: relative variance of the order value between entities
    day_noise: float  # s_day2: variance of an entity's log order rate from day to day

    @property
    def average_roas(self) -> float:
        """The ROAS of the account's average entity."""
        return exp(self.mu)

    def average_orders(self, entity_id: str) -> float:
        """The orders that the account's average ad would have brought on this one's exposure.

        For telling a person: "40 purchases where an average ad would have brought 62".
        """
        return self.estimates[entity_id].orders_at_one * self.average_roas


def estimate_level(
    entities: Mapping[str, Days],
    *,
    today: date,
    first_day: date,
    window_days: int = 7,
    restatements: Restatements | None = None,
    order_history_days: int = 28,
    excluded_days: frozenset[date] = frozenset(),
) -> LevelEstimates:
    """Estimate every entity of one account at one level.

    `entities` maps ids to the days that had a row. The window is the `window_days` complete days
    before `today` (the account's own day). `first_day` is the first that the read covered: days
    before it are unknown, days after it without a row had no delivery. `excluded_days` (a tracking
    outage) leave the window's sums and exposure, though their spend still brings later orders.

    Raises ValueError if a number of days is below one.
    """
    if window_days < 1 or order_history_days < 1:
        raise ValueError("window_days and order_history_days must be at least 1")
    calendar = Calendar.of(today, first_day, window_days, order_history_days, excluded_days)
    ids = sorted(entities)
    histories = Histories.of(map(entities.__getitem__, ids), calendar)
    values = order_values(histories.valued(histories.orders), histories.valued(histories.values))
    known = NO_RESTATEMENTS if restatements is None else restatements
    booking = known.booking()
    if booking is Booking.CONVERSION_DAY:
        delay = caused = _learned_delay(histories)
        expected = [1.0] * window_days
    else:
        delay, caused = DEFAULT_DELAY, _AT_ONCE
        expected = [expected_reported(age) for age in range(1, window_days + 1)]
    completeness = tuple(
        known.completeness(age, share) for age, share in enumerate(expected, start=1)
    )
    exposing = _Exposing(calendar, caused, completeness)
    day_variance = _day_noise(histories, exposing)
    windows = _windows(exposing.of(histories.spend))
    evidence = _evidence(windows, histories.sums, values, day_variance)
    prior = fit_prior([entity for entity in evidence if entity.orders_at_one > 0.0])
    estimates = {
        entity_id: Estimate(
            entity_id,
            spend,
            value,
            purchases,
            impressions,
            exposure / _MICROS,
            orders_at_one,
            value / exposure if exposure else None,
            posterior,
        )
        for (
            entity_id,
            (spend, value, purchases, impressions),
            (exposure, _, _),
            (orders_at_one, _, _),
            posterior,
        ) in zip(
            ids,
            histories.sums,
            windows,
            evidence,
            posteriors_of(evidence, prior),
            strict=True,
        )
    }
    return LevelEstimates(
        estimates=estimates,
        mu=prior.mu,
        tau=prior.tau,
        pi=prior.pi,
        a0=values.average / _MICROS,
        booking=booking,
        delay=delay,
        completeness=completeness,
        order_variance=values.order_variance,
        value_spread=values.spread,
        day_noise=day_variance,
    )


# --- The window: exposure, and how noisy its orders are ---------------------------------------


def _learned_delay(histories: Histories) -> Shares:
    """The account's delay, from the entities with most orders (ties by id)."""
    calendar = histories.calendar
    length = max(len(calendar.covered), calendar.needed)
    unread = length - len(calendar.covered)
    last = calendar.booked_from
    booked = [
        place
        for place, is_counted in enumerate(calendar.counted, start=unread)
        if is_counted and place >= length - last
    ]
    if not booked:
        return DEFAULT_DELAY
    ranked = nsmallest(
        MOST_ENTITIES_FOR_DELAY,
        ((-sum(orders[-last:]), place) for place, orders in enumerate(histories.orders) if orders),
    )
    return learn_delay(
        (
            SpendAndOrders(
                spend_of_last(length, histories.spend[place]),
                (*(0,) * unread, *histories.orders[place]),
            )
            for less, place in ranked
            if less
        ),
        booked,
    )


class _Exposing:
    """From an entity's spend to the exposure E_d of each day of the window, oldest first."""

    def __init__(self, calendar: Calendar, caused: Shares, completeness: Sequence[float]) -> None:
        self.caused = caused
        self._needed = calendar.needed
        self._complete = [
            share if is_counted else 0.0
            for share, is_counted in zip(
                reversed(completeness), calendar.counted_window, strict=True
            )
        ]
        self._is_plain = all(share == 1.0 for share in self._complete)

    def of(self, entities: Iterable[Sequence[int]]) -> Iterator[Sequence[float]]:
        """For each entity's spend; in micros, and empty if nothing was spent."""
        needed, caused, is_plain = self._needed, self.caused, self._is_plain
        for spend in entities:
            if not any(spend):
                yield ()
                continue
            exposures = delayed_spend(spend_of_last(needed, spend), caused)
            yield exposures if is_plain else list(map(mul, exposures, self._complete))


#: E in micros; the sum of w_d^2, w_d being each day's part of it; the sum of w_d x age in days.
_Window = tuple[float, float, float]


def _windows(entities: Iterable[Sequence[float]]) -> list[_Window]:
    windows: list[_Window] = []
    for exposures in entities:
        exposure = sum(exposures)
        if exposure > 0.0:
            squares = sum(map(mul, exposures, exposures))
            ages = sum(map(mul, exposures, range(len(exposures), 0, -1)))
            windows.append((exposure, squares / (exposure * exposure), ages / exposure))
        else:
            windows.append((0.0, 0.0, 0.0))
    return windows


def _evidence(
    windows: Sequence[_Window], sums: Sequence[Sums], values: OrderValues, day_variance: float
) -> list[Evidence]:
    if values.average <= 0.0:
        # Without a single order in the account its orders' worth is unknown, and so is the
        # number that its spend should have brought: the prior is all there is.
        return [Evidence(0.0, purchases, 1.0) for _, _, purchases, _ in sums]
    noise_per_day = day_variance + _ACCOUNT_DAY_NOISE
    return [
        Evidence(
            exposure / value,
            purchases,
            value_variance + noise_per_day * concentration + _DRIFT_PER_DAY * age,
        )
        for (exposure, concentration, age), (_, _, purchases, _), (value, value_variance) in zip(
            windows, sums, values.of_entities(), strict=True
        )
    ]


def _day_noise(histories: Histories, exposing: _Exposing) -> float:
    """s_day2 by moments: how an entity's daily orders scatter beyond Poisson around its mean.

    The variance of a spend day's log rate. A day's scatter is known as well as its expected
    orders m allow, and weighs ``(m / (1 + 0.0625 m))^2``. Five hundred entities show it as
    well as all do.
    """
    window_days = histories.calendar.window_days
    telling = [
        place
        for place, (_, _, purchases, _) in enumerate(histories.sums)
        if purchases >= _FEWEST_ORDERS_FOR_DAY_NOISE
    ]
    weighted = whole = 0.0
    rows = 0
    sample = evenly_spaced(telling, _MOST_ENTITIES_FOR_DAY_NOISE)
    exposed = exposing.of(histories.spend[place] for place in sample)
    for place, exposures in zip(sample, exposed, strict=True):
        exposure = sum(exposures)
        if exposure <= 0.0:
            continue
        orders = (*(0,) * window_days, *histories.orders[place])[-window_days:]
        weights = [amount / exposure for amount in exposures]
        squares = sum([w * w for w in weights])
        count = sum(compress(orders, weights))
        for w, n in zip(weights, orders, strict=True):
            # The mean is the entity's own, so a day that carries nearly all of it shows nothing.
            freedom = 1.0 - 2.0 * w + squares
            if w <= 0.0 or freedom < _LEAST_FREEDOM:
                continue
            expected = count * w
            excess = (n - expected) ** 2 - expected * (1.0 - w)
            doubt = 1.0 + _DAY_NOISE * expected
            weighted += excess / (doubt * doubt * freedom)
            whole += (expected / doubt) ** 2
            rows += 1
    if whole <= 0.0:
        return _DAY_NOISE
    # A booked day mixes the luck of the eight days that brought its orders. What it shows of a
    # day's own luck is less by this; the sum over the window loses none of it.
    smoothing = sum(share * share for share in exposing.caused)
    own = weighted / whole / smoothing
    shrunk = (rows * own + _DAY_NOISE_WEIGHT * _DAY_NOISE) / (rows + _DAY_NOISE_WEIGHT)
    return _clipped(shrunk, _DAY_NOISE_RANGE)


def _clipped(value: float, bounds: tuple[float, float]) -> float:
    return min(max(value, bounds[0]), bounds[1])
