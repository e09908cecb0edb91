"""`policies check FILE`: a plan in, a verdict of every rule out."""

import json
from datetime import UTC, datetime, timedelta

import pytest

CAMPAIGN = {
    "kind": "campaign",
    "name": "Spring - ES/PT",
    "daily_budget_usd": 400,
    "pixel_id": "123456789",
    "countries": ["ES", "PT"],
    "distribution": {"ES": 0.6, "PT": 0.4},
    "creatives": [],
}
CREATIVE = {
    "kind": "creative",
    "creative_id": "77",
    "is_human_approved": True,
    "last_change_at": None,
}


@pytest.fixture
def check(meta_auto, home):
    def run(plan, *arguments):
        (home / "plan.json").write_text(plan if isinstance(plan, str) else json.dumps(plan))
        return meta_auto("policies", "check", "plan.json", *arguments)

    return run


@pytest.mark.parametrize("plan", [CAMPAIGN, CREATIVE], ids=["campaign", "creative"])
def test_a_sound_plan_is_allowed(check, plan):
    done = check(plan, "--json")
    assert done.code == 0, done.out
    assert done.json["allowed"] is True
    assert done.json["platform"] == "sandbox"
    for verdict in done.json["verdicts"]:
        assert set(verdict) >= {"rule", "outcome", "observed", "limit", "message"}
    assert "Allowed" in check(plan).out


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"daily_budget_usd": 5001}, "policy.campaign_budget"),
        ({"daily_budget_usd": 0}, None),
        ({"daily_budget_usd": -5}, None),
        ({"daily_budget_usd": "nonsense"}, None),
        ({"pixel_id": None}, None),
        ({"countries": [], "distribution": {}}, None),
        ({"distribution": {"ES": 0.3, "PT": 0.7}}, "policy.geo_distribution"),
        ({"distribution": {"ES": 0.5, "PT": 0.4}}, "policy.geo_distribution"),
        ({"distribution": {"ES": 0.2, "PT": 0.8}}, "policy.geo_distribution"),
        ({"distribution": {"ES": 0.6, "IT": 0.4}}, None),
        ({"distribution": {"ES": 1.0}}, None),
        ({"countries": ["ES"]}, None),
        ({"kind": "wish"}, None),
    ],
)
def test_an_unsound_campaign_is_refused(check, change, rule):
    done = check(CAMPAIGN | change, "--json")
    assert done.code == 3, done.out
    assert done.json["allowed"] is False
    blocking = [one["rule"] for one in done.json["verdicts"] if one["outcome"] == "block"]
    assert blocking
    assert rule is None or rule in blocking
    assert "Refused" in check(CAMPAIGN | change).out


@pytest.mark.parametrize(
    "change",
    [
        {"is_human_approved": False},
        {"last_change_at": "2999-01-01T00:00:00Z"},
        {"creative_id": ""},
    ],
)
def test_an_unsound_creative_change_is_refused(check, change):
    assert check(CREATIVE | change).code == 3


def test_a_change_is_dated_by_this_worlds_clock_even_on_the_sandbox(check):
    changed_at = datetime.now(UTC) - timedelta(hours=49)
    assert check(CREATIVE | {"last_change_at": changed_at.isoformat()}).code == 0
    changed_at = datetime.now(UTC) - timedelta(hours=47)
    assert check(CREATIVE | {"last_change_at": changed_at.isoformat()}).code == 3


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"daily_budget_usd": NaN}'])
def test_what_is_no_plan_is_wrong_usage(check, text):
    done = check(text, "--json")
    assert done.code == 2
    assert "plan.json" in done.error["message"]


def test_a_plan_that_says_something_twice_is_wrong_usage_and_named(check):
    for twice in (
        '{"kind": "campaign", "daily_budget_usd": 900000, "daily_budget_usd": 5}',
        '{"kind": "campaign", "distribution": {"ES": 0.4, "FR": 0.6, "ES": 0.1}}',
    ):
        done = check(twice, "--json")
        assert done.code == 2
        assert "stands twice in one object" in done.error["message"]
        assert "'daily_budget_usd'" in done.error["message"] or "'ES'" in done.error["message"]


def test_a_missing_file_is_wrong_usage(meta_auto):
    assert meta_auto("policies", "check", "nowhere.json").code == 2
