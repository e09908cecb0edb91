"""The policy rules at their boundaries, and the policy engine for scripts."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meta_autonomous.decision.context import EntityMemory, Memory
from meta_autonomous.decision.hard_stop import must_halt
from meta_autonomous.decision.limits import Limits
from meta_autonomous.decision.plain import limits_of
from meta_autonomous.decision.policy_engine import (
    BUDGET_CHANGE,
    CAMPAIGN_BUDGET,
    CREATIVE_APPROVAL,
    HARD_STOP,
    ROAS_FLOOR,
    PolicyEngine,
)
from meta_autonomous.domain.action import Action, ActionType, BudgetLeg, Route
from meta_autonomous.domain.entities import Budget, BudgetKind, Entity, UnreadHolder
from meta_autonomous.domain.quantities import Currency, Money
from meta_autonomous.domain.verdict import Ruling, Verdict
from tests.builders import (
    NOW,
    a_campaign,
    a_case,
    a_day,
    a_leg,
    a_memory,
    a_pause,
    a_reallocation,
    a_resume,
    a_scale_down,
    a_scale_up,
    a_snapshot,
    an_account,
    an_ad,
    an_adset,
    an_evaluation,
    lifetime,
    remembering,
    usd,
)


def budget_change(action: Action, **case: Any) -> Verdict:
    snapshot = case.pop("snapshot", None)
    return BUDGET_CHANGE.judge(action, a_case(snapshot, **case))


# --- policy.budget_change -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("route", "to", "allowed"),
    [
        (Route.PERSON, "600.00", None),
        (Route.PERSON, "600.01", "600.00"),
        (Route.PERSON, "750.00", "600.00"),
        (Route.PERSON, "400.00", None),
        (Route.PERSON, "399.99", "400.00"),
        (Route.AUTO, "550.00", None),
        (Route.AUTO, "550.01", "550.00"),
        (Route.AUTO, "450.00", None),
        (Route.AUTO, "449.99", "450.00"),
    ],
)
def test_a_budget_moves_by_20_percent_for_people_and_10_percent_unasked(
    route: Route, to: str, allowed: str | None
) -> None:
    scale = a_scale_up if Decimal(to) > 500 else a_scale_down
    verdict = budget_change(scale(to=to), route=route)

    assert bool(verdict) is (allowed is None)
    assert verdict.allowed == (None if allowed is None else usd(allowed))
    assert verdict.limit == (Decimal("0.10") if route is Route.AUTO else Decimal("0.20"))


def test_the_automatic_step_is_never_larger_than_a_persons() -> None:
    limits = Limits(max_daily_change_pct=Decimal("0.05"), max_auto_change_pct=Decimal("0.10"))

    verdict = budget_change(a_scale_up(to=526), route=Route.AUTO, limits=limits)

    assert verdict.allowed == usd(525)


def test_the_refusal_tells_amounts_limit_and_how_far_it_may_go() -> None:
    verdict = budget_change(a_scale_up(to=750))

    assert verdict.message == (
        "The campaign 'name of c1' (c1) would go to 750.00 USD a day, +50 % of 500.00 USD; a "
        "person may go 20 % a day. The furthest is 600.00 USD."
    )
    assert verdict.observed == Decimal("0.5")


@pytest.mark.parametrize(
    ("budgets", "to", "allowed"),
    [
        # Raised from 450 within the day: 540 is the end of it.
        (("450",), "540", None),
        (("450",), "540.01", "540"),
        # Already raised by all that was allowed: no room is left.
        (("410",), "501", "500"),
        # Lowered by hand: an increase is measured from the lower one, that is the present.
        (("700",), "600", None),
        # A cut is measured from the highest.
        (("550",), "440", None),
        (("550",), "439.99", "440"),
        (("450", "550", "480"), "439.99", "440"),
        # Raised by hand to 700, then cut: a cut under 560 is no action, for the present is lower.
        (("700",), "480", "500"),
    ],
)
def test_a_change_is_measured_from_every_budget_of_the_last_24_hours(
    budgets: tuple[str, ...], to: str, allowed: str | None
) -> None:
    scale = a_scale_up if Decimal(to) > 500 else a_scale_down
    record = remembering(budgets_24h=tuple(usd(budget) for budget in budgets))

    verdict = budget_change(scale(to=to), memory={"c1": record})

    assert bool(verdict) is (allowed is None)
    assert verdict.allowed == (None if allowed is None else usd(allowed))


def test_a_change_that_only_yesterdays_budget_forbids_says_when_it_will_be_possible() -> None:
    changed_at = NOW - timedelta(hours=5)
    record = remembering(budgets_24h=(usd(450),), foreign_change_at=changed_at)

    verdict = budget_change(a_scale_up(to=590), memory={"c1": record})

    assert verdict.eligible_at == changed_at + timedelta(hours=24)
    ours = replace(record, last_executed_at=changed_at + timedelta(hours=1))
    later = budget_change(a_scale_up(to=590), memory={"c1": ours})
    assert later.eligible_at == changed_at + timedelta(hours=25)
    too_far = budget_change(a_scale_up(to=700), memory={"c1": record})
    assert too_far.eligible_at is None
    no_room = remembering(budgets_24h=(usd(625), usd(400)), last_executed_at=changed_at)
    for nothing_now in (a_scale_up(to=700), a_scale_down(to=300)):
        refused = budget_change(nothing_now, memory={"c1": no_room})
        assert refused.allowed == usd(500)
        assert refused.eligible_at == changed_at + timedelta(hours=24)  # then as far as a step
    too_small = Limits(max_daily_change_pct=Decimal("0.009"), max_auto_change_pct=Decimal(0))
    never = budget_change(a_scale_up(to=700), memory={"c1": no_room}, limits=too_small)
    assert (never.eligible_at, never.flip.fact) == (None, "MAX_DAILY_CHANGE_PCT")
    unknown = budget_change(
        a_scale_up(to=590), memory={"c1": remembering(budgets_24h=(usd(450),))}
    )
    assert unknown.eligible_at is None


def test_without_a_record_of_24_hours_the_present_budget_is_the_base_with_a_warning() -> None:
    verdict = budget_change(a_scale_up(to=600), memory={"c1": EntityMemory()})

    assert verdict
    assert verdict.ruling is Ruling.WARN
    assert not budget_change(a_scale_up(to=601), memory={"c1": EntityMemory()})


def test_a_step_is_measured_from_the_budget_that_was_read_when_the_action_names_another() -> None:
    claimed = a_campaign(budget=600)

    verdict = budget_change(a_scale_up(claimed, to=700), snapshot=a_snapshot())

    assert verdict.allowed == usd(600)


@pytest.mark.parametrize("budget", [None, 0])
def test_a_budget_of_zero_or_unknown_is_not_changed(budget: int | None) -> None:
    campaign = a_campaign(budget=budget)
    snapshot = a_snapshot(campaign, an_adset())

    verdict = budget_change(a_scale_up(campaign, to=1), snapshot=snapshot)

    assert not verdict
    assert verdict.allowed is None
    assert "zero or unknown" in verdict.message


def test_a_cut_stops_at_the_platforms_minimum() -> None:
    account = an_account(min_daily_budget=usd(450))
    snapshot = a_snapshot(account=account)

    assert budget_change(a_scale_down(to=450), snapshot=snapshot)
    refused = budget_change(a_scale_down(to="449.99"), snapshot=snapshot)
    assert refused.allowed == usd(450)
    assert "minimum of 450.00 USD" in refused.message
    below = a_snapshot(account=an_account(min_daily_budget=usd(700)))
    assert budget_change(a_scale_up(to=600), snapshot=below).allowed == usd(500)
    assert budget_change(a_scale_down(to=450), snapshot=below).allowed == usd(500)


def test_a_budget_below_the_platforms_minimum_may_be_raised_to_it() -> None:
    snapshot = a_snapshot(account=an_account(min_daily_budget=usd(600)))

    assert budget_change(a_scale_up(to=600), snapshot=snapshot)
    assert not budget_change(a_scale_up(to="599.99"), snapshot=snapshot)
    at_the_minimum = a_snapshot(account=an_account(min_daily_budget=usd(700)))
    too_far = budget_change(a_scale_up(to=700), snapshot=at_the_minimum)
    assert "minimum" not in too_far.message


def test_yen_are_rounded_towards_the_present_budget() -> None:
    yen = Currency("JPY")
    campaign = a_campaign(budget=Budget(BudgetKind.DAILY, Money(1003, yen)))
    snapshot = a_snapshot(campaign, account=an_account(currency=yen))

    up = budget_change(a_scale_up(campaign, to=Money(5000, yen)), snapshot=snapshot)
    down = budget_change(a_scale_down(campaign, to=Money(500, yen)), snapshot=snapshot)

    assert up.allowed == Money(1203, yen)  # 1203.6
    assert down.allowed == Money(803, yen)  # 802.4


def test_a_budget_in_another_currency_on_record_is_refused() -> None:
    record = remembering(budgets_24h=(usd(450, "EUR"),))

    assert not budget_change(a_scale_up(), memory={"c1": record})


def test_a_lifetime_budget_moves_by_its_daily_equivalent() -> None:
    campaign = a_campaign(budget=lifetime(3000, remaining=1000, days_left=10))
    snapshot = a_snapshot(campaign, an_adset())

    assert budget_change(a_scale_up(campaign, to=120), snapshot=snapshot)
    assert budget_change(a_scale_up(campaign, to=121), snapshot=snapshot).allowed == usd(120)


@pytest.mark.parametrize(("days_left", "is_allowed"), [("1", True), ("0.9999", False)])
def test_a_lifetime_budget_is_not_raised_in_its_last_24_hours(
    days_left: str, is_allowed: bool
) -> None:
    campaign = a_campaign(budget=lifetime(3000, remaining=100, days_left=days_left))
    snapshot = a_snapshot(campaign, an_adset())

    assert bool(budget_change(a_scale_up(campaign, to=110), snapshot=snapshot)) is is_allowed
    assert budget_change(a_scale_down(campaign, to=95), snapshot=snapshot)


def test_a_lifetime_budget_without_an_end_has_no_daily_equivalent() -> None:
    endless = Budget(BudgetKind.LIFETIME, usd(3000), usd(1000), None)
    campaign = a_campaign(budget=endless)
    leg = BudgetLeg(entity=campaign, current=usd(100), proposed=usd(110))
    action = Action(type=ActionType.SCALE_UP, entity=campaign, legs=(leg,))

    assert not budget_change(action, snapshot=a_snapshot(campaign, an_adset()))


def siblings(*budgets: object) -> list[Any]:
    return [
        an_adset(f"s{number}", budget=budget)  # type: ignore[arg-type]
        for number, budget in enumerate(budgets or (100, 100, 100), start=1)
    ]


def of_siblings(*adsets: Any, **changes: Any) -> Any:
    performance: Mapping[str, Any] = {"s1": a_day(roas=1), "s2": a_day(roas=2)}
    return a_snapshot(a_campaign(budget=None), *adsets, performance=performance, **changes)


@pytest.mark.parametrize(
    ("donor", "receiver", "amount", "movable"),
    [
        (100, 200, 20, None),
        (100, 200, 21, 20),
        (200, 100, 20, None),
        (200, 100, 21, 20),
        (200, 100, 50, 20),
    ],
)
def test_a_reallocation_stays_inside_the_step_of_both_sides(
    donor: int, receiver: int, amount: int, movable: int | None
) -> None:
    adsets = siblings(donor, receiver, 100)
    action = a_reallocation(adsets[0], adsets[1], amount)

    verdict = budget_change(action, snapshot=of_siblings(*adsets))

    assert bool(verdict) is (movable is None)
    assert verdict.allowed == (None if movable is None else usd(movable))


def test_a_reallocation_from_a_budget_of_zero_has_no_size_at_which_it_passes() -> None:
    adsets = siblings(100, 0, 100)
    legs = (a_leg(adsets[0], 90), a_leg(adsets[1], 10))
    action = Action(type=ActionType.REALLOCATE, entity=adsets[0], legs=legs)

    verdict = budget_change(action, snapshot=of_siblings(*adsets))

    assert not verdict
    assert verdict.allowed is None


@given(
    current=st.integers(100, 10**9),
    wanted=st.integers(0, 3 * 10**9),
    other=st.integers(100, 10**9),
    is_auto=st.booleans(),
)
def test_the_allowed_size_is_itself_allowed_and_lies_between_present_and_wanted(
    current: int, wanted: int, other: int, is_auto: bool
) -> None:
    currency = Currency("USD")
    campaign = a_campaign(budget=Budget(BudgetKind.DAILY, Money(current, currency)))
    snapshot = a_snapshot(campaign, an_adset())
    memory = {"c1": remembering(budgets_24h=(Money(other, currency),))}
    route = Route.AUTO if is_auto else Route.PERSON
    scale = a_scale_up if wanted > current else a_scale_down
    action = scale(campaign, to=Money(wanted, currency))

    verdict = budget_change(action, snapshot=snapshot, memory=memory, route=route)

    if not verdict:
        assert verdict.allowed is not None
        assert min(current, wanted) <= verdict.allowed.minor <= max(current, wanted)
        again = action.with_budget(verdict.allowed)
        retried = budget_change(again, snapshot=snapshot, memory=memory, route=route)
        assert verdict.allowed.minor == current or retried


# --- policy.campaign_budget ---------------------------------------------------------------------


def campaign_budget(action: Action, snapshot: Any = None, **case: Any) -> Verdict:
    return CAMPAIGN_BUDGET.judge(action, a_case(snapshot, **case))


@pytest.mark.parametrize(("to", "is_allowed"), [("5000.00", True), ("5000.01", False)])
def test_a_campaign_may_reach_its_cap_and_not_a_cent_more(to: str, is_allowed: bool) -> None:
    campaign = a_campaign(budget=4500)

    verdict = campaign_budget(a_scale_up(campaign, to=to), a_snapshot(campaign, an_adset()))

    assert bool(verdict) is is_allowed
    assert verdict.allowed == (None if is_allowed else usd(5000))
    assert verdict.limit == Decimal(5000)


def test_the_campaigns_total_is_the_sum_of_the_ad_sets_that_can_deliver() -> None:
    adsets = [
        an_adset("s1", budget=2000),
        an_adset("s2", budget=2000),
        an_adset("s3", budget=9000, status="PAUSED"),
        an_adset("s4", budget=9000, ends_at=NOW),
        an_adset("s5", campaign="c2", budget=9000),
    ]
    snapshot = a_snapshot(a_campaign(budget=None), a_campaign("c2", budget=None), *adsets)

    assert campaign_budget(a_scale_up(adsets[0], to=3000), snapshot)
    refused = campaign_budget(a_scale_up(adsets[0], to=3500), snapshot)
    assert refused.allowed == usd(3000)
    assert not campaign_budget(a_resume(adsets[2]), snapshot)


def test_what_was_granted_to_siblings_counts_in_the_campaigns_total() -> None:
    adsets = siblings(2000, 2000)
    snapshot = of_siblings(*adsets)
    action = a_scale_up(adsets[0], to=2400)

    assert campaign_budget(action, snapshot, granted_usd={"s2": Decimal(600)})
    refused = campaign_budget(action, snapshot, granted_usd={"s2": Decimal("600.01")})
    assert refused.allowed == usd("2399.99")
    # Its own earlier grant is replaced by this action, and another campaign's is not its business.
    mine = {"s1": Decimal(5000), "elsewhere": Decimal(5000)}
    assert campaign_budget(action, snapshot, granted_usd=mine)


def test_no_ad_set_is_raised_beside_one_that_could_not_be_understood() -> None:
    adset = an_adset("s1", budget=100)
    unread = UnreadHolder(campaign_id="c1", budget=None)
    snapshot = a_snapshot(a_campaign(budget=None), adset, unread={"s9": unread})
    refused = campaign_budget(a_scale_up(adset, to=110), snapshot)
    assert not refused
    assert "s9 could not be understood" in refused.message
    assert campaign_budget(a_scale_down(adset, to=90), snapshot)
    elsewhere = replace(snapshot, unread={"s9": replace(unread, campaign_id="c9")})
    assert campaign_budget(a_scale_up(adset, to=110), elsewhere)


def test_no_room_under_the_campaigns_cap_leaves_the_present_budget() -> None:
    campaign = a_campaign(budget=6000)

    refused = campaign_budget(a_scale_up(campaign, to=6100), a_snapshot(campaign, an_adset()))

    assert refused.allowed == usd(6000)


def test_moving_money_inside_a_campaign_over_its_cap_is_allowed() -> None:
    adsets = siblings(3000, 3000, 3000)

    assert campaign_budget(a_reallocation(adsets[0], adsets[1]), of_siblings(*adsets))


def test_the_cap_is_in_dollars_whatever_the_campaigns_currency() -> None:
    campaign = a_campaign(budget=Budget(BudgetKind.DAILY, usd(4000, "EUR")))
    snapshot = a_snapshot(campaign, an_adset(), account=an_account(currency=Currency("EUR")))

    assert campaign_budget(a_scale_up(campaign, to=4000), snapshot, rates={"EUR": "1.25"})
    refused = campaign_budget(a_scale_up(campaign, to=4100), snapshot, rates={"EUR": "1.25"})
    assert refused.allowed == usd(4000, "EUR")
    unpriced = campaign_budget(a_scale_up(campaign, to=4001), snapshot)
    assert not unpriced
    assert "META_AUTO_FX_EUR" in unpriced.message


def test_an_active_ad_set_with_an_unknown_budget_makes_the_total_unknown() -> None:
    adsets = siblings(100, None)

    verdict = campaign_budget(a_scale_up(adsets[0], to=110), of_siblings(*adsets))

    assert not verdict
    assert "unknown" in verdict.message


# --- policy.hard_stop ---------------------------------------------------------------------------


def hard_stop(action: Action, snapshot: Any = None, **case: Any) -> Verdict:
    return HARD_STOP.judge(action, a_case(snapshot, **case))


@pytest.mark.parametrize(
    ("roas", "probability", "spend", "is_halted"),
    [
        ("0.7", 0.82, 700, True),
        ("0.8999", 0.70, 100, True),
        ("0.9", 0.99, 700, False),
        ("0.7", 0.699999, 700, False),
        ("0.7", 0.82, "99.99", False),
        (None, 0.99, 0, False),
    ],
)
def test_what_is_in_hard_stop_gets_no_more_money(
    roas: str | None, probability: float, spend: object, is_halted: bool
) -> None:
    found = an_evaluation(roas=roas, prob_below=probability, spend=spend)  # type: ignore[arg-type]

    assert bool(hard_stop(a_scale_up(), evaluations=[found])) is not is_halted
    assert hard_stop(a_scale_down(), evaluations=[found])
    told = hard_stop(a_pause(), evaluations=[found])
    assert told
    assert ("must halt" in told.message) is is_halted


@pytest.mark.parametrize(
    ("probability", "spend", "word"),
    [
        ("0.8", "500", True),
        ("0.6", "500", False),
        ("0.8", "50", False),
        (None, "500", None),
        ("0.8", None, None),
        (None, "50", False),
        ("0.6", None, False),
    ],
)
def test_what_is_unknown_is_not_called_a_hard_stop_unless_another_number_settles_it(
    probability: str | None, spend: str | None, word: bool | None
) -> None:
    prob = None if probability is None else Decimal(probability)
    spent = None if spend is None else Decimal(spend)

    assert must_halt(Decimal("0.5"), prob, spent, Limits()) is word


def test_an_unknown_probability_is_told_only_where_it_matters() -> None:
    above = hard_stop(a_scale_up(), evaluations=[an_evaluation(roas="0.9")])
    below = hard_stop(a_scale_up(), evaluations=[an_evaluation(roas="0.89")])

    assert "unknown" not in above.message
    assert "with an unknown probability" in below.message


def test_a_hard_stop_of_a_parent_binds_what_is_under_it() -> None:
    adset = an_adset(budget=100)
    snapshot = a_snapshot(a_campaign(budget=None), adset, an_ad())
    bad = an_evaluation("c1", roas="0.5", prob_below=0.9)

    refused = hard_stop(a_scale_up(adset, to=110), snapshot, evaluations=[bad])

    assert not refused
    assert "campaign 'name of c1' (c1), above the ad set" in refused.message
    paused = an_ad(status="PAUSED")
    assert not hard_stop(
        a_resume(paused), a_snapshot(a_campaign(), an_adset(), paused), evaluations=[bad]
    )


def test_an_unknown_hard_stop_is_not_a_no() -> None:
    low = a_snapshot(performance={"a1": a_day(roas="0.5")})

    refused = hard_stop(a_scale_up(), low)

    assert not refused
    assert "unknown" in refused.message
    unpriced = an_evaluation(roas="0.5", prob_below=0.9, spend=None)
    assert not hard_stop(a_scale_up(), evaluations=[unpriced])


def test_a_reallocation_may_take_from_a_hard_stop_and_not_give_to_it() -> None:
    adsets = siblings()
    snapshot = of_siblings(*adsets)

    def move(halted: str) -> Verdict:
        found = an_evaluation(halted, roas="0.5", prob_below=0.9)
        return hard_stop(a_reallocation(adsets[0], adsets[1]), snapshot, evaluations=[found])

    assert move("s1")
    assert not move("s2")


def test_an_undo_is_only_warned_of_a_hard_stop() -> None:
    bad = an_evaluation(roas="0.5", prob_below=0.9)

    verdict = hard_stop(a_scale_up(), evaluations=[bad], route=Route.UNDO)

    assert verdict
    assert verdict.ruling is Ruling.WARN


# --- policy.creative_approval -------------------------------------------------------------------


def creative_approval(action: Action, snapshot: Any = None, **case: Any) -> Verdict:
    return CREATIVE_APPROVAL.judge(action, a_case(snapshot, **case))


def approving(*creatives: str, **changes: Any) -> Memory:
    return a_memory(a_snapshot(), approved_creatives=frozenset(creatives), **changes)


@pytest.mark.parametrize("action", [a_scale_up(), a_resume()])
def test_more_money_needs_a_persons_approval_of_every_creative_that_delivers(
    action: Action,
) -> None:
    snapshot = a_snapshot(a_campaign(), an_adset(), an_ad(), an_ad("a2", creative="cr2"))

    assert creative_approval(action, snapshot, memory=approving("cr1", "cr2"))
    refused = creative_approval(action, snapshot, memory=approving("cr1"))
    assert not refused
    assert "creative cr2" in refused.message
    assert "creatives approve" in refused.message


def test_a_rejected_creative_is_not_approved_whatever_it_was_before() -> None:
    memory = approving("cr1", rejected_creatives=frozenset({"cr1"}))

    assert not creative_approval(a_scale_up(), memory=memory)


@pytest.mark.parametrize(
    "ads",
    [
        (an_ad("a2", creative="new", status="PAUSED"),),
        (an_ad("a2", adset="s2", creative="new"),),
    ],
)
def test_the_creative_of_an_ad_that_can_not_deliver_does_not_matter(ads: tuple[Any, ...]) -> None:
    snapshot = a_snapshot(a_campaign(), an_adset(), an_adset("s2", status="PAUSED"), an_ad(), *ads)

    assert creative_approval(a_scale_up(), snapshot, memory=approving("cr1"))


def test_an_ad_whose_creative_is_unknown_is_not_approved() -> None:
    snapshot = a_snapshot(a_campaign(), an_adset(), an_ad(creative=None))

    refused = creative_approval(a_scale_up(), snapshot)

    assert not refused
    assert "creative unknown" in refused.message


def test_approval_can_be_switched_off_and_the_embargo_stays() -> None:
    limits = Limits(require_human_approval_creatives=False)
    ad = an_ad(status="PAUSED")
    snapshot = a_snapshot(a_campaign(), an_adset(), ad)

    assert creative_approval(a_scale_up(), memory=approving(), limits=limits)
    changed = {"a1": remembering(creative_changed_at=NOW - timedelta(hours=1))}
    assert not creative_approval(a_resume(ad), snapshot, memory=changed, limits=limits)


@pytest.mark.parametrize(("hours", "is_allowed"), [("48", True), ("47.99", False)])
def test_a_changed_creative_binds_its_ad_for_48_hours_and_not_the_parents(
    hours: str, is_allowed: bool
) -> None:
    changed_at = NOW - timedelta(hours=float(hours))
    ad = an_ad(status="PAUSED")
    snapshot = a_snapshot(a_campaign(), an_adset(), ad)
    memory = {"a1": remembering(creative_changed_at=changed_at)}

    verdict = creative_approval(a_resume(ad), snapshot, memory=memory)

    assert bool(verdict) is is_allowed
    if not is_allowed:
        assert verdict.eligible_at == changed_at + timedelta(hours=48)
    assert creative_approval(a_scale_up(), memory=memory)


# --- policy.roas_floor --------------------------------------------------------------------------


def roas_floor(action: Action, snapshot: Any = None, **case: Any) -> Verdict:
    return ROAS_FLOOR.judge(action, a_case(snapshot, **case))


@pytest.mark.parametrize(
    ("claimed", "measured", "is_allowed"),
    [
        ("2.0", "2.0", True),
        ("3", "1.9999", False),
        ("1.9999", "3", False),
        (None, "2.0", True),
        (None, None, False),
    ],
)
def test_a_scale_up_needs_a_roas_of_2(
    claimed: str | None, measured: str | None, is_allowed: bool
) -> None:
    roas = None if claimed is None else Decimal(claimed)
    found = an_evaluation(roas=measured)

    assert bool(roas_floor(a_scale_up(roas=roas), evaluations=[found])) is is_allowed


@pytest.mark.parametrize(
    ("claimed", "measured", "is_allowed"),
    [
        ("1.5", "1.5", True),
        ("1.2", "1.5001", False),
        ("1.5001", "1.2", False),
        (None, None, False),
    ],
)
def test_a_scale_down_needs_a_roas_of_at_most_1_5(
    claimed: str | None, measured: str | None, is_allowed: bool
) -> None:
    roas = None if claimed is None else Decimal(claimed)
    found = an_evaluation(roas=measured)

    assert bool(roas_floor(a_scale_down(roas=roas), evaluations=[found])) is is_allowed


@pytest.mark.parametrize(
    ("worse", "better", "is_allowed"),
    [
        ("1", "1.5", True),
        ("1", "1.4999", False),
        ("0", "2", True),
        ("0", "0", False),
        (None, "2", False),
        ("1", None, False),
        ("-1", "2", False),
    ],
)
def test_a_reallocation_needs_a_best_that_is_1_5_times_the_worst(
    worse: str | None, better: str | None, is_allowed: bool
) -> None:
    adsets = siblings()
    found = [an_evaluation("s1", roas=worse), an_evaluation("s2", roas=better)]

    verdict = roas_floor(
        a_reallocation(adsets[0], adsets[1]), of_siblings(*adsets), evaluations=found
    )

    assert bool(verdict) is is_allowed


@pytest.mark.parametrize(
    "third",
    [
        an_adset("s3", budget=100, status="PAUSED"),
        an_adset("s3", budget=None),
        an_adset("s3", budget=100, ends_at=NOW),
        an_adset("s3", campaign="c2", budget=100),
    ],
)
def test_a_reallocation_needs_three_siblings_with_budgets_of_their_own(third: Entity) -> None:
    adsets = siblings(100, 100)

    verdict = roas_floor(a_reallocation(adsets[0], adsets[1]), of_siblings(*adsets, third))

    assert not verdict
    assert verdict.observed == 2


def test_money_is_not_moved_between_campaigns() -> None:
    mine, theirs = an_adset("s1", budget=100), an_adset("s2", campaign="c2", budget=100)
    snapshot = a_snapshot(a_campaign(budget=None), a_campaign("c2", budget=None), mine, theirs)

    assert not roas_floor(a_reallocation(mine, theirs), snapshot)


def test_a_resume_is_refused_in_hard_stop_as_seen_in_the_window_of_its_pause() -> None:
    paused = a_campaign(status="PAUSED")
    paused_on = NOW.date() - timedelta(days=10)
    record = {"c1": remembering(paused_on=paused_on)}
    since = [paused_on - timedelta(days=age) for age in range(1, 8)]
    good = a_snapshot(paused, performance={"c1": dict.fromkeys(since, a_day(roas=2))})
    bad = a_snapshot(paused, performance={"c1": dict.fromkeys(since, a_day(roas="0.5"))})

    assert roas_floor(a_resume(paused), good, memory=record)
    assert not roas_floor(a_resume(paused), bad, memory=record)
    assert roas_floor(a_resume(paused), bad, memory=record, route=Route.UNDO)


# --- the engine for scripts ---------------------------------------------------------------------

ENGINE = PolicyEngine(Limits(), clock=lambda: NOW)


@pytest.mark.parametrize(
    ("current", "new", "is_auto", "is_allowed"),
    [
        (500, 600, False, True),
        (500, 600.01, False, False),
        (500.0, 550.0, True, True),
        (500.0, 550.01, True, False),
        (0.1, 0.12, False, True),  # as floats 0.12 would be more than 20 % up
        ("500", Decimal(400), False, True),
        (500, 399, False, False),
        (500, 0, True, True),
        (500, -1, False, False),
        (0, 10, False, False),
        (-5, 10, False, False),
        (None, 10, False, False),
        (500, float("nan"), False, False),
        (500, float("inf"), False, False),
        (500, True, False, False),
        (500, "much", False, False),
        (500, 600, "no", False),
    ],
)
def test_can_scale_budget(current: object, new: object, is_auto: Any, is_allowed: bool) -> None:
    verdict = ENGINE.can_scale_budget(current, new, is_auto)

    assert bool(verdict) is is_allowed
    assert verdict.rule == "policy.budget_change"
    assert verdict.reason


@pytest.mark.parametrize(
    ("roas", "confidence", "spend", "halts"),
    [
        (0.7, 0.82, None, True),
        (0.7, 0.82, 100, True),
        (0.7, 0.82, 99, False),
        (0.9, 0.99, 500, False),
        (0.7, 0.7, 500, True),
        (0.7, 1.0, 500, True),
        (0.7, 0.0, 500, False),
        (0.7, 0.69, 500, False),
        (0.7, 1.5, 500, False),
        (None, 0.8, 500, False),
        (float("nan"), 0.8, 500, False),
    ],
)
def test_must_halt(roas: object, confidence: object, spend: object, halts: bool) -> None:
    verdict = ENGINE.must_halt(roas, confidence, spend)

    assert bool(verdict) is halts
    assert verdict.reason.startswith("HARD STOP") is halts


def test_an_answer_tells_what_was_measured_and_odd_input_is_named() -> None:
    assert ENGINE.can_scale_budget(500, 600).observed == Decimal("0.2")
    assert "zero or unknown" in ENGINE.can_scale_budget(0, 10).reason
    assert "No hard stop" in ENGINE.must_halt(0.7, 0, 500).reason
    assert "the new budget is None" in ENGINE.can_scale_budget(500, None).reason


@pytest.mark.parametrize(
    ("distribution", "countries", "is_allowed"),
    [
        ({"ES": 0.35, "FR": 0.65}, ["ES", "FR"], True),
        ({"ES": 0.3499, "FR": 0.6501}, ["ES", "FR"], False),
        ({"ES": 0.30, "FR": 0.70}, ["ES", "FR"], False),
        ({"ES": 0.70, "FR": 0.30}, ["ES", "FR"], True),
        ({"ES": 0.71, "FR": 0.29}, ["ES", "FR"], False),
        ({"ES": 1.0}, ["ES"], True),
        ({"FR": 1.0}, ["FR"], False),
        ({"FR": 0.7, "PT": 0.3}, ["FR", "PT"], True),
        ({"FR": 0.6, "PT": 0.4}, ["ES", "FR", "PT"], False),  # Spain is included, and gets nothing
        ({"ES": 0.4, "FR": 0.599}, ["ES", "FR"], True),
        ({"ES": 0.4, "FR": 0.601}, ["ES", "FR"], True),
        ({"ES": 0.4, "FR": 0.5989}, ["ES", "FR"], False),
        ({"ES": 0.4, "FR": 0.6011}, ["ES", "FR"], False),
        ({"Spain": 0.4, "fr": 0.6}, ["es", "FR"], True),
        ({"Spain": 0.3, "fr": 0.7}, "ES", False),
        ({"ES": 0.4, "France": 0.6}, ["ES"], False),
        ({"ES": 1.4, "FR": -0.4}, ["ES", "FR"], False),
        ({"ES": "half", "FR": 0.5}, ["ES", "FR"], False),
        ({}, [], False),
        (None, ["ES"], False),
        ({"ES": 1.0}, None, False),
    ],
)
def test_validate_geo_distribution(distribution: Any, countries: Any, is_allowed: bool) -> None:
    assert bool(ENGINE.validate_geo_distribution(distribution, countries)) is is_allowed


@pytest.mark.parametrize(
    ("metadata", "last_change", "is_allowed"),
    [
        ({"is_human_approved": True}, None, True),
        ({"is_human_approved": True}, NOW - timedelta(hours=48), True),
        ({"is_human_approved": True}, "2026-03-09T12:00:00+00:00", True),
        ({"is_human_approved": True}, NOW - timedelta(hours=47, minutes=59), False),
        ({"is_human_approved": False}, None, False),
        ({"is_human_approved": "yes"}, None, False),
        ({}, None, False),
        ({"is_human_approved": True}, datetime(2026, 1, 1), False),
        ({"is_human_approved": True}, "yesterday", False),
        ({"is_human_approved": True}, 5, False),
        (None, None, False),
    ],
)
def test_can_change_creative(metadata: Any, last_change: object, is_allowed: bool) -> None:
    assert bool(ENGINE.can_change_creative(metadata, last_change)) is is_allowed


PLAN = {
    "daily_budget_usd": 500,
    "pixel_id": "123",
    "countries": ["ES", "FR"],
    "distribution": {"ES": 0.4, "FR": 0.6},
    "creatives": [{"creative_id": "cr1", "is_human_approved": True}],
}


@pytest.mark.parametrize(
    ("changes", "is_allowed"),
    [
        ({}, True),
        ({"daily_budget_usd": 5000}, True),
        ({"daily_budget_usd": 5000.01}, False),
        ({"daily_budget_usd": 0}, False),
        ({"daily_budget_usd": None}, False),
        ({"pixel_id": ""}, False),
        ({"pixel_id": None}, False),
        ({"pixel_id": True}, False),
        ({"countries": []}, False),  # a distribution of what is not targeted
        ({"countries": [], "distribution": {}}, False),
        ({"countries": ["ES"], "distribution": None}, True),
        ({"countries": ["FR"], "distribution": {"FR": 1}}, True),
        ({"distribution": {}}, False),
        ({"distribution": {"ES": 0.3, "FR": 0.7}}, False),
        ({"creatives": []}, True),
        ({"creatives": [{"creative_id": "cr1", "is_human_approved": False}]}, False),
    ],
)
def test_can_create_campaign(changes: dict[str, Any], is_allowed: bool) -> None:
    assert bool(ENGINE.can_create_campaign(PLAN | changes)) is is_allowed


@pytest.mark.parametrize("key", ["daily_budget_usd", "pixel_id", "countries"])
def test_a_planned_campaign_without_what_it_needs_is_refused(key: str) -> None:
    plan = {name: value for name, value in PLAN.items() if name != key}

    assert not ENGINE.can_create_campaign(plan)


def test_a_planned_campaign_with_creatives_of_unknown_approval_is_warned() -> None:
    verdict = ENGINE.can_create_campaign(PLAN | {"creatives": ["cr9"]})

    assert verdict
    assert verdict.ruling is Ruling.WARN
    assert "cr9" in verdict.reason
    off = PolicyEngine(Limits(require_human_approval_creatives=False))
    assert off.can_create_campaign(PLAN | {"creatives": ["cr9"]}).ruling is Ruling.PASS


SCALE = {"current_budget": 500, "new_budget": 600}
GOOD = {"roas": 3.2, "confidence": 0.85, "spend": 450}


@pytest.mark.parametrize(
    ("action_type", "data", "context", "is_allowed"),
    [
        ("scale_up", SCALE, GOOD, True),
        ("scale_up", SCALE, GOOD | {"is_auto": True}, False),
        ("scale_up", SCALE, GOOD | {"mode": "auto"}, False),
        ("scale_up", SCALE | {"new_budget": 550}, GOOD | {"mode": "auto"}, True),
        ("scale_up", {"current_budget": 500, "amount_pct": 0.2}, GOOD, True),
        ("scale_up", {"current_budget": 500, "amount_pct": 0.5}, GOOD, False),
        ("scale_up", SCALE, GOOD | {"roas": 1.99}, False),
        ("scale_up", SCALE, GOOD | {"roas": 0.7}, False),
        ("scale_up", SCALE | {"new_budget": 450}, GOOD, False),
        ("scale_up", {"current_budget": 4500, "new_budget": 5000}, GOOD, True),
        ("scale_up", {"current_budget": 4500, "new_budget": 5001}, GOOD, False),
        ("scale_up", SCALE, GOOD | {"campaign_budget": 4901}, False),
        ("scale_up", SCALE, {}, False),
        ("scale_up", {}, GOOD, False),
        (
            "scale_up",
            SCALE | {"distribution": {"ES": 0.3, "FR": 0.7}, "countries": ["ES", "FR"]},
            GOOD,
            False,
        ),
        ("scale_up", SCALE | {"creative": {"is_human_approved": False}}, GOOD, False),
        ("scale_up", SCALE | {"creative": {"is_human_approved": True}}, GOOD, True),
        ("scale_down", SCALE | {"new_budget": 400}, {"roas": 1.2}, True),
        ("scale_down", SCALE | {"new_budget": 399}, {"roas": 1.2}, False),
        ("scale_down", {"current_budget": 500, "amount_pct": -0.1}, {"roas": 1.2}, True),
        ("scale_down", SCALE | {"new_budget": 400}, {"roas": 1.6}, False),
        ("scale_down", SCALE | {"new_budget": 500}, {"roas": 1.2}, False),
        ("scale_up", SCALE | {"new_budget": 500}, GOOD, False),
        ("scale_down", SCALE, {"roas": 1.2}, False),
        ("reallocate", {"siblings": 3, "ratio": 1.5}, {}, True),
        ("reallocate", {"siblings": 2, "ratio": 1.5}, {}, False),
        ("reallocate", {"siblings": 3, "ratio": 1.4}, {}, False),
        ("reallocate", {"siblings": 3}, {}, False),
        ("reallocate", {"siblings": 3, "ratio": 2}, {"roas": 0.5, "confidence": 0.9}, False),
        ("resume", {}, {"roas": 1.6, "confidence": 0.8}, True),
        ("resume", {}, {"roas": 0.7, "confidence": 0.82, "spend": 500}, False),
        ("resume", {}, {"roas": 0.7, "confidence": 0.6, "spend": 500}, True),
        ("resume", {}, {"roas": 0.7, "confidence": 0.82, "spend": 50}, True),
        ("resume", {}, {"roas": 0.7}, False),
        ("resume", {}, {}, False),
        ("pause", {}, {"roas": 0.7, "confidence": 0.82}, True),
        ("pause", {}, {"roas": 5, "confidence": 0.82}, True),
        ("pause", {}, {}, True),
        ("delete", {}, GOOD, False),
        (None, {}, GOOD, False),
    ],
)
def test_validate_action(
    action_type: Any, data: dict[str, Any], context: dict[str, Any], is_allowed: bool
) -> None:
    assert bool(ENGINE.validate_action(action_type, data, context)) is is_allowed


def test_a_pause_says_whether_it_is_a_hard_stop() -> None:
    verdict = ENGINE.validate_action("pause", {}, {"roas": 0.7, "confidence": 0.82, "spend": 500})

    assert "HARD STOP" in verdict.reason


# --- settings -----------------------------------------------------------------------------------


def test_limits_are_read_from_any_object_that_has_their_names() -> None:
    settings = SimpleNamespace(
        MAX_DAILY_CHANGE_PCT=0.15,
        hard_stop_roas="1.0",
        min_impressions=500,
        lookback_days=14.0,
        require_human_approval_creatives=False,
        auto_action_types=["pause"],
        profit_margin=0.6,
        unrelated=object(),
    )

    limits = limits_of(settings)

    assert limits == Limits(
        max_daily_change_pct=Decimal("0.15"),
        hard_stop_roas=Decimal("1.0"),
        min_impressions=Decimal(500),
        lookback_days=14,
        require_human_approval_creatives=False,
        auto_action_types=frozenset({ActionType.PAUSE}),
        profit_margin=Decimal("0.6"),
    )
    assert limits_of(SimpleNamespace(profit_margin=None)) == Limits()
    assert limits_of(limits) is limits


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_daily_change_pct": None},
        {"max_daily_change_pct": "a lot"},
        {"max_daily_change_pct": float("nan")},
        {"require_human_approval_creatives": "false"},
        {"auto_action_types": "pause"},
        {"auto_action_types": 3},
        {"auto_action_types": ["destroy"]},
    ],
)
def test_impossible_settings_are_an_error(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        PolicyEngine(SimpleNamespace(**wrong))


def test_an_engine_without_a_clock_takes_the_systems() -> None:
    engine = PolicyEngine(Limits())

    assert engine.can_change_creative({"is_human_approved": True}, NOW - timedelta(days=3))


# --- strictness ---------------------------------------------------------------------------------


@given(
    current=st.integers(1, 10_000),
    new=st.integers(0, 20_000),
    strict=st.integers(0, 100),
    loose=st.integers(0, 100),
    is_auto=st.booleans(),
)
def test_a_stricter_step_never_lets_more_through(
    current: int, new: int, strict: int, loose: int, is_auto: bool
) -> None:
    strict, loose = sorted((strict, loose))

    def may(most: int) -> bool:
        limits = Limits(
            max_daily_change_pct=Decimal(most) / 100, max_auto_change_pct=Decimal(most) / 100
        )
        return bool(PolicyEngine(limits).can_scale_budget(current, new, is_auto))

    assert may(loose) or not may(strict)


@given(
    shares=st.lists(st.integers(1, 100), min_size=1, max_size=5),
    spain=st.tuples(st.integers(0, 100), st.integers(0, 100)),
    single=st.tuples(st.integers(0, 100), st.integers(0, 100)),
)
def test_stricter_country_limits_never_let_more_through(
    shares: list[int], spain: tuple[int, int], single: tuple[int, int]
) -> None:
    codes = ["ES", "FR", "PT", "IT", "DE"][: len(shares)]
    whole = sum(shares)
    distribution = {
        code: Decimal(share) / whole for code, share in zip(codes, shares, strict=True)
    }

    def may(min_spain: int, max_single: int) -> bool:
        limits = Limits(
            min_spain_percentage=Decimal(min_spain) / 100,
            max_single_country_pct=Decimal(max_single) / 100,
        )
        return bool(PolicyEngine(limits).validate_geo_distribution(distribution, codes))

    assert may(min(spain), max(single)) or not may(max(spain), min(single))
