"""The switches: mode, start and stop."""

from collections.abc import Mapping
from typing import Any

from meta_autonomous.ports.people import System
from meta_autonomous.ports.records import Runtime
from meta_autonomous.render.banner import banner
from meta_autonomous.render.document import Document, Pairs, Span, Tone, line
from meta_autonomous.render.shape import time_text
from meta_autonomous.render.text import clean, moment, parsed

Json = Mapping[str, Any]


def mode_json(runtime: Runtime, system: System) -> dict[str, Any]:
    """The mode in force and what it is from: a stored mode wins over the configured one."""
    return {
        "mode": runtime.mode or system.mode,
        "configured_mode": system.mode,
        "stored_mode": runtime.mode,
        "changed_by": runtime.changed_by,
        "changed_at": time_text(runtime.changed_at),
        "platform": system.platform,
    }


def mode_document(mode: Json) -> Document:
    stored = mode["stored_mode"]
    origin = "stored by `mode set`" if stored else "as configured"
    rows = [("mode", Span(f"{mode['mode']}, {origin}", Tone.STRONG))]
    if stored and stored != mode["configured_mode"]:
        rows.append(("configured", Span(mode["configured_mode"])))
    if mode["changed_by"]:
        at = moment(parsed(mode["changed_at"]))
        rows.append(("switched last", Span(f"by {clean(mode['changed_by'])} at {at}")))
    return Document.of(banner(mode["platform"]), Pairs(tuple(rows)))


def switched_document(switched: Json) -> Document:
    return Document.of(banner(switched["platform"]), line(Span(switched["message"], Tone.STRONG)))
