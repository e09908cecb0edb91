"""What the self-test found of each guard."""

from collections.abc import Mapping
from typing import Any, Final

from meta_autonomous.decision.selftest import Guard, SelfTest
from meta_autonomous.operations.shapes import measure as number
from meta_autonomous.render.banner import banner
from meta_autonomous.render.document import Column, Document, Line, Span, Table, Tone, line
from meta_autonomous.render.text import clean

Json = Mapping[str, Any]

_TONES: Final = {"fires": Tone.GOOD, "dead": Tone.BAD, "off": Tone.WARN}
_COLUMNS: Final = (
    Column("guard"),
    Column("state"),
    Column("what was injected", may_wrap=True, below="injected: {}"),
    Column("what it said", may_wrap=True, below="{}"),
)


def selftest_json(tested: SelfTest, *, platform: str) -> dict[str, Any]:
    return {
        "ok": tested.is_ok,
        "platform": platform,
        "guards": [_guard_json(guard) for guard in tested.guards],
        "dead": [guard.rule for guard in tested.dead],
        "off": [guard.rule for guard in tested.off],
    }


def _guard_json(guard: Guard) -> dict[str, Any]:
    return {
        "rule": guard.rule,
        "state": guard.state.value,
        "injected": guard.injected,
        "observed": number(guard.observed),
        "limit": number(guard.limit),
        "message": guard.message,
        "also": list(guard.also),
        "lets_harmless_pass": guard.lets_pass,
    }


def selftest_document(tested: Json) -> Document:
    rows = tuple(
        (
            guard["rule"],
            Span(guard["state"], _TONES[guard["state"]]),
            guard["injected"] or "nothing",
            _told(guard),
        )
        for guard in tested["guards"]
    )
    return Document.of(
        banner(tested["platform"]), Table(_COLUMNS, rows, empty=""), Line(), _verdict(tested)
    )


def _told(guard: Json) -> str:
    told = clean(str(guard["message"]), longest=400)
    if guard["lets_harmless_pass"]:
        return told
    return f"{told} (It stops the harmless one, too.)"


def _verdict(tested: Json) -> Line:
    off = f" Off: {', '.join(tested['off'])}." if tested["off"] else ""
    if tested["ok"]:
        return line(Span("Every guard that is on can fire.", Tone.GOOD), off)
    return line(
        Span(f"Dead, no action can make it fire: {', '.join(tested['dead'])}.", Tone.BAD), off
    )
