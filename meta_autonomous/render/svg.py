"""Small drawings for the report page: SVG that stretches sideways and keeps its letters' size.

Across, everything is placed in percent, down in pixels: a drawing fills its column, be it wide or
a phone's, and its text stays readable. Colours are classes of the page's style sheet, so that they
follow light and dark. Nothing here has a style attribute, which the page's policy would refuse.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from meta_autonomous.render.text import visible

Number = int | float


def element(name: str, inside: str = "", **attributes: Number | str) -> str:
    """`class_` is `class`, and underscores are hyphens: ``text_anchor="end"``."""
    told = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_shown(value))}"'
        for key, value in attributes.items()
    )
    return f"<{name}{told}>{inside}</{name}>" if inside else f"<{name}{told}/>"


def _shown(value: Number | str) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def percent(share: Number) -> str:
    return f"{100 * share:.3f}%"


def text(words: str, **attributes: Number | str) -> str:
    return element("text", escape(visible(words)), **attributes)


def hint(words: str) -> str:
    """What a pointer that rests on the element is told."""
    return element("title", escape(visible(words)))


@dataclass(frozen=True, slots=True)
class Drawing:
    """A drawing's parts, its height in pixels, and what it shows in words."""

    height: int
    label: str
    parts: tuple[str, ...]

    def __str__(self) -> str:
        return element(
            "svg",
            "".join(self.parts),
            width="100%",
            height=self.height,
            role="img",
            aria_label=self.label,
        )


# --- columns over days --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a column; `kind` is its class."""

    value: Number
    kind: str


@dataclass(frozen=True, slots=True)
class Column:
    label: str
    pieces: tuple[Piece, ...]
    hint: str = ""


_PLOT: Final = 180  # pixels from the top line to the ground
_TOP: Final = 26
_LABELS: Final = 5
_GUTTER: Final = 0.11  # the share at the left that the scale's numbers take


