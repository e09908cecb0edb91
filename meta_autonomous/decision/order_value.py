"""What an order is worth: the account's average, and each entity's own, drawn towards it.

Order values are skewed, and most entities have few orders. So the worth of an entity's orders is
learned from up to 28 days, outliers are capped, and its mean is drawn to the account's average
the more, the fewer its orders are. Money is in micros here; variances are relative to the mean.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import compress
from math import sqrt
from operator import mul, truediv

from meta_autonomous.decision.sampling import evenly_spaced

# Each expectation counts for as many orders' or entities' worth of evidence as its weight says.
_EXPECTED_ORDER_VARIANCE, _ORDER_VARIANCE_WEIGHT = 1.0, 50.0
_ORDER_VARIANCE_BOUNDS = (0.1, 16.0)
_EXPECTED_SPREAD, _SPREAD_WEIGHT = 0.09, 20.0
_SPREAD_BOUNDS = (0.01, 1.0)

#: Five hundred entities show how single orders scatter as well as all do.
_MOST_ENTITIES_FOR_VARIANCE = 500

_CAP_FACTOR = 2.0
_CAP_DEVIATIONS = 4.0


@dataclass(frozen=True, slots=True)
class OrderValues:
    """An account's order values, and how far each entity's own may be trusted."""

    average: float  # a0, micros; 0.0 where no order, or no value, has been seen
    order_variance: float  # cv2: of one order's value
    spread: float  # tau_A2: of the entities' mean values
    entities: Sequence[tuple[int, float]]  # orders, and their value with outliers capped

    def of_entities(self) -> list[tuple[float, float]]:
        """A_i in micros, and vA_i, its relative variance, for each entity in its place."""
        k = self.order_variance / self.spread
        prior, doubt = k * self.average, k * self.spread
        return [((value + prior) / (n + k), doubt / (n + k)) for n, value in self.entities]


def order_values(orders: Sequence[Sequence[int]], values: Sequence[Sequence[int]]) -> OrderValues:
    """The order values of one account's entities, from each one's orders and value by day.

    Values are in micros and not negative; an entity without rows has two empty columns.
    """
    counts = [sum(column) for column in orders]
    worths = [sum(column) for column in values]
    count, value = sum(counts), sum(worths)
    average = value / count if count else 0.0
    selling = [place for place, n in enumerate(counts) if n]
    telling = evenly_spaced(selling, _MOST_ENTITIES_FOR_VARIANCE)
    order_variance = _order_variance((orders[place], values[place]) for place in telling)
    if average <= 0.0:
        return OrderValues(0.0, order_variance, _EXPECTED_SPREAD, [(n, 0.0) for n in counts])
    # One huge order is no property of the ad that happened to get it: what exceeds a plausible
    # row is taken from the entity and credited to the whole account.
    plausible = _CAP_FACTOR * average
    deviations = _CAP_DEVIATIONS * sqrt(order_variance)
    capped = [
        _capped(sold, worth, plausible, deviations) if n else 0.0
        for sold, worth, n in zip(orders, values, counts, strict=True)
    ]
    kept = sum(capped)
    credit = value / kept if kept > 0.0 else 0.0
    credited = [(n, v * credit) for n, v in zip(counts, capped, strict=True)]
    spread = _value_spread(credited, average, order_variance)
    return OrderValues(average, order_variance, spread, credited)


def _capped(
    orders: Sequence[int], values: Sequence[int], plausible: float, deviations: float
) -> float:
    """An entity's value of its days with orders, without what exceeds a plausible day.

    A day of n orders is plausible up to ``plausible x (n + deviations x sqrt(n))``.
    """
    if 0 in orders:
        values = tuple(compress(values, orders))
        orders = tuple(filter(None, orders))
    # Nearly no day is capped: none whose orders are of common value, or whose value is that of
    # a single plausible order.
    if max(values) <= plausible * (1.0 + deviations):
        return sum(values)
    if max(map(truediv, values, orders)) <= plausible:
        return sum(values)
    return sum(
        min(v, plausible * (n + deviations * sqrt(n))) for n, v in zip(orders, values, strict=True)
    )


def _order_variance(entities: Iterable[tuple[Sequence[int], Sequence[int]]]) -> float:
    """cv2: the scatter of row means around their entity's mean, scaled to a single order.

    ``sum n (v / (n mean) - 1)^2`` over an entity's rows of n orders worth v, which comes to
    ``sum(v^2 / n) / mean^2 - sum n``.
    """
    scatter = 0.0
    freedom = 0
    for orders, values in entities:
        sold = tuple(filter(None, orders))
        worth = tuple(compress(values, orders))
        count, value = sum(sold), sum(worth)
        if len(sold) > 1 and value > 0:
            freedom += len(sold) - 1
            squares = sum(map(mul, worth, map(truediv, worth, sold)))
            scatter += max(squares * (count / value) ** 2 - count, 0.0)
    expected = _ORDER_VARIANCE_WEIGHT * _EXPECTED_ORDER_VARIANCE
    return _within(
        (scatter + expected) / (freedom + _ORDER_VARIANCE_WEIGHT), _ORDER_VARIANCE_BOUNDS
    )


def _value_spread(
    entities: Iterable[tuple[int, float]], average: float, order_variance: float
) -> float:
    """tau_A2 by moments: how the entities' mean values scatter beyond their own noise.

    An entity counts by how well its mean is known (1 if exactly), so that the many with two or
    three orders do not drown the few that tell.
    """
    excess = known = 0.0
    for orders, value in entities:
        if not orders:
            continue
        noise = order_variance / orders
        weight = (_EXPECTED_SPREAD / (_EXPECTED_SPREAD + noise)) ** 2
        excess += weight * ((value / (orders * average) - 1.0) ** 2 - noise)
        known += weight
    expected = _SPREAD_WEIGHT * _EXPECTED_SPREAD
    return _within((excess + expected) / (known + _SPREAD_WEIGHT), _SPREAD_BOUNDS)


def _within(value: float, bounds: tuple[float, float]) -> float:
    return min(max(value, bounds[0]), bounds[1])
