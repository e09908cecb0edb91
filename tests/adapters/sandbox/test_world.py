import json
from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest

from meta_autonomous.adapters.sandbox import Sandbox, build_world, physics
from tests.adapters.sandbox.api import Api, Json, purchases, value

DAY = timedelta(days=1)


def rows(api: Api, entity_id: str, **params: object) -> list[Json]:
    fields = "spend,impressions,actions,action_values"
    return api.rows(f"{entity_id}/insights", fields=fields, limit=500, **params)


def spend(found: list[Json]) -> float:
    return sum(float(row["spend"]) for row in found)


def dump(sandbox: Sandbox) -> str:
    """All that can be read of a world."""
    with sandbox._store.read() as db:
        return "\n".join(db.iterdump())


# --- time and chance ------------------------------------------------------------------------


def test_the_clock_stands_still_unless_advanced(sandbox: Sandbox) -> None:
    assert sandbox.now() == sandbox.now() == datetime(2026, 11, 2, 10, tzinfo=UTC)
    sandbox.advance(timedelta(minutes=30))
    assert sandbox.now() == datetime(2026, 11, 2, 10, 30, tzinfo=UTC)


def test_time_does_not_go_backwards(sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match="backwards"):
        sandbox.advance(-DAY)


def test_the_same_seed_and_advances_give_the_same_world() -> None:
    with Sandbox(None, seed=3) as one, Sandbox(None, seed=3) as other:
        for sandbox in (one, other):
            sandbox.advance(timedelta(hours=5))
            sandbox.edit(sandbox.find("Black Friday - ES"), daily_budget=60000)
            sandbox.advance(DAY)
        assert dump(one) == dump(other)


def test_hour_by_hour_or_at_once_is_the_same_day(sandbox: Sandbox) -> None:
    with Sandbox(None) as other:
        sandbox.advance(DAY)
        for _ in range(24):
            other.advance(timedelta(hours=1))
        assert dump(sandbox) == dump(other)


def test_another_seed_gives_another_world() -> None:
    with Sandbox(None, seed=1) as one, Sandbox(None, seed=2) as other:
        assert dump(one) != dump(other)


def test_an_edit_of_one_campaign_does_not_change_the_luck_of_another(api: Api) -> None:
    with Sandbox(None) as undisturbed, undisturbed.serving() as base_url:
        other = Api(base_url, undisturbed)
        api.sandbox.edit(api.named("Evergreen - FR"), status="PAUSED")
        for each in (api, other):
            each.sandbox.advance(DAY)
        campaign = api.named("Black Friday - ES")
        assert rows(api, campaign, date_preset="yesterday") == rows(
            other, campaign, date_preset="yesterday"
        )


# --- delivery -------------------------------------------------------------------------------


def test_a_day_spends_about_the_budget(api: Api) -> None:
    api.sandbox.advance(3 * DAY)
    for name, budget in (("Black Friday - ES", 500), ("Evergreen - FR", 450)):
        for row in rows(api, api.named(name), date_preset="last_3d", time_increment="1"):
            assert 0.75 * budget < float(row["spend"]) < 1.25 * budget


def test_a_paused_ad_stops_spending_and_goes_on_earning_for_some_days(api: Api) -> None:
    ad = api.named("Countdown - Video 30s")
    api.post(ad, status="PAUSED")
    since = {"since": "2026-11-03", "until": "2026-11-12"}
    api.sandbox.advance(9 * DAY)
    found = rows(api, ad, time_range=since, time_increment="1")
    assert spend(found) == 0
    assert sum(map(purchases, found)) > 2
    assert sum(map(value, found)) > 10
    last = max(date.fromisoformat(row["date_start"]) for row in found)
    assert last <= date(2026, 11, 9)  # nothing comes later than seven days after the click


def test_what_a_paused_ad_leaves_goes_to_its_siblings(api: Api) -> None:
    campaign = api.named("Prospecting - ES/PT")
    sibling = api.named("Variant A - Control")
    before = spend(rows(api, sibling, date_preset="yesterday"))
    api.post(api.named("Variant B - Low Performer"), status="PAUSED")
    api.sandbox.advance(2 * DAY)
    after = spend(rows(api, sibling, date_preset="yesterday"))
    assert after > 1.2 * before
    assert spend(rows(api, campaign, date_preset="yesterday")) > 350


