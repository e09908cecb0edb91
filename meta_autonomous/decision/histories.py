"""An account's entities over the days that matter: who spent, sold and earned what on which day.

Everything stands in columns by entity, in the order of their ids, and in plain tuples: an account
may have a hundred thousand entities, and the estimator's time goes into handling them, not into
its arithmetic. Money is in micros.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import compress
from typing import Final

from meta_autonomous.decision.booking import LONGEST_DELAY_DAYS
from meta_autonomous.domain.day_table import columns_of
from meta_autonomous.domain.performance import Days

#: Days with spend that stand for those before the read.
LEVEL_BEFORE_DAYS: Final = 3

#: Spend, purchase value, purchases, impressions.
Sums = tuple[int, int, int, int]

_NO_SUMS: Final[Sums] = (0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Calendar:
    """The days that matter, oldest first; yesterday is the last, age 1."""

    covered: tuple[date, ...]  # by the read
    counted: tuple[bool, ...]  # of these, False for an outage's days
    window_days: int
    value_days: int  # the last days from which order values are learned

    @classmethod
    def of(
        cls,
        today: date,
        first_day: date,
        window_days: int,
        value_days: int,
        excluded: frozenset[date],
    ) -> "Calendar":
        # The window's first day still holds orders of the seven days before it.
        length = min(max(window_days + LONGEST_DELAY_DAYS, value_days), (today - first_day).days)
        covered = tuple(today - timedelta(days=age) for age in range(length, 0, -1))
        return cls(covered, tuple(day not in excluded for day in covered), window_days, value_days)

    @property
    def needed(self) -> int:
        """How many of the last days the window's exposure is made of."""
        return self.window_days + LONGEST_DELAY_DAYS

    @property
    def counted_window(self) -> tuple[bool, ...]:
        """Of each of the window's days, whether it was read and counts."""
        unread = (False,) * self.window_days
        return (*unread, *self.counted)[-self.window_days :]

    @property
    def booked_from(self) -> int:
        """How many of the last days, at most, hold orders whose causes are known or filled in.

        A day counts if the seven days before it were read; the window's days always do.
        """
        known = len(self.covered)
        return min(known, max(known - LONGEST_DELAY_DAYS, self.window_days))


@dataclass(frozen=True, slots=True)
class Histories:
    """Each entity's covered days; the columns of one without a row are empty."""

    calendar: Calendar
    spend: Sequence[Sequence[int]]
    orders: Sequence[Sequence[int]]
    values: Sequence[Sequence[int]]  # never below zero: a refund's day counts as nothing
    sums: Sequence[Sums]  # over the window's counted days, refunds and all

    @classmethod
    def of(cls, entities: Iterable[Days], calendar: Calendar) -> "Histories":
        covered, first = calendar.covered, -calendar.window_days
        counted = calendar.counted[first:]
        has_gaps = not all(counted)
        spends: list[Sequence[int]] = []
        sold: list[Sequence[int]] = []
        worths: list[Sequence[int]] = []
        sums: list[Sums] = []
        for days in entities:
            if not days or not covered:
                spends.append(())
                sold.append(())
                worths.append(())
                sums.append(_NO_SUMS)
                continue
            spend, values, orders, impressions = columns_of(days, covered)
            window: list[Sequence[int]] = [
                spend[first:],
                values[first:],
                orders[first:],
                impressions[first:],
            ]
            if has_gaps:
                window = [tuple(compress(column, counted)) for column in window]
            sums.append((sum(window[0]), sum(window[1]), sum(window[2]), sum(window[3])))
            spends.append(spend)
            sold.append(orders)
            worths.append(values if min(values) >= 0 else tuple(max(v, 0) for v in values))
        return cls(calendar, spends, sold, worths, sums)

    def valued(self, column: Sequence[Sequence[int]]) -> Sequence[Sequence[int]]:
        """A column's days from which order values are learned."""
        first = -self.calendar.value_days
        counted = self.calendar.counted[first:]
        if not all(counted):
            return [tuple(compress(days[first:], counted)) for days in column]
        if len(self.calendar.covered) > self.calendar.value_days:
            return [days[first:] for days in column]
        return column


def spend_of_last(days: int, spend: Sequence[int]) -> list[float]:
    """An entity's spend on each of the last so many days, those before the read filled in.

    Where a read begins inside the days that the window's exposure needs, an entity that spends on
    its first day is not young: it was simply not read before. Its first three days with spend
    then stand for what came before; counted as zero it would seem to owe its orders to nothing.
    """
    last = list(map(float, spend[-days:]))
    missing = days - len(last)
    if missing <= 0:
        return last
    before = 0.0
    if last and last[0] > 0.0:
        first = [amount for amount in last if amount > 0.0][:LEVEL_BEFORE_DAYS]
        before = sum(first) / len(first)
    return [before] * missing + last
