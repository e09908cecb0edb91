"""The day's money over all accounts, and the cap on it."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meta_autonomous.decision.context import HolderSpend, Memory, Situation, Totals
from meta_autonomous.decision.limits import Limits, Override, PolicyBook
from meta_autonomous.decision.safety import DAILY_SPEND
from meta_autonomous.decision.safety_spend import (
    UnreadAccount,
    account_spend,
    daily_spend_totals,
    extra_usd,
)
from meta_autonomous.domain.action import Action
from meta_autonomous.domain.entities import (
    AccountSnapshot,
    Budget,
    BudgetKind,
    Level,
    UnreadHolder,
)
from meta_autonomous.domain.performance import DayFacts
from meta_autonomous.domain.quantities import Currency, micros
from meta_autonomous.domain.verdict import Verdict
from tests.builders import (
    NOW,
    TODAY,
    a_campaign,
    a_case,
    a_day,
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
    daily,
    days_like,
    lifetime,
    usd,
)

EUR = Currency("EUR")


def spending(**today: object) -> dict[str, Any]:
    """Entities' days with so many dollars spent so far today."""
    return {key: days_like(today=a_day(amount)) for key, amount in today.items()}  # type: ignore[arg-type]


def totals_of(*situations: Situation, **changes: Any) -> Totals:
    book = changes.pop("book", PolicyBook())
    return daily_spend_totals(situations, book=book, now=NOW, **changes)


# --- totals -------------------------------------------------------------------------------------


def test_the_projected_day_takes_the_larger_of_budget_and_spend_of_what_can_deliver() -> None:
    snapshot = a_snapshot(
        a_campaign("c1", budget=500),
        a_campaign("c2", budget=100),
        performance=spending(c1=200, c2=130),
    )

    totals = totals_of(a_situation(snapshot))

    assert totals.spent_usd == 330
    assert totals.projected_usd == 630
    assert totals.holders["c1"] == HolderSpend(
        budget_usd=Decimal(500), spent_usd=Decimal(200), counts=True
    )


@pytest.mark.parametrize(
    "idle",
    [
        a_campaign("c2", budget=900, status="PAUSED"),
        a_campaign("c2", budget=900, status="ARCHIVED"),
        a_campaign("c2", budget=900, stops_at=NOW),
        a_campaign("c2", budget=Budget(BudgetKind.LIFETIME, usd(900), usd(900), NOW)),
    ],
)
def test_of_what_is_not_active_any_more_only_todays_spend_counts(idle: Any) -> None:
    snapshot = a_snapshot(a_campaign("c1"), idle, performance=spending(c1=200, c2=130, gone=70))

    totals = totals_of(a_situation(snapshot))

    assert totals.spent_usd == 400
    assert totals.projected_usd == 500 + 130 + 70
    assert not totals.holders["c2"].counts


def test_ad_sets_count_by_their_own_budgets_and_only_under_an_active_campaign() -> None:
    snapshot = a_snapshot(
        a_campaign("c1", budget=None),
        an_adset("s1", budget=100),
        an_adset("s2", budget=100, status="PAUSED"),
        an_adset("s3", budget=100, ends_at=NOW),
        a_campaign("c2", budget=None, status="PAUSED"),
        an_adset("s4", campaign="c2", budget=100),
        performance=spending(s1=60, s2=30, s3=0, s4=5),
    )

    totals = totals_of(a_situation(snapshot))

    assert totals.spent_usd == 95
    assert totals.projected_usd == 100 + 30 + 5


def test_an_account_that_can_not_deliver_only_has_spent() -> None:
    snapshot = a_snapshot(account=an_account(status=2))

    assert totals_of(a_situation(snapshot)).projected_usd == 50


def test_what_was_just_activated_counts_although_meta_still_calls_it_in_process() -> None:
    campaign = a_campaign(effective_status="IN_PROCESS")

    assert totals_of(a_situation(a_snapshot(campaign))).projected_usd == 500


def test_the_worst_case_factor_raises_the_projection_and_may_differ_by_account() -> None:
    situation = a_situation()
    everywhere = PolicyBook(limits=Limits(daily_overspend_factor=Decimal("1.75")))
    here = PolicyBook(
        overrides=(Override(values={"daily_overspend_factor": Decimal(2)}, account="1001"),)
    )

    assert totals_of(situation, book=everywhere).projected_usd == 875
    assert totals_of(situation, book=here).projected_usd == 1000


