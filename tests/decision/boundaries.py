"""Every rule at its boundary: just allowed, just refused, and on input that is missing or odd.

The README's table of rules is made from these cases, and `test_boundaries` runs each through the
rule itself. The numbers are those of the settings' defaults, unless a case says otherwise.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from meta_autonomous.decision.context import AutomaticPause, Case, Outage, Situation
from meta_autonomous.decision.limits import Freeze, Limits, PolicyBook, Scope
from meta_autonomous.domain.action import Action, ActionType, Route
from meta_autonomous.domain.entities import Budget, BudgetKind
from meta_autonomous.domain.quantities import Currency
from meta_autonomous.domain.verdict import Measure
from tests.builders import (
    NOW,
    TODAY,
    a_campaign,
    a_case,
    a_day,
    a_memory,
    a_pause,
    a_reallocation,
    a_resume,
    a_scale_down,
    a_scale_up,
    a_situation,
    a_snapshot,
    an_account,
    an_ad,
    an_adset,
    an_evaluation,
    daily,
    days_like,
    remembering,
    usd,
)
from tests.decision.shop import a_campaign as a_candidate
from tests.decision.shop import a_shop
from tests.decision.shop import an_adset as a_buying_adset

SECOND: Final = timedelta(seconds=1)


class Side(StrEnum):
    ALLOWED = "allowed"
    REFUSED = "refused"
    ODD = "odd"  # missing, stale or impossible: refused too, with its own message


@dataclass(frozen=True, slots=True, kw_only=True)
class Boundary:
    """One case of one rule. `says` is how the README puts it; `message` is part of the answer."""

    rule: str
    side: Side
    says: str
    asked: Callable[[], tuple[Action, Case]]
    observed: Measure
    limit: Measure
    message: str

    @property
    def id(self) -> str:
        return f"{self.rule}-{self.side}-{self.says}"


Asked = tuple[Action, Case]
BOUNDARIES: list[Boundary] = []


def _of(rule: str) -> Callable[..., None]:
    """Adds cases of one rule: its side, words, what is asked, and the answer's numbers."""

    def add(  # noqa: PLR0917 - a row of a table
        side: Side,
        says: str,
        asked: Callable[[], Asked],
        observed: Any,
        limit: Any,
        message: str,
    ) -> None:
        BOUNDARIES.append(
            Boundary(
                rule=rule,
                side=side,
                says=says,
                asked=asked,
                observed=Decimal(observed)
                if isinstance(observed, str) and _is_number(observed)
                else observed,
                limit=Decimal(limit) if isinstance(limit, str) and _is_number(limit) else limit,
                message=message,
            )
        )

    return add


def _is_number(text: str) -> bool:
    return text.lstrip("-").replace(".", "", 1).isdigit()


def hours_ago(hours: float) -> Any:
    return NOW - timedelta(hours=hours)


ALLOWED, REFUSED, ODD = Side.ALLOWED, Side.REFUSED, Side.ODD

# --- policy.budget_change -----------------------------------------------------------------------


def step(to: str, route: Route = Route.PERSON, **memory: Any) -> Callable[[], Asked]:
    def asked() -> Asked:
        case = a_case(memory={"c1": remembering(**memory)}, route=route)
        return a_scale_up(to=to) if Decimal(to) >= 500 else a_scale_down(to=to), case

    return asked


def of_budget(budget: Any) -> Callable[[], Asked]:
    def asked() -> Asked:
        campaign = a_campaign(budget=budget)
        return a_scale_up(campaign, to=10), a_case(a_snapshot(campaign, an_adset(), an_ad()))

    return asked


case = _of("policy.budget_change")
case(ALLOWED, "500 to 600.00 USD by a person", step("600.00"), "0.2", "0.20", "within 20 %")
case(
    REFUSED,
    "500 to 600.01 USD by a person",
    step("600.01"),
    "0.20002",
    "0.20",
    "furthest is 600.00",
)
case(ALLOWED, "500 to 400.00 USD by a person", step("400.00"), "-0.2", "0.20", "within 20 %")
case(REFUSED, "500 to 399.99 USD by a person", step("399.99"), "-0.20002", "0.20", "is 400.00")
case(
    ALLOWED, "500 to 550.00 USD unasked", step("550.00", Route.AUTO), "0.1", "0.10", "within 10 %"
)
case(
    REFUSED,
    "500 to 550.01 USD unasked",
    step("550.01", Route.AUTO),
    "0.10002",
    "0.10",
    "is 550.00",
)
case(
    REFUSED, "a raise, after one from 450 USD today",
    step("541", budgets_24h=(usd(450),)), "0.202222", "0.20", "the lowest of the last 24 h",
)  # fmt: skip
case(
    REFUSED, "a cut, after one from 600 USD today",
    step("479", budgets_24h=(usd(600),)), "-0.201667", "0.20", "the highest of the last 24 h",
)  # fmt: skip
case(ODD, "no present budget", of_budget(None), None, "0.20", "is zero or unknown")
case(ODD, "a present budget of 0", of_budget(0), None, "0.20", "is zero or unknown")

