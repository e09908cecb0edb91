"""The demo: a line per simulated day, then what came of it all."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from meta_autonomous.domain.action import ActionStatus, ActionType
from meta_autonomous.ports.records import ActionRecord, LedgerCheck
from meta_autonomous.render.banner import SANDBOX, banner
from meta_autonomous.render.document import (
    Cell,
    Column,
    Document,
    Line,
    Span,
    Table,
    Tone,
    line,
)
from meta_autonomous.render.text import counted
from meta_autonomous.render.tick import action_words, counts_text

Json = Mapping[str, Any]

_STATUSES: Final = (
    ActionStatus.EXECUTED,
    ActionStatus.SUGGESTED,
    ActionStatus.REJECTED,
    ActionStatus.SUPERSEDED,
    ActionStatus.EXPIRED,
    ActionStatus.BLOCKED,
    ActionStatus.DEFERRED,
    ActionStatus.IN_DOUBT,
    ActionStatus.FAILED,
)


def summary_json(
    days: Sequence[Json],
    records: Sequence[ActionRecord],
    ledger: LedgerCheck,
    *,
    folder: Path | None,
    options: str = "",
) -> dict[str, Any]:
    types: dict[str, dict[str, int]] = {}
    for kind in ActionType:
        found = Counter(record.status.value for record in records if record.type is kind)
        types[kind.value] = dict(found)
    blocks = Counter(record.reason for record in records if record.status is ActionStatus.BLOCKED)
    return {
        "platform": SANDBOX,
        "days": list(days),
        "types": types,
        "blocks": [{"reason": reason, "count": count} for reason, count in blocks.most_common()],
        "ledger": {"ok": ledger.ok, "entries": ledger.entries, "head": ledger.head},
        "folder": None if folder is None else str(folder),
        "look_around": None if folder is None else f"{options} replay --since {len(days) + 1}d",
    }


def opening_document(days: int) -> Document:
    return Document.of(
        banner(SANDBOX),
        line(
            f"{counted(days, 'simulated day')}, a tick every 6 hours: first a manager decides on "
            "suggestions, then auto mode executes what is safe."
        ),
        Line(),
    )


def day_document(day: Json) -> Document:
    manager = (
        f"; the manager approved {day['approved']}, rejected {day['rejected']}"
        if day["mode"] == "suggest"
        else ""
    )
    pieces: list[Cell] = [
        Span(f"Day {day['day']}", Tone.STRONG),
        f"  {day['date']}  {day['mode']:<7}  {counts_text(day)}{manager}",
    ]
    problems = [line(Span("Error: ", Tone.BAD), error) for error in day["errors"]]
    return Document.of(Line(tuple(pieces)), *problems)


def demo_document(summary: Json) -> Document:
    seen = [
        status for status in _STATUSES if any(status in of for of in summary["types"].values())
    ]
    columns = (
        Column("action"),
        *(Column(status.replace("_", " "), is_number=True) for status in seen),
    )
    rows = tuple(
        (action_words(kind), *(str(of.get(status, 0)) for status in seen))
        for kind, of in summary["types"].items()
        if of
    )
    blocks = tuple((str(block["count"]), str(block["reason"])) for block in summary["blocks"])
    ledger = summary["ledger"]
    whole = "whole" if ledger["ok"] else "BROKEN"
    return Document.of(
        Line(),
        line(Span("What became of each distinct action", Tone.STRONG)),
        Table(columns, rows, empty="No action was generated."),
        Line(),
        line(Span("What was blocked, by reason", Tone.STRONG)),
        Table(
            (Column("times", is_number=True), Column("reason", may_wrap=True)),
            blocks,
            empty="Nothing was blocked.",
        ),
        Line(),
        line(f"The audit trail has {counted(ledger['entries'], 'entry', 'entries')}: {whole}."),
        *_kept(summary["look_around"]),
    )


def _kept(look_around: str | None) -> tuple[Line, ...]:
    if look_around is None:
        return (line(Span("Nothing was kept; --keep DIR keeps it to look around.", Tone.QUIET)),)
    return (
        line(
            Span("What would other limits have done? ", Tone.QUIET),
            f"{look_around} --set MAX_AUTO_CHANGE_PCT=0.05",
        ),
    )
