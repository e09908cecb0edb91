"""Stricter limits never let more through, and a further rule never makes a verdict milder.

Of one action on one route that holds for every limit. A whole tick adds two things which the
contract wants: more becomes a hard stop when the hard stop is stricter (so pauses are not
counted as "more" there), and what may no longer run unasked is offered to a person, at a person's
size. The countries are left out of the rest, for what they refuse is a size without being a rule
about size (a raise that another limit makes smaller may fit into them), and their two limits are
weighed against each other (the sum of excesses): each is tried while the other is neutral.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meta_autonomous.decision import judgement
from meta_autonomous.decision.context import EntityMemory, Evaluation, Situation
from meta_autonomous.decision.granting import Decision
from meta_autonomous.decision.judgement import judge_action
from meta_autonomous.decision.limits import OVERRIDABLE, Limits, Looser, PolicyBook
from meta_autonomous.decision.rules import (
    BUDGET_CHANGES,
    EVERY_ROUTE,
    EVERY_TYPE,
    Rule,
    blocks,
    defers,
    demotes,
    judge,
    passes,
    warns,
)
from meta_autonomous.domain.action import Action, ActionType, Outcome, Route
from meta_autonomous.domain.entities import Entity
from meta_autonomous.domain.quantities import Money
from meta_autonomous.domain.verdict import Effect, Verdict
from tests.builders import (
    NOW,
    USD,
    a_case,
    a_day,
    a_memory,
    a_pause,
    a_reallocation,
    a_resume,
    a_scale_down,
    a_scale_up,
    a_situation,
    a_snapshot,
    an_ad,
    remembering,
    usd,
)
from tests.decision.shop import a_campaign, a_shop, an_adset, believed, decided

D = Decimal

pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")

#: For each limit two values, the stricter one last.
TWO_VALUES: Final[dict[str, st.SearchStrategy[tuple[Any, Any]]]] = {}


def _numbers(name: str, *values: str) -> None:
    """Both of two values from a list that goes from loose to strict."""
    ordered = [D(value) for value in values]
    pairs = [(a, b) for n, a in enumerate(ordered) for b in ordered[n + 1 :]]
    TWO_VALUES[name] = st.sampled_from(pairs)


_numbers("max_daily_change_pct", "0.5", "0.2", "0.15", "0.05", "0")
_numbers("max_auto_change_pct", "0.2", "0.1", "0.05", "0.005", "0")
_numbers("hard_stop_roas", "0", "0.5", "0.9", "1.2", "3")
_numbers("hard_stop_confidence", "1", "0.9", "0.7", "0.5", "0")
_numbers("min_impressions", "0", "1000", "20000", "40000")
_numbers("min_spend_usd", "0", "100", "600", "800")
_numbers("min_age_hours", "0", "24", "48", "100", "2000")
_numbers("creative_embargo_hours", "0", "24", "48", "100")
_numbers("min_spain_percentage", "0", "0.35", "0.5", "0.9")
_numbers("max_single_country_pct", "1", "0.9", "0.7", "0.5")
_numbers("max_daily_spend_usd", "10000", "1200", "900", "505", "0")
_numbers("max_campaign_budget_usd", "5000", "1200", "520", "505", "0")
_numbers("action_cooldown_hours", "0", "1", "3", "24", "200")
_numbers("min_action_confidence", "0", "0.65", "0.9", "1")
_numbers("min_auto_confidence", "0", "0.75", "0.95", "1")
_numbers("reversal_confidence", "0", "0.85", "0.99", "1")
_numbers("scale_up_roas", "1.6", "2", "3", "9")
_numbers("scale_down_roas", "1.9", "1.5", "1", "0.5")
_numbers("pause_roas", "0", "0.8", "1.2")
_numbers("resume_roas", "0", "1.5", "4")
_numbers("reallocate_ratio", "1", "1.5", "4")
_numbers("daily_overspend_factor", "1", "1.25", "1.75")
_numbers("holdout_pct", "0", "0.1", "0.5")
_numbers("suggestion_ttl_hours", "100", "24", "1")
TWO_VALUES |= {
    "require_human_approval_creatives": st.just((False, True)),
    "hard_stop_executes_in_suggest": st.just((True, False)),
    "block_on_second_controller": st.just((False, True)),
    "block_increase_while_learning": st.just((False, True)),
    "max_actions_per_tick": st.sampled_from([(50, 1), (50, 0), (1, 0)]),
    "max_campaigns_per_tick": st.sampled_from([(100, 1), (100, 0), (1, 0)]),
    "auto_action_types": st.sets(st.sampled_from(list(ActionType))).flatmap(
        lambda kinds: st.tuples(
            st.just(frozenset(kinds)),
            st.sets(st.sampled_from(sorted(kinds) or [ActionType.PAUSE])).map(
                lambda fewer: frozenset(fewer) & kinds
            ),
        )
    ),
}
#: What is neither more nor less than another value of it.
WITHOUT_DIRECTION: Final = {"lookback_days", "profit_margin"}
#: Stricter means that more is paused, or paused where it would only have been cut.
PAUSE_MORE: Final = {"hard_stop_roas", "hard_stop_confidence", "pause_roas"}
#: Stricter means that a person is asked, who may go further than the program by itself.
ASK_MORE: Final = {
    "min_auto_confidence",
    "auto_action_types",
    "hard_stop_executes_in_suggest",
    # Of a farther threshold one is less sure: what would have been done unasked is offered then.
    "scale_up_roas",
    "scale_down_roas",
}


def test_every_limit_has_a_direction_or_a_reason_for_none() -> None:
    names = {item.name for item in fields(Limits)}
    assert set(TWO_VALUES) | WITHOUT_DIRECTION == names
    assert not set(TWO_VALUES) & WITHOUT_DIRECTION


@pytest.mark.parametrize("name", OVERRIDABLE)
def test_the_direction_is_the_one_in_which_an_override_may_go(name: str) -> None:
    @settings(max_examples=10, deadline=None)
    @given(TWO_VALUES[name])
    def check(values: tuple[Decimal, Decimal]) -> None:
        loose, strict = values
        # A hard stop that asks for less confidence stops more; `pause_roas` likewise.
        assert (loose > strict) is (OVERRIDABLE[name] is Looser.HIGHER)

    check()


# --- one action ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything but the limits: an account, an action on it, and who decides."""

    situation: Situation
    action: Action
    route: Route

    def judged(self, limits: Limits) -> judgement.Judged:
        case = a_case(situation=self.situation, limits=limits, route=self.route)
        return judge_action(self.action, case)