# --- policy.campaign_budget ---------------------------------------------------------------------


def in_campaign(to: str, *others: Any) -> Callable[[], Asked]:
    def asked() -> Asked:
        held = an_adset(budget=1000)
        snapshot = a_snapshot(a_campaign(budget=None), held, *others)
        return a_scale_up(held, to=to), a_case(snapshot)

    return asked


case = _of("policy.campaign_budget")
beside = an_adset("s2", budget=3900)
case(ALLOWED, "5,000.00 USD in all", in_campaign("1100", beside), 5000, 5000, "within 5,000.00")
case(
    REFUSED, "5,000.01 USD in all", in_campaign("1100.01", beside), "5000.01", 5000,
    "over the cap of 5,000.00 USD",
)  # fmt: skip
case(
    ODD, "an ad set beside it whose budget is unknown", in_campaign("1100", an_adset("s2")),
    None, None, "the budget of the ad set 'name of s2' (s2) is unknown",
)  # fmt: skip

# --- policy.hard_stop ---------------------------------------------------------------------------


def found(roas: Any, sure: float | None, spend: Any = 700) -> Callable[[], Asked]:
    def asked() -> Asked:
        return a_scale_up(), a_case(
            evaluations=[an_evaluation("c1", roas=roas, prob_below=sure, spend=spend)]
        )

    return asked


case = _of("policy.hard_stop")
case(ALLOWED, "ROAS 0.90", found("0.90", 0.99), "0.9", "0.9", "is not in hard stop")
case(
    REFUSED,
    "ROAS 0.8999, 70 % sure, 100 USD",
    found("0.8999", 0.7, 100),
    "0.8999",
    "0.9",
    "is in hard stop",
)
case(
    ALLOWED,
    "the same, 69.99 % sure",
    found("0.8999", 0.6999, 100),
    "0.8999",
    "0.9",
    "is not in hard stop",
)
case(
    ALLOWED,
    "the same on 99.99 USD",
    found("0.8999", 0.7, "99.99"),
    "0.8999",
    "0.9",
    "is not in hard stop",
)
case(ODD, "nobody knows how sure", found("0.5", None), "0.5", "0.9", "is in hard stop is unknown")
case(
    ODD,
    "spend in a currency without a rate",
    found("0.5", 0.9, None),
    "0.5",
    "0.9",
    "is in hard stop is unknown",
)


def under_a_hard_stop() -> Asked:
    held = an_adset(budget=100)
    snapshot = a_snapshot(a_campaign(budget=None), held, an_ad())
    lost = an_evaluation("c1", roas="0.5", prob_below=0.99)
    return a_scale_up(held, to=110), a_case(snapshot, evaluations=[lost])


case(
    REFUSED,
    "an ad set under a campaign in hard stop",
    under_a_hard_stop,
    "0.5",
    "0.9",
    "above the ad set",
)

# --- policy.geo_distribution --------------------------------------------------------------------


def countries(to: str, *, spain: int, other: str = "FR", raised: int = 600) -> Callable[[], Asked]:
    """`raised` USD a day in another country, to be raised beside so many in Spain (or Italy)."""

    def asked() -> Asked:
        first = "ES" if spain else "IT"
        snapshot = a_snapshot(
            a_campaign("c1", budget=spain or 300),
            an_adset("s1", countries=(first,)),
            a_campaign("c2", budget=raised),
            an_adset("s2", campaign="c2", countries=(other,) if other else None),
        )
        return a_scale_up(snapshot.campaigns["c2"], to=to), a_case(snapshot)

    return asked


