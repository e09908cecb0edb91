"""Judging a distribution over countries: a planned one, and the one that a change leads to."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from meta_autonomous.decision.context import Case
from meta_autonomous.decision.geo import (
    GROWTH_TOLERANCE,
    MOST_UNKNOWN,
    SUM_TOLERANCE,
    Distribution,
    Geography,
    excesses,
    geography_of,
)
from meta_autonomous.decision.limits import Limits
from meta_autonomous.decision.rules import (
    blocks,
    number,
    passes,
    percent,
    strictest,
    tidy,
    warns,
)
from meta_autonomous.domain.action import Action
from meta_autonomous.domain.verdict import Flip, Verdict

_MOST_SHOWN: Final = 5


def geo_distribution(action: Action, case: Case) -> Verdict:
    """A change of budgets may not push the account further out of its countries' limits: neither
    as it would be with every raise that was granted, nor as it will be with all that is done
    unasked, pauses and cuts too."""
    present = case.situation.geography or geography_of(case.snapshot, case.now)
    befores = [present.granting(case.granted_geo)]
    if case.geography_ahead is not None:
        befores.append(case.geography_ahead)
    return strictest(_pushed(before, action, case) for before in befores)


def _pushed(before: Geography, action: Action, case: Case) -> Verdict:
    after = before.shifted(action.legs)
    if after.unknown_share > MOST_UNKNOWN:
        return blocks(
            tidy(after.unknown_share),
            MOST_UNKNOWN,
            f"The countries of {percent(after.unknown_share)} of the account's budget are "
            f"unknown, more than {percent(MOST_UNKNOWN)}; name countries in the targeting.",
            flip=Flip(
                fact="unknown_share",
                needed=MOST_UNKNOWN,
                words=f"with the countries of all but {percent(MOST_UNKNOWN)} of the budget known "
                f"(those of {percent(after.unknown_share)} are not)",
            ),
        )
    was = _excesses(before.distribution, case.limits)
    will_be = _excesses(after.distribution, case.limits)
    growth = sum(will_be.values(), Decimal(0)) - sum(was.values(), Decimal(0))
    told = f"Budgets by country would be {_shown(after.distribution)}"
    if growth > GROWTH_TOLERANCE:
        return _outside(after.distribution, will_be, case.limits, told)
    if will_be:
        return warns(
            tidy(sum(will_be.values(), Decimal(0))),
            0,
            f"{told}, outside the limits, but no further than now.",
        )
    return passes(0, 0, f"{told}, within the limits.")


def well_distributed(distribution: Distribution, limits: Limits) -> Verdict:
    """A whole distribution as someone planned it: it sums to 1, and stays within the limits."""
    whole = sum(distribution.values(), Decimal(0))
    if abs(whole - 1) > SUM_TOLERANCE:
        return blocks(
            tidy(whole),
            1,
            f"The countries' shares sum to {number(whole)}; make them sum to 1.",
        )
    found = _excesses(distribution, limits)
    told = f"The distribution is {_shown(distribution)}"
    if found:
        return _outside(distribution, found, limits, told)
    return passes(tidy(whole), 1, f"{told}, within the limits.")


def _excesses(distribution: Distribution, limits: Limits) -> Mapping[str, Decimal]:
    return excesses(
        distribution,
        min_spain=limits.min_spain_percentage,
        max_single=limits.max_single_country_pct,
    )


def _outside(
    distribution: Distribution, found: Mapping[str, Decimal], limits: Limits, told: str
) -> Verdict:
    worst = max(found, key=lambda country: (found[country], country))
    share = distribution[worst]
    if share > limits.max_single_country_pct:
        limit, wish = limits.max_single_country_pct, "at most"
    else:
        limit, wish = limits.min_spain_percentage, "at least"
    told += f"; {worst} has {percent(share)} and needs {wish} {percent(limit)}."
    flip = Flip(fact=f"share of {worst}", needed=limit, words=_within(distribution, found, limits))
    return blocks(tidy(share), limit, told, flip=flip)


def _within(distribution: Distribution, found: Mapping[str, Decimal], limits: Limits) -> str:
    """Every country back within its limits: part of them is not enough where others grow."""
    wishes = [
        f"at most {percent(limits.max_single_country_pct)} of the budget in {country} "
        f"({percent(distribution[country])} would be)"
        if distribution[country] > limits.max_single_country_pct
        else f"at least {percent(limits.min_spain_percentage)} of the budget in {country} "
        f"({percent(distribution[country])} would be)"
        for country in sorted(found, key=lambda country: (-distribution[country], country))
    ]
    return "with " + " and ".join(wishes)


def _shown(distribution: Distribution) -> str:
    largest = sorted(distribution.items(), key=lambda item: (-item[1], item[0]))
    shown = ", ".join(f"{country} {percent(share)}" for country, share in largest[:_MOST_SHOWN])
    more = len(largest) - _MOST_SHOWN
    return shown + (f" and {more} more" if more > 0 else "")
