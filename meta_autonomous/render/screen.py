"""A document on a terminal, by rich. Imported only when there is one: rich costs start-up."""

import sys
from decimal import Decimal
from typing import Final

from rich import box
from rich.console import Console, Group, RenderableType
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
_NEARLY_FULL: Final = Decimal("0.9")


def show(document: Document) -> None:
    """Print on stdout. rich itself honours NO_COLOR and the terminal's width."""
    console = Console(file=sys.stdout, markup=False, highlight=False, emoji=False)
    for block in document.blocks:
        console.print(drawn(block))


def drawn(block: Block | Box) -> RenderableType:
    match block:
        case Box(title, blocks):
            return Panel(
                Group(*(drawn(inner) for inner in blocks)),
                title=Text(visible(title), "bold"),
                box=box.ROUNDED,
                expand=False,
                padding=(0, 2),
            )
        case Line(pieces):
            return Text.assemble(*(_text(piece) for piece in pieces))
        case Table():
            return _table(block)
        case Pairs(rows):
            grid = RichTable.grid(padding=(0, 2))
            for name, value in rows:
                grid.add_row(Text(name, "dim"), _text(value))
            return grid
        case Bar(label, share, text):
            return Text.assemble(f"{label}  ", *_bar(share), f"  {text}")


def _table(table: Table) -> RenderableType:
    if not table.rows:
        return Text(table.empty, "dim")
    drawing = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in table.columns:
        drawing.add_column(
            Text(column.title, "bold"),
            justify="right" if column.is_number else "left",
            no_wrap=not column.may_wrap,
            overflow="fold" if column.may_wrap else "ellipsis",
        )
    for row in table.rows:
        drawing.add_row(*(_text(cell) for cell in row))
    return drawing


def _text(cell: Cell) -> Text:
    # A Text is never read as markup; `visible` takes the escapes out of it.
    return Text(visible(text_of(cell)), _STYLES[tone_of(cell)])


def _bar(share: Decimal) -> tuple[Text, Text]:
    filled = int(min(max(share, Decimal(0)), Decimal(1)) * _BAR_WIDTH)
    tone = Tone.BAD if share > 1 else Tone.WARN if share > _NEARLY_FULL else Tone.GOOD
    return Text("█" * filled, _STYLES[tone]), Text("░" * (_BAR_WIDTH - filled), "dim")
