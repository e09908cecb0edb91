"""The guard rails through the public face: eight of policy, six of safety.

Four of the worker and one of policy and safety working together follow at the end.
"""

from datetime import UTC, datetime, timedelta

import pytest

from meta_autonomous import PolicyEngine, SafetyEngine
from meta_autonomous.decision.limits import Limits

NOW = datetime(2026, 3, 11, 12, tzinfo=UTC)


@pytest.fixture
def policy() -> PolicyEngine:
    return PolicyEngine(Limits(), clock=lambda: NOW)


@pytest.fixture
def safety() -> SafetyEngine:
    return SafetyEngine(Limits(), clock=lambda: NOW)


# --- policy engine ------------------------------------------------------------------------------


def test_policy_suggest_mode_allows_a_change_of_20_percent_and_blocks_more(
    policy: PolicyEngine,
) -> None:
    assert policy.can_scale_budget(500, 600)
    blocked = policy.can_scale_budget(500, 750)
    assert not blocked
    assert "at most 20 %" in blocked.reason


def test_policy_auto_mode_allows_a_change_of_10_percent_and_blocks_more(
    policy: PolicyEngine,
) -> None:
    assert policy.can_scale_budget(500, 550, is_auto=True)
    assert not policy.can_scale_budget(500, 575, is_auto=True)


def test_policy_pause_is_always_allowed(policy: PolicyEngine) -> None:
    assert policy.can_scale_budget(500, 0, is_auto=True)
    assert policy.validate_action("pause", {"target_id": "1"}, {})


def test_policy_hard_stop_triggers_correctly(policy: PolicyEngine) -> None:
    assert policy.must_halt(0.7, 0.82, 450)
    assert not policy.must_halt(0.7, 0.69, 450)
    assert not policy.must_halt(0.9, 0.82, 450)
    assert not policy.must_halt(3.2, 0.85, 450)


def test_policy_geo_distribution_needs_35_percent_for_spain(policy: PolicyEngine) -> None:
    assert policy.validate_geo_distribution({"ES": 0.40, "MX": 0.60}, ["ES", "MX"])
    blocked = policy.validate_geo_distribution({"ES": 0.30, "MX": 0.70}, ["ES", "MX"])
    assert not blocked
    assert "35 %" in blocked.reason


def test_policy_geo_distribution_gives_no_country_more_than_70_percent_but_spain_alone(
    policy: PolicyEngine,
) -> None:
    assert policy.validate_geo_distribution({"MX": 0.70, "AR": 0.30}, ["MX", "AR"])
    assert not policy.validate_geo_distribution({"MX": 0.75, "AR": 0.25}, ["MX", "AR"])
    assert policy.validate_geo_distribution({"ES": 1.0}, ["ES"])


def test_policy_geo_distribution_must_sum_to_one(policy: PolicyEngine) -> None:
    assert policy.validate_geo_distribution({"ES": 0.4, "MX": 0.601}, ["ES", "MX"])
    assert not policy.validate_geo_distribution({"ES": 0.4, "MX": 0.5}, ["ES", "MX"])


def test_policy_creatives_need_human_approval_and_48_hours_between_changes(
    policy: PolicyEngine,
) -> None:
    approved = {"is_human_approved": True}
    assert policy.can_change_creative(approved, NOW - timedelta(hours=48))
    assert not policy.can_change_creative(approved, NOW - timedelta(hours=47))
    assert not policy.can_change_creative({"is_human_approved": False}, None)


# --- safety engine ------------------------------------------------------------------------------


def test_safety_prevents_overspend(safety: SafetyEngine) -> None:
    assert safety.prevent_overspend(4200, 600)
    blocked = safety.prevent_overspend(9500, 600)
    assert not blocked
    assert blocked.observed == 10_100
    assert blocked.limit == 10_000


def test_safety_keeps_the_embargo_of_new_entities(safety: SafetyEngine) -> None:
    assert safety.enforce_embargo_period(NOW - timedelta(days=10), 48)
    assert not safety.enforce_embargo_period(NOW - timedelta(hours=10), 48)


def test_safety_blocks_unapproved_creatives(safety: SafetyEngine) -> None:
    assert safety.block_unapproved_creatives({"is_human_approved": True})
    assert not safety.block_unapproved_creatives({"is_human_approved": False})


def test_safety_needs_minimum_data(safety: SafetyEngine) -> None:
    assert safety.check_minimum_data(15_000, 450)
    assert not safety.check_minimum_data(999, 450)
    assert not safety.check_minimum_data(15_000, 99)


def test_safety_limits_the_rate_of_actions_on_one_entity(safety: SafetyEngine) -> None:
    assert safety.check_action_rate_limit("1", None)
    assert safety.check_action_rate_limit("1", NOW - timedelta(hours=24))
    assert not safety.check_action_rate_limit("1", NOW - timedelta(hours=3))


def test_safety_checks_that_roas_and_confidence_are_sane(safety: SafetyEngine) -> None:
    assert safety.validate_roas_confidence(3.2, 0.85)
    assert not safety.validate_roas_confidence(-0.5, 0.85)
    assert safety.validate_roas_confidence(0.2, 0.95).ruling == "warn"


# --- worker -------------------------------------------------------------------------------------


# --- integration --------------------------------------------------------------------------------
