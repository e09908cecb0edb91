from datetime import date, timedelta

import pytest

from tests.adapters.sandbox.api import ALL_STATUSES, Api, Json, purchases, value

TODAY = date(2026, 11, 2)
WINDOW = {"since": "2026-10-26", "until": "2026-11-01"}
FIELDS = "spend,impressions,clicks,actions,action_values"
EVERYTHING = [{"field": "ad.effective_status", "operator": "IN", "value": ALL_STATUSES}]


def cents(rows: list[Json]) -> int:
    return sum(round(float(row["spend"]) * 100) for row in rows)


def of(level: str, status: list[str]) -> list[Json]:
    return [{"field": f"{level}.effective_status", "operator": "IN", "value": status}]


@pytest.mark.parametrize("level", ["campaign", "adset", "ad"])
def test_rows_of_every_level_sum_to_the_account_when_gone_objects_are_asked_for(
    reader: Api, level: str
) -> None:
    def read(level: str, **params: object) -> list[Json]:
        return reader.rows(
            f"{reader.act}/insights", level=level, time_increment="1", limit=100,
            time_range=WINDOW, fields=FIELDS, **params,
        )  # fmt: skip

    account = read("account")
    rows = read(level, filtering=of(level, ALL_STATUSES))
    assert len(account) == 7
    assert cents(rows) == cents(account)
    assert sum(map(purchases, rows)) == sum(map(purchases, account)) > 1000
    assert sum(map(value, rows)) == pytest.approx(sum(map(value, account)))
    assert cents(account) - cents(read(level)) > 0  # by default without archived and deleted


def test_a_campaigns_row_is_the_sum_of_its_ads(reader: Api) -> None:
    campaign = reader.named("Prospecting - ES/PT")
    own = reader.rows(f"{campaign}/insights", fields=FIELDS, date_preset="last_7d")
    ads = reader.rows(f"{campaign}/insights", fields=FIELDS, date_preset="last_7d", level="ad")
    listed = [
        row
        for row in reader.rows(
            f"{reader.act}/insights", level="campaign", fields=f"campaign_id,{FIELDS}",
            date_preset="last_7d",
        )
        if row["campaign_id"] == campaign
    ]  # fmt: skip
    assert len(own) == 1
    assert cents(own) == cents(ads) == cents(listed)
    assert purchases(own[0]) == sum(map(purchases, ads)) == purchases(listed[0])


def test_last_7d_is_the_seven_complete_days_before_today(reader: Api) -> None:
    preset = reader.rows(f"{reader.act}/insights", level="ad", date_preset="last_7d", limit=500)
    ranged = reader.rows(f"{reader.act}/insights", level="ad", time_range=WINDOW, limit=500)
    assert preset == ranged
    assert {(row["date_start"], row["date_stop"]) for row in preset} == {
        ("2026-10-26", "2026-11-01")
    }


def test_the_default_range_is_last_30d_and_the_default_fields_are_impressions_and_spend(
    reader: Api,
) -> None:
    (row,) = reader.rows(f"{reader.act}/insights")
    assert row["date_start"] == "2026-10-03"
    assert set(row) == {"impressions", "spend", "date_start", "date_stop"}


def test_today_is_a_part_of_a_day(reader: Api) -> None:
    (today,) = reader.rows(f"{reader.act}/insights", date_preset="today", fields="spend")
    (before,) = reader.rows(f"{reader.act}/insights", date_preset="yesterday", fields="spend")
    assert 0.1 < float(today["spend"]) / float(before["spend"]) < 0.5
    assert today["date_start"] == today["date_stop"] == "2026-11-02"


@pytest.mark.parametrize("increment", ["1", "2", "7", "all_days"])
def test_however_the_days_are_cut_the_sum_is_the_same(reader: Api, increment: str) -> None:
    rows = reader.rows(
        f"{reader.act}/insights", level="adset", time_increment=increment, fields=FIELDS,
        time_range=WINDOW, limit=20,
    )  # fmt: skip
    whole = reader.rows(
        f"{reader.act}/insights", level="adset", fields=FIELDS, time_range=WINDOW, limit=500
    )
    assert cents(rows) == cents(whole)
    assert sum(map(purchases, rows)) == sum(map(purchases, whole))


def test_at_least_35_days_of_history_are_there(reader: Api) -> None:
    since = (TODAY - timedelta(days=40)).isoformat()
    rows = reader.rows(
        f"{reader.act}/insights", time_increment="1", fields="spend", limit=100,
        time_range={"since": since, "until": "2026-11-01"},
    )  # fmt: skip
    assert len(rows) == 40


def test_there_is_no_row_without_delivery(reader: Api) -> None:
    paused = reader.named("Spring Drop - PT")
    assert reader.rows(f"{paused}/insights", date_preset="last_3d") == []
    assert reader.rows(f"{reader.named('Summer Sale 2026')}/insights", date_preset="today") == []


