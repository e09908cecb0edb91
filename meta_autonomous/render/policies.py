"""The limits in force, each with where it is from; and what the rules say of a plan."""

from collections.abc import Iterator, Mapping
from typing import Any

from meta_autonomous.config import KEYS, TABLES
from meta_autonomous.render.banner import banner
from meta_autonomous.render.document import (
    Block,
    Column,
    Document,
    Line,
    Span,
    Table,
    Tone,
    line,
)
from meta_autonomous.render.text import clean
from meta_autonomous.render.tick import visible_sentence
from meta_autonomous.render.verdicts import verdict_table

Json = Mapping[str, Any]

_DEFAULT = "default"
_RATES = "fx"


def policies_document(policies: Json) -> Document:
    return Document(tuple(_blocks(policies)))


def _blocks(policies: Json) -> Iterator[Block]:
    whom: Json | None = policies.get("for")
    yield banner(policies["platform"], *([_whom(whom)] if whom else []))
    sources: Json = policies["sources"]
    columns = (
        Column("setting"),
        Column("value", is_number=True, may_wrap=True),
        Column("unit"),
        Column("from"),
        Column("where", may_wrap=True, below="{}"),
    )
    for table, about in TABLES.items():
        names = [name for name in sources if _table_of(name) == table]
        if not names:
            continue
        yield Line()
        yield line(Span(f"[{table}]", Tone.STRONG), Span(f" {about}", Tone.QUIET))
        yield Table(columns, tuple(_row(name, sources[name]) for name in names), empty="")
    yield from _rest(policies)


def _whom(whom: Json) -> str:
    level = "ad set" if whom["level"] == "adset" else str(whom["level"])
    told = f"for {level} {clean(str(whom['entity_name']))} ({clean(str(whom['entity_id']))})"
    if whom["entity_id"] != whom["campaign_id"]:
        told += f" of campaign {clean(str(whom['campaign_name']))}"
    return f"{told}, ad account {clean(str(whom['account_id']))}"


def _table_of(name: str) -> str:
    return KEYS[name].table if name in KEYS else _RATES


def _row(name: str, source: Json) -> tuple[str | Span, ...]:
    told = str(source["source"])
    tone = Tone.QUIET if told == _DEFAULT else Tone.STRONG
    return (
        name.upper(),
        Span(value_text(source["value"]), tone),
        KEYS[name].unit if name in KEYS else "USD",
        Span(told, tone),
        str(source["detail"]),
    )


def value_text(value: Any) -> str:
    """A setting's value as its file would spell it."""
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return ", ".join(str(each) for each in value) or "none"
    return str(value)


def _rest(policies: Json) -> Iterator[Block]:
    scope = policies["scope"]
    yield Line()
    yield line(
        Span("Scope: ", Tone.STRONG),
        f"include {value_text(scope['include']) if scope['include'] else 'all campaigns'}; "
        f"exclude {value_text(scope['exclude'])}",
    )
    for override in policies["overrides"]:
        whose = " ".join(
            f"{key} {override[key]!r}" for key in ("account", "match") if override[key]
        )
        limits = ", ".join(f"{key} = {value}" for key, value in override["limits"].items())
        looser = " (looser allowed)" if override["allow_looser"] else ""
        told = f"{whose}: {limits}{looser}{_in_force(override)}"
        yield line(Span("Override: ", Tone.STRONG), told)
    for freeze in policies["freezes"]:
        yield line(
            Span("Freeze: ", Tone.STRONG),
            f"{freeze['from']} to {freeze['to']}: {visible_sentence(freeze['reason'])}",
        )
    if policies.get("break_even_roas") is not None:
        yield line(Span("Break-even ROAS: ", Tone.STRONG), f"{policies['break_even_roas']:.2f}")
    yield line(Span("Policy digest: ", Tone.STRONG), str(policies["policy_digest"]))
    for warning in policies["warnings"]:
        yield line(Span("Warning: ", Tone.WARN), visible_sentence(warning))


def _in_force(override: Json) -> str:
    """With `--for`: whether the override reaches that entity, and with which of its limits."""
    if "concerns" not in override:
        return ""
    if not override["concerns"]:
        return "; does not concern it"
    without = [key for key in override["limits"] if key not in override["in_force"]]
    if not without:
        return "; in force here"
    return f"; not in force here: {', '.join(without)} (looser, or replaced by another override)"


def checked_document(checked: Json) -> Document:
    verdict = (
        Span("Allowed: every rule passes.", Tone.GOOD)
        if checked["allowed"]
        else Span("Refused.", Tone.BAD)
    )
    return Document.of(
        banner(checked["platform"]), line(verdict), Line(), verdict_table(checked["verdicts"])
    )
