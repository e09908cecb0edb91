"""Every guard fires under the defaults; a setting that takes its teeth is found."""

import time
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from meta_autonomous.decision import selftest as module
from meta_autonomous.decision.limits import Freeze, Limits, Override, PolicyBook, Scope
from meta_autonomous.decision.policy_engine import POLICY_RULES
from meta_autonomous.decision.safety import SAFETY_RULES
from meta_autonomous.decision.selftest import GUARDS, Guard, SelfTest, State, selftest
from tests.builders import NOW

RULES = [rule.id for rule in (*POLICY_RULES, *SAFETY_RULES)]
NO_RULES = ["auto.action_types", "auto.confidence", "auto.size", "limits.actions_per_tick"]
NOT_CONFIGURED = ["limits.freeze", "limits.scope"]
#: Two guards that both mind what no person has approved, by design.
TWINS = {"policy.creative_approval": ("safety.creative",)}
HUGE = Decimal(10**12)

WINDOW = Freeze(starts_at=NOW - timedelta(days=3), ends_at=NOW - timedelta(days=2), reason="sale")
FULL = PolicyBook(scope=Scope(include=("BF *", "9001"), exclude=("*test*",)), freezes=(WINDOW,))


def under(**limits) -> SelfTest:
    return selftest(PolicyBook(limits=Limits(**limits)), now=NOW)


def names(guards) -> list[str]:
    return [guard.rule for guard in guards]


def guard_of(tested: SelfTest, rule: str) -> Guard:
    (found,) = [guard for guard in tested.guards if guard.rule == rule]
    return found


def test_every_guard_has_its_self_test():
    assert list(GUARDS) == RULES + NO_RULES
    assert {*module._PROBES, *module._OF_BOOK} == set(RULES)


@pytest.mark.parametrize("guard", selftest(FULL, now=NOW).guards, ids=lambda guard: guard.rule)
def test_by_default_each_guard_fires_alone_and_lets_the_harmless_pass(guard):
    assert guard.state is State.FIRES, guard
    assert guard.injected
    assert guard.message
    assert guard.also == TWINS.get(guard.rule, ())
    assert guard.lets_pass


def test_freeze_and_scope_are_off_when_not_configured():
    tested = selftest(PolicyBook(), now=NOW)
    assert tested.is_ok
    assert names(tested.off) == NOT_CONFIGURED
    assert "Not configured" in guard_of(tested, "limits.freeze").message


@pytest.mark.parametrize(
    ("limits", "dead"),
    [
        ({"max_daily_spend_usd": HUGE}, ["safety.daily_spend"]),
        ({"max_daily_spend_usd": Decimal(500_000)}, ["safety.daily_spend"]),
        ({"max_campaign_budget_usd": Decimal(100)}, ["safety.daily_spend"]),
        ({"max_campaign_budget_usd": HUGE}, ["policy.campaign_budget"]),
        (
            {"max_campaign_budget_usd": HUGE, "max_daily_spend_usd": HUGE},
            ["policy.campaign_budget", "safety.daily_spend"],
        ),
        ({"max_daily_change_pct": Decimal(1)}, ["policy.budget_change"]),
        (
            {"max_daily_change_pct": Decimal("0.5"), "max_auto_change_pct": Decimal("0.5")},
            ["policy.budget_change", "auto.size"],
        ),
        ({"min_spend_usd": HUGE}, ["policy.hard_stop"]),
        (
            {"min_spain_percentage": Decimal(0), "max_single_country_pct": Decimal("0.9999")},
            ["policy.geo_distribution"],
        ),
        ({"max_actions_per_tick": 100_000}, ["limits.actions_per_tick"]),
    ],
    ids=str,
)
def test_a_guard_that_nothing_can_wake_is_dead(limits, dead):
    tested = under(**limits)
    assert names(tested.dead) == dead
    assert not tested.is_ok
    assert all(guard.message for guard in tested.dead)


@pytest.mark.parametrize(
    "limits",
    [
        {"max_daily_spend_usd": Decimal(499_999)},
        {"max_daily_spend_usd": Decimal(0)},
        {"max_daily_spend_usd": Decimal(100)},
        {"max_daily_change_pct": Decimal(0), "max_auto_change_pct": Decimal(0)},
        {"min_spain_percentage": Decimal(0)},
        {"min_impressions": HUGE},
        {"max_actions_per_tick": 0},
        {"max_campaigns_per_tick": 100_000},
        {"max_campaigns_per_tick": 3},
        {"hard_stop_confidence": Decimal(1)},
        {"hard_stop_roas": Decimal(1000)},
        {"lookback_days": 1},
        {"lookback_days": 21},
        {"reallocate_ratio": Decimal(1000)},
        {"daily_overspend_factor": Decimal("1.75")},
        {"block_on_second_controller": True},
    ],
    ids=str,
)
def test_a_strict_guard_is_not_dead(limits):
    tested = under(**limits)
    assert names(tested.dead) == []
    assert names(tested.off) == NOT_CONFIGURED


def test_the_day_counts_every_campaign_at_its_cap():
    guard = guard_of(under(), "safety.daily_spend")
    assert (guard.observed, guard.limit) == (500_000, 10_000)
    assert (
        guard_of(under(max_campaigns_per_tick=7000), "safety.daily_spend").observed == 35_000_000
    )