@pytest.mark.parametrize("level", ["account", "campaign", "adset", "ad"])
@pytest.mark.parametrize("limit", [3, 500])
def test_rows_by_country_sum_to_the_rows_without(reader: Api, level: str, limit: int) -> None:
    plain = reader.rows(
        f"{reader.act}/insights", level=level, time_range=WINDOW, fields=FIELDS, limit=500
    )
    split = reader.rows(
        f"{reader.act}/insights", level=level, time_range=WINDOW, fields=FIELDS, limit=limit,
        breakdowns="country",
    )  # fmt: skip
    assert cents(split) == cents(plain)
    assert sum(map(purchases, split)) == sum(map(purchases, plain))
    assert all(len(row["country"]) == 2 for row in split)


def test_spain_has_under_35_percent_of_the_spend(reader: Api) -> None:
    rows = reader.rows(
        f"{reader.act}/insights", level="account", date_preset="last_7d", breakdowns="country"
    )
    spain = [row for row in rows if row["country"] == "ES"]
    assert 0.25 < cents(spain) / cents(rows) < 0.34


def test_a_filter_by_another_level_adds_up_only_what_it_lets_through(reader: Api) -> None:
    def read(level: str, **params: object) -> list[Json]:
        return reader.rows(
            f"{reader.act}/insights", level=level, date_preset="last_7d", fields=FIELDS,
            limit=500, **params,
        )  # fmt: skip

    gone = read("account", filtering=of("campaign", ["ARCHIVED", "DELETED"]))
    live = read("account", filtering=of("campaign", ["ACTIVE", "WITH_ISSUES"]))
    assert cents(gone) + cents(live) == cents(read("account"))
    assert cents(gone) == cents(
        read("campaign", filtering=of("campaign", ["ARCHIVED", "DELETED"]))
    )
    one = reader.named("Evergreen - FR")
    by_id = [{"field": "campaign.id", "operator": "EQUAL", "value": one}]
    assert cents(read("ad", filtering=by_id)) == cents(read("campaign", filtering=by_id)) > 0


@pytest.mark.parametrize("increment", ["1", "7", "3"])
def test_filtered_rows_can_be_paged(reader: Api, increment: str) -> None:
    def read(limit: int) -> list[Json]:
        return reader.rows(
            f"{reader.act}/insights", level="campaign", time_range=WINDOW, limit=limit,
            fields="campaign_id,spend", time_increment=increment, filtering=EVERYTHING,
        )  # fmt: skip

    assert read(4) == read(500)


def test_the_same_purchases_stand_under_several_names(reader: Api) -> None:
    (row,) = reader.rows(f"{reader.act}/insights", fields=FIELDS, date_preset="last_7d")
    counts = {action["action_type"]: action["value"] for action in row["actions"]}
    assert (
        counts["omni_purchase"]
        == counts["purchase"]
        == counts["offsite_conversion.fb_pixel_purchase"]
    )
    assert int(counts["link_click"]) > int(counts["omni_purchase"])
    assert [action["value"] for action in row["action_values"]].count(
        row["action_values"][0]["value"]
    ) == len(row["action_values"])


def test_a_lead_campaign_has_leads_and_no_purchases(reader: Api) -> None:
    campaign = reader.named("Lead form - Trade customers")
    (row,) = reader.rows(f"{campaign}/insights", fields=FIELDS, date_preset="last_7d")
    assert "action_values" not in row
    kinds = {action["action_type"] for action in row["actions"]}
    assert "lead" in kinds
    assert not any("purchase" in kind for kind in kinds)


def test_a_row_names_its_entity_its_parents_and_the_currency(reader: Api) -> None:
    ad = reader.named("Variant B - Low Performer")
    fields = (
        "account_id,account_currency,campaign_id,campaign_name,adset_id,adset_name,ad_id,ad_name,"
        "objective,optimization_goal,ctr,cpm,cpc,reach,frequency,purchase_roas"
    )
    (row,) = reader.rows(f"{ad}/insights", fields=fields, date_preset="last_7d")
    assert row["ad_id"] == ad
    assert row["campaign_name"] == "Prospecting - ES/PT"
    assert row["adset_name"] == "Interests - Home decor"
    assert row["account_currency"] == "USD"
    assert float(row["purchase_roas"][0]["value"]) < 0.9


def test_a_summary_adds_up_all_pages(reader: Api) -> None:
    page = reader.read(
        f"{reader.act}/insights", level="ad", limit=2, fields="spend", date_preset="last_7d",
        summary="true",
    )  # fmt: skip
    rows = reader.rows(
        f"{reader.act}/insights", level="ad", limit=500, fields="spend", date_preset="last_7d"
    )
    assert round(float(page["summary"]["spend"]) * 100) == cents(rows)


@pytest.mark.parametrize(
    "params",
    [
        {"level": "planet"},
        {"fields": "spend,foo"},
        {"time_range": {"since": "yesterday", "until": "2026-11-01"}},
        {"time_range": {"since": "2026-11-02", "until": "2026-11-01"}},
        {"time_increment": "0"},
        {"time_increment": "91"},
        {"date_preset": "lifetime"},
        {"breakdowns": "age"},
        {"filtering": [{"field": "ad.spend", "operator": "IN", "value": "1"}]},
        {"after": "MQ"},
    ],
)
def test_a_question_that_makes_no_sense_is_refused(reader: Api, params: Json) -> None:
    assert reader.get(f"{reader.act}/insights", **params).error == (100, None)
