"""The report in a terminal: the figures, and the page for the plots."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from meta_autonomous.operations.report import OUTCOMES, Report
from meta_autonomous.render.banner import banner
from meta_autonomous.render.calibration import holdout_sentences
from meta_autonomous.render.document import (
    Bar,
    Block,
    Column,
    Document,
    Line,
    Pairs,
    Span,
    Table,
    Tone,
    line,
)
from meta_autonomous.render.portfolio import accounts_table, month_line
from meta_autonomous.render.text import clean, counted, percent, ratio, usd
from meta_autonomous.render.tick import break_even_line, decision_words

_CAMPAIGNS: Final = (
    Column("campaign", may_wrap=True),
    Column("spend", is_number=True),
    Column("ROAS", is_number=True),
    Column("90 % interval", is_number=True),
    Column("last decision", below="{}"),
)
_BLOCKS: Final = (
    Column("held back by"),
    Column("actions", is_number=True),
    Column("because", may_wrap=True, below="{}"),
)
_MOST: Final = 10


def report_document(report: Report, *, written: str = "") -> Document:
    """`written` is the page's file, when one was asked for."""
    return Document.of(banner(report.platform), Line(), *_blocks(report, written))


def _blocks(report: Report, written: str) -> Iterator[Block]:
    today = report.days[-1]
    share = today.spent_usd / report.cap_usd if report.cap_usd else Decimal(1)
    period = counted(len(report.days), "day")
    yield line(Span(f"{period} to {today.day.isoformat()}", Tone.STRONG))
    spent = sum((each.spent_usd for each in report.days), Decimal(0))
    roas = f"ROAS of {counted(report.window_days, 'complete day')}"
    yield Pairs(
        (
            ("Spend of the period", usd(spent)),
            (roas, ratio(report.window_roas)),
            *((f"Actions {group}", f"{report.totals[group]:,}") for group in OUTCOMES),
            ("Waiting now", f"{report.pending:,}"),
            ("Open alerts", f"{len(report.alerts):,}"),
        )
    )
    told = f"{usd(today.spent_usd)} / {usd(report.cap_usd)} ({percent(share)})"
    yield Bar("Today", share, told)
    if report.portfolio is not None:
        month = report.portfolio.month_json()
        if month is not None:
            yield month_line(month)
        accounts = tuple(accounts_table(report.accounts()))
        if accounts:
            yield Line()
            yield from accounts
    yield Line()
    yield Table(
        _CAMPAIGNS,
        tuple(
            (
                clean(each.name),
                usd(each.spend_usd),
                ratio(each.roas),
                f"{ratio(each.low)} to {ratio(each.high)}",
                decision_words(each.decision),
            )
            for each in report.campaigns[:_MOST]
        ),
        empty="No campaign with spend was read yet.",
    )
    if report.break_even is not None:
        yield break_even_line(report.break_even)
    yield Line()
    yield Table(
        _BLOCKS,
        tuple(
            (each.rule, f"{each.count:,}", clean(each.sentence, 300))
            for each in report.blocks[:_MOST]
        ),
        empty="No rule stopped anything.",
    )
    yield Line()
    if report.holdout is not None:
        yield line(Span("Hold-out", Tone.STRONG))
        yield from (line(sentence) for sentence in holdout_sentences(report.holdout))
        yield Line()
    if written:
        yield line("Page with plots: ", Span(clean(written, 500), Tone.STRONG))
    else:
        yield line("Plots: meta-auto report --html FILE")