def test_lifetime_budgets_count_by_their_daily_equivalent_or_in_whole_without_an_end() -> None:
    snapshot = a_snapshot(
        a_campaign("c1", budget=lifetime(3000, remaining=1000, days_left=10)),
        a_campaign("c2", budget=Budget(BudgetKind.LIFETIME, usd(900), usd(300), None)),
        a_campaign("c3", budget=Budget(BudgetKind.LIFETIME, usd(900), None, None)),
        performance=spending(c1=0, c2=0, c3=0),
    )

    assert totals_of(a_situation(snapshot)).projected_usd == 100 + 300 + 900


def test_accounts_add_up_in_dollars_each_by_its_own_day() -> None:
    euros = a_snapshot(
        a_campaign("e1", budget=daily(100, "EUR")), account=an_account("1002", currency=EUR)
    )
    tomorrow = replace(
        a_snapshot(account=an_account("1003")), observed_at=NOW + timedelta(hours=12)
    )

    totals = totals_of(
        a_situation(),
        a_situation(euros, rates={"EUR": "1.08"}),
        a_situation(tomorrow),
    )

    assert totals.spent_usd == 50 + 54 + 0
    assert totals.projected_usd == 500 + 108 + 500


def test_an_account_without_a_rate_is_unpriced_and_the_variable_is_named() -> None:
    euros = a_snapshot(
        a_campaign("e1", budget=daily(100, "EUR")), account=an_account("1002", currency=EUR)
    )

    totals = totals_of(a_situation(), a_situation(euros))

    assert totals.spent_usd == 50
    assert totals.unpriced == ("account 1002: EUR has no rate to USD; set META_AUTO_FX_EUR",)
    assert account_spend(a_situation(euros), PolicyBook(), NOW) is None


@pytest.mark.parametrize(
    ("projected", "budgets", "worst"),
    [("400", "100", 400), ("100", "400", 700), (None, "400", 700), ("400", None, 400)],
)
def test_an_unread_account_counts_at_its_worst(
    projected: str | None, budgets: str | None, worst: int
) -> None:
    record = UnreadAccount(
        account_id="1002",
        projected_usd=None if projected is None else Decimal(projected),
        budgets_usd=None if budgets is None else Decimal(budgets),
    )

    totals = totals_of(a_situation(), unread=[record])

    assert totals.spent_usd == 50 + worst
    assert totals.projected_usd == 500 + worst
    assert totals.unpriced == ()


def test_an_account_that_was_never_read_is_unpriced() -> None:
    totals = totals_of(a_situation(), unread=[UnreadAccount(account_id="1002")])

    assert totals.unpriced == ("account 1002 was never read",)


def test_an_accounts_budgets_are_kept_for_the_day_it_can_not_be_read() -> None:
    snapshot = a_snapshot(a_campaign("c1"), a_campaign("c2", budget=900, status="PAUSED"))

    spend = account_spend(a_situation(snapshot), PolicyBook(), NOW)

    assert spend is not None
    assert spend.budgets_usd == 500


# --- what an action adds ------------------------------------------------------------------------


def extra(action: Action, snapshot: AccountSnapshot) -> dict[str, Decimal]:
    return extra_usd(action, a_situation(snapshot), NOW)


def test_an_increase_adds_its_difference_and_cuts_and_pauses_add_nothing() -> None:
    assert extra(a_scale_up(to=600), a_snapshot()) == {"c1": 100}
    assert extra(a_scale_down(to=400), a_snapshot()) == {}
    assert extra(a_pause(), a_snapshot()) == {}
    adsets = [an_adset("s1", budget=100), an_adset("s2", budget=100)]
    moved = a_reallocation(adsets[0], adsets[1], 10)
    assert extra(moved, a_snapshot(a_campaign(budget=None), *adsets)) == {}


def test_a_resumed_campaign_adds_its_budget_or_its_active_ad_sets() -> None:
    paused = a_campaign(status="PAUSED")
    assert extra(a_resume(paused), a_snapshot(paused, an_adset())) == {"c1": 500}
    empty = a_campaign(status="PAUSED", budget=None)
    adsets = [
        an_adset("s1", budget=100),
        an_adset("s2", budget=200),
        an_adset("s3", budget=400, status="PAUSED"),
        an_adset("s4", budget=400, ends_at=NOW),
    ]
    assert extra(a_resume(empty), a_snapshot(empty, *adsets)) == {"s1": 100, "s2": 200}


