"""What an order is worth: the account's average, and each entity's own, drawn towards it.

Order values are skewed, and most entities have few orders. So the worth of an entity's orders is
learned from up to 28 days, outliers are capped, and its mean is drawn to the account's average
the more, the fewer its orders are. Money is in micros here; variances are relative to the mean.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date
from math import sqrt

from meta_autonomous.domain.performance import Days

# Each expectation counts for as many orders' or entities' worth of evidence as its weight says.
_EXPECTED_ORDER_VARIANCE, _ORDER_VARIANCE_WEIGHT = 1.0, 50.0
_ORDER_VARIANCE_BOUNDS = (0.1, 16.0)
_EXPECTED_SPREAD, _SPREAD_WEIGHT = 0.09, 20.0
_SPREAD_BOUNDS = (0.01, 1.0)

_CAP_FACTOR = 2.0
_CAP_DEVIATIONS = 4.0

_Rows = dict[str, list[tuple[int, int]]]


@dataclass(frozen=True, slots=True)
class OrderValues:
    """An account's order values, and how far each entity's own may be trusted."""

    average: float  # a0, micros; 0.0 where no order, or no value, has been seen
    order_variance: float  # cv2: of one order's value
    spread: float  # tau_A2: of the entities' mean values
    entities: Mapping[str, tuple[int, float]]  # orders, and their value with outliers capped

    def of_entity(self, entity_id: str) -> tuple[float, float]:
        """A_i in micros, and vA_i, its relative variance."""
        orders, value = self.entities.get(entity_id, (0, 0.0))
        k = self.order_variance / self.spread
        return (value + k * self.average) / (orders + k), self.spread * k / (orders + k)


def order_values(entities: Iterable[tuple[str, Days]], days: AbstractSet[date]) -> OrderValues:
    """The order values of one account's entities, from those of their rows that lie on `days`."""
    rows, value, orders = _rows_with_orders(entities, days)
    average = value / orders if orders else 0.0
    order_variance = _order_variance(rows.values())
    if average <= 0.0:
        return OrderValues(0.0, order_variance, _EXPECTED_SPREAD, {})
    # One huge order is no property of the ad that happened to get it: what exceeds a plausible
    # row is taken from the entity and credited to the whole account.
    deviations = _CAP_DEVIATIONS * sqrt(order_variance)
    capped = {
        entity_id: (
            sum(n for n, _ in entity),
            sum(min(v, _CAP_FACTOR * average * (n + deviations * sqrt(n))) for n, v in entity),
        )
        for entity_id, entity in rows.items()
    }
    kept = sum(v for _, v in capped.values())
    credit = value / kept if kept > 0.0 else 0.0
    credited = {entity_id: (n, v * credit) for entity_id, (n, v) in capped.items()}
    spread = _value_spread(credited.values(), average, order_variance)
    return OrderValues(average, order_variance, spread, credited)


def _rows_with_orders(
    entities: Iterable[tuple[str, Days]], days: AbstractSet[date]
) -> tuple[_Rows, int, int]:
    """Each entity's days with orders as (orders, value), and the account's value and orders.

    Refunds can make a day's value negative: it counts as zero, its orders as orders.
    """
    rows: _Rows = {}
    value = orders = 0
    for entity_id, facts_by_day in entities:
        entity = []
        for day, (_, value_micros, purchases, _) in facts_by_day.items():
            if (purchases > 0 or value_micros > 0) and day in days:
                amount = max(value_micros, 0)
                value += amount
                if purchases > 0:
                    orders += purchases
                    entity.append((purchases, amount))
        if entity:
            entity.sort()  # the float sums must not depend on the mapping's own order
            rows[entity_id] = entity
    return rows, value, orders


def _order_variance(entities: Iterable[Sequence[tuple[int, int]]]) -> float:
    """cv2: the scatter of row means around their entity's mean, scaled to a single order."""
    scatter = 0.0
    freedom = 0
    for rows in entities:
        mean = sum(v for _, v in rows) / sum(n for n, _ in rows)
        if len(rows) > 1 and mean > 0.0:
            freedom += len(rows) - 1
            scatter += sum(n * (v / (n * mean) - 1.0) ** 2 for n, v in rows)
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
        noise = order_variance / orders
        weight = (_EXPECTED_SPREAD / (_EXPECTED_SPREAD + noise)) ** 2
        excess += weight * ((value / (orders * average) - 1.0) ** 2 - noise)
        known += weight
    expected = _SPREAD_WEIGHT * _EXPECTED_SPREAD
    return _within((excess + expected) / (known + _SPREAD_WEIGHT), _SPREAD_BOUNDS)


def _within(value: float, bounds: tuple[float, float]) -> float:
    return min(max(value, bounds[0]), bounds[1])
