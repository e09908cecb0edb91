"""A change that we could ask Meta for, and the words for what became of it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import Final, Self

from meta_autonomous.domain.entities import BudgetKind, Entity, Status
from meta_autonomous.domain.quantities import Money


class ActionType(StrEnum):
    PAUSE = "pause"
    SCALE_UP = "scale_up"
    SCALE_DOWN = "scale_down"
    REALLOCATE = "reallocate"
    RESUME = "resume"


SCALES: Final = frozenset({ActionType.SCALE_UP, ActionType.SCALE_DOWN})
_NEW_STATUS: Final[Mapping[ActionType, Status]] = {
    ActionType.PAUSE: Status.PAUSED,
    ActionType.RESUME: Status.ACTIVE,
}


class Route(StrEnum):
    """Who decides: the program itself, a person who approves, or a person who takes back."""

    AUTO = "auto"
    PERSON = "person"
    UNDO = "undo"


class Outcome(StrEnum):
    """What one tick did with an action. A tick's counts add up over exactly these words."""

    POLICY_BLOCKED = "policy_blocked"
    SAFETY_BLOCKED = "safety_blocked"
    QUEUED = "queued"
    EXECUTED = "executed"
    FAILED = "failed"
    IN_DOUBT = "in_doubt"
    DEFERRED = "deferred"
    UNCHANGED = "unchanged"


class ActionStatus(StrEnum):
    """Where an action stands in its whole life, as ``optimization_actions.status`` stores it."""

    SUGGESTED = "suggested"
    APPROVED = "approved"
    EXECUTING = "executing"
    EXECUTED = "executed"
    FAILED = "failed"
    BLOCKED = "blocked"
    DEFERRED = "deferred"
    IN_DOUBT = "in_doubt"
    REJECTED = "rejected"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    UNDONE = "undone"


#: In which an action can come to be: for a person, for the program itself (or a person's undo),
#: or held back by a rule.
FIRST_STATUSES: Final = frozenset(
    {
        ActionStatus.SUGGESTED,
        ActionStatus.APPROVED,
        ActionStatus.BLOCKED,
        ActionStatus.DEFERRED,
    }
)

#: Legal next statuses. What is absent is impossible. (`undone` is the status of the original
#: action once its undo, an action of its own, was executed.)
STATUS_TRANSITIONS: Final[Mapping[ActionStatus, frozenset[ActionStatus]]] = {
    ActionStatus.SUGGESTED: frozenset(
        {
            ActionStatus.APPROVED,
            ActionStatus.REJECTED,
            ActionStatus.EXPIRED,
            ActionStatus.SUPERSEDED,
        }
    ),
    ActionStatus.APPROVED: frozenset(
        {
            ActionStatus.EXECUTING,
            ActionStatus.SUGGESTED,  # an approval that could not be worked: it waits again
            ActionStatus.DEFERRED,  # nothing was sent: this tick had no time or leave for it
            ActionStatus.FAILED,  # its entity is gone or no longer ours: nothing was sent
            ActionStatus.SUPERSEDED,
            ActionStatus.EXPIRED,
        }
    ),
    ActionStatus.EXECUTING: frozenset(
        {
            ActionStatus.EXECUTED,
            ActionStatus.FAILED,
            ActionStatus.DEFERRED,
            ActionStatus.IN_DOUBT,
            ActionStatus.SUPERSEDED,
        }
    ),
    ActionStatus.IN_DOUBT: frozenset(
        {
            ActionStatus.EXECUTED,
            ActionStatus.FAILED,
            ActionStatus.DEFERRED,  # the request never left after all
            ActionStatus.SUPERSEDED,
        }
    ),
    ActionStatus.EXECUTED: frozenset({ActionStatus.UNDONE}),
    ActionStatus.BLOCKED: frozenset({ActionStatus.SUPERSEDED}),
    ActionStatus.DEFERRED: frozenset({ActionStatus.SUPERSEDED}),
    # The decrease of a reallocation that failed half-way stands and may be undone.
    ActionStatus.FAILED: frozenset({ActionStatus.UNDONE}),
    ActionStatus.REJECTED: frozenset(),
    ActionStatus.EXPIRED: frozenset(),
    ActionStatus.SUPERSEDED: frozenset(),
    ActionStatus.UNDONE: frozenset(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetLeg:
    """One budget and what it should become, both per day (lifetime: the daily equivalent)."""

    entity: Entity
    current: Money
    proposed: Money

    @property
    def change_pct(self) -> Decimal | None:
        """Signed fraction of the current budget; None where that is zero."""
        if self.current.minor == 0:
            return None
        return (self.proposed - self.current) / self.current

    @property
    def is_increase(self) -> bool:
        return self.proposed > self.current


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """A proposed change of one entity (a reallocation: of two ad sets, the decrease first).

    `confidence` is the posterior probability of the claim that justifies this action; `stake_usd`
    the money per day that it moves or stops. `legs` is empty for pause and resume.
    """

    type: ActionType
    entity: Entity
    legs: tuple[BudgetLeg, ...] = ()
    roas: Decimal | None = None
    expected_roas: Decimal | None = None
    confidence: Decimal | None = None
    reason: str = ""
    is_hard_stop: bool = False
    stake_usd: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        wanted = {ActionType.REALLOCATE: 2, ActionType.SCALE_UP: 1, ActionType.SCALE_DOWN: 1}
        if len(self.legs) != wanted.get(self.type, 0):
            raise ValueError(f"a {self.type} has {wanted.get(self.type, 0)} budget legs")
        if self.type is ActionType.REALLOCATE and self.legs[0].is_increase:
            raise ValueError("a reallocation names its decrease first")

    @property
    def increases(self) -> tuple[BudgetLeg, ...]:
        return tuple(leg for leg in self.legs if leg.is_increase)

    @property
    def raises_spend(self) -> bool:
        return self.type is ActionType.RESUME or bool(self.increases)

    @property
    def new_status(self) -> Status | None:
        return _NEW_STATUS.get(self.type)

    @property
    def current_budget(self) -> Money | None:
        """Per day. Of a change of status: what its entity stands at, unless its budget is for a
        lifetime."""
        if self.legs:
            return self.legs[0].current
        budget = self.entity.budget
        return budget.amount if budget is not None and budget.kind is BudgetKind.DAILY else None

    @property
    def proposed_budget(self) -> Money | None:
        return self.legs[0].proposed if self.legs else None

    @property
    def change_pct(self) -> Decimal | None:
        return self.legs[0].change_pct if self.legs else None

    @property
    def entity_ids(self) -> tuple[str, ...]:
        return tuple(leg.entity.id for leg in self.legs) or (self.entity.id,)

    def with_budget(self, proposed: Money) -> Self:
        """The same scale action towards another budget per day."""
        return replace(self, legs=(replace(self.legs[0], proposed=proposed),))

    def moving(self, amount: Money) -> Self:
        """The same reallocation with another amount."""
        donor, receiver = self.legs
        return replace(
            self,
            legs=(
                replace(donor, proposed=donor.current - amount),
                replace(receiver, proposed=receiver.current + amount),
            ),
        )
