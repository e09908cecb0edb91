"""The action matrix: which ROAS each type of action needs."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from meta_autonomous.decision.context import Case
from meta_autonomous.decision.geo import has_ended
from meta_autonomous.decision.hard_stop import hard_stop
from meta_autonomous.decision.limits import Limits
from meta_autonomous.decision.rules import blocks, number, passes, seen, tidy
from meta_autonomous.domain.action import Action, ActionType
from meta_autonomous.domain.entities import AdSet, Status
from meta_autonomous.domain.verdict import Flip, Verdict

_FEWEST_SIBLINGS: Final = 3


def roas_floor(action: Action, case: Case) -> Verdict:
    """Each type of action has its ROAS: the matrix of what may be done when."""
    if action.type is ActionType.SCALE_UP:
        return floor_of_scale_up(_claims(action, case), case.limits)
    if action.type is ActionType.SCALE_DOWN:
        return ceiling_of_scale_down(_claims(action, case), case.limits)
    if action.type is ActionType.REALLOCATE:
        return _worth_moving(action, case)
    return hard_stop(action, case)


def floor_of_scale_up(claims: Iterable[Decimal], limits: Limits) -> Verdict:
    """Every ROAS that is claimed or measured must reach the floor; none at all is an unknown."""
    roas, limit = min(claims, default=None), limits.scale_up_roas
    if roas is None:
        return blocks(None, limit, "The ROAS is unknown; a budget is not raised on that.")
    if roas < limit:
        return blocks(
            tidy(roas),
            limit,
            f"ROAS {number(roas)} is under the {number(limit)} of a scale-up.",
            flip=_with_roas(f"at least {number(limit)}", limit, roas),
        )
    return passes(tidy(roas), limit, f"ROAS {number(roas)} reaches {number(limit)}.")


def ceiling_of_scale_down(claims: Iterable[Decimal], limits: Limits) -> Verdict:
    roas, limit = max(claims, default=None), limits.scale_down_roas
    if roas is None:
        return blocks(None, limit, "The ROAS is unknown; a budget is not cut on that.")
    if roas > limit:
        return blocks(
            tidy(roas),
            limit,
            f"ROAS {number(roas)} is over the {number(limit)} of a scale-down.",
            flip=_with_roas(f"at most {number(limit)}", limit, roas),
        )
    return passes(tidy(roas), limit, f"ROAS {number(roas)} does not exceed {number(limit)}.")


def _with_roas(wanted: str, limit: Decimal, roas: Decimal) -> Flip:
    return Flip(fact="roas", needed=limit, words=f"with a ROAS of {wanted} (it is {number(roas)})")


def worth_moving(siblings: int, ratio: Decimal | None, limits: Limits) -> Verdict:
    """A reallocation needs siblings to compare with, and a best that is clearly better."""
    if siblings < _FEWEST_SIBLINGS:
        return blocks(
            siblings,
            _FEWEST_SIBLINGS,
            f"Only {siblings} siblings have budgets of their own; it takes {_FEWEST_SIBLINGS}.",
            flip=Flip(
                fact="siblings",
                needed=_FEWEST_SIBLINGS,
                words=f"with {_FEWEST_SIBLINGS} active ad sets that have budgets of their own "
                f"(there are {siblings})",
            ),
        )
    limit = limits.reallocate_ratio
    if ratio is None:
        return blocks(None, limit, "The ratio of best to worst ROAS is unknown.")
    told = f"The better ROAS is {number(ratio)} times the worse"
    if ratio < limit:
        wider = Flip(
            fact="ratio",
            needed=limit,
            words=f"with a ROAS {number(limit)} times the worse one (it is {number(ratio)} times)",
        )
        return blocks(tidy(ratio), limit, f"{told}, under {number(limit)} times.", flip=wider)
    return passes(tidy(ratio), limit, f"{told}, at least {number(limit)} times.")


def _claims(action: Action, case: Case) -> list[Decimal]:
    """The ROAS that the action was proposed for, and the one that its entity has now."""
    return [roas for roas in (action.roas, seen(action.entity, case).roas) if roas is not None]


def _worth_moving(action: Action, case: Case) -> Verdict:
    donor, receiver = (leg.entity for leg in action.legs)
    if donor.campaign_id != receiver.campaign_id:
        return blocks(None, None, "Money is only moved between ad sets of one campaign.")
    siblings = [
        adset
        for adset in case.snapshot.adsets_of(donor.campaign_id)
        if _has_own_budget(adset) and not has_ended(adset, case.now)
    ]
    worse, better = seen(donor, case).roas, seen(receiver, case).roas
    ratio: Decimal | None = None
    if worse is not None and better is not None and better > 0 and worse >= 0:
        limit = case.limits.reallocate_ratio
        # A worse one without any purchase: as many times better as one likes.
        ratio = better / worse if worse > 0 else max(limit, Decimal(1))
    return worth_moving(len(siblings), ratio, case.limits)


def _has_own_budget(adset: AdSet) -> bool:
    return adset.budget is not None and adset.status == Status.ACTIVE
