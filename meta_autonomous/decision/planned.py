"""Judging what someone plans, before it exists at Meta: a campaign, or a change of a creative."""

from datetime import datetime
from decimal import Decimal

from meta_autonomous.decision.context import Totals
from meta_autonomous.decision.limits import Limits
from meta_autonomous.decision.plain import Plain, exact, given, given_or
from meta_autonomous.decision.policy_engine import CREATIVE_APPROVAL, PolicyEngine
from meta_autonomous.decision.rules import blocks, dollars, passes, tidy
from meta_autonomous.decision.safety import DAILY_SPEND, SANITY
from meta_autonomous.decision.safety_spend import within_daily_cap
from meta_autonomous.domain.verdict import Verdict


def check_plan(
    plan: Plain, limits: Limits, *, now: datetime, totals: Totals | None = None
) -> tuple[Verdict, ...]:
    """Every verdict on a planned campaign or creative change; allowed when all of them are true.

    `totals` is the day's money where it is known; else the plan is compared with the cap alone.
    """
    policy = PolicyEngine(limits, clock=lambda: now)
    match plan.get("kind"):
        case "campaign":
            day = DAILY_SPEND.answer(lambda: _within_day(plan, limits, totals))
            return (*policy.creation_verdicts(plan), day)
        case "creative":
            return (CREATIVE_APPROVAL.answer(lambda: _creative(plan, policy)),)
        case other:
            told = f'"kind" is {other!r}; it is "campaign" or "creative".'
            return (SANITY.answer(lambda: blocks(str(other), None, told)),)


def _within_day(plan: Plain, limits: Limits, totals: Totals | None) -> Verdict:
    budget = exact(given(plan, "daily_budget_usd", "daily_budget"), "daily_budget_usd")
    cap = limits.max_daily_spend_usd
    if totals is None:
        told = f"{dollars(budget)} a day against the daily cap of {dollars(cap)}"
        if budget > cap:
            return blocks(tidy(budget), cap, f"{told}: it exceeds it alone.")
        return passes(tidy(budget), cap, f"{told}; today's other spend was not looked at.")
    if totals.unpriced:
        told = f"The day's spend is not known in whole: {', '.join(totals.unpriced)}."
        return blocks(None, cap, told)
    granted = sum(totals.granted_usd.values(), Decimal(0))
    factor = max(limits.daily_overspend_factor, Decimal(1))
    return within_daily_cap(
        totals.spent_usd + granted,
        budget,
        limits,
        projected=totals.projected_usd + (granted + budget) * factor,
    )


def _creative(plan: Plain, policy: PolicyEngine) -> Verdict:
    if not str(given_or(plan, "", "creative_id")).strip():
        raise ValueError("creative_id is missing")
    if "last_change_at" not in plan:
        raise ValueError("last_change_at is missing; null says that it never changed")
    return policy.can_change_creative(plan, plan["last_change_at"])
