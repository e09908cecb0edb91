"""What the decision floor is asked in tests: evaluations by their ROAS, and whole ticks of it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import log
from types import SimpleNamespace
from typing import Any

from meta_autonomous.decision.candidates import gates_of, open_entities
from meta_autonomous.decision.context import Evaluation, Situation
from meta_autonomous.decision.decide import Plan, decide
from meta_autonomous.decision.granting import Deciding, Decision
from meta_autonomous.decision.limits import Limits, PolicyBook
from meta_autonomous.decision.optimizer import Campaigns, Wanted, want
from meta_autonomous.decision.posterior import Posterior
from meta_autonomous.decision.safety_spend import daily_spend_totals
from meta_autonomous.domain.action import Action
from meta_autonomous.domain.entities import AdSet, Campaign, Entity
from tests import builders
from tests.builders import NOW, Amount, a_situation, a_snapshot, an_ad, an_evaluation

PauseWindow = Callable[[Entity], Evaluation | None]


def a_campaign(entity_id: str = "c1", **changes: Any) -> Campaign:
    """A campaign for sales."""
    return builders.a_campaign(entity_id, **{"objective": "OUTCOME_SALES"} | changes)


def an_adset(entity_id: str = "s1", **changes: Any) -> AdSet:
    """An ad set that buys purchases."""
    return builders.an_adset(entity_id, **{"optimization_goal": "OFFSITE_CONVERSIONS"} | changes)


def believed(entity_id: str, roas: Amount, *, spread: float = 0.05, **numbers: Any) -> Evaluation:
    """A finding whose posterior is log-normal around its own ROAS."""
    finding = an_evaluation(entity_id, roas=roas, prob_below=0.5, **numbers)
    centre = log(float(roas))
    posterior = Posterior(1.0, centre, spread, centre, spread)
    object.__setattr__(finding, "estimate", SimpleNamespace(posterior=posterior))
    return finding


def surely_bad(entity_id: str = "c1", roas: Amount = "0.5", **numbers: Any) -> Evaluation:
    return an_evaluation(entity_id, roas=roas, prob_below=0.99, **numbers)


def surely_good(entity_id: str = "c1", roas: Amount = 3, **numbers: Any) -> Evaluation:
    return an_evaluation(entity_id, roas=roas, prob_below=0.01, **numbers)


def a_shop(*entities: Entity, found: Iterable[Evaluation] = (), **changes: Any) -> Situation:
    """A read of these entities with these findings, and purchases in the last 28 days."""
    held = entities or (a_campaign(), an_adset(), an_ad())
    read = changes.pop("snapshot", None) or a_snapshot(*held)
    changes.setdefault("purchases_28d", 100)
    return a_situation(read, evaluations=found, **changes)


def looking_at(situation: Situation, limits: Limits, **changes: Any) -> Campaigns:
    book = PolicyBook(limits=limits)
    gates = {
        entity.id: gates_of(entity, limits, book, situation, NOW)
        for entity in situation.snapshot.entities()
    }
    known: dict[str, Any] = {
        "situation": situation,
        "now": NOW,
        "open_ids": open_entities(gates, situation),
        "pause_window": lambda _: None,
    }
    return Campaigns(**(known | changes))


def wanted_in(situation: Situation, limits: Limits | None = None, **options: Any) -> Wanted:
    """What the first campaign of the shop asks for, before any rule."""
    limits = limits or Limits()
    campaign = next(iter(situation.snapshot.campaigns.values()))
    return want(campaign, limits, looking_at(situation, limits), **options)


def wish(situation: Situation, limits: Limits | None = None) -> Action | None:
    """The one action that the shop's first campaign asks for, or None."""
    actions = wanted_in(situation, limits).actions
    assert len(actions) <= 1
    return actions[0] if actions else None


def decided(
    *situations: Situation,
    is_auto: bool = False,
    book: PolicyBook | None = None,
    limits: Limits | None = None,
    pause_windows: Mapping[str, PauseWindow] | None = None,
    **changes: Any,
) -> Plan:
    """One tick's plan over these accounts."""
    policy = book or PolicyBook(limits=limits or Limits())
    now = changes.pop("now", NOW)
    totals = changes.pop("totals", None) or daily_spend_totals(situations, book=policy, now=now)
    windows = pause_windows or {}
    return decide(
        situations,
        Deciding(
            now=now,
            book=policy,
            is_auto=is_auto,
            totals=totals,
            pause_windows={
                situation.snapshot.account.id: windows.get(
                    situation.snapshot.account.id, lambda _: None
                )
                for situation in situations
            },
            **changes,
        ),
    )


def told(decisions: Sequence[Decision]) -> list[tuple[str, str, str]]:
    return [(str(d.action.type), d.action.entity.id, str(d.outcome)) for d in decisions]


def only(plan: Plan) -> Decision:
    (decision,) = plan.decisions
    return decision


def rules_of(plan: Plan, entity_id: str) -> list[str]:
    """The gates that stopped an entity."""
    return [gate.rule for gate in plan.gates[entity_id] if not gate]


def campaign_of(situation: Situation) -> Campaign:
    return next(iter(situation.snapshot.campaigns.values()))
