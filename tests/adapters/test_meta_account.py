"""Reading a whole account: what becomes of what Meta says."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from meta_autonomous.adapters.meta_api import MetaApi
from meta_autonomous.domain.entities import (
    AccountSnapshot,
    Budget,
    BudgetKind,
    Level,
    UnreadHolder,
)
from meta_autonomous.domain.performance import DayFacts
from meta_autonomous.domain.quantities import Currency, Money
from meta_autonomous.ports.errors import BadAnswer, Gone
from meta_autonomous.ports.platform import ReadPlan
from tests.adapters.fault_server import (
    ACCOUNT,
    AD,
    ADSET,
    CAMPAIGN,
    NOON,
    TODAY,
    Asked,
    Deed,
    FaultServer,
    Json,
    Part,
    account,
    account_row,
    ad_row,
    adset_row,
    ask,
    campaign_row,
    day_row,
    days_asked,
    graph_error,
    meta,
    page,
    say,
    what,
)

WEEK = ReadPlan(days=7, window_days=7)
EUR = Currency("EUR")
MICROS = 1_000_000


def read(plan: ReadPlan = WEEK, options: Json | None = None, **parts: Part) -> AccountSnapshot:
    async def question(api: MetaApi, _server: FaultServer) -> AccountSnapshot:
        return await api.read_account(ACCOUNT, plan)

    return ask(account(**parts), question, **(options or {}))


def rows_of(**changes: Any) -> Part:
    """Ad rows of every day asked for, each changed alike; the totals agree by default."""
    return lambda asked: page([day_row(day, **changes) for day in days_asked(asked)])


def today_only(row: Json) -> Part:
    """A week without delivery, and one row today, which no total is compared with."""
    return lambda asked: page([row] if days_asked(asked) == [TODAY] else [])


NO_SPEND: Part = lambda _asked: page([])  # noqa: E731 - a constant


def test_an_account_is_read_whole() -> None:
    snapshot = read()
    assert snapshot.account.currency == EUR
    assert snapshot.account.min_daily_budget == Money(100, EUR)
    assert snapshot.observed_at >= NOON
    assert snapshot.today == TODAY
    assert snapshot.first_day == TODAY - timedelta(days=7)
    assert set(snapshot.campaigns) == {CAMPAIGN}
    assert snapshot.campaigns[CAMPAIGN].budget == Budget(BudgetKind.DAILY, Money(5000, EUR))
    assert snapshot.campaigns[CAMPAIGN].created_at == datetime(2026, 10, 1, 7, 12, 33, tzinfo=UTC)
    assert snapshot.adsets[ADSET].countries == ("ES",)
    assert snapshot.adsets[ADSET].purchase_event == "PURCHASE"
    assert snapshot.ads[AD].creative_id == "401"
    assert snapshot.countries == {ADSET: {"ES": 70 * MICROS}}
    assert snapshot.skipped == {}


@pytest.mark.parametrize(
    ("feedback", "is_told"),
    [({}, False), ({"global": {"Policy": "No."}}, True), (None, False), ("", False)],
)
def test_what_metas_review_objects_to_is_read(feedback: object, is_told: bool) -> None:
    snapshot = read(ads=[page([ad_row(ad_review_feedback=feedback)])])
    assert snapshot.ads[AD].has_review_feedback is is_told


def test_days_are_whole_weeks_and_today() -> None:
    snapshot = read(ReadPlan(days=28, window_days=7))
    for level, entity_id in ((Level.AD, AD), (Level.ADSET, ADSET), (Level.CAMPAIGN, CAMPAIGN)):
        days = snapshot.days[level][entity_id]
        assert sorted(days) == [TODAY - timedelta(days=age) for age in range(28, -1, -1)]
        assert set(days.values()) == {DayFacts(10 * MICROS, 50_500_000, 2, 1000)}


def test_the_number_of_requests_follows_pages_not_entities() -> None:
    async def question(api: MetaApi, server: FaultServer) -> list[Asked]:
        await api.read_account(ACCOUNT, ReadPlan(days=28, window_days=7))
        assert api.requests_made() == len(server.asked)
        return list(server.asked)

    hundred = [campaign_row(str(n)) for n in range(1000, 1100)]
    asked = ask(account(campaigns=[page(hundred)]), question)
    kinds = sorted(what(one) for one in asked)
    once = ["account", "ads", "adsets", "campaigns", "countries", "rules", "totals"]
    assert kinds == sorted(once + ["ad_days"] * 5)


def test_what_is_asked_for_is_explicit() -> None:
    async def question(api: MetaApi, server: FaultServer) -> list[Asked]:
        await api.read_account(ACCOUNT, WEEK)
        return list(server.asked)

    for asked in ask(account(), question):
        assert asked.path.startswith("/v26.0/")
        assert "ids" not in asked.params
        assert "access_token" not in asked.target
        assert asked.headers["accept-encoding"] == "identity"
        assert "if-none-match" not in asked.headers
        if what(asked) == "ad_days":
            statuses = json.loads(asked.params["filtering"])[0]
            assert statuses["field"] == "ad.effective_status"
            assert {"ARCHIVED", "DELETED", "PAUSED"} <= set(statuses["value"])
            assert "date_preset" not in asked.params


def test_ads_of_one_ad_set_add_up() -> None:
    two = lambda asked: page(  # noqa: E731
        [day_row(day, ad_id, "5.00") for day in days_asked(asked) for ad_id in (AD, "302")]
    )
    snapshot = read(ads=[page([ad_row(), ad_row("302")])], ad_days=two)
    assert snapshot.days[Level.ADSET][ADSET][TODAY] == DayFacts(10 * MICROS, 101 * MICROS, 4, 2000)


def test_the_account_time_zone_decides_which_day_it_is() -> None:
    auckland = [say(account_row(timezone_name="Pacific/Auckland"))]
    assert read(account=auckland).today == TODAY + timedelta(days=1)


@pytest.mark.parametrize(
    ("actions", "values", "expected"),
    [
        ({"omni_purchase": "3", "purchase": "4"}, {"purchase": "9", "omni_purchase": "8"}, (3, 8)),
        ({"purchase": "4", "onsite_web_purchase": "4"}, {"purchase": "9.25"}, (4, 9.25)),
        ({"offsite_conversion.fb_pixel_purchase": "1"}, {}, (1, 0)),
        ({"omni_purchase": "3"}, {"purchase": "9"}, (3, 0)),  # never the value of another type
        ({"add_to_purchase_list": "7", "lead": "2"}, {"lead": "5"}, (0, 0)),
        ({}, {"omni_purchase": "-12.5"}, (0, -12.5)),  # a refund
        (None, None, (0, 0)),
    ],
)
def test_one_purchase_type_counts_and_never_the_sum(
    actions: dict[str, str] | None, values: dict[str, str] | None, expected: tuple[int, float]
) -> None:
    def listed(pairs: dict[str, str] | None) -> list[Json] | None:
        if pairs is None:
            return None
        return [{"action_type": kind, "value": value} for kind, value in pairs.items()]

    changes = {"actions": listed(actions), "action_values": listed(values)}
    row = {
        name: value
        for name, value in (day_row(TODAY) | changes).items()
        if value is not None  # an absent key is how Meta says "none"
    }
    facts = read(ad_days=today_only(row), totals=NO_SPEND).days[Level.AD][AD][TODAY]
    assert (facts.purchases, facts.value_micros) == (expected[0], round(expected[1] * MICROS))


@pytest.mark.parametrize(
    "oddity",
    [
        {"ad_id": "../1"},
        {"ad_id": None, "actions": "omni_purchase"},
        {"adset_id": None},
        {"campaign_id": "9" * 21},
    ],
    ids=str,
)
def test_a_row_of_nobody_refuses_the_read(oddity: Json) -> None:
    row = day_row(TODAY) | oddity
    with pytest.raises(BadAnswer) as caught:
        read(ad_days=today_only(row), totals=NO_SPEND)
    assert "insights" in caught.value.message


def test_what_is_no_row_at_all_refuses_the_read() -> None:
    with pytest.raises(BadAnswer, match="not what Meta documents"):
        read(ad_days=lambda _asked: page([day_row(TODAY), "a row"]), totals=NO_SPEND)


def read_with_an_odd_row(oddity: Json) -> AccountSnapshot:
    """Two ads of two campaigns, and one row of the first is odd: that one's are left out, and its
    spend is known all the same."""
    ads = [ad_row(), ad_row("302", adset_id="202", campaign_id="102")]
    snapshot = read(
        campaigns=[page([campaign_row(), campaign_row("102")])],
        adsets=[page([adset_row(), adset_row("202", campaign_id="102")])],
        ads=[page(ads)],
        ad_days=lambda asked: page(
            [
                row
                for day in days_asked(asked)
                for row in (
                    day_row(day, "302", adset_id="202", campaign_id="102"),
                    day_row(day) | (oddity if day == TODAY - timedelta(days=3) else {}),
                )
            ]
        ),
        totals=lambda asked: page(
            [
                {"date_start": str(day), "date_stop": str(day), "spend": "20"}
                for day in days_asked(asked)
            ]
        ),
    )
    assert set(snapshot.skipped) == {AD, ADSET, CAMPAIGN}
    assert set(snapshot.ads) == {AD, "302"}  # their budgets and spend count
    assert snapshot.days[Level.CAMPAIGN][CAMPAIGN][TODAY - timedelta(days=3)] == DayFacts(
        10 * MICROS, 0, 0, 0
    )
    assert snapshot.days[Level.AD]["302"][TODAY].purchases == 2
    return snapshot


@pytest.mark.parametrize(
    "oddity",
    [
        {"impressions": "12.5"},
        {"impressions": "-3"},
        {"actions": [{"action_type": "omni_purchase", "value": "many"}]},
        {"actions": [{"action_type": "omni_purchase", "value": "-2"}]},
        {"actions": [{"action_type": "omni_purchase"}]},
        {"actions": [{"action_type": "purchase", "value": "1"}] * 2},
        {"actions": "omni_purchase"},
        {"actions": [{"value": "1"}]},
        {"action_values": [{"action_type": "omni_purchase", "value": {"x": 1}}]},
        {"action_values": [{"action_type": "omni_purchase", "value": "Infinity"}]},
    ],
    ids=str,
)
def test_a_row_without_clear_purchases_leaves_out_its_ad_and_what_that_is_in(
    oddity: Json,
) -> None:
    """The spend adds up all the same, and the ads beside it go on."""
    snapshot = read_with_an_odd_row(oddity)
    assert all(f"insights of ad {AD} on 2026-11-19: " in one for one in snapshot.skipped.values())


@pytest.mark.parametrize(
    "oddity",
    [
        {"spend": None},
        {"spend": "NaN"},
        {"spend": "1e99"},
        {"spend": "-1"},
        {"spend": ""},
        {"spend": "1,50"},
        {"spend": [1]},
        {"spend": True},
        {"date_start": [1], "actions": "omni_purchase"},
        {"spend": {"x": 1}, "actions": "omni_purchase"},
        {"account_currency": 5},
        {"account_currency": "USD"},
        {"date_stop": "2026-11-23"},
        {"date_start": "2026-11-01", "date_stop": "2026-11-01"},
    ],
    ids=str,
)
def test_a_row_without_clear_day_or_spend_counts_with_what_the_account_spent_beyond_the_others(
    oddity: Json,
) -> None:
    snapshot = read_with_an_odd_row(oddity)
    assert all(f"insights of ad {AD} on " in one for one in snapshot.skipped.values())


@pytest.mark.parametrize(
    ("days", "ads", "walks"),
    [(28, 0, 4), (28, 150, 4), (28, 151, 7), (9, 150, 2), (9, 151, 5), (7, 151, 7), (0, 151, 0)],
)
def test_a_large_account_is_read_in_more_walks_at_a_time(days: int, ads: int, walks: int) -> None:
    asked_for: list[list[date]] = []

    def rows(asked: Asked) -> Deed:
        asked_for.append(days_asked(asked))
        return page([day_row(day) for day in days_asked(asked)])

    plan = ReadPlan(days=days, window_days=min(days, 7), known_ads=ads)
    snapshot = read(plan, ad_days=rows)
    assert len(asked_for) == walks + 1  # today by itself
    assert len(snapshot.days[Level.AD][AD]) == days + 1
    assert len({day for some in asked_for for day in some}) == days + 1


def test_an_odd_row_of_one_day_hides_no_gap_of_another() -> None:
    """Else half of another ad's purchases could be missing, and it would be decided on."""

    def rows(asked: Asked) -> Deed:
        odd, hidden = TODAY - timedelta(days=3), TODAY - timedelta(days=5)
        return page(
            [
                day_row(day) | ({"spend": "lots"} if day == odd else {})
                for day in days_asked(asked)
                if day != hidden
            ]
        )

    with pytest.raises(BadAnswer, match="the account's own total"):
        read(ad_days=rows)


