"""The entities under control, as the last tick saw each of them."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from meta_autonomous.domain.entities import Level
from meta_autonomous.operations.shapes import number
from meta_autonomous.ports.records import Trace
from meta_autonomous.render.banner import banner
from meta_autonomous.render.document import Block, Cell, Column, Document, Line, Span, Table, Tone
from meta_autonomous.render.shape import plain, time_text
from meta_autonomous.render.text import amount, clean, probability, ratio
from meta_autonomous.render.tick import break_even_line, decision_words

_INDENT: Final = {Level.CAMPAIGN: "", Level.ADSET: "  ", Level.AD: "    "}
_RANK: Final = {level: rank for rank, level in enumerate(Level)}
_COLUMNS: Final = (
    Column("entity", may_wrap=True),
    Column("budget/day", is_number=True),
    Column("spend $", is_number=True),
    Column("ROAS", is_number=True),
    Column("expected", is_number=True),
    Column("conf.", is_number=True),
    Column("last decision", may_wrap=True),
    Column("id", below="id {}"),
    Column("status", below="{}"),
    Column("bound by", below="bound by {}"),
)


def campaign_json(trace: Trace, *, platform: str) -> dict[str, Any]:
    evidence = trace.evidence
    return {
        "entity_id": trace.entity_id,
        "entity_name": trace.name,
        "level": trace.level.value,
        "campaign_id": trace.campaign_id,
        "account_id": evidence.get("account_id"),
        "status": evidence.get("status"),
        "budget": evidence.get("budget"),
        "currency": evidence.get("currency"),
        "spend_usd": evidence.get("spend_usd"),
        "purchases": evidence.get("purchases"),
        "break_even_roas": plain(evidence.get("break_even_roas")),
        "roas": plain(evidence.get("roas")),
        "expected_roas": plain(evidence.get("expected_roas")),
        "confidence": plain(evidence.get("confidence")),
        "decision": trace.decision,
        "first_binding": trace.first_binding,
        "eligible_again_at": time_text(trace.eligible_again_at),
        "platform": platform,
    }


def by_campaign(traces: Iterable[Trace]) -> tuple[Trace, ...]:
    """Each campaign with its ad sets and ads below it, campaigns by name."""
    found = tuple(traces)
    names = {trace.entity_id: trace.name for trace in found if trace.level is Level.CAMPAIGN}

    def key(trace: Trace) -> tuple[str, str, int, str]:
        of = trace.campaign_id
        return names.get(of, ""), of, _RANK[trace.level], trace.name

    return tuple(sorted(found, key=key))


def campaigns_document(traces: Sequence[Trace], *, platform: str) -> Document:
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            _INDENT[trace.level] + clean(trace.name),
            amount(trace.evidence.get("budget"), str(trace.evidence.get("currency") or "")),
            amount(trace.evidence.get("spend_usd")),
            ratio(number(trace.evidence.get("roas"))),
            ratio(number(trace.evidence.get("expected_roas"))),
            probability(number(trace.evidence.get("confidence"))),
            _decision(trace.decision),
            trace.entity_id,
            clean(str(trace.evidence.get("status") or "-")),
            trace.first_binding or "-",
        )
        for trace in traces
    )
    table = Table(_COLUMNS, rows, empty="No tick has seen a campaign yet: run meta-auto tick.")
    return Document.of(banner(platform), Line(), table, *_break_even(traces))


def _decision(decision: str) -> Span:
    return Span(decision_words(decision), Tone.QUIET if decision == "none" else Tone.STRONG)


def _break_even(traces: Sequence[Trace]) -> Iterator[Block]:
    known = (trace.evidence.get("break_even_roas") for trace in traces)
    even = next((number(roas) for roas in known if roas is not None), None)
    if even is not None:
        yield break_even_line(even)