def test_a_resumed_ad_set_adds_its_own_budget_or_nothing_under_a_campaigns() -> None:
    own = an_adset(budget=100, status="PAUSED")
    assert extra(a_resume(own), a_snapshot(a_campaign(budget=None), own)) == {"s1": 100}
    under = an_adset(status="PAUSED")
    assert extra(a_resume(under), a_snapshot(a_campaign(), under)) == {}
    asleep = a_campaign(status="PAUSED")
    assert extra(a_resume(under), a_snapshot(asleep, under)) == {"c1": 500}


def test_a_resumed_ad_adds_nothing_where_its_budget_counts_already() -> None:
    ad = an_ad(status="PAUSED")
    assert extra(a_resume(ad), a_snapshot(a_campaign(), an_adset(), ad)) == {}
    asleep = an_adset(budget=100, status="PAUSED")
    assert extra(a_resume(ad), a_snapshot(a_campaign(budget=None), asleep, ad)) == {"s1": 100}


def test_a_resume_of_an_unknown_budget_is_an_error() -> None:
    paused = a_campaign(status="PAUSED", budget=None)
    with pytest.raises(ValueError, match="unknown"):
        extra(a_resume(paused), a_snapshot(paused, an_adset()))
    adset = an_adset(status="PAUSED")
    with pytest.raises(ValueError, match="whose budget"):
        extra(a_resume(adset), a_snapshot(a_campaign(budget=None), adset))


def test_an_addition_in_a_currency_without_a_rate_is_an_error() -> None:
    campaign = a_campaign(budget=daily(100, "EUR"))
    snapshot = a_snapshot(campaign, account=an_account(currency=EUR))
    with pytest.raises(ValueError, match="META_AUTO_FX_EUR"):
        extra(a_scale_up(campaign, to=110), snapshot)


# --- safety.daily_spend -------------------------------------------------------------------------


def daily_spend(action: Action, snapshot: AccountSnapshot | None = None, **case: Any) -> Verdict:
    return DAILY_SPEND.judge(action, a_case(snapshot, **case))


def test_the_seeds_sum_reaches_the_cap_and_not_a_cent_more() -> None:
    # What others spent today counts even where their budgets are gone.
    snapshot = a_snapshot(a_campaign(), performance=spending(c1=50) | spending(gone=9400))

    assert daily_spend(a_scale_up(to=600), snapshot)
    refused = daily_spend(a_scale_up(to="600.01"), snapshot)
    assert not refused
    assert refused.allowed == usd(600)
    assert refused.observed == Decimal("10000.01")
    assert refused.limit == 10000


def test_the_projected_day_reaches_the_cap_and_not_a_cent_more() -> None:
    snapshot = a_snapshot(
        a_campaign("c1"), a_campaign("c2", budget=9400), performance=spending(c1=0, c2=0)
    )

    assert daily_spend(a_scale_up(to=600), snapshot)
    refused = daily_spend(a_scale_up(to="600.01"), snapshot)
    assert refused.allowed == usd(600)
    assert "projected day 10,000.01 USD" in refused.message


def test_the_worst_case_factor_leaves_less_room() -> None:
    snapshot = a_snapshot(a_campaign(), performance=spending(c1=0))
    limits = Limits(daily_overspend_factor=Decimal("1.75"), max_daily_spend_usd=Decimal(1000))

    refused = daily_spend(a_scale_up(to=600), snapshot, limits=limits)

    assert refused.allowed == usd("571.42")
    assert daily_spend(a_scale_up(to="571.42"), snapshot, limits=limits)


def test_a_budget_already_overspent_counts_by_its_spend() -> None:
    snapshot = a_snapshot(
        a_campaign("c1"), a_campaign("c2", budget=9300), performance=spending(c1=650, c2=0)
    )

    assert daily_spend(a_scale_up(to=600), snapshot)  # 650 spent: the day is no worse for it
    over = a_snapshot(
        a_campaign("c1"), a_campaign("c2", budget=9400), performance=spending(c1=650, c2=0)
    )
    assert daily_spend(a_scale_up(to=600), over).allowed == usd(500)


def test_a_day_over_its_cap_leaves_the_present_budget() -> None:
    snapshot = a_snapshot(a_campaign("c1"), a_campaign("c2", budget=20000))

    assert daily_spend(a_scale_up(to=600), snapshot).allowed == usd(500)