def test_what_an_odd_row_spent_today_counts_under_todays_cap() -> None:
    snapshot = read(
        ad_days=lambda asked: page(
            [
                day_row(day) | ({"spend": "lots"} if day == TODAY else {})
                for day in days_asked(asked)
            ]
        )
    )
    assert snapshot.days[Level.CAMPAIGN][CAMPAIGN][TODAY] == DayFacts(10 * MICROS, 0, 0, 0)


@pytest.mark.parametrize(("count", "whole"), [("2.5", 3), ("2.499", 2), ("0.4", 0), (2.5, 3)])
def test_parts_of_purchases_are_rounded_half_up(count: str | float, whole: int) -> None:
    row = day_row(TODAY, actions=[{"action_type": "omni_purchase", "value": count}])
    snapshot = read(ad_days=today_only(row), totals=NO_SPEND)
    assert snapshot.days[Level.AD][AD][TODAY].purchases == whole
    assert not snapshot.skipped


def test_spend_that_does_not_add_up_to_the_accounts_own_total_refuses_the_read() -> None:
    lying = lambda asked: page(  # noqa: E731
        [
            {"date_start": str(day), "date_stop": str(day), "spend": "11"}
            for day in days_asked(asked)
        ]
    )
    with pytest.raises(BadAnswer, match=r"70\.00 EUR, the account's own total is 77\.00 EUR"):
        read(totals=lying)