case = _of("policy.geo_distribution")
case(ALLOWED, "Spain at 35.00 %", countries("650", spain=350), 0, 0, "within the limits")
case(
    REFUSED,
    "Spain at 34.99 %",
    countries("650.50", spain=350),
    "0.349825",
    "0.35",
    "at least 35 %",
)
case(
    ALLOWED,
    "France at 70.00 %, without Spain",
    countries("700", spain=0),
    0,
    0,
    "within the limits",
)
case(
    REFUSED,
    "France at 70.01 %, without Spain",
    countries("700.50", spain=0),
    "0.70015",
    "0.70",
    "at most 70 %",
)
case(
    ODD, "more than 10 % nobody knows where", countries("650", spain=900, other=""),
    "0.419355", "0.10", "are unknown, more than 10 %",
)  # fmt: skip

# --- policy.creative_approval -------------------------------------------------------------------


def creative(approved: frozenset[str], **ad: Any) -> Callable[[], Asked]:
    def asked() -> Asked:
        snapshot = a_snapshot(a_campaign(), an_adset(), an_ad(**ad))
        memory = a_memory(snapshot, approved_creatives=approved)
        return a_scale_up(), a_case(snapshot, memory=memory)

    return asked


def changed_creative(ago: timedelta) -> Callable[[], Asked]:
    def asked() -> Asked:
        ad = an_ad(status="PAUSED")
        snapshot = a_snapshot(a_campaign(), an_adset(), ad)
        changed = remembering(creative_changed_at=NOW - ago)
        return a_resume(ad), a_case(snapshot, memory={"a1": changed})

    return asked


APPROVED, NONE_APPROVED = frozenset({"cr1"}), frozenset[str]()
TWO_DAYS = timedelta(hours=48)
case = _of("policy.creative_approval")
case(ALLOWED, "approved by a person", creative(APPROVED), 0, 0, "has approved every creative")
case(REFUSED, "approved by nobody", creative(NONE_APPROVED), 1, 0, "No person has approved")
case(
    ALLOWED, "an ad whose creative changed 48 h ago", changed_creative(TWO_DAYS), 0, 0, "approved"
)
case(
    REFUSED, "an ad whose creative changed a second less ago", changed_creative(TWO_DAYS - SECOND),
    "47.99", 48, "it is left alone for 48 h",
)  # fmt: skip
case(ODD, "a creative without an id", creative(APPROVED, creative=None), 1, 0, "creative unknown")
case(
    ODD, "a creative changed in the future", changed_creative(-timedelta(hours=1)),
    -1, 48, "it is left alone for 48 h",
)  # fmt: skip

# --- policy.roas_floor --------------------------------------------------------------------------


def raise_at(roas: str | None) -> Callable[[], Asked]:
    def asked() -> Asked:
        evaluation = an_evaluation("c1", roas=roas, prob_below=0.1)
        claimed = None if roas is None else Decimal(roas)
        return a_scale_up(roas=claimed), a_case(evaluations=[evaluation])

    return asked


def cut_at(roas: str) -> Callable[[], Asked]:
    def asked() -> Asked:
        evaluation = an_evaluation("c1", roas=roas, prob_below=0.9)
        return a_scale_down(roas=Decimal(roas)), a_case(evaluations=[evaluation])

    return asked


def move(best: str, *, siblings: int = 3) -> Callable[[], Asked]:
    def asked() -> Asked:
        adsets = [an_adset(f"s{n + 1}", budget=100) for n in range(siblings)]
        snapshot = a_snapshot(
            a_campaign(budget=None), *adsets,
            performance={"s1": a_day(roas=1), "s2": a_day(roas=best)},
        )  # fmt: skip
        return a_reallocation(adsets[0], adsets[1]), a_case(snapshot)

    return asked


def resume_at(roas: str) -> Callable[[], Asked]:
    def asked() -> Asked:
        ad = an_ad(status="PAUSED")
        snapshot = a_snapshot(a_campaign(), an_adset(), ad)
        evaluation = an_evaluation("a1", roas=roas, prob_below=0.9)
        return a_resume(ad), a_case(snapshot, evaluations=[evaluation])

    return asked


