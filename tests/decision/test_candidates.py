"""Who may get an action at all (contract section 4, step 2)."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from meta_autonomous.decision.candidates import (
    binding,
    gates_of,
    open_entities,
    with_parents,
)
from meta_autonomous.decision.context import Situation
from meta_autonomous.decision.limits import Limits, PolicyBook, Scope
from meta_autonomous.domain.entities import Entity
from tests.builders import NOW, a_snapshot, an_account, an_ad, lifetime, remembering
from tests.decision.shop import a_campaign, a_shop, an_adset


def closed(
    entity: Entity,
    situation: Situation,
    *,
    limits: Limits | None = None,
    scope: Scope | None = None,
) -> list[str]:
    """The gates that stop the entity itself."""
    book = PolicyBook(limits=limits or Limits(), scope=scope or Scope())
    gates = gates_of(entity, book.limits, book, situation, NOW)
    return [gate.rule for gate in gates if binding(gate)]


def alone(campaign: Entity, **changes: object) -> Situation:
    """A shop with this campaign and its usual ad set and ad."""
    return a_shop(campaign, an_adset(), an_ad(), **changes)


def in_account(**changes: object) -> Situation:
    entities = a_campaign(), an_adset(), an_ad()
    return a_shop(snapshot=a_snapshot(*entities, account=an_account(**changes)))


def all_gates(situation: Situation, scope: Scope | None = None) -> dict[str, tuple]:
    book = PolicyBook(scope=scope or Scope())
    return {
        entity.id: gates_of(entity, book.limits, book, situation, NOW)
        for entity in situation.snapshot.entities()
    }


def may_act(situation: Situation, scope: Scope | None = None) -> frozenset[str]:
    return open_entities(all_gates(situation, scope), situation)


# --- effective status ---------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["ACTIVE", "WITH_ISSUES"])
def test_what_can_deliver_is_a_candidate(status):
    campaign = a_campaign(effective_status=status)
    assert closed(campaign, alone(campaign)) == []


@pytest.mark.parametrize(
    "status", ["PAUSED", "IN_PROCESS", "ARCHIVED", "DELETED", "A_WORD_OF_NEXT_YEAR"]
)
def test_what_can_not_deliver_is_none(status):
    campaign = a_campaign(effective_status=status)
    assert "candidate.status" in closed(campaign, alone(campaign))


# --- age ----------------------------------------------------------------------------------------


def test_the_age_must_reach_the_minimum_and_may_just_reach_it():
    just = a_campaign(created_at=NOW - timedelta(hours=48))
    assert closed(just, alone(just)) == []
    young = a_campaign(created_at=NOW - timedelta(hours=48) + timedelta(seconds=1))
    assert closed(young, alone(young)) == ["candidate.age"]


def test_a_young_one_is_told_when_its_time_comes():
    created_at = NOW - timedelta(hours=20)
    campaign = a_campaign(created_at=created_at)
    book = PolicyBook()
    gates = gates_of(campaign, book.limits, book, alone(campaign), NOW)
    age = next(gate for gate in gates if gate.rule == "candidate.age")
    assert age.eligible_at == created_at + timedelta(hours=48)
    assert age.observed == Decimal("20.0")


@pytest.mark.parametrize("created_at", [None, NOW + timedelta(hours=1)])
def test_an_unknown_or_future_creation_counts_as_too_young(created_at):
    campaign = a_campaign(created_at=created_at)
    assert closed(campaign, alone(campaign)) == ["candidate.age"]


def test_the_future_is_too_young_even_without_a_minimum_age():
    campaign = a_campaign(created_at=NOW + timedelta(seconds=1))
    assert closed(campaign, alone(campaign), limits=Limits(min_age_hours=Decimal(0)))


@pytest.mark.parametrize(
    ("campaign", "words"),
    [
        (
            {"created_at": NOW - timedelta(hours=20)},
            "as soon as its campaign is: from 16:00 UTC on 12 March, when it is 48 h old",
        ),
        (
            {"stops_at": NOW},
            "as soon as its campaign is: with an end that still lies ahead",
        ),
        (
            {"has_budget_schedule": True},
            "as soon as its campaign is: without its budget schedule",
        ),
    ],
)
def test_below_a_closed_parent_it_takes_what_the_parent_takes(campaign, words):
    situation = alone(a_campaign(**campaign))
    gate = with_parents(all_gates(situation), situation)["a1"][-1]
    assert gate.rule == "candidate.parent"
    assert gate.flip.words == words


def test_a_young_ad_closes_only_itself():
    ad = an_ad("a2", created_at=NOW - timedelta(hours=3))
    situation = a_shop(a_campaign(), an_adset(), an_ad(), ad)
    assert may_act(situation) == {"c1", "s1", "a1"}


# --- scope --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "scope",
    [
        Scope(include=("Other*",)),
        Scope(exclude=("name of c?",)),
        Scope(exclude=("c1",)),
        Scope(include=("c1",), exclude=("c1",)),
    ],
)
def test_what_the_operator_left_out_is_no_candidate(scope):
    campaign = a_campaign()
    assert closed(campaign, alone(campaign), scope=scope) == ["candidate.scope"]


@pytest.mark.parametrize("scope", [Scope(), Scope(include=("name*",)), Scope(include=("c1",))])
def test_what_is_in_scope_is_a_candidate(scope):
    campaign = a_campaign()
    assert closed(campaign, alone(campaign), scope=scope) == []


def test_an_ad_set_is_judged_by_its_campaigns_name():
    situation = alone(a_campaign())
    assert closed(an_adset(), situation, scope=Scope(include=("name of c1",))) == []
    assert closed(an_adset(), situation, scope=Scope(exclude=("name of c1",)))


@pytest.mark.parametrize(
    ("scope", "inside"),
    [
        (Scope(include=("s1",)), {"s1", "a1"}),
        (Scope(include=("a1",)), {"a1"}),
        (Scope(exclude=("s1",)), {"c1", "s2", "a2"}),
        (Scope(include=("s1",), exclude=("a1",)), {"s1"}),
        (Scope(include=("s1",), exclude=("name of c1",)), set()),
        (Scope(include=("c1",), exclude=("s2",)), {"c1", "s1", "a1"}),
    ],
)
def test_an_id_stands_for_the_entity_and_all_that_is_below_it(scope, inside):
    situation = a_shop(a_campaign(), an_adset(), an_ad(), an_adset("s2"), an_ad("a2", adset="s2"))
    assert may_act(situation, scope=scope) == inside


# --- measured by purchases ----------------------------------------------------------------------


@pytest.mark.parametrize("objective", ["OUTCOME_SALES", "CONVERSIONS", "PRODUCT_CATALOG_SALES"])
def test_sales_and_its_legacy_names_are_measured(objective):
    campaign = a_campaign(objective=objective)
    assert closed(campaign, alone(campaign)) == []


@pytest.mark.parametrize("objective", ["OUTCOME_LEADS", "OUTCOME_TRAFFIC", "REACH", None])
def test_another_objective_has_no_roas_and_gets_no_action(objective):
    campaign = a_campaign(objective=objective)
    assert closed(campaign, alone(campaign)) == ["candidate.measured"]


@pytest.mark.parametrize(
    ("goal", "event"),
    [("OFFSITE_CONVERSIONS", "PURCHASE"), ("OFFSITE_CONVERSIONS", None), ("VALUE", "PURCHASE")],
)
def test_ad_sets_that_buy_purchases_or_their_value_are_measured(goal, event):
    adset = an_adset(optimization_goal=goal, purchase_event=event)
    situation = a_shop(a_campaign(), adset, an_ad())
    assert may_act(situation) == {"c1", "s1", "a1"}


@pytest.mark.parametrize(
    ("goal", "event"),
    [("LEAD_GENERATION", None), ("OFFSITE_CONVERSIONS", "ADD_TO_CART"), (None, None)],
)
def test_an_ad_set_that_buys_something_else_closes_all_that_it_touches(goal, event):
    adset = an_adset(optimization_goal=goal, purchase_event=event)
    situation = a_shop(a_campaign(), adset, an_ad())
    for entity in situation.snapshot.entities():
        assert closed(entity, situation) == ["candidate.measured"]


def test_a_paused_ad_set_of_another_kind_does_not_close_its_campaign():
    other = an_adset("s2", status="PAUSED", optimization_goal="LEAD_GENERATION")
    campaign = a_campaign()
    situation = a_shop(campaign, an_adset(), an_ad(), other)
    assert closed(campaign, situation) == []


def test_a_campaign_without_an_active_ad_set_buys_nothing():
    campaign = a_campaign()
    situation = a_shop(campaign, an_adset(status="PAUSED"), an_ad())
    assert closed(campaign, situation) == ["candidate.measured"]


def test_what_we_paused_ourselves_still_counts_as_what_the_campaign_buys():
    campaign = a_campaign()
    situation = a_shop(
        campaign,
        an_adset(status="PAUSED"),
        an_ad(),
        memory={"s1": remembering(paused_by_us_at=NOW - timedelta(days=2))},
    )
    assert closed(campaign, situation) == []


def test_an_orphan_is_not_measured():
    situation = a_shop(an_adset(campaign="gone"), an_ad(campaign="gone"))
    assert "candidate.measured" in closed(an_adset(campaign="gone"), situation)


def test_an_ad_whose_ad_set_was_not_readable_is_not_measured():
    situation = a_shop(a_campaign(), an_adset(), an_ad(adset="gone"))
    assert closed(an_ad(adset="gone"), situation) == ["candidate.measured"]


def test_what_was_not_read_whole_is_left_alone_with_all_below_it():
    entities = a_campaign(), an_adset(), an_ad()
    situation = a_shop(snapshot=a_snapshot(*entities, skipped={"c1": "odd purchases"}))
    assert closed(entities[0], situation) == ["candidate.readable"]
    assert may_act(situation) == frozenset()


# --- the account --------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [1, 8, 9])
def test_ads_of_a_delivering_account_are_candidates(status):
    situation = in_account(status=status)
    assert may_act(situation) == {"c1", "s1", "a1"}


@pytest.mark.parametrize("status", [2, 3, 7, 100, 101, 999])
def test_nothing_is_done_in_an_account_whose_ads_can_not_run(status):
    situation = in_account(status=status)
    assert may_act(situation) == frozenset()


def test_an_account_without_a_purchase_in_28_days_generates_nothing():
    situation = a_shop(purchases_28d=0)
    assert closed(a_campaign(), situation) == ["candidate.purchases"]
    assert may_act(situation) == frozenset()


def test_one_purchase_in_28_days_is_enough():
    assert closed(a_campaign(), a_shop(purchases_28d=1)) == []


# --- what the API can't change ------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["AUTOMATED_SHOPPING_ADS", "SMART_APP_PROMOTION"])
def test_legacy_advantage_campaigns_are_read_only_with_all_below(kind):
    campaign = a_campaign(smart_promotion_type=kind)
    situation = alone(campaign)
    for entity in situation.snapshot.entities():
        assert closed(entity, situation) == ["candidate.editable"]


def test_guided_creation_is_an_ordinary_campaign():
    campaign = a_campaign(smart_promotion_type="GUIDED_CREATION")
    assert closed(campaign, alone(campaign)) == []


@pytest.mark.parametrize("status", ["ARCHIVED", "DELETED"])
def test_the_archived_and_the_deleted_are_read_only(status):
    campaign = a_campaign(status=status, effective_status="ACTIVE")
    assert closed(campaign, alone(campaign)) == ["candidate.editable"]


def test_what_has_ended_is_read_only():
    campaign = a_campaign(stops_at=NOW)
    assert closed(campaign, alone(campaign)) == ["candidate.editable"]
    adset = an_adset(ends_at=NOW - timedelta(days=1))
    assert closed(adset, a_shop(a_campaign(), adset, an_ad())) == ["candidate.editable"]


def test_what_has_yet_to_end_may_be_changed():
    campaign = a_campaign(budget=lifetime(700, remaining=350, days_left=3), stops_at=NOW)
    later = replace(campaign, stops_at=NOW + timedelta(seconds=1))
    assert closed(later, alone(later)) == []


def test_what_runs_on_a_budget_schedule_is_read_only():
    campaign = a_campaign(has_budget_schedule=True)
    assert closed(campaign, alone(campaign)) == ["candidate.editable"]
    adset = an_adset(has_budget_schedule=True)
    assert closed(adset, a_shop(a_campaign(), adset, an_ad())) == ["candidate.editable"]


# --- parents ------------------------------------------------------------------------------------


def test_below_a_closed_parent_nothing_is_done_and_the_child_is_told_why():
    situation = alone(a_campaign(has_budget_schedule=True))
    gates = all_gates(situation)
    assert open_entities(gates, situation) == frozenset()
    told = with_parents(gates, situation)
    assert [gate.rule for gate in told["s1"] if binding(gate)] == ["candidate.parent"]
    assert [gate.rule for gate in told["a1"] if binding(gate)] == ["candidate.parent"]
    assert "schedule" in told["a1"][-1].message
    assert told["c1"] == gates["c1"]


def test_a_closed_child_closes_no_parent():
    situation = a_shop(a_campaign(), an_adset("s2", status="PAUSED"), an_adset(), an_ad())
    assert may_act(situation) == {"c1", "s1", "a1"}
    gates = all_gates(situation)
    assert with_parents(gates, situation) == gates


def test_every_gate_is_told_also_behind_one_that_is_closed():
    campaign = a_campaign(
        status="PAUSED", objective="REACH", has_budget_schedule=True, created_at=None
    )
    situation = alone(campaign, purchases_28d=0)
    assert closed(campaign, situation) == [
        "candidate.purchases",
        "candidate.status",
        "candidate.age",
        "candidate.measured",
        "candidate.editable",
    ]
