"""Distributions over countries: planned ones, an account's present one, and what a change does."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meta_autonomous.decision.geo import country_code, excesses, geography_of, has_ended
from meta_autonomous.decision.limits import Limits
from meta_autonomous.decision.policy_engine import GEO_DISTRIBUTION
from meta_autonomous.domain.action import Action
from meta_autonomous.domain.entities import AccountSnapshot, AdSet, Budget, BudgetKind
from meta_autonomous.domain.verdict import Ruling, Verdict
from tests.builders import (
    NOW,
    a_campaign,
    a_case,
    a_leg,
    a_reallocation,
    a_resume,
    a_scale_up,
    a_situation,
    a_snapshot,
    an_ad,
    an_adset,
    usd,
)


def over_countries(**budgets: int) -> tuple[list[AdSet], AccountSnapshot]:
    """A campaign of one ad set per country, each with that many dollars a day."""
    adsets = [an_adset(code, budget=amount, countries=(code,)) for code, amount in budgets.items()]
    return adsets, a_snapshot(a_campaign(budget=None), *adsets)


def geo(action: Action, snapshot: AccountSnapshot, **case: Any) -> Verdict:
    return GEO_DISTRIBUTION.judge(action, a_case(snapshot, **case))


def shares(snapshot: AccountSnapshot) -> dict[str, Decimal]:
    return dict(geography_of(snapshot, NOW).distribution)


# --- distributions ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("distribution", "found"),
    [
        ({"ES": "0.35", "FR": "0.65"}, {}),
        ({"ES": "0.30", "FR": "0.70"}, {"ES": "0.05"}),
        ({"ES": "0.28", "FR": "0.72"}, {"ES": "0.07", "FR": "0.02"}),
        ({"ES": "0.75", "FR": "0.25"}, {"ES": "0.05"}),
        ({"ES": "1"}, {}),
        ({"FR": "1"}, {"FR": "0.30"}),
        ({"ES": "0", "FR": "0.6", "PT": "0.4"}, {"ES": "0.35"}),
        ({}, {}),
    ],
)
def test_the_excess_of_a_country_is_how_far_it_is_outside(
    distribution: dict[str, str], found: dict[str, str]
) -> None:
    given_shares = {code: Decimal(share) for code, share in distribution.items()}

    assert excesses(given_shares, min_spain=Decimal("0.35"), max_single=Decimal("0.70")) == {
        code: Decimal(excess) for code, excess in found.items()
    }


@pytest.mark.parametrize(("name", "code"), [("es", "ES"), (" Spain ", "ES"), ("FR", "FR")])
def test_countries_are_told_by_their_codes(name: str, code: str) -> None:
    assert country_code(name) == code


@pytest.mark.parametrize("name", ["", "E", "France", "unknown", "é1", "12"])
def test_what_is_no_code_is_no_country(name: str) -> None:
    with pytest.raises(ValueError, match="two-letter"):
        country_code(name)


# --- an account's geography ---------------------------------------------------------------------


def test_delivered_spend_divides_a_budget_and_targeting_where_nothing_was_delivered() -> None:
    adsets = [
        an_adset("s1", budget=100, countries=("ES", "FR")),
        an_adset("s2", budget=100, countries=("ES", "PT")),
    ]
    snapshot = a_snapshot(
        a_campaign(budget=None), *adsets, countries={"s1": {"ES": 3_000_000, "FR": 1_000_000}}
    )

    assert shares(snapshot) == {
        "ES": Decimal("0.625"),
        "FR": Decimal("0.125"),
        "PT": Decimal("0.25"),
    }


def test_a_campaigns_budget_follows_what_its_active_ad_sets_delivered() -> None:
    snapshot = a_snapshot(
        a_campaign(budget=100),
        an_adset("s1", countries=("ES",)),
        an_adset("s2", countries=("FR",)),
        an_adset("s3", countries=("PT",), status="PAUSED"),
        countries={
            "s1": {"ES": 1_000_000},
            "s2": {"FR": 3_000_000, "IT": -5},
            "s3": {"PT": 9_000_000},
        },
    )

    assert shares(snapshot) == {"ES": Decimal("0.25"), "FR": Decimal("0.75"), "IT": 0}


def test_without_delivery_a_campaigns_ad_sets_count_alike() -> None:
    snapshot = a_snapshot(
        a_campaign(budget=100),
        an_adset("s1", countries=("ES",)),
        an_adset("s2", countries=("FR", "PT")),
    )

    assert shares(snapshot) == {
        "ES": Decimal("0.5"),
        "FR": Decimal("0.25"),
        "PT": Decimal("0.25"),
    }


def test_a_targeted_country_without_delivery_is_included_with_nothing() -> None:
    snapshot = a_snapshot(
        a_campaign(budget=100),
        an_adset("s1", countries=("ES", "FR")),
        countries={"s1": {"FR": 1}},
    )

    assert shares(snapshot) == {"ES": 0, "FR": 1}


@pytest.mark.parametrize(
    "changes",
    [{"status": "PAUSED"}, {"ends_at": NOW}, {"budget": None}],
)
def test_what_can_not_be_spent_is_not_distributed(changes: dict[str, Any]) -> None:
    idle = an_adset("s2", **{"budget": 900, "countries": ("FR",)} | changes)
    snapshot = a_snapshot(a_campaign(budget=None), an_adset("s1", budget=100), idle)

    assert shares(snapshot) == {"ES": 1}


def test_paused_ended_and_empty_campaigns_distribute_nothing() -> None:
    ended = Budget(BudgetKind.LIFETIME, usd(900), usd(900), NOW)
    snapshot = a_snapshot(
        a_campaign("c1", budget=100),
        an_adset("s1", campaign="c1"),
        a_campaign("c2", budget=900, status="PAUSED"),
        an_adset("s2", campaign="c2", countries=("FR",)),
        a_campaign("c3", budget=900, stops_at=NOW),
        an_adset("s3", campaign="c3", countries=("FR",)),
        a_campaign("c4", budget=900),
        a_campaign("c5", budget=ended),
        an_adset("s5", campaign="c5", countries=("FR",)),
    )

    assert shares(snapshot) == {"ES": 1}


def test_an_ad_has_no_end_of_its_own() -> None:
    assert not has_ended(an_ad(), NOW)


@pytest.mark.parametrize("countries", [None, (), ("worldwide",)])
def test_targeting_that_names_no_country_is_unknown(countries: tuple[str, ...] | None) -> None:
    snapshot = a_snapshot(
        a_campaign(budget=None),
        an_adset("s1", budget=300),
        an_adset("s2", budget=100, countries=countries),
    )

    assert geography_of(snapshot, NOW).unknown_share == Decimal("0.25")
    assert shares(snapshot) == {"ES": 1}


def test_delivery_that_meta_could_not_place_is_unknown() -> None:
    snapshot = a_snapshot(
        a_campaign(budget=100),
        an_adset("s1"),
        countries={"s1": {"ES": 3, "unknown": 1}},
    )

    assert geography_of(snapshot, NOW).unknown_share == Decimal("0.25")


def test_an_account_without_a_budget_has_no_known_country() -> None:
    nothing = geography_of(a_snapshot(a_campaign(budget=None)), NOW)

    assert nothing.unknown_share == 1
    assert nothing.distribution == {}


# --- what a change does -------------------------------------------------------------------------


def test_an_increase_may_bring_spain_down_to_its_share_and_no_further() -> None:
    adsets, snapshot = over_countries(ES=350, FR=600)

    assert geo(a_scale_up(adsets[1], to=650), snapshot)
    refused = geo(a_scale_up(adsets[1], to=651), snapshot)
    assert not refused
    assert refused.limit == Decimal("0.35")
    assert "ES has 34.97 % and needs at least 35 %" in refused.message


def test_an_increase_may_bring_one_country_up_to_its_limit_and_no_further() -> None:
    adsets, snapshot = over_countries(FR=600, PT=300)

    assert geo(a_scale_up(adsets[0], to=700), snapshot)
    refused = geo(a_scale_up(adsets[0], to=701), snapshot)
    assert not refused
    assert refused.limit == Decimal("0.70")
    assert "FR has 70.03 % and needs at most 70 %" in refused.message


def test_a_violation_that_does_not_grow_only_warns() -> None:
    adsets, snapshot = over_countries(ES=100, FR=900)

    better = geo(a_scale_up(adsets[0], to=120), snapshot)
    assert better
    assert better.ruling is Ruling.WARN
    assert not geo(a_scale_up(adsets[1], to=910), snapshot)


def test_one_foreign_country_alone_stays_as_far_out_as_it_is() -> None:
    adsets, snapshot = over_countries(FR=900)

    verdict = geo(a_scale_up(adsets[0], to=1000), snapshot)

    assert verdict
    assert verdict.ruling is Ruling.WARN


def test_scaling_everything_by_the_same_is_no_growth_in_spite_of_rounding() -> None:
    snapshot = a_snapshot(
        a_campaign(budget=300),
        an_adset("s1", countries=("ES", "FR", "PT")),
        countries={"s1": {"ES": 1, "FR": 5, "PT": 1}},
    )

    assert geo(a_scale_up(a_campaign(budget=300), to="333.33"), snapshot)


def test_what_was_granted_before_is_the_present_of_the_next() -> None:
    adsets, snapshot = over_countries(ES=350, FR=600)
    granted = (a_scale_up(adsets[0], to=400),)

    assert geo(a_scale_up(adsets[1], to=700), snapshot, granted_geo=granted)
    assert not geo(a_scale_up(adsets[1], to=700), snapshot)
    nothing = (a_resume(adsets[0]),)
    assert not geo(a_scale_up(adsets[1], to=700), snapshot, granted_geo=nothing)


def test_a_reallocation_is_judged_by_both_sides() -> None:
    adsets, snapshot = over_countries(ES=400, FR=600)

    assert geo(a_reallocation(adsets[0], adsets[1], 50), snapshot)
    assert not geo(a_reallocation(adsets[0], adsets[1], 51), snapshot)
    assert geo(a_reallocation(adsets[1], adsets[0], 100), snapshot)


@pytest.mark.parametrize(("worldwide", "is_allowed"), [(105, True), (106, False)])
def test_more_than_a_tenth_of_unknown_countries_blocks_increases(
    worldwide: int, is_allowed: bool
) -> None:
    adsets = [
        an_adset("s1", budget=900),
        an_adset("s2", budget=worldwide, countries=None),
    ]
    snapshot = a_snapshot(a_campaign(budget=None), *adsets)

    verdict = geo(a_scale_up(adsets[0], to=945), snapshot)

    assert bool(verdict) is is_allowed
    assert is_allowed or "unknown" in verdict.message


def test_an_increase_of_what_the_geography_does_not_know_is_unknown() -> None:
    _, snapshot = over_countries(ES=350, FR=600)
    strange = an_adset("strange", budget=100)

    assert not geo(a_scale_up(strange, to=300), snapshot)


def test_a_geography_computed_beforehand_is_used() -> None:
    adsets, snapshot = over_countries(ES=350, FR=600)
    geography = replace(geography_of(snapshot, NOW), unknown=Decimal(10**9))
    situation = a_situation(snapshot, geography=geography)

    verdict = GEO_DISTRIBUTION.judge(a_scale_up(adsets[0], to=360), a_case(situation=situation))

    assert not verdict


def test_the_country_that_is_furthest_out_is_told() -> None:
    adsets, snapshot = over_countries(ES=300, FR=700)

    refused = geo(a_scale_up(adsets[1], to=770), snapshot)

    assert "ES has 28.04 % and needs at least 35 %" in refused.message


def test_the_largest_countries_are_named() -> None:
    adsets, snapshot = over_countries(ES=60, FR=10, PT=10, IT=10, DE=10)
    assert "more" not in geo(a_scale_up(adsets[0], to=61), snapshot).message
    adsets, snapshot = over_countries(ES=40, FR=10, PT=10, IT=10, DE=10, BE=10, NL=10)

    verdict = geo(a_scale_up(adsets[0], to=41), snapshot)

    assert "ES 40.59 %, BE 9.9 %, DE 9.9 %, FR 9.9 %, IT 9.9 % and 2 more" in verdict.message


@given(
    budgets=st.dictionaries(
        st.sampled_from(["ES", "FR", "PT", "IT"]), st.integers(1, 1000), min_size=1
    ),
    raised=st.integers(1, 500),
    delivered=st.dictionaries(st.sampled_from(["ES", "FR", "DE"]), st.integers(0, 10**9)),
)
def test_what_passes_does_not_bring_the_account_further_out(
    budgets: dict[str, int], raised: int, delivered: dict[str, int]
) -> None:
    adsets, _ = over_countries(**budgets)
    snapshot = a_snapshot(a_campaign(budget=None), *adsets, countries={adsets[0].id: delivered})
    leg = a_leg(adsets[0], budgets[adsets[0].id] + raised)
    limits = Limits()

    def excess(geography: Any) -> Decimal:
        found = excesses(
            geography.distribution,
            min_spain=limits.min_spain_percentage,
            max_single=limits.max_single_country_pct,
        )
        return sum(found.values(), Decimal(0))

    before = geography_of(snapshot, NOW)
    after = before.shifted([leg])
    verdict = geo(a_scale_up(adsets[0], to=leg.proposed), snapshot)

    assert abs(sum(after.distribution.values()) - 1) < Decimal("1e-20")
    if verdict:
        assert excess(after) <= excess(before) + Decimal("0.000001")


def test_an_ad_in_the_snapshot_has_no_say_in_the_geography() -> None:
    assert shares(a_snapshot(a_campaign(), an_adset(), an_ad())) == {"ES": 1}
