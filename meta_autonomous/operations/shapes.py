"""The contract's JSON shapes of verdicts and actions, in one place for the tick, lists and ledger.

Amounts are decimal text in the account's major units; ratios and probabilities are numbers.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from meta_autonomous.domain.action import Action, ActionType, BudgetLeg
from meta_autonomous.domain.entities import Entity
from meta_autonomous.domain.quantities import Money
from meta_autonomous.domain.verdict import Measure, Verdict

if TYPE_CHECKING:
    from meta_autonomous.decision.granting import Decision


def number(value: Decimal | None) -> float | int | None:
    """A ratio or probability as JSON number, six places at most."""
    if value is None:
        return None
    rounded = round(float(value), 6)
    return int(rounded) if rounded.is_integer() and abs(rounded) >= 1_000 else rounded  # noqa: PLR2004


def measure(value: Measure) -> float | int | str | bool | None:
    return number(value) if isinstance(value, Decimal) else value


def verdict_shape(verdict: Verdict) -> dict[str, Any]:
    shape: dict[str, Any] = {
        "rule": verdict.rule,
        "outcome": verdict.ruling.value,
        "observed": measure(verdict.observed),
        "limit": measure(verdict.limit),
        "message": verdict.message,
    }
    if verdict.eligible_at is not None:
        shape["eligible_at"] = verdict.eligible_at.isoformat(timespec="seconds")
    return shape


def leg_shape(leg: BudgetLeg) -> dict[str, Any]:
    return {
        "entity_id": leg.entity.id,
        "entity_name": leg.entity.name,
        "current_budget": leg.current.plain(),
        "proposed_budget": leg.proposed.plain(),
    }


def decision_shape(
    decision: "Decision", *, action_id: int | None, outcome: str, message: str, currency: str
) -> dict[str, Any]:
    """One object of the tick's ``actions``."""
    action = decision.action
    shape: dict[str, Any] = {
        "id": action_id,
        "type": action.type.value,
        "level": action.entity.level.value,
        "entity_id": action.entity.id,
        "entity_name": action.entity.name,
        "campaign_id": action.entity.campaign_id,
        "account_id": decision.account_id,
        "current_budget": _plain(action.current_budget),
        "proposed_budget": _plain(action.proposed_budget),
        "currency": currency,
        "change_pct": number(action.change_pct),
        "roas": number(action.roas),
        "expected_roas": number(action.expected_roas),
        "confidence": number(action.confidence),
        "outcome": outcome,
        "reason": decision.reason,
        "message": message,
        "is_urgent": decision.is_urgent,
        "verdicts": [verdict_shape(verdict) for verdict in decision.verdicts],
    }
    if action.type is ActionType.REALLOCATE:
        shape["legs"] = [leg_shape(leg) for leg in action.legs]
    return shape


def base_shape(action: Action) -> dict[str, Any]:
    """What each entity of an action held when it was decided: what an approval must find again."""
    entities = [leg.entity for leg in action.legs] or [action.entity]
    return {entity.id: standing(entity) for entity in entities}


#: The keys of `standing`.
STANDING: Final = ("level", "status", "budget_kind", "budget_minor")


def standing(entity: Entity) -> dict[str, Any]:
    """What a change replaces: the configured status and the budget as Meta holds it."""
    budget = entity.budget
    return {
        "level": entity.level.value,
        "status": entity.status,
        "budget_kind": None if budget is None else budget.kind.value,
        "budget_minor": None if budget is None else budget.amount.minor,
    }


def counts_of(outcomes: Mapping[str, int]) -> dict[str, int]:
    """The tick's counts by the contract's names; they add up to `actions_generated`."""
    words = (
        "policy_blocked",
        "safety_blocked",
        "queued",
        "executed",
        "failed",
        "in_doubt",
        "deferred",
        "unchanged",
    )
    counts = {f"actions_{word}": outcomes.get(word, 0) for word in words}
    return {"actions_generated": sum(counts.values()), **counts}


def _plain(money: Money | None) -> str | None:
    return None if money is None else money.plain()
