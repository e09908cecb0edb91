"""An explanation in a colleague's words: what was done, on which numbers, why, and what now."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final

from meta_autonomous.decision.rules import clock
from meta_autonomous.domain.action import ActionStatus, ActionType, Outcome
from meta_autonomous.domain.entities import Level
from meta_autonomous.domain.verdict import Effect, Ruling, Verdict
from meta_autonomous.ports.records import ActionRecord, Trace


def sentences(
    trace: Trace,
    record: ActionRecord | None,
    *,
    binding: Sequence[Verdict],
    flips: Sequence[str],
) -> Iterator[str]:
    """Most important first. `record` is the action that the tick decided on, if any."""
    yield _what(trace, record)
    yield from _since(trace, record)
    yield from _evidence(trace, record)
    for place, message in enumerate(dict.fromkeys(gate.message for gate in binding)):
        yield ("Also: " if place else "") + _of_itself(message, trace)
    for gate in trace.gates:
        if gate not in binding and gate.effect is not Effect.DEMOTES:
            yield from _aside(gate, trace)
    yield from (
        f"Left to a person: {_inside(_of_itself(gate.message, trace))}"
        for gate in trace.gates
        if gate.effect is Effect.DEMOTES
    )
    yield from (_of_itself(flip, trace) for flip in flips)
    if binding and not flips:
        yield "No number and no setting would change that."
    yield from _when(trace, binding)
    yield from _next(trace, record)


# --- what was done ------------------------------------------------------------------------------


def _what(trace: Trace, record: ActionRecord | None) -> str:
    itself = _itself(trace)
    if trace.decision == "none":
        budget, currency = trace.evidence.get("budget"), trace.evidence.get("currency")
        stays = f"; its budget stays at {_amount(budget)} {currency} a day" if budget else ""
        return f"Nothing was done to the {itself}{stays}."
    kind, _, outcome = trace.decision.partition(": ")
    how = _OUTCOMES[Outcome(outcome)]
    if record is not None and record.is_urgent and outcome == Outcome.QUEUED:
        how += ", as urgent"
    return f"{how}: {_deed(ActionType(kind), trace, record)}."


_OUTCOMES: Final[Mapping[Outcome, str]] = {
    Outcome.QUEUED: "Suggested to a person",
    Outcome.UNCHANGED: "Suggested before, and still waiting for a person",
    Outcome.EXECUTED: "Executed",
    Outcome.POLICY_BLOCKED: "Wanted by the numbers, and blocked by the policy",
    Outcome.SAFETY_BLOCKED: "Wanted by the numbers, and blocked by the safety engine",
    Outcome.DEFERRED: "Wanted by the numbers, but not now",
    Outcome.FAILED: "Asked for, and refused by Meta",
    Outcome.IN_DOUBT: "Sent to Meta; whether it took effect is being settled",
}


def _deed(kind: ActionType, trace: Trace, record: ActionRecord | None) -> str:
    """``raise the campaign 'Shoes - ES' from 500.00 to 600.00 USD a day (+20 %)``"""
    deed = f"{_DEEDS[kind]} the {_itself(trace)}"
    if kind is ActionType.RESUME:
        return f"{deed} run again"
    if record is None:
        return deed
    if kind is ActionType.PAUSE:
        return f"{deed} (a hard stop)" if record.is_hard_stop else deed
    if kind is ActionType.REALLOCATE:
        return _move(record) or deed
    if record.current_budget is None or record.proposed_budget is None:
        return deed
    step = "" if record.change_pct is None else f" ({_percent(record.change_pct)})"
    return (
        f"{deed} from {_amount(record.current_budget)} to {_amount(record.proposed_budget)} "
        f"{record.currency} a day{step}"
    )


_DEEDS: Final[Mapping[ActionType, str]] = {
    ActionType.PAUSE: "pause",
    ActionType.RESUME: "let",
    ActionType.SCALE_UP: "raise",
    ActionType.SCALE_DOWN: "cut",
    ActionType.REALLOCATE: "move budget away from",
}


def _move(record: ActionRecord) -> str | None:
    try:
        donor, receiver = record.legs
    except ValueError:
        return None
    moved = Decimal(donor["current_budget"]) - Decimal(donor["proposed_budget"])
    return (
        f"move {_amount(moved)} {record.currency} a day from the ad set {donor['entity_name']!r} "
        f"to {receiver['entity_name']!r}"
    )


def _since(trace: Trace, record: ActionRecord | None) -> Iterator[str]:
    """What became of it after the tick."""
    waits = trace.decision.endswith((": queued", ": unchanged"))
    if record is None:
        return
    if (waits and record.status is not ActionStatus.SUGGESTED) or (
        record.status is ActionStatus.UNDONE
    ):
        by = f" by {record.decided_by}" if record.decided_by else ""
        yield f"Since then action {record.id} was {record.status}{by}."
    elif record.status is ActionStatus.FAILED and record.message:
        yield f"Meta said: {record.message}"


# --- on which numbers ---------------------------------------------------------------------------


def _evidence(trace: Trace, record: ActionRecord | None) -> Iterator[str]:
    if record is not None and record.type in (ActionType.RESUME, ActionType.REALLOCATE):
        yield f"{record.reason.rstrip('.')}."  # it rests on another window, or on two entities
        return
    known = trace.evidence
    if known.get("roas") is None:
        if "window_days" in known:
            yield f"It spent nothing in the last {known['window_days']} complete days."
        return
    spend, purchases = known.get("spend_usd"), known.get("purchases")
    spent = f"spent {_amount(spend)} USD" if spend is not None else "spent money"
    told = f"In the last {known.get('window_days', '')} complete days it {spent}"
    if trace.first_binding == "candidate.measured":
        yield f"{told}."  # what is not measured by purchases has no ROAS to speak of
        return
    told += f" and brought {_counted(purchases, 'purchase')}: ROAS {_two(known['roas'])}."
    average = known.get("average_purchases")
    if average is not None:
        told += f" An average {_level(trace)} of this account would have brought "
        told += f"{_round(average)} for the same money."
    yield told
    interval, sure = known.get("interval"), known.get("confidence")
    if known.get("claim") and interval and sure is not None:
        low, high = interval
        yield (
            f"It is {_sure(sure)} sure that its true ROAS is {known['claim']} (90 % range: "
            f"{_two(low)} to {_two(high)})."
        )


# --- why, and what now --------------------------------------------------------------------------


def _aside(gate: Verdict, trace: Trace) -> Iterator[str]:
    if gate.ruling is Ruling.CLAMP:
        yield f"Made smaller: {_inside(_of_itself(gate.message, trace))}"
    elif gate.ruling is Ruling.WARN:
        yield f"Note: {_of_itself(gate.message, trace)}"


def _when(trace: Trace, binding: Sequence[Verdict]) -> Iterator[str]:
    """Where no sentence about time was said before."""
    again = trace.eligible_again_at
    if again is None or any(gate.flip and clock(again) in gate.flip.words for gate in binding):
        return
    only_waiting = all(gate.eligible_at is not None for gate in binding)
    sure = "Time alone is enough" if only_waiting else "It is not eligible"
    yield f"{sure} {'from' if only_waiting else 'before'} {again:%Y-%m-%d %H:%M} UTC."


def _next(trace: Trace, record: ActionRecord | None) -> Iterator[str]:
    if record is None or record.status is not ActionStatus.SUGGESTED:
        return
    if trace.decision.endswith((": queued", ": unchanged")):
        until = record.expires_at
        limit = "" if until is None else f" until {until:%Y-%m-%d %H:%M} UTC"
        yield f"To decide{limit}: `meta-auto suggestions approve {record.id}`, or `reject` it."


# --- words --------------------------------------------------------------------------------------


def _level(trace: Trace) -> str:
    return "ad set" if trace.level is Level.ADSET else str(trace.level)


def _itself(trace: Trace) -> str:
    return f"{_level(trace)} {trace.name!r}"


def _of_itself(message: str, trace: Trace) -> str:
    """Rules name each entity in full, for the record; here everybody knows which one it is."""
    in_full = f"{_itself(trace)} ({trace.entity_id})"
    return (
        message.replace(f"The budget of the {in_full}", "Its budget")
        .replace(f"The {in_full}", "It")
        .replace(f"the {in_full}", "it")
    )


def _inside(sentence: str) -> str:
    """After a colon; a name keeps its capital."""
    first, space, rest = sentence.partition(" ")
    return f"{first.lower()}{space}{rest}" if first in _PLAIN_OPENINGS else sentence


_PLAIN_OPENINGS: Final = frozenset({"It", "Its", "The", "A", "Other", "Spent", "Budgets"})


def _amount(value: Decimal | str) -> str:
    return f"{Decimal(value):,f}"


def _percent(fraction: Decimal) -> str:
    return f"{round(Decimal(fraction) * 100, 1).normalize():+f} %"


def _sure(share: Decimal | float) -> str:
    """Nothing is 100 % sure."""
    points = round(Decimal(str(share)) * 100)
    return "more than 99 %" if points > _ALMOST_SURE else f"{points} %"


_ALMOST_SURE: Final = 99


def _two(value: Decimal | float) -> str:
    return f"{Decimal(str(value)):.2f}"


def _round(value: Decimal | float) -> str:
    return f"{Decimal(str(value)):,.0f}"


def _counted(number: int | None, word: str) -> str:
    return f"{number or 0:,} {word}{'' if number == 1 else 's'}"
