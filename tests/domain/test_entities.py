"""Ad account, campaign, ad set and ad, and the budgets they hold."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meta_autonomous.domain.entities import Budget, BudgetKind, Entity, Level, days_by_level
from meta_autonomous.domain.performance import NOTHING
from meta_autonomous.domain.quantities import Money
from tests.builders import (
    NOW,
    TODAY,
    USD,
    a_campaign,
    a_day,
    a_snapshot,
    an_account,
    an_ad,
    an_adset,
    daily,
    lifetime,
    usd,
)


def for_life(total: int, remaining: int, seconds_left: int) -> Budget:
    """A lifetime budget in cents."""
    ends_at = NOW + timedelta(seconds=seconds_left)
    return Budget(BudgetKind.LIFETIME, Money(total, USD), Money(remaining, USD), ends_at)


# --- budgets ------------------------------------------------------------------------------------


def test_a_daily_budget_is_its_own_budget_per_day():
    assert daily(50).daily(NOW) == usd(50)
    assert daily(50).amount_for(usd(60), NOW) == usd(60)
    assert daily(50).days_left(NOW) is None


def test_a_lifetime_budget_per_day_is_what_is_left_by_the_days_left():
    budget = lifetime(700, remaining=300, days_left=3)
    assert budget.days_left(NOW) == 3
    assert budget.daily(NOW) == usd(100)
    assert budget.amount_for(usd(110), NOW) == usd(730)  # 400 spent and 3 x 110


def test_days_left_are_counted_to_the_second():
    assert for_life(100, 100, 43_200).days_left(NOW) == Decimal("0.5")
    assert for_life(100, 100, 43_200).daily(NOW) == Money(200, USD)


def test_thirds_of_a_day_lose_no_cent():
    assert for_life(200, 200, 57_600).daily(NOW) == Money(300, USD)


@pytest.mark.parametrize(
    "budget",
    [
        for_life(100, 100, 0),
        for_life(100, 100, -60),
        Budget(BudgetKind.LIFETIME, usd(1), usd(1), NOW + timedelta(milliseconds=5)),
        Budget(BudgetKind.LIFETIME, usd(1), usd(1), None),
        Budget(BudgetKind.LIFETIME, usd(1), None, NOW + timedelta(days=1)),
    ],
)
def test_without_an_end_a_rest_or_time_left_a_lifetime_budget_tells_nothing(budget):
    assert budget.daily(NOW) is None
    assert budget.amount_for(usd(1), NOW) is None


@given(
    remaining=st.integers(1, 10**9),
    spent=st.integers(0, 10**9),
    seconds=st.integers(60, 90 * 86_400),
    wanted=st.integers(1, 10**8),
)
def test_a_lifetime_amount_is_rounded_towards_the_present_one(remaining, spent, seconds, wanted):
    budget = for_life(remaining + spent, remaining, seconds)
    amount = budget.amount_for(Money(wanted, USD), NOW)
    assert amount is not None
    exact = spent + Decimal(wanted) * seconds / 86_400
    assert abs(amount.minor - exact) < 1
    if exact >= budget.amount.minor:
        assert budget.amount.minor <= amount.minor <= exact
    else:
        assert exact <= amount.minor <= budget.amount.minor


# --- entities -----------------------------------------------------------------------------------


def test_each_level_knows_its_place():
    campaign, adset, ad = a_campaign(), an_adset(), an_ad()
    assert [one.level for one in (campaign, adset, ad)] == list(Level)
    assert {one.campaign_id for one in (campaign, adset, ad)} == {"c1"}
    assert [one.parent_id for one in (campaign, adset, ad)] == [None, "c1", "s1"]


@pytest.mark.parametrize("place", ["level", "campaign_id", "parent_id"])
def test_a_bare_entity_has_no_place(place):
    bare = Entity(id="1", name="", account_id="1", status="", effective_status="", created_at=None)
    with pytest.raises(TypeError, match="Campaign, an AdSet or an Ad"):
        getattr(bare, place)


@pytest.mark.parametrize(
    ("status", "is_active"),
    [("ACTIVE", True), ("WITH_ISSUES", True), ("PAUSED", False), ("NEW_WORD", False)],
)
def test_only_known_words_mean_that_it_can_deliver(status, is_active):
    assert an_ad(effective_status=status).is_active is is_active


@pytest.mark.parametrize(
    ("learning", "is_learning"),
    [("LEARNING", True), ("SUCCESS", False), ("FAIL", False), (None, False)],
)
def test_absent_or_failed_learning_is_not_learning(learning, is_learning):
    assert an_adset(learning=learning).is_learning is is_learning


def test_an_account_has_days_of_its_own():
    account = an_account()  # in Madrid
    assert account.day_of(datetime(2026, 3, 10, 22, 59, tzinfo=UTC)) == date(2026, 3, 10)
    assert account.day_of(datetime(2026, 3, 10, 23, 0, tzinfo=UTC)) == date(2026, 3, 11)


@pytest.mark.parametrize(
    ("status", "can"), [(1, True), (8, True), (9, True), (2, False), (7, False)]
)
def test_ads_run_in_few_account_states(status, can):
    assert an_account(status=status).can_deliver is can


# --- a read -------------------------------------------------------------------------------------


def test_a_read_finds_entities_children_and_parents():
    other = an_ad("a2", adset="s2")
    read = a_snapshot(a_campaign(), an_adset(), an_adset("s2"), an_ad(), other)
    assert [one.id for one in read.entities()] == ["c1", "s1", "s2", "a1", "a2"]
    assert read.entity("s2") == an_adset("s2")
    assert read.entity("a2") == other
    assert read.entity("c1") == a_campaign()
    assert read.entity("nobody") is None
    assert [one.id for one in read.adsets_of("c1")] == ["s1", "s2"]
    assert [one.id for one in read.ads_of("s2")] == ["a2"]
    assert read.adsets_of("nobody") == ()
    assert [one.id for one in read.parents_of(other)] == ["s2", "c1"]
    assert [one.id for one in read.ads_under(a_campaign())] == ["a1", "a2"]
    assert [one.id for one in read.ads_under(an_adset("s2"))] == ["a2"]
    assert read.ads_under(other) == (other,)


def test_the_chain_of_parents_ends_where_the_read_does():
    read = a_snapshot(an_ad(adset="gone"))
    assert read.parents_of(an_ad(adset="gone")) == ()


def test_who_holds_the_budget_is_found_upwards():
    on_campaign = a_snapshot()
    assert on_campaign.budget_holder(an_ad()) == a_campaign()
    adset = an_adset(budget=10)
    on_adset = a_snapshot(a_campaign(budget=None), adset, an_ad())
    assert on_adset.budget_holder(an_ad()) == adset
    assert on_adset.budget_holder(adset) == adset
    assert on_adset.budget_holder(a_campaign(budget=None)) is None


def test_a_read_knows_today_and_what_was_spent_on_it():
    read = a_snapshot(performance={"a1": {TODAY: a_day(7)}})
    assert read.today == TODAY
    assert read.spent_today(an_ad()) == a_day(7)
    assert read.spent_today(an_ad("a9")) == NOTHING
    assert read.days_of(an_ad("a9")) == {}


# --- rows ---------------------------------------------------------------------------------------

PARENTS = {"a1": ("s1", "c1"), "a2": ("s1", "c1"), "gone": ("s9", "c1")}


def test_rows_of_ads_add_up_to_their_ad_sets_and_campaigns():
    day, other = TODAY, TODAY - timedelta(days=1)
    found = days_by_level(
        {"a1": {day: a_day(10)}, "a2": {day: a_day(5), other: a_day(1)}, "gone": {day: a_day(2)}},
        PARENTS,
    )
    assert {key: dict(days) for key, days in found[Level.ADSET].items()} == {
        "s1": {day: a_day(10).plus(a_day(5)), other: a_day(1)},
        "s9": {day: a_day(2)},
    }
    assert found[Level.CAMPAIGN]["c1"][day].spend_micros == 17_000_000


def test_a_read_of_the_last_days_is_completed_by_an_earlier_one():
    recent, early = TODAY - timedelta(days=2), TODAY - timedelta(days=20)
    rows = {"a1": {recent: a_day(10)}, "a2": {recent: a_day(3)}}
    read = replace(
        a_snapshot(),
        first_day=TODAY - timedelta(days=9),
        days=days_by_level(rows, PARENTS),
        ad_parents={"a1": PARENTS["a1"], "a2": PARENTS["a2"]},
    )
    first_day = TODAY - timedelta(days=28)
    earlier = {"a1": {early: a_day(7)}, "gone": {early: a_day(2)}}
    whole = read.with_days_before(first_day, earlier, PARENTS)
    assert whole.first_day == first_day
    assert whole.days[Level.AD] == {
        "a1": {early: a_day(7), recent: a_day(10)},
        "gone": {early: a_day(2)},
        "a2": {recent: a_day(3)},
    }
    assert whole.days[Level.CAMPAIGN]["c1"][early].spend_micros == 9_000_000
    assert whole.ad_parents == PARENTS
