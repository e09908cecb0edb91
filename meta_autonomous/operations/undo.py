"""Taking back what was executed: exactly the replaced value, if the present one is still ours.

An undo is an action of its own, judged by both engines under the undo's exemptions and sent
through the same `execute`. What somebody changed since is theirs, and is left alone.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Final

from meta_autonomous.decision.amount import amount_usd
from meta_autonomous.decision.context import Situation, Totals
from meta_autonomous.decision.judgement import Judged, judge_action
from meta_autonomous.decision.money_at_commit import money_at_commit
from meta_autonomous.decision.safety_spend import extra_usd
from meta_autonomous.domain.action import (
    Action,
    ActionStatus,
    ActionType,
    BudgetLeg,
    Outcome,
    Route,
)
from meta_autonomous.domain.entities import Entity, Status
from meta_autonomous.domain.exit_code import ExitCode
from meta_autonomous.domain.intent import Attempt, ChangedField
from meta_autonomous.domain.quantities import Money
from meta_autonomous.operations.by_person import (
    Handled,
    alone_with,
    by_account,
    exit_code_after,
    find,
    in_order,
    only_managers,
    unreadable,
    why_refused,
)
from meta_autonomous.operations.execute import Executed, execute
from meta_autonomous.operations.hard_stop_alerts import follow_hard_stops
from meta_autonomous.operations.judging import case_of, read_afresh, totals_with
from meta_autonomous.operations.read_back import value_of
from meta_autonomous.operations.reconcile import TOOK_EFFECT
from meta_autonomous.operations.record import record_account
from meta_autonomous.operations.shapes import base_shape
from meta_autonomous.operations.world import World
from meta_autonomous.ports.errors import PlatformError
from meta_autonomous.ports.records import ActionRecord, NewAction
from meta_autonomous.ports.store import Store

_UNDOABLE: Final = (ActionStatus.EXECUTED, ActionStatus.FAILED)


@dataclass(frozen=True, slots=True)
class Restoration:
    """The action that puts everything back, and the exact amounts by entity id."""

    action: Action
    amounts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class NotUndoable:
    message: str


# --- the plan, pure -----------------------------------------------------------------------------


def plan_undo(
    record: ActionRecord,
    attempts: Sequence[Attempt],
    found: Mapping[str, Entity],
    *,
    now: datetime,
) -> Restoration | NotUndoable:
    """What puts back the values that the action replaced. `found` holds the entities as they are
    now, by id; `now` is trusted."""
    applied = [attempt for attempt in attempts if attempt.state in TOOK_EFFECT]
    if record.status not in _UNDOABLE or not applied:
        return NotUndoable(f"It is {record.status}: there is nothing to take back.")
    for attempt in applied:
        if (why := _why_not_ours(attempt, found.get(attempt.change.entity_id))) is not None:
            return NotUndoable(why)
    if applied[0].change.field is ChangedField.STATUS:
        return _status_back(record, applied[0], found)
    return _budgets_back(record, applied, found, now)


def _why_not_ours(attempt: Attempt, entity: Entity | None) -> str | None:
    change = attempt.change
    if entity is None or entity.status in (Status.ARCHIVED, Status.DELETED):
        return f"{change.level} {change.entity_id} is no longer there."
    value = value_of(entity, change.field)
    if value != change.new:
        what = change.field.replace("_", " ")
        return (
            f"Someone changed the {what} of {entity.name} since: it was set to {change.new} and "
            f"is {value} now."
        )
    return None


def _status_back(
    record: ActionRecord, attempt: Attempt, found: Mapping[str, Entity]
) -> Restoration:
    kind = ActionType.RESUME if attempt.change.old == Status.ACTIVE else ActionType.PAUSE
    entity = found[attempt.change.entity_id]
    return Restoration(Action(type=kind, entity=entity, reason=_reason(record)), {})


def _budgets_back(
    record: ActionRecord,
    applied: Sequence[Attempt],
    found: Mapping[str, Entity],
    now: datetime,
) -> Restoration | NotUndoable:
    legs = [_leg_back(attempt, found[attempt.change.entity_id], now) for attempt in applied]
    whole = [leg for leg in legs if leg is not None]
    if len(whole) < len(legs):
        return NotUndoable("More was spent since than the earlier budget allows, or it has ended.")
    whole.sort(key=lambda leg: leg.is_increase)  # the decrease is sent first
    return Restoration(
        Action(
            type=_type_of(whole), entity=whole[0].entity, legs=tuple(whole), reason=_reason(record)
        ),
        {attempt.change.entity_id: int(attempt.change.old) for attempt in applied},
    )


def _leg_back(attempt: Attempt, entity: Entity, now: datetime) -> BudgetLeg | None:
    """The leg in budgets per day, as the rules compare them; None when nothing would be left."""
    budget = entity.budget
    if budget is None:
        return None
    amount = Money(int(attempt.change.old), budget.amount.currency)
    remaining = budget.remaining and budget.remaining + (amount - budget.amount)
    current = budget.daily(now)
    earlier = replace(budget, amount=amount, remaining=remaining).daily(now)
    if current is None or earlier is None or earlier.minor <= 0:
        return None
    return BudgetLeg(entity=entity, current=current, proposed=earlier)


def _type_of(legs: Sequence[BudgetLeg]) -> ActionType:
    if len(legs) > 1:
        return ActionType.REALLOCATE
    return ActionType.SCALE_UP if legs[0].is_increase else ActionType.SCALE_DOWN


def _reason(record: ActionRecord) -> str:
    return f"Takes back action {record.id}."


def undoable(
    store: Store, *, tick_id: str | None = None, since: datetime | None = None
) -> tuple[int, ...]:
    """Ids of what was executed in that tick or since then, the latest first: an entity that was
    changed twice goes back the way it came. Undos themselves are not among them."""
    records = store.actions(statuses=_UNDOABLE, tick_id=tick_id, since=since)
    done = [record for record in records if record.undoes is None and _took_effect(store, record)]
    done.sort(key=lambda record: (record.executed_at or record.created_at, record.id))
    return tuple(record.id for record in reversed(done))


def _took_effect(store: Store, record: ActionRecord) -> bool:
    return any(attempt.state in TOOK_EFFECT for attempt in store.attempts_of(record.id))


# --- the deed -----------------------------------------------------------------------------------


async def undo(world: World, ids: Iterable[int]) -> list[Handled]:
    """Undo executed actions, in the order given within each account; each account is read once.

    Raises NotAllowed, and Busy when an account's lock does not come free within 30 s; of several
    accounts the others are told of all the same.
    """
    only_managers(world.actor, "undo actions")
    wanted = list(dict.fromkeys(ids))
    found, unknown = find(world.store, wanted, what="action", command="meta-auto actions list")

    async def deed(account_id: str, records: Sequence[ActionRecord]) -> list[Handled]:
        return await _undo_in_account(world, account_id, records)

    return in_order(await by_account(found, deed, handled=unknown), wanted)


async def _undo_in_account(
    world: World, account_id: str, records: Sequence[ActionRecord]
) -> list[Handled]:
    with alone_with(world.store, account_id):
        try:
            now, seen = await read_afresh(world, account_id)
        except PlatformError as problem:
            return [unreadable(record, problem) for record in records]
        record_account(world, seen, tick_id="")
        so_far = _SoFar(seen.situation, await totals_with(world, seen.situation, now))
        handled = [await _undo_one(world, record, so_far, now=now) for record in records]
        follow_hard_stops(world.store, at=now, who=world.actor.name)
        return handled


@dataclass(slots=True)
class _SoFar:
    """What was read once, with what this run has undone since: it counts for what comes after."""

    situation: Situation
    totals: Totals

    def add(self, extra: Mapping[str, Decimal], attempts: Iterable[Attempt]) -> None:
        self.totals = self.totals.granting(extra)
        memory = self.situation.memory
        entities = dict(memory.entities)
        for attempt in attempts:
            if attempt.change.field is ChangedField.STATUS:
                continue
            past = memory.of(attempt.change.entity_id)
            sent_at = (*past.budget_sent_at, attempt.effect_at)
            entities[attempt.change.entity_id] = replace(past, budget_sent_at=sent_at)
        self.situation = replace(self.situation, memory=replace(memory, entities=entities))


async def _undo_one(
    world: World, known: ActionRecord, so_far: _SoFar, *, now: datetime
) -> Handled:
    """One action, judged on what was just read and on what was undone before it."""
    situation, totals = so_far.situation, so_far.totals
    record = world.store.action(known.id)  # settling may have moved it
    attempts = world.store.attempts_of(record.id)
    found = await _present(world, attempts, situation)
    plan = plan_undo(record, attempts, found, now=now)
    if isinstance(plan, NotUndoable):
        return _refused(record, f"Nothing was done. {plan.message}")
    case = case_of(world, situation, totals, plan.action, route=Route.UNDO, now=now)
    judged = judge_action(plan.action, case)
    if judged.outcome_if_stopped is not None or judged.clamped:
        return _refused(record, why_refused(judged))
    new = _new_action(world, record, judged, situation)
    (undo_id,) = world.store.record_decisions(record.account_id, [new], [], [], tick_id="", at=now)
    extra = extra_usd(plan.action, situation, now)
    done = await execute(
        world,
        undo_id,
        plan.action,
        who=world.actor.name,
        money=money_at_commit(plan.action, case),
        restoring=plan.amounts,
    )
    so_far.add(extra, done.attempts)
    return _told(world.store, record, undo_id, done)


async def _present(
    world: World, attempts: Iterable[Attempt], situation: Situation
) -> dict[str, Entity]:
    """The entities as they are this moment: an earlier undo of this very run may have moved them
    since the account was read."""
    found: dict[str, Entity] = {}
    for change in (attempt.change for attempt in attempts):
        if situation.snapshot.entity(change.entity_id) is None:
            continue
        try:
            found[change.entity_id] = await world.platform.read_entity(
                change.account_id, change.entity_id, change.level
            )
        except PlatformError:
            continue
    return found


def _new_action(
    world: World, record: ActionRecord, judged: Judged, situation: Situation
) -> NewAction:
    action = judged.action
    return NewAction(
        action=action,
        outcome=Outcome.EXECUTED,
        status=ActionStatus.APPROVED,
        reason=action.reason,
        verdicts=judged.verdicts,
        evidence={"base": base_shape(action)},
        is_urgent=False,
        route=Route.UNDO.value,
        amount_usd=amount_usd(action, situation),
        expires_at=None,
        created_by=world.actor.name,
        undoes=record.id,
    )


def _told(store: Store, record: ActionRecord, undo_id: int, done: Executed) -> Handled:
    """The word on the action that the person named, and the number of its undo."""
    text = f"Action {undo_id}: {done.message}"
    if done.outcome is Outcome.EXECUTED:
        text = f"Undone by action {undo_id}."
    status = store.action(record.id).status.value
    return Handled(id=record.id, status=status, message=text, exit_code=exit_code_after(done))


def _refused(record: ActionRecord, message: str) -> Handled:
    return Handled(
        id=record.id, status=record.status.value, message=message, exit_code=ExitCode.REFUSED
    )