@pytest.mark.parametrize(
    ("limits", "off", "says"),
    [
        ({"action_cooldown_hours": Decimal(0)}, "safety.cooldown", "ACTION_COOLDOWN_HOURS=0"),
        (
            {"min_impressions": Decimal(0), "min_spend_usd": Decimal(0)},
            "safety.minimum_data",
            "MIN_IMPRESSIONS=0 and MIN_SPEND_USD=0",
        ),
        (
            {"require_human_approval_creatives": False},
            "policy.creative_approval",
            "REQUIRE_HUMAN_APPROVAL_CREATIVES=false",
        ),
        (
            {"block_increase_while_learning": False},
            "safety.learning_phase",
            "BLOCK_INCREASE_WHILE_LEARNING=false",
        ),
        ({"min_age_hours": Decimal(0)}, "safety.embargo", "MIN_AGE_HOURS=0"),
        ({"hard_stop_roas": Decimal(0)}, "policy.hard_stop", "HARD_STOP_ROAS=0"),
        ({"min_auto_confidence": Decimal(0)}, "auto.confidence", "MIN_AUTO_CONFIDENCE=0"),
        (
            {"min_spain_percentage": Decimal(0), "max_single_country_pct": Decimal(1)},
            "policy.geo_distribution",
            "MIN_SPAIN_PERCENTAGE=0",
        ),
        (
            {"scale_up_roas": Decimal(0), "scale_down_roas": Decimal(0)},
            "policy.roas_floor",
            "SCALE_UP_ROAS=0",
        ),
    ],
    ids=str,
)
def test_an_explicit_neutral_value_is_off_not_dead(limits, off, says):
    tested = under(**limits)
    assert tested.is_ok
    assert [name for name in names(tested.off) if name not in NOT_CONFIGURED] == [off]
    assert says in guard_of(tested, off).message


def test_where_nothing_is_automatic_its_guards_are_off():
    tested = under(auto_action_types=frozenset())
    assert tested.is_ok
    assert {"auto.confidence", "auto.size"} <= set(names(tested.off))


def test_a_guard_that_stops_everything_says_so():
    assert not guard_of(under(max_daily_spend_usd=Decimal(0)), "safety.daily_spend").lets_pass


def test_a_scope_that_leaves_nothing_out_is_off():
    tested = selftest(replace(FULL, scope=Scope(include=("*",))), now=NOW)
    assert names(tested.off) == ["limits.scope"]


@pytest.mark.parametrize("scope", [Scope(include=("BF*",)), Scope(exclude=("BF*",))], ids=str)
def test_one_side_of_a_scope_is_enough(scope):
    assert guard_of(selftest(PolicyBook(scope=scope), now=NOW), "limits.scope").state == "fires"


def test_a_freeze_that_is_open_now_does_not_hide_the_other_guards():
    now = WINDOW.starts_at + timedelta(hours=1)
    assert selftest(FULL, now=now).guards[0].also == ()
    assert selftest(FULL, now=now).is_ok


def test_an_override_that_kills_a_guard_is_named():
    loose = Override(
        values={"max_daily_spend_usd": HUGE}, account="1001", match="BF *", allow_looser=True
    )
    (guard,) = selftest(PolicyBook(overrides=(loose,)), now=NOW).dead
    assert guard.rule == "safety.daily_spend"
    assert guard.message.startswith("Under the override for account 1001 match 'BF *'")


def test_an_override_that_does_not_count_or_is_stricter_kills_nothing():
    ignored = Override(values={"max_daily_spend_usd": HUGE}, account="1001")
    strict = Override(values={"max_campaign_budget_usd": Decimal(50)}, match="BF *")
    assert selftest(PolicyBook(overrides=(ignored, strict)), now=NOW).is_ok


def test_a_trial_that_breaks_is_dead_and_hides_no_other(monkeypatch):
    def broken(account):
        raise ZeroDivisionError("oops")

    monkeypatch.setitem(module._PROBES, "safety.cooldown", broken)
    tested = under()
    assert names(tested.dead) == ["safety.cooldown"]
    assert "oops" in tested.dead[0].message
    assert len(tested.guards) == len(GUARDS)


def test_a_rule_that_refuses_for_want_of_an_answer_has_not_fired(monkeypatch):
    def unable(action, case):
        raise ValueError("nobody knows")

    rules = tuple(
        replace(rule, check=unable) if rule.id == "safety.cooldown" else rule
        for rule in SAFETY_RULES
    )
    monkeypatch.setattr("meta_autonomous.decision.judgement.SAFETY_RULES", rules)
    assert "safety.cooldown" in names(under().dead)


def test_a_check_that_lets_everything_pass_is_found(monkeypatch):
    """A guard taken out by a fault of the program is as dead as one by a setting."""
    without = tuple(rule for rule in SAFETY_RULES if rule.id != "safety.daily_spend")
    monkeypatch.setattr("meta_autonomous.decision.judgement.SAFETY_RULES", without)
    assert names(under().dead) == ["safety.daily_spend"]


def test_it_is_cheap_enough_for_a_tick():
    selftest(FULL, now=NOW)
    took = []
    for _ in range(5):
        began = time.process_time()
        selftest(FULL, now=NOW)
        took.append(time.process_time() - began)
    assert min(took) < 0.15
