import json
from datetime import UTC
from email.utils import parsedate_to_datetime

import pytest

from meta_autonomous.adapters.sandbox import TOKEN
from tests.adapters.sandbox.api import ALL_STATUSES, Api


def test_an_answer_holds_only_the_fields_asked_for_and_the_id(reader: Api) -> None:
    page = reader.read(f"{reader.act}/campaigns", fields="name,status", limit=1)
    assert set(page["data"][0]) == {"id", "name", "status"}


def test_a_field_without_a_value_is_left_out(reader: Api) -> None:
    campaign = reader.named("Retargeting - FR/DE/IT")
    found = reader.read(campaign, fields="daily_budget,lifetime_budget,stop_time,objective")
    assert found == {"id": campaign, "objective": "OUTCOME_SALES"}


def test_a_field_that_does_not_exist_is_refused(reader: Api) -> None:
    answer = reader.get(f"{reader.act}/campaigns", fields="name,daily_spend")
    assert (answer.status, answer.error) == (400, (100, None))
    assert "nonexisting field (daily_spend)" in answer.json["error"]["message"]


def test_a_struct_is_narrowed_to_the_members_asked_for(reader: Api) -> None:
    adset = reader.named("LAL 2% - High value")
    found = reader.read(adset, fields="learning_stage_info{status},campaign{name,objective}")
    assert found["learning_stage_info"] == {"status": "LEARNING"}
    assert found["campaign"]["name"] == "Lookalike 2% - FR"


def test_a_page_holds_25_unless_asked(reader: Api) -> None:
    assert len(reader.read(f"{reader.act}/ads")["data"]) == 25


@pytest.mark.parametrize("limit", [1, 7, 200])
def test_walking_the_pages_finds_every_ad_once(reader: Api, limit: int) -> None:
    page = reader.read(f"{reader.act}/ads", limit=1, summary="true")
    ids = [row["id"] for row in reader.rows(f"{reader.act}/ads", limit=limit)]
    assert len(ids) == len(set(ids)) == page["summary"]["total_count"]


def test_the_last_page_has_a_cursor_but_no_next(reader: Api) -> None:
    paging = reader.read(f"{reader.act}/campaigns", limit=200)["paging"]
    assert "next" not in paging
    assert paging["cursors"]["after"]


def test_the_next_url_leads_to_the_next_page(reader: Api) -> None:
    page = reader.read(f"{reader.act}/campaigns", fields="name", limit=3)
    target = page["paging"]["next"].removeprefix(reader.base_url).lstrip("/")
    assert reader.send("GET", target).json["data"][0]["id"] > page["data"][-1]["id"]
    assert TOKEN not in target


def test_archived_and_deleted_campaigns_are_listed_only_when_asked_for(reader: Api) -> None:
    gone = {reader.named("Summer Sale 2026"), reader.named("Influencer test (old)")}
    shown = {row["id"] for row in reader.rows(f"{reader.act}/campaigns")}
    every = {
        row["id"] for row in reader.rows(f"{reader.act}/campaigns", effective_status=ALL_STATUSES)
    }
    assert every - shown == gone


def test_ads_can_be_filtered_by_their_own_and_their_campaigns_status(reader: Api) -> None:
    def names(field: str, status: str) -> set[str]:
        wanted = [{"field": field, "operator": "IN", "value": [status]}]
        rows = reader.rows(f"{reader.act}/ads", fields="name", filtering=wanted)
        return {row["name"] for row in rows}

    assert names("ad.effective_status", "DISAPPROVED") == {"Get your dream body"}
    assert names("campaign.effective_status", "DELETED") == {
        "@casa.bella - Reel",
        "@casa.bella - Story",
    }


def test_objects_can_be_filtered_by_id(reader: Api) -> None:
    wanted = [reader.named("Evergreen - FR"), reader.named("Clearance - IT")]
    by_id = [{"field": "campaign.id", "operator": "IN", "value": wanted}]
    campaigns = reader.rows(f"{reader.act}/campaigns", filtering=by_id)
    adsets = reader.rows(f"{reader.act}/adsets", filtering=by_id, fields="campaign_id")
    assert {row["id"] for row in campaigns} == set(wanted)
    assert {row["campaign_id"] for row in adsets} == set(wanted)


