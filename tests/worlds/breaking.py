"""How rules are broken: what takes the place of the product's own functions."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from meta_autonomous.adapters.meta_api import MetaApi
from meta_autonomous.decision import candidates, granting, judgement, optimizer, routing
from meta_autonomous.decision.limits import Limits
from meta_autonomous.decision.policy_engine import POLICY_RULES
from meta_autonomous.decision.safety import SAFETY_RULES
from meta_autonomous.domain.action import ActionType
from meta_autonomous.domain.intent import Attempt, AttemptState
from meta_autonomous.operations import reconcile, tick_report, undo

#: (where, what, by what)
Patch = tuple[Any, str, Any]


def without(*rules: str) -> tuple[Patch, ...]:
    """These rules are never asked."""
    kept = [
        tuple(rule for rule in stack if rule.id not in rules)
        for stack in (POLICY_RULES, SAFETY_RULES)
    ]
    assert len(kept[0]) + len(kept[1]) + len(rules) == len(POLICY_RULES) + len(SAFETY_RULES)
    return ((judgement, "POLICY_RULES", kept[0]), (judgement, "SAFETY_RULES", kept[1]))


def open_gate(name: str) -> Patch:
    """One question before the rules always has the same answer."""
    gate = candidates.passes(f"candidate{name}", observed=True, limit=True, message="")
    return (candidates, name, lambda *_: gate)


def for_ever(value: object) -> Callable[..., Any]:
    return lambda *_, **__: value


_may_run_unasked = routing.may_run_unasked
_settle, _judge_reading, _counts_of = (
    granting.Granting._settle,
    reconcile.judge,
    tick_report.counts_of,
)
_plan_undo, _write, _scale = undo.plan_undo, MetaApi.write, optimizer._scale


def types_do_not_matter(action: Any, limits: Limits, *, is_auto: bool) -> bool:
    every = replace(limits, auto_action_types=frozenset(ActionType))
    return _may_run_unasked(action, every, is_auto=is_auto)


def confidence_does_not_matter(action: Any, limits: Limits, *, is_auto: bool) -> bool:
    sure = replace(limits, min_auto_confidence=Decimal(0))
    return _may_run_unasked(action, sure, is_auto=is_auto)


def the_mode_does_not_matter(action: Any, limits: Limits, *, is_auto: bool) -> bool:
    return _may_run_unasked(action, limits, is_auto=True)


def moves_run_unasked(action: Any, limits: Limits, *, is_auto: bool) -> bool:
    others = (ActionType.REALLOCATE, ActionType.RESUME)
    return action.type in others or _may_run_unasked(action, limits, is_auto=is_auto)


def uncounted(plan: Any, *args: Any) -> Any:
    decision = _settle(plan, *args)
    plan.spent_actions = 0
    return decision


def settled_at_once(attempt: Any, reading: Any, *, age: Any, settle: Any) -> Any:
    return _judge_reading(attempt, reading, age=age + timedelta(days=1), settle=settle)


def one_too_few(outcomes: Any) -> dict[str, int]:
    counts = _counts_of(outcomes)
    return {**counts, "actions_generated": counts["actions_generated"] - 1}


def almost_undone(*args: Any, **options: Any) -> Any:
    plan = _plan_undo(*args, **options)
    if isinstance(plan, undo.NotUndoable):
        return plan
    return undo.Restoration(plan.action, {key: value + 1 for key, value in plan.amounts.items()})


async def written_twice(api: MetaApi, change: Any) -> Any:
    await _write(api, change)
    return await _write(api, change)


def intended_but_not_recorded(deed: Any, step: Any, change: Any, now: datetime) -> Attempt:
    return Attempt(
        id=999_999,
        action_id=deed.record.id,
        change=change,
        state=AttemptState.DISPATCHING,
        intended_at=now,
        effect_at=now,
    )


def raised_at_any_roas(entity: Any, evaluation: Any, limits: Limits, *rest: Any) -> Any:
    eager = replace(limits, scale_up_roas=Decimal("0.01"), scale_down_roas=Decimal("0.001"))
    return _scale(entity, evaluation, eager, *rest)


async def nothing_is_read(*_: Any) -> None:
    """No account but the one that is asked about."""


class Whatever:
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]