@pytest.mark.parametrize(
    ("ads", "total", "is_whole"),
    [
        ("0.01", "0.02", True),  # a cent for each row
        ("0.01", "0.03", False),
        ("100.00", "100.10", True),  # a thousandth
        ("100.00", "100.11", False),
        ("100.11", "100.00", False),
    ],
)
def test_only_rounding_is_no_difference(ads: str, total: str, *, is_whole: bool) -> None:
    def totals(asked: Asked) -> Deed:
        days = [{"date_start": str(day), "date_stop": str(day)} for day in days_asked(asked)]
        return page([day | {"spend": total} for day in days])

    if is_whole:
        assert read(ad_days=rows_of(spend=ads), totals=totals).campaigns
    else:
        with pytest.raises(BadAnswer, match="adds up to"):
            read(ad_days=rows_of(spend=ads), totals=totals)


@pytest.mark.parametrize(("spent", "is_missing"), [("0.01", False), ("0.02", True)])
def test_a_day_on_which_the_account_spent_and_no_ad_has_a_row_is_missing(
    spent: str, *, is_missing: bool
) -> None:
    silent = TODAY - timedelta(days=2)

    def ad_days(asked: Asked) -> Deed:
        return page([day_row(day, spend="100.00") for day in days_asked(asked) if day != silent])

    def totals(asked: Asked) -> Deed:
        days = [{"date_start": str(day), "date_stop": str(day)} for day in days_asked(asked)]
        return page(
            [
                row | {"spend": spent if row["date_start"] == str(silent) else "100.00"}
                for row in days
            ]
        )

    snapshot = read(ad_days=ad_days, totals=totals)
    assert snapshot.missing_days == (frozenset({silent}) if is_missing else frozenset())


