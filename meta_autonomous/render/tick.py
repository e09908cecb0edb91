"""The report of one tick for people, out of its JSON."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from meta_autonomous.render.banner import SANDBOX, banner
from meta_autonomous.render.document import (
    Block,
    Cell,
    Column,
    Document,
    Line,
    Span,
    Table,
    Tone,
    line,
)
from meta_autonomous.render.text import (
    UNKNOWN,
    amount,
    clean,
    counted,
    probability,
    ratio,
    signed_percent,
)

Json = Mapping[str, Any]

#: The words of a tick's outcomes in the order of its counts, with what they mean to a reader.
OUTCOMES: Final[Mapping[str, tuple[str, Tone]]] = {
    "executed": ("executed", Tone.GOOD),
    "queued": ("queued", Tone.STRONG),
    "unchanged": ("already pending", Tone.QUIET),
    "policy_blocked": ("blocked by policy", Tone.WARN),
    "safety_blocked": ("blocked by safety", Tone.WARN),
    "deferred": ("deferred", Tone.QUIET),
    "in_doubt": ("in doubt", Tone.BAD),
    "failed": ("failed", Tone.BAD),
}
_COLUMNS: Final = (
    Column("entity", may_wrap=True),
    Column("action"),
    Column("from → to", may_wrap=True),
    Column("ROAS", is_number=True),
    Column("conf.", is_number=True),
    Column("outcome", may_wrap=True),
    Column("reason", may_wrap=True, below="{}"),
)
_ACTION_WORDS: Final = {
    "pause": "pause",
    "resume": "resume",
    "scale_up": "scale up",
    "scale_down": "scale down",
    "reallocate": "reallocate",
}


def tick_document(report: Json) -> Document:
    return Document(tuple(_blocks(report)))


def _blocks(report: Json) -> Iterator[Block]:
    extra: list[Cell] = [f"mode {report['mode']}"]
    if report["dry_run"]:
        extra.append(Span("dry run: nothing is written", Tone.STRONG))
    yield banner(report["platform"], *extra)
    yield line(Span(_headline(report), Tone.QUIET))
    yield Line()
    if not (report["enabled"] and report["started"]):
        yield line(Span(_why_idle(report), Tone.WARN))
    yield Table(
        _COLUMNS,
        tuple(action_row(action) for action in report["actions"]),
        empty=_why_none(report),
    )
    yield Line()
    yield line(Span(counts_text(report), Tone.STRONG))
    if report.get("break_even_roas") is not None:
        yield break_even_line(report["break_even_roas"])
    yield from _troubles(report)
    for warning in report.get("warnings", ()):
        yield line(Span("Warning: ", Tone.WARN), visible_sentence(warning))
    if report["actions_queued"] and not report["dry_run"]:
        yield line(Span("Next: meta-auto suggestions list", Tone.QUIET))


def _why_none(report: Json) -> str:
    accounts = report["accounts"]
    if accounts and all(account["state"] != "ok" for account in accounts):
        return "No actions: no ad account could be worked."
    return "No actions: every entity stays as it is."


def break_even_line(roas: Decimal | float) -> Line:
    """What every ROAS above it is to be held against."""
    return line(Span(f"Break-even at your margin: a ROAS of {ratio(roas)}.", Tone.QUIET))


def counts_text(report: Json) -> str:
    """`18 actions: 3 executed, 10 queued, 5 blocked by policy`."""
    parts = [
        f"{report[f'actions_{outcome}']:,} {words}"
        for outcome, (words, _) in OUTCOMES.items()
        if report[f"actions_{outcome}"]
    ]
    total = counted(report["actions_generated"], "action")
    return f"{total}: {', '.join(parts)}" if parts else f"{total}."


def action_row(action: Json) -> tuple[Cell, ...]:
    words, tone = OUTCOMES[action["outcome"]]
    return (
        entity_words(action),
        action_words(action["type"]),
        from_to(action),
        ratio(action["roas"]),
        probability(action["confidence"]),
        Span(words, tone),
        clean(action["reason"], longest=400),
    )


def entity_words(action: Json) -> str:
    """Its name; of a reallocation the giver's and the taker's."""
    if action["type"] == "reallocate":
        names = [leg.get("entity_name") or leg["entity_id"] for leg in action.get("legs") or ()]
        return clean(" → ".join(names))
    return clean(action["entity_name"] or action["entity_id"])


def action_words(kind: str) -> str:
    return _ACTION_WORDS.get(kind, kind)


def decision_words(decision: str) -> str:
    """`scale up: blocked by policy` for a trace's `scale_up: policy_blocked`."""
    kind, _, outcome = decision.partition(": ")
    words, _ = OUTCOMES.get(outcome, (outcome, Tone.PLAIN))
    return f"{action_words(kind)}: {words}" if words else kind


