"""Why the last tick did what it did, or nothing, for one entity."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from meta_autonomous.domain.action import ActionStatus, Outcome
from meta_autonomous.domain.verdict import Effect, Ruling, Verdict
from meta_autonomous.operations.shapes import verdict_shape
from meta_autonomous.ports import ActionRecord, Json, NotFound, Store, Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """One entity's trace of its last tick. `sentences` say it in words, most important first."""

    trace: Trace
    tick: Json
    sentences: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        trace = self.trace
        again = trace.eligible_again_at
        return {
            "entity_id": trace.entity_id,
            "entity_name": trace.name,
            "level": trace.level.value,
            "campaign_id": trace.campaign_id,
            "tick_id": self.tick.get("tick_id"),
            "platform": self.tick.get("platform"),
            "decision": trace.decision,
            "first_binding": trace.first_binding,
            "eligible_again_at": None if again is None else again.isoformat(timespec="seconds"),
            "gates": [verdict_shape(gate) for gate in trace.gates],
            "evidence": dict(trace.evidence),
            "summary": list(self.sentences),
        }


def explain(store: Store, entity_id: str) -> Explanation:
    """Raises NotFound for an entity that no tick has seen."""
    found = store.trace(entity_id)
    if found is None:
        raise NotFound(
            f"No tick has seen an entity {entity_id}.",
            remedy="Ids are in `meta-auto campaigns list`; run `meta-auto tick` first.",
        )
    trace, tick = found
    record = _record_of(store, trace, str(tick.get("tick_id")))
    if record is not None:
        trace = replace(trace, decision=_as_it_came(trace.decision, record))
    return Explanation(trace=trace, tick=tick, sentences=tuple(_sentences(trace, record)))


def _record_of(store: Store, trace: Trace, tick_id: str) -> ActionRecord | None:
    """The action that the tick decided on for the entity, as it stands now."""
    kind = trace.decision.partition(": ")[0]
    records = store.actions(entity_id=trace.entity_id, tick_id=tick_id)
    return next((r for r in records if r.type == kind and r.undoes is None), None)


def _as_it_came(decision: str, record: ActionRecord) -> str:
    """The trace was written before anything was sent; the record knows what came of it."""
    kind, _, outcome = decision.partition(": ")
    if outcome == Outcome.EXECUTED:
        outcome = _CAME_TO.get(record.status, Outcome.DEFERRED)
    return f"{kind}: {outcome}"


_CAME_TO: Final[Mapping[ActionStatus, Outcome]] = {
    ActionStatus.EXECUTED: Outcome.EXECUTED,
    ActionStatus.UNDONE: Outcome.EXECUTED,
    ActionStatus.FAILED: Outcome.FAILED,
    ActionStatus.EXECUTING: Outcome.IN_DOUBT,
    ActionStatus.IN_DOUBT: Outcome.IN_DOUBT,
}


def _sentences(trace: Trace, record: ActionRecord | None) -> list[str]:
    said = [_what(trace), *_since(trace, record)]
    binding = [gate for gate in trace.gates if gate.effect in (Effect.BLOCKS, Effect.DEFERS)]
    if trace.decision != "none":  # what kept another wish from being made is no news then
        binding = [gate for gate in binding if not gate.rule.startswith(_BEFORE_THE_RULES)]
    if binding:
        said.append(binding[0].message)
        said += [f"Also: {gate.message}" for gate in binding[1:]]
    said += [
        f"Note: {gate.message}"
        for gate in trace.gates
        if gate.ruling in (Ruling.WARN, Ruling.CLAMP) and gate not in binding
    ]
    said += _when(trace.eligible_again_at, binding)
    return said


_BEFORE_THE_RULES: Final = ("candidate.", "wanted.")


def _since(trace: Trace, record: ActionRecord | None) -> list[str]:
    """What became of it after the tick."""
    waits = trace.decision.endswith((": queued", ": unchanged"))
    is_over = record is not None and (
        (waits and record.status is not ActionStatus.SUGGESTED)
        or record.status is ActionStatus.UNDONE
    )
    if record is None or not is_over:
        return []
    by = f" by {record.decided_by}" if record.decided_by else ""
    return [f"Since then action {record.id} was {record.status}{by}."]


def _what(trace: Trace) -> str:
    if trace.decision == "none":
        return f"Nothing was done to {trace.level} {trace.name}."
    what, _, outcome = trace.decision.partition(": ")
    words = {
        "policy_blocked": "was wanted, and blocked by the policy",
        "safety_blocked": "was wanted, and blocked by the safety engine",
        "queued": "was suggested to a person",
        "unchanged": "was suggested before, and still is",
        "executed": "was executed",
        "failed": "was asked for, and Meta refused it",
        "in_doubt": "was sent; whether it took effect is being settled",
        "deferred": "is wanted, but not now",
    }
    return f"A {what} of {trace.level} {trace.name} {words.get(outcome, outcome)}."


def _when(again: datetime | None, binding: Sequence[Verdict]) -> list[str]:
    if again is None:
        return []
    only_waiting = all(gate.eligible_at is not None for gate in binding)
    sure = "It is eligible again" if only_waiting else "It is not eligible"
    until = "at" if only_waiting else "before"
    return [f"{sure} {until} {again:%Y-%m-%d %H:%M} UTC."]
