"""What a person is shown, before it is ink: blocks that a terminal and a pipe print differently.

A view builds a document from values and decides nothing. `plain` writes it as aligned text lines,
`screen` as colour and boxes. Foreign text needs no care here: both printers clean all of it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


class Tone(StrEnum):
    """What a piece of text means. Only `screen` knows colours."""

    PLAIN = "plain"
    STRONG = "strong"
    QUIET = "quiet"
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Span:
    """Text with a meaning."""

    text: str
    tone: Tone = Tone.PLAIN


Cell = str | Span


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text, in pieces. Without pieces: an empty line."""

    pieces: tuple[Cell, ...] = ()


@dataclass(frozen=True, slots=True)
class Column:
    """`may_wrap`: its text may take several lines where a terminal is narrow. `below`: there it
    moves under its row, said so: ``"expires {}"``."""

    title: str
    is_number: bool = False
    may_wrap: bool = False
    below: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under titles; `empty` is said instead when there are none."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    empty: str


@dataclass(frozen=True, slots=True)
class Pairs:
    """Names and their values, one a line."""

    rows: tuple[tuple[str, Cell], ...]


@dataclass(frozen=True, slots=True)
class Bar:
    """A share of a whole: 0 is empty, 1 full, more than 1 is full and bad."""

    label: str
    share: Decimal
    text: str


Block = Line | Table | Pairs | Bar


@dataclass(frozen=True, slots=True)
class Box:
    """Blocks that belong together under a title."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Document:
    blocks: tuple[Block | Box, ...]

    @classmethod
    def of(cls, *blocks: Block | Box) -> "Document":
        return cls(blocks)

    def under(self, *header: Block | Box) -> "Document":
        return Document((*header, *self.blocks))


def line(*pieces: Cell) -> Line:
    return Line(pieces)


def lines(texts: Iterable[str]) -> tuple[Line, ...]:
    return tuple(Line((text,)) for text in texts)


def text_of(cell: Cell) -> str:
    return cell if isinstance(cell, str) else cell.text


def tone_of(cell: Cell) -> Tone:
    return Tone.PLAIN if isinstance(cell, str) else cell.tone
