"""Plans are judged before anything exists at Meta."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from meta_autonomous.decision.context import Totals
from meta_autonomous.decision.limits import Limits
from meta_autonomous.decision.planned import check_plan
from tests.builders import NOW

CAMPAIGN = {
    "kind": "campaign",
    "name": "Spring",
    "daily_budget_usd": 500,
    "pixel_id": "123",
    "countries": ["ES", "PT"],
    "distribution": {"ES": 0.4, "PT": 0.6},
    "creatives": [],
}
CREATIVE = {
    "kind": "creative",
    "creative_id": "cr1",
    "is_human_approved": True,
    "last_change_at": "2026-03-01T10:00:00Z",
}


def refused(plan: dict[str, Any], **changes: Any) -> list[str]:
    """The rules that refuse the plan."""
    limits = changes.pop("limits", Limits())
    verdicts = check_plan(plan, limits, now=NOW, **changes)
    return [verdict.rule for verdict in verdicts if not verdict]


def test_a_good_campaign_passes_every_rule_about_it() -> None:
    verdicts = check_plan(CAMPAIGN, Limits(), now=NOW)

    assert all(verdicts)
    assert [verdict.rule for verdict in verdicts] == [
        "policy.campaign_budget",
        "policy.roas_floor",
        "policy.geo_distribution",
        "policy.creative_approval",
        "safety.daily_spend",
    ]


@pytest.mark.parametrize(
    ("changes", "rules"),
    [
        ({"daily_budget_usd": 5000.01}, ["policy.campaign_budget"]),
        ({"daily_budget_usd": 10_001}, ["policy.campaign_budget", "safety.daily_spend"]),
        ({"daily_budget_usd": 0}, ["policy.campaign_budget"]),
        ({"daily_budget_usd": "x"}, ["policy.campaign_budget", "safety.daily_spend"]),
        ({"pixel_id": None}, ["policy.roas_floor"]),
        ({"countries": [], "distribution": None}, ["policy.geo_distribution"]),
        ({"distribution": {"ES": 0.3, "PT": 0.7}}, ["policy.geo_distribution"]),
        ({"distribution": {"ES": 0.4, "PT": 0.5}}, ["policy.geo_distribution"]),
        ({"distribution": None}, ["policy.geo_distribution"]),
        (
            {"creatives": [{"creative_id": "x", "is_human_approved": False}]},
            ["policy.creative_approval"],
        ),
    ],
)
def test_each_fault_of_a_planned_campaign_is_named(
    changes: dict[str, Any], rules: list[str]
) -> None:
    assert refused(CAMPAIGN | changes) == rules


@pytest.mark.parametrize(
    ("spent", "projected", "is_allowed"),
    [(9500, 9500, True), ("9500.01", 0, False), (0, "9500.01", False)],
)
def test_the_days_money_counts_where_it_is_known(
    spent: object, projected: object, is_allowed: bool
) -> None:
    totals = Totals(spent_usd=Decimal(str(spent)), projected_usd=Decimal(str(projected)))

    assert (refused(CAMPAIGN, totals=totals) == []) is is_allowed
    granted = totals.granting({"c1": Decimal("0.01")})
    assert refused(CAMPAIGN, totals=granted) == ["safety.daily_spend"]


def test_a_plan_counts_at_the_worst_case_in_the_projected_day() -> None:
    limits = Limits(daily_overspend_factor=Decimal("1.75"))
    totals = Totals(projected_usd=Decimal(10_000 - 1750), granted_usd={"c1": Decimal(500)})

    assert refused(CAMPAIGN, limits=limits, totals=totals) == []
    fuller = Totals(projected_usd=Decimal(10_001 - 1750), granted_usd={"c1": Decimal(500)})
    assert refused(CAMPAIGN, limits=limits, totals=fuller) == ["safety.daily_spend"]


def test_a_plan_may_fill_the_daily_cap_alone() -> None:
    limits = Limits(max_campaign_budget_usd=Decimal(20_000))

    assert refused(CAMPAIGN | {"daily_budget_usd": 10_000}, limits=limits) == []
    over = CAMPAIGN | {"daily_budget_usd": 10_000.01}
    assert refused(over, limits=limits) == ["safety.daily_spend"]


def test_a_day_that_is_not_known_in_whole_refuses_a_new_campaign() -> None:
    totals = Totals(unpriced=("account 1 was never read",))

    assert refused(CAMPAIGN, totals=totals) == ["safety.daily_spend"]


@pytest.mark.parametrize(
    ("changes", "is_allowed"),
    [
        ({}, True),
        ({"last_change_at": None}, True),
        ({"last_change_at": (NOW - timedelta(hours=48)).isoformat()}, True),
        ({"last_change_at": (NOW - timedelta(hours=47)).isoformat()}, False),
        ({"last_change_at": "2026-03-01T10:00:00"}, False),
        ({"last_change_at": "spring"}, False),
        ({"is_human_approved": False}, False),
        ({"is_human_approved": None}, False),
        ({"creative_id": " "}, False),
    ],
)
def test_a_planned_change_of_a_creative(changes: dict[str, Any], is_allowed: bool) -> None:
    rules = [] if is_allowed else ["policy.creative_approval"]

    assert refused(CREATIVE | changes) == rules


@pytest.mark.parametrize("key", ["creative_id", "is_human_approved", "last_change_at"])
def test_a_planned_change_that_leaves_something_out_is_refused(key: str) -> None:
    plan = {name: value for name, value in CREATIVE.items() if name != key}

    assert refused(plan) == ["policy.creative_approval"]


@pytest.mark.parametrize("kind", [None, "advert", 5])
def test_a_plan_of_another_kind_is_refused(kind: object) -> None:
    assert refused({"kind": kind}) == ["safety.sanity"]