def test_what_was_granted_to_others_counts_in_both_sums_and_ones_own_is_replaced() -> None:
    granted = {"elsewhere": Decimal(9400)}

    assert daily_spend(a_scale_up(to=600), granted_usd=granted)
    assert not daily_spend(a_scale_up(to="600.01"), granted_usd=granted)
    assert daily_spend(a_scale_up(to=600), granted_usd={"c1": Decimal(9999)})


def test_grants_count_at_the_worst_case_in_the_projected_day_and_plainly_in_the_seeds_sum() -> (
    None
):
    limits = Limits(daily_overspend_factor=Decimal("1.75"))
    granted = {"elsewhere": Decimal(1000)}

    verdict = daily_spend(a_scale_up(to=600), limits=limits, granted_usd=granted)

    assert verdict.message.startswith(
        "Other spend today 1,000.00 USD + 600.00 USD = 1,600.00 USD, projected day 2,800.00 USD"
    )


def test_a_reallocation_counts_net_also_on_a_day_over_the_cap() -> None:
    adsets = [an_adset("s1", budget=9000), an_adset("s2", budget=9000)]
    snapshot = a_snapshot(a_campaign(budget=None), *adsets)

    assert daily_spend(a_reallocation(adsets[0], adsets[1], 100), snapshot)


@pytest.mark.parametrize(("other", "is_allowed"), [(9500, True), (9501, False)])
def test_a_resume_adds_the_budget_that_begins_to_count(other: int, is_allowed: bool) -> None:
    paused = a_campaign(status="PAUSED")
    snapshot = a_snapshot(paused, a_campaign("c2", budget=other), performance=spending(c2=0, c1=0))

    verdict = daily_spend(a_resume(paused), snapshot)

    assert bool(verdict) is is_allowed
    assert verdict.allowed is None


def test_a_resume_does_not_count_twice_what_was_spent_before_the_pause() -> None:
    paused = a_campaign(status="PAUSED")
    snapshot = a_snapshot(
        paused, a_campaign("c2", budget=9500), performance=spending(c1=400, c2=0)
    )

    assert daily_spend(a_resume(paused), snapshot)


def test_an_unpriced_account_blocks_increases_and_resumes_everywhere() -> None:
    totals = totals_of(a_situation(), unread=[UnreadAccount(account_id="1002")])

    refused = daily_spend(a_scale_up(), totals=totals)
    assert not refused
    assert refused.allowed is None
    assert "account 1002 was never read" in refused.message
    assert not daily_spend(a_resume(), totals=totals)


def test_a_budget_that_the_totals_do_not_know_is_refused() -> None:
    refused = daily_spend(a_scale_up(), totals=Totals())

    assert not refused
    assert "do not know the budget of c1" in refused.message


def test_an_increase_of_what_does_not_count_today_counts_with_its_whole_budget() -> None:
    paused = a_campaign(status="PAUSED")
    snapshot = a_snapshot(paused, a_campaign("c2", budget=9450), performance=spending(c1=0, c2=0))

    assert daily_spend(a_scale_up(paused, to=550), snapshot)
    assert not daily_spend(a_scale_up(paused, to=551), snapshot)


@given(
    budgets=st.lists(st.integers(1, 5000), min_size=1, max_size=5),
    spends=st.lists(st.integers(0, 6000), min_size=5, max_size=5),
    wanted=st.integers(1, 8000),
    granted=st.integers(0, 3000),
    cap=st.integers(1, 12_000),
    factor=st.sampled_from(["1", "1.25", "1.75"]),
    rate=st.sampled_from(["0.0067", "0.93", "1.08", "3"]),
)
def test_the_room_under_the_cap_is_used_in_whole_and_never_exceeded(  # noqa: PLR0917
    budgets: list[int],
    spends: list[int],
    wanted: int,
    granted: int,
    cap: int,
    factor: str,
    rate: str,
) -> None:
    campaigns = [
        a_campaign(f"c{number}", budget=daily(budget, "EUR"))
        for number, budget in enumerate(budgets)
    ]
    performance = {
        campaign.id: {TODAY: DayFacts(micros(Decimal(spend)), 0, 0, 0)}
        for campaign, spend in zip(campaigns, spends, strict=False)
    }
    snapshot = a_snapshot(*campaigns, account=an_account(currency=EUR), performance=performance)
    limits = Limits(max_daily_spend_usd=Decimal(cap), daily_overspend_factor=Decimal(factor))
    case: dict[str, Any] = {
        "snapshot": snapshot,
        "rates": {"EUR": rate},
        "limits": limits,
        "granted_usd": {"elsewhere": Decimal(granted)},
    }
    current = budgets[0]
    action = a_scale_up(campaigns[0], to=current + wanted)

    verdict = daily_spend(action, **case)

    if not verdict:
        assert verdict.allowed is not None
        assert current * 100 <= verdict.allowed.minor < action.legs[0].proposed.minor
        if verdict.allowed.minor > current * 100:
            assert daily_spend(action.with_budget(verdict.allowed), **case)
        one_more = replace(verdict.allowed, minor=verdict.allowed.minor + 1)
        assert not daily_spend(action.with_budget(one_more), **case)