def test_a_raised_budget_spends_more_and_returns_less_per_dollar(api: Api) -> None:
    campaign = api.named("Black Friday - ES")
    api.post(campaign, daily_budget="200000")
    api.sandbox.advance(10 * DAY)
    (after,) = rows(api, campaign, date_preset="last_7d")
    assert spend([after]) > 7 * 1700
    assert value(after) / spend([after]) < 2.7  # it was 3.2 at a quarter of the budget


def test_nothing_is_delivered_in_a_disabled_account(api: Api) -> None:
    api.sandbox.edit(api.act, account_status=2)
    before = spend(rows(api, api.act, date_preset="today"))
    api.sandbox.advance(timedelta(hours=6))
    assert spend(rows(api, api.act, date_preset="today")) == before


def test_an_ad_resumed_at_night_does_not_spend_a_whole_day_at_once(api: Api) -> None:
    campaign = api.named("Black Friday - ES")
    api.sandbox.edit(campaign, status="PAUSED")
    before = spend(rows(api, campaign, date_preset="today"))
    api.sandbox.advance(timedelta(hours=11))  # 22:00 in Madrid
    api.sandbox.edit(campaign, status="ACTIVE")
    api.sandbox.advance(timedelta(hours=2))
    assert spend(rows(api, campaign, date_preset="yesterday")) - before < 150


def test_a_lifetime_budget_lasts_to_its_end_and_then_stops(api: Api) -> None:
    campaign = api.named("Gift Guide - BE (lifetime)")
    api.sandbox.advance(25 * DAY)
    total = spend(rows(api, campaign, time_range={"since": "2026-10-01", "until": "2026-11-30"}))
    assert 3200 < total < 3800
    assert rows(api, campaign, date_preset="yesterday") == [] or (
        spend(rows(api, campaign, date_preset="yesterday")) == 0
    )


def test_rows_of_all_levels_still_agree_after_days_of_events(api: Api) -> None:
    api.sandbox.advance(4 * DAY)
    everything = [{"field": "ad.effective_status", "operator": "NOT_IN", "value": ["IN_PROCESS"]}]
    days = {"time_range": {"since": "2026-10-27", "until": "2026-11-06"}}
    account = rows(api, api.act, **days)
    ads = rows(api, api.act, level="ad", filtering=everything, **days)
    assert spend(ads) == pytest.approx(spend(account))
    assert sum(map(purchases, ads)) == sum(map(purchases, account))


# --- learning -------------------------------------------------------------------------------


def stage(api: Api, adset: str) -> str:
    return api.read(adset, fields="learning_stage_info")["learning_stage_info"]["status"]


@pytest.mark.parametrize(("amount", "expected"), [("15000", "SUCCESS"), ("16000", "LEARNING")])
def test_only_a_big_budget_edit_restarts_learning(api: Api, amount: str, expected: str) -> None:
    adset = api.named("Visitors 14d - Dynamic")
    api.post(adset, daily_budget=amount)
    assert stage(api, adset) == expected


def test_a_big_edit_of_a_campaign_budget_restarts_all_its_ad_sets(api: Api) -> None:
    campaign = api.named("Black Friday - ES")
    api.post(campaign, daily_budget="70000")
    assert {stage(api, row["id"]) for row in api.rows(f"{campaign}/adsets")} == {"LEARNING"}


def test_learning_ends_after_fifty_purchases_or_is_limited_after_a_week(api: Api) -> None:
    busy, slow = api.named("Visitors 14d - Dynamic"), api.named("Newsletter subscribers")
    for adset in (busy, slow):
        api.sandbox.edit(adset, daily_budget=800 if adset == slow else 20000)
    assert stage(api, busy) == stage(api, slow) == "LEARNING"
    api.sandbox.advance(8 * DAY)
    assert (stage(api, busy), stage(api, slow)) == ("SUCCESS", "FAIL")


# --- the opening world ----------------------------------------------------------------------


