"""`estimate`: the ROAS engine on your own export."""

from typing import Annotated

import typer

from meta_autonomous.cli.session import AsJson, Session
from meta_autonomous.cli.usage import WrongUsage


def estimate(
    context: typer.Context,
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="CSV with a header or JSON lines; - is stdin.")
    ],
    *,
    at: Annotated[
        str | None,
        typer.Option(
            "--at", metavar="DATE", help="Today; without it, the day after the last date."
        ),
    ] = None,
    threshold: Annotated[
        list[float] | None,
        typer.Option(
            "--threshold",
            metavar="T",
            help="Print the probability that the true ROAS is below T; may be repeated. "
            "Default: 0.8, 0.9, 1.5, 2.0.",
        ),
    ] = None,
    margin: Annotated[
        float | None,
        typer.Option(
            "--margin",
            metavar="M",
            envvar="PROFIT_MARGIN",
            help="Your margin before advertising, such as 0.4: shows the break-even ROAS.",
        ),
    ] = None,
    plot: Annotated[bool, typer.Option("--plot", help="Draw the intervals as text.")] = False,
    as_json: AsJson = False,
) -> int:
    """Estimate true ROAS from your own export.

    No account needed. For each entity: the expected ROAS, its interval, probabilities.

    Columns: entity_id, date, spend, purchases, purchase_value (optional: impressions, seen_on), or
    Ads Manager's names for them. A file that can't be read is named with its line (exit 2).
    """
    session = Session.of(context, as_json=as_json)
    from datetime import date
    from decimal import Decimal
    from math import isfinite

    from meta_autonomous.cli.export_file import rows
    from meta_autonomous.decision.export import DEFAULT_THRESHOLDS, estimate_export
    from meta_autonomous.decision.margin import break_even_roas
    from meta_autonomous.render import estimate as render

    if any(not isfinite(wanted) or wanted <= 0 for wanted in threshold or ()):
        raise WrongUsage("--threshold is a ROAS above 0, such as 1.2.")
    if margin is not None and not 0 < margin <= 1:
        raise WrongUsage("--margin is a fraction above 0 and up to 1, such as 0.4.")
    break_even = break_even_roas(None if margin is None else Decimal(repr(margin)))
    try:
        today = None if at is None else date.fromisoformat(at)
    except ValueError:
        raise WrongUsage(f"--at {at!r} is not a date.", remedy="Write it as 2026-11-01.") from None
    try:
        told = estimate_export(
            rows(file), at=today, thresholds=tuple(threshold or DEFAULT_THRESHOLDS)
        )
    except ValueError as error:
        raise WrongUsage(f"{file}: {error}.") from None
    return session.present(
        [render.estimate_json(one, break_even=break_even) for one in told],
        lambda: render.estimates_document(told, break_even=break_even, with_plot=plot),
    )
