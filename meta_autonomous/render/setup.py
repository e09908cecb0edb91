"""What `init` and `db` made."""

from collections.abc import Mapping
from typing import Any

from meta_autonomous.render.banner import SANDBOX, banner
from meta_autonomous.render.document import Document, Pairs, Span, Tone, line

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
