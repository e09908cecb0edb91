"""A suggestion held against the account as it is now: the same action, or why it is stale."""

from collections.abc import Collection, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from meta_autonomous.decision.limits import PolicyBook
from meta_autonomous.decision.waiting import held_out
from meta_autonomous.domain.action import Action, ActionStatus, ActionType, BudgetLeg
from meta_autonomous.domain.entities import AccountSnapshot, Entity
from meta_autonomous.domain.quantities import Currency, Money
from meta_autonomous.operations.shapes import STANDING, standing
from meta_autonomous.operations.world import World
from meta_autonomous.ports.records import ActionRecord
from meta_autonomous.ports.words import WORKER


def supersede_stale(world: World, snapshot: AccountSnapshot, *, at: datetime) -> None:
    """Close the account's pending suggestions whose entities somebody has changed meanwhile, and
    those whose campaign is held out now."""
    for record in world.store.actions(statuses=[ActionStatus.SUGGESTED]):
        if record.account_id != snapshot.account.id:
            continue
        action, stale = renewed(world.book, record, snapshot, at)
        if action is None:
            world.store.move(
                record.id,
                expected=[ActionStatus.SUGGESTED],
                to=ActionStatus.SUPERSEDED,
                at=at,
                who=WORKER,
                event="optimization_superseded",
                message=stale,
            )


def renewed(
    book: PolicyBook, record: ActionRecord, snapshot: AccountSnapshot, now: datetime
) -> tuple[Action | None, str]:
    """The suggested action as of now; or None and why it may not be approved any more. What is
    left alone to measure the rest by must not be acted on by approval either."""
    action, stale = rebuild(record, snapshot, now)
    if action is None:
        return None, stale
    held = held_out(action, book.limits_of(action.entity, snapshot), now)
    return (action, "") if held is None else (None, held.message)


def rebuild(
    record: ActionRecord, snapshot: AccountSnapshot, now: datetime
) -> tuple[Action | None, str]:
    """The recorded action on the entities as they are now; or None and what has changed."""
    base: Mapping[str, Any] = record.evidence.get("base", {})
    entities: dict[str, Entity] = {}
    for entity_id, found_then in base.items():
        entity = snapshot.entity(entity_id)
        if entity is None:
            return None, f"{entity_id} is no longer there."
        changes = _difference(
            found_then, standing(entity), _matters_to(record.type), snapshot.account.currency
        )
        if changes:
            return None, (
                f"{entity.level} {entity_id} has changed since it was suggested: {changes}. "
                "The next tick looks afresh."
            )
        entities[entity_id] = entity
    if record.entity_id not in entities:
        return None, "what it was based on is not on record."
    currency = snapshot.account.currency
    legs = []
    for leg in record.legs:
        entity = entities[leg["entity_id"]]
        current = entity.budget.daily(now) if entity.budget is not None else None
        if current is None:
            return None, f"the budget of {entity.id} can't be told any more."
        proposed = Money.of_major(Decimal(leg["proposed_budget"]), currency)
        legs.append(BudgetLeg(entity=entity, current=current, proposed=proposed))
    return (
        Action(
            type=record.type,
            entity=entities[record.entity_id],
            legs=tuple(legs),
            roas=record.roas,
            expected_roas=record.expected_roas,
            confidence=record.confidence,
            reason=record.reason,
            is_hard_stop=record.is_hard_stop,
        ),
        "",
    )


def _matters_to(kind: ActionType) -> Collection[str]:
    """Stopping a loss must not wait because somebody changed the budget meanwhile."""
    return ("status",) if kind is ActionType.PAUSE else STANDING


def _difference(
    then: Mapping[str, Any], is_now: Mapping[str, Any], keys: Collection[str], currency: Currency
) -> str:
    """`budget 100.00 USD → 105.00 USD, status ACTIVE → PAUSED`."""
    changes = [
        f"{_WORDS.get(key, key)} {_told(key, then.get(key), currency)} → "
        f"{_told(key, is_now.get(key), currency)}"
        for key in keys
        if then.get(key) != is_now.get(key)
    ]
    return ", ".join(changes)


#: The keys of `standing` in a person's words.
_WORDS: Final = {"budget_kind": "kind of budget", "budget_minor": "budget"}


def _told(key: str, value: Any, currency: Currency) -> str:
    if value is None:
        return "none"
    return str(Money(value, currency)) if key == "budget_minor" else str(value)
