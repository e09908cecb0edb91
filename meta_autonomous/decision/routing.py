"""Who decides: the program at once, or a person."""

from collections.abc import Iterable
from dataclasses import replace
from decimal import ROUND_FLOOR
from typing import Final

from meta_autonomous.decision.budgets import SMALLEST_CHANGE
from meta_autonomous.decision.candidates import stops
from meta_autonomous.decision.limits import Limits
from meta_autonomous.decision.rules import percent
from meta_autonomous.domain.action import SCALES, Action, ActionType
from meta_autonomous.domain.verdict import Effect, Flip, Measure, Ruling, Verdict

#: What may ever be made without a person.
AUTOMATIC: Final = frozenset({ActionType.PAUSE, *SCALES})


def may_run_unasked(action: Action, limits: Limits, *, is_auto: bool) -> bool:
    """The seed's `is_safe_for_auto`, but for size: that is settled by the route afterwards."""
    if action.type not in limits.auto_action_types:
        return False
    if not is_auto:
        return action.is_hard_stop and limits.hard_stop_executes_in_suggest
    if action.type is ActionType.PAUSE:
        return True
    is_sure = action.confidence is not None and action.confidence >= limits.min_auto_confidence
    return action.type in SCALES and is_sure


def why_asked(action: Action, limits: Limits) -> Verdict:
    """Why auto mode leaves an action to a person, before any rule is asked."""
    if action.type not in AUTOMATIC:
        told = f"A {action.type} is never made without a person."
        return _asks("auto.action_types", action.type.value, _listed(AUTOMATIC), told)
    if action.type not in limits.auto_action_types:
        known = _listed(limits.auto_action_types)
        told = f"AUTO_ACTION_TYPES leaves out {action.type}: a person decides."
        allowed = Flip(
            fact="AUTO_ACTION_TYPES",
            needed=action.type.value,
            words=f"with {action.type} among AUTO_ACTION_TYPES",
        )
        return _asks("auto.action_types", action.type.value, known, told, allowed)
    needed, sure = limits.min_auto_confidence, action.confidence
    shown = "unknown" if sure is None else percent(sure.quantize(SMALLEST_CHANGE, ROUND_FLOOR))
    surer = Flip(
        fact="confidence",
        needed=needed,
        words=f"once that is {percent(needed)} sure (now {shown})",
    )
    told = f"The confidence is {shown}; to act without a person takes {percent(needed)}."
    return _asks("auto.confidence", sure, needed, told, surer)


def _asks(
    rule: str, observed: Measure, limit: Measure, message: str, flip: Flip | None = None
) -> Verdict:
    verdict = stops(rule, observed=observed, limit=limit, message=message, flip=flip)
    return replace(verdict, ruling=Ruling.WARN, effect=Effect.DEMOTES)


def _listed(types: Iterable[ActionType]) -> str:
    return ",".join(sorted(kind.value for kind in types))