ages = st.sampled_from([timedelta(hours=20), timedelta(hours=60), timedelta(days=30)])
pasts = st.sampled_from(
    [
        remembering(),
        remembering(),
        remembering(last_executed_at=NOW - timedelta(hours=2)),
        remembering(foreign_change_at=NOW - timedelta(hours=30)),
        remembering(budgets_24h=(usd(480), usd(530))),
        remembering(budgets_24h=(usd(90), usd(700))),
        remembering(creative_changed_at=NOW - timedelta(hours=30)),
        remembering(last_direction=-1, last_direction_at=NOW - timedelta(days=2)),
        remembering(last_direction=1, last_direction_at=NOW - timedelta(days=2)),
        remembering(budget_sent_at=(NOW,) * 3),
        EntityMemory(),
    ]
)


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    """Two campaigns: one holds its budget, of the other each of three ad sets its own."""
    age = draw(ages)
    campaign = a_campaign(created_at=NOW - age, status=draw(st.sampled_from(["ACTIVE", "PAUSED"])))
    other = a_campaign("c2", budget=None)
    adsets = [
        an_adset(
            f"s{n}",
            campaign="c2",
            budget=draw(st.sampled_from([60, 100, 400])),
            countries=(draw(st.sampled_from(["ES", "FR", "DE"])),),
            created_at=NOW - draw(ages),
            learning=draw(st.sampled_from(["SUCCESS", "LEARNING"])),
        )
        for n in (2, 3, 4)
    ]
    country = draw(st.sampled_from(["ES", "FR"]))
    entities: list[Entity] = [campaign, an_adset(countries=(country,)), an_ad(), other, *adsets]
    entities += [
        an_ad(f"a{n}", campaign="c2", adset=f"s{n}", creative=f"cr{n}") for n in (2, 3, 4)
    ]
    returns = st.sampled_from(["0.3", "0.85", "1.2", "1.8", "2.5", "4"])
    spends = st.sampled_from([5, 100, 120])
    snapshot = a_snapshot(
        *entities,
        performance={
            f"a{n}": a_day(
                draw(spends), draw(returns), impressions=draw(st.sampled_from([90, 5_000]))
            )
            for n in (1, 2, 3, 4)
        },
        governed_by_rules=frozenset({"c1"} if draw(st.booleans()) else ()),
    )
    approved = frozenset(f"cr{n}" for n in range(1, 5) if draw(st.integers(0, 5)))
    memory = a_memory(
        snapshot,
        {entity.id: draw(pasts) for entity in (campaign, *adsets)},
        approved_creatives=approved,
    )
    found = [
        believed(key, draw(returns), spread=draw(st.sampled_from([0.05, 0.3])))
        for key in ("c1", "s1", "c2")
        if draw(st.booleans())
    ]
    situation = a_situation(snapshot, memory=memory, evaluations=found)
    amounts = st.sampled_from([480, 501, 520, 549, 550, 580, 600, 750])
    sure = draw(st.sampled_from(["0.66", "0.8", "0.99"]))
    actions: list[Callable[[], Action]] = [
        lambda: a_scale_up(campaign, max(draw(amounts), 501), confidence=D(sure)),
        lambda: a_scale_up(adsets[0], 1 + 2 * int(adsets[0].budget.amount.major)),
        lambda: a_scale_down(campaign, draw(st.sampled_from([250, 400, 440, 475]))),
        lambda: a_reallocation(adsets[0], adsets[1], draw(st.sampled_from([1, 10, 30]))),
        lambda: a_pause(campaign),
        lambda: a_resume(replace(campaign, status="PAUSED", effective_status="PAUSED")),
    ]
    return Scene(situation, draw(st.sampled_from(actions))(), draw(st.sampled_from(list(Route))))


