"""What the ROAS engine says of a person's own export."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from meta_autonomous.decision.export import ExportEstimate
from meta_autonomous.operations.shapes import number
from meta_autonomous.render.document import (
    Block,
    Cell,
    Column,
    Document,
    Line,
    Span,
    Table,
    Tone,
    line,
)
from meta_autonomous.render.text import amount, clean, ratio
from meta_autonomous.render.tick import break_even_line

_PLACES = 6
_PLOT_WIDTH = 50
_PLOTTED_NAME = 24
_LEAST_AXIS = 2.5


def estimate_json(
    estimate: ExportEstimate, *, break_even: Decimal | None = None
) -> dict[str, Any]:
    low, high = estimate.interval
    return {
        "entity_id": estimate.entity_id,
        "spend": _major(estimate.spend),
        "purchases": estimate.purchases,
        "purchase_value": _major(estimate.purchase_value),
        "actual_roas": number(estimate.actual_roas),
        "expected_roas": round(estimate.expected_roas, _PLACES),
        "interval": [round(low, _PLACES), round(high, _PLACES)],
        "prob_below": {
            threshold: round(share, _PLACES) for threshold, share in estimate.prob_below.items()
        },
        **({} if break_even is None else {"break_even_roas": number(break_even)}),
    }


def estimates_document(
    estimates: Sequence[ExportEstimate],
    *,
    break_even: Decimal | None = None,
    with_plot: bool = False,
) -> Document:
    thresholds = tuple(estimates[0].prob_below) if estimates else ()
    columns = (
        Column("entity", may_wrap=True),
        Column("spend", is_number=True),
        Column("purchases", is_number=True),
        Column("value", is_number=True),
        Column("ROAS", is_number=True),
        Column("expected", is_number=True),
        Column("90 % interval", is_number=True),
        *(Column(f"P(<{threshold})", is_number=True) for threshold in thresholds),
    )
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            clean(one.entity_id),
            amount(_major(one.spend)),
            f"{one.purchases:,}",
            amount(_major(one.purchase_value)),
            ratio(one.actual_roas),
            Span(ratio(one.expected_roas), Tone.STRONG),
            f"{ratio(one.interval[0])}–{ratio(one.interval[1])}",
            *(ratio(one.prob_below[threshold]) for threshold in thresholds),
        )
        for one in estimates
    )
    return Document.of(
        Table(columns, rows, empty="No day before that date has data."),
        Line(),
        line(
            Span(
                "ROAS: value / spend of the last 7 complete days. Expected: the true ROAS, with "
                "late orders and luck allowed for. P(<T): probability that it is below T.",
                Tone.QUIET,
            )
        ),
        *(() if break_even is None else (break_even_line(float(break_even)),)),
        *(_plot(estimates, break_even) if with_plot and estimates else ()),
    )


def _plot(estimates: Sequence[ExportEstimate], break_even: Decimal | None) -> Iterator[Block]:
    """The intervals side by side: `├──●──┤`, the point being the expected ROAS, `┊` break-even."""
    highs = sorted(one.interval[1] for one in estimates)
    # One entity of which nothing is known must not squeeze all others into a corner.
    end = max(highs[(len(highs) - 1) * 9 // 10], _LEAST_AXIS)
    rows = tuple(
        (
            clean(one.entity_id, _PLOTTED_NAME),
            _bar(one, end, break_even),
            Span(ratio(one.expected_roas), Tone.STRONG),
        )
        for one in estimates
    )
    axis = f"0{f'{end:.1f}':>{_PLOT_WIDTH - 1}}"
    yield Line()
    yield Table((Column("entity"), Column(axis), Column("expected", is_number=True)), rows, "")


def _bar(estimate: ExportEstimate, end: float, break_even: Decimal | None) -> str:
    def place(roas: float) -> int:
        return min(int(roas / end * _PLOT_WIDTH), _PLOT_WIDTH)

    low, high = (place(roas) for roas in estimate.interval)
    signs = [" "] * (_PLOT_WIDTH + 1)
    signs[low : high + 1] = "─" * (high - low + 1)
    if break_even is not None and place(float(break_even)) < _PLOT_WIDTH:
        even = place(float(break_even))
        signs[even] = "┼" if low < even < high else "┊"
    signs[low] = "├"
    signs[high] = "┤" if high < _PLOT_WIDTH else "→"
    signs[place(estimate.expected_roas)] = "●"
    return "".join(signs)


def _major(value: Decimal) -> str:
    return f"{value:.2f}"