def test_a_day_without_delivery_is_not_missing() -> None:
    idle = TODAY - timedelta(days=2)

    def rows(asked: Asked) -> Deed:
        return page([day_row(day) for day in days_asked(asked) if day != idle])

    def totals(asked: Asked) -> Deed:
        days = [day for day in days_asked(asked) if day != idle]
        return page([{"date_start": str(d), "date_stop": str(d), "spend": "10.00"} for d in days])

    assert read(ad_days=rows, totals=totals).missing_days == frozenset()


def test_spend_of_archived_ads_is_in_the_days_under_ids_that_stand_nowhere_else() -> None:
    both = lambda asked: page(  # noqa: E731
        [
            day_row(day, ad_id, "5.00", adset_id=adset_id, campaign_id=campaign_id)
            for day in days_asked(asked)
            for ad_id, adset_id, campaign_id in ((AD, ADSET, CAMPAIGN), ("399", "299", "199"))
        ]
    )
    snapshot = read(ad_days=both)
    assert "399" not in snapshot.ads
    assert snapshot.days[Level.CAMPAIGN]["199"][TODAY].spend_micros == 5 * MICROS


def test_a_refused_status_filter_is_done_without() -> None:
    def ad_days(asked: Asked) -> Deed:
        if "filtering" in asked.params:
            return graph_error(100, message="(#100) ad.effective_status is not filterable")
        return page([day_row(day) for day in days_asked(asked)])

    assert read(ad_days=ad_days).days[Level.AD][AD][TODAY].spend_micros == 10 * MICROS


def test_a_filter_that_was_refused_once_is_not_tried_again() -> None:
    async def question(api: MetaApi, server: FaultServer) -> list[bool]:
        for _ in range(2):
            await api.read_account(ACCOUNT, ReadPlan(days=0, window_days=0))
        return ["filtering" in one.params for one in server.asked if what(one) == "ad_days"]

    def ad_days(asked: Asked) -> Deed:
        return graph_error(100) if "filtering" in asked.params else page([])

    assert ask(account(ad_days=ad_days), question) == [True, False, False]


def test_insights_that_are_refused_for_another_reason_are_not_asked_for_again() -> None:
    async def question(api: MetaApi, server: FaultServer) -> int:
        with pytest.raises(BadAnswer):
            await api.read_account(ACCOUNT, ReadPlan(days=0, window_days=0))
        return sum(what(one) == "ad_days" for one in server.asked)

    assert ask(account(ad_days=[graph_error(2500)]), question) == 1


def test_totals_and_countries_are_read_as_strictly_as_ads() -> None:
    day = {"date_start": str(TODAY - timedelta(days=1))}
    day["date_stop"] = day["date_start"]
    span = {"date_start": str(TODAY - timedelta(days=7)), "date_stop": day["date_stop"]}
    spain = {"adset_id": ADSET, "country": "ES", "spend": "1", **span}
    refused: list[Json] = [
        {"totals": [page([{**day, "spend": "much"}])]},
        {"totals": [page([{**day, "spend": "1", "account_currency": "USD"}])]},
        {"totals": [page([{**day, "spend": "1"}, {**day, "spend": "2"}])]},
        {"countries": [page([{**spain, "spend": None}])]},
        {"countries": [page([{**spain, "adset_id": "x"}])]},
        {"countries": [page([spain, {**spain, "spend": "2"}])]},
    ]
    for parts in refused:
        with pytest.raises(BadAnswer, match=r"totals|countries"):
            read(**parts)