case = _of("policy.roas_floor")
case(ALLOWED, "a raise at ROAS 2.00", raise_at("2"), 2, 2, "reaches 2")
case(
    REFUSED, "a raise at ROAS 1.9999", raise_at("1.9999"), "1.9999", 2, "under the 2 of a scale-up"
)
case(ALLOWED, "a cut at ROAS 1.50", cut_at("1.5"), "1.5", "1.5", "does not exceed 1.5")
case(REFUSED, "a cut at ROAS 1.5001", cut_at("1.5001"), "1.5001", "1.5", "over the 1.5")
case(ALLOWED, "a best 1.5 times the worst", move("1.5"), "1.5", "1.5", "at least 1.5 times")
case(REFUSED, "a best 1.4999 times the worst", move("1.4999"), "1.4999", "1.5", "under 1.5 times")
case(REFUSED, "two siblings only", move("3", siblings=2), 2, 3, "it takes 3")
case(ALLOWED, "a resume at ROAS 0.90", resume_at("0.90"), "0.9", "0.9", "not in hard stop")
case(REFUSED, "a resume in hard stop", resume_at("0.89"), "0.89", "0.9", "is in hard stop")
case(ODD, "no ROAS", raise_at(None), None, 2, "ROAS is unknown")

# --- safety.daily_spend -------------------------------------------------------------------------


def day(to: str, cap: str, **totals: Any) -> Callable[[], Asked]:
    """500 USD a day, of which 50 are spent today, beside another campaign of 1,000 USD."""

    def asked() -> Asked:
        spent = {"s1": days_like(today=a_day(50)), "s2": days_like(today=a_day(200))}
        snapshot = a_snapshot(
            a_campaign(), an_adset(), a_campaign("c2", budget=1000), an_adset("s2", campaign="c2"),
            performance=spent,
        )  # fmt: skip
        limits = Limits(max_daily_spend_usd=Decimal(cap))
        asked_of = a_case(snapshot, limits=limits)
        known = replace(asked_of.totals, **totals) if totals else asked_of.totals
        return a_scale_up(to=to), replace(asked_of, totals=known)

    return asked


def overspent(to: str) -> Callable[[], Asked]:
    """The other campaign has spent 1,500 USD of its 1,000 already: the seed's sum counts that."""

    def asked() -> Asked:
        spent = {"s1": days_like(today=a_day(0)), "s2": days_like(today=a_day(1500))}
        snapshot = a_snapshot(
            a_campaign(), an_adset(), a_campaign("c2", budget=1000), an_adset("s2", campaign="c2"),
            performance=spent,
        )  # fmt: skip
        return a_scale_up(to=to), a_case(
            snapshot, limits=Limits(max_daily_spend_usd=Decimal(2050))
        )

    return asked


case = _of("safety.daily_spend")
case(ALLOWED, "a projected day at the cap", day("550", "1550"), 1550, 1550, "within the daily cap")
case(
    REFUSED,
    "a projected day a cent over it",
    day("550.01", "1550"),
    "1550.01",
    1550,
    "over the daily cap",
)
case(ALLOWED, "spent elsewhere + new budget at the cap", overspent("550"), 2050, 2050, "within")
case(
    REFUSED, "the same a cent over it", overspent("550.01"), "2050.01", 2050, "over the daily cap"
)
case(
    ODD, "an account that was never read", day("550", "9999", unpriced=("account 7 was never read",)),
    None, 9999, "account 7 was never read",
)  # fmt: skip
case(
    ODD, "a budget that the day's totals do not know", day("550", "9999", holders={}),
    None, None, "do not know the budget",
)  # fmt: skip

# --- safety.embargo -----------------------------------------------------------------------------


def aged(age: timedelta | None) -> Callable[[], Asked]:
    def asked() -> Asked:
        campaign = a_campaign(created_at=None if age is None else NOW - age)
        return a_scale_up(campaign), a_case(a_snapshot(campaign, an_adset(), an_ad()))

    return asked


case = _of("safety.embargo")
case(ALLOWED, "48 h old", aged(TWO_DAYS), 48, 48, "is 48 h old")
case(REFUSED, "a second younger", aged(TWO_DAYS - SECOND), "47.99", 48, "is only 47.99 h old")
case(ODD, "of unknown age", aged(None), None, 48, "unknown age")
case(ODD, "created in the future", aged(-timedelta(hours=1)), -1, 48, "created in the future")

# --- safety.minimum_data ------------------------------------------------------------------------


def thin(impressions: int, spend: str | None) -> Callable[[], Asked]:
    def asked() -> Asked:
        evaluation = an_evaluation("c1", spend=spend, impressions=impressions)
        return a_scale_up(), a_case(evaluations=[evaluation])

    return asked


