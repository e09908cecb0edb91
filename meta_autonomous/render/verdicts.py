"""What each rule said, with the numbers it saw."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from meta_autonomous.render.document import Column, Span, Table, Tone
from meta_autonomous.render.text import UNKNOWN, clean

_TONES: Final = {
    "pass": Tone.GOOD,
    "warn": Tone.WARN,
    "clamp": Tone.WARN,
    "block": Tone.BAD,
}
_COLUMNS: Final = (
    Column("rule"),
    Column("says"),
    Column("observed", is_number=True, may_wrap=True),
    Column("limit", is_number=True, may_wrap=True),
    Column("why", may_wrap=True, below="{}"),
)


def verdict_table(verdicts: Iterable[Mapping[str, Any]]) -> Table:
    rows = tuple(
        (
            str(verdict["rule"]),
            Span(str(verdict["outcome"]), _TONES.get(str(verdict["outcome"]), Tone.PLAIN)),
            measure(verdict.get("observed")),
            measure(verdict.get("limit")),
            clean(str(verdict.get("message", "")), longest=400),
        )
        for verdict in verdicts
    )
    return Table(_COLUMNS, rows, empty="No rule was asked.")


def measure(value: Any) -> str:
    """A measured value in few digits; words as they are."""
    if value is None:
        return UNKNOWN
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float, Decimal)):
        exact = Decimal(str(value))
        return f"{exact.quantize(Decimal('0.0001')).normalize():,f}"
    return clean(str(value), longest=60)
