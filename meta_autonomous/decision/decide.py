"""From situations to a plan: candidates, wanted actions, in order, and what becomes of each."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Final

from meta_autonomous.decision.budgets import below_its_cut
from meta_autonomous.decision.candidates import (
    binding,
    binds_below,
    campaigns_with_any_open,
    gates_of,
    open_entities,
    stops,
    with_parents,
)
from meta_autonomous.decision.context import Situation, Totals
from meta_autonomous.decision.granting import Deciding, Decision, Granting
from meta_autonomous.decision.optimizer import Campaigns, want, want_resume
from meta_autonomous.domain.action import Action, ActionType, Outcome, Route
from meta_autonomous.domain.entities import Entity, Status
from meta_autonomous.domain.verdict import Flip, Ruling, Verdict

RESUME_WITHIN: Final = timedelta(days=14)
#: Being paused is what a resume ends, and it waits for no turn.
_NOT_FOR_RESUME: Final = frozenset({"candidate.status", "candidate.turn"})
_ORDER: Final = (
    ActionType.PAUSE,
    ActionType.SCALE_DOWN,
    ActionType.REALLOCATE,
    ActionType.SCALE_UP,
    ActionType.RESUME,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All decisions of a tick in the order in which they are carried out, and why for the rest."""

    decisions: tuple[Decision, ...]
    gates: Mapping[str, tuple[Verdict, ...]]  # entity id -> what was asked before the rules
    evaluated: frozenset[str]  # campaigns that had their full turn
    totals: Totals


def decide(situations: Sequence[Situation], deciding: Deciding) -> Plan:
    """The plan of one tick."""
    gates: dict[str, list[Verdict]] = {}
    proposals: list[tuple[Situation, Action]] = []
    opened = {
        situation.snapshot.account.id: _ask_gates(situation, deciding, gates)
        for situation in situations
    }
    turns = _turns(situations, deciding, opened, gates)
    for situation in situations:
        may_act = opened[situation.snapshot.account.id]
        proposals += _proposals(situation, deciding, may_act, turns, gates)
    proposals.sort(key=lambda pair: _priority(pair[1]))
    granting = Granting(deciding)
    decisions: list[Decision] = []
    for situation, action in proposals:
        decision = granting.decide(situation, action)
        low = _below_its_cut(decision, situation, deciding)
        if low is None:
            decisions.append(_with_warnings(decision, gates))
        else:
            gates[action.entity.id].append(low)
    return Plan(
        decisions=tuple(decisions),
        gates={entity_id: tuple(verdicts) for entity_id, verdicts in gates.items()},
        evaluated=turns,
        totals=granting.totals,
    )


def _below_its_cut(decision: Decision, situation: Situation, deciding: Deciding) -> Verdict | None:
    """Why a cut that was refused is no action at all: only the route knows how far it may go."""
    is_blocked = decision.outcome is Outcome.POLICY_BLOCKED
    if decision.action.type is not ActionType.SCALE_DOWN or not is_blocked:
        return None
    (leg,) = decision.action.legs
    limits = deciding.book.limits_of(leg.entity, situation.snapshot)
    is_auto = decision.route is Route.AUTO
    return below_its_cut(leg, situation, limits, is_auto=is_auto)


def _with_warnings(decision: Decision, gates: Mapping[str, Sequence[Verdict]]) -> Decision:
    """What the numbers warn of is told beside what the rules say."""
    warnings = [
        gate
        for entity_id in decision.action.entity_ids
        for gate in gates[entity_id]
        if gate.ruling is Ruling.WARN
    ]
    return replace(decision, verdicts=(*warnings, *decision.verdicts))


# --- proposals ----------------------------------------------------------------------------------


def _ask_gates(
    situation: Situation, deciding: Deciding, gates: dict[str, list[Verdict]]
) -> frozenset[str]:
    """Asks every entity's gates; the ids of those that may be acted on."""
    mine = {
        entity.id: gates_of(
            entity,
            deciding.book.limits_of(entity, situation.snapshot),
            deciding.book,
            situation,
            deciding.now,
        )
        for entity in situation.snapshot.entities()
    }
    told = with_parents(mine, situation)
    gates.update({entity_id: list(verdicts) for entity_id, verdicts in told.items()})
    return open_entities(mine, situation)


