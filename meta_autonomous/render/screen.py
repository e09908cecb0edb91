"""A document on a terminal, by rich. Imported only when there is one: rich costs start-up."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Final

from rich import box
from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table as RichTable
from rich.text import Text

from meta_autonomous.render.document import (
    Bar,
    Block,
    Box,
    Cell,
    Document,
    Line,
    Pairs,
    Span,
    Table,
    Tone,
    text_of,
    tone_of,
)
from meta_autonomous.render.text import UNKNOWN, visible

_STYLES: Final = {
    Tone.PLAIN: "",
    Tone.STRONG: "bold",
    Tone.QUIET: "dim",
    Tone.GOOD: "green",
    Tone.WARN: "yellow",
    Tone.BAD: "bold red",
}
_BAR_WIDTH: Final = 30
_GAP: Final = 2
_PADDING: Final = 2
_WIDEST: Final = 60  # more than this a column may want, but a terminal need not give
_NARROWEST: Final = 10
_WATCH_SECONDS: Final = 2.0
_NEARLY_FULL: Final = Decimal("0.9")


def show(document: Document) -> None:
    """Print on stdout. rich itself honours NO_COLOR and the terminal's width."""
    console = _console()
    for block in document.blocks:
        console.print(drawn(block, console.width))


def watch(document: Callable[[], Document]) -> None:
    """The document on a screen of its own, again and again; what stood there comes back after."""
    console = _console()
    with Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            blocks = document().blocks
            live.update(Group(*(drawn(block, console.width) for block in blocks)), refresh=True)
            time.sleep(_WATCH_SECONDS)


def _console() -> Console:
    return Console(file=sys.stdout, markup=False, highlight=False, emoji=False)


def drawn(block: Block | Box, width: int) -> RenderableType:
    match block:
        case Box(title, blocks):
            inside = width - 2 * (1 + _PADDING)
            return Panel(
                Group(*(drawn(inner, inside) for inner in blocks)),
                title=Text(visible(title), "bold"),
                box=box.ROUNDED,
                expand=False,
                padding=(0, _PADDING),
            )
        case Line(pieces):
            return Text.assemble(*(_text(piece) for piece in pieces))
        case Table():
            return Group(*_table(block, width))
        case Pairs(rows):
            grid = RichTable.grid(padding=(0, _GAP))
            for name, value in rows:
                grid.add_row(Text(name, "dim"), _text(value))
            return grid
        case Bar(label, share, text):
            return Text.assemble(f"{label}  ", *_bar(share), f"  {text}")


def _table(table: Table, width: int) -> Iterator[RenderableType]:
    """Titles, a rule and the rows. Where there is room all stands in columns; where there is not,
    the columns that say so move under their row, and others wrap."""
    if not table.rows:
        yield Text(table.empty, "dim")
        return
    needs = [
        max(cell_len(visible(text_of(cell))) for cell in (column.title, *cells))
        for column, cells in zip(table.columns, zip(*table.rows, strict=True), strict=True)
    ]
    places = list(range(len(needs)))
    roomy = sum(min(needs[place], _WIDEST) + _GAP for place in places) <= width
    inline = [place for place in places if roomy or not table.columns[place].below]
    widths = _fitted([needs[place] for place in inline], table, inline, width)
    yield _row(table, inline, widths, [Span(c.title, Tone.STRONG) for c in table.columns])
    yield Text("─" * min(sum(widths) + _GAP * (len(widths) - 1), width), "dim")
    for row in table.rows:
        yield _row(table, inline, widths, row)
        told = [
            column.below.format(text_of(cell))
            for place, (column, cell) in enumerate(zip(table.columns, row, strict=True))
            if place not in inline and text_of(cell) not in ("", UNKNOWN)
        ]
        if told:
            yield Padding(Text(visible(" · ".join(told)), "dim"), (0, 0, 0, 2 * _GAP))


def _fitted(needs: list[int], table: Table, inline: list[int], width: int) -> list[int]:
    """Widths that fit: what may wrap gives way, the widest first, down to a least width."""
    widths = list(needs)
    elastic = [n for n, place in enumerate(inline) if table.columns[place].may_wrap]
    while sum(widths) + _GAP * (len(widths) - 1) > width:
        widest = max(elastic, key=lambda n: widths[n], default=None)
        if widest is None or widths[widest] <= _NARROWEST:
            break
        widths[widest] -= 1
    return widths


def _row(
    table: Table, inline: list[int], widths: list[int], cells: Sequence[Cell]
) -> RenderableType:
    grid = RichTable.grid(padding=(0, _GAP, 0, 0))
    for place, width in zip(inline, widths, strict=True):
        column = table.columns[place]
        grid.add_column(
            justify="right" if column.is_number else "left", width=width, overflow="fold"
        )
    grid.add_row(*(_text(cells[place]) for place in inline))
    return grid


def _text(cell: Cell) -> Text:
    # A Text is never read as markup; `visible` takes the escapes out of it.
    return Text(visible(text_of(cell)), _STYLES[tone_of(cell)])


def _bar(share: Decimal) -> tuple[Text, Text]:
    filled = int(min(max(share, Decimal(0)), Decimal(1)) * _BAR_WIDTH)
    tone = Tone.BAD if share > 1 else Tone.WARN if share > _NEARLY_FULL else Tone.GOOD
    return Text("█" * filled, _STYLES[tone]), Text("░" * (_BAR_WIDTH - filled), "dim")