def test_an_ad_set_whose_spend_is_not_broken_down_is_left_to_its_targeting() -> None:
    span = {"date_start": str(TODAY - timedelta(days=7)), "date_stop": str(TODAY)}
    span["date_stop"] = str(TODAY - timedelta(days=1))
    rows = [{"adset_id": ADSET, "spend": "1", **span}]
    assert read(countries=[page(rows)]).countries == {}


def test_a_refused_breakdown_leaves_every_ad_set_to_its_targeting() -> None:
    refusal = graph_error(100)
    assert read(countries=[refusal]).countries == {}


# --- entities -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "nothing",
    [{}, {"daily_budget": None}, {"daily_budget": ""}, {"daily_budget": "0"}, {"daily_budget": 0}],
)
def test_missing_empty_and_zero_budgets_are_all_no_budget(nothing: Json) -> None:
    row = {k: v for k, v in campaign_row().items() if k != "daily_budget"} | nothing
    assert read(campaigns=[page([row])]).campaigns[CAMPAIGN].budget is None


def test_a_lifetime_budget_knows_what_is_left_and_when_it_ends() -> None:
    row = adset_row(
        lifetime_budget="90000",
        daily_budget="0",
        budget_remaining="30000",
        end_time="2026-12-01T00:00:00+0100",
    )
    budget = read(adsets=[page([row])]).adsets[ADSET].budget
    ends_at = datetime(2026, 11, 30, 23, 0, tzinfo=UTC)
    assert budget == Budget(BudgetKind.LIFETIME, Money(90000, EUR), Money(30000, EUR), ends_at)


def test_yen_have_no_hundredths() -> None:
    budget = (
        read(
            account=[say(account_row(currency="JPY"))],
            ad_days=rows_of(account_currency="JPY", spend="10"),
        )
        .campaigns[CAMPAIGN]
        .budget
    )
    assert budget is not None
    assert str(budget.amount) == "5,000 JPY"


ODD = {
    "text for a budget": {"daily_budget": "lots"},
    "a negative budget": {"daily_budget": "-5"},
    "an object for a budget": {"daily_budget": {"amount": 5}},
    "a fraction of a cent": {"daily_budget": "12.5"},
    "an endless budget": {"daily_budget": "9" * 40},
    "two budgets": {"daily_budget": "5000", "lifetime_budget": "5000"},
    "a lifetime budget without an end": {"daily_budget": "0", "lifetime_budget": "5000"},
    "no name": {"name": None},
    "a status that is no text": {"status": 5},
    "a time that is none": {"created_time": "yesterday"},
    "a time without a zone": {"created_time": "2026-10-01T09:12:33"},
    "a time before all times": {"created_time": "0001-01-01T00:00:00+1400"},
    "another account": {"account_id": "2"},
    "a status that is missing": {"status": None},
}


@pytest.mark.parametrize("oddity", ODD.values(), ids=ODD.keys())
def test_an_odd_entity_is_skipped_by_name_and_the_others_go_on(oddity: Json) -> None:
    rows = [campaign_row("102") | oddity, campaign_row()]
    snapshot = read(campaigns=[page(rows)])
    assert set(snapshot.campaigns) == {CAMPAIGN}
    assert set(snapshot.skipped) == {"102"}
    assert snapshot.skipped["102"].startswith("campaign ")


def test_children_of_a_skipped_campaign_are_skipped_too_but_their_spend_counts() -> None:
    snapshot = read(campaigns=[page([campaign_row(daily_budget="?")])])
    assert set(snapshot.skipped) == {CAMPAIGN, ADSET, AD}
    assert snapshot.entities() == ()
    assert snapshot.days[Level.CAMPAIGN][CAMPAIGN][TODAY].spend_micros == 10 * MICROS


NO_BUDGET = {"daily_budget": "0", "lifetime_budget": None}


@pytest.mark.parametrize(
    ("oddity", "budget"),
    [
        ({"name": None}, Budget(BudgetKind.DAILY, Money(5000, EUR))),
        ({"created_time": "junk", "status": 5}, Budget(BudgetKind.DAILY, Money(5000, EUR))),
        ({"daily_budget": "lots"}, None),
        ({"daily_budget": "0", "lifetime_budget": "5000"}, None),  # and no end
        ({"stop_time": 7, "name": None}, None),
    ],
)
def test_an_odd_campaigns_budget_is_read_where_it_can_be(
    oddity: Json, budget: Budget | None
) -> None:
    snapshot = read(campaigns=[page([campaign_row("102") | oddity, campaign_row()])])
    assert snapshot.unread == {"102": UnreadHolder(campaign_id="102", budget=budget)}