@pytest.mark.parametrize(
    "filtering",
    [
        [{"field": "campaign.shoe_size", "operator": "IN", "value": ["1"]}],
        [{"field": "campaign.effective_status", "operator": "LIKE", "value": "A"}],
        [{"field": "campaign.effective_status", "operator": "IN", "value": ["SLEEPY"]}],
        [{"field": "campaign.id", "operator": "IN", "value": ["not-an-id"]}],
        [{"field": "id", "operator": "IN", "value": ["9" * 30]}],
        [{"wrong": "shape"}],
        "not json",
    ],
)
def test_a_filter_that_cannot_be_understood_is_refused(reader: Api, filtering: object) -> None:
    assert reader.get(f"{reader.act}/campaigns", filtering=filtering).error == (100, None)


@pytest.mark.parametrize("params", [{"limit": "0"}, {"limit": "x"}, {"after": "!"}])
def test_nonsense_paging_is_refused(reader: Api, params: dict[str, str]) -> None:
    assert reader.get(f"{reader.act}/campaigns", **params).error == (100, None)


def test_children_can_be_read_through_their_parent(reader: Api) -> None:
    campaign = reader.named("Retargeting - FR/DE/IT")
    adsets = reader.rows(f"{campaign}/adsets", fields="name,daily_budget")
    assert [row["daily_budget"] for row in adsets] == ["12000", "10000", "9000", "8000"]
    assert len(reader.rows(f"{adsets[0]['id']}/ads")) == 2


def test_a_deleted_campaign_can_still_be_read_by_id(reader: Api) -> None:
    found = reader.read(reader.named("Influencer test (old)"), fields="status,effective_status")
    assert (found["status"], found["effective_status"]) == ("DELETED", "DELETED")


def test_a_campaign_budget_stands_on_the_campaign_alone(reader: Api) -> None:
    campaign = reader.named("Black Friday - ES")
    assert reader.read(campaign, fields="daily_budget")["daily_budget"] == "50000"
    assert all(
        "daily_budget" not in row
        for row in reader.rows(f"{campaign}/adsets", fields="daily_budget")
    )


def test_what_is_left_of_a_budget_is_the_budget_less_todays_spend(reader: Api) -> None:
    campaign = reader.named("Black Friday - ES")
    left = int(reader.read(campaign, fields="budget_remaining")["budget_remaining"])
    today = reader.rows(f"{campaign}/insights", fields="spend", date_preset="today")
    assert left == 50000 - round(float(today[0]["spend"]) * 100)


def test_ids_are_strings_of_18_digits_beyond_floating_point(reader: Api) -> None:
    for row in reader.rows(f"{reader.act}/ads", fields="creative{id}"):
        assert len(row["id"]) == 18
        assert int(float(row["id"])) != int(row["id"]) or int(row["id"]) > 2**53
        assert len(row["creative"]["id"]) == 18


def test_the_account_is_read_by_its_prefixed_id(reader: Api) -> None:
    found = reader.read(
        reader.act, fields="account_id,name,currency,timezone_name,account_status,spend_cap"
    )
    assert found["id"] == reader.act
    assert found["account_id"] == reader.sandbox.account_ids[0]
    assert (found["currency"], found["timezone_name"]) == ("USD", "Europe/Madrid")
    assert (found["account_status"], found["spend_cap"]) == (1, "0")
    listed = reader.rows("me/adaccounts", fields="account_id")
    assert [row["account_id"] for row in listed] == reader.sandbox.account_ids


def test_the_minimum_budget_is_told_for_the_accounts_currency(reader: Api) -> None:
    found = reader.read(f"{reader.act}/minimum_budgets")["data"][0]
    assert (found["currency"], found["min_daily_budget_imp"]) == ("USD", 100)


