"""What `doctor` found: a line for each check, and under it what to do."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from meta_autonomous.render.banner import banner
from meta_autonomous.render.document import Document, Line, Span, Tone, line
from meta_autonomous.render.text import clean, counted

Json = Mapping[str, Any]

_TONES: Final = {
    "ok": Tone.GOOD,
    "warn": Tone.WARN,
    "fail": Tone.BAD,
    "unknown": Tone.QUIET,
}
_LONGEST: Final = 400
_INDENT: Final = " " * 9


def doctor_document(found: Json) -> Document:
    platform = found["platform"]
    head = (banner(platform), Line()) if platform else ()
    return Document.of(*head, *check_lines(found["checks"]), Line(), _verdict(found))


def check_lines(checks: Iterable[Json]) -> Iterator[Line]:
    for check in checks:
        yield from _check(check)


def _check(check: Json) -> Iterator[Line]:
    state = check["status"]
    name = check["name"].replace("_", " ")
    told = clean(str(check["message"]), longest=_LONGEST)
    yield line(Span(f"{state:<9}", _TONES[state]), Span(name, Tone.STRONG), f": {told}")
    if state == "ok":
        return
    for detail in check["details"]:
        if detail != check["message"]:
            yield line(_INDENT, Span(f"- {clean(str(detail), longest=_LONGEST)}", Tone.QUIET))
    if check["remedy"]:
        yield line(_INDENT, f"→ {clean(str(check['remedy']), longest=_LONGEST)}")


def _verdict(found: Json) -> Line:
    counts = Counter(check["status"] for check in found["checks"])
    told = [
        counted(counts[state], *words)
        for state, words in (
            ("fail", ("failure", "failures")),
            ("warn", ("warning", "warnings")),
            ("unknown", ("unknown", "unknown")),
        )
        if counts[state]
    ]
    if not told:
        return line(Span("Everything is as it should be.", Tone.GOOD))
    tone = Tone.BAD if counts["fail"] else Tone.WARN
    return line(Span(f"{', '.join(told)}.", tone), f" {counts['ok']} checks are fine.")