@pytest.mark.parametrize("status", ["ACTIVE", "IN_PROCESS", "PENDING_BILLING_INFO"])
def test_what_is_set_to_run_below_an_odd_campaign_counts_whatever_it_does_now(
    status: str,
) -> None:
    snapshot = read(
        campaigns=[page([campaign_row(name=None, **NO_BUDGET)])],
        adsets=[page([adset_row(daily_budget="700", effective_status=status)])],
    )
    assert set(snapshot.unread) == {ADSET}


@pytest.mark.parametrize(
    "oddity",
    [{"name": None, **NO_BUDGET}, {"name": None, "status": "PAUSED"}],
    ids=["no budget of its own", "not set to run"],
)
def test_an_odd_campaign_that_spends_no_budget_holds_none(oddity: Json) -> None:
    snapshot = read(campaigns=[page([campaign_row("102") | oddity, campaign_row()])])
    assert set(snapshot.skipped) == {"102"}
    assert snapshot.unread == {}


@pytest.mark.parametrize(("status", "counts"), [("ACTIVE", True), ("PAUSED", False)])
def test_an_odd_ad_set_holds_its_budget_unless_its_campaign_is_stopped(
    status: str, counts: bool
) -> None:
    snapshot = read(
        campaigns=[page([campaign_row(**NO_BUDGET, status=status)])],
        adsets=[page([adset_row(daily_budget="?")])],
    )
    held = {ADSET: UnreadHolder(campaign_id=CAMPAIGN, budget=None)}
    assert snapshot.unread == (held if counts else {})


def test_the_budget_of_an_ad_set_below_an_odd_campaign_is_known() -> None:
    snapshot = read(
        campaigns=[page([campaign_row(name=None, **NO_BUDGET)])],
        adsets=[page([adset_row(daily_budget="700")])],
    )
    budget = Budget(BudgetKind.DAILY, Money(700, EUR))
    assert snapshot.unread == {ADSET: UnreadHolder(campaign_id=CAMPAIGN, budget=budget)}


def test_a_campaign_and_its_ad_set_with_a_budget_each_are_both_left_alone() -> None:
    snapshot = read(adsets=[page([adset_row(daily_budget="700")])])
    assert set(snapshot.skipped) == {CAMPAIGN, ADSET}
    assert "have a budget each" in snapshot.skipped[CAMPAIGN]
    assert snapshot.campaigns[CAMPAIGN].budget is not None  # it counts
    assert snapshot.adsets[ADSET].budget is not None


def test_an_ad_whose_ad_set_is_in_another_campaign_is_skipped() -> None:
    snapshot = read(ads=[page([ad_row(campaign_id="777"), ad_row("302")])])
    assert set(snapshot.ads) == {"302"}
    assert AD in snapshot.skipped


def test_an_entity_without_a_usable_id_refuses_the_read() -> None:
    with pytest.raises(BadAnswer, match="without a usable id"):
        read(campaigns=[page([campaign_row("../../etc")])])


def test_statuses_that_are_new_to_us_are_kept_as_they_are() -> None:
    one = read(campaigns=[page([campaign_row(effective_status="PONDERING")])]).campaigns[CAMPAIGN]
    assert one.effective_status == "PONDERING"
    assert not one.is_active


def test_half_an_emoji_in_a_name_is_replaced() -> None:
    body = json.dumps({"data": [campaign_row(name="@")]}).replace(
        "@", r"Sale \ud83d \\ud83d \ud83d\ude00"
    )
    name = read(campaigns=[say(body.encode())]).campaigns[CAMPAIGN].name
    assert name == "Sale \ufffd \\ud83d 😀"
    name.encode()


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        ({"countries": ["PT", "ES"]}, ("ES", "PT")),
        ({"countries": ["ES"], "location_types": ["home"]}, ("ES",)),
        ({"countries": ["ES"], "regions": []}, ("ES",)),
        ({"countries": ["ES"], "regions": [{"key": "1"}]}, None),
        ({"country_groups": ["worldwide"]}, None),
        ({"countries": []}, None),
        ({}, None),
        (None, None),
    ],
)
def test_countries_are_known_only_when_nothing_else_names_places(
    places: Json | None, expected: tuple[str, ...] | None
) -> None:
    row = adset_row(targeting={"geo_locations": places})
    assert read(adsets=[page([row])]).adsets[ADSET].countries == expected


def test_countries_that_are_no_list_of_texts_are_odd() -> None:
    row = adset_row("202", targeting={"geo_locations": {"countries": [{"key": "ES"}]}})
    snapshot = read(adsets=[page([row, adset_row()])])
    assert snapshot.skipped["202"] == (
        "adset targeting.geo_locations.countries is not a list of countries"
    )


