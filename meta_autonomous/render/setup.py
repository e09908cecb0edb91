"""What `init` and `db` made."""

from collections.abc import Mapping
from typing import Any

from meta_autonomous.operations.prune import Pruned
from meta_autonomous.render.banner import SANDBOX, banner
from meta_autonomous.render.document import Column, Document, Line, Pairs, Span, Table, Tone, line
from meta_autonomous.render.shape import time_text
from meta_autonomous.render.text import counted

Json = Mapping[str, Any]


def made_document(made: Json) -> Document:
    on_sandbox = made["platform"] == SANDBOX
    steps = (
        "Try it: meta-auto tick. For your own ad accounts set meta_auto_platform, "
        "meta_ad_account_ids and a token in the file above."
        if on_sandbox
        else "Look before it acts: meta-auto tick --dry-run"
    )
    return Document.of(
        banner(made["platform"], f"mode {made['mode']}"),
        Pairs(
            (
                ("configuration", Span(made["config"], Tone.STRONG)),
                *(
                    (("", f"the one that was there is kept: {made['kept']}"),)
                    if made["kept"]
                    else ()
                ),
                ("database", made["database"]),
            )
        ),
        line(steps),
    )


def upgraded_document(upgraded: Json) -> Document:
    said = "brought to this version" if upgraded["upgraded"] else "already of this version"
    return Document.of(
        banner(upgraded["platform"]), line(f"The database {upgraded['database']} is {said}.")
    )


def backed_up_document(made: Json) -> Document:
    return Document.of(
        banner(made["platform"]),
        line(f"The database {made['database']} is copied to ", Span(made["backup"], Tone.STRONG)),
    )


def pruned_json(pruned: Pruned, *, days: int, archive: str, platform: str) -> dict[str, Any]:
    return {
        "dry_run": pruned.dry_run,
        "older_than_days": days,
        "before": time_text(pruned.end),
        "rows": dict(pruned.rows),
        "ledger_entries": pruned.entries,
        "months": [
            {"month": month.month, "first": month.first, "last": month.last}
            for month in pruned.months
        ],
        "archive": archive,
        "platform": platform,
    }


def pruned_document(pruned: Json) -> Document:
    would = "would be " if pruned["dry_run"] else ""
    rows = tuple((name, str(count)) for name, count in pruned["rows"].items() if count)
    months = pruned["months"]
    entries = counted(pruned["ledger_entries"], "entry", "entries")
    moved = (
        f"{entries} of the ledger, {months[0]['month']} to {months[-1]['month']}, {would}moved "
        f"to {pruned['archive']}"
        if months
        else "No whole month of the ledger is older."
    )
    return Document.of(
        banner(pruned["platform"]),
        line(f"Kept: the last {pruned['older_than_days']} days."),
        line(moved),
        Line(),
        Table(
            (Column("table"), Column(f"rows {would}removed", is_number=True)),
            rows,
            empty="No other rows are older.",
        ),
    )


def units_text(units: Mapping[str, str]) -> str:
    """The files one after the other, each under its name, as `systemctl cat` shows them."""
    return "\n".join(f"# {name}\n{text}" for name, text in units.items())


def written_document(made: Json) -> Document:
    return Document.of(
        line(
            f"For an interval of {made['interval_seconds']} s, in ",
            Span(made["folder"], Tone.STRONG),
            f": {', '.join(made['units'])}.",
        ),
        line("Next: systemctl daemon-reload"),
    )