def columns(
    shown: Sequence[Column],
    *,
    label: str,
    most: Number,
    ticks: Sequence[tuple[Number, str]],
    line: tuple[Number, str] | None = None,
) -> Drawing:
    """Columns of stacked pieces under a scale; `line` is a limit that is drawn across."""
    ground = _TOP + _PLOT
    parts = [*_scale(ticks, most)]
    width = (1 - _GUTTER) / max(len(shown), 1)
    every = -(-len(shown) // _LABELS)
    for place, column in enumerate(shown):
        left = _GUTTER + width * place
        parts.append(element("g", hint(column.hint) + "".join(_stack(column, left, width, most))))
        # The last day is always named, and the others so that they don't run into each other.
        if (len(shown) - 1 - place) % every == 0:
            parts.append(
                text(
                    column.label,
                    x=percent(left + width / 2),
                    y=ground + 18,
                    text_anchor="middle",
                    class_="axis",
                )
            )
    if line is not None:
        parts += _limit(line, most)
    return Drawing(ground + 26, label, tuple(parts))


def _stack(column: Column, left: float, width: float, most: Number) -> Iterable[str]:
    top: float = _TOP + _PLOT
    # The whole column answers the pointer, also where it is empty.
    yield element(
        "rect", x=percent(left), y=_TOP, width=percent(width), height=_PLOT, class_="clear"
    )
    for piece in column.pieces:
        height = _PLOT * piece.value / most if most else 0
        if height <= 0:
            continue
        top -= height
        yield element(
            "rect",
            x=percent(left + width * 0.14),
            y=round(top, 2),
            width=percent(width * 0.72),
            height=round(height, 2),
            rx=2,
            class_=piece.kind,
        )


def _scale(ticks: Sequence[tuple[Number, str]], most: Number) -> Iterable[str]:
    for value, words in ticks:
        y = round(_TOP + _PLOT * (1 - value / most), 2)
        yield element("line", x1=percent(_GUTTER), x2="100%", y1=y, y2=y, class_="grid")
        yield text(words, x=percent(_GUTTER - 0.015), y=y + 4, text_anchor="end", class_="axis")


def _limit(line: tuple[Number, str], most: Number) -> Iterable[str]:
    value, words = line
    y = round(_TOP + _PLOT * (1 - value / most), 2)
    yield element("line", x1=percent(_GUTTER), x2="100%", y1=y, y2=y, class_="limit")
    yield text(words, x="100%", y=y - 6, text_anchor="end", class_="limit-text")


# --- rows of bars -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Row:
    words: str
    value: Number
    told: str
    kind: str = "bar"
    hint: str = ""


_ROW: Final = 44


def rows(shown: Sequence[Row], *, label: str) -> Drawing:
    """A bar for each row, under its words."""
    most = max((row.value for row in shown), default=0) or 1
    parts = []
    for place, row in enumerate(shown):
        y = _ROW * place
        bar = element(
            "rect",
            x=0,
            y=y + 22,
            width=percent(row.value / most),
            height=10,
            rx=3,
            class_=row.kind,
        )
        parts.append(
            element(
                "g",
                hint(row.hint or row.words)
                + text(row.words, x=0, y=y + 14, class_="name")
                + text(row.told, x="100%", y=y + 14, text_anchor="end", class_="value")
                + element("rect", x=0, y=y + 22, width="100%", height=10, rx=3, class_="track")
                + bar,
            )
        )
    return Drawing(_ROW * len(shown), label, tuple(parts))


# --- intervals ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Interval:
    """`low` and `high` are where a value lies, `point` is what was measured."""

    words: str
    low: Number
    high: Number
    point: Number | None
    told: str
    kind: str
    hint: str = ""


_HEAD: Final = 34


def intervals(
    shown: Sequence[Interval],
    *,
    label: str,
    most: Number,
    marks: Sequence[tuple[Number, str]],
) -> Drawing:
    """A line from low to high for each row, on one scale with named marks across all rows."""
    height = _HEAD + _ROW * len(shown) + 4
    parts = []
    for value, words in marks:
        x = percent(value / most)
        parts.append(element("line", x1=x, x2=x, y1=_HEAD - 8, y2=height - 4, class_="mark"))
        parts.append(text(words, x=x, y=_HEAD - 14, text_anchor="middle", class_="axis"))
    for place, row in enumerate(shown):
        y = _HEAD + _ROW * place
        ends = [percent(min(max(value, 0) / most, 1)) for value in (row.low, row.high)]
        drawn = (
            element("line", x1=0, x2="100%", y1=y + 27, y2=y + 27, class_="thread")
            + element(
                "line", x1=ends[0], x2=ends[1], y1=y + 27, y2=y + 27, class_=f"span {row.kind}"
            )
            + (
                element(
                    "circle",
                    cx=percent(min(max(row.point, 0) / most, 1)),
                    cy=y + 27,
                    r=5,
                    class_=f"dot {row.kind}",
                )
                if row.point is not None
                else ""
            )
        )
        parts.append(
            element(
                "g",
                hint(row.hint or row.words)
                + drawn
                + text(row.words, x=0, y=y + 14, class_="name")
                + text(row.told, x="100%", y=y + 14, text_anchor="end", class_="value"),
            )
        )
    return Drawing(height, label, tuple(parts))


# --- calibration --------------------------------------------------------------------------------

_SQUARE: Final = 240


def agreement(points: Sequence[tuple[Number, Number, int]], *, label: str) -> Drawing:
    """What was stated across, what came true upwards, both from 0 to 1; the diagonal is truth."""
    ground = _TOP + _SQUARE

    def place(across: Number, up: Number) -> tuple[str, float]:
        return percent(_GUTTER + (0.98 - _GUTTER) * across), round(ground - _SQUARE * up, 2)

    parts = []
    for share in (0, 0.25, 0.5, 0.75, 1):
        x, y = place(share, share)
        parts.append(element("line", x1=percent(_GUTTER), x2="98%", y1=y, y2=y, class_="grid"))
        words = f"{100 * share:.0f} %"
        parts.append(
            text(words, x=percent(_GUTTER - 0.015), y=y + 4, text_anchor="end", class_="axis")
        )
        parts.append(text(words, x=x, y=ground + 18, text_anchor="middle", class_="axis"))
    (x1, y1), (x2, y2) = place(0, 0), place(1, 1)
    parts.append(element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_="limit"))
    most = max((count for _, _, count in points), default=1)
    for stated, observed, count in points:
        x, y = place(stated, observed)
        told = f"stated {100 * stated:.0f} %, true {100 * observed:.0f} % of {count}"
        radius = round(4 + 8 * (count / most) ** 0.5, 2)
        parts.append(element("circle", hint(told), cx=x, cy=y, r=radius, class_="dot good"))
    return Drawing(ground + 26, label, tuple(parts))
