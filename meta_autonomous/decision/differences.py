"""What was decided, in brief, and whether two decisions on the same case are the same.

A brief says what would happen: to what, how much, now or by a person. Its `fingerprint` also
covers every verdict's numbers, so that "decided identically" means to the last digit.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from hashlib import blake2b
from typing import Final

from meta_autonomous.decision.claim import Claim, claim_of
from meta_autonomous.decision.context import Situation
from meta_autonomous.decision.decide import Plan
from meta_autonomous.decision.granting import Decision
from meta_autonomous.decision.limits import Limits, PolicyBook
from meta_autonomous.domain.action import ActionType, Outcome, Route
from meta_autonomous.domain.entities import Level

#: Outcomes that move money, or offer it to a person, for the first time. What is `unchanged`
#: waits already.
GRANTED: Final = frozenset({Outcome.EXECUTED, Outcome.QUEUED})


@dataclass(frozen=True, slots=True, kw_only=True)
class BriefLeg:
    """One budget per day and what it should become, in minor units."""

    entity_id: str
    entity_name: str
    current: int
    proposed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Brief:
    """One decision of one tick."""

    account_id: str
    type: ActionType
    level: Level
    entity_id: str
    entity_name: str
    campaign_id: str
    outcome: Outcome
    route: Route
    currency: str
    legs: tuple[BriefLeg, ...]
    amount_usd: Decimal | None  # new less old budgets per day
    moved_usd: Decimal  # of budgets per day, whichever way; 0 unless it was granted
    roas: Decimal | None
    confidence: Decimal | None
    claim: Claim
    reason: str
    fingerprint: str

    @property
    def is_granted(self) -> bool:
        return self.outcome in GRANTED

    @property
    def entity_ids(self) -> tuple[str, ...]:
        """What would change: of a reallocation both ad sets, the giver first."""
        return tuple(leg.entity_id for leg in self.legs) or (self.entity_id,)

    def says_the_same(self, other: "Brief") -> bool:
        """Whether the same would happen: what, how much, and who decides."""
        return (self.type, self.outcome, self.route, self.legs) == (
            other.type,
            other.outcome,
            other.route,
            other.legs,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One entity on which two decisions differ; None: nothing was, or would be, decided."""

    was: Brief | None
    would_be: Brief | None

    @property
    def either(self) -> Brief:
        """The one that acts, or else what there is: it says whom this is about."""
        acting = [brief for brief in (self.would_be, self.was) if brief and brief.is_granted]
        known = [brief for brief in (self.would_be, self.was) if brief]
        return (acting or known)[0]

    @property
    def is_same_but_for_numbers(self) -> bool:
        """Whether the same would happen, for reasons that are not the same to the digit."""
        if self.was is None or self.would_be is None:
            return False
        return self.was.says_the_same(self.would_be)

    @property
    def difference_usd(self) -> Decimal:
        """Budget per day that would be granted, less what was."""
        return _granted_usd(self.would_be) - _granted_usd(self.was)


def briefs(plan: Plan, situations: Iterable[Situation], book: PolicyBook) -> tuple[Brief, ...]:
    """Every decision of a plan in brief, in its order."""
    by_account = {situation.snapshot.account.id: situation for situation in situations}
    found = []
    for decision in plan.decisions:
        situation = by_account[decision.account_id]
        limits = book.limits_of(decision.action.entity, situation.snapshot)
        found.append(_brief(decision, situation, limits))
    return tuple(found)


def differences(
    was: Iterable[Brief], would_be: Iterable[Brief], *, to_the_digit: bool = False
) -> tuple[Difference, ...]:
    """Where two plans of one tick differ, in the order of the first. `to_the_digit`: also where
    only a number of some verdict does."""
    before, after = _by_entity(was), _by_entity(would_be)
    found = [
        Difference(was=before.get(key), would_be=after.get(key))
        for key in dict.fromkeys((*before, *after))
    ]
    return tuple(pair for pair in found if not _is_same(pair, to_the_digit=to_the_digit))


def _is_same(pair: Difference, *, to_the_digit: bool) -> bool:
    if to_the_digit and pair.was is not None and pair.would_be is not None:
        return pair.was == pair.would_be
    return pair.is_same_but_for_numbers


def _by_entity(briefed: Iterable[Brief]) -> Mapping[tuple[str, str], Brief]:
    """A tick has at most one action per entity."""
    return {(brief.account_id, brief.entity_id): brief for brief in briefed}


def _granted_usd(brief: Brief | None) -> Decimal:
    if brief is None or not brief.is_granted or brief.amount_usd is None:
        return Decimal(0)
    return brief.amount_usd


def _brief(decision: Decision, situation: Situation, limits: Limits) -> Brief:
    action = decision.action
    is_granted = decision.outcome in GRANTED
    return Brief(
        account_id=decision.account_id,
        type=action.type,
        level=action.entity.level,
        entity_id=action.entity.id,
        entity_name=action.entity.name,
        campaign_id=action.entity.campaign_id,
        outcome=decision.outcome,
        route=decision.route,
        currency=situation.snapshot.account.currency.code,
        legs=tuple(
            BriefLeg(
                entity_id=leg.entity.id,
                entity_name=leg.entity.name,
                current=leg.current.minor,
                proposed=leg.proposed.minor,
            )
            for leg in action.legs
        ),
        amount_usd=decision.amount_usd,
        moved_usd=_moved_usd(decision, situation) if is_granted else Decimal(0),
        roas=action.roas,
        confidence=action.confidence,
        claim=claim_of(action, limits),
        reason=decision.reason,
        fingerprint=_fingerprint(decision),
    )


def _moved_usd(decision: Decision, situation: Situation) -> Decimal:
    legs = decision.action.legs
    if decision.action.type is not ActionType.REALLOCATE:
        return abs(decision.amount_usd or Decimal(0))
    return abs(situation.usd(legs[0].current - legs[0].proposed) or Decimal(0))


def _fingerprint(decision: Decision) -> str:
    action = decision.action
    told = repr(
        (
            decision.verdicts,
            decision.reason,
            decision.is_urgent,
            decision.unchanged_id,
            decision.amount_usd,
            decision.expires_at,
            action.roas,
            action.expected_roas,
            action.confidence,
            action.reason,
            action.is_hard_stop,
            action.stake_usd,
            [(leg.entity.id, leg.current, leg.proposed) for leg in action.legs],
        )
    )
    return blake2b(told.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
