"""Both engines' word on one action, at the size at which they agree."""

from dataclasses import dataclass, replace

from meta_autonomous.decision.budgets import SMALLEST_CHANGE
from meta_autonomous.decision.context import Case
from meta_autonomous.decision.policy_engine import POLICY_RULES
from meta_autonomous.decision.rules import judge
from meta_autonomous.decision.safety import SAFETY_RULES
from meta_autonomous.domain.action import Action, ActionType, Outcome
from meta_autonomous.domain.quantities import Money
from meta_autonomous.domain.verdict import Effect, Ruling, Verdict


@dataclass(frozen=True, slots=True)
class Judged:
    """An action at the size at which both engines were asked last, and all that they said."""

    action: Action
    policy: tuple[Verdict, ...]
    safety: tuple[Verdict, ...]
    clamped: tuple[Verdict, ...] = ()  # what refused the wanted size, before the retry

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        return (*self.clamped, *self.policy, *self.safety)

    @property
    def blocking(self) -> tuple[Verdict, ...]:
        return tuple(v for v in (*self.policy, *self.safety) if v.effect is Effect.BLOCKS)

    @property
    def deferring(self) -> tuple[Verdict, ...]:
        return tuple(v for v in (*self.policy, *self.safety) if v.effect is Effect.DEFERS)

    @property
    def demoting(self) -> tuple[Verdict, ...]:
        return tuple(v for v in (*self.policy, *self.safety) if v.effect is Effect.DEMOTES)

    @property
    def outcome_if_stopped(self) -> Outcome | None:
        if any(verdict.effect is Effect.BLOCKS for verdict in self.policy):
            return Outcome.POLICY_BLOCKED
        if self.blocking:
            return Outcome.SAFETY_BLOCKED
        return Outcome.DEFERRED if self.deferring else None


def judge_action(action: Action, case: Case) -> Judged:
    """Both engines on one action; too large for a rule that leaves room, once more at the largest
    size with which all such rules agree. What refuses it then refuses more than its size."""
    first = _judge(action, case)
    fitting = [
        (verdict, smaller)
        for verdict in first.blocking
        if verdict.allowed is not None
        and (smaller := _resized(action, verdict.allowed)) is not None
    ]
    if not fitting:
        return first
    clamped = tuple(
        replace(verdict, ruling=Ruling.CLAMP, effect=Effect.NONE) for verdict, _ in fitting
    )
    smallest = min((smaller for _, smaller in fitting), key=_step)
    return replace(_judge(smallest, case), clamped=clamped)


def _judge(action: Action, case: Case) -> Judged:
    return Judged(action, judge(POLICY_RULES, action, case), judge(SAFETY_RULES, action, case))


def _step(action: Action) -> int:
    leg = action.legs[0]
    return abs(leg.proposed.minor - leg.current.minor)


def _resized(action: Action, allowed: Money) -> Action | None:
    """The action at that daily budget (a reallocation: that amount); None below one percent."""
    leg = action.legs[0]
    if leg.current.minor <= 0:
        return None
    if action.type is ActionType.REALLOCATE:
        small = allowed.minor <= 0 or allowed / leg.current < SMALLEST_CHANGE
        return None if small else action.moving(allowed)
    away = allowed - leg.current if leg.is_increase else leg.current - allowed
    return None if away / leg.current < SMALLEST_CHANGE else action.with_budget(allowed)
