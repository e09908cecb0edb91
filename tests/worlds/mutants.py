"""Rules broken on purpose, each with a world in which the witness must notice it.

A mutant replaces a rule, or everything that stands behind it, by something that lets too much
through. The world that goes with it keeps every promise under the real rules.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from unittest.mock import patch

from meta_autonomous.adapters.database import attempts as attempt_rows
from meta_autonomous.adapters.meta_api import MetaApi
from meta_autonomous.decision import budgets, candidates, decide, optimizer, safety_spend
from meta_autonomous.decision.limits import Limits, Scope
from meta_autonomous.decision.policy_engine import POLICY_RULES
from meta_autonomous.decision.safety import SAFETY_RULES
from meta_autonomous.domain.action import ActionType
from meta_autonomous.domain.intent import Attempt, AttemptState
from meta_autonomous.operations import auto_worker, execute, judging, reconcile, tick_report, undo
from tests.worlds import invariants as promise
from tests.worlds.description import (
    AccountPlan,
    AdPlan,
    AdSetPlan,
    Approve,
    CampaignPlan,
    EditBudget,
    LateOrders,
    NewCreative,
    SetMode,
    Settings,
    Step,
    Switch,
    Tick,
    Undo,
    Wait,
    World,
)
from tests.worlds.graph import Mishap

HOUR, DAY = 3_600, 86_400
ALL: Final = tuple(range(8))

#: (where, what, by what)
Patch = tuple[Any, str, Any]


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


# --- how to break things ------------------------------------------------------------------------


def without(*rules: str) -> tuple[Patch, ...]:
    """These rules are never asked."""
    kept = [
        tuple(rule for rule in stack if rule.id not in rules)
        for stack in (POLICY_RULES, SAFETY_RULES)
    ]
    assert len(kept[0]) + len(kept[1]) + len(rules) == len(POLICY_RULES) + len(SAFETY_RULES)
    return ((decide, "POLICY_RULES", kept[0]), (decide, "SAFETY_RULES", kept[1]))


def open_gate(name: str) -> Patch:
    """One question before the rules always has the same answer."""
    gate = candidates.passes(f"candidate{name}", observed=True, limit=True, message="")
    return (candidates, name, lambda *_: gate)


def for_ever(value: object) -> Callable[..., Any]:
    return lambda *_, **__: value


_may_run_unasked = decide.may_run_unasked
_settle, _judge_reading, _counts_of = (
    decide.Granting._settle,
    reconcile.judge,
    tick_report.counts_of,
)
_plan_undo, _write, _scale = undo.plan_undo, MetaApi.write, optimizer._scale


def _types_do_not_matter(action: Any, limits: Limits, *, is_auto: bool) -> bool:
    every = replace(limits, auto_action_types=frozenset(ActionType))
    return _may_run_unasked(action, every, is_auto=is_auto)


def _confidence_does_not_matter(action: Any, limits: Limits, *, is_auto: bool) -> bool:
    sure = replace(limits, min_auto_confidence=Decimal(0))
    return _may_run_unasked(action, sure, is_auto=is_auto)


def _the_mode_does_not_matter(action: Any, limits: Limits, *, is_auto: bool) -> bool:
    return _may_run_unasked(action, limits, is_auto=True)


def _moves_run_unasked(action: Any, limits: Limits, *, is_auto: bool) -> bool:
    others = (ActionType.REALLOCATE, ActionType.RESUME)
    return action.type in others or _may_run_unasked(action, limits, is_auto=is_auto)


def _uncounted(granting: Any, *args: Any) -> Any:
    decision = _settle(granting, *args)
    granting.spent_actions = 0
    return decision


def _settled_at_once(attempt: Any, reading: Any, *, age: Any, settle: Any) -> Any:
    return _judge_reading(attempt, reading, age=age + timedelta(days=1), settle=settle)


def _one_too_few(outcomes: Any) -> dict[str, int]:
    counts = _counts_of(outcomes)
    return {**counts, "actions_generated": counts["actions_generated"] - 1}


def _almost_undone(*args: Any, **options: Any) -> Any:
    plan = _plan_undo(*args, **options)
    if isinstance(plan, undo.NotUndoable):
        return plan
    return undo.Restoration(plan.action, {key: value + 1 for key, value in plan.amounts.items()})


async def _written_twice(api: MetaApi, change: Any) -> Any:
    await _write(api, change)
    return await _write(api, change)


def _intended_but_not_recorded(deed: Any, step: Any, change: Any, now: datetime) -> Attempt:
    return Attempt(
        id=999_999,
        action_id=deed.record.id,
        change=change,
        state=AttemptState.DISPATCHING,
        intended_at=now,
        effect_at=now,
    )


def _raised_at_any_roas(entity: Any, evaluation: Any, limits: Limits, *rest: Any) -> Any:
    eager = replace(limits, scale_up_roas=Decimal("0.01"), scale_down_roas=Decimal("0.001"))
    return _scale(entity, evaluation, eager, *rest)


async def _nothing_is_read(*_: Any) -> None:
    """No account but the one that is asked about."""


class _Whatever:
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


# --- worlds to break them in --------------------------------------------------------------------

_TEN_OCLOCK: Final = datetime(2026, 3, 4, 10, 0, tzinfo=UTC)


def ads(*roas: float) -> tuple[AdPlan, ...]:
    return tuple(AdPlan(roas=one, weight=1.0) for one in roas)


def adset(*roas: float, budget: int | None = None, **changes: Any) -> AdSetPlan:
    known: dict[str, Any] = {"countries": ("ES",), "age_hours": 2_000}
    return AdSetPlan(ads=ads(*(roas or (3.2,))), budget=budget, **(known | changes))


def campaign(
    *adsets: AdSetPlan, budget: int | None = 50_000, roas: float = 3.2, **changes: Any
) -> CampaignPlan:
    known: dict[str, Any] = {"name": "Brand 00", "age_hours": 2_000, "pace": 0.95}
    held = adsets or (adset(roas),)
    return CampaignPlan(adsets=held, budget=budget, **(known | changes))


def a_world(
    *steps: Step,
    campaigns: Iterable[CampaignPlan] | None = None,
    accounts: tuple[AccountPlan, ...] = (),
    mode: str = "auto",
    start: datetime = _TEN_OCLOCK,
    scope: Scope | None = None,
    freezes: tuple[tuple[int, int], ...] = (),
    **limits: Any,
) -> World:
    """One account with one campaign of 500 USD a day that deserves more, and one tick."""
    wide = {"max_daily_spend_usd": Decimal(1_000_000), "max_campaign_budget_usd": Decimal(100_000)}
    held = tuple(campaigns) if campaigns is not None else (campaign(),)
    return World(
        start=start,
        accounts=accounts or (AccountPlan("USD", "UTC", held),),
        rates=(),
        settings=Settings(
            limits=Limits(**(wide | limits)), scope=scope or Scope(), freezes=freezes
        ),
        mode=mode,
        steps=steps or (Tick(),),
    )


def _of(name: str, **changes: Any) -> CampaignPlan:
    return campaign(name=name, **changes)


_TWO_ACCOUNTS: Final = (
    AccountPlan("USD", "UTC", (campaign(),)),
    AccountPlan("USD", "UTC", (_of("Sale 10", roas=1.8),)),
)
_FAILING: Final = tuple(_of(f"Sale 0{n}", roas=0.3 if n else 1.8, budget=30_000) for n in range(4))
_MOVING: Final = campaign(
    adset(1.7, budget=40_000), adset(1.7, budget=40_000), adset(4.5, budget=40_000), budget=None
)
_LOOSE: Final = {"min_age_hours": Decimal(0), "action_cooldown_hours": Decimal(0)}

MUTANTS: Final = (
    Mutant(
        "no step limits a raise",
        promise.a_raise_stays_within_a_step_of_the_lowest_budget_of_24_hours,
        a_world(),
        without("policy.budget_change"),
    ),
    Mutant(
        "a raise is measured from the present budget alone",
        promise.a_raise_stays_within_a_step_of_the_lowest_budget_of_24_hours,
        a_world(Tick(), Wait(2 * HOUR), Tick(), action_cooldown_hours=Decimal(1)),
        ((budgets, "_bases", lambda leg, case: [leg.current]),),
    ),
    Mutant(
        "an automatic step is as long as a person's",
        promise.a_raise_stays_within_a_step_of_the_lowest_budget_of_24_hours,
        a_world(),
        ((budgets, "max_change", lambda limits, *, is_auto: limits.max_daily_change_pct),),
    ),
    Mutant(
        "no step limits a cut",
        promise.a_cut_stays_within_a_step_of_the_highest_budget_of_24_hours,
        a_world(campaigns=[campaign(roas=1.25)]),
        without("policy.budget_change"),
    ),
    Mutant(
        "a cut is measured from the present budget alone",
        promise.a_cut_stays_within_a_step_of_the_highest_budget_of_24_hours,
        a_world(
            *(Tick(), Wait(2 * HOUR), Tick()),
            campaigns=[campaign(roas=1.1)],
            action_cooldown_hours=Decimal(1),
        ),
        ((budgets, "_bases", lambda leg, case: [leg.current]),),
    ),
    Mutant(
        "a lifetime budget is raised to its end",
        promise.a_lifetime_budget_is_not_raised_in_its_last_24_hours,
        a_world(campaigns=[campaign(budget=1_500_000, days_left=0.8)]),
        ((budgets, "_unready", for_ever(None)),),
    ),
    Mutant(
        "no cap for campaigns",
        promise.a_campaign_stays_under_its_cap,
        a_world(max_campaign_budget_usd=Decimal(520)),
        without("policy.campaign_budget"),
    ),
    Mutant(
        "no cap for the day",
        promise.the_days_spend_stays_under_its_cap,
        a_world(max_daily_spend_usd=Decimal(520)),
        (*without("safety.daily_spend"), (auto_worker, "_cap_for", for_ever(Decimal(10**9)))),
    ),
    Mutant(
        "what could not be read costs nothing",
        promise.the_days_spend_stays_under_its_cap,
        a_world(
            *(Tick(), Wait(DAY + HOUR), Tick(unreadable=1)),
            accounts=_TWO_ACCOUNTS,
            max_daily_spend_usd=Decimal(1_100),
        ),
        ((safety_spend, "_stand_in", for_ever(Decimal(0))),),
    ),
    Mutant(
        "an approval forgets the other accounts",
        promise.the_days_spend_stays_under_its_cap,
        a_world(
            *(Tick(), EditBudget(1, 1.5), Wait(5 * HOUR), Approve(ALL)),
            accounts=_TWO_ACCOUNTS,
            mode="suggest",
            max_daily_spend_usd=Decimal(1_200),
        ),
        (
            (judging, "_read_too", _nothing_is_read),
            (safety_spend, "_stand_in", for_ever(Decimal(0))),
        ),
    ),
    Mutant(
        "an approval trusts an old read of the other accounts",
        promise.the_days_spend_stays_under_its_cap,
        a_world(
            *(Tick(), EditBudget(1, 4.0), Wait(5 * HOUR), Approve(ALL)),
            accounts=_TWO_ACCOUNTS,
            mode="suggest",
            max_daily_spend_usd=Decimal(2_000),
        ),
        ((judging, "_read_too", _nothing_is_read),),
    ),
    Mutant(
        "age does not matter",
        promise.nothing_young_is_touched,
        a_world(
            campaigns=[campaign(adset(age_hours=230), age_hours=230), _of("Sale 01", roas=1.8)],
            min_age_hours=Decimal(240),
        ),
        (*without("safety.embargo"), open_gate("_age")),
    ),
    Mutant(
        "nothing rests after somebody's change",
        promise.a_change_rests_until_its_cooldown_is_over_whoever_made_it,
        a_world(Tick(dry_run=True), EditBudget(0, 1.02), Wait(2 * HOUR), Tick()),
        without("safety.cooldown"),
    ),
    Mutant(
        "nothing rests after our own change",
        promise.a_change_rests_until_its_cooldown_is_over_whoever_made_it,
        a_world(Tick(), Wait(2 * HOUR), SetMode("suggest"), Tick(), Approve(ALL)),
        without("safety.cooldown"),
    ),
    Mutant(
        "a freeze thaws",
        promise.nothing_but_a_pause_happens_in_a_freeze,
        a_world(freezes=((-1, 5),)),
        without("limits.freeze"),
    ),
    Mutant(
        "a budget is sent as often as anybody likes",
        promise.no_ad_sets_budget_is_sent_more_than_three_times_an_hour,
        a_world(
            *(Tick(), Approve(ALL), Undo(1)) * 3,
            campaigns=[campaign(adset(budget=50_000), budget=None)],
            mode="suggest",
            **_LOOSE,
        ),
        without("safety.platform_pace"),
    ),
    Mutant(
        "a budget is cut under what was spent",
        promise.a_cut_leaves_a_tenth_above_what_was_spent,
        a_world(
            campaigns=[campaign(roas=1.25, pace=1.1)], start=_TEN_OCLOCK + timedelta(hours=12)
        ),
        without("safety.platform_pace"),
    ),
    Mutant(
        "a doubt is settled at the first look",
        promise.what_is_in_doubt_gets_no_other_write,
        a_world(Tick(mishaps=(Mishap.BROKE_BEFORE,)), Wait(600), Tick(), **_LOOSE),
        ((reconcile, "judge", _settled_at_once),),
    ),
    Mutant(
        "a little evidence is enough",
        promise.nothing_is_changed_on_too_little_data,
        a_world(min_impressions=Decimal(1_000_000)),
        without("safety.minimum_data"),
    ),
    Mutant(
        "anything is raised",
        promise.the_returns_justify_the_direction,
        a_world(campaigns=[campaign(roas=1.8)]),
        (*without("policy.roas_floor"), (optimizer, "_scale", _raised_at_any_roas)),
    ),
    Mutant(
        "a hard stop stops nothing",
        promise.what_is_surely_in_hard_stop_gets_no_more_money,
        a_world(
            campaigns=[
                campaign(
                    adset(4.5, budget=15_000),
                    adset(0.05, budget=400_000),
                    budget=None,
                ),
                _of("Sale 01", roas=1.8),
            ],
            auto_action_types=frozenset({ActionType.SCALE_UP}),
        ),
        without("policy.hard_stop"),
    ),
    Mutant(
        "learning does not matter",
        promise.what_is_learning_is_not_raised,
        a_world(campaigns=[campaign(adset(budget=50_000, learning=True), budget=None)]),
        without("safety.learning_phase"),
    ),
    Mutant(
        "nobody asks about creatives",
        promise.money_goes_only_to_approved_creatives,
        a_world(Tick(), NewCreative(0, None), Wait(25 * HOUR), Tick()),
        without("safety.creative", "policy.creative_approval"),
    ),
    Mutant(
        "nobody asks about countries",
        promise.the_countries_are_not_pushed_further_out,
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
        promise.a_tick_never_reallocates_or_resumes_by_itself,
        a_world(
            campaigns=[_MOVING],
            auto_action_types=frozenset({ActionType.PAUSE, ActionType.SCALE_DOWN}),
        ),
        ((decide, "may_run_unasked", _moves_run_unasked),),
    ),
    Mutant(
        "resumes run unasked",
        promise.a_tick_never_reallocates_or_resumes_by_itself,
        a_world(
            *(Tick(), LateOrders(10), Wait(25 * HOUR), Tick()),
            campaigns=[campaign(roas=0.3), _of("Sale 01", roas=1.8)],
        ),
        ((decide, "may_run_unasked", _moves_run_unasked),),
    ),
    Mutant(
        "every type is automatic",
        promise.a_tick_does_only_the_types_that_are_automatic,
        a_world(auto_action_types=frozenset({ActionType.PAUSE})),
        ((decide, "may_run_unasked", _types_do_not_matter),),
    ),
    Mutant(
        "a guess is sure enough",
        promise.a_tick_scales_only_when_it_is_sure_enough,
        a_world(
            campaigns=[campaign(roas=2.3, budget=9_000)], min_auto_confidence=Decimal("0.995")
        ),
        ((decide, "may_run_unasked", _confidence_does_not_matter),),
    ),
    Mutant(
        "the mode does not matter",
        promise.in_suggest_mode_a_tick_writes_nothing_by_itself,
        a_world(mode="suggest"),
        ((decide, "may_run_unasked", _the_mode_does_not_matter),),
    ),
    Mutant(
        "a stop stops nothing",
        promise.a_tick_that_is_stopped_or_dry_writes_nothing,
        a_world(Switch(is_on=False), Tick()),
        (
            (tick_report.TickReport, "is_running", True),
            (attempt_rows, "_refuse_if_stopped", for_ever(None)),
            (auto_worker.TickReport, "is_running", True),
        ),
    ),
    Mutant(
        "the scope is everything",
        promise.nothing_outside_the_scope_is_touched,
        a_world(scope=Scope(exclude=("Brand*",))),
        (*without("limits.scope"), open_gate("_scope")),
    ),
    Mutant(
        "pauses have no brake",
        promise.automatic_pauses_do_not_take_most_of_an_account_in_a_day,
        a_world(campaigns=_FAILING),
        without("safety.blast_radius"),
    ),
    Mutant(
        "nothing is recorded before it is sent",
        promise.every_write_has_its_own_committed_intent,
        a_world(),
        (
            (execute, "_commit_intent", _intended_but_not_recorded),
            (execute, "_is_still_ours", for_ever(True)),
        ),
    ),
    Mutant(
        "what is sent is sent again",
        promise.every_write_has_its_own_committed_intent,
        a_world(),
        ((MetaApi, "write", _written_twice),),
    ),
    Mutant(
        "an undo is nearly right",
        promise.an_undo_puts_back_exactly_what_was_replaced,
        a_world(Tick(), Wait(HOUR), Undo(1)),
        ((undo, "plan_undo", _almost_undone),),
    ),
    Mutant(
        "a tick loses count",
        promise.a_ticks_counts_add_up,
        a_world(),
        ((tick_report, "counts_of", _one_too_few),),
    ),
    Mutant(
        "a tick has no most",
        promise.a_tick_does_no_more_than_its_most,
        a_world(campaigns=[campaign(), _of("Sale 01")], max_actions_per_tick=1),
        ((decide.Granting, "_settle", _uncounted),),
    ),
    Mutant(
        "an accepted change is taken for done",
        promise.what_a_tick_calls_executed_stands_at_the_server,
        a_world(Tick(mishaps=(Mishap.FORGOTTEN,))),
        ((execute, "value_of", for_ever(_Whatever())),),
    ),
)
