"""The guard rails through the public face: eight of policy, six of safety.

Four of the worker and one of policy and safety working together follow at the end.
"""

import asyncio
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from meta_autonomous import AutonomousSettings, MetaAutoWorker, PolicyEngine, SafetyEngine
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

#: What the seed's tick tells.
SEED_FIELDS = {
    "success",
    "tick_started_at",
    "tick_completed_at",
    "campaigns_evaluated",
    "actions_generated",
    "actions_policy_blocked",
    "actions_safety_blocked",
    "actions_queued",
    "actions_executed",
    "actions_failed",
    "errors",
}


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., MetaAutoWorker]:
    """A worker on a sandbox of its own: nothing configured but what the test says."""
    for name in list(os.environ):
        if name.startswith(("META_", "MAX_", "MIN_", "HARD_STOP_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("META_AUTO_STATE_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    def build(**settings: Any) -> MetaAutoWorker:
        return MetaAutoWorker(settings=AutonomousSettings(**settings))

    return build


def ticked(worker: MetaAutoWorker) -> dict[str, Any]:
    return asyncio.run(worker.tick())


def outcomes(report: dict[str, Any], kind: str) -> set[str]:
    return {action["outcome"] for action in report["actions"] if action["type"] == kind}


def test_worker_tick_returns_the_seeds_fields(worker: Callable[..., MetaAutoWorker]) -> None:
    report = ticked(worker())
    assert set(report) >= SEED_FIELDS
    assert report["success"] is True
    assert report["campaigns_evaluated"] > 0
    assert report["actions_generated"] == len(report["actions"])


def test_worker_in_suggest_mode_queues_everything(worker: Callable[..., MetaAutoWorker]) -> None:
    report = ticked(worker(meta_auto_mode="suggest"))
    assert report["mode"] == "suggest"
    assert report["actions_queued"] > 0
    assert report["actions_executed"] == 0


def test_worker_in_auto_mode_executes_what_is_safe(worker: Callable[..., MetaAutoWorker]) -> None:
    report = ticked(worker(meta_auto_mode="auto"))
    assert report["actions_executed"] > 0
    done = [action for action in report["actions"] if action["outcome"] == "executed"]
    assert {action["type"] for action in done} <= {"pause", "scale_up", "scale_down"}
    assert all(abs(action["change_pct"] or 0) <= 0.1 for action in done)
    assert outcomes(report, "pause") == {"executed"}


def test_worker_is_initialised_with_its_settings(
    worker: Callable[..., MetaAutoWorker], tmp_path: Path
) -> None:
    database = tmp_path / "elsewhere.sqlite3"
    settings = AutonomousSettings(max_actions_per_tick=1, min_spain_percentage=0)
    chosen = MetaAutoWorker(f"sqlite:///{database}", settings)
    report = ticked(chosen)
    assert report["actions_queued"] == 1
    assert report["actions_deferred"] > 0
    assert database.exists()


# --- integration --------------------------------------------------------------------------------


def test_policy_and_safety_work_together(worker: Callable[..., MetaAutoWorker]) -> None:
    """Both engines judge every action; what either refuses is not done, and says why."""
    report = ticked(worker(meta_auto_mode="auto", max_daily_spend_usd=3_400))
    blocked = {action["outcome"] for action in report["actions"]} & {
        "policy_blocked",
        "safety_blocked",
    }
    assert blocked == {"policy_blocked", "safety_blocked"}
    for action in report["actions"]:
        engines = {verdict["rule"].partition(".")[0] for verdict in action["verdicts"]}
        assert engines >= {"policy", "safety"}
        refused = {v["rule"] for v in action["verdicts"] if v["outcome"] == "block"}
        assert bool(refused) is (action["outcome"] not in ("executed", "queued"))