def test_an_automated_rule_shows_in_the_library_and_at_what_it_governs(reader: Api) -> None:
    governed = next(
        row
        for row in reader.rows(f"{reader.act}/campaigns", fields="name,adrules_governed{name}")
        if "adrules_governed" in row
    )
    rules = reader.rows(f"{reader.act}/adrules_library", fields="name,status,evaluation_spec")
    assert {(rule["name"], rule["status"]) for rule in rules} == {
        ("Protect loyalty ROAS", "ENABLED"),
        ("Old weekend rule", "DISABLED"),
    }
    assert governed["name"].startswith("Loyalty")
    assert governed["adrules_governed"]["data"][0]["name"] == "Protect loyalty ROAS"
    assert reader.read(f"{governed['id']}/adrules_governed")["data"][0]["id"] == rules[0]["id"]


# --- the front door -------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["1", "act_1", "act_120231870000420037", "abc", "9" * 25])
def test_an_unknown_object_is_error_100_33(reader: Api, path: str) -> None:
    answer = reader.get(path)
    assert (answer.status, answer.error) == (400, (100, 33))


def test_an_unknown_edge_is_refused(reader: Api) -> None:
    assert reader.get(f"{reader.act}/feed").error == (100, None)
    assert reader.get(f"{reader.named('Evergreen - FR')}/minimum_budgets").error == (100, None)
    assert reader.get(f"{reader.act}/campaigns/extra").error == (2500, None)


def test_reading_several_ids_is_a_500_with_code_100(reader: Api) -> None:
    answer = reader.get("", ids="1,2")
    assert (answer.status, answer.error) == (500, (100, None))


def test_deleting_is_not_supported(reader: Api) -> None:
    assert reader.send("DELETE", f"v26.0/{reader.named('Evergreen - FR')}").error == (100, 33)


@pytest.mark.parametrize("path", ["me", "v24.0/me", "v99.0/me"])
def test_a_call_without_a_served_version_is_error_2635(reader: Api, path: str) -> None:
    assert reader.send("GET", path).error == (2635, None)


def test_the_version_before_is_upgraded_with_a_warning(reader: Api) -> None:
    answer = reader.send("GET", "v25.0/me")
    assert answer.status == 200
    assert "auto-upgraded to v26.0" in answer.headers["x-ad-api-version-warning"]
    assert "x-ad-api-version-warning" not in reader.get("me").headers


@pytest.mark.parametrize(("token", "subcode"), [(None, None), ("stolen", 463)])
def test_another_token_than_the_sandboxes_is_error_190(
    reader: Api, token: str | None, subcode: int | None
) -> None:
    answer = reader.send("GET", "v26.0/me", token=token)
    assert (answer.status, answer.error) == (401, (190, subcode))


def test_the_token_describes_itself(reader: Api) -> None:
    facts = reader.read("debug_token", input_token=TOKEN)["data"]
    assert facts["is_valid"] is True
    assert facts["expires_at"] == 0
    assert {"ads_read", "ads_management"} <= set(facts["scopes"])
    assert reader.read("debug_token", input_token="x")["data"]["is_valid"] is False
    assert reader.read("me")["id"] == facts["user_id"]


@pytest.mark.parametrize("path", ["v26.0/me", "v26.0/1", "nowhere"])
def test_every_answer_carries_the_sandboxes_clock(reader: Api, path: str) -> None:
    headers = reader.send("GET", path).headers
    assert parsedate_to_datetime(headers["date"]).astimezone(UTC) == reader.sandbox.now()
    assert headers["facebook-api-version"] == "v26.0"
    assert headers["x-fb-trace-id"]
    assert headers["content-type"] == "application/json; charset=UTF-8"


def test_the_usage_headers_rise_slowly(reader: Api) -> None:
    def used() -> float:
        headers = reader.get(f"{reader.act}/insights").headers
        account = json.loads(headers["x-ad-account-usage"])
        assert json.loads(headers["x-fb-ads-insights-throttle"])["acc_id_util_pct"] < 90
        assert set(json.loads(headers["x-app-usage"])) == {
            "call_count",
            "total_time",
            "total_cputime",
        }
        use_case = json.loads(headers["x-business-use-case-usage"])
        assert use_case[reader.sandbox.account_ids[0]][0]["type"] == "ads_insights"
        return float(account["acc_id_util_pct"])

    assert 0 < used() < used() < 50
