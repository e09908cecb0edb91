"""Rules broken on purpose, each with a world in which the witness must notice it.

A mutant replaces a rule, or everything that stands behind it, by something that lets too much
through. The world that goes with it keeps every promise under the real rules.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final
from unittest.mock import patch

from meta_autonomous.adapters.database import attempts as attempt_rows
from meta_autonomous.adapters.meta_api import MetaApi
from meta_autonomous.decision import budgets, granting, optimizer, safety_spend
from meta_autonomous.decision.limits import Scope
from meta_autonomous.decision.money_at_commit import NO_MONEY
from meta_autonomous.domain.action import ActionType
from meta_autonomous.operations import auto_worker, execute, judging, reconcile, tick_report, undo
from tests.worlds.breaking import (
    Patch,
    Whatever,
    almost_undone,
    confidence_does_not_matter,
    for_ever,
    intended_but_not_recorded,
    moves_run_unasked,
    nothing_is_read,
    one_too_few,
    open_gate,
    raised_at_any_roas,
    settled_at_once,
    the_mode_does_not_matter,
    types_do_not_matter,
    uncounted,
    without,
    written_twice,
)
from tests.worlds.description import (
    Approve,
    EditBudget,
    LateOrders,
    NewCreative,
    SetMode,
    Switch,
    Tick,
    Undo,
    Wait,
    World,
)
from tests.worlds.graph import Mishap
from tests.worlds.invariants import evidence, moments, money, routes, sending, ticks
from tests.worlds.small_worlds import (
    ALL,
    DAY,
    FAILING,
    HOUR,
    LOOSE,
    MOVING,
    TEN_OCLOCK,
    TWO_ACCOUNTS,
    a_world,
    adset,
    campaign,
    named,
)


@dataclass(frozen=True, slots=True)
class Mutant:
    name: str
    breaks: Callable[..., Any]  # the invariant that must notice
    world: World
    patches: tuple[Patch, ...]

    @contextmanager
    def at_work(self) -> Iterator[None]:
        with ExitStack() as stack:
            for where, what, by in self.patches:
                stack.enter_context(patch.object(where, what, by))
            yield


MUTANTS: Final = (
    Mutant(
        "no step limits a raise",
        money.a_raise_stays_within_a_step_of_the_lowest_budget_of_24_hours,
        a_world(),
        without("policy.budget_change"),
    ),
    Mutant(
        "a raise is measured from the present budget alone",
        money.a_raise_stays_within_a_step_of_the_lowest_budget_of_24_hours,
        a_world(Tick(), Wait(2 * HOUR), Tick(), action_cooldown_hours=Decimal(1)),
        ((budgets, "_bases", lambda leg, case: [leg.current]),),
    ),
    Mutant(
        "an automatic step is as long as a person's",
        money.a_raise_stays_within_a_step_of_the_lowest_budget_of_24_hours,
        a_world(),
        ((budgets, "max_change", lambda limits, *, is_auto: limits.max_daily_change_pct),),
    ),
    Mutant(
        "no step limits a cut",
        money.a_cut_stays_within_a_step_of_the_highest_budget_of_24_hours,
        a_world(campaigns=[campaign(roas=1.25)]),
        without("policy.budget_change"),
    ),
    Mutant(
        "a cut is measured from the present budget alone",
        money.a_cut_stays_within_a_step_of_the_highest_budget_of_24_hours,
        a_world(
            *(Tick(), Wait(2 * HOUR), Tick()),
            campaigns=[campaign(roas=1.1)],
            action_cooldown_hours=Decimal(1),
        ),
        ((budgets, "_bases", lambda leg, case: [leg.current]),),
    ),
    Mutant(
        "a lifetime budget is raised to its end",
        money.a_lifetime_budget_is_not_raised_in_its_last_24_hours,
        a_world(campaigns=[campaign(budget=1_500_000, days_left=0.8)]),
        ((budgets, "_unready", for_ever(None)),),
    ),
    Mutant(
        "no cap for campaigns",
        money.a_campaign_stays_under_its_cap,
        a_world(max_campaign_budget_usd=Decimal(520)),
        without("policy.campaign_budget"),
    ),
    Mutant(
        "no cap for the day",
        money.the_days_spend_stays_under_its_cap,
        a_world(max_daily_spend_usd=Decimal(520)),
        (*without("safety.daily_spend"), (auto_worker, "money_at_commit", for_ever(NO_MONEY))),
    ),
    Mutant(
        "what could not be read costs nothing",
        money.the_days_spend_stays_under_its_cap,
        a_world(
            *(Tick(), Wait(DAY + HOUR), Tick(unreadable=1)),
            accounts=TWO_ACCOUNTS,
            max_daily_spend_usd=Decimal(1_100),
        ),
        ((safety_spend, "_stand_in", for_ever(Decimal(0))),),
    ),
    Mutant(
        "an approval forgets the other accounts",
        money.the_days_spend_stays_under_its_cap,
        a_world(
            *(Tick(), EditBudget(1, 1.5), Wait(5 * HOUR), Approve(ALL)),
            accounts=TWO_ACCOUNTS,
            mode="suggest",
            max_daily_spend_usd=Decimal(1_200),
        ),
        (
            (judging, "_read_too", nothing_is_read),
            (safety_spend, "_stand_in", for_ever(Decimal(0))),
        ),
    ),
    Mutant(
        "an approval trusts an old read of the other accounts",
        money.the_days_spend_stays_under_its_cap,
        a_world(
            *(Tick(), EditBudget(1, 4.0), Wait(5 * HOUR), Approve(ALL)),
            accounts=TWO_ACCOUNTS,
            mode="suggest",
            max_daily_spend_usd=Decimal(2_000),
        ),
        ((judging, "_read_too", nothing_is_read),),
    ),
    Mutant(
        "age does not matter",
        moments.nothing_young_is_touched,
        a_world(
            campaigns=[campaign(adset(age_hours=230), age_hours=230), named("Sale 01", roas=1.8)],
            min_age_hours=Decimal(240),
        ),
        (*without("safety.embargo"), open_gate("_age")),
    ),
    Mutant(
        "nothing rests after somebody's change",
        moments.a_change_rests_until_its_cooldown_is_over_whoever_made_it,
        a_world(Tick(dry_run=True), EditBudget(0, 1.02), Wait(2 * HOUR), Tick()),
        without("safety.cooldown"),
    ),
    Mutant(
        "nothing rests after our own change",
        moments.a_change_rests_until_its_cooldown_is_over_whoever_made_it,
        a_world(Tick(), Wait(2 * HOUR), SetMode("suggest"), Tick(), Approve(ALL)),
        without("safety.cooldown"),
    ),
    Mutant(
        "a freeze thaws",
        moments.nothing_but_a_pause_happens_in_a_freeze,
        a_world(freezes=((-1, 5),)),
        without("limits.freeze"),
    ),
    Mutant(
        "a budget is sent as often as anybody likes",
        moments.no_ad_sets_budget_is_sent_more_than_three_times_an_hour,
        a_world(
            *(Tick(), Approve(ALL), Undo(1)) * 3,
            campaigns=[campaign(adset(budget=50_000), budget=None)],
            mode="suggest",
            **LOOSE,
        ),
        without("safety.platform_pace"),
    ),
    Mutant(
        "one undo after the other is no haste",
        moments.no_ad_sets_budget_is_sent_more_than_three_times_an_hour,
        a_world(
            *(Tick(), Wait(25 * HOUR), Tick(), Wait(25 * HOUR), Tick(), Undo(3)),
            campaigns=[campaign(adset(budget=50_000), budget=None)],
            **LOOSE,
        ),
        ((undo._SoFar, "add", for_ever(None)),),
    ),
    Mutant(
        "a budget is cut under what was spent",
        moments.a_cut_leaves_a_tenth_above_what_was_spent,
        a_world(campaigns=[campaign(roas=1.25, pace=1.1)], start=TEN_OCLOCK + timedelta(hours=12)),
        without("safety.platform_pace"),
    ),
    Mutant(
        "a doubt is settled at the first look",
        moments.what_is_in_doubt_gets_no_other_write,
        a_world(Tick(mishaps=(Mishap.BROKE_BEFORE,)), Wait(600), Tick(), **LOOSE),
        ((reconcile, "judge", settled_at_once),),
    ),
    Mutant(
        "a little evidence is enough",
        evidence.nothing_is_changed_on_too_little_data,
        a_world(min_impressions=Decimal(1_000_000)),
        without("safety.minimum_data"),
    ),
    Mutant(
        "anything is raised",
        evidence.the_returns_justify_the_direction,
        a_world(campaigns=[campaign(roas=1.8)]),
        (*without("policy.roas_floor"), (optimizer, "_scale", raised_at_any_roas)),
    ),
    Mutant(
        "a hard stop stops nothing",
        evidence.what_is_surely_in_hard_stop_gets_no_more_money,
        a_world(
            campaigns=[
                campaign(
                    adset(4.5, budget=15_000),
                    adset(0.05, budget=400_000),
                    budget=None,
                ),
                named("Sale 01", roas=1.8),
            ],
            auto_action_types=frozenset({ActionType.SCALE_UP}),
        ),
        without("policy.hard_stop"),
    ),
    Mutant(
        "learning does not matter",
        evidence.what_is_learning_is_not_raised,
        a_world(campaigns=[campaign(adset(budget=50_000, learning=True), budget=None)]),
        without("safety.learning_phase"),
    ),
    Mutant(
        "nobody asks about creatives",
        evidence.money_goes_only_to_approved_creatives,
        a_world(Tick(), NewCreative(0, None), Wait(25 * HOUR), Tick()),
        without("safety.creative", "policy.creative_approval"),
    ),
    Mutant(
        "nobody asks about countries",
        evidence.the_countries_are_not_pushed_further_out,
        a_world(
            campaigns=[
                campaign(adset(1.8), budget=36_000),
                campaign(adset(3.2, countries=("FR",)), name="Sale 01", budget=64_000),
            ],
        ),
        without("policy.geo_distribution"),
    ),
    Mutant(
        "moves run unasked",
        routes.a_tick_never_reallocates_or_resumes_by_itself,
        a_world(
            campaigns=[MOVING],
            auto_action_types=frozenset({ActionType.PAUSE, ActionType.SCALE_DOWN}),
        ),
        ((granting, "may_run_unasked", moves_run_unasked),),
    ),
    Mutant(
        "resumes run unasked",
        routes.a_tick_never_reallocates_or_resumes_by_itself,
        a_world(
            *(Tick(), LateOrders(10), Wait(25 * HOUR), Tick()),
            campaigns=[campaign(roas=0.3), named("Sale 01", roas=1.8)],
        ),
        ((granting, "may_run_unasked", moves_run_unasked),),
    ),
    Mutant(
        "every type is automatic",
        routes.a_tick_does_only_the_types_that_are_automatic,
        a_world(auto_action_types=frozenset({ActionType.PAUSE})),
        ((granting, "may_run_unasked", types_do_not_matter),),
    ),
    Mutant(
        "a guess is sure enough",
        routes.a_tick_scales_only_when_it_is_sure_enough,
        a_world(
            campaigns=[campaign(roas=2.3, budget=9_000)], min_auto_confidence=Decimal("0.995")
        ),
        ((granting, "may_run_unasked", confidence_does_not_matter),),
    ),
    Mutant(
        "the mode does not matter",
        routes.in_suggest_mode_a_tick_writes_nothing_by_itself,
        a_world(mode="suggest"),
        ((granting, "may_run_unasked", the_mode_does_not_matter),),
    ),
    Mutant(
        "a stop stops nothing",
        routes.a_tick_that_is_stopped_or_dry_writes_nothing,
        a_world(Switch(is_on=False), Tick()),
        (
            (tick_report.TickReport, "is_running", True),
            (attempt_rows, "_refuse_if_stopped", for_ever(None)),
            (auto_worker.TickReport, "is_running", True),
        ),
    ),
    Mutant(
        "the scope is everything",
        routes.nothing_outside_the_scope_is_touched,
        a_world(scope=Scope(exclude=("Brand*",))),
        (*without("limits.scope"), open_gate("_scope")),
    ),
    Mutant(
        "pauses have no brake",
        routes.automatic_pauses_do_not_take_most_of_an_account_in_a_day,
        a_world(campaigns=FAILING),
        without("safety.blast_radius"),
    ),
    Mutant(
        "nothing is recorded before it is sent",
        sending.every_write_has_its_own_committed_intent,
        a_world(),
        (
            (execute, "_commit_intent", intended_but_not_recorded),
            (execute, "_is_still_ours", for_ever(True)),
        ),
    ),
    Mutant(
        "what is sent is sent again",
        sending.every_write_has_its_own_committed_intent,
        a_world(),
        ((MetaApi, "write", written_twice),),
    ),
    Mutant(
        "an undo is nearly right",
        sending.an_undo_puts_back_exactly_what_was_replaced,
        a_world(Tick(), Wait(HOUR), Undo(1)),
        ((undo, "plan_undo", almost_undone),),
    ),
    Mutant(
        "a tick loses count",
        ticks.a_ticks_counts_add_up,
        a_world(),
        ((tick_report, "counts_of", one_too_few),),
    ),
    Mutant(
        "a tick has no most",
        ticks.a_tick_does_no_more_than_its_most,
        a_world(campaigns=[campaign(), named("Sale 01")], max_actions_per_tick=1),
        ((granting.Granting, "_settle", uncounted),),
    ),
    Mutant(
        "an accepted change is taken for done",
        ticks.what_a_tick_calls_executed_stands_at_the_server,
        a_world(Tick(mishaps=(Mishap.FORGOTTEN,))),
        ((execute, "value_of", for_ever(Whatever())),),
    ),
)
