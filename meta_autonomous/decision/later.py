"""What the days after a decision said of its claim, as they are known now."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from meta_autonomous.decision.claim import Side
from meta_autonomous.decision.differences import Brief
from meta_autonomous.domain.performance import NOTHING, DayFacts, Days, roas, total

#: A claim is about the week to come: so long is looked for what came of it.
LATER_DAYS: Final = 7
#: After so many days hardly an order is still to be reported.
_SETTLED_AFTER: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenDays:
    """The rows of an account's ads as the latest readings have them. `until` is the last complete
    day that any read covered; None when there was none."""

    days: Mapping[str, Days]
    parents: Mapping[str, tuple[str, str]]  # of an ad: ad set, campaign
    until: date | None

    def total(self, entity_id: str, days: Iterable[date]) -> DayFacts:
        wanted = tuple(days)
        facts = NOTHING
        for ad_id, of_ad in self.days.items():
            if entity_id == ad_id or entity_id in self.parents.get(ad_id, ()):
                facts = facts.plus(total(of_ad, wanted))
        return facts


@dataclass(frozen=True, slots=True, kw_only=True)
class Later:
    """The days after a decision: what its entity brought (of a reallocation: its receiver, and
    `donor_roas` is the other's), and whether the claim held. None: nothing to tell it by."""

    days: int
    facts: DayFacts
    roas: Decimal | None
    donor_roas: Decimal | None
    held: bool | None
    is_settled: bool


def later(brief: Brief, decided_on: date, seen: SeenDays) -> Later:
    """The seven days after `decided_on`, or as many of them as are complete by now."""
    ahead = [decided_on + timedelta(days=n) for n in range(1, LATER_DAYS + 1)]
    known = [day for day in ahead if seen.until is not None and day <= seen.until]
    ids = brief.entity_ids
    facts = seen.total(ids[-1], known)
    found = roas(facts)
    donor = roas(seen.total(ids[0], known)) if brief.claim.side is Side.TIMES else None
    return Later(
        days=len(known),
        facts=facts,
        roas=found,
        donor_roas=donor,
        held=_held(brief, found, donor),
        is_settled=seen.until is not None and seen.until >= ahead[-1] + _SETTLED_AFTER,
    )


def _held(brief: Brief, found: Decimal | None, donor: Decimal | None) -> bool | None:
    if found is None:
        return None
    threshold = brief.claim.threshold
    match brief.claim.side:
        case Side.BELOW:
            return found < threshold
        case Side.AT_MOST:
            return found <= threshold
        case Side.AT_LEAST:
            return found >= threshold
        case _:  # so many times the other's
            return None if donor is None else found >= threshold * donor
