"""Why the last tick did what it did, or nothing, for one entity."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from meta_autonomous.domain.verdict import Effect, Ruling, Verdict
from meta_autonomous.operations.shapes import verdict_shape
from meta_autonomous.ports import Json, NotFound, Store, Trace


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
    return Explanation(trace=trace, tick=tick, sentences=tuple(_sentences(trace)))


def _sentences(trace: Trace) -> list[str]:
    said = [_what(trace)]
    binding = [gate for gate in trace.gates if gate.effect in (Effect.BLOCKS, Effect.DEFERS)]
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


def _what(trace: Trace) -> str:
    if trace.decision == "none":
        return f"Nothing was done to {trace.level} {trace.name}."
    what, _, outcome = trace.decision.partition(": ")
    words = {
        "policy_blocked": "was wanted, and blocked by the policy",
        "safety_blocked": "was wanted, and blocked by the safety engine",
        "queued": "is suggested and waits for a person",
        "unchanged": "is still suggested and waits for a person",
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