def from_to(action: Json) -> str:
    """`500.00 → 600.00 USD (+20%)`, `ACTIVE → PAUSED`, or both legs of a reallocation."""
    if action["type"] == "pause":
        return "ACTIVE → PAUSED"
    if action["type"] == "resume":
        return "PAUSED → ACTIVE"
    if action["type"] == "reallocate":
        legs = action.get("legs") or ()
        return "; ".join(_move(leg, action["currency"]) for leg in legs)
    moved = _move(action, action["currency"])
    return f"{moved} ({signed_percent(action['change_pct'])})"


def _move(sides: Json, currency: str) -> str:
    if sides["current_budget"] is None or sides["proposed_budget"] is None:
        return UNKNOWN
    return f"{amount(sides['current_budget'])} → {amount(sides['proposed_budget'], currency)}"


def said(item: str | Json) -> str:
    """One alert or error as a sentence, whether it came as text or as an object."""
    return visible_sentence(item if isinstance(item, str) else str(item.get("message", item)))


def visible_sentence(text: str) -> str:
    return clean(text, longest=600)


def _headline(report: Json) -> str:
    took = _seconds(report["tick_started_at"], report["tick_completed_at"])
    whom = "the sandbox" if report["platform"] == SANDBOX else "Meta"
    parts = [
        f"Tick {report['tick_id']}",
        counted(report["campaigns_evaluated"], "campaign") + " evaluated",
        f"{counted(report['requests'], 'request')} to {whom}",
    ]
    # The sandbox's clock stands still during a tick.
    return " · ".join([*parts, f"{took} s"] if took else parts)


def _why_idle(report: Json) -> str:
    if report["started"]:
        return "Switched off by META_AUTO_ENABLED: only what was in doubt was looked at."
    return "Stopped: only what was in doubt was looked at. `meta-auto start` lets it work again."


def _seconds(started: str | None, completed: str | None) -> int | None:
    if started is None or completed is None:
        return None
    length = datetime.fromisoformat(completed) - datetime.fromisoformat(started)
    return round(length.total_seconds())


def _troubles(report: Json) -> Iterator[Line]:
    """Alerts, accounts and errors. What is wrong with an account is told once."""
    in_errors = _told_by_errors(report)
    for alert in report["alerts"]:
        if said(alert) not in in_errors.values():
            yield line(Span("Alert: ", Tone.WARN), said(alert))
    for account in report["accounts"]:
        if account["account_id"] not in in_errors:
            yield from _account(account)
    for error in report["errors"]:
        yield line(Span("Error: ", Tone.BAD), said(error))


def _told_by_errors(report: Json) -> Mapping[str, str]:
    """The accounts whose trouble stands in an error, with the alert that would say the same."""
    return {
        account["account_id"]: visible_sentence(f"Ad account {account['account_id']}: {trouble}")
        for account in report["accounts"]
        if (trouble := account.get("error"))
        and any(
            str(error).startswith(f"account {account['account_id']}: {trouble}")
            for error in report["errors"]
        )
    }


def _account(account: Json) -> Sequence[Line]:
    """A line for an account that was not simply read."""
    state = str(account.get("status") or account.get("state") or "ok")
    if state == "ok":
        return ()
    number = clean(str(account.get("account_id") or account.get("id") or "?"))
    detail = str(account.get("message") or account.get("detail") or account.get("error") or "")
    told = f": {visible_sentence(detail)}" if detail else ""
    return (line(f"Account {number}: ", Span(state, Tone.WARN), told),)
