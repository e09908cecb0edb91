"""Days of an entity side by side in one array: a large account has millions of them."""

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from operator import add
from typing import Final, TypeVar, overload

from meta_autonomous.domain.performance import NOTHING, DayFacts, Days

#: Whole numbers from -2^63 to 2^63 - 1.
_KIND: Final = "q"
_WIDTH: Final = len(DayFacts._fields)

T = TypeVar("T")


class DayTable(Mapping[date, DayFacts]):
    """Facts by day, as `Days`, in a seventh of the room of a dict.

    A day of nothing but zeros is no day of it: without a row there was no delivery. It is filled
    while it is put together; from then on nobody writes to it. `numbers` holds the four facts of
    each day in turn, from the day whose ordinal is `first_ordinal`.
    """

    __slots__ = ("first_ordinal", "numbers")

    def __init__(self, first: date, days: int) -> None:
        """No delivery on the days from `first` on, and room for it on so many."""
        self.first_ordinal = first.toordinal()
        self.numbers = array(_KIND, bytes(8 * _WIDTH * days))

    def put(self, day: date, facts: DayFacts) -> None:
        """Raises OverflowError for a number that has no room, IndexError for a day without."""
        at = (day.toordinal() - self.first_ordinal) * _WIDTH
        if at < 0:  # it would count from the end
            raise IndexError(f"{day} is before the first day of the table")
        numbers = self.numbers
        numbers[at], numbers[at + 1], numbers[at + 2], numbers[at + 3] = facts

    def take(self, days: Days) -> None:
        """The rows of another, as far as there is room for their days."""
        if isinstance(days, DayTable):
            skipped = (days.first_ordinal - self.first_ordinal) * _WIDTH
            if 0 <= skipped <= len(self.numbers) - len(days.numbers):
                whole = self.numbers[skipped : skipped + len(days.numbers)]
                if not any(whole):
                    self.numbers[skipped : skipped + len(days.numbers)] = days.numbers
                    return
        room = len(self.numbers) // _WIDTH
        for day, facts in days.items():
            if 0 <= day.toordinal() - self.first_ordinal < room:
                self.put(day, facts)

    def plus(self, other: "DayTable") -> "DayTable":
        """Both added up. Raises OverflowError; ValueError unless they cover the same days."""
        if (self.first_ordinal, len(self.numbers)) != (other.first_ordinal, len(other.numbers)):
            raise ValueError("the tables cover different days")
        both = DayTable.__new__(DayTable)
        both.first_ordinal = self.first_ordinal
        both.numbers = array(_KIND, map(add, self.numbers, other.numbers))
        return both

    def columns(self, days: Sequence[date]) -> tuple[Sequence[int], ...]:
        """Spend, value, purchases and impressions of the days, which follow one another."""
        if not days:
            return ((),) * _WIDTH
        start = days[0].toordinal() - self.first_ordinal
        end = start + len(days)
        if start < 0 or end * _WIDTH > len(self.numbers):
            return columns_of(dict(self), days)
        return tuple(
            self.numbers[start * _WIDTH + place : end * _WIDTH : _WIDTH] for place in range(_WIDTH)
        )

    def __getitem__(self, day: date) -> DayFacts:
        at = (day.toordinal() - self.first_ordinal) * _WIDTH
        if at >= 0:
            found = self.numbers[at : at + _WIDTH]
            if any(found):
                return DayFacts._make(found)
        raise KeyError(day)

    @overload
    def get(self, day: date, /) -> DayFacts | None: ...
    @overload
    def get(self, day: date, /, default: DayFacts | T) -> DayFacts | T: ...
    def get(self, day: date, /, default: object = None) -> object:
        at = (day.toordinal() - self.first_ordinal) * _WIDTH
        if at >= 0:
            found = self.numbers[at : at + _WIDTH]
            if any(found):
                return DayFacts._make(found)
        return default

    def __contains__(self, day: object) -> bool:
        return isinstance(day, date) and self.get(day) is not None

    def __iter__(self) -> Iterator[date]:
        numbers = self.numbers
        for place in range(len(numbers) // _WIDTH):
            if any(numbers[place * _WIDTH : (place + 1) * _WIDTH]):
                yield date.fromordinal(self.first_ordinal + place)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __bool__(self) -> bool:
        return any(self.numbers)

    def __repr__(self) -> str:
        return f"DayTable({dict(self)!r})"


def columns_of(days: Days, wanted: Sequence[date]) -> tuple[Sequence[int], ...]:
    """`DayTable.columns` of any rows."""
    if isinstance(days, DayTable):
        return days.columns(wanted)
    return tuple(zip(*[days.get(day, NOTHING) for day in wanted], strict=True))


def joined(parts: Sequence[Days], first: date, last: date) -> Days:
    """The rows of several days' parts, from `first` to `last`; a later part's count."""
    table = DayTable(first, (last - first).days + 1)
    try:
        for days in parts:
            table.take(days)
    except OverflowError:
        whole = {day: facts for days in parts for day, facts in days.items()}
        return {day: facts for day, facts in whole.items() if first <= day <= last}
    return table


def added_up(parts: Iterable[Days]) -> Days:
    """The sum of several entities' rows, day by day."""
    found: Days | None = None
    for days in parts:
        found = days if found is None else _sum(found, days)
    return {} if found is None else found


def _sum(one: Days, other: Days) -> Days:
    if isinstance(one, DayTable) and isinstance(other, DayTable):
        try:
            return one.plus(other)
        except (OverflowError, ValueError):
            pass
    sums = dict(one)
    for day, facts in other.items():
        there = sums.get(day)
        sums[day] = facts if there is None else there.plus(facts)
    return sums