case = _of("safety.minimum_data")
case(ALLOWED, "1,000 impressions and 100 USD", thin(1000, "100"), 100, 100, "in the window")
case(REFUSED, "999 impressions", thin(999, "100"), 999, 1000, "it takes 1,000 impressions")
case(REFUSED, "99.99 USD", thin(1000, "99.99"), "99.99", 100, "it takes 100.00 USD of spend")
case(
    REFUSED, "neither", thin(999, "99.99"), 999, 1000, "1,000 impressions and 100.00 USD of spend"
)
case(ODD, "spend in a currency without a rate", thin(1000, None), None, None, "no rate to USD")

# --- safety.platform_pace -----------------------------------------------------------------------


def sent(*minutes_ago: float) -> Callable[[], Asked]:
    def asked() -> Asked:
        times = tuple(NOW - timedelta(minutes=one) for one in minutes_ago)
        return a_scale_up(), a_case(memory={"c1": remembering(budget_sent_at=times)})

    return asked


def cut_to(to: str) -> Callable[[], Asked]:
    def asked() -> Asked:
        snapshot = a_snapshot(performance={"a1": days_like(today=a_day(400))})
        return a_scale_down(to=to), a_case(snapshot)

    return asked


def unknown_rest() -> Asked:
    budget = Budget(BudgetKind.LIFETIME, usd(1000), None, NOW + timedelta(days=5))
    campaign = a_campaign(budget=budget)
    action = a_scale_down(a_campaign(), to=450)
    leg = replace(action.legs[0], entity=campaign)
    return replace(action, entity=campaign, legs=(leg,)), a_case(
        a_snapshot(campaign, an_adset(), an_ad())
    )


case = _of("safety.platform_pace")
case(ALLOWED, "sent twice within the hour", sent(10, 20), 2, 3, "sent 2 times")
case(
    REFUSED, "sent three times within the hour", sent(10, 20, 59.9), 3, 3, "Meta blocks it after 4"
)
case(ALLOWED, "the first of three an hour ago", sent(10, 20, 60), 2, 3, "sent 2 times")
case(ALLOWED, "a cut to 110 % of the day's spend", cut_to("440"), "1.1", "1.1", "leaves room")
case(REFUSED, "a cut to a cent less", cut_to("439.99"), "1.099975", "1.1", "is under 110 %")
case(ODD, "a lifetime budget of which the rest is unknown", unknown_rest, None, None, "is unknown")

# --- safety.second_controller -------------------------------------------------------------------


def governed(by: frozenset[str], *, blocks: bool) -> Callable[[], Asked]:
    def asked() -> Asked:
        limits = Limits(block_on_second_controller=blocks)
        snapshot = a_snapshot(governed_by_rules=by)
        return a_scale_up(), a_case(snapshot, limits=limits, route=Route.AUTO)

    return asked


case = _of("safety.second_controller")
case(ALLOWED, "none of Meta's rules", governed(frozenset(), blocks=True), 0, 0, "None of Meta's")
case(ALLOWED, "one, with a warning", governed(frozenset({"c1"}), blocks=False), 1, 0, "switch one")
case(
    REFUSED,
    "one, where configured to block",
    governed(frozenset({"c1"}), blocks=True),
    1,
    0,
    "switch one",
)

# --- safety.cooldown ----------------------------------------------------------------------------


def changed(ago: timedelta, field: str = "last_executed_at") -> Callable[[], Asked]:
    def asked() -> Asked:
        return a_scale_up(), a_case(memory={"c1": remembering(**{field: NOW - ago})})

    return asked


DAY = timedelta(hours=24)
THEIRS = "foreign_change_at"
case = _of("safety.cooldown")
case(ALLOWED, "our last change 24 h ago", changed(DAY), 24, 24, "longer than 24 h")
case(REFUSED, "a second less", changed(DAY - SECOND), "23.99", 24, "by this system")
case(ALLOWED, "somebody's edit 24 h ago", changed(DAY, THEIRS), None, 24, "")
case(
    REFUSED,
    "a second less, by somebody",
    changed(DAY - SECOND, THEIRS),
    "23.99",
    24,
    "by someone else",
)
case(ODD, "a change in the future", changed(-timedelta(hours=2)), -2, 24, "it rests for 24 h")

