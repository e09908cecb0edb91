"""The hard stop: when an entity must halt, and what may not be done to it then."""

from decimal import Decimal

from meta_autonomous.decision.context import Case
from meta_autonomous.decision.limits import Limits
from meta_autonomous.decision.rules import (
    blocks,
    dollars,
    named,
    number,
    passes,
    percent,
    raised,
    seen,
    strictest,
    tidy,
)
from meta_autonomous.domain.action import Action
from meta_autonomous.domain.entities import Entity
from meta_autonomous.domain.verdict import Flip, Verdict


def must_halt(
    roas: Decimal | None,
    prob_below: Decimal | None,
    spend_usd: Decimal | None,
    limits: Limits,
) -> bool | None:
    """ROAS under the limit, probably so, and spent enough to say it; None where that is unknown.

    `prob_below` is P(true ROAS < HARD_STOP_ROAS). Without spend there is no ROAS and no halt.
    """
    if roas is None or roas >= limits.hard_stop_roas:
        return False
    if spend_usd is not None and spend_usd < limits.min_spend_usd:
        return False
    if prob_below is not None and prob_below < limits.hard_stop_confidence:
        return False
    return None if spend_usd is None or prob_below is None else True


def in_hard_stop(entity: Entity, case: Case) -> bool | None:
    evidence = seen(entity, case)
    return must_halt(
        evidence.roas,
        evidence.prob_below(case.limits.hard_stop_roas),
        evidence.spend_usd,
        case.limits,
    )


def hard_stop(action: Action, case: Case) -> Verdict:
    """Nothing that must halt, and nothing under it, gets more money."""
    if not action.raises_spend:
        return _told(action.entity, case)
    return strictest(
        _may_grow(relative, entity, case)
        for entity in raised(action)
        for relative in (entity, *case.snapshot.parents_of(entity))
    )


def _may_grow(relative: Entity, entity: Entity, case: Case) -> Verdict:
    limit = case.limits.hard_stop_roas
    evidence = seen(relative, case)
    observed = None if evidence.roas is None else tidy(evidence.roas)
    above = "" if relative.id == entity.id else f", above the {named(entity)},"
    match in_hard_stop(relative, case):
        case True:
            return blocks(
                observed,
                limit,
                f"The {named(relative)}{above} is in hard stop: {_numbers(relative, case)}. "
                "It gets no more money until its ROAS recovers.",
                flip=_recovered(relative, entity, limit, observed),
            )
        case None:
            return blocks(
                observed,
                limit,
                f"Whether the {named(relative)}{above} is in hard stop is unknown: "
                f"{_numbers(relative, case)}.",
                flip=_recovered(relative, entity, limit, observed),
            )
        case _:
            return passes(
                observed,
                limit,
                f"The {named(relative)} is not in hard stop: {_numbers(relative, case)}.",
            )


def _recovered(relative: Entity, entity: Entity, limit: Decimal, roas: Decimal | None) -> Flip:
    where = "" if relative.id == entity.id else f" of the {named(relative)}"
    return Flip(
        fact="roas",
        needed=limit,
        words=f"with a ROAS{where} of at least {number(limit)} (it is {roas})",
    )


def _told(entity: Entity, case: Case) -> Verdict:
    """On an action that gives no more money: only what the hard stop says."""
    limit = case.limits.hard_stop_roas
    roas = seen(entity, case).roas
    observed = None if roas is None else tidy(roas)
    if in_hard_stop(entity, case):
        told = f"The {named(entity)} must halt: {_numbers(entity, case)}."
        return passes(observed, limit, told)
    return passes(
        observed, limit, f"The {named(entity)} is not in hard stop: {_numbers(entity, case)}."
    )


def _numbers(entity: Entity, case: Case) -> str:
    evidence = seen(entity, case)
    limit = case.limits.hard_stop_roas
    if evidence.roas is None:
        return "it spent nothing, so it has no ROAS"
    told = f"ROAS {number(evidence.roas)} against {number(limit)}"
    prob = evidence.prob_below(limit)
    if prob is not None:
        told += f", below it with probability {percent(prob)}"
    elif evidence.roas < limit:
        told += ", with an unknown probability"
    told += f" (it takes {percent(case.limits.hard_stop_confidence)})"
    spend = evidence.spend_usd
    return f"{told}, spend {'unknown' if spend is None else dollars(spend)}"
