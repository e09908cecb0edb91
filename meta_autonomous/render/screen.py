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

from meta_autonomous.render.columns import GAP, Layout, laid_out, needs_of
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
from meta_autonomous.render.text import visible

_STYLES: Final = {
    Tone.PLAIN: "",
    Tone.STRONG: "bold",
    Tone.QUIET: "dim",
    Tone.GOOD: "green",
    Tone.WARN: "yellow",
    Tone.BAD: "bold red",
}
_BAR_WIDTH: Final = 30
_SHORTEST_BAR: Final = 8
_PADDING: Final = 2
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
            grid = RichTable.grid(padding=(0, GAP))
            for name, value in rows:
                grid.add_row(Text(name, "dim"), _text(value))
            return grid
        case Bar(label, share, text):
            room = width - cell_len(label) - cell_len(text) - 2 * GAP
            bar = _bar(share, max(min(room, _BAR_WIDTH), _SHORTEST_BAR))
            return Text.assemble(f"{label}  ", *bar, f"  {text}")


def _table(table: Table, width: int) -> Iterator[RenderableType]:
    """Titles, a rule and the rows."""
    if not table.rows:
        yield Text(table.empty, "dim")
        return
    layout = laid_out(table, needs_of(table, cell_len), width)
    yield _row(layout, [Span(column.title, Tone.STRONG) for column in table.columns])
    yield Text("─" * min(layout.width, width), "dim")
    for row in table.rows:
        yield _row(layout, row)
        told = layout.below(row)
        if told:
            yield Padding(Text(visible(told), "dim"), (0, 0, 0, 2 * GAP))


def _row(layout: Layout, cells: Sequence[Cell]) -> RenderableType:
    grid = RichTable.grid(padding=(0, GAP, 0, 0), pad_edge=False)
    for place, width in layout.widths.items():
        column = layout.table.columns[place]
        grid.add_column(
            justify="right" if column.is_number else "left", width=width, overflow="fold"
        )
    grid.add_row(*(_text(cells[place]) for place in layout.widths))
    return grid


def _text(cell: Cell) -> Text:
    # A Text is never read as markup; `visible` takes the escapes out of it.
    return Text(visible(text_of(cell)), _STYLES[tone_of(cell)])


def _bar(share: Decimal, width: int) -> tuple[Text, Text]:
    filled = int(min(max(share, Decimal(0)), Decimal(1)) * width)
    tone = Tone.BAD if share > 1 else Tone.WARN if share > _NEARLY_FULL else Tone.GOOD
    return Text("█" * filled, _STYLES[tone]), Text("░" * (width - filled), "dim")