# --- safety.creative ----------------------------------------------------------------------------

case = _of("safety.creative")
case(ALLOWED, "reviewed by Meta", creative(APPROVED), 0, 0, "uses an approved creative")
for status in ("PENDING_REVIEW", "DISAPPROVED"):
    case(
        REFUSED, f"{status} at Meta", creative(APPROVED, effective_status=status),
        1, 0, f"{status.lower()} at Meta",
    )  # fmt: skip
case(REFUSED, "approved by no person", creative(NONE_APPROVED), 1, 0, "not approved by a person")
case(
    ODD, "a status that nobody knows", creative(APPROVED, effective_status="NEW_WORD"),
    1, 0, "new_word at Meta",
)  # fmt: skip

# --- safety.sanity ------------------------------------------------------------------------------


def claims(roas: str | None, confidence: str | None = "0.8") -> Callable[[], Asked]:
    def asked() -> Asked:
        return a_pause(
            roas=None if roas is None else Decimal(roas),
            confidence=None if confidence is None else Decimal(confidence),
        ), a_case()

    return asked


def read(**changes: Any) -> Callable[[], Asked]:
    return lambda: (a_scale_up(), a_case(a_snapshot(**changes)))


def in_kronor() -> Asked:
    campaign = a_campaign(budget=daily(500, "SEK"))
    account = an_account(currency=Currency("SEK"))
    return a_pause(campaign), a_case(a_snapshot(campaign, an_adset(), an_ad(), account=account))


MISSING = frozenset({TODAY - timedelta(days=3)})
case = _of("safety.sanity")
case(ALLOWED, "ROAS 0", claims("0"), "0.01", 24, "")
case(REFUSED, "ROAS -0.01", claims("-0.01"), "-0.01", 0, "The ROAS is -0.01")
case(ALLOWED, "confidence 1", claims("1.2", "1"), "0.01", 24, "")
case(REFUSED, "confidence 1.000001", claims("1.2", "1.000001"), "1.000001", 1, "between 0 and 1")
case(ALLOWED, "a read 24 h old", read(observed_at=NOW - DAY), 24, 24, "The read is whole")
case(
    REFUSED, "a read a second older", read(observed_at=NOW - DAY - SECOND), 24, 24, "read it again"
)
case(
    REFUSED,
    "a day of the window missing",
    read(missing_days=MISSING),
    1,
    0,
    "The read lacks 2026-03-08",
)
case(REFUSED, "a currency without a rate", in_kronor, None, None, "set META_AUTO_FX_SEK")
case(ODD, "ROAS NaN", claims("NaN"), "NaN", 0, "The ROAS is NaN")
case(ODD, "ROAS infinite", claims("Infinity"), "Infinity", 0, "The ROAS is Infinity")
case(ODD, "no ROAS", claims(None), "unknown", 0, "The ROAS is unknown")
case(ODD, "no confidence", claims("1.2", None), "unknown", 1, "The confidence is unknown")

# --- safety.learning_phase ----------------------------------------------------------------------


def learning(word: str | None, make: Callable[..., Action] = a_scale_up) -> Callable[[], Asked]:
    def asked() -> Asked:
        held = an_adset(budget=500, learning=word)
        return make(held), a_case(a_snapshot(a_campaign(budget=None), held, an_ad()))

    return asked


def half_learning(spend: str) -> Callable[[], Asked]:
    def asked() -> Asked:
        learns, done = an_adset("s1", learning="LEARNING"), an_adset("s2")
        performance = {"s1": a_day(spend), "s2": a_day(100)}
        return a_scale_up(), a_case(
            a_snapshot(a_campaign(), learns, done, performance=performance)
        )

    return asked


case = _of("safety.learning_phase")
case(ALLOWED, "an ad set that has learned", learning("SUCCESS"), 0, "0.5", "is not learning")
case(ALLOWED, "FAIL, or no word at all", learning(None), 0, "0.5", "is not learning")
case(REFUSED, "LEARNING, a raise", learning("LEARNING"), 1, "0.5", "before it has learned")
case(
    ALLOWED,
    "LEARNING, a cut: a warning",
    learning("LEARNING", a_scale_down),
    1,
    "0.5",
    "start it over",
)
case(
    ALLOWED,
    "a campaign, half of it learning",
    half_learning("100"),
    "0.5",
    "0.5",
    "is not learning",
)
case(
    REFUSED, "a campaign, a cent more", half_learning("100.01"), "0.500025", "0.5", "carried 50 %"
)

