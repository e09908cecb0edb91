"""From the wanted actions to a plan: both engines, the retry, the route, the order, the sums
(contract section 4, steps 4 to 7)."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meta_autonomous.decision.amount import amount_usd
from meta_autonomous.decision.context import (
    AutomaticPause,
    EntityMemory,
    Evaluation,
    Outage,
    PendingSuggestion,
    Situation,
)
from meta_autonomous.decision.granting import Decision
from meta_autonomous.decision.judgement import judge_action
from meta_autonomous.decision.limits import Limits, Override, PolicyBook, Scope
from meta_autonomous.decision.routing import may_run_unasked
from meta_autonomous.decision.safety_spend import daily_spend_totals
from meta_autonomous.domain.action import ActionStatus, ActionType, Outcome, Route
from meta_autonomous.domain.entities import Budget, BudgetKind, Entity, Level
from meta_autonomous.domain.quantities import Currency, Money
from meta_autonomous.domain.verdict import Effect, Ruling
from tests.builders import (
    NOW,
    TODAY,
    USD,
    a_case,
    a_day,
    a_memory,
    a_pause,
    a_reallocation,
    a_resume,
    a_scale_down,
    a_scale_up,
    a_snapshot,
    an_account,
    an_ad,
    an_evaluation,
    daily,
    days_like,
    lifetime,
    remembering,
    usd,
)
from tests.decision.shop import (
    a_campaign,
    a_shop,
    an_adset,
    believed,
    decided,
    only,
    rules_of,
    surely_bad,
    surely_good,
    told,
)

ALL_TYPES = frozenset({ActionType.PAUSE, ActionType.SCALE_UP, ActionType.SCALE_DOWN})


def growing(confidence: float = 0.99, roas: object = 3, **changes: object) -> Situation:
    """A shop whose campaign, of 500 USD a day, asks for half as much again."""
    finding = an_evaluation("c1", roas=roas, prob_below=1 - confidence)
    return a_shop(found=[finding], **changes)


def shrinking(confidence: float = 0.99, roas: object = "0.95", **changes: object) -> Situation:
    finding = an_evaluation("c1", roas=roas, prob_below=confidence)
    return a_shop(found=[finding], **changes)


def failing(confidence: float = 0.99, **changes: object) -> Situation:
    return a_shop(found=[an_evaluation("c1", roas="0.5", prob_below=confidence)], **changes)


def rulings(decision: Decision, rule: str) -> list[Ruling]:
    return [verdict.ruling for verdict in decision.verdicts if verdict.rule == rule]


def demoting(decision: Decision) -> list[str]:
    return [verdict.rule for verdict in decision.verdicts if verdict.effect is Effect.DEMOTES]


# --- suggest mode -------------------------------------------------------------------------------


@pytest.mark.parametrize("situation", [growing(), shrinking(), failing()])
def test_suggest_mode_queues_everything(situation):
    decision = only(decided(situation))
    assert decision.outcome is Outcome.QUEUED
    assert decision.route is Route.PERSON
    assert decision.status is ActionStatus.SUGGESTED
    assert not decision.executes


def test_a_suggestion_expires_after_its_time_to_live():
    limits = Limits(suggestion_ttl_hours=Decimal("1.5"))
    assert only(decided(growing(), limits=limits)).expires_at == NOW + timedelta(minutes=90)


def test_a_hard_stop_is_queued_as_urgent():
    assert only(decided(failing())).is_urgent
    assert not only(decided(growing())).is_urgent


def test_a_hard_stop_is_executed_in_suggest_mode_only_when_the_setting_says_so():
    limits = Limits(hard_stop_executes_in_suggest=True)
    assert only(decided(failing(), limits=limits)).executes
    assert not only(decided(growing(), limits=limits)).executes
    weak = replace(limits, hard_stop_confidence=Decimal(1))
    assert not only(decided(failing(0.8), limits=weak)).executes


def test_without_pauses_among_the_automatic_types_a_hard_stop_is_only_suggested():
    types = frozenset({ActionType.SCALE_UP})
    limits = Limits(hard_stop_executes_in_suggest=True, auto_action_types=types)
    assert only(decided(failing(), limits=limits)).outcome is Outcome.QUEUED
    assert only(decided(failing(), limits=limits, is_auto=True)).outcome is Outcome.QUEUED


# --- a cut that is none -------------------------------------------------------------------------


def lowered_from(budget: object, **changes: object) -> Situation:
    """A shop that asks for a cut, after somebody lowered the budget to 500 USD an hour ago."""
    hour_ago = NOW - timedelta(hours=1)
    past = remembering(
        budgets_24h=(usd(budget),), foreign_change_at=hour_ago, last_executed_at=hour_ago
    )
    return shrinking(memory={"c1": past}, **changes)


def test_a_cut_that_would_land_above_the_present_budget_is_no_action():
    plan = decided(lowered_from(750))
    assert plan.decisions == ()
    gate = plan.gates["c1"][-1]
    assert rules_of(plan, "c1") == ["wanted.budget"]
    assert (gate.observed, gate.limit) == ("500.00", "600.00")
    assert "from 750.00 USD it may go to 600.00 USD, 20 % less" in gate.message
    assert gate.eligible_at == NOW + timedelta(hours=23)
    assert gate.flip.words.endswith("when its last change is 24 h old")


def test_what_nobody_is_known_to_have_lowered_could_be_cut_by_a_wider_step():
    plan = decided(shrinking(memory={"c1": remembering(budgets_24h=(usd(750),))}))
    (gate,) = (gate for gate in plan.gates["c1"] if gate.rule == "wanted.budget")
    assert plan.decisions == ()
    assert gate.eligible_at is None
    assert (gate.flip.fact, gate.flip.needed) == ("MAX_DAILY_CHANGE_PCT", Decimal("0.34"))


def test_how_far_a_cut_may_go_is_what_its_route_allows():
    lately = lowered_from(625)
    assert decided(lately, is_auto=True).decisions == ()  # by 10 %: to 562.50
    assert only(decided(lately)).outcome is Outcome.POLICY_BLOCKED  # by 20 % to 500: it stands


def test_a_cut_that_fits_below_the_present_budget_is_blocked_by_what_else_forbids_it():
    decision = only(decided(lowered_from(550)))
    assert decision.outcome is Outcome.SAFETY_BLOCKED
    assert rulings(decision, "safety.cooldown") == [Ruling.BLOCK]


# --- auto mode ----------------------------------------------------------------------------------


@pytest.mark.parametrize("situation", [growing(0.75), shrinking(0.75)])
def test_auto_mode_executes_what_is_sure_enough_at_ten_percent(situation):
    decision = only(decided(situation, is_auto=True))
    assert decision.executes
    assert decision.status is ActionStatus.APPROVED
    assert abs(decision.action.change_pct) == Decimal("0.1")


@pytest.mark.parametrize("situation", [growing(0.749), shrinking(0.749)])
def test_auto_mode_queues_what_is_less_sure_at_twenty_percent(situation):
    decision = only(decided(situation, is_auto=True))
    assert decision.outcome is Outcome.QUEUED
    assert abs(decision.action.change_pct) == Decimal("0.2")


@pytest.mark.parametrize("confidence", [0.70, 0.74, 0.99])
def test_auto_mode_pauses_whatever_the_confidence_of_the_pause(confidence):
    decision = only(decided(failing(confidence), is_auto=True))
    assert decision.executes
    assert decision.action.type is ActionType.PAUSE


@pytest.mark.parametrize(
    ("situation", "kind"),
    [
        (growing(), ActionType.SCALE_UP),
        (shrinking(), ActionType.SCALE_DOWN),
        (failing(), ActionType.PAUSE),
    ],
)
def test_a_type_that_is_left_out_is_only_suggested(situation, kind):
    limits = Limits(auto_action_types=ALL_TYPES - {kind})
    decision = only(decided(situation, limits=limits, is_auto=True))
    assert decision.outcome is Outcome.QUEUED
    assert decision.action.change_pct in (None, Decimal("0.2"), Decimal("-0.2"))


def test_reallocate_and_resume_are_never_automatic():
    everything = Limits(auto_action_types=frozenset(ActionType))
    donor, receiver = an_adset("s1", budget=100), an_adset("s2", budget=100)
    for action in (a_resume(), a_reallocation(donor, receiver)):
        assert not may_run_unasked(action, everything, is_auto=True)
    assert not may_run_unasked(a_scale_up(confidence=None), everything, is_auto=True)


# --- five hundred dollars and half as much again ------------------------------------------------


def test_what_is_too_large_is_tried_once_more_at_the_largest_size_allowed():
    decision = only(decided(growing()))
    assert decision.action.current_budget == usd(500)
    assert decision.action.proposed_budget == usd(600)
    assert rulings(decision, "policy.budget_change") == [Ruling.CLAMP, Ruling.PASS]


def test_in_auto_mode_it_is_cut_to_ten_percent():
    decision = only(decided(growing(), is_auto=True))
    assert decision.action.proposed_budget == usd(550)
    assert rulings(decision, "policy.budget_change") == [Ruling.CLAMP, Ruling.PASS]


def test_a_cut_that_is_too_deep_is_made_shallower():
    assert only(decided(shrinking())).action.proposed_budget == usd(400)
    assert only(decided(shrinking(), is_auto=True)).action.proposed_budget == usd(450)


def test_what_fits_is_not_tried_twice():
    decision = only(decided(growing(roas="2.2")))
    assert decision.action.proposed_budget == usd(550)
    assert rulings(decision, "policy.budget_change") == [Ruling.PASS]


@pytest.mark.parametrize(("situation", "budget"), [(growing(), 399), (shrinking(), 267)])
def test_a_retry_is_rounded_towards_the_present_budget(situation, budget):
    yen = Currency("JPY")
    campaign = a_campaign(budget=Budget(BudgetKind.DAILY, Money(333, yen)))
    entities = campaign, an_adset(), an_ad()
    read = a_snapshot(*entities, account=an_account(currency=yen))
    shop = replace(a_shop(snapshot=read, rates={"JPY": "0.01"}), evaluations=situation.evaluations)
    assert only(decided(shop)).action.proposed_budget.minor == budget


def test_the_retry_keeps_below_every_cap_at_once():
    limits = Limits(max_campaign_budget_usd=Decimal(560), max_daily_spend_usd=Decimal(540))
    decision = only(decided(growing(), limits=limits))
    assert decision.action.proposed_budget == usd(540)
    for rule in ("policy.budget_change", "policy.campaign_budget", "safety.daily_spend"):
        assert rulings(decision, rule) == [Ruling.CLAMP, Ruling.PASS]


def test_a_retry_of_one_percent_is_made_and_of_less_is_not():
    just = Limits(max_daily_spend_usd=Decimal(505))
    assert only(decided(growing(), limits=just)).action.proposed_budget == usd(505)
    less = Limits(max_daily_spend_usd=Decimal("504.99"))
    decision = only(decided(growing(), limits=less))
    assert decision.outcome is Outcome.SAFETY_BLOCKED


def test_when_no_rule_leaves_room_the_wanted_size_is_refused():
    campaign = a_campaign(budget=daily("0.10"))  # no step of whole cents is one percent of it
    entities = campaign, an_adset(), an_ad()
    account = an_account(min_daily_budget=Money(1, USD))
    limits = Limits(max_daily_change_pct=Decimal("0.05"), max_auto_change_pct=Decimal("0.05"))
    shop = a_shop(snapshot=a_snapshot(*entities, account=account), found=[surely_good("c1")])
    decision = only(decided(shop, limits=limits))
    assert decision.outcome is Outcome.POLICY_BLOCKED
    assert rulings(decision, "policy.budget_change") == [Ruling.BLOCK]


def test_what_is_refused_for_more_than_its_size_stays_refused_for_that():
    memory = {"c1": remembering(last_executed_at=NOW - timedelta(hours=3))}
    decision = only(decided(growing(memory=memory)))
    assert decision.outcome is Outcome.SAFETY_BLOCKED
    assert decision.reason == "It was changed too recently."
    assert rulings(decision, "policy.budget_change") == [Ruling.CLAMP, Ruling.PASS]


def test_a_reallocation_that_is_too_large_is_made_smaller_on_both_sides():
    donor, receiver = an_adset("s1", budget=100), an_adset("s2", budget=100)
    third = an_adset("s3", budget=100)
    snapshot = a_snapshot(
        a_campaign(budget=None),
        donor,
        receiver,
        third,
        *(an_ad(f"a{n}", adset=f"s{n}", creative=f"cr{n}") for n in (1, 2, 3)),
        performance={"a1": a_day(roas=1)},
    )
    judged = judge_action(a_reallocation(donor, receiver, 30), a_case(snapshot))
    assert judged.outcome_if_stopped is None
    assert [leg.proposed for leg in judged.action.legs] == [usd(80), usd(120)]


def test_a_reallocation_without_room_is_refused_at_its_own_size():
    donor, receiver = an_adset("s1", budget=100), an_adset("s2", budget=100)
    lately = {"s1": remembering(budgets_24h=(usd(125),))}
    snapshot = a_snapshot(a_campaign(budget=None), donor, receiver, an_ad())
    judged = judge_action(a_reallocation(donor, receiver, 30), a_case(snapshot, memory=lately))
    assert judged.outcome_if_stopped is Outcome.POLICY_BLOCKED
    assert judged.action.legs[0].proposed == usd(70)


def test_a_budget_of_zero_is_blocked_and_not_tried_again():
    nothing = a_campaign(budget=0)
    snapshot = a_snapshot(nothing, an_adset(), an_ad())
    judged = judge_action(a_scale_up(nothing, 6_000), a_case(snapshot))
    assert judged.outcome_if_stopped is Outcome.POLICY_BLOCKED
    assert judged.clamped == ()


# --- what every verdict is for ------------------------------------------------------------------


def test_every_rule_is_told_also_after_a_block():
    memory = {"c1": remembering(last_executed_at=NOW - timedelta(hours=3))}
    blocked = only(decided(growing(memory=memory)))
    allowed = only(decided(growing()))
    names = {verdict.rule for verdict in allowed.verdicts}
    assert {verdict.rule for verdict in blocked.verdicts} == names
    assert {"safety.daily_spend", "limits.scope", "policy.roas_floor"} <= names


def test_what_both_engines_block_counts_as_blocked_by_the_policy():
    young = a_campaign(stops_at=None)
    situation = a_shop(
        young,
        an_adset(learning="LEARNING"),
        an_ad(creative="new"),
        found=[surely_good("c1")],
        memory={"c1": remembering(last_executed_at=NOW)},
    )
    unapproved = replace(
        situation, memory=replace(situation.memory, approved_creatives=frozenset())
    )
    decision = only(decided(unapproved))
    assert decision.outcome is Outcome.POLICY_BLOCKED
    assert decision.status is ActionStatus.BLOCKED
    assert decision.reason == "A creative has no human approval or was changed too recently."
    assert {v.rule.split(".")[0] for v in decision.verdicts if not v} == {"policy", "safety"}


def test_a_blocked_hard_stop_is_not_urgent():
    stale = a_snapshot(a_campaign(), an_adset(), an_ad(), observed_at=NOW - timedelta(hours=25))
    decision = only(decided(a_shop(snapshot=stale, found=[surely_bad("c1")])))
    assert decision.outcome is Outcome.SAFETY_BLOCKED
    assert not decision.is_urgent


def test_a_warning_of_the_numbers_stands_beside_the_rules():
    shop = a_shop(found=[surely_good("c1", spend=700)])  # of 3500 that might have been spent
    decision = only(decided(shop))
    assert rulings(decision, "wanted.underspent") == [Ruling.WARN]
    assert decision.outcome is Outcome.QUEUED


def test_what_meta_would_refuse_now_is_deferred():
    spent = days_like(today=a_day(430, 1))
    entities = a_campaign(), an_adset(), an_ad()
    shop = a_shop(
        snapshot=a_snapshot(*entities, performance={"c1": spent}),
        found=[surely_bad("c1", "0.95")],
    )
    decision = only(decided(shop))
    assert decision.outcome is Outcome.DEFERRED
    assert decision.status is ActionStatus.DEFERRED
    assert decision.reason == "Meta would refuse this budget now; it waits."


def test_an_entity_in_doubt_gets_no_other_write():
    doubt = {"c1": remembering(in_doubt_since=NOW - timedelta(minutes=5))}
    for is_auto in (False, True):
        decision = only(decided(failing(memory=doubt), is_auto=is_auto))
        assert decision.outcome is Outcome.DEFERRED
        assert decision.verdicts[-1].rule == "limits.in_doubt"
        assert not decision.is_urgent


# --- the route, then the size -------------------------------------------------------------------


def test_a_demoted_action_is_queued_at_the_size_of_a_person():
    lately = {"c1": remembering(reversed_at={ActionType.SCALE_UP: NOW - timedelta(days=6)})}
    decision = only(decided(growing(memory=lately), is_auto=True))
    assert decision.outcome is Outcome.QUEUED
    assert decision.action.proposed_budget == usd(600)
    assert demoting(decision) == ["auto.human_override"]


@pytest.mark.parametrize("situation", [growing(), failing()])
def test_during_a_tracking_outage_everything_automatic_is_queued(situation):
    outage = Outage(
        days=(TODAY - timedelta(days=1),),
        expected_purchases=Decimal(100),
        seen_purchases=1,
        probability=Decimal("0.0001"),
        false_alarm_rate=Decimal("0.001"),
    )
    decision = only(decided(replace(situation, outage=outage), is_auto=True))
    assert decision.outcome is Outcome.QUEUED
    assert demoting(decision) == ["safety.tracking_outage"]


def test_what_auto_may_not_grow_today_is_blocked_even_where_a_person_might():
    lately = {"c1": remembering(budgets_24h=(usd(450),))}
    auto = only(decided(growing(memory=lately), is_auto=True))
    assert auto.outcome is Outcome.POLICY_BLOCKED  # 10 % of 450 is no raise of 500
    person = only(decided(growing(0.7, memory=lately), is_auto=True))
    assert person.action.proposed_budget == usd(540)


# --- blast radius -------------------------------------------------------------------------------


def campaigns(*spend: int, **changes: object) -> Situation:
    """Campaigns c1, c2 … that all fail, with so much spend a day each."""
    entities: list[Entity] = []
    performance = {}
    for number, amount in enumerate(spend, 1):
        entities += [
            a_campaign(f"c{number}"),
            an_adset(f"s{number}", campaign=f"c{number}"),
            an_ad(f"a{number}", campaign=f"c{number}", adset=f"s{number}"),
        ]
        performance[f"c{number}"] = a_day(amount, "0.5")
    found = [
        an_evaluation(f"c{number}", roas="0.5", prob_below=0.9, spend=amount * 7)
        for number, amount in enumerate(spend, 1)
    ]
    return a_shop(snapshot=a_snapshot(*entities, performance=performance), found=found, **changes)


def good_spend(situation: Situation, amount: int) -> Situation:
    """The same shop with so much spend a day beside it that nobody complains of."""
    snapshot = situation.snapshot
    days = {level: dict(found) for level, found in snapshot.days.items()}
    days[Level.CAMPAIGN]["gone"] = days_like(a_day(amount, 3))
    return replace(situation, snapshot=replace(snapshot, days=days))


def test_the_pause_that_crosses_the_line_and_those_after_it_are_queued_as_urgent():
    shop = good_spend(
        campaigns(300, 150, 100, 40), 410
    )  # 30, 45, 55 %; with the fourth instead 49 %
    decisions = decided(shop, is_auto=True).decisions
    assert [(d.action.entity.id, d.outcome) for d in decisions] == [
        ("c1", Outcome.EXECUTED),
        ("c2", Outcome.EXECUTED),
        ("c3", Outcome.QUEUED),
        ("c4", Outcome.QUEUED),
    ]
    assert [d.is_urgent for d in decisions[2:]] == [True, True]


def test_two_pauses_may_cover_everything():
    decisions = decided(campaigns(600, 400), is_auto=True).decisions
    assert [d.outcome for d in decisions] == [Outcome.EXECUTED] * 2


def test_pauses_of_the_last_24_hours_count():
    earlier = tuple(
        AutomaticPause(entity_id=key, campaign_id=key, adset_id=None, at=NOW - timedelta(hours=20))
        for key in ("c1", "c2")
    )
    shop = campaigns(600, 300, 100)
    later = replace(
        shop,
        memory=replace(shop.memory, automatic_pauses=earlier),
        evaluations={"c3": shop.evaluations["c3"]},
    )
    assert only(decided(later, is_auto=True)).outcome is Outcome.QUEUED


def test_in_suggest_mode_pauses_are_no_blast():
    decisions = decided(campaigns(600, 300, 100)).decisions
    assert all("safety.blast_radius" not in {v.rule for v in d.verdicts} for d in decisions)


def test_an_ad_is_remembered_under_its_ad_set_and_campaign():
    entities = [a_campaign(), an_adset(), *(an_ad(f"a{n}") for n in range(1, 5))]
    performance = {f"a{n}": a_day(spend, "0.5") for n, spend in enumerate((400, 300, 200, 100), 1)}
    found = [
        an_evaluation(f"a{n}", roas="0.5", prob_below=0.9, spend=spend * 7)
        for n, spend in enumerate((400, 300, 200, 100), 1)
    ]
    shop = a_shop(snapshot=a_snapshot(*entities, performance=performance), found=found)
    outcomes = [d.outcome for d in decided(shop, is_auto=True).decisions]
    assert outcomes == [Outcome.EXECUTED] * 2 + [Outcome.QUEUED] * 2


def test_ad_sets_count_in_the_blast_as_well():
    entities = [a_campaign(), *(an_adset(f"s{n}") for n in (1, 2, 3))]
    entities += [an_ad(f"a{n}", adset=f"s{n}") for n in (1, 2, 3)]
    found = [an_evaluation(f"s{n}", roas="0.5", prob_below=0.9) for n in (1, 2, 3)]
    outcomes = [d.outcome for d in decided(a_shop(*entities, found=found), is_auto=True).decisions]
    assert outcomes == [Outcome.EXECUTED] * 2 + [Outcome.QUEUED]


# --- order and the most per tick ----------------------------------------------------------------


def a_bit_of_everything(**changes: object) -> Situation:
    """A hard stop, a pause, a cut, a move, a raise and a resume: each in a campaign of its own."""
    entities: list[Entity] = []
    for name in ("stop", "weak", "down", "up"):
        entities += [
            a_campaign(name),
            an_adset(f"s.{name}", campaign=name),
            an_ad(f"a.{name}", campaign=name, adset=f"s.{name}"),
        ]
    entities += [a_campaign("move", budget=None)]
    for number in (1, 2, 3):
        entities += [
            an_adset(f"m{number}", campaign="move", budget=100),
            an_ad(f"am{number}", campaign="move", adset=f"m{number}"),
        ]
    entities += [
        a_campaign("back"),
        an_adset("s.back", campaign="back"),
        an_ad("a.back", campaign="back", adset="s.back", status="PAUSED"),
    ]
    found = [
        an_evaluation("stop", roas="0.5", prob_below=0.95, spend=140),
        an_evaluation("weak", roas="0.6", prob_below=0.88, spend=7_000),
        surely_bad("down", "1.2"),
        surely_good("up"),
        believed("m1", "1.6"),
        believed("m2", "1.7"),
        believed("m3", "3.2"),
    ]
    back = remembering(paused_by_us_at=NOW - timedelta(days=3), paused_on=TODAY)
    snapshot = a_snapshot(
        *entities, performance={"am1": a_day(roas="1.6"), "am2": a_day(roas="1.7")}
    )
    known = {"back": EntityMemory(), "a.back": back} | dict(changes.pop("memory", {}))
    return a_shop(snapshot=snapshot, found=found, memory=known, **changes)


SOMETIMES = Limits(hard_stop_confidence=Decimal("0.95"))
BACK = {"1001": lambda entity: surely_good(entity.id)}


def test_actions_come_in_the_order_of_their_urgency():
    plan = decided(a_bit_of_everything(), limits=SOMETIMES, pause_windows=BACK)
    assert [
        (d.action.type, d.action.entity.id, d.action.is_hard_stop) for d in plan.decisions
    ] == [
        (ActionType.PAUSE, "stop", True),
        (ActionType.PAUSE, "weak", False),
        (ActionType.SCALE_DOWN, "down", False),
        (ActionType.REALLOCATE, "m1", False),
        (ActionType.SCALE_UP, "up", False),
        (ActionType.RESUME, "a.back", False),
    ]
    assert {d.outcome for d in plan.decisions} == {Outcome.QUEUED}


def test_of_one_kind_the_most_money_comes_first():
    decisions = decided(campaigns(100, 400, 200)).decisions
    assert [d.action.entity.id for d in decisions] == ["c2", "c3", "c1"]


def test_past_the_most_per_tick_the_rest_is_deferred():
    limits = replace(SOMETIMES, max_actions_per_tick=2)
    plan = decided(a_bit_of_everything(), limits=limits, pause_windows=BACK)
    outcomes = [d.outcome for d in plan.decisions]
    assert outcomes == [Outcome.QUEUED] * 2 + [Outcome.DEFERRED] * 4
    assert plan.decisions[2].verdicts[-1].rule == "limits.actions_per_tick"
    assert plan.decisions[2].status is ActionStatus.DEFERRED


def test_what_is_blocked_or_unchanged_takes_no_place():
    offered = pending(ActionType.PAUSE, "stop")
    recent = remembering(last_executed_at=NOW)
    situation = a_bit_of_everything(memory={"stop": offered, "down": recent})
    limits = replace(SOMETIMES, max_actions_per_tick=1)
    plan = decided(situation, limits=limits, pause_windows=BACK)
    assert [d.outcome for d in plan.decisions] == [
        Outcome.UNCHANGED,
        Outcome.QUEUED,
        Outcome.SAFETY_BLOCKED,
        Outcome.DEFERRED,
        Outcome.DEFERRED,
        Outcome.DEFERRED,
    ]


def test_what_is_deferred_grants_nothing():
    limits = Limits(max_actions_per_tick=0)
    plan = decided(growing(), limits=limits)
    assert plan.totals.granted_usd == {}


# --- the same suggestion again ------------------------------------------------------------------


def pending(
    kind: ActionType, *entity_ids: str, base: object = None, proposed: object = None
) -> EntityMemory:
    suggestion = PendingSuggestion(
        action_id=7,
        type=kind,
        base=None if base is None else usd(base),
        proposed=None if proposed is None else usd(proposed),
        entity_ids=entity_ids,
    )
    return remembering(pending=suggestion)


@pytest.mark.parametrize("proposed", ["590", "600", "610"])
def test_a_suggestion_within_two_points_is_unchanged_and_keeps_its_number(proposed):
    offered = pending(ActionType.SCALE_UP, "c1", base=500, proposed=proposed)
    decision = only(decided(growing(memory={"c1": offered})))
    assert decision.outcome is Outcome.UNCHANGED
    assert decision.unchanged_id == 7
    assert decision.expires_at is None
    assert decision.status is ActionStatus.SUGGESTED


@pytest.mark.parametrize(
    "offered",
    [
        pending(ActionType.SCALE_UP, "c1", base=500, proposed="589.99"),
        pending(ActionType.SCALE_UP, "c1", base=500, proposed="610.01"),
        pending(ActionType.SCALE_UP, "c1", base=490, proposed=600),
        pending(ActionType.SCALE_DOWN, "c1", base=500, proposed=600),
        pending(ActionType.SCALE_UP, "c2", base=500, proposed=600),
        pending(ActionType.SCALE_UP, "c1"),
        pending(ActionType.PAUSE, "c1"),
    ],
)
def test_another_size_base_type_or_entity_makes_another_suggestion(offered):
    decision = only(decided(growing(memory={"c1": offered})))
    assert decision.outcome is Outcome.QUEUED
    assert decision.unchanged_id is None


@pytest.mark.parametrize(
    ("base", "outcome"),
    [
        (100, Outcome.UNCHANGED),
        ("101.9", Outcome.UNCHANGED),
        ("102.5", Outcome.QUEUED),
        (0, Outcome.QUEUED),
    ],
)
def test_a_lifetime_budget_per_day_may_have_moved_a_little_meanwhile(base, outcome):
    campaign = a_campaign(budget=lifetime(700, remaining=300, days_left=3))
    offered = pending(
        ActionType.SCALE_DOWN, "c1", base=base, proposed=Decimal(base) * Decimal("0.8")
    )
    shop = a_shop(
        campaign,
        an_adset(),
        an_ad(),
        found=[surely_bad("c1", "1.2")],
        memory={"c1": offered},
    )
    assert only(decided(shop)).outcome is outcome


def test_a_pending_pause_is_the_same_whatever_its_numbers():
    decision = only(decided(failing(memory={"c1": pending(ActionType.PAUSE, "c1")})))
    assert decision.outcome is Outcome.UNCHANGED


def test_a_pending_reallocation_is_the_same_between_the_same_two():
    def with_pending(*ids: str) -> Outcome:
        offered = pending(ActionType.REALLOCATE, *ids, base=100, proposed=80)
        plan = decided(
            a_bit_of_everything(memory={"m1": offered}), limits=SOMETIMES, pause_windows=BACK
        )
        return next(d.outcome for d in plan.decisions if d.action.type is ActionType.REALLOCATE)

    assert with_pending("m1", "m3") is Outcome.UNCHANGED
    assert with_pending("m1", "m2") is Outcome.QUEUED


def test_what_auto_mode_may_execute_does_not_wait_with_its_old_suggestion():
    offered = pending(ActionType.SCALE_UP, "c1", base=500, proposed=550)
    assert only(decided(growing(memory={"c1": offered}), is_auto=True)).executes


def test_an_unchanged_suggestion_counts_with_what_was_offered():
    offered = pending(ActionType.SCALE_UP, "c1", base=500, proposed=610)
    plan = decided(growing(memory={"c1": offered}))
    assert plan.totals.granted_usd == {"c1": Decimal(110)}


# --- the sum rule -------------------------------------------------------------------------------


def two_growing(**changes: object) -> Situation:
    entities = [
        *(a_campaign("c1"), an_adset("s1"), an_ad("a1")),
        *(a_campaign("c2"), an_adset("s2", campaign="c2"), an_ad("a2", campaign="c2", adset="s2")),
    ]
    return a_shop(*entities, found=[surely_good("c1"), surely_good("c2")], **changes)


@pytest.mark.parametrize("is_auto", [False, True])
def test_what_was_granted_before_counts_for_the_daily_cap(is_auto):
    step = 50 if is_auto else 100
    limits = Limits(max_daily_spend_usd=Decimal(1_000 + step + 20))
    plan = decided(two_growing(), limits=limits, is_auto=is_auto)
    assert [d.action.proposed_budget for d in plan.decisions] == [usd(500 + step), usd(520)]
    full = Limits(max_daily_spend_usd=Decimal(1_000 + step))
    plan = decided(two_growing(), limits=full, is_auto=is_auto)
    assert [d.outcome for d in plan.decisions][1] is Outcome.SAFETY_BLOCKED


def test_an_unchanged_suggestion_counts_for_the_daily_cap_as_well():
    offered = pending(ActionType.SCALE_UP, "c1", base=500, proposed=600)
    limits = Limits(max_daily_spend_usd=Decimal(1_100))
    plan = decided(two_growing(memory={"c1": offered}), limits=limits)
    assert [d.outcome for d in plan.decisions] == [Outcome.UNCHANGED, Outcome.SAFETY_BLOCKED]


def test_what_is_open_elsewhere_counts_for_the_daily_cap():
    shop = growing()
    book = PolicyBook(limits=Limits(max_daily_spend_usd=Decimal(1_000)))
    open_elsewhere = {"another": Decimal(450)}
    totals = daily_spend_totals([shop], book=book, now=NOW, granted_usd=open_elsewhere)
    assert only(decided(shop, book=book, totals=totals)).action.proposed_budget == usd(550)


def test_what_was_granted_before_counts_for_the_campaigns_cap():
    entities = [
        a_campaign(budget=None),
        *(an_adset(f"s{n}", budget=500) for n in (1, 2)),
        *(an_ad(f"a{n}", adset=f"s{n}") for n in (1, 2)),
    ]
    shop = a_shop(*entities, found=[surely_good("s1"), surely_good("s2")])
    limits = Limits(max_campaign_budget_usd=Decimal(1_130))
    plan = decided(shop, limits=limits)
    assert [d.action.proposed_budget for d in plan.decisions] == [usd(600), usd(530)]


def test_what_was_granted_before_counts_for_the_countries():
    def in_countries(number: int, country: str, roas: object) -> list[Entity]:
        return [
            a_campaign(f"c{number}"),
            an_adset(f"s{number}", campaign=f"c{number}", countries=(country,)),
            an_ad(f"a{number}", campaign=f"c{number}", adset=f"s{number}"),
        ]

    entities = [
        *in_countries(1, "FR", 3),
        *in_countries(2, "DE", 3),
        *in_countries(3, "ES", 3),
    ]
    found = [surely_good("c1"), surely_good("c2")]
    # Spain has 1/3 of 1500; at least 30.3 % allow one raise of 100, not two.
    limits = Limits(min_spain_percentage=Decimal("0.303"))
    plan = decided(a_shop(*entities, found=found), limits=limits)
    assert [d.outcome for d in plan.decisions] == [Outcome.QUEUED, Outcome.POLICY_BLOCKED]


@pytest.mark.parametrize(
    ("is_auto", "outcomes"),
    [
        (True, [Outcome.EXECUTED, Outcome.POLICY_BLOCKED, Outcome.POLICY_BLOCKED]),
        (False, [Outcome.QUEUED, Outcome.QUEUED, Outcome.QUEUED]),
    ],
)
def test_what_this_tick_pauses_by_itself_counts_for_the_countries(is_auto, outcomes):
    """Without France both others have half of the budget, and neither may have more."""
    entities = [
        entity
        for number, country in enumerate(("FR", "DE", "IT"), 1)
        for entity in (
            a_campaign(f"c{number}"),
            an_adset(f"s{number}", campaign=f"c{number}", countries=(country,)),
            an_ad(f"a{number}", campaign=f"c{number}", adset=f"s{number}"),
        )
    ]
    found = [surely_bad("c1"), surely_bad("s1"), surely_bad("a1")]
    found += [surely_good("c2"), surely_good("c3")]
    limits = Limits(max_single_country_pct=Decimal("0.5"))
    plan = decided(a_shop(*entities, found=found), limits=limits, is_auto=is_auto)
    assert [d.outcome for d in plan.decisions] == outcomes


def test_what_this_tick_cuts_by_itself_counts_for_the_countries():
    """In Spain a tenth less, and then in France a tenth more is too much."""
    entities = [
        *(a_campaign(), an_adset(countries=("ES",)), an_ad()),
        a_campaign("c2"),
        an_adset("s2", campaign="c2", countries=("FR",)),
        an_ad("a2", campaign="c2", adset="s2"),
    ]
    found = [surely_bad("c1", "1.1"), surely_good("c2")]
    limits = Limits(min_spain_percentage=Decimal("0.47"))
    plan = decided(a_shop(*entities, found=found), limits=limits, is_auto=True)
    assert [d.outcome for d in plan.decisions] == [Outcome.EXECUTED, Outcome.POLICY_BLOCKED]
    plan = decided(a_shop(*entities, found=found[1:]), limits=limits, is_auto=True)
    assert [d.outcome for d in plan.decisions] == [Outcome.EXECUTED]


def test_the_sum_goes_over_all_accounts_of_a_tick():
    here = growing()
    entities = [
        replace(entity, account_id="1002")
        for entity in (a_campaign("d1"), an_adset("t1", campaign="d1"))
    ]
    there = a_shop(
        snapshot=a_snapshot(*entities, account=an_account("1002")), found=[surely_good("d1")]
    )
    plan = decided(here, there, limits=Limits(max_daily_spend_usd=Decimal(1_100)))
    assert [d.account_id for d in plan.decisions] == ["1001", "1002"]
    assert [d.outcome for d in plan.decisions] == [Outcome.QUEUED, Outcome.SAFETY_BLOCKED]


def test_one_account_without_a_rate_blocks_raises_everywhere_and_nothing_else():
    entities = [replace(a_campaign("d1", budget=daily(10, "CHF")), account_id="1002")]
    account = an_account("1002", currency=Currency("CHF"))
    there = a_shop(snapshot=a_snapshot(*entities, account=account))
    assert only(decided(growing(), there)).outcome is Outcome.SAFETY_BLOCKED
    assert only(decided(failing(), there)).outcome is Outcome.QUEUED
    assert only(decided(shrinking(), there)).outcome is Outcome.QUEUED


def test_a_limit_of_one_account_binds_there_alone():
    override = Override(account="1001", values={"max_daily_change_pct": Decimal("0.05")})
    book = PolicyBook(overrides=(override,))
    assert only(decided(growing(), book=book)).action.proposed_budget == usd(525)


# --- turns --------------------------------------------------------------------------------------


def last_seen(*hours: float | None) -> dict[str, EntityMemory]:
    return {
        f"c{number}": remembering(
            last_evaluated_at=None if ago is None else NOW - timedelta(hours=ago)
        )
        for number, ago in enumerate(hours, 1)
    }


def all_growing(count: int, **changes: object) -> Situation:
    shop = campaigns(*([100] * count), **changes)
    return replace(shop, evaluations={key: surely_good(key) for key in shop.evaluations})


def test_the_longest_unevaluated_campaigns_have_their_turn_first():
    limits = Limits(max_campaigns_per_tick=2)
    plan = decided(all_growing(4, memory=last_seen(1, 3, None, 2)), limits=limits)
    assert plan.evaluated == {"c3", "c2"}
    assert {d.action.entity.id for d in plan.decisions} == {"c2", "c3"}


def test_every_campaign_has_its_turn_in_time():
    limits = Limits(max_campaigns_per_tick=2)
    memory = last_seen(*[None] * 5)
    seen: list[str] = []
    for tick in range(3):
        now = NOW + timedelta(minutes=30 * tick)
        evaluated = decided(all_growing(5, memory=memory), limits=limits).evaluated
        memory |= {key: remembering(last_evaluated_at=now) for key in evaluated}
        seen += evaluated
    assert set(seen) == {"c1", "c2", "c3", "c4", "c5"}


def test_hard_stops_are_looked_for_in_all():
    limits = Limits(max_campaigns_per_tick=0)
    plan = decided(campaigns(100, 200, 300), limits=limits)
    assert [d.action.is_hard_stop for d in plan.decisions] == [True] * 3
    assert plan.evaluated == frozenset()


def test_who_waits_for_a_turn_is_told_so_with_all_below():
    plan = decided(all_growing(1), limits=Limits(max_campaigns_per_tick=0))
    for entity_id in ("c1", "s1", "a1"):
        assert rules_of(plan, entity_id) == ["candidate.turn"]


def test_no_candidate_takes_no_turn():
    shop = a_shop(
        a_campaign("c1", status="PAUSED"), a_campaign("c2"), an_adset("s2", campaign="c2")
    )
    assert decided(shop, limits=Limits(max_campaigns_per_tick=1)).evaluated == {"c2"}


# --- resume -------------------------------------------------------------------------------------


def with_paused(level: str, *, days: float = 3, **changes: object) -> Situation:
    """The usual shop with one entity paused by us, so many days ago."""
    entities = [a_campaign(), an_adset(), an_ad()]
    place = ["c1", "s1", "a1"].index(level)
    reported = {"c1": "CAMPAIGN_PAUSED", "s1": "ADSET_PAUSED"}.get(level, "PAUSED")
    entities[place] = replace(entities[place], status="PAUSED", effective_status="PAUSED")
    for below in range(place + 1, 3):
        entities[below] = replace(entities[below], effective_status=reported)
    ours = remembering(
        paused_by_us_at=NOW - timedelta(days=days),
        paused_on=TODAY - timedelta(days=int(days)),
        **changes,
    )
    return a_shop(*entities, memory={level: ours})


@pytest.mark.parametrize("level", ["c1", "s1", "a1"])
def test_what_we_paused_within_14_days_is_looked_at_for_a_resume(level):
    decision = only(decided(with_paused(level), pause_windows=BACK))
    assert decision.action.type is ActionType.RESUME
    assert decision.action.entity.id == level
    assert decision.outcome is Outcome.QUEUED


def test_what_we_paused_longer_ago_is_left_paused():
    assert decided(with_paused("a1", days=14.01), pause_windows=BACK).decisions == ()
    assert len(decided(with_paused("a1", days=14), pause_windows=BACK).decisions) == 1


def test_what_others_paused_is_left_paused():
    shop = a_shop(a_campaign(), an_adset(), an_ad(status="PAUSED"))
    assert decided(shop, pause_windows=BACK).decisions == ()


def test_what_somebody_resumed_needs_no_resume():
    ours = remembering(paused_by_us_at=NOW - timedelta(days=2), paused_on=TODAY)
    assert decided(a_shop(memory={"a1": ours}), pause_windows=BACK).decisions == ()


def test_what_is_gone_is_not_resumed():
    ours = remembering(paused_by_us_at=NOW - timedelta(days=2), paused_on=TODAY)
    assert decided(a_shop(memory={"a9": ours}), pause_windows=BACK).decisions == ()


@pytest.mark.parametrize(
    "campaign",
    [
        a_campaign(status="PAUSED"),
        a_campaign(effective_status="WITH_ISSUES"),
        a_campaign(has_budget_schedule=True),
        a_campaign(stops_at=NOW),
        a_campaign(objective="OUTCOME_LEADS"),
    ],
)
def test_nothing_is_resumed_under_a_parent_that_may_not_be_touched(campaign):
    shop = with_paused("a1")
    snapshot = replace(shop.snapshot, campaigns={"c1": campaign})
    assert decided(replace(shop, snapshot=snapshot), pause_windows=BACK).decisions == ()


def test_nothing_is_resumed_outside_the_scope():
    book = PolicyBook(scope=Scope(exclude=("c1",)))
    assert decided(with_paused("a1"), book=book, pause_windows=BACK).decisions == ()


def test_an_included_ad_set_is_worked_on_where_its_campaign_is_left_alone():
    found = [surely_good("c1"), surely_good("s1"), surely_bad("a1")]
    held = (a_campaign(budget=None), an_adset(budget=100), an_ad(), an_ad("a2"))
    shop = a_shop(*held, found=[*found, surely_good("a2")])
    only_s1 = decided(shop, book=PolicyBook(scope=Scope(include=("s1",))))
    assert told(only_s1.decisions) == [
        ("pause", "a1", "queued"),
        ("scale_up", "s1", "queued"),
    ]
    assert rules_of(only_s1, "c1") == ["candidate.scope"]
    assert decided(shop, book=PolicyBook(scope=Scope(include=("s2",)))).decisions == ()


def test_what_was_paused_is_resumed_where_only_its_campaign_is_left_alone():
    book = PolicyBook(scope=Scope(include=("s1",)))
    assert told(decided(with_paused("a1"), book=book, pause_windows=BACK).decisions) == [
        ("resume", "a1", "queued")
    ]


def test_a_resume_waits_for_no_turn():
    limits = Limits(max_campaigns_per_tick=0)
    assert len(decided(with_paused("a1"), limits=limits, pause_windows=BACK).decisions) == 1


def test_nothing_is_resumed_below_what_this_tick_wants_paused():
    shop = with_paused("a1")
    bad = replace(shop, evaluations={"c1": surely_bad("c1")})
    assert told(decided(bad, pause_windows=BACK).decisions) == [("pause", "c1", "queued")]


def test_a_resume_rests_on_the_cooldown_after_our_own_pause():
    recent = with_paused("a1", days=0.5, last_executed_at=NOW - timedelta(hours=12))
    assert only(decided(recent, pause_windows=BACK)).outcome is Outcome.SAFETY_BLOCKED


# --- a reallocation or its scale actions --------------------------------------------------------


def movable(spread: float = 0.05, **changes: object) -> Situation:
    entities: list[Entity] = [a_campaign(budget=None)]
    for number in (1, 2, 3):
        entities += [
            an_adset(f"s{number}", budget=100),
            an_ad(f"a{number}", adset=f"s{number}", creative=f"cr{number}"),
        ]
    found = [
        believed("s1", "1.2", spread=spread),
        believed("s2", "1.7", spread=spread),
        believed("s3", "3.2", spread=spread),
    ]
    read = a_snapshot(*entities, performance={"a1": a_day(roas="1.2"), "a2": a_day(roas="1.7")})
    return a_shop(snapshot=read, found=found, **changes)


def test_in_suggest_mode_the_reallocation_stands():
    assert told(decided(movable()).decisions) == [("reallocate", "s1", "queued")]


def test_in_auto_mode_its_scale_actions_come_first_when_one_would_be_executed_now():
    assert told(decided(movable(), is_auto=True).decisions) == [
        ("scale_down", "s1", "executed"),
        ("scale_up", "s3", "executed"),
    ]


def test_in_auto_mode_the_reallocation_stands_when_none_would_be_executed():
    none = Limits(auto_action_types=frozenset({ActionType.PAUSE}))
    assert told(decided(movable(), limits=none, is_auto=True).decisions) == [
        ("reallocate", "s1", "queued")
    ]
    resting = {key: remembering(last_executed_at=NOW) for key in ("s1", "s3")}
    assert told(decided(movable(memory=resting), is_auto=True).decisions) == [
        ("reallocate", "s1", "safety_blocked")
    ]


# --- amounts ------------------------------------------------------------------------------------


def test_the_amount_is_new_less_old_in_dollars():
    shop = a_shop()
    assert amount_usd(a_scale_up(to=550), shop) == 50
    assert amount_usd(a_scale_down(to=450), shop) == -50
    assert amount_usd(a_pause(a_campaign()), shop) == -500
    assert amount_usd(a_pause(an_ad()), shop) is None
    donor, receiver = an_adset("s1", budget=100), an_adset("s2", budget=100)
    assert amount_usd(a_reallocation(donor, receiver, 10), shop) == 0


def test_a_paused_campaign_takes_away_the_budgets_of_its_active_ad_sets():
    campaign = a_campaign(budget=None)
    shop = a_shop(
        campaign,
        an_adset("s1", budget=100),
        an_adset("s2", budget=50),
        an_adset("s3", budget=70, status="PAUSED"),
    )
    assert amount_usd(a_pause(campaign), shop) == -150


def test_a_resume_brings_the_budgets_that_begin_to_count():
    ad = an_ad(status="PAUSED")
    shop = a_shop(a_campaign(), an_adset(), ad)
    assert amount_usd(a_resume(ad), shop) == 0  # its campaign spends that budget already
    campaign = a_campaign(budget=None, status="PAUSED")
    below = a_shop(campaign, an_adset("s1", budget=100), an_adset("s2", budget=50))
    assert amount_usd(a_resume(campaign), below) == 150
    unknown = a_shop(campaign, an_adset("s1", budget=None))
    assert amount_usd(a_resume(campaign), unknown) is None


def test_an_amount_without_a_rate_is_unknown():
    campaign = a_campaign(budget=daily(100, "CHF"))
    entities = campaign, an_adset(), an_ad()
    shop = a_shop(snapshot=a_snapshot(*entities, account=an_account(currency=Currency("CHF"))))
    assert amount_usd(a_scale_up(campaign, 110), shop) is None
    assert amount_usd(a_pause(campaign), shop) is None


def test_a_lifetime_budget_counts_by_the_day():
    campaign = a_campaign(budget=lifetime(700, remaining=300, days_left=3))
    a_minute_ago = a_shop(campaign, an_adset(), an_ad())
    assert amount_usd(a_pause(campaign), a_minute_ago) == Decimal("-99.97")


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (Outcome.POLICY_BLOCKED, ActionStatus.BLOCKED),
        (Outcome.SAFETY_BLOCKED, ActionStatus.BLOCKED),
        (Outcome.QUEUED, ActionStatus.SUGGESTED),
        (Outcome.UNCHANGED, ActionStatus.SUGGESTED),
        (Outcome.DEFERRED, ActionStatus.DEFERRED),
        (Outcome.EXECUTED, ActionStatus.APPROVED),
        (Outcome.FAILED, ActionStatus.APPROVED),
        (Outcome.IN_DOUBT, ActionStatus.APPROVED),
    ],
)
def test_each_outcome_has_its_status_on_record(outcome, status):
    assert replace(only(decided(growing())), outcome=outcome).status is status


# --- random small worlds ------------------------------------------------------------------------

STATUSES = st.sampled_from(["ACTIVE"] * 6 + ["PAUSED", "WITH_ISSUES"])
AGES = st.sampled_from([timedelta(days=30)] * 6 + [timedelta(hours=3)])
MEMORIES = st.sampled_from(
    [EntityMemory(budgets_known=True)] * 6
    + [
        remembering(last_executed_at=NOW - timedelta(hours=2)),
        remembering(in_doubt_since=NOW - timedelta(hours=2)),
        remembering(reversed_at={ActionType.PAUSE: NOW - timedelta(days=2)}),
        remembering(rejected_at={ActionType.SCALE_UP: NOW - timedelta(hours=2)}),
        remembering(budgets_24h=(usd(90), usd(700))),
        remembering(paused_by_us_at=NOW - timedelta(days=3), paused_on=TODAY - timedelta(days=3)),
        remembering(last_direction=1, last_direction_at=NOW - timedelta(days=2)),
        remembering(budget_sent_at=(NOW,) * 3),
        EntityMemory(),
    ]
)


@st.composite
def evaluations(draw: st.DrawFn, entity_id: str) -> Evaluation | None:
    if draw(st.integers(0, 9)) == 0:
        return None
    return believed(
        entity_id,
        draw(st.decimals("0.2", 5, places=2)),
        spread=draw(st.sampled_from([0.05, 0.2, 0.6])),
        spend=draw(st.sampled_from([20, 700, 5_000])),
        impressions=draw(st.sampled_from([500, 35_000])),
    )


@st.composite
def accounts(draw: st.DrawFn, account_id: str = "1001") -> Situation:
    entities: list[Entity] = []
    for c in range(draw(st.integers(1, 3))):
        campaign_id = f"{account_id}.c{c}"
        has_budget = draw(st.booleans())
        amounts = st.integers(100, 90_000).map(lambda cents: daily(Decimal(cents) / 100))

        def common() -> dict[str, object]:
            status = draw(STATUSES)
            return {
                "account_id": account_id,
                "status": "ACTIVE" if status == "WITH_ISSUES" else status,
                "effective_status": status,
                "created_at": NOW - draw(AGES),
            }

        entities.append(
            a_campaign(campaign_id, budget=draw(amounts) if has_budget else None, **common())
        )
        for s in range(draw(st.integers(1, 3))):
            adset_id = f"{campaign_id}.s{s}"
            entities.append(
                an_adset(
                    adset_id,
                    campaign=campaign_id,
                    budget=None if has_budget else draw(amounts),
                    countries=(draw(st.sampled_from(["ES", "FR"])),),
                    **common(),
                )
            )
            ad_id = f"{adset_id}.a"
            entities.append(
                an_ad(ad_id, campaign=campaign_id, adset=adset_id, creative=ad_id, **common())
            )
    found = [draw(evaluations(entity.id)) for entity in entities]
    snapshot = a_snapshot(*entities, account=an_account(account_id))
    memory = {entity.id: draw(MEMORIES) for entity in entities}
    offered = draw(st.sampled_from(entities)).id
    memory[offered] = pending(ActionType.PAUSE, offered)
    return a_shop(
        snapshot=snapshot,
        found=[one for one in found if one is not None],
        memory=a_memory(snapshot, memory),
    )


books = st.builds(
    PolicyBook,
    limits=st.builds(
        Limits,
        max_actions_per_tick=st.sampled_from([0, 1, 3, 50]),
        max_campaigns_per_tick=st.sampled_from([1, 2, 100]),
        max_daily_spend_usd=st.sampled_from([Decimal(500), Decimal(2_000), Decimal(10_000)]),
        max_campaign_budget_usd=st.sampled_from([Decimal(600), Decimal(5_000)]),
        hard_stop_confidence=st.sampled_from([Decimal("0.7"), Decimal(1)]),
        hard_stop_executes_in_suggest=st.booleans(),
        auto_action_types=st.sampled_from([ALL_TYPES, frozenset({ActionType.SCALE_UP})]),
    ),
)


def grants(decisions: Sequence[Decision]) -> list[Decision]:
    kept = (Outcome.QUEUED, Outcome.EXECUTED, Outcome.UNCHANGED)
    return [decision for decision in decisions if decision.outcome in kept]


@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    here=accounts("1001"),
    there=accounts("1002"),
    book=books,
    is_auto=st.booleans(),
    prob=st.sampled_from([0.01, 0.99]),
)
def test_whatever_the_world_a_plan_keeps_its_promises(here, there, book, is_auto, prob):
    def back(entity: Entity) -> Evaluation:
        return an_evaluation(entity.id, roas=2, prob_below=prob)

    plan = decided(
        here,
        there,
        book=book,
        is_auto=is_auto,
        pause_windows={"1001": back, "1002": back},
    )
    limits, decisions = book.limits, plan.decisions

    # Each action has one outcome, and its count adds up.
    counts = Counter(decision.outcome for decision in decisions)
    assert sum(counts.values()) == len(decisions)
    assert counts[Outcome.FAILED] == counts[Outcome.IN_DOUBT] == 0  # nothing was sent yet
    assert counts[Outcome.QUEUED] + counts[Outcome.EXECUTED] <= limits.max_actions_per_tick
    assert len(plan.evaluated) <= limits.max_campaigns_per_tick

    # At most one action per entity, and nothing below what is to be paused.
    touched = [key for decision in decisions for key in decision.action.entity_ids]
    assert len(touched) == len(set(touched))
    falling = {d.action.entity.id for d in decisions if d.action.type is ActionType.PAUSE}
    situations = {"1001": here, "1002": there}
    for decision in decisions:
        parents = situations[decision.account_id].snapshot.parents_of(decision.action.entity)
        assert not falling & {parent.id for parent in parents}

    # Nothing runs unasked that may not, nor at another size than its route's.
    for decision in decisions:
        action = decision.action
        if decision.executes:
            assert action.type in limits.auto_action_types
            assert is_auto or action.is_hard_stop
            assert action.type in ALL_TYPES
        if decision in grants(decisions):
            assert not [verdict for verdict in decision.verdicts if not verdict]
            most = Decimal("0.1") if decision.executes else Decimal("0.2")
            assert all(abs(leg.change_pct) <= most for leg in action.legs)
            assert all(leg.proposed != leg.current for leg in action.legs)
        else:
            assert [verdict for verdict in decision.verdicts if not verdict]
            assert not decision.is_urgent

    # All that was granted together obeys what each obeys alone.
    more = Decimal(0)
    for key, granted in plan.totals.granted_usd.items():
        holder = plan.totals.holders[key]
        before = holder.budget_usd if holder.counts else Decimal(0)
        more += max(before + granted, holder.spent_usd) - max(before, holder.spent_usd)
    assert more == 0 or plan.totals.projected_usd + more <= limits.max_daily_spend_usd
    raised = sum((d.amount_usd or Decimal(0)) for d in grants(decisions) if d.action.raises_spend)
    assert sum(plan.totals.granted_usd.values()) == raised


@settings(max_examples=30, deadline=None)
@given(here=accounts(), book=books, is_auto=st.booleans())
def test_the_same_facts_give_the_same_plan(here, book, is_auto):
    once = decided(here, book=book, is_auto=is_auto)
    assert decided(here, book=book, is_auto=is_auto) == once
