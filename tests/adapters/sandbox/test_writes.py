import http.client
import json
from datetime import timedelta

import pytest

from meta_autonomous.adapters.sandbox import TOKEN, Sandbox, build_world
from tests.adapters.sandbox.api import Api

BLACK_FRIDAY = "Black Friday - ES"


def budget(api: Api, entity_id: str) -> int:
    return int(api.read(entity_id, fields="daily_budget")["daily_budget"])


def test_a_campaign_budget_is_set_in_minor_units(api: Api) -> None:
    campaign = api.named(BLACK_FRIDAY)
    answer = api.post(campaign, daily_budget="60000")
    assert (answer.status, answer.json) == (200, {"success": True})
    assert budget(api, campaign) == 60000


def test_an_ad_set_budget_is_set_where_the_campaign_has_none(api: Api) -> None:
    adset = api.named("Visitors 14d - Dynamic")
    assert api.post(adset, daily_budget="13000").json == {"success": True}
    assert budget(api, adset) == 13000


@pytest.mark.parametrize("name", [BLACK_FRIDAY, "Visitors 14d - Dynamic", "Countdown - Reel"])
def test_every_level_can_be_paused_and_resumed(api: Api, name: str) -> None:
    entity_id = api.named(name)
    for status in ("PAUSED", "ACTIVE"):
        assert api.post(entity_id, status=status).json == {"success": True}
        found = api.read(entity_id, fields="status,configured_status,effective_status")
        assert set(found.values()) == {status, entity_id}


def test_a_pause_shows_in_the_effective_status_of_everything_below(api: Api) -> None:
    campaign = api.named(BLACK_FRIDAY)
    adset = api.rows(f"{campaign}/adsets")[0]["id"]
    ad = api.rows(f"{adset}/ads")[0]["id"]

    def states() -> list[str]:
        return [
            api.read(one, fields="effective_status")["effective_status"]
            for one in (campaign, adset, ad)
        ]

    api.post(adset, status="PAUSED")
    assert states() == ["ACTIVE", "PAUSED", "ADSET_PAUSED"]
    api.post(campaign, status="PAUSED")
    assert states() == ["PAUSED", "PAUSED", "CAMPAIGN_PAUSED"]
    api.post(adset, status="ACTIVE")
    assert states() == ["PAUSED", "CAMPAIGN_PAUSED", "CAMPAIGN_PAUSED"]
    api.post(campaign, status="ACTIVE")
    assert states() == ["ACTIVE", "ACTIVE", "ACTIVE"]


def test_archiving_a_campaign_archives_what_is_below(api: Api) -> None:
    campaign = api.named(BLACK_FRIDAY)
    ad = api.rows(f"{campaign}/ads")[0]["id"]
    api.post(campaign, status="ARCHIVED")
    assert api.read(ad, fields="effective_status")["effective_status"] == "ARCHIVED"
    assert api.rows(f"{campaign}/ads") == []


def test_a_dry_run_validates_and_changes_nothing(api: Api) -> None:
    campaign = api.named(BLACK_FRIDAY)
    only = ["validate_only"]
    assert api.post(campaign, daily_budget="60000", execution_options=only).json == {
        "success": True
    }
    assert budget(api, campaign) == 50000
    assert api.post(campaign, daily_budget="1", execution_options=only).error == (100, 1885272)


def test_a_budget_on_both_levels_is_a_conflict(api: Api) -> None:
    below = api.rows(f"{api.named(BLACK_FRIDAY)}/adsets")[0]["id"]
    assert api.post(below, daily_budget="5000").error == (100, 1885621)
    above = api.named("Retargeting - FR/DE/IT")
    assert api.post(above, daily_budget="5000").error == (100, 1885621)


def test_an_ad_has_no_budget(api: Api) -> None:
    assert api.post(api.named("Countdown - Reel"), daily_budget="5000").error == (100, None)


def test_a_budget_under_the_accounts_minimum_is_refused_and_blames_the_field(api: Api) -> None:
    answer = api.post(api.named("Newsletter subscribers"), daily_budget="99")
    assert answer.error == (100, 1885272)
    assert json.loads(answer.json["error"]["error_data"]) == {
        "blame_field_specs": [["daily_budget"]]
    }
    assert answer.json["error"]["is_transient"] is False


def test_a_campaign_budget_must_cover_the_minimum_of_each_ad_set(api: Api) -> None:
    assert api.post(api.named(BLACK_FRIDAY), daily_budget="299").error == (100, 2238055)


def test_a_budget_over_a_million_is_refused(api: Api) -> None:
    answer = api.post(api.named(BLACK_FRIDAY), daily_budget=str(100_000_001))
    assert answer.error == (100, 1885261)


