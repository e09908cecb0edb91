"""What to send for a decision, now that the entity was read afresh; or why it no longer fits.

Pure. An entity that stands elsewhere than the decision found it makes the decision stale: it is
not adjusted to the new situation, since nobody judged it there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from meta_autonomous.domain.action import Action, BudgetLeg
from meta_autonomous.domain.entities import Budget, BudgetKind, Entity, Status
from meta_autonomous.domain.intent import Change, ChangedField

_GONE_STATUSES: Final = frozenset({Status.ARCHIVED, Status.DELETED})
_FIELDS: Final[Mapping[BudgetKind, ChangedField]] = {
    BudgetKind.DAILY: ChangedField.DAILY_BUDGET,
    BudgetKind.LIFETIME: ChangedField.LIFETIME_BUDGET,
}


@dataclass(frozen=True, slots=True)
class SetStatus:
    """An entity, as the decision found it, and the status it should get."""

    entity: Entity
    status: Status

    @property
    def raises_spend(self) -> bool:
        return self.status is Status.ACTIVE


@dataclass(frozen=True, slots=True)
class SetBudget:
    """A budget leg, with the decision's entity. `exact_minor` is the very amount that an undo
    puts back; without it the amount follows from the leg's budget per day."""

    leg: BudgetLeg
    exact_minor: int | None = None

    @property
    def entity(self) -> Entity:
        return self.leg.entity

    @property
    def raises_spend(self) -> bool:
        return self.leg.is_increase


Step = SetStatus | SetBudget


@dataclass(frozen=True, slots=True)
class Stale:
    """Nothing is sent, for this reason."""

    message: str


def steps_of(action: Action, restoring: Mapping[str, int]) -> tuple[Step, ...]:
    """The changes of an action in the order of sending: a reallocation's decrease comes first."""
    status = action.new_status
    if status is not None:
        return (SetStatus(action.entity, status),)
    return tuple(SetBudget(leg, restoring.get(leg.entity.id)) for leg in action.legs)


def change_to_send(step: Step, found: Entity, now: datetime) -> Change | Stale:
    """`found` is the entity as it stands now; `now` is trusted."""
    if found.status in _GONE_STATUSES:
        return Stale(f"{found.name} is {found.status.lower()} by now.")
    match step:
        case SetStatus():
            return _status_change(step, found)
        case SetBudget():
            return _budget_change(step, found, now)


def _status_change(step: SetStatus, found: Entity) -> Change | Stale:
    """A pause is about the status alone: stopping a loss must not wait for somebody's edit of the
    budget. A resume wakes the budget that was judged, and no other."""
    if found.status == step.status:
        return Stale(f"{found.name} is {step.status} already.")
    if found.status != step.entity.status:
        return _moved(found, "status", step.entity.status, found.status)
    if step.status == Status.ACTIVE and _held(found) != _held(step.entity):
        return _moved(found, "budget", _held(step.entity), _held(found))
    return _change(found, ChangedField.STATUS, old=found.status, new=step.status)


def _held(entity: Entity) -> str:
    budget = entity.budget
    return "none" if budget is None else f"{budget.amount} ({budget.kind})"


def _budget_change(step: SetBudget, found: Entity, now: datetime) -> Change | Stale:
    """Compared by the amount that Meta holds: what is left of a lifetime budget always changes."""
    decided_on, held = step.entity.budget, found.budget
    if decided_on is None or held is None or held.kind is not decided_on.kind:
        return Stale(f"The budget of {found.name} is no longer where the decision found it.")
    new = _amount_to_send(step, held, now)
    if new is None:
        return Stale(f"{found.name} has ended, or no longer tells what is left of its budget.")
    if held.amount.minor == new:
        return Stale(f"The budget of {found.name} is {held.amount} already.")
    if held.amount != decided_on.amount:
        return _moved(found, "budget", str(decided_on.amount), str(held.amount))
    return _stale_otherwise(step, held, new, found) or _change(
        found, _FIELDS[held.kind], old=str(held.amount.minor), new=str(new)
    )


def _stale_otherwise(step: SetBudget, held: Budget, new: int, found: Entity) -> Stale | None:
    """The same amount as decided on, and yet not the same situation."""
    was = step.entity
    if found.status != was.status:
        return _moved(found, "status", was.status, found.status)
    if found.is_active is not was.is_active:
        return _moved(found, "effective status", was.effective_status, found.effective_status)
    if step.exact_minor is None and (new > held.amount.minor) is not step.leg.is_increase:
        # Spend and time have moved a lifetime budget: the amount would go the other way.
        return Stale(f"What is left of the budget of {found.name} has changed too much meanwhile.")
    return None


def _amount_to_send(step: SetBudget, held: Budget, now: datetime) -> int | None:
    if step.exact_minor is not None:
        return step.exact_minor
    amount = held.amount_for(step.leg.proposed, now)
    return None if amount is None else amount.minor


def _change(found: Entity, field: ChangedField, *, old: str, new: str) -> Change:
    return Change(
        account_id=found.account_id,
        entity_id=found.id,
        level=found.level,
        field=field,
        old=str(old),
        new=str(new),
    )


def _moved(found: Entity, what: str, then: str, now: str) -> Stale:
    return Stale(f"The {what} of {found.name} was {then} when this was decided, and is {now} now.")
