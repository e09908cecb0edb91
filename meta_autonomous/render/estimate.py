"""What the ROAS engine says of a person's own export."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from meta_autonomous.decision.export import ExportEstimate
from meta_autonomous.operations.shapes import number
from meta_autonomous.render.document import Cell, Column, Document, Line, Span, Table, Tone, line
from meta_autonomous.render.text import amount, clean, ratio

_PLACES = 6


def estimate_json(estimate: ExportEstimate) -> dict[str, Any]:
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
    }


def estimates_document(estimates: Sequence[ExportEstimate]) -> Document:
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
    )


def _major(value: Decimal) -> str:
    return f"{value:.2f}"
