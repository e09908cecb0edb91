"""The limits in force: defaults, and who has others (contract sections 3 and 4)."""

from dataclasses import fields
from datetime import timedelta
from decimal import Decimal

import pytest

from meta_autonomous.decision.limits import (
    OVERRIDABLE,
    Freeze,
    Limits,
    Looser,
    Override,
    PolicyBook,
    Scope,
    is_looser,
)
from meta_autonomous.domain.action import ActionType
from tests.builders import NOW, a_campaign, a_snapshot, an_adset

#: The seed's numbers, and the contract's.
DEFAULTS = {
    "max_daily_change_pct": "0.20",
    "max_auto_change_pct": "0.10",
    "hard_stop_roas": "0.9",
    "hard_stop_confidence": "0.70",
    "min_impressions": "1000",
    "min_spend_usd": "100",
    "min_age_hours": "48",
    "creative_embargo_hours": "48",
    "min_spain_percentage": "0.35",
    "max_single_country_pct": "0.70",
    "max_daily_spend_usd": "10000",
    "max_campaign_budget_usd": "5000",
    "max_actions_per_tick": "50",
    "max_campaigns_per_tick": "100",
    "action_cooldown_hours": "24",
    "min_action_confidence": "0.65",
    "min_auto_confidence": "0.75",
    "reversal_confidence": "0.85",
    "lookback_days": "7",
    "scale_up_roas": "2.0",
    "scale_down_roas": "1.5",
    "pause_roas": "0.8",
    "resume_roas": "1.5",
    "reallocate_ratio": "1.5",
    "suggestion_ttl_hours": "24",
    "holdout_pct": "0",
    "daily_overspend_factor": "1.0",
}


def change(value: str, *, allow_looser: bool = False, **whose: str) -> Override:
    values = {"max_daily_change_pct": Decimal(value)}
    return Override(values=values, allow_looser=allow_looser, **whose or {"match": "*"})


def in_force(*overrides: Override, account: str = "1001", name: str = "Brand ES") -> Decimal:
    return PolicyBook(overrides=overrides).limits_for(account, name).max_daily_change_pct


@pytest.mark.parametrize(("key", "value"), DEFAULTS.items())
def test_the_defaults_are_the_seeds_and_the_contracts(key, value):
    assert getattr(Limits(), key) == Decimal(value)


def test_by_default_pauses_and_scales_are_automatic_and_hard_stops_wait_in_suggest_mode():
    limits = Limits()
    assert limits.auto_action_types == {
        ActionType.PAUSE,
        ActionType.SCALE_UP,
        ActionType.SCALE_DOWN,
    }
    assert limits.hard_stop_executes_in_suggest is False
    assert limits.require_human_approval_creatives is True


def test_an_override_holds_for_its_account_and_for_names_that_match():
    assert in_force(change("0.1", account="1001")) == Decimal("0.1")
    assert in_force(change("0.1", account="1002")) == Decimal("0.20")
    assert in_force(change("0.1", match="Brand *")) == Decimal("0.1")
    assert in_force(change("0.1", match="brand *")) == Decimal("0.20")
    assert in_force(change("0.1", account="1001", match="Other*")) == Decimal("0.20")


def test_without_an_override_the_limits_are_the_same_object():
    book = PolicyBook()
    assert book.limits_for("1001", "Brand ES") is book.limits


def test_a_looser_override_counts_only_when_it_says_so():
    assert in_force(change("0.3")) == Decimal("0.20")
    assert in_force(change("0.3", allow_looser=True)) == Decimal("0.3")


def test_of_two_overrides_the_stricter_holds():
    assert in_force(change("0.1"), change("0.15")) == Decimal("0.1")
    assert in_force(change("0.15"), change("0.1")) == Decimal("0.1")


def test_one_that_may_be_looser_opens_the_door_for_no_other():
    assert in_force(change("0.3", allow_looser=True), change("0.25")) == Decimal("0.3")
    assert in_force(change("0.3", allow_looser=True), change("0.2")) == Decimal("0.2")


def test_the_source_of_every_replaced_limit_is_known():
    override = change("0.1", match="Brand *")
    assert PolicyBook(overrides=(override,)).sources("1001", "Brand ES") == {
        "max_daily_change_pct": (Decimal("0.1"), override)
    }


def test_an_override_is_called_by_whom_it_concerns():
    assert change("0.1", account="7").label == "account 7"
    assert change("0.1", match="ES *").label == "match 'ES *'"
    assert change("0.1", account="7", match="ES *").label == "account 7 match 'ES *'"


@pytest.mark.parametrize("key", ["max_actions_per_tick", "auto_action_types", "no_such_limit"])
def test_what_holds_for_the_whole_tick_can_not_be_overridden(key):
    with pytest.raises(ValueError, match=key):
        Override(values={key: Decimal(1)}, account="1001")


def test_an_override_that_concerns_nobody_is_refused():
    with pytest.raises(ValueError, match="account or a pattern"):
        Override(values={"min_spend_usd": Decimal(1)})


def test_each_limit_that_may_be_overridden_has_a_looser_direction():
    assert set(OVERRIDABLE.values()) == {Looser.HIGHER, Looser.LOWER}
    assert set(OVERRIDABLE) < {item.name for item in fields(Limits)}
    assert is_looser("max_campaign_budget_usd", Decimal(2), than=Decimal(1))
    assert not is_looser("max_campaign_budget_usd", Decimal(1), than=Decimal(1))
    assert is_looser("min_spend_usd", Decimal(1), than=Decimal(2))
    assert is_looser("hard_stop_roas", Decimal("0.8"), than=Decimal("0.9"))
    assert is_looser("hard_stop_confidence", Decimal("0.8"), than=Decimal("0.7"))


def test_a_freeze_begins_and_ends_to_the_second():
    freeze = Freeze(starts_at=NOW, ends_at=NOW + timedelta(hours=1), reason="Black Friday")
    book = PolicyBook(freezes=(freeze,))
    assert book.freeze_at(NOW) is freeze
    assert book.freeze_at(NOW + timedelta(hours=1)) is None
    assert book.freeze_at(NOW - timedelta(seconds=1)) is None


@pytest.mark.parametrize(
    ("scope", "covered"),
    [
        (Scope(), True),
        (Scope(include=("ES *",)), False),
        (Scope(include=("FR *", "ES *")), False),
        (Scope(include=("Brand*",)), True),
        (Scope(include=("c1",)), True),
        (Scope(include=("s1",)), True),
        (Scope(exclude=("Brand*",)), False),
        (Scope(exclude=("c1",)), False),
        (Scope(exclude=("s1",)), False),
        (Scope(include=("Brand*",), exclude=("s1",)), False),
        (Scope(exclude=("brand*",)), True),
    ],
)
def test_the_scope_is_by_name_or_id_and_what_is_excluded_is_out(scope, covered):
    assert scope.covers("Brand ES", "c1", "s1") is covered


def test_the_limits_are_those_of_the_campaigns_name():
    brand = Override(values={"min_spend_usd": Decimal(500)}, match="Brand *")
    book = PolicyBook(overrides=(brand,))
    snapshot = a_snapshot(a_campaign(name="Brand ES"), an_adset(), an_adset("s2", campaign="gone"))
    assert book.limits_of(snapshot.adsets["s1"], snapshot).min_spend_usd == 500
    assert book.limits_of(snapshot.adsets["s2"], snapshot) == book.limits
