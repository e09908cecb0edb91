"""Why the last tick did what it did, or nothing, for one entity; and what would change it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from meta_autonomous.domain.action import ActionStatus, Outcome
from meta_autonomous.domain.entities import Level
from meta_autonomous.domain.likeness import nearest
from meta_autonomous.domain.verdict import Effect, Flip, Verdict
from meta_autonomous.operations.shapes import measure, verdict_shape
from meta_autonomous.operations.telling import sentences
from meta_autonomous.ports.errors import NotFound
from meta_autonomous.ports.records import ActionRecord, Trace
from meta_autonomous.ports.store import Store
from meta_autonomous.ports.words import Json

#: Gates that must all open before the numbers are looked at; and those that say why a wish was
#: not made, each of another wish.
CANDIDATE, WANTED = "candidate.", "wanted."


@dataclass(frozen=True, slots=True, kw_only=True)
class WouldFlip:
    """One change with which the outcome would have been another."""

    gate: Verdict
    flip: Flip
    sentence: str

    def to_json(self) -> dict[str, Any]:
        return {
            "gate": self.gate.rule,
            "fact": self.flip.fact,
            "observed": measure(self.gate.observed),
            "needed": measure(self.flip.needed),
            "sentence": self.sentence,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """One entity's trace of its last tick. `sentences` say it in words, most important first."""

    trace: Trace
    tick: Json
    flips: tuple[WouldFlip, ...]
    sentences: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        trace = self.trace
        again = trace.eligible_again_at
        return {
            "entity_id": trace.entity_id,
            "entity_name": trace.name,
            "level": trace.level.value,
            "campaign_id": trace.campaign_id or None,
            "tick_id": self.tick.get("tick_id"),
            "platform": self.tick.get("platform"),
            "decision": trace.decision,
            "first_binding": trace.first_binding,
            "eligible_again_at": None if again is None else again.isoformat(timespec="seconds"),
            "flips": [flip.to_json() for flip in self.flips],
            "gates": [verdict_shape(gate) for gate in trace.gates],
            "evidence": dict(trace.evidence),
            "summary": list(self.sentences),
        }


def explain(store: Store, entity_id: str) -> Explanation:
    """Raises NotFound for an entity that no tick has seen."""
    found = store.trace(entity_id)
    if found is None:
        raise _unknown(store, entity_id)
    trace, tick = found
    record = _record_of(store, trace, str(tick.get("tick_id")))
    if record is not None:
        trace = replace(trace, decision=_as_it_came(trace.decision, record))
    flips = what_would_flip(trace)
    said = dict.fromkeys(_first_by_fact(flips))
    told = sentences(trace, record, binding=binding(trace), flips=list(said))
    return Explanation(trace=trace, tick=tick, flips=flips, sentences=tuple(told))


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


# --- what binds, and what would flip it ---------------------------------------------------------


def binding(trace: Trace) -> list[Verdict]:
    """The gates that kept it from going further. Of an action only the rules: what kept another
    wish from being made is no news then."""
    stopping = [gate for gate in trace.gates if gate.effect in (Effect.BLOCKS, Effect.DEFERS)]
    if trace.decision == "none":
        return stopping
    return [gate for gate in stopping if not gate.rule.startswith((CANDIDATE, WANTED))]


def what_would_flip(trace: Trace) -> tuple[WouldFlip, ...]:
    """The smallest change by gate. Where several gates bind together, each sentence says that its
    own is not enough."""
    stopping = binding(trace)
    if trace.decision.endswith(f": {Outcome.QUEUED}") and not stopping:
        stopping = [gate for gate in trace.gates if gate.effect is Effect.DEMOTES]
    together = [gate for gate in stopping if not gate.rule.startswith(WANTED)]
    is_one = len({gate.flip and gate.flip.change for gate in together}) == 1
    return tuple(
        WouldFlip(
            gate=gate,
            flip=gate.flip,
            sentence=_sentence(gate, gate.flip, is_alone=is_one or gate not in together),
        )
        for gate in stopping
        if gate.flip is not None
    )


def _first_by_fact(flips: Sequence[WouldFlip]) -> Iterator[str]:
    """Two gates that the same change would open are told once."""
    told: set[tuple[str, object]] = set()
    for would in flips:
        if would.flip.change not in told:
            told.add(would.flip.change)
            yield would.sentence


def _unknown(store: Store, said: str) -> NotFound:
    """With the id that was meant, where that can be guessed: by a name, or a slip."""
    named = _named(store, said)
    if named:
        level = _PEOPLE_SAY[named[0].level]
        ids = [trace.entity_id for trace in named]
        told = f"the {level} of that name is {ids[0]}"
        if len(ids) > 1:
            more = f" and {len(ids) - _MOST_NAMED} more" if len(ids) > _MOST_NAMED else ""
            told = f"the {level}s of that name are {', '.join(ids[:_MOST_NAMED])}{more}"
        return NotFound(
            f"That is a name, not an id; {told}.",
            remedy=f"Run `meta-auto explain {ids[0]}`.",
        )
    campaigns = store.traces(level=Level.CAMPAIGN)
    near = nearest(said, [trace.entity_id for trace in campaigns], likeness=94) or nearest(
        said, [trace.name for trace in campaigns]
    )
    return NotFound(
        f"No tick has seen an entity {said}; {near}".rstrip("; "),
        remedy="Ids are in `meta-auto campaigns list`; run `meta-auto tick` first.",
    )


_PEOPLE_SAY: Final = {Level.CAMPAIGN: "campaign", Level.ADSET: "ad set", Level.AD: "ad"}
_MOST_NAMED: Final = 5


def _named(store: Store, name: str) -> list[Trace]:
    """Of one level alone, the highest that knows the name: ads often bear one name in many."""
    for level in (Level.CAMPAIGN, Level.ADSET, Level.AD):
        if named := [trace for trace in store.traces(level=level) if trace.name == name]:
            return named
    return []


def _sentence(gate: Verdict, flip: Flip, *, is_alone: bool) -> str:
    would = flip.would or _would(gate)
    rest = "" if is_alone else ", once nothing else stands in the way"
    return f"It would {would} {flip.words}{rest}."


def _would(gate: Verdict) -> str:
    if gate.effect is Effect.DEMOTES:
        return "be done without asking a person"
    return "be looked at" if gate.rule.startswith(CANDIDATE) else "go ahead"
