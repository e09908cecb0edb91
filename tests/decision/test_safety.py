"""The safety rules at their boundaries, and the safety engine for scripts."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meta_autonomous.decision.context import AutomaticPause, Memory, Outage
from meta_autonomous.decision.limits import (
    OVERRIDABLE,
    Freeze,
    Limits,
    PolicyBook,
    Scope,
    is_looser,
)
from meta_autonomous.decision.policy_engine import POLICY_RULES
from meta_autonomous.decision.rules import Rule, judge
from meta_autonomous.decision.safety import (
    BLAST_RADIUS,
    COOLDOWN,
    CREATIVE,
    EMBARGO,
    FREEZE,
    HUMAN_OVERRIDE,
    LEARNING_PHASE,
    MINIMUM_DATA,
    PLATFORM_PACE,
    SAFETY_RULES,
    SANITY,
    SCOPE,
    SECOND_CONTROLLER,
    TRACKING_OUTAGE,
    SafetyEngine,
)
from meta_autonomous.domain.action import Action, ActionType, BudgetLeg, Route
from meta_autonomous.domain.entities import AccountSnapshot, Budget, BudgetKind, Entity
from meta_autonomous.domain.quantities import Currency
from meta_autonomous.domain.verdict import Effect, Ruling, Verdict
from tests.builders import (
    NOW,
    TODAY,
    a_campaign,
    a_case,
    a_day,
    a_leg,
    a_memory,
    a_pause,
    a_reallocation,
    a_resume,
    a_scale_down,
    a_scale_up,
    a_situation,
    a_snapshot,
    an_account,
    an_ad,
    an_adset,
    an_evaluation,
    days_like,
    lifetime,
    remembering,
    usd,
)

AUTO = Route.AUTO


def ask(
    rule: Rule, action: Action, snapshot: AccountSnapshot | None = None, **case: Any
) -> Verdict:
    return rule.judge(action, a_case(snapshot, **case))


def hours_ago(hours: str | float) -> datetime:
    return NOW - timedelta(hours=float(hours))


# --- safety.embargo -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("created_at", "is_allowed"),
    [
        (hours_ago(48), True),
        (hours_ago("47.999"), False),
        (NOW, False),
        (NOW + timedelta(hours=1), False),
        (None, False),
    ],
)
def test_what_is_younger_than_48_hours_is_left_alone(
    created_at: datetime | None, is_allowed: bool
) -> None:
    verdict = ask(EMBARGO, a_scale_up(a_campaign(created_at=created_at)))

    assert bool(verdict) is is_allowed
    if not is_allowed and created_at is not None:
        assert verdict.eligible_at == created_at + timedelta(hours=48)


def test_a_future_creation_is_refused_also_without_an_embargo() -> None:
    future = a_scale_up(a_campaign(created_at=NOW + timedelta(seconds=1)))

    assert not ask(EMBARGO, future, limits=Limits(min_age_hours=Decimal(0)))
    now = a_scale_up(a_campaign(created_at=NOW))
    assert ask(EMBARGO, now, limits=Limits(min_age_hours=Decimal(0)))
    assert "is only 0 h old" in ask(EMBARGO, now).message


def test_both_ad_sets_of_a_reallocation_must_be_old_enough() -> None:
    old, young = an_adset("s1", budget=100), an_adset("s2", budget=100, created_at=hours_ago(5))

    assert not ask(EMBARGO, a_reallocation(old, young))
    assert not ask(EMBARGO, a_reallocation(young, old))


@pytest.mark.parametrize(("age", "is_allowed"), [(72, True), (71, False)])
def test_an_ad_is_bound_by_the_longer_of_its_own_and_its_creatives_embargo(
    age: int, is_allowed: bool
) -> None:
    ad = an_ad(status="PAUSED", created_at=hours_ago(age))
    limits = Limits(creative_embargo_hours=Decimal(72))

    assert bool(ask(EMBARGO, a_resume(ad), limits=limits)) is is_allowed


def test_a_time_without_a_zone_can_not_be_judged() -> None:
    assert not ask(EMBARGO, a_scale_up(a_campaign(created_at=datetime(2020, 1, 1))))


# --- safety.minimum_data ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("impressions", "spend", "is_allowed"),
    [
        (1000, "100", True),
        (999, "100", False),
        (1000, "99.99", False),
        (0, "0", False),
        (1000, None, False),
    ],
)
def test_less_than_1000_impressions_or_100_dollars_prove_nothing(
    impressions: int, spend: str | None, is_allowed: bool
) -> None:
    found = an_evaluation(impressions=impressions, spend=spend)

    assert bool(ask(MINIMUM_DATA, a_scale_up(), evaluations=[found])) is is_allowed


def test_without_an_evaluation_the_reads_own_sums_count() -> None:
    thin = a_snapshot(performance={"a1": a_day(14)})

    assert ask(MINIMUM_DATA, a_scale_up())
    assert not ask(MINIMUM_DATA, a_scale_up(), thin)


def test_what_the_system_paused_is_judged_by_the_window_of_that_decision() -> None:
    paused = a_campaign(status="PAUSED")
    paused_on = TODAY - timedelta(days=9)
    before = {paused_on - timedelta(days=age): a_day() for age in range(1, 8)}
    snapshot = a_snapshot(paused, performance={"c1": before})

    assert not ask(MINIMUM_DATA, a_resume(paused), snapshot)
    record = {"c1": remembering(paused_on=paused_on)}
    assert ask(MINIMUM_DATA, a_resume(paused), snapshot, memory=record)


# --- safety.platform_pace -----------------------------------------------------------------------


def test_a_budget_sent_three_times_within_the_hour_waits_until_the_first_is_an_hour_old() -> None:
    minutes = [NOW - timedelta(minutes=ago) for ago in (60, 50, 30, 10)]
    twice = {"c1": remembering(budget_sent_at=tuple(minutes[:3]))}
    thrice = {"c1": remembering(budget_sent_at=tuple(reversed(minutes)))}

    assert ask(PLATFORM_PACE, a_scale_up(), memory=twice)
    deferred = ask(PLATFORM_PACE, a_scale_up(), memory=thrice)
    assert deferred.effect is Effect.DEFERS
    assert not deferred
    assert deferred.eligible_at == NOW + timedelta(minutes=10)


def test_a_budget_that_meta_took_no_more_of_waits_until_it_does() -> None:
    until = NOW + timedelta(minutes=60)
    blocked = {"c1": remembering(budget_blocked_until=until)}

    deferred = ask(PLATFORM_PACE, a_scale_up(), memory=blocked)
    assert deferred.effect is Effect.DEFERS
    assert deferred.eligible_at == until
    over = {"c1": remembering(budget_blocked_until=NOW)}
    assert ask(PLATFORM_PACE, a_scale_up(), memory=over)


def test_a_budget_that_meta_refused_rests_unless_a_person_tries_it() -> None:
    refused = {"c1": remembering(budget_refused_at=NOW - timedelta(hours=5, minutes=59))}

    deferred = ask(PLATFORM_PACE, a_scale_up(), memory=refused, route=Route.AUTO)
    assert deferred.effect is Effect.DEFERS
    assert deferred.eligible_at == NOW + timedelta(minutes=1)
    assert "refused" in deferred.message
    assert ask(PLATFORM_PACE, a_scale_up(), memory=refused, route=Route.PERSON)
    over = {"c1": remembering(budget_refused_at=NOW - timedelta(hours=6))}
    assert ask(PLATFORM_PACE, a_scale_up(), memory=over, route=Route.AUTO)


@pytest.mark.parametrize(("to", "is_allowed"), [("440.00", True), ("439.99", False)])
def test_a_cut_under_110_percent_of_todays_spend_waits_for_the_accounts_midnight(
    to: str, is_allowed: bool
) -> None:
    snapshot = a_snapshot(performance={"c1": days_like(today=a_day(400))})

    verdict = ask(PLATFORM_PACE, a_scale_down(to=to), snapshot)

    assert bool(verdict) is is_allowed
    if not is_allowed:
        assert verdict.observed == Decimal("1.099975")
        assert verdict.effect is Effect.DEFERS
        midnight = datetime(2026, 3, 12, tzinfo=ZoneInfo("Europe/Madrid"))
        assert verdict.eligible_at == midnight


def test_an_increase_is_not_bound_by_what_was_spent() -> None:
    snapshot = a_snapshot(performance={"c1": days_like(today=a_day(900))})

    assert ask(PLATFORM_PACE, a_scale_up(to=550), snapshot)


def test_a_cut_before_anything_was_spent_is_not_bound() -> None:
    snapshot = a_snapshot(performance={"c1": days_like(today=a_day(0))})

    assert ask(PLATFORM_PACE, a_scale_down(to=400), snapshot)


@pytest.mark.parametrize(("to", "is_allowed"), [("20.00", True), ("19.99", False)])
def test_a_lifetime_budget_stays_above_110_percent_of_all_that_it_spent(
    to: str, is_allowed: bool
) -> None:
    campaign = a_campaign(budget=lifetime(3000, remaining=1000, days_left=10))

    verdict = ask(PLATFORM_PACE, a_scale_down(campaign, to=to))

    assert bool(verdict) is is_allowed
    assert verdict.eligible_at is None


@pytest.mark.parametrize(
    "budget",
    [
        None,
        Budget(BudgetKind.LIFETIME, usd(3000), None, NOW + timedelta(days=3)),
        Budget(BudgetKind.LIFETIME, usd(3000), usd(100), None),
    ],
)
def test_a_cut_of_a_budget_that_is_not_known_is_refused(budget: Budget | None) -> None:
    campaign = a_campaign(budget=budget)
    leg = BudgetLeg(entity=campaign, current=usd(100), proposed=usd(90))
    action = Action(type=ActionType.SCALE_DOWN, entity=campaign, legs=(leg,))

    assert ask(PLATFORM_PACE, action).effect is Effect.BLOCKS


# --- safety.second_controller -------------------------------------------------------------------


def test_metas_own_rules_on_the_entity_warn_or_block_as_configured() -> None:
    governed = a_snapshot(governed_by_rules=frozenset({"c1"}))

    warned = ask(SECOND_CONTROLLER, a_pause(), governed, route=AUTO)
    assert warned
    assert warned.ruling is Ruling.WARN
    strict = Limits(block_on_second_controller=True)
    assert not ask(SECOND_CONTROLLER, a_pause(), governed, route=AUTO, limits=strict)
    elsewhere = a_snapshot(governed_by_rules=frozenset({"s1"}))
    assert ask(SECOND_CONTROLLER, a_pause(), elsewhere, limits=strict).ruling is Ruling.PASS


# --- safety.cooldown ----------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["last_executed_at", "foreign_change_at"])
@pytest.mark.parametrize(
    ("at", "is_allowed"),
    [
        (hours_ago(24), True),
        (hours_ago("23.99"), False),
        (NOW + timedelta(hours=1), False),
    ],
)
def test_a_change_rests_for_24_hours_whoever_made_it(
    field: str, at: datetime, is_allowed: bool
) -> None:
    verdict = ask(COOLDOWN, a_scale_up(), memory={"c1": remembering(**{field: at})})

    assert bool(verdict) is is_allowed
    if not is_allowed:
        assert verdict.eligible_at == at + timedelta(hours=24)


def test_the_later_of_two_changes_decides_how_long_to_wait() -> None:
    record = remembering(
        last_executed_at=hours_ago(5),
        foreign_change_at=hours_ago(2),
        foreign_change="the daily budget, from 400 to 500",
    )

    verdict = ask(COOLDOWN, a_scale_up(), memory={"c1": record})

    assert verdict.eligible_at == hours_ago(2) + timedelta(hours=24)
    foreign = {"c1": replace(record, last_executed_at=None)}
    assert "by someone else (the daily budget, from 400 to 500)" in (
        ask(COOLDOWN, a_scale_up(), memory=foreign).message
    )


def test_both_ad_sets_of_a_reallocation_must_have_rested() -> None:
    adsets = [an_adset("s1", budget=100), an_adset("s2", budget=100)]
    snapshot = a_snapshot(a_campaign(budget=None), *adsets)
    record = {"s2": remembering(last_executed_at=hours_ago(1))}

    assert not ask(COOLDOWN, a_reallocation(*adsets), snapshot, memory=record)
    undone = ask(COOLDOWN, a_reallocation(*adsets), snapshot, memory=record, route=Route.UNDO)
    assert undone.ruling is Ruling.WARN


# --- safety.creative ----------------------------------------------------------------------------


def approving(*creatives: str, **changes: Any) -> Memory:
    return a_memory(a_snapshot(), approved_creatives=frozenset(creatives), **changes)


@pytest.mark.parametrize(
    ("status", "is_allowed"),
    [
        ("ACTIVE", True),
        ("WITH_ISSUES", True),
        ("CAMPAIGN_PAUSED", True),
        ("PENDING_REVIEW", False),
        ("DISAPPROVED", False),
        ("IN_PROCESS", False),
        ("SOMETHING_NEW", False),
    ],
)
def test_money_goes_only_to_ads_that_meta_has_approved(status: str, is_allowed: bool) -> None:
    ads = [an_ad(), an_ad("a2", effective_status=status)]
    snapshot = a_snapshot(a_campaign(), an_adset(), *ads)

    assert bool(ask(CREATIVE, a_scale_up(), snapshot)) is is_allowed
    assert bool(ask(CREATIVE, a_scale_up(), snapshot, route=Route.UNDO)) is is_allowed


def test_under_a_paused_parent_the_reviews_feedback_tells_what_the_status_hides() -> None:
    refused = an_ad(effective_status="CAMPAIGN_PAUSED", has_review_feedback=True)
    fine = an_ad(effective_status="CAMPAIGN_PAUSED")
    paused = a_campaign(status="PAUSED")

    assert ask(CREATIVE, a_resume(paused), a_snapshot(paused, an_adset(), fine))
    assert not ask(CREATIVE, a_resume(paused), a_snapshot(paused, an_adset(), refused))


def test_money_goes_only_to_ads_that_a_person_has_approved() -> None:
    free = Limits(require_human_approval_creatives=False)

    assert ask(CREATIVE, a_scale_up(), memory=approving("cr1"))
    assert not ask(CREATIVE, a_scale_up(), memory=approving())
    assert ask(CREATIVE, a_scale_up(), memory=approving(), limits=free)
    rejected = approving("cr1", rejected_creatives=frozenset({"cr1"}))
    assert not ask(CREATIVE, a_scale_up(), memory=rejected, limits=free)


def test_a_disapproved_ad_that_is_paused_does_not_matter() -> None:
    off = an_ad("a2", status="PAUSED", effective_status="DISAPPROVED")

    assert ask(CREATIVE, a_scale_up(), a_snapshot(a_campaign(), an_adset(), an_ad(), off))


# --- safety.sanity ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("roas", "confidence", "is_allowed"),
    [
        ("0", "0", True),
        ("2", "1", True),
        ("-0.01", "0.8", False),
        ("NaN", "0.8", False),
        ("Infinity", "0.8", False),
        (None, "0.8", False),
        ("2", "1.01", False),
        ("2", "-0.01", False),
        ("2", "NaN", False),
        ("2", None, False),
    ],
)
def test_a_roas_or_confidence_that_can_not_be_decides_nothing(
    roas: str | None, confidence: str | None, is_allowed: bool
) -> None:
    action = a_pause(
        roas=None if roas is None else Decimal(roas),
        confidence=None if confidence is None else Decimal(confidence),
    )

    verdict = ask(SANITY, action)
    assert bool(verdict) is is_allowed
    assert "could not be checked" not in verdict.message
    assert ask(SANITY, action, is_manual_pause=True)
    assert ask(SANITY, action, route=Route.UNDO)


def test_a_measured_roas_that_can_not_be_decides_nothing() -> None:
    refunds = a_snapshot(performance={"a1": a_day(roas="-1")})

    assert not ask(SANITY, a_pause(), refunds)
    assert ask(SANITY, a_pause(), evaluations=[an_evaluation(roas=None)])


@pytest.mark.parametrize(
    ("roas", "confidence", "ruling"),
    [
        ("0.49", "0.9", Ruling.WARN),
        ("0.5", "0.9", Ruling.PASS),
        ("0.49", "0.89", Ruling.PASS),
    ],
)
def test_a_very_low_and_very_sure_roas_is_worth_a_warning(
    roas: str, confidence: str, ruling: Ruling
) -> None:
    verdict = ask(SANITY, a_pause(roas=Decimal(roas), confidence=Decimal(confidence)))

    assert verdict.ruling is ruling
    assert verdict


@pytest.mark.parametrize(
    ("age", "is_allowed"),
    [
        (timedelta(hours=24), True),
        (timedelta(hours=24, seconds=1), False),
        (timedelta(seconds=-120), True),
        (timedelta(seconds=-121), False),
    ],
)
def test_a_read_older_than_24_hours_decides_nothing(age: timedelta, is_allowed: bool) -> None:
    snapshot = replace(a_snapshot(first_day=TODAY - timedelta(days=40)), observed_at=NOW - age)

    assert bool(ask(SANITY, a_scale_up(), snapshot)) is is_allowed


@pytest.mark.parametrize(
    ("age", "told"),
    [
        (timedelta(seconds=-30), "The read is whole and 0 h old."),
        (timedelta(hours=-2), "The account was read 2 h in the future; read it again"),
    ],
)
def test_no_age_is_told_as_less_than_nothing(age: timedelta, told: str) -> None:
    snapshot = replace(a_snapshot(), observed_at=NOW - age)

    assert told in ask(SANITY, a_scale_up(), snapshot).message


def test_an_entity_that_was_not_read_whole_decides_nothing_but_an_undo() -> None:
    snapshot = a_snapshot(skipped={"c1": "insights of ad a1: odd"})

    refused = ask(SANITY, a_scale_up(), snapshot)
    assert not refused
    assert "insights of ad a1: odd" in refused.message
    assert ask(SANITY, a_scale_up(), snapshot, route=Route.UNDO)


@pytest.mark.parametrize(
    ("missing", "is_allowed"),
    [
        (TODAY, False),
        (TODAY - timedelta(days=1), False),
        (TODAY - timedelta(days=7), False),
        (TODAY - timedelta(days=8), True),
    ],
)
def test_a_read_that_lacks_a_day_of_the_window_or_today_decides_nothing(
    missing: date, is_allowed: bool
) -> None:
    snapshot = a_snapshot(missing_days=frozenset({missing}))

    assert bool(ask(SANITY, a_scale_up(), snapshot)) is is_allowed


@pytest.mark.parametrize(("days", "is_allowed"), [(7, True), (6, False)])
def test_days_before_the_first_that_was_read_are_missing(days: int, is_allowed: bool) -> None:
    snapshot = a_snapshot(first_day=TODAY - timedelta(days=days))

    assert bool(ask(SANITY, a_scale_up(), snapshot)) is is_allowed


def test_a_currency_without_a_rate_decides_nothing() -> None:
    snapshot = a_snapshot(account=an_account(currency=Currency("EUR")))

    refused = ask(SANITY, a_pause(), snapshot)
    assert not refused
    assert "META_AUTO_FX_EUR" in refused.message
    assert ask(SANITY, a_pause(), snapshot, rates={"EUR": "1.08"})


def test_budgets_must_go_where_the_type_says() -> None:
    campaign, adsets = a_campaign(), [an_adset("s1", budget=100), an_adset("s2", budget=100)]

    def odd(kind: ActionType, *legs: BudgetLeg) -> Action:
        numbers = {"roas": Decimal(2), "confidence": Decimal("0.8")}
        return Action(type=kind, entity=legs[0].entity, legs=legs, **numbers)  # type: ignore[arg-type]

    assert not ask(SANITY, odd(ActionType.SCALE_UP, a_leg(campaign, 450)))
    assert not ask(SANITY, odd(ActionType.SCALE_UP, a_leg(campaign, 500)))
    assert not ask(SANITY, odd(ActionType.SCALE_DOWN, a_leg(campaign, 550)))
    assert not ask(SANITY, odd(ActionType.SCALE_DOWN, a_leg(campaign, 500)))
    more = odd(ActionType.REALLOCATE, a_leg(adsets[0], 90), a_leg(adsets[1], 111))
    assert not ask(SANITY, more, route=Route.UNDO)
    less = odd(ActionType.REALLOCATE, a_leg(adsets[0], 90), a_leg(adsets[1], 90))
    assert not ask(SANITY, less)
    assert ask(SANITY, odd(ActionType.SCALE_DOWN, a_leg(campaign, 450)))
    assert ask(SANITY, odd(ActionType.REALLOCATE, a_leg(adsets[0], 90), a_leg(adsets[1], 110)))
    assert ask(SANITY, a_resume())


# --- safety.learning_phase ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("learning", "is_learning"),
    [("LEARNING", True), ("SUCCESS", False), ("FAIL", False), (None, False)],
)
def test_an_ad_set_that_learns_is_not_raised_and_its_cut_is_warned_of(
    learning: str | None, is_learning: bool
) -> None:
    adset = an_adset(budget=100, learning=learning)
    snapshot = a_snapshot(a_campaign(budget=None), adset)

    up = ask(LEARNING_PHASE, a_scale_up(adset, to=110), snapshot)
    down = ask(LEARNING_PHASE, a_scale_down(adset, to=90), snapshot)

    assert bool(up) is not is_learning
    assert down
    assert down.ruling is (Ruling.WARN if is_learning else Ruling.PASS)
    lenient = Limits(block_increase_while_learning=False)
    assert ask(LEARNING_PHASE, a_scale_up(adset, to=110), snapshot, limits=lenient)
    assert ask(LEARNING_PHASE, a_scale_up(adset, to=110), snapshot, route=Route.UNDO)


@pytest.mark.parametrize(("learning_spend", "is_learning"), [("100", False), ("100.01", True)])
def test_a_campaign_learns_when_learning_ad_sets_carried_more_than_half_of_its_spend(
    learning_spend: str, is_learning: bool
) -> None:
    snapshot = a_snapshot(
        a_campaign(),
        an_adset("s1", learning="LEARNING"),
        an_adset("s2"),
        performance={"s1": a_day(learning_spend), "s2": a_day(100)},
    )

    assert bool(ask(LEARNING_PHASE, a_scale_up(), snapshot)) is not is_learning


def test_what_archived_ad_sets_spent_is_part_of_the_campaigns_spend() -> None:
    snapshot = a_snapshot(
        a_campaign(),
        an_adset("s1", learning="LEARNING"),
        an_adset("s2"),
        performance={"s1": a_day(100), "s2": a_day(50), "c1": a_day(300)},
    )

    assert ask(LEARNING_PHASE, a_scale_up(), snapshot).observed == Decimal("0.333333")


def test_a_campaign_that_spent_nothing_is_not_learning() -> None:
    snapshot = a_snapshot(
        a_campaign(), an_adset(learning="LEARNING"), performance={"s1": a_day(0)}
    )

    assert ask(LEARNING_PHASE, a_scale_up(), snapshot)


def test_a_reallocation_may_take_from_what_learns_and_not_give_to_it() -> None:
    learning, done = an_adset("s1", budget=100, learning="LEARNING"), an_adset("s2", budget=100)
    snapshot = a_snapshot(a_campaign(budget=None), learning, done)

    assert ask(LEARNING_PHASE, a_reallocation(learning, done), snapshot).ruling is Ruling.WARN
    assert not ask(LEARNING_PHASE, a_reallocation(done, learning), snapshot)


# --- safety.tracking_outage, auto.human_override ------------------------------------------------


def test_during_a_tracking_outage_a_person_decides() -> None:
    outage = Outage(
        days=(TODAY - timedelta(days=1),),
        expected_purchases=Decimal("52.4"),
        seen_purchases=0,
        probability=Decimal("1e-9"),
        false_alarm_rate=Decimal("0.001"),
    )
    situation = a_situation(outage=outage)

    verdict = ask(TRACKING_OUTAGE, a_pause(), situation=situation, route=AUTO)

    assert verdict
    assert verdict.effect is Effect.DEMOTES
    assert "0 purchases on 2026-03-10, where 52.4 were to be expected" in verdict.message
    assert ask(TRACKING_OUTAGE, a_pause(), route=AUTO).effect is Effect.NONE


@pytest.mark.parametrize("record", ["reversed_at", "rejected_at"])
@pytest.mark.parametrize(("days", "effect"), [(7, Effect.NONE), (6.99, Effect.DEMOTES)])
def test_for_7_days_a_person_who_took_an_action_back_is_asked_again(
    record: str, days: float, effect: Effect
) -> None:
    at = NOW - timedelta(days=days)
    memory = {"c1": remembering(**{record: {ActionType.PAUSE: at}})}

    verdict = ask(HUMAN_OVERRIDE, a_pause(), memory=memory, route=AUTO)

    assert verdict.effect is effect
    if effect is Effect.DEMOTES:
        assert verdict.eligible_at == at + timedelta(days=7)
    assert ask(HUMAN_OVERRIDE, a_scale_up(), memory=memory, route=AUTO).effect is Effect.NONE


# --- safety.blast_radius ------------------------------------------------------------------------


def an_account_of(**spends: int) -> AccountSnapshot:
    campaigns = [a_campaign(key) for key in spends]
    performance = {key: a_day(amount) for key, amount in spends.items()}
    return a_snapshot(*campaigns, performance=performance)


def paused(
    entity_id: str, *, campaign: str | None = None, adset: str | None = None, ago: float = 1
) -> AutomaticPause:
    return AutomaticPause(
        entity_id=entity_id, campaign_id=campaign or entity_id, adset_id=adset, at=hours_ago(ago)
    )


def blast(
    entity: Entity,
    snapshot: AccountSnapshot,
    *pauses: AutomaticPause,
    granted: tuple[AutomaticPause, ...] = (),
    **case: Any,
) -> Effect:
    memory = a_memory(snapshot, automatic_pauses=pauses)
    return ask(
        BLAST_RADIUS,
        a_pause(entity),
        snapshot,
        memory=memory,
        granted_pauses=granted,
        route=AUTO,
        **case,
    ).effect


@pytest.mark.parametrize(("rest", "effect"), [(300, Effect.NONE), (299, Effect.DEMOTES)])
def test_the_third_automatic_pause_that_covers_more_than_half_of_the_spend_is_queued(
    rest: int, effect: Effect
) -> None:
    snapshot = an_account_of(c1=100, c2=100, c3=100, c4=rest)

    assert blast(a_campaign("c3"), snapshot, paused("c1"), paused("c2")) is effect


def test_two_automatic_pauses_may_cover_any_share() -> None:
    snapshot = an_account_of(c1=500, c2=400, c3=100)

    assert blast(a_campaign("c2"), snapshot, paused("c1")) is Effect.NONE
    assert blast(a_campaign("c2"), snapshot, paused("c1"), paused("c2")) is Effect.NONE


def test_pauses_granted_this_tick_count_and_those_of_other_accounts_do_not() -> None:
    snapshot = an_account_of(c1=100, c2=100, c3=100)

    granted = (paused("c1", ago=0), paused("c2", ago=0))
    assert blast(a_campaign("c3"), snapshot, granted=granted) is Effect.DEMOTES
    foreign = (paused("x1", ago=0), paused("x2", ago=0))
    assert blast(a_campaign("c3"), snapshot, granted=foreign) is Effect.NONE


def test_pauses_of_24_hours_ago_are_forgotten() -> None:
    snapshot = an_account_of(c1=100, c2=100, c3=100)

    assert blast(a_campaign("c3"), snapshot, paused("c1", ago=24), paused("c2")) is Effect.NONE
    assert (
        blast(a_campaign("c3"), snapshot, paused("c1", ago=23.9), paused("c2")) is Effect.DEMOTES
    )


def test_a_child_counts_with_its_own_spend_and_only_once() -> None:
    snapshot = a_snapshot(
        a_campaign("c1", budget=None),
        an_adset("s1", campaign="c1"),
        an_ad("a1", campaign="c1", adset="s1"),
        an_ad("a2", campaign="c1", adset="s1"),
        an_ad("a3", campaign="c1", adset="s1"),
        a_campaign("c2"),
        performance={
            "a1": a_day(100),
            "a2": a_day(100),
            "a3": a_day(100),
            "c2": a_day(350),
        },
    )
    of_ads = [paused(key, campaign="c1", adset="s1") for key in ("a1", "a2")]

    assert blast(an_adset("s1", campaign="c1"), snapshot, *of_ads) is Effect.NONE
    assert blast(a_campaign("c1"), snapshot, *of_ads) is Effect.NONE
    third = an_ad("a3", campaign="c1", adset="s1")
    assert blast(third, snapshot, *of_ads) is Effect.NONE
    of_adset = paused("s1", campaign="c1", adset="s1")
    assert blast(a_campaign("c2"), snapshot, *of_ads, of_adset) is Effect.DEMOTES


def test_pauses_in_an_account_without_spend_cover_nothing() -> None:
    idle = an_account_of(c1=0, c2=0, c3=0)
    assert blast(a_campaign("c3"), idle, paused("c1"), paused("c2")) is Effect.NONE


# --- limits.freeze, limits.scope ----------------------------------------------------------------

FROZEN = Freeze(starts_at=NOW, ends_at=NOW + timedelta(hours=5), reason="Black Friday")


@pytest.mark.parametrize(
    ("now", "is_allowed"),
    [
        (NOW - timedelta(seconds=1), True),
        (NOW, False),
        (NOW + timedelta(hours=5), True),
    ],
)
def test_inside_a_freeze_window_only_pauses_go_on(now: datetime, is_allowed: bool) -> None:
    book = PolicyBook(freezes=(FROZEN,))

    verdict = ask(FREEZE, a_scale_down(), book=book, now=now)

    assert bool(verdict) is is_allowed
    if not is_allowed:
        assert verdict.eligible_at == FROZEN.ends_at
        assert "Black Friday" in verdict.message
    assert ActionType.PAUSE not in FREEZE.applies_to


@pytest.mark.parametrize(
    ("scope", "is_allowed"),
    [
        (Scope(), True),
        (Scope(include=("name of c*",)), True),
        (Scope(include=("Brand *",)), False),
        (Scope(exclude=("c1",)), False),
        (Scope(exclude=("Brand *",)), True),
    ],
)
def test_only_what_is_in_scope_is_touched(scope: Scope, is_allowed: bool) -> None:
    book = PolicyBook(scope=scope)

    assert bool(ask(SCOPE, a_pause(), book=book)) is is_allowed


def test_an_entity_may_be_excluded_by_its_own_id() -> None:
    adset = an_adset(budget=100)
    book = PolicyBook(scope=Scope(exclude=("s1",)))

    assert not ask(SCOPE, a_scale_up(adset, to=110), book=book)


def test_what_belongs_to_a_campaign_that_was_not_read_is_out_of_scope() -> None:
    assert not ask(SCOPE, a_pause(an_adset(campaign="nowhere")))


# --- the engine for scripts ---------------------------------------------------------------------

ENGINE = SafetyEngine(Limits(), clock=lambda: NOW)


@pytest.mark.parametrize(
    ("spend_today", "proposed", "is_allowed"),
    [
        (4200, 600, True),
        (0, 600, True),
        (9400, 600, True),
        (9400, 600.01, False),
        (9999.9, 0.1, True),  # as floats the sum would be 10000.000000000002
        (-1, 5, False),
        (None, 5, False),
        (5, None, False),
        (float("nan"), 5, False),
    ],
)
def test_prevent_overspend(spend_today: object, proposed: object, is_allowed: bool) -> None:
    verdict = ENGINE.prevent_overspend(spend_today, proposed, db=None)

    assert bool(verdict) is is_allowed
    assert verdict.rule == "safety.daily_spend"


@pytest.mark.parametrize(
    ("created_at", "embargo_hours", "is_allowed"),
    [
        (hours_ago(48), None, True),
        (hours_ago(47), None, False),
        (hours_ago(47), 24, True),
        ("2026-03-01T00:00:00Z", 48, True),
        (datetime(2026, 3, 1), 48, False),
        (None, 48, False),
        (hours_ago(-1), 0, False),
        (hours_ago(500), -1, False),
        (hours_ago(500).astimezone(ZoneInfo("Asia/Tokyo")), 48, True),
    ],
)
def test_enforce_embargo_period(
    created_at: object, embargo_hours: object, is_allowed: bool
) -> None:
    assert bool(ENGINE.enforce_embargo_period(created_at, embargo_hours)) is is_allowed


@pytest.mark.parametrize(
    ("creative", "is_allowed"),
    [
        ({"is_human_approved": True}, True),
        ({"is_human_approved": False}, False),
        ({"is_human_approved": 1}, False),
        ({}, False),
        (None, False),
    ],
)
def test_block_unapproved_creatives(creative: Any, is_allowed: bool) -> None:
    assert bool(ENGINE.block_unapproved_creatives(creative)) is is_allowed


def test_approval_can_be_switched_off() -> None:
    engine = SafetyEngine(Limits(require_human_approval_creatives=False))

    assert engine.block_unapproved_creatives({"is_human_approved": False})


@pytest.mark.parametrize(
    ("impressions", "spend", "is_allowed"),
    [(1000, 100, True), (999, 100, False), (1000, 99.99, False), (None, 100, False)],
)
def test_check_minimum_data(impressions: object, spend: object, is_allowed: bool) -> None:
    assert bool(ENGINE.check_minimum_data(impressions, spend)) is is_allowed


@pytest.mark.parametrize(
    ("last_action", "is_allowed"),
    [
        (None, True),
        (hours_ago(24), True),
        (hours_ago("23.9"), False),
        (datetime(2026, 1, 1), False),
        ("soon", False),
    ],
)
def test_check_action_rate_limit(last_action: object, is_allowed: bool) -> None:
    assert bool(ENGINE.check_action_rate_limit("c1", last_action)) is is_allowed


@pytest.mark.parametrize(
    ("roas", "confidence", "is_allowed"),
    [
        (2.5, 0.8, True),
        (-0.1, 0.8, False),
        (2.5, 1.1, False),
        (float("inf"), 0.8, False),
        (None, 0.8, False),
        (2.5, None, False),
    ],
)
def test_validate_roas_confidence(roas: object, confidence: object, is_allowed: bool) -> None:
    assert bool(ENGINE.validate_roas_confidence(roas, confidence)) is is_allowed


def test_a_very_low_and_very_sure_roas_warns() -> None:
    assert ENGINE.validate_roas_confidence(0.3, 0.95).ruling is Ruling.WARN


KNOWN = {
    "roas": 3.2,
    "confidence": 0.85,
    "impressions": 15_000,
    "spend": 450,
    "created_at": hours_ago(240),
    "last_action_at": None,
    "spend_today": 4200,
}


@pytest.mark.parametrize(
    ("action_type", "data", "context", "is_allowed"),
    [
        ("scale_up", {"new_budget": 600}, KNOWN, True),
        ("scale_up", {"new_budget": 5801}, KNOWN, False),
        ("scale_up", {}, KNOWN, False),
        ("scale_up", {"new_budget": 600}, KNOWN | {"created_at": hours_ago(5)}, False),
        ("scale_up", {"new_budget": 600}, KNOWN | {"last_action_at": hours_ago(5)}, False),
        ("scale_up", {"new_budget": 600}, KNOWN | {"impressions": 5}, False),
        ("scale_up", {"new_budget": 600}, KNOWN | {"roas": -1}, False),
        ("scale_up", {"new_budget": 600, "creative": {}}, KNOWN, False),
        ("scale_up", {"new_budget": 600, "creative": {"is_human_approved": True}}, KNOWN, True),
        ("scale_down", {}, KNOWN, True),
        ("scale_down", {"creative": {}}, KNOWN, True),
        ("resume", {"current_budget": 500}, KNOWN, True),
        ("reallocate", {}, KNOWN, True),
        ("pause", {}, {"roas": 0.7, "confidence": 0.82}, True),
        ("pause", {}, {"roas": -0.7, "confidence": 0.82}, False),
        ("pause", {}, {}, False),
        ("explode", {}, KNOWN, False),
    ],
)
def test_validate_action(
    action_type: str, data: dict[str, Any], context: dict[str, Any], is_allowed: bool
) -> None:
    assert bool(ENGINE.validate_action(action_type, data, context, db=None)) is is_allowed


@pytest.mark.parametrize("key", sorted(KNOWN))
def test_an_increase_without_what_it_needs_is_refused(key: str) -> None:
    known = {name: value for name, value in KNOWN.items() if name != key}

    assert not ENGINE.validate_action("scale_up", {"new_budget": 600}, known)


def test_an_engine_without_a_clock_takes_the_systems() -> None:
    assert SafetyEngine(Limits()).enforce_embargo_period(datetime(2020, 1, 1, tzinfo=UTC))


# --- strictness ---------------------------------------------------------------------------------

#: The sum of the excesses over two country limits may shrink as one of them tightens: what counts
#: in a change of budgets is whether it grows. Planned distributions are in the policy's tests.
COMPARED = sorted(set(OVERRIDABLE) - {"min_spain_percentage", "max_single_country_pct"})


@given(
    key=st.sampled_from(COMPARED),
    values=st.tuples(st.decimals("0", "60", places=2), st.decimals("0", "60", places=2)),
    scale=st.sampled_from(["0.01", "1", "100"]),
    kind=st.sampled_from(list(ActionType)),
    size=st.integers(1, 600),
    roas=st.decimals("0", "4", places=1),
    probability=st.floats(0, 1),
    spend=st.integers(0, 1000),
    impressions=st.integers(0, 3000),
    age=st.integers(0, 100),
    changed=st.integers(0, 100),
    route=st.sampled_from([Route.AUTO, Route.PERSON]),
)
def test_a_stricter_limit_never_lets_more_through(  # noqa: PLR0917
    key: str,
    values: tuple[Decimal, Decimal],
    scale: str,
    kind: ActionType,
    size: int,
    roas: Decimal,
    probability: float,
    spend: int,
    impressions: int,
    age: int,
    changed: int,
    route: Route,
) -> None:
    first, second = (value * Decimal(scale) for value in values)
    strict, loose = (second, first) if is_looser(key, first, second) else (first, second)
    status = "PAUSED" if kind is ActionType.RESUME else "ACTIVE"
    adsets = [
        an_adset(name, budget=500, status=status, created_at=hours_ago(age))
        for name in ("s1", "s2", "s3")
    ]
    snapshot = a_snapshot(a_campaign(budget=None), *adsets, an_ad())
    numbers = {"roas": roas, "confidence": Decimal("0.8")}
    action = {
        ActionType.SCALE_UP: lambda: a_scale_up(adsets[0], to=500 + size, **numbers),
        ActionType.SCALE_DOWN: lambda: a_scale_down(adsets[0], to=max(500 - size, 0), **numbers),
        ActionType.REALLOCATE: lambda: a_reallocation(adsets[0], adsets[1], min(size, 500)),
        ActionType.PAUSE: lambda: a_pause(adsets[0], **numbers),
        ActionType.RESUME: lambda: a_resume(adsets[0], **numbers),
    }[kind]()
    found = [
        an_evaluation(
            name, roas=ratio, prob_below=probability, spend=spend, impressions=impressions
        )
        for name, ratio in (("s1", roas), ("s2", roas * 2), ("c1", roas))
    ]
    record = remembering(last_executed_at=hours_ago(changed), creative_changed_at=hours_ago(age))

    def may(value: Decimal) -> bool:
        limits = replace(Limits(), **{key: value})
        verdicts = judge(
            (*POLICY_RULES, *SAFETY_RULES),
            action,
            a_case(
                snapshot,
                limits=limits,
                evaluations=found,
                memory={"s1": record, "s2": record},
                route=route,
            ),
        )
        return all(verdicts)

    assert may(loose) or not may(strict)
