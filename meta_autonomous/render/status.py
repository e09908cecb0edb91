"""The dashboard: how the system stands, out of the status JSON."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from meta_autonomous.render.banner import banner
from meta_autonomous.render.document import (
    Bar,
    Block,
    Box,
    Document,
    Line,
    Pairs,
    Span,
    Tone,
    line,
)
from meta_autonomous.render.portfolio import accounts_table, month_line
from meta_autonomous.render.text import counted, parsed, relative, usd
from meta_autonomous.render.tick import said

Json = Mapping[str, Any]

_TODAY: Final = (
    ("campaigns_evaluated", "Campaigns evaluated"),
    ("actions_generated", "Actions generated"),
    ("actions_executed", "Actions executed"),
    ("actions_queued", "Actions queued"),
    ("actions_policy_blocked", "Policy blocked"),
    ("actions_safety_blocked", "Safety blocked"),
    ("actions_failed", "Failed"),
    ("actions_in_doubt", "In doubt"),
    ("actions_deferred", "Deferred"),
    ("actions_unchanged", "Already pending"),
)
#: Said also when zero: the seed's own rows.
_ALWAYS: Final = 6


def status_document(status: Json, *, now: datetime) -> Document:
    return Document.of(
        banner(status["platform"]),
        Box("Meta Autonomous System Status", tuple(_blocks(status, now))),
    )


def _blocks(status: Json, now: datetime) -> Iterator[Block]:
    yield Pairs(
        (
            ("Mode", Span(str(status["mode"]).upper(), Tone.STRONG)),
            ("Running", _running(status)),
            ("Last tick", _last(status, now)),
            ("Next tick", _next(status, now)),
        )
    )
    yield Line()
    today = status["today"]
    ticks = today.get("ticks") or 0
    added_up = f" ({ticks:,} ticks added up)" if ticks > 1 else ""
    yield line(Span("Today's stats", Tone.STRONG), added_up)
    yield Pairs(tuple(_counts(today)))
    yield Line()
    yield from _spend(today)
    if status.get("month"):
        yield month_line(status["month"])
    for warning in status.get("warnings", ()):
        yield line(Span("Warning: ", Tone.WARN), said(warning))
    for key, words in (("pending", "suggestion"), ("in_doubt", "action")):
        count = status.get(key)
        if isinstance(count, int) and count:
            waiting = "waiting: meta-auto suggestions list" if key == "pending" else "in doubt"
            yield line(f"{counted(count, words)} {waiting}")
    if not status["alerts"]:
        yield line(Span("No alerts", Tone.GOOD))
    for alert in status["alerts"]:
        yield line(Span("Alert: ", Tone.BAD), said(alert))
    accounts = tuple(accounts_table(status.get("accounts", ())))
    if accounts:
        yield Line()
        yield from accounts


def _running(status: Json) -> Span:
    if status["is_running"]:
        return Span("yes", Tone.GOOD)
    if not status.get("started", True):
        return Span("no, stopped: meta-auto start takes it back", Tone.BAD)
    if not status["enabled"]:
        return Span("no, switched off by META_AUTO_ENABLED", Tone.BAD)
    if status["last_tick_at"] is None:
        return Span("no, no tick yet", Tone.WARN)
    return Span("no, no tick for two intervals", Tone.BAD)


def _last(status: Json, now: datetime) -> str:
    """Never in the future: the sandbox's clock stands still while a tick works."""
    at = parsed(status["last_tick_at"])
    return relative(at and min(at, now), now)


def _next(status: Json, now: datetime) -> str:
    due = parsed(status["next_tick_at"])
    if due is not None and due < now:
        return f"was due {relative(due, now)}"
    return relative(due, now)


def _counts(today: Json) -> Iterator[tuple[str, str]]:
    generated = today["actions_generated"]
    for place, (key, words) in enumerate(_TODAY):
        count = today.get(key) or 0
        if place >= _ALWAYS and not count:
            continue
        told = f" ({_whole(Decimal(count) / generated)})" if place > 1 and count else ""
        yield words, f"{count:,}{told}"
        by_people = today.get("executed_by_people")
        if key == "actions_executed" and by_people:
            yield "Approved, executed", f"{by_people:,} beside the ticks"


def _spend(today: Json) -> Iterator[Block]:
    cap = today["cap_usd"]
    spent = today["spend_usd"]
    if spent is None or cap is None:
        yield line(f"Spend: unknown / {usd(cap)}")
        return
    limit = Decimal(str(cap))
    share = Decimal(str(spent)) / limit if limit else Decimal(1)
    yield Bar("Spend", share, f"{usd(spent)} / {usd(cap)} ({_whole(share)})")


def _whole(share: Decimal) -> str:
    return f"{round(share * 100)}%"