def size(action: Action) -> int:
    return max((abs(leg.proposed.minor - leg.current.minor) for leg in action.legs), default=0)


def is_no_milder(strict: judgement.Judged, loose: judgement.Judged) -> bool:
    """Whatever passes passed before, at no smaller a size, and demoted stays demoted."""
    if strict.outcome_if_stopped is not None:
        return True
    return (
        loose.outcome_if_stopped is None
        and size(strict.action) <= size(loose.action)
        and (bool(strict.demoting) or not loose.demoting)
    )


limits_drawn = st.builds(
    Limits,
    max_daily_change_pct=st.sampled_from([D("0.2"), D("0.5")]),
    max_daily_spend_usd=st.sampled_from([D(10_000), D(1_200)]),
    max_campaign_budget_usd=st.sampled_from([D(5_000), D(540)]),
    action_cooldown_hours=st.sampled_from([D(0), D(24)]),
    min_age_hours=st.sampled_from([D(0), D(48)]),
    min_impressions=st.sampled_from([D(0), D(1_000)]),
    min_spend_usd=st.sampled_from([D(0), D(100)]),
    hard_stop_roas=st.sampled_from([D(0), D("0.9")]),
    max_single_country_pct=st.just(D(1)),
    min_spain_percentage=st.just(D(0)),
    hard_stop_executes_in_suggest=st.booleans(),
)


@pytest.mark.parametrize("name", TWO_VALUES)
def test_a_stricter_limit_never_lets_an_action_through_or_makes_it_larger(name: str) -> None:
    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(scenes(), limits_drawn, TWO_VALUES[name])
    def check(scene: Scene, limits: Limits, values: tuple[Any, Any]) -> None:
        loose, strict = (replace(limits, **{name: value}) for value in values)
        assert is_no_milder(scene.judged(strict), scene.judged(loose))

    check()


# --- a whole tick of one campaign ---------------------------------------------------------------

GRANTED: Final = (Outcome.QUEUED, Outcome.EXECUTED, Outcome.UNCHANGED)


@st.composite
def shops(draw: st.DrawFn) -> Situation:
    """One budget, so that nothing takes the room of anything else."""
    age = draw(ages)
    entities = (
        a_campaign(created_at=NOW - age),
        an_adset(
            countries=(draw(st.sampled_from(["ES", "FR"])),),
            learning=draw(st.sampled_from(["SUCCESS", "SUCCESS", "LEARNING"])),
        ),
        an_ad(),
    )
    roas = draw(st.sampled_from(["0.4", "0.85", "1.1", "1.4", "1.7", "2.1", "3", "5"]))
    numbers = {
        "spread": draw(st.sampled_from([0.05, 0.2, 0.5])),
        "spend": draw(st.sampled_from([50, 700, 5_000])),
        "impressions": draw(st.sampled_from([500, 35_000])),
    }
    snapshot = a_snapshot(
        *entities,
        performance={"a1": a_day(100, roas)},
        governed_by_rules=frozenset({"c1"} if draw(st.integers(0, 3)) == 0 else ()),
    )
    memory = a_memory(
        snapshot,
        {"c1": draw(pasts)},
        approved_creatives=frozenset({"cr1"} if draw(st.integers(0, 4)) else ()),
    )
    found: list[Evaluation] = [believed(key, roas, **numbers) for key in ("c1", "s1", "a1")]
    return a_shop(snapshot=snapshot, memory=memory, found=found)


