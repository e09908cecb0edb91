"""A document as plain text lines: for pipes, files, mails and terminals that are dumb.

No escapes, no boxes, nothing cut off. One row is one line, so that grep and awk can work with it.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Final

from meta_autonomous.render.document import (
    Bar,
    Block,
    Box,
    Cell,
    Column,
    Document,
    Line,
    Pairs,
    Table,
    text_of,
)
from meta_autonomous.render.text import visible

_BAR_WIDTH: Final = 30
_GAP: Final = "  "


def plain_text(document: Document) -> str:
    """The whole document, ending in a line feed unless it is empty."""
    written = [row.rstrip() for block in document.blocks for row in _block(block)]
    return "\n".join(written) + "\n" if written else ""


def _block(block: Block | Box) -> Iterator[str]:
    match block:
        case Box(title, blocks):
            yield visible(title)
            for inner in blocks:
                yield from (_GAP + row for row in _block(inner))
        case Line(pieces):
            yield "".join(_shown(piece) for piece in pieces)
        case Table(columns, rows, empty):
            yield from _table(columns, rows) if rows else [empty]
        case Pairs(rows):
            width = max((len(name) for name, _ in rows), default=0)
            for name, value in rows:
                yield f"{name:<{width}}{_GAP}{_shown(value)}"
        case Bar(label, share, text):
            yield f"{label} [{_bar(share)}] {text}"


def _table(columns: Sequence[Column], rows: Sequence[Sequence[Cell]]) -> Iterator[str]:
    grid = [[column.title.upper() for column in columns]]
    grid += [[_shown(cell) or "-" for cell in row] for row in rows]
    widths = [max(len(row[place]) for row in grid) for place in range(len(columns))]
    for row in grid:
        yield _GAP.join(
            cell.rjust(width) if column.is_number else cell.ljust(width)
            for cell, width, column in zip(row, widths, columns, strict=True)
        )


def _shown(cell: Cell) -> str:
    return visible(text_of(cell))


def _bar(share: Decimal) -> str:
    filled = int(min(max(share, Decimal(0)), Decimal(1)) * _BAR_WIDTH)
    return "#" * filled + "-" * (_BAR_WIDTH - filled)
