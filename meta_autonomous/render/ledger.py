"""The audit trail: its entries, whether the chain is whole, and what an auditor takes away."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from meta_autonomous.ports.records import LedgerCheck, LedgerEntry, LedgerLine
from meta_autonomous.render.banner import banner
from meta_autonomous.render.document import Column, Document, Line, Span, Table, Tone, line
from meta_autonomous.render.shape import plain, time_text
from meta_autonomous.render.text import clean, counted, moment
from meta_autonomous.render.tick import visible_sentence

_SHORT_HASH: Final = 12
_SAID: Final = (
    "at",
    "event",
    "who",
    "entity_id",
    "action_id",
    "tick_id",
    "why",
    "before",
    "after",
)
#: What makes a spreadsheet take a cell for a formula.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


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
        "starts_after": check.starts_after,
        "archived": check.archived,
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
            _earlier(check),
        )
        advice = (
            f"Head: {check.head or 'none yet'}. Write it down elsewhere: given to --expect later, "
            "it proves that the trail was not rewritten as a whole."
        )
    else:
        verdict = line(Span("Broken. ", Tone.BAD), visible_sentence(check.message))
        named = "none can be named" if check.first_broken is None else str(check.first_broken)
        advice = f"First broken entry: {named}"
    return Document.of(banner(platform), line(), verdict, line(Span(advice, Tone.QUIET)))


def _earlier(check: LedgerCheck) -> str:
    """Where it began, when earlier months are archived."""
    if check.archived:
        archived = counted(check.archived, "entry", "entries")
        return f" Before them {archived} in the archive, which link up with these."
    if check.starts_after is None:
        return ""
    last = check.starts_after.partition(":")[0]
    return (
        f" It begins after entry {last}: those before are sealed and archived, and --archive DIR "
        "proves them too."
    )


# --- for elsewhere ------------------------------------------------------------------------------


def exported_lines(entries: Iterable[LedgerLine]) -> Iterator[str]:
    """JSON lines. The body stands in its line as it was hashed; one that is damaged, and no JSON
    on one line any more, stands there as text."""
    for entry in entries:
        yield _exported(entry) + "\n"


def exported_list(entries: Iterable[LedgerLine]) -> Iterator[str]:
    """The same as one JSON document."""
    joint = "[\n"
    for entry in entries:
        yield joint + _exported(entry)
        joint = ",\n"
    yield "[]\n" if joint == "[\n" else "\n]\n"


def exported_csv(entries: Iterable[LedgerLine]) -> Iterator[str]:
    """For spreadsheets: what an entry says in columns, and nothing that they would calculate."""
    cells = io.StringIO(newline="")
    writer = csv.writer(cells)
    writer.writerow(("seq", *_SAID, "prev", "hash"))
    yield cells.getvalue()
    for entry in entries:
        said = _parsed(entry.body) or {}
        cells.seek(0)
        cells.truncate()
        writer.writerow(
            (
                entry.seq,
                *(_cell(said.get(name)) for name in _SAID),
                _cell(_printable(entry.previous)),
                _cell(_printable(entry.hash)),
            )
        )
        yield cells.getvalue()


def _exported(entry: LedgerLine) -> str:
    body = entry.body if _parsed(entry.body) is not None else json.dumps(entry.body)
    return (
        f'{{"seq":{entry.seq},"prev":{json.dumps(entry.previous)},'
        f'"hash":{json.dumps(entry.hash)},"body":{body}}}'
    )


def _parsed(body: str) -> dict[str, Any] | None:
    """What an entry says; None if it is not one line of JSON any more."""
    try:
        body.encode()
        said = json.loads(body)
    except (UnicodeEncodeError, ValueError, RecursionError):
        return None
    is_line = not {"\n", "\r"} & set(body)
    return said if isinstance(said, dict) and is_line else None


def _cell(value: object) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    text = _printable(text)
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text


def _printable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