def window_roas(api: Api, name: str) -> float:
    (row,) = rows(api, api.named(name), date_preset="last_7d")
    return value(row) / float(row["spend"])


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("Black Friday - ES", 2.9, 3.5),
        ("Variant B - Low Performer", 0.4, 0.85),
        ("Variant A - Control", 1.5, 3.2),
        ("Evergreen - FR", 1.0, 1.4),
        ("Clearance - IT", 0.4, 0.75),
        ("Checkout test - US", 0.35, 0.85),
        ("Catalog Sales - DE", 2.3, 3.4),
        ("Gift Guide - BE (lifetime)", 0.9, 1.45),
        ("Prospecting - ES/PT", 1.5, 2.0),
        ("Bundles - Broad", 2.1, 3.3),
    ],
)
def test_the_opening_world_shows_each_kind_of_performance(
    reader: Api, name: str, low: float, high: float
) -> None:
    assert low < window_roas(reader, name) < high


def test_black_friday_stands_at_exactly_500_dollars_and_is_mature(reader: Api) -> None:
    campaign = reader.named("Black Friday - ES")
    found = reader.read(campaign, fields="daily_budget,created_time,effective_status")
    (row,) = rows(reader, campaign, date_preset="last_7d")
    assert found["daily_budget"] == "50000"
    assert found["effective_status"] == "ACTIVE"
    age = reader.sandbox.now() - datetime.fromisoformat(found["created_time"])
    assert age > 10 * DAY
    assert purchases(row) > 400
    assert all(
        row["learning_stage_info"]["status"] == "SUCCESS"
        for row in reader.rows(f"{campaign}/adsets", fields="learning_stage_info")
    )


def test_the_best_ad_set_is_clearly_over_one_and_a_half_times_the_worst(reader: Api) -> None:
    best = window_roas(reader, "Visitors 14d - Dynamic")
    assert best > 1.9 * window_roas(reader, "Past buyers 180d")


def test_the_opening_world_holds_something_for_every_kind_of_block(reader: Api) -> None:
    now = reader.sandbox.now()
    campaigns = {
        row["name"]: row
        for row in reader.rows(
            f"{reader.act}/campaigns", limit=100,
            fields="name,created_time,objective,smart_promotion_type,is_budget_schedule_enabled,"
            "effective_status,issues_info,lifetime_budget,stop_time",
        )
    }  # fmt: skip
    young = campaigns["New Arrivals - ES"]
    assert now - datetime.fromisoformat(young["created_time"]) < 2 * DAY
    assert campaigns["ASC | Legacy shopping"]["smart_promotion_type"] == "AUTOMATED_SHOPPING_ADS"
    assert campaigns["Weekend Boost - NL"]["is_budget_schedule_enabled"] is True
    assert campaigns["Lead form - Trade customers"]["objective"] == "OUTCOME_LEADS"
    assert campaigns["Checkout test - US"]["effective_status"] == "WITH_ISSUES"
    assert campaigns["Checkout test - US"]["issues_info"]
    assert campaigns["Gift Guide - BE (lifetime)"]["lifetime_budget"] == "360000"
    assert campaigns["Spring Drop - PT"]["effective_status"] == "PAUSED"
    assert any("\N{RIGHT-TO-LEFT OVERRIDE}<script>" in name for name in campaigns)
    assert any("\N{SHOPPING BAGS}" in name for name in campaigns)
    assert stage(reader, reader.named("LAL 2% - High value")) == "LEARNING"
    (tiny,) = rows(reader, reader.named("Micro test - Newsletter PT"), date_preset="last_7d")
    assert int(tiny["impressions"]) < 1000
    assert float(tiny["spend"]) < 100


def test_an_ad_set_need_not_name_a_country(reader: Api) -> None:
    adset = reader.rows(
        f"{reader.named('Lead form - Trade customers')}/adsets", fields="targeting"
    )
    assert "countries" not in adset[0]["targeting"]["geo_locations"]


def test_the_account_spends_four_to_five_thousand_a_day(reader: Api) -> None:
    for row in rows(reader, reader.act, date_preset="last_7d", time_increment="1"):
        assert 4000 < float(row["spend"]) < 5000