def _turns(
    situations: Sequence[Situation],
    deciding: Deciding,
    opened: Mapping[str, frozenset[str]],
    gates: dict[str, list[Verdict]],
) -> frozenset[str]:
    """The candidate campaigns whose full evaluation is now: the longest-unevaluated first."""
    waiting: list[tuple[float, str]] = []
    for situation in situations:
        may_act = opened[situation.snapshot.account.id]
        alive = campaigns_with_any_open(may_act, situation.snapshot)
        for campaign_id in situation.snapshot.campaigns:
            if campaign_id in alive:
                seen_at = situation.memory.of(campaign_id).last_evaluated_at
                waiting.append((seen_at.timestamp() if seen_at else 0.0, campaign_id))
    waiting.sort()
    most = deciding.book.limits.max_campaigns_per_tick
    late = {
        campaign_id: _waits(place, len(waiting), most)
        for place, (_, campaign_id) in enumerate(waiting[most:], start=most + 1)
    }
    for situation in situations:
        for entity in situation.snapshot.entities():
            if entity.campaign_id in late:
                gates[entity.id].append(late[entity.campaign_id])
    return frozenset(campaign_id for _, campaign_id in waiting[:most])


def _waits(place: int, waiting: int, most: int) -> Verdict:
    return stops(
        "candidate.turn",
        observed=waiting,
        limit=most,
        message=f"{waiting:,} campaigns are candidates and {most:,} are evaluated per tick, the "
        "longest-unevaluated first: its turn comes. Hard stops are looked for all the same.",
        flip=Flip(
            fact="MAX_CAMPAIGNS_PER_TICK",
            needed=place,
            words=f"with MAX_CAMPAIGNS_PER_TICK of at least {place:,} (it is {most:,}), or as "
            "soon as its turn comes",
        ),
    )


def _proposals(
    situation: Situation,
    deciding: Deciding,
    opened: frozenset[str],
    turns: frozenset[str],
    gates: dict[str, list[Verdict]],
) -> list[tuple[Situation, Action]]:
    look = Campaigns(
        situation=situation,
        now=deciding.now,
        open_ids=opened,
        pause_window=deciding.pause_windows[situation.snapshot.account.id],
    )
    actions: list[Action] = []
    alive = campaigns_with_any_open(opened, situation.snapshot)
    for campaign in situation.snapshot.campaigns.values():
        limits = deciding.book.limits_of(campaign, situation.snapshot)
        if campaign.id not in alive:
            continue
        wanted = want(campaign, limits, look, only_hard_stops=campaign.id not in turns)
        for entity_id, verdicts in wanted.gates.items():
            gates[entity_id].extend(verdicts)
        actions += _scales_before_reallocation(
            wanted.actions, wanted.replaced, situation, deciding
        )
    falling = {action.entity.id for action in actions if action.type is ActionType.PAUSE}
    for entity in _paused_by_us(situation, deciding, gates):
        if any(parent.id in falling for parent in situation.snapshot.parents_of(entity)):
            continue  # nothing is done below what is to be paused
        wanted = want_resume(entity, deciding.book.limits_of(entity, situation.snapshot), look)
        for entity_id, verdicts in wanted.gates.items():
            gates[entity_id].extend(verdicts)
        actions += wanted.actions
    return [(situation, action) for action in actions]


def _scales_before_reallocation(
    actions: list[Action], replaced: list[Action], situation: Situation, deciding: Deciding
) -> list[Action]:
    """A reallocation stands in for two scale actions, unless auto mode would execute one now."""
    if not replaced or not deciding.is_auto:
        return actions
    trial = Granting(deciding)
    if any(trial.decide(situation, scale).executes for scale in replaced):
        kept = [action for action in actions if action.type is not ActionType.REALLOCATE]
        return kept + replaced
    return actions


def _paused_by_us(
    situation: Situation, deciding: Deciding, gates: Mapping[str, list[Verdict]]
) -> Iterable[Entity]:
    """Entities that this system paused within 14 days, still paused, otherwise workable."""
    for entity_id, memory in sorted(situation.memory.entities.items()):
        paused_at = memory.paused_by_us_at
        entity = situation.snapshot.entity(entity_id)
        if entity is None or paused_at is None or entity.status != Status.PAUSED:
            continue
        if deciding.now - paused_at > RESUME_WITHIN:
            continue
        parents = situation.snapshot.parents_of(entity)
        closed = [
            gate
            for gate in (
                *filter(binding, gates[entity.id]),
                *(gate for one in parents for gate in filter(binds_below, gates[one.id])),
            )
            if gate.rule.startswith("candidate.")
        ]
        reported = {parent.effective_status for parent in parents}
        if {gate.rule for gate in closed} <= _NOT_FOR_RESUME and reported <= {Status.ACTIVE}:
            yield entity


def _priority(action: Action) -> tuple[bool, int, Decimal, str]:
    return (
        not action.is_hard_stop,
        _ORDER.index(action.type),
        -action.stake_usd,
        action.entity.id,
    )
