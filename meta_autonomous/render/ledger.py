"""The audit trail: its entries, and whether the chain is whole."""

from collections.abc import Sequence
from typing import Any

from meta_autonomous.ports import LedgerCheck, LedgerEntry
from meta_autonomous.render.banner import banner
from meta_autonomous.render.document import Column, Document, Line, Span, Table, Tone, line
from meta_autonomous.render.shape import plain, time_text
from meta_autonomous.render.text import clean, counted, moment
from meta_autonomous.render.tick import visible_sentence

_SHORT_HASH = 12


def entry_json(entry: LedgerEntry, *, platform: str) -> dict[str, Any]:
    event = entry.event
    return {
        "seq": entry.seq,
        "hash": entry.hash,
        "event": event.event,
        "at": time_text(event.at),
        "who": event.who,
        "entity_id": event.entity_id,
        "action_id": event.action_id,
        "tick_id": event.tick_id,
        "why": event.why,
        "before": plain(event.before),
        "after": plain(event.after),
        "platform": platform,
    }


def check_json(check: LedgerCheck, *, platform: str) -> dict[str, Any]:
    return {
        "ok": check.ok,
        "entries": check.entries,
        "head": check.head,
        "first_broken": check.first_broken,
        "message": check.message,
        "platform": platform,
    }


def ledger_document(entries: Sequence[LedgerEntry], *, platform: str) -> Document:
    columns = (
        Column("seq", is_number=True),
        Column("when"),
        Column("event"),
        Column("who"),
        Column("action", is_number=True),
        Column("entity", below="entity {}"),
        Column("hash", below="hash {}"),
        Column("why", may_wrap=True, below="{}"),
    )
    rows = tuple(
        (
            str(entry.seq),
            moment(entry.event.at),
            entry.event.event,
            clean(entry.event.who),
            "-" if entry.event.action_id is None else str(entry.event.action_id),
            clean(entry.event.entity_id or "-"),
            entry.hash[:_SHORT_HASH],
            visible_sentence(entry.event.why) or "-",
        )
        for entry in entries
    )
    return Document.of(banner(platform), Line(), Table(columns, rows, empty="No entries yet."))


def check_document(check: LedgerCheck, *, platform: str) -> Document:
    if check.ok:
        verdict = line(
            Span("Whole. ", Tone.GOOD),
            f"{counted(check.entries, 'entry', 'entries')} checked, nothing was changed after "
            "the fact.",
        )
        advice = (
            f"Head: {check.head or 'none yet'}. Write it down elsewhere: given to --expect later, "
            "it proves that the trail was not rewritten as a whole."
        )
    else:
        verdict = line(Span("Broken. ", Tone.BAD), visible_sentence(check.message))
        advice = f"First broken entry: {check.first_broken}"
    return Document.of(banner(platform), line(), verdict, line(Span(advice, Tone.QUIET)))
