"""What an action moves, in USD per day."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from meta_autonomous.decision.context import Situation
from meta_autonomous.decision.safety_spend import extra_usd
from meta_autonomous.domain.action import Action, ActionType
from meta_autonomous.domain.entities import Campaign, Entity
from meta_autonomous.domain.quantities import Money


def amount_usd(action: Action, situation: Situation) -> Decimal | None:
    """New less old budgets per day in USD, signed: a pause takes away those that it stops, a
    resume brings those that begin to count. None where no budget is touched, or none is known."""
    if action.legs:
        return _sum([situation.usd(leg.proposed - leg.current) for leg in action.legs])
    if action.type is ActionType.RESUME:
        try:
            extra = extra_usd(action, situation, situation.snapshot.observed_at)
        except ValueError:  # a budget or a rate is unknown: then it is blocked, too
            return None
        return sum(extra.values(), Decimal(0))
    stopped = _sum([situation.usd(budget) for budget in _stopped_budgets(action, situation)])
    return None if stopped is None else -stopped


def _stopped_budgets(action: Action, situation: Situation) -> Iterable[Money]:
    """The budgets per day that nobody spends any more once the entity is paused."""
    holders: tuple[Entity, ...] = (action.entity,)
    if isinstance(action.entity, Campaign) and action.entity.budget is None:
        adsets = situation.snapshot.adsets_of(action.entity.id)
        holders = tuple(adset for adset in adsets if adset.is_active)
    for holder in holders:
        budget = holder.budget
        daily = None if budget is None else budget.daily(situation.snapshot.observed_at)
        if daily is not None:
            yield daily


def _sum(amounts: Sequence[Decimal | None]) -> Decimal | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known, Decimal(0)) if known and len(known) == len(amounts) else None