@given(cap=st.tuples(st.integers(1, 20_000), st.integers(1, 20_000)), to=st.integers(501, 9000))
def test_a_lower_cap_never_lets_more_through(cap: tuple[int, int], to: int) -> None:
    strict, loose = (Limits(max_daily_spend_usd=Decimal(amount)) for amount in sorted(cap))

    assert daily_spend(a_scale_up(to=to), limits=loose) or not daily_spend(
        a_scale_up(to=to), limits=strict
    )


@pytest.mark.parametrize(
    ("budget", "last", "counts"),
    [
        (daily(900), None, "900"),
        (daily(900), 1_000, "900"),
        (None, 1_000, "1750"),  # as an account that could not be read
        (None, None, "5000"),  # the most that a campaign may have
    ],
)
def test_what_could_not_be_understood_counts_with_a_budget_all_the_same(budget, last, counts):
    snapshot = a_snapshot(
        a_campaign("c1", budget=500),
        an_adset("s1", campaign="c1"),
        unread={"c9": UnreadHolder(campaign_id="c9", budget=budget)},
    )
    memory = Memory(last_budgets={} if last is None else {"c9": usd(last)})
    situation = replace(a_situation(snapshot), memory=memory)
    found = totals_of(situation)
    assert found.holders["c9"].budget_usd == Decimal(counts)
    assert found.projected_usd - totals_of(a_situation()).projected_usd >= Decimal(counts) - 500
    spend = account_spend(situation, PolicyBook(), NOW)
    assert spend is not None
    assert spend.budgets_usd == 500 + Decimal(counts)
    room = Limits(max_daily_spend_usd=600 + Decimal(counts))
    case = {"limits": room, "totals": found}
    assert daily_spend(a_scale_up(snapshot.campaigns["c1"], to=600), snapshot, **case)
    assert not daily_spend(a_scale_up(snapshot.campaigns["c1"], to="600.01"), snapshot, **case)


def test_what_could_not_be_understood_may_overspend_as_its_account_may():
    snapshot = a_snapshot(unread={"c9": UnreadHolder(campaign_id="c9", budget=daily(900))})
    raised = Override(
        values={"daily_overspend_factor": Decimal("1.75")}, account=snapshot.account.id
    )
    plain, worst = (
        totals_of(a_situation(snapshot), book=PolicyBook(overrides=overrides)).projected_usd
        - totals_of(a_situation(), book=PolicyBook(overrides=overrides)).projected_usd
        for overrides in ((), (raised,))
    )
    assert (plain, worst) == (900, 1575)


def test_what_was_seen_to_spend_more_than_a_campaign_may_counts_with_that():
    days = {TODAY: a_day(100), TODAY - timedelta(days=2): a_day(20_000)}
    snapshot = a_snapshot(unread={"c9": UnreadHolder(campaign_id="c9", budget=None)})
    rows = {**snapshot.days, Level.CAMPAIGN: {**snapshot.days[Level.CAMPAIGN], "c9": days}}
    found = totals_of(a_situation(replace(snapshot, days=rows)))
    assert found.holders["c9"] == HolderSpend(
        budget_usd=Decimal(20_000), spent_usd=Decimal(100), counts=True
    )


def test_lists_that_leave_out_a_parent_of_what_delivers_raise_no_budget():
    """Its budget is in no sum: a short list must not look like room under the cap."""
    whole = a_situation()
    short = replace(whole, snapshot=replace(whole.snapshot, unlisted=frozenset({"c9"})))
    assert totals_of(whole).unpriced == ()
    (told,) = totals_of(short).unpriced
    assert "leave out c9" in told