# --- safety.tracking_outage ---------------------------------------------------------------------


def outage(found: Outage | None) -> Callable[[], Asked]:
    return lambda: (
        a_pause(),
        a_case(situation=a_situation(outage=found), route=Route.AUTO),
    )


SILENT = Outage(
    days=(TODAY - timedelta(days=1),),
    expected_purchases=Decimal("52.4"),
    seen_purchases=0,
    probability=Decimal("1e-9"),
    false_alarm_rate=Decimal("0.001"),
)
case = _of("safety.tracking_outage")
case(ALLOWED, "purchases as expected", outage(None), None, None, "as many as")
case(
    REFUSED,
    "none where 52 were to be expected",
    outage(SILENT),
    0,
    "52.4",
    "tracking seems broken",
)

# --- safety.blast_radius ------------------------------------------------------------------------


def third_pause(
    rest: str, *before: str, ago: timedelta = timedelta(hours=5)
) -> Callable[[], Asked]:
    """Pausing c3 after others; each of the three spent 100 USD a day, and the account `rest` more."""

    def asked() -> Asked:
        names = ("c1", "c2", "c3", "rest")
        snapshot = a_snapshot(
            *(a_campaign(name) for name in names),
            performance={name: a_day(rest if name == "rest" else 100) for name in names},
        )
        earlier = tuple(
            AutomaticPause(entity_id=name, campaign_id=name, adset_id=None, at=NOW - ago)
            for name in before
        )
        memory = a_memory(snapshot, automatic_pauses=earlier)
        return a_pause(snapshot.campaigns["c3"]), a_case(snapshot, memory=memory, route=Route.AUTO)

    return asked


case = _of("safety.blast_radius")
case(
    ALLOWED,
    "three pauses over 50 % of the spend",
    third_pause("300", "c1", "c2"),
    "0.5",
    "0.5",
    "3 automatic",
)
case(
    REFUSED,
    "three over a cent more",
    third_pause("299.99", "c1", "c2"),
    "0.500008",
    "0.5",
    "a person decides",
)
case(ALLOWED, "two over any share", third_pause("0", "c1"), "0.666667", "0.5", "2 automatic")
case(
    ALLOWED,
    "the others 24 h ago",
    third_pause("0", "c1", "c2", ago=DAY),
    "0.333333",
    "0.5",
    "1 automatic",
)

# --- auto.human_override ------------------------------------------------------------------------


def taken_back(ago: timedelta, field: str) -> Callable[[], Asked]:
    def asked() -> Asked:
        memory = {"c1": remembering(**{field: {ActionType.SCALE_UP: NOW - ago}})}
        return a_scale_up(), a_case(memory=memory, route=Route.AUTO)

    return asked


WEEK = timedelta(days=7)
case = _of("auto.human_override")
for record, word in (("reversed_at", "reversed"), ("rejected_at", "rejected")):
    case(ALLOWED, f"{word} 7 days ago", taken_back(WEEK, record), 168, 168, word)
    case(
        REFUSED, f"{word} a second less ago", taken_back(WEEK - SECOND, record),
        "167.99", 168, "a person decides",
    )  # fmt: skip

# --- limits.freeze, limits.scope ----------------------------------------------------------------

FROZEN = Freeze(starts_at=NOW, ends_at=NOW + timedelta(hours=5), reason="Black Friday")


def at(now: Any) -> Callable[[], Asked]:
    return lambda: (a_scale_up(), a_case(book=PolicyBook(freezes=(FROZEN,)), now=now))


case = _of("limits.freeze")
case(ALLOWED, "a second before it begins", at(NOW - SECOND), None, None, "No freeze window")
case(
    REFUSED,
    "as it begins",
    at(NOW),
    "2026-03-11 12:00 UTC",
    "2026-03-11 17:00 UTC",
    "Black Friday",
)
case(ALLOWED, "as it ends", at(FROZEN.ends_at), None, None, "No freeze window")


def scoped(**scope: Any) -> Callable[[], Asked]:
    return lambda: (a_pause(), a_case(book=PolicyBook(scope=Scope(**scope))))


