"""Which columns of a table stand side by side at a width, and how wide each of them is.

What does not fit goes below its row instead of being squeezed: first the columns that ask for it
(`Column.below`), then the rightmost ones. So a number never breaks in two, and the first two
columns, which say what the row is about, always lead it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from meta_autonomous.render.document import Cell, Column, Table, text_of
from meta_autonomous.render.text import UNKNOWN, visible

GAP: Final = 2
_WIDEST: Final = 40  # more than this a column may want, but a terminal need not give
_LEAST: Final = 16  # what is left of a column whose text wraps
_LEADING: Final = 2
_NARROWEST: Final = 4


@dataclass(frozen=True, slots=True)
class Layout:
    """The width of each column that stands in the row, by its place in the table."""

    table: Table
    widths: Mapping[int, int]

    @property
    def width(self) -> int:
        return sum(self.widths.values()) + GAP * (len(self.widths) - 1)

    def below(self, row: Sequence[Cell]) -> str:
        """What a row says of the columns that don't stand in it."""
        return " · ".join(self._told(row))

    def _told(self, row: Sequence[Cell]) -> Iterator[str]:
        for place, (column, cell) in enumerate(zip(self.table.columns, row, strict=True)):
            text = text_of(cell)
            if place not in self.widths and text not in ("", UNKNOWN):
                yield _sentence(column, text)


def _sentence(column: Column, text: str) -> str:
    if column.below:
        return column.below.format(text)
    return f"{column.title} {text}" if column.is_number else text


def laid_out(table: Table, needs: Sequence[int], width: int) -> Layout:
    """`needs` is what each column would take, in terminal cells; `width` is all there is."""
    places = [place for place in range(len(needs)) if not _is_silent(table, place)]
    if _sum(min(needs[place], _WIDEST) for place in places) > width:
        places = [place for place in places if not table.columns[place].below] or places[:1]

    def least(place: int) -> int:
        return min(needs[place], _LEAST) if table.columns[place].may_wrap else needs[place]

    while len(places) > _LEADING and _sum(map(least, places)) > width:
        places.pop()
    widths = {place: needs[place] for place in places}
    _give_way(widths, {place: least(place) for place in places}, width)
    _give_way(widths, dict.fromkeys(places, _NARROWEST), width)  # a terminal as wide as a word
    return Layout(table, widths)


def _is_silent(table: Table, place: int) -> bool:
    """A remark that no row makes."""
    return bool(table.columns[place].below) and not any(text_of(row[place]) for row in table.rows)


def _sum(widths: Iterable[int]) -> int:
    each = list(widths)
    return sum(each) + GAP * (len(each) - 1)


def _give_way(widths: dict[int, int], least: Mapping[int, int], width: int) -> None:
    """The widest column gives way first, each down to the least that it takes."""
    while _sum(widths.values()) > width:
        elastic = [place for place in widths if widths[place] > least[place]]
        if not elastic:
            return
        widths[max(elastic, key=widths.__getitem__)] -= 1


def needs_of(table: Table, length: Callable[[str], int]) -> list[int]:
    """What each column takes at most, by `length` of a text."""
    return [
        max(length(visible(text_of(cell))) for cell in (column.title, *cells))
        for column, cells in zip(table.columns, zip(*table.rows, strict=True), strict=True)
    ]
