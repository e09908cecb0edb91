"""How far a budget may go: the step from its base, the platform's minimum, the campaign's cap.

A refusal about size says how far the change could go: `Verdict.allowed`, a daily budget, or for
a reallocation the amount that may be moved.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from meta_autonomous.decision.candidates import stops
from meta_autonomous.decision.context import Case, EntityMemory, Situation
from meta_autonomous.decision.geo import has_ended
from meta_autonomous.decision.limits import Limits
from meta_autonomous.decision.rules import (
    blocks,
    ceiling,
    dollars,
    largest_within,
    listed,
    moment,
    named,
    net_increase,
    passes,
    percent,
    strictest,
    tidy,
    towards_current,
    upwards,
    usd_of,
    waiting,
    warns,
)
from meta_autonomous.domain.action import Action, ActionType, BudgetLeg, Route
from meta_autonomous.domain.entities import BudgetKind, Campaign, Entity, Status
from meta_autonomous.domain.quantities import Money
from meta_autonomous.domain.verdict import Flip, Verdict

#: A budget stays a base for this long after it was in force.
BASE_HOURS: Final = timedelta(hours=24)
_ONE_DAY: Final = Decimal(1)
#: A smaller change is not made: it would only use up the cooldown.
SMALLEST_CHANGE: Final = Decimal("0.01")


# --- policy.budget_change -----------------------------------------------------------------------


def reachable(
    current: Decimal,
    wanted: Decimal,
    *,
    bases: Sequence[Decimal],
    max_change: Decimal,
    minimum: Decimal = Decimal(0),
) -> Decimal:
    """The amount nearest to `wanted` that one day's step allows; never beyond the current one.

    An increase is measured from the lowest base, a cut from the highest. A cut stops at the
    platform's minimum. Equal to `wanted` exactly when `wanted` is allowed.
    """
    if wanted >= current:
        highest = min(bases) * (1 + max_change)
        return max(current, min(wanted, highest)) if wanted >= minimum else current
    lowest = max(max(bases) * (1 - max_change), minimum)
    return min(current, max(wanted, lowest))


def max_change(limits: Limits, *, is_auto: bool) -> Decimal:
    if is_auto:
        return min(limits.max_auto_change_pct, limits.max_daily_change_pct)
    return limits.max_daily_change_pct


def budget_change(action: Action, case: Case) -> Verdict:
    """A budget moves by a step a day, however often it is touched."""
    steps = [_step(leg, case) for leg in action.legs]
    governing = strictest(steps)
    if action.type is not ActionType.REALLOCATE or governing:
        return governing
    return replace(governing, allowed=_movable(action.legs, steps))


def _movable(legs: Sequence[BudgetLeg], steps: Sequence[Verdict]) -> Money | None:
    """The amount that both sides of a reallocation allow; None if one allows none whatever."""
    amounts: list[Money] = []
    for leg, step in zip(legs, steps, strict=True):
        end = leg.proposed if step else step.allowed
        if end is None:
            return None
        amounts.append(end - leg.current if leg.is_increase else leg.current - end)
    return min(amounts, key=_minor)


def _step(leg: BudgetLeg, case: Case) -> Verdict:
    limit = max_change(case.limits, is_auto=case.route is Route.AUTO)
    unready = _unready(leg, case)
    if unready is not None:
        return blocks(None, limit, unready, flip=_MEASURABLE)
    bases = _bases(leg, case.situation)
    nearest = reachable(
        Decimal(leg.current.minor),
        Decimal(leg.proposed.minor),
        bases=[Decimal(base.minor) for base in bases],
        max_change=limit,
        minimum=Decimal(case.snapshot.account.min_daily_budget.minor),
    )
    base = (min if leg.is_increase else max)(bases, key=_minor)
    change = (leg.proposed - base) / base
    told = f"The {named(leg.entity)} would go to {leg.proposed} a day"
    told += f", {percent(change, signed=True)} of {base}"
    if base != leg.current:
        told += f" (the {'lowest' if leg.is_increase else 'highest'} of the last 24 h)"
    if nearest != leg.proposed.minor:
        allowed = towards_current(leg, nearest)
        refusal = _too_far(leg, allowed, case, told, base)
        told = f"{refusal.message} The furthest is {allowed}."
        return replace(refusal, observed=tidy(change), allowed=allowed, message=told)
    if not case.memory(leg.entity).budgets_known:
        told += ", as far as known: no record reaches back 24 h"
        return warns(tidy(change), limit, f"{told}; within {percent(limit)}.")
    return passes(tidy(change), limit, f"{told}; within {percent(limit)}.")


def _too_far(leg: BudgetLeg, allowed: Money, case: Case, told: str, base: Money) -> Verdict:
    is_auto = case.route is Route.AUTO
    limit = max_change(case.limits, is_auto=is_auto)
    minimum = case.snapshot.account.min_daily_budget
    if leg.proposed < minimum:
        return blocks(None, limit, f"{told}, under the platform's minimum of {minimum}.")
    told += f"; {'an automatic change' if is_auto else 'a person'} may go {percent(limit)} a day."
    eligible_at = _rested_at(case.memory(leg.entity))
    if eligible_at is None or not _rest_helps(leg, allowed, limit):
        return blocks(None, limit, told, flip=_wider_step(leg, base, case.limits, is_auto=is_auto))
    told += f" Wait until {moment(eligible_at)}."
    rested = waiting(eligible_at, _RESTED)
    return blocks(None, limit, told, eligible_at=eligible_at, flip=rested)


def _rest_helps(leg: BudgetLeg, allowed: Money, limit: Decimal) -> bool:
    """Whether an earlier budget alone stands in the way: of the whole change, or of any."""
    own_step = reachable(
        Decimal(leg.current.minor),
        Decimal(leg.proposed.minor),
        bases=[Decimal(leg.current.minor)],
        max_change=limit,
    )
    no_room = abs(allowed / leg.current - 1) < SMALLEST_CHANGE <= limit
    return own_step == leg.proposed.minor or no_room


def _wider_step(leg: BudgetLeg, base: Money, limits: Limits, *, is_auto: bool) -> Flip:
    """The narrowest step that leaves room for a change of one percent: less is not made."""
    factor = 1 + SMALLEST_CHANGE if leg.is_increase else 1 - SMALLEST_CHANGE
    needed = upwards(abs(leg.current.minor * factor / base.minor - 1))
    setting = "MAX_AUTO_CHANGE_PCT" if is_auto else "MAX_DAILY_CHANGE_PCT"
    present = max_change(limits, is_auto=is_auto)
    return Flip(
        fact=setting,
        needed=needed,
        words=f"with {setting} of at least {percent(needed)} (it is {percent(present)})",
    )


_MEASURABLE: Final = Flip(
    fact="budget", needed=None, words="with a budget per day that can be measured, set by hand"
)


def _unready(leg: BudgetLeg, case: Case) -> str | None:
    """Why no step can be measured at all."""
    budget = leg.entity.budget
    if budget is None or budget.daily(case.now) is None or leg.current.minor <= 0:
        told = f"The present budget of the {named(leg.entity)} is zero or unknown"
        return f"{told}; set one by hand."
    if budget.kind is BudgetKind.LIFETIME and leg.is_increase:
        days = budget.days_left(case.now)
        if days is None or days < _ONE_DAY:
            return f"The {named(leg.entity)} ends within 24 h; its lifetime budget is not raised."
    return None


def _bases(leg: BudgetLeg, situation: Situation) -> list[Money]:
    bases = [leg.current, *situation.memory.of(leg.entity.id).budgets_24h]
    latest = situation.snapshot.entity(leg.entity.id)
    now_in_force = None if latest is None else latest.budget
    if now_in_force is not None and now_in_force.kind is BudgetKind.DAILY:
        bases.append(now_in_force.amount)
    return bases


def below_its_cut(
    leg: BudgetLeg, situation: Situation, limits: Limits, *, is_auto: bool
) -> Verdict | None:
    """Why a cut is none: measured from the highest budget of the last 24 h, the furthest that it
    may go still lies above the present one. None when it is a cut."""
    step = max_change(limits, is_auto=is_auto)
    highest = max(_bases(leg, situation), key=_minor)
    lowest = highest.times_up(1 - step)
    if lowest <= leg.current:
        return None
    eligible_at = _rested_at(situation.memory.of(leg.entity.id))
    flip = _wider_step(leg, highest, limits, is_auto=is_auto)
    if eligible_at is not None:
        flip = waiting(eligible_at, _RESTED)
    return stops(
        "wanted.budget",
        observed=leg.current.plain(),
        limit=lowest.plain(),
        message=f"A cut is measured from the highest budget of the last 24 h: from {highest} it "
        f"may go to {lowest}, {percent(step)} less, and it is at {leg.current} a day already.",
        eligible_at=eligible_at,
        flip=replace(flip, would="be cut"),
    )


def _rested_at(memory: EntityMemory) -> datetime | None:
    """When no earlier budget is a base any more; None when nobody knows of a change."""
    changes = [at for at in (memory.last_executed_at, memory.foreign_change_at) if at is not None]
    return max(changes) + BASE_HOURS if changes else None


_RESTED: Final = "its last change is 24 h old"


def _minor(money: Money) -> int:
    return money.minor


# --- policy.campaign_budget ---------------------------------------------------------------------


def within_campaign_cap(total_usd: Decimal, limits: Limits, *, what: str) -> Verdict:
    cap = limits.max_campaign_budget_usd
    told = f"{what} would have {dollars(total_usd)} a day in all"
    if total_usd > cap:
        return blocks(
            tidy(total_usd),
            cap,
            f"{told}, over the cap of {dollars(cap)}; lower it, or raise MAX_CAMPAIGN_BUDGET_USD.",
            flip=_higher_cap(total_usd, cap),
        )
    return passes(tidy(total_usd), cap, f"{told}, within {dollars(cap)}.")


def _higher_cap(needed_usd: Decimal, cap: Decimal) -> Flip:
    needed = ceiling(needed_usd)
    return Flip(
        fact="MAX_CAMPAIGN_BUDGET_USD",
        needed=needed,
        words=f"with MAX_CAMPAIGN_BUDGET_USD of at least {needed:,} (it is {cap:,f})",
    )


def campaign_budget(action: Action, case: Case) -> Verdict:
    """One campaign may not grow beyond its cap, however its budget is spread over ad sets."""
    campaign = case.snapshot.campaigns[action.entity.campaign_id]
    total = _campaign_total(action, case, campaign)
    if action.legs and net_increase(action).minor <= 0:
        return passes(
            tidy(total),
            case.limits.max_campaign_budget_usd,
            f"The {named(campaign)} keeps its total of {dollars(total)} a day.",
        )
    unknown = [
        holder_id
        for holder_id, holder in case.snapshot.unread.items()
        if holder.campaign_id == campaign.id and campaign.budget is None
    ]
    if unknown:
        told = f"Ad set {listed(unknown)} could not be understood, so the total is not known."
        return blocks(None, case.limits.max_campaign_budget_usd, told)
    verdict = within_campaign_cap(total, case.limits, what=f"The {named(campaign)}")
    if verdict or action.type is not ActionType.SCALE_UP:
        return verdict
    leg = action.legs[0]
    others = total - usd_of(case, leg.proposed)
    room = case.limits.max_campaign_budget_usd - others
    rates = case.situation.rates
    allowed = largest_within(room, leg.current.currency, rates)
    least = others + usd_of(case, leg.current.times_up(1 + SMALLEST_CHANGE))
    return replace(
        verdict,
        allowed=max(leg.current, allowed, key=_minor),
        flip=_higher_cap(least, case.limits.max_campaign_budget_usd),
    )


def _campaign_total(action: Action, case: Case, campaign: Campaign) -> Decimal:
    """USD per day of all budgets that can be spent in the campaign once the action is done."""
    proposed = {leg.entity.id: leg.proposed for leg in action.legs}
    total = Decimal(0)
    ids = {campaign.id}
    for holder in _holders(action, case, campaign):
        daily = proposed.get(holder.id)
        if daily is None and holder.budget is not None:
            daily = holder.budget.daily(case.now)
        if daily is None:
            raise ValueError(f"the budget of the {named(holder)} is unknown")
        total += usd_of(case, daily)
        ids.add(holder.id)
    ids |= {adset.id for adset in case.snapshot.adsets_of(campaign.id)}
    granted = case.totals.granted_usd
    return total + sum(granted[key] for key in ids - set(action.entity_ids) if key in granted)


def _holders(action: Action, case: Case, campaign: Campaign) -> Iterable[Entity]:
    """The campaign if it has the budget, else its ad sets that can deliver afterwards."""
    if campaign.budget is not None:
        return (campaign,)
    return [
        adset
        for adset in case.snapshot.adsets_of(campaign.id)
        if adset.id in action.entity_ids
        or (adset.status == Status.ACTIVE and not has_ended(adset, case.now))
    ]