def test_people_act_on_days_two_and_three(api: Api) -> None:
    api.sandbox.advance(DAY)
    catalogue = api.named("Catalog Sales - DE")
    assert api.read(catalogue, fields="daily_budget")["daily_budget"] == "65000"
    changed = api.read(api.named("Promo - Video"), fields="effective_status")
    assert changed["effective_status"] == "PENDING_REVIEW"
    events = {
        entry["event_type"]: entry["actor_name"]
        for entry in api.rows(
            f"{api.act}/activities", fields="event_type,actor_name,object_id,extra_data",
            since=str(int((api.sandbox.now() - DAY).timestamp())),
        )
    }  # fmt: skip
    assert set(events) == {"update_campaign_budget", "update_ad_creative"}
    api.sandbox.advance(DAY)
    found = api.read(api.named("Cyber Week teaser - ES"), fields="created_time,status")
    assert found["status"] == "ACTIVE"
    assert found["created_time"] == "2026-11-04T09:00:00+0100"


def test_the_world_can_open_at_another_time_and_seed() -> None:
    start = datetime(2027, 3, 28, 6, 30, tzinfo=UTC)  # the day the clocks change
    with Sandbox(None, seed=99, start=start) as sandbox, sandbox.serving() as base_url:
        api = Api(base_url, sandbox)
        assert sandbox.now() == start
        assert 2.6 < window_roas(api, "Black Friday - ES") < 3.8
        sandbox.advance(2 * DAY)
        found = rows(api, api.act, date_preset="last_3d", time_increment="1")
        assert all(3900 < float(row["spend"]) < 5200 for row in found)


def test_a_start_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        Sandbox(None, start=datetime(2026, 11, 2))


# --- large worlds ---------------------------------------------------------------------------


def test_a_large_world_has_the_size_asked_for_and_agrees_with_itself() -> None:
    with build_world(12, 10, seed=1) as sandbox, sandbox.serving() as base_url:
        api = Api(base_url, sandbox)
        assert len(api.rows(f"{api.act}/campaigns", limit=500)) == 12
        assert len(api.rows(f"{api.act}/ads", limit=500)) == 120
        found = rows(api, api.act, level="ad", date_preset="last_28d", time_increment="1")
        assert len(found) == 120 * 28
        assert spend(found) == pytest.approx(spend(rows(api, api.act, date_preset="last_28d")))
        sandbox.advance(timedelta(hours=2))
        assert sum(purchases(row) for row in rows(api, api.act, date_preset="today")) > 0


# --- pure physics ---------------------------------------------------------------------------


def test_splitting_keeps_every_unit() -> None:
    rng = Random(1)
    for _ in range(200):
        shares = {str(place): rng.random() + 0.01 for place in range(rng.randint(1, 6))}
        total = rng.randint(0, 1000)
        parts = physics.split(total, shares)
        assert sum(parts.values()) == total
        assert all(
            abs(part - total * shares[name] / sum(shares.values())) < 1
            for name, part in parts.items()
        )


def test_a_poisson_count_has_the_mean_asked_for() -> None:
    rng = Random(2)
    for mean in (0.3, 5.0, 90.0):
        drawn = [physics.poisson(rng, mean) for _ in range(4000)]
        assert sum(drawn) / 4000 == pytest.approx(mean, rel=0.06)
    assert physics.poisson(rng, 0.0) == 0


def test_over_half_of_the_orders_come_within_hours_and_none_after_a_week() -> None:
    rng = Random(3)
    delays = [physics.order_delay(rng) for _ in range(5000)]
    assert max(delays) <= 7 * 86_400
    assert 0.55 < sum(delay < 3 * 3600 for delay in delays) / 5000 < 0.62


def test_more_spend_returns_less_per_dollar() -> None:
    assert physics.diminished(100, 100) == 1
    assert physics.diminished(200, 100) < 1 < physics.diminished(50, 100)
    assert physics.diminished(0, 100) == 1


def test_the_days_profile_is_whole() -> None:
    assert sum(physics.PROFILE) == pytest.approx(1)
    assert len(physics.PROFILE) == 24


def test_names_are_sent_as_they_are(reader: Api) -> None:
    answer = reader.get(f"{reader.act}/campaigns", fields="name", limit=100)
    assert "\N{RIGHT-TO-LEFT OVERRIDE}".encode() in answer.body
    assert json.loads(answer.body)["data"]
