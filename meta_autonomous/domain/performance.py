"""What an entity delivered, by day of its ad account's time zone."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple


class DayFacts(NamedTuple):
    """One entity's delivery on one day. A tuple, because an account has hundreds of thousands."""

    spend_micros: int
    value_micros: int  # purchase value; refunds may make it negative
    purchases: int
    impressions: int

    def plus(self, other: "DayFacts") -> "DayFacts":
        return DayFacts(*map(sum, zip(self, other, strict=True)))


NOTHING = DayFacts(0, 0, 0, 0)

#: A day that is absent had no delivery, provided the read covered it.
Days = Mapping[date, DayFacts]


def total(days: Days, wanted: Iterable[date]) -> DayFacts:
    """The sum over the wanted days."""
    spend = value = purchases = impressions = 0
    for day in wanted:
        facts = days.get(day)
        if facts is not None:
            spend += facts.spend_micros
            value += facts.value_micros
            purchases += facts.purchases
            impressions += facts.impressions
    return DayFacts(spend, value, purchases, impressions)


def complete_days(today: date, count: int) -> tuple[date, ...]:
    """The `count` complete days before today, oldest first (Meta's ``last_7d`` excludes today)."""
    return tuple(today - timedelta(days=age) for age in range(count, 0, -1))


def roas(facts: DayFacts) -> Decimal | None:
    """Total purchase value over total spend; None without spend (unknown is not zero)."""
    if facts.spend_micros <= 0:
        return None
    return Decimal(facts.value_micros) / Decimal(facts.spend_micros)