def test_a_cut_must_leave_a_tenth_above_what_was_spent_today(api: Api) -> None:
    campaign = api.named(BLACK_FRIDAY)
    today = api.rows(f"{campaign}/insights", fields="spend", date_preset="today")
    spent = round(float(today[0]["spend"]) * 100)
    lowest = -(-spent * 11 // 10)
    assert api.post(campaign, daily_budget=str(lowest - 1)).error == (100, 1885650)
    assert api.post(campaign, daily_budget=str(lowest)).json == {"success": True}


def test_a_lifetime_budget_is_cut_against_all_that_was_spent(api: Api) -> None:
    campaign = api.named("Gift Guide - BE (lifetime)")
    assert api.post(campaign, lifetime_budget="100000").error == (100, 1885650)
    assert api.post(campaign, lifetime_budget="320000").json == {"success": True}
    assert api.post(campaign, daily_budget="5000").error == (100, 1885270)


def test_the_fifth_budget_change_of_an_ad_set_within_an_hour_is_refused(api: Api) -> None:
    adset = api.named("Visitors 14d - Dynamic")
    for amount in (12100, 12200, 12300, 12400):
        assert api.post(adset, daily_budget=str(amount)).status == 200
    answer = api.post(adset, daily_budget="12500")
    assert (answer.status, answer.error) == (400, (613, 1487632))
    api.sandbox.advance(timedelta(minutes=59))
    assert api.post(adset, daily_budget="12500").error == (613, 1487632)
    api.sandbox.advance(timedelta(minutes=1))
    assert api.post(adset, daily_budget="12500").status == 200


def test_sending_the_present_budget_again_is_no_change(api: Api) -> None:
    adset = api.named("Visitors 14d - Dynamic")
    for _ in range(6):
        assert api.post(adset, daily_budget="12000").status == 200
    assert api.rows(f"{api.act}/activities", oid=adset) == []


def test_an_empty_budget_is_accepted_and_ignored(api: Api) -> None:
    campaign = api.named(BLACK_FRIDAY)
    assert api.post(campaign, daily_budget="").json == {"success": True}
    assert budget(api, campaign) == 50000


@pytest.mark.parametrize(
    ("name", "subcode"), [("Summer Sale 2026", 1487566), ("Influencer test (old)", 1487566)]
)
def test_what_is_archived_or_deleted_cannot_be_changed(api: Api, name: str, subcode: int) -> None:
    campaign = api.named(name)
    assert api.post(campaign, status="ACTIVE").error == (100, subcode)
    assert api.post(campaign, daily_budget="5000").error == (100, subcode)
    assert api.post(campaign, name="Renamed").json == {"success": True}


def test_an_archived_campaign_can_be_deleted(api: Api) -> None:
    assert api.post(api.named("Summer Sale 2026"), status="DELETED").json == {"success": True}


def test_a_legacy_advantage_campaign_is_read_only(api: Api) -> None:
    campaign = api.named("ASC | Legacy shopping")
    assert api.post(campaign, daily_budget="33000").error == (100, None)
    assert api.post(campaign, status="PAUSED").error == (100, None)


@pytest.mark.parametrize(
    "form",
    [
        {"status": "SLEEPING"},
        {"daily_budget": "12.5"},
        {"daily_budget": "-100"},
        {"bid_amount": "1"},
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(api: Api, form: dict[str, str]) -> None:
    assert api.post(api.named(BLACK_FRIDAY), **form).error == (100, None)


def test_a_refused_request_changes_nothing_of_what_it_asked_for(api: Api) -> None:
    campaign = api.named(BLACK_FRIDAY)
    assert api.post(campaign, status="PAUSED", daily_budget="1").error == (100, 1885272)
    assert api.read(campaign, fields="status")["status"] == "ACTIVE"


def test_writing_to_what_does_not_exist_or_is_no_object_is_refused(api: Api) -> None:
    assert api.post("999", status="PAUSED").error == (100, 33)
    assert api.post(api.act, name="Mine").error == (100, 33)


def test_a_json_body_is_understood_like_a_form(api: Api) -> None:
    campaign = api.named(BLACK_FRIDAY)
    connection = http.client.HTTPConnection(api.base_url.removeprefix("http://"))
    connection.request(
        "POST",
        f"/v26.0/{campaign}",
        json.dumps({"daily_budget": 55000, "execution_options": []}),
        {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"},
    )
    assert json.loads(connection.getresponse().read()) == {"success": True}
    connection.close()
    assert budget(api, campaign) == 55000


@pytest.mark.parametrize("body", ["{", "[1]", ""])
def test_a_json_body_that_says_nothing_changes_nothing(api: Api, body: str) -> None:
    campaign = api.named(BLACK_FRIDAY)
    connection = http.client.HTTPConnection(api.base_url.removeprefix("http://"))
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    connection.request("POST", f"/v26.0/{campaign}", body, headers)
    assert json.loads(connection.getresponse().read()) == {"success": True}
    connection.close()
    assert api.rows(f"{api.act}/activities", oid=campaign) == []


def test_a_budget_edit_does_not_move_updated_time_but_a_pause_does(api: Api) -> None:
    campaign = api.named(BLACK_FRIDAY)
    before = api.read(campaign, fields="updated_time")
    api.post(campaign, daily_budget="55000")
    assert api.read(campaign, fields="updated_time") == before
    api.post(campaign, status="PAUSED")
    assert api.read(campaign, fields="updated_time") != before


def test_in_a_currency_without_cents_budgets_are_whole_units() -> None:
    with build_world(1, 1, currency="JPY", days=3) as sandbox, sandbox.serving() as base_url:
        api = Api(base_url, sandbox)
        adset = api.rows(f"{api.act}/adsets", fields="daily_budget")[0]
        (row,) = api.rows(f"{api.act}/insights", fields="spend", date_preset="last_3d")
        assert row["spend"].isdecimal()
        assert int(adset["daily_budget"]) * 2 < int(row["spend"]) < int(adset["daily_budget"]) * 4


# --- the activity log -----------------------------------------------------------------------


def entries(api: Api, **params: object) -> list[dict[str, str]]:
    fields = (
        "event_type,event_time,actor_id,actor_name,application_id,application_name,object_id,"
        "object_name,object_type,extra_data"
    )
    return api.rows(f"{api.act}/activities", fields=fields, **params)


def test_a_write_through_the_api_is_logged_under_the_tokens_application(api: Api) -> None:
    campaign = api.named(BLACK_FRIDAY)
    api.post(campaign, daily_budget="60000")
    (entry,) = entries(api, oid=campaign)
    token = api.read("debug_token", input_token=TOKEN)["data"]
    assert entry["application_id"] == token["app_id"]
    assert entry["actor_id"] == token["user_id"]
    assert entry["event_type"] == "update_campaign_budget"
    assert entry["event_time"] == "2026-11-02T10:00:00+0000"
    extra = json.loads(entry["extra_data"])
    assert extra["old_value"] == {"old_value": 50000, "type": "Per day"}
    assert extra["new_value"] == {"new_value": 60000, "type": "Per day"}


def test_a_persons_edit_is_logged_under_another_actor_and_application(api: Api) -> None:
    adset = api.named("Visitors 14d - Dynamic")
    api.sandbox.edit(adset, daily_budget=13000, status="PAUSED")
    api.post(adset, status="ACTIVE")
    ours, *theirs = entries(api, oid=adset)
    assert {entry["actor_id"] for entry in theirs}.isdisjoint({ours["actor_id"]})
    assert {entry["application_id"] for entry in theirs}.isdisjoint({ours["application_id"]})
    assert {entry["event_type"] for entry in theirs} == {
        "update_ad_set_budget",
        "update_ad_set_run_status",
    }
    extra = json.loads(ours["extra_data"])
    assert (extra["old_value"], extra["new_value"]) == ("Inactive", "Active")


def test_a_dry_run_and_a_refusal_leave_no_entry(api: Api) -> None:
    campaign = api.named(BLACK_FRIDAY)
    api.post(campaign, daily_budget="60000", execution_options=["validate_only"])
    api.post(campaign, daily_budget="1")
    assert entries(api, oid=campaign) == []


def test_the_log_is_newest_first_and_can_be_paged_and_bounded(api: Api) -> None:
    everything = entries(api, since="2026-01-01", limit=3)
    times = [entry["event_time"] for entry in everything]
    assert times == sorted(times, reverse=True)
    assert everything == entries(api, since="2026-01-01", limit=500)
    assert len(everything) > 100
    recent = entries(api, since=str(int(api.sandbox.now().timestamp()) - 6 * 3600))
    assert [entry["object_name"] for entry in recent] == ["Bundles - Broad"]
    assert entries(api, until="2020-01-01") == []
    budgets = entries(api, category="BUDGET")
    assert {entry["event_type"] for entry in budgets} == {"update_ad_set_budget"}
    assert api.get(f"{api.act}/activities", since="whenever").error == (100, None)


def test_a_new_creative_goes_through_review(sandbox: Sandbox, api: Api) -> None:
    ad = api.named("Countdown - Reel")
    sandbox.edit(ad, creative="120200000000000001")
    found = api.read(ad, fields="creative{id},effective_status,status")
    assert found["creative"] == {"id": "120200000000000001"}
    assert (found["status"], found["effective_status"]) == ("ACTIVE", "PENDING_REVIEW")
    sandbox.advance(timedelta(hours=3))
    assert api.read(ad, fields="effective_status")["effective_status"] == "ACTIVE"
    assert [entry["event_type"] for entry in entries(api, oid=ad)] == ["update_ad_creative"]


def test_a_verdict_of_metas_can_be_set_by_hand(sandbox: Sandbox, api: Api) -> None:
    campaign = api.named(BLACK_FRIDAY)
    sandbox.edit(campaign, review="WITH_ISSUES")
    sandbox.edit(api.act, account_status=2)
    assert api.read(campaign, fields="effective_status")["effective_status"] == "WITH_ISSUES"
    assert api.read(api.act, fields="account_status")["account_status"] == 2