def test_bid_learning_and_schedule_are_read() -> None:
    row = adset_row(
        bid_strategy="LOWEST_COST_WITH_MIN_ROAS",
        bid_amount=350,
        bid_constraints={"roas_average_floor": 12000},
        learning_stage_info={"status": "LEARNING", "conversions": 3},
        is_budget_schedule_enabled=True,
    )
    adset = read(adsets=[page([row])]).adsets[ADSET]
    assert adset.bid == "LOWEST_COST_WITH_MIN_ROAS 350 12000"
    assert adset.is_learning
    assert adset.has_budget_schedule


# --- the account itself -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("oddity", "named"),
    [
        ({"currency": "LKR"}, "LKR"),
        ({"currency": 5}, "currency"),
        ({"timezone_name": "Europe/Atlantis"}, "Europe/Atlantis"),
        ({"timezone_name": "../../etc/passwd"}, "etc/passwd"),
        ({"timezone_name": ""}, "time zone"),
        ({"min_daily_budget": "some"}, "min_daily_budget"),
        ({"account_id": "2"}, "asked for account 1"),
        ({"account_status": "fine"}, "account_status"),
    ],
)
def test_an_account_that_cannot_be_understood_is_refused_by_name(oddity: Json, named: str) -> None:
    with pytest.raises(BadAnswer) as caught:
        read(account=[say(account_row() | oddity)])
    assert named in caught.value.message


def test_an_account_that_is_not_ours_to_see_is_gone() -> None:
    with pytest.raises(Gone):
        read(account=[graph_error(100, 33, type="GraphMethodException")])


@pytest.mark.parametrize("text", ["act_1", "1"])
def test_account_ids_come_with_or_without_prefix(text: str) -> None:
    async def question(api: MetaApi, _server: FaultServer) -> str:
        return (await api.read_account(text, WEEK)).account.id

    assert ask(account(), question) == "1"


@pytest.mark.parametrize("text", ["1/../me", "", "1 2", "act_x"])
def test_an_account_id_that_is_none_never_reaches_a_url(text: str) -> None:
    async def question(api: MetaApi, server: FaultServer) -> None:
        with pytest.raises(BadAnswer):
            await api.read_account(text, WEEK)
        assert server.asked == []

    ask(account(), question)


def test_configured_accounts_are_not_looked_up() -> None:
    async def question(api: MetaApi, server: FaultServer) -> tuple[tuple[str, ...], int]:
        return await api.account_ids(), len(server.asked)

    assert ask(account(), question, account_ids=("act_7", "8")) == (("7", "8"), 0)
    assert ask(account(), question) == (("1",), 1)


def test_a_list_of_accounts_with_something_else_in_it_is_refused() -> None:
    async def question(api: MetaApi, _server: FaultServer) -> None:
        with pytest.raises(BadAnswer, match="ad accounts"):
            await api.account_ids()

    ask(account(adaccounts=[page([{"account_id": "me"}])]), question)


def test_our_own_application_is_known_only_when_configured() -> None:
    assert meta("https://graph.facebook.com", application_id="77").application_id == "77"
    assert meta("https://graph.facebook.com").application_id is None


# --- rules and the activity log -----------------------------------------------------------------


def rule(*filters: Json, status: str = "ENABLED", kind: str = "PAUSE") -> Json:
    return {
        "id": "901",
        "status": status,
        "evaluation_spec": {"evaluation_type": "SCHEDULE", "filters": list(filters)},
        "execution_spec": {"execution_type": kind},
    }


def is_(name: str, value: object, operator: str = "EQUAL") -> Json:
    return {"field": name, "operator": operator, "value": value}


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (rule(is_("entity_type", "ADSET")), {ADSET}),
        (rule(is_("entity_type", "AD"), is_("id", [AD], "IN")), {AD}),
        (rule(is_("entity_type", "AD"), is_("id", ["999"], "IN")), set()),
        (rule(is_("entity_type", "CAMPAIGN"), is_("id", {"odd": 1}, "IN")), {CAMPAIGN}),
        (rule(), {CAMPAIGN, ADSET, AD}),
        (rule(status="DISABLED"), set()),
        (rule(kind="NOTIFICATION"), set()),
    ],
)
def test_metas_own_rules_govern_what_they_name_or_their_whole_level(
    one: Json, expected: set[str]
) -> None:
    assert read(rules=[page([one])]).governed_by_rules == expected