case = _of("limits.scope")
case(ALLOWED, "included by its name", scoped(include=("name of c*",)), None, None, "inside")
case(
    REFUSED, "not included", scoped(include=("Brand *",)), "name of c1", None, "outside the scope"
)
case(
    REFUSED, "excluded by its id", scoped(exclude=("c1",)), "name of c1", None, "outside the scope"
)
case(
    ODD, "of a campaign that was not read",
    lambda: (a_pause(an_adset(campaign="nowhere")), a_case()), None, None, "was not read",
)  # fmt: skip


# --- the gates before the rules -----------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class GateCase:
    """One gate that is asked before any number is looked at, about the campaign `c1`."""

    gate: str
    is_open: bool
    says: str
    situation: Callable[[], Situation]
    scope: Scope


def shop(**campaign: Any) -> Callable[[], Situation]:
    return lambda: a_shop(a_candidate(**campaign), a_buying_adset(), an_ad())


def buying(goal: str, event: str | None = None) -> Callable[[], Situation]:
    adset = a_buying_adset(optimization_goal=goal, purchase_event=event)
    return lambda: a_shop(a_candidate(), adset, an_ad())


def in_account(**changes: Any) -> Callable[[], Situation]:
    entities = a_candidate(), a_buying_adset(), an_ad()
    return lambda: a_shop(snapshot=a_snapshot(*entities, account=an_account(**changes)))


def unreadable(entity_id: str) -> Callable[[], Situation]:
    entities = a_candidate(), a_buying_adset(), an_ad()
    return lambda: a_shop(snapshot=a_snapshot(*entities, skipped={entity_id: "odd"}))


def bought(count: int) -> Callable[[], Situation]:
    return lambda: a_shop(purchases_28d=count)


def _gate(gate: str, is_open: bool, says: str, make: Any, scope: Scope | None = None) -> GateCase:
    return GateCase(gate=gate, is_open=is_open, says=says, situation=make, scope=scope or Scope())


GATES: Final = (
    *(_gate("candidate.account", True, f"status {n}", in_account(status=n)) for n in (1, 8, 9)),
    *(_gate("candidate.account", False, f"status {n}", in_account(status=n)) for n in (2, 3, 101)),
    _gate("candidate.purchases", True, "one purchase in 28 days", bought(1)),
    _gate("candidate.purchases", False, "none in 28 days", bought(0)),
    _gate("candidate.scope", True, "included", shop(), Scope(include=("name of c*",))),
    _gate("candidate.scope", False, "not included", shop(), Scope(include=("Brand*",))),
    _gate("candidate.status", True, "ACTIVE", shop()),
    _gate("candidate.status", True, "WITH_ISSUES", shop(effective_status="WITH_ISSUES")),
    _gate("candidate.status", False, "PAUSED", shop(status="PAUSED")),
    _gate("candidate.status", False, "a word that nobody knows", shop(effective_status="NEW")),
    _gate("candidate.age", True, "48 h old", shop(created_at=NOW - TWO_DAYS)),
    _gate("candidate.age", False, "a second younger", shop(created_at=NOW - TWO_DAYS + SECOND)),
    _gate("candidate.age", False, "of unknown age", shop(created_at=None)),
    _gate("candidate.age", False, "created in the future", shop(created_at=NOW + SECOND)),
    _gate("candidate.measured", True, "sales, for purchases", buying("OFFSITE_CONVERSIONS")),
    _gate("candidate.measured", True, "sales, for value", buying("VALUE", "PURCHASE")),
    _gate("candidate.measured", False, "for leads", shop(objective="OUTCOME_LEADS")),
    _gate("candidate.measured", False, "for clicks", buying("LINK_CLICKS")),
    _gate("candidate.measured", False, "for carts", buying("OFFSITE_CONVERSIONS", "ADD_TO_CART")),
    _gate("candidate.measured", False, "of unknown objective", shop(objective=None)),
    _gate("candidate.readable", True, "read whole", shop()),
    _gate("candidate.readable", False, "not read whole", unreadable("c1")),
    _gate("candidate.editable", True, "ends a second from now", shop(stops_at=NOW + SECOND)),
    _gate("candidate.editable", False, "ends now", shop(stops_at=NOW)),
    _gate("candidate.editable", False, "on a schedule", shop(has_budget_schedule=True)),
    _gate(
        "candidate.editable", False, "a legacy Advantage+ campaign",
        shop(smart_promotion_type="AUTOMATED_SHOPPING_ADS"),
    ),
)  # fmt: skip
