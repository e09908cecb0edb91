"""What an action's confidence is the probability of."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from meta_autonomous.decision.limits import Limits
from meta_autonomous.domain.action import Action, ActionType


class Side(StrEnum):
    """Where, against a threshold, the true ROAS is said to be."""

    BELOW = "below"
    AT_MOST = "at_most"
    AT_LEAST = "at_least"
    TIMES = "times"  # a reallocation: the receiver's is at least so many times the donor's


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    side: Side
    threshold: Decimal

    def __str__(self) -> str:
        return f"{self.side.value.replace('_', ' ')} {self.threshold}"


def claim_of(action: Action, limits: Limits) -> Claim:
    match action.type:
        case ActionType.PAUSE:
            stop = limits.hard_stop_roas if action.is_hard_stop else limits.pause_roas
            return Claim(side=Side.BELOW, threshold=stop)
        case ActionType.SCALE_DOWN:
            return Claim(side=Side.AT_MOST, threshold=limits.scale_down_roas)
        case ActionType.SCALE_UP:
            return Claim(side=Side.AT_LEAST, threshold=limits.scale_up_roas)
        case ActionType.RESUME:
            return Claim(side=Side.AT_LEAST, threshold=limits.resume_roas)
        case ActionType.REALLOCATE:
            return Claim(side=Side.TIMES, threshold=limits.reallocate_ratio)
