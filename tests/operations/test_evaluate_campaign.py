"""The seed's `evaluate_campaign`: what the numbers of one campaign ask for, before any rule."""

from dataclasses import replace
from typing import Any

import pytest

from meta_autonomous.operations.evaluate_campaign import evaluate_campaign
from meta_autonomous.ports.errors import NotFound
from tests.operations.live_world import FAILS, GROWS, MOVES_FROM, SECOND_ACCOUNT, Live


def wanted(live: Live, campaign_id: str) -> list[dict[str, Any]]:
    return live.inside(lambda world: evaluate_campaign(world, campaign_id))


def test_the_wanted_change_is_told_before_any_rule_cuts_it(live):
    (action,) = wanted(live, live.sandbox.find(GROWS))
    assert action["type"] == "scale_up"
    assert action["target_id"] == live.sandbox.find(GROWS)
    assert action["amount_pct"] == pytest.approx(0.5)
    assert action["new_budget"] == "750.00"
    assert action["confidence"] > 0.9
    assert action["reason"]


def test_a_pause_has_no_amount(live):
    (action,) = wanted(live, live.sandbox.find(FAILS))
    assert (action["type"], action["amount_pct"], action["new_budget"]) == ("pause", None, None)


def test_money_may_be_wanted_between_two_of_its_ad_sets(live):
    types = {one["type"] for one in wanted(live, live.sandbox.find("Retargeting - FR/DE/IT"))}
    assert "reallocate" in types
    assert live.sandbox.find(MOVES_FROM)


def test_nothing_is_wanted_of_what_is_no_candidate(live):
    assert wanted(live, live.sandbox.find("New Arrivals - ES")) == []


def test_every_configured_account_is_looked_through(live):
    ids = (SECOND_ACCOUNT, live.account_id)
    live.system = replace(live.system, account_ids=ids)
    assert wanted(live, live.sandbox.find(GROWS))
    live.system = replace(live.system, account_ids=())
    assert wanted(live, live.sandbox.find(GROWS))


def test_a_campaign_of_nobody_is_not_found(live):
    with pytest.raises(NotFound, match="4711"):
        wanted(live, "4711")


def test_nothing_is_written(live):
    wanted(live, live.sandbox.find(GROWS))
    assert live.writes() == []
    assert live.actions() == ()