def event(kind: str, extra: object, **changes: Any) -> Json:
    return {
        "event_type": kind,
        "event_time": "2026-11-22T10:05:00+0000",
        "object_id": CAMPAIGN,
        "actor_id": "5",
        "application_id": "77",
        "extra_data": json.dumps(extra),
    } | changes


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ({"old_value": {"old_value": 5000}, "new_value": {"new_value": 5500}}, ("5000", "5500")),
        ({"old_value": "5000", "new_value": "7500"}, ("5000", "7500")),
        (
            {"old_value": "Active", "new_value": "Inactive", "type": "run_status"},
            ("ACTIVE", "PAUSED"),
        ),
        (
            {
                "run_status": {"old_value": 1, "new_value": 15},
                "old_value": "Ativa",
                "new_value": "Inativa",
                "type": "run_status",
            },
            ("ACTIVE", "PAUSED"),
        ),
        ({"old_value": "Pending Process", "type": "run_status"}, ("Pending Process", None)),
        ([1, 2], (None, None)),
        ({"old_value": None}, (None, None)),
    ],
)
def test_the_activity_log_speaks_our_words(
    extra: object, expected: tuple[str | None, str | None]
) -> None:
    plan = replace(WEEK, with_activities_since=NOON - timedelta(days=1))
    log = read(plan, activities=[page([event("update_campaign_budget", extra)])]).activities
    assert log is not None
    assert (log[0].old, log[0].new) == expected
    assert log[0].at == datetime(2026, 11, 22, 10, 5, tzinfo=UTC)
    assert log[0].application_id == "77"


@pytest.mark.parametrize("extra_data", ["not json", None, '{"a":1,"a":2}', "[" * 100_000])
def test_extra_data_that_says_nothing_leaves_the_event(extra_data: str | None) -> None:
    plan = replace(WEEK, with_activities_since=NOON - timedelta(days=1))
    row = event("create_ad", {}, extra_data=extra_data)
    log = read(plan, activities=[page([row])]).activities
    assert log is not None
    assert (log[0].old, log[0].new) == (None, None)


@pytest.mark.parametrize("time", ["", "now", "2026-11-22T10:05:00"])
def test_an_event_without_a_time_makes_the_log_unreadable(time: str) -> None:
    async def question(api: MetaApi, _server: FaultServer) -> None:
        with pytest.raises(BadAnswer, match="activity log"):
            await api.read_activities(ACCOUNT, since=NOON)

    ask(account(activities=[page([event("create_ad", {}, event_time=time)])]), question)


def test_the_log_is_only_read_when_asked_for() -> None:
    assert read(activities=[graph_error(100)]).activities is None


def test_an_unreadable_log_or_rule_library_is_none_and_a_warning() -> None:
    async def question(
        api: MetaApi, _server: FaultServer
    ) -> tuple[AccountSnapshot, tuple[str, ...]]:
        plan = replace(WEEK, with_activities_since=NOON - timedelta(days=1))
        return await api.read_account(ACCOUNT, plan), api.warnings

    script = account(activities=[graph_error(100)], rules=[graph_error(200, status=403)])
    snapshot, warnings = ask(script, question)
    assert snapshot.activities is None
    assert snapshot.governed_by_rules == frozenset()
    assert sorted(
        word for warning in warnings for word in ("log", "rules") if word in warning
    ) == [
        "log",
        "rules",
    ]


def test_the_log_of_one_entity_leaves_out_its_children_and_what_is_older() -> None:
    rows = [
        event("update_campaign_budget", {}),
        event("update_ad_set_budget", {}, object_id=ADSET),
        event("update_campaign_name", {}, event_time="2026-11-20T10:05:00+0000"),
    ]

    async def question(api: MetaApi, server: FaultServer) -> list[str]:
        found = await api.read_activities(
            ACCOUNT, since=NOON - timedelta(days=1), entity_id=CAMPAIGN
        )
        assert server.asked[0].params["oid"] == CAMPAIGN
        return [one.event_type for one in found]

    assert ask(account(activities=[page(rows)]), question) == ["update_campaign_budget"]


# --- one entity ---------------------------------------------------------------------------------


def entity(body: object, level: Level = Level.CAMPAIGN, entity_id: str = CAMPAIGN) -> Any:
    async def question(api: MetaApi, _server: FaultServer) -> Any:
        return await api.read_entity(ACCOUNT, entity_id, level)

    return ask(account(entity=[say(body)]), question)


def test_one_entity_is_read_as_the_lists_have_it() -> None:
    assert entity(campaign_row()) == read().campaigns[CAMPAIGN]
    assert entity(adset_row(), Level.ADSET, ADSET) == read().adsets[ADSET]
    assert entity(ad_row(), Level.AD, AD) == read().ads[AD]


@pytest.mark.parametrize(
    "body",
    [
        campaign_row("102"),
        campaign_row(daily_budget="?"),
        campaign_row(account_id="2"),
        [campaign_row()],
        {"id": CAMPAIGN},
    ],
    ids=str,
)
def test_an_entity_that_is_not_what_was_asked_for_is_a_bad_answer(body: object) -> None:
    with pytest.raises(BadAnswer):
        entity(body)


def test_an_entity_id_that_is_none_never_reaches_a_url() -> None:
    with pytest.raises(BadAnswer):
        entity(campaign_row(), entity_id="101?fields=access_token")


def test_first_day_and_today_hold_without_any_past() -> None:
    snapshot = read(ReadPlan(days=0, window_days=0))
    assert snapshot.first_day == TODAY == date(2026, 11, 22)
    assert list(snapshot.days[Level.AD][AD]) == [TODAY]
    assert snapshot.countries == {}