def granted(situation: Situation, limits: Limits, *, is_auto: bool) -> list[Decision]:
    plan = decided(situation, book=PolicyBook(limits=limits), is_auto=is_auto)
    return [decision for decision in plan.decisions if decision.outcome in GRANTED]


def more_money(decisions: list[Decision]) -> int:
    return sum(
        leg.proposed.minor - leg.current.minor
        for decision in decisions
        for leg in decision.action.increases
    )


@pytest.mark.parametrize("name", TWO_VALUES)
def test_in_a_tick_a_stricter_limit_never_lets_more_through(name: str) -> None:
    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(shops(), limits_drawn, TWO_VALUES[name], st.booleans())
    def check(
        situation: Situation, limits: Limits, values: tuple[Any, Any], is_auto: bool
    ) -> None:
        before, after = (
            granted(situation, replace(limits, **{name: value}), is_auto=is_auto)
            for value in values
        )
        unasked = [decision for decision in before if decision.executes]
        if name not in ASK_MORE:
            assert more_money(after) <= more_money(before)
        for decision in after:
            action = decision.action
            if name in PAUSE_MORE and action.type is ActionType.PAUSE:
                continue
            alike = [one for one in before if one.action.type is action.type]
            if decision.executes:
                assert [one for one in unasked if size(one.action) >= size(action)]
            elif name not in ASK_MORE:
                assert [one for one in alike if size(one.action) >= size(action)]

    check()


# --- one rule more ------------------------------------------------------------------------------


def a_further_rule(answer: Verdict, kinds: frozenset[ActionType] = EVERY_TYPE) -> Rule:
    return Rule(
        id="safety.further",
        sentence="One rule more.",
        limits=(),
        applies_to=kinds,
        routes=EVERY_ROUTE,
        check=lambda _action, _case: answer,
    )


def _sized(minor: int) -> Verdict:
    return blocks(None, None, "too large", allowed=Money(minor, USD))


answers = st.one_of(
    st.sampled_from(
        [
            passes(1, 1, "fine"),
            warns(1, 1, "hm"),
            demotes(1, 1, "ask"),
            defers(1, 1, "wait"),
            blocks(1, 1, "no"),
        ]
    ),
    st.integers(0, 80_000).map(_sized),
)


@st.composite
def further_rules(draw: st.DrawFn, *without: Effect) -> Rule:
    kinds = frozenset(draw(st.sets(st.sampled_from(list(ActionType)), min_size=1)))
    answer = draw(answers.filter(lambda verdict: verdict.effect not in without))
    if answer.allowed is not None:  # a size: of what has one
        kinds &= BUDGET_CHANGES
    return a_further_rule(answer, kinds)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(scenes(), limits_drawn, further_rules(), st.booleans())
def test_a_further_rule_never_makes_a_verdict_milder(
    scene: Scene, limits: Limits, rule: Rule, is_policy: bool
) -> None:
    before = scene.judged(limits)
    with one_rule_more(rule, is_policy=is_policy):
        after = scene.judged(limits)
    assert is_no_milder(after, before)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(scenes(), limits_drawn, further_rules())
def test_a_further_rule_changes_no_other_rules_word(
    scene: Scene, limits: Limits, rule: Rule
) -> None:
    case = a_case(situation=scene.situation, limits=limits, route=scene.route)
    rules = (*judgement.POLICY_RULES, *judgement.SAFETY_RULES)
    told = judge(rules, scene.action, case)
    assert judge((*rules, rule), scene.action, case)[: len(told)] == told


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(shops(), limits_drawn, further_rules(Effect.DEMOTES), st.booleans(), st.booleans())
def test_in_a_tick_a_further_rule_lets_nothing_more_through(
    situation: Situation, limits: Limits, rule: Rule, is_auto: bool, is_policy: bool
) -> None:
    before = granted(situation, limits, is_auto=is_auto)
    with one_rule_more(rule, is_policy=is_policy):
        after = granted(situation, limits, is_auto=is_auto)
    largest = {one.action.type: size(one.action) for one in before}
    for decision in after:
        assert size(decision.action) <= largest[decision.action.type]
        assert not decision.executes or [one for one in before if one.executes]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(shops(), limits_drawn)
def test_a_rule_that_asks_a_person_leaves_nothing_to_run_unasked(
    situation: Situation, limits: Limits
) -> None:
    with one_rule_more(a_further_rule(demotes(1, 1, "ask")), is_policy=False):
        assert not [one for one in granted(situation, limits, is_auto=True) if one.executes]


def one_rule_more(rule: Rule, *, is_policy: bool) -> Any:
    name = "POLICY_RULES" if is_policy else "SAFETY_RULES"
    return patch.object(judgement, name, (*getattr(judgement, name), rule))
