"""How rules judge: all of them, each in its own name, and none of them ever by accident a yes."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meta_autonomous.decision.context import Case
from meta_autonomous.decision.policy_engine import POLICY_RULES
from meta_autonomous.decision.rules import (
    EVERY_ROUTE,
    EVERY_TYPE,
    ONLY_AUTO,
    Rule,
    blocks,
    defers,
    demotes,
    dollars,
    hours,
    judge,
    largest_within,
    listed,
    number,
    passes,
    percent,
    strictest,
    warns,
)
from meta_autonomous.decision.safety import SAFETY_RULES
from meta_autonomous.domain.action import Action, ActionType, Route
from meta_autonomous.domain.entities import AccountSnapshot, Entity
from meta_autonomous.domain.quantities import Currency, Rates, UnknownCurrency
from meta_autonomous.domain.verdict import Effect, Ruling, Verdict
from tests.builders import (
    NOW,
    USD,
    a_campaign,
    a_case,
    a_day,
    a_pause,
    a_reallocation,
    a_resume,
    a_scale_down,
    a_scale_up,
    a_snapshot,
    an_adset,
    usd,
)

RULES = (*POLICY_RULES, *SAFETY_RULES)

BUDGETS = {ActionType.SCALE_UP, ActionType.SCALE_DOWN, ActionType.REALLOCATE}
MORE = {ActionType.SCALE_UP, ActionType.REALLOCATE, ActionType.RESUME}
NOT_PAUSE = set(ActionType) - {ActionType.PAUSE}
EVERY = set(ActionType)

#: The contract's table, in its order: id, the types it applies to, and whether only to `auto`.
TABLE = [
    ("policy.budget_change", BUDGETS, False),
    ("policy.campaign_budget", MORE, False),
    ("policy.hard_stop", EVERY, False),
    ("policy.geo_distribution", {ActionType.SCALE_UP, ActionType.REALLOCATE}, False),
    ("policy.creative_approval", MORE, False),
    ("policy.roas_floor", NOT_PAUSE, False),
    ("safety.daily_spend", MORE, False),
    ("safety.embargo", NOT_PAUSE, False),
    ("safety.minimum_data", NOT_PAUSE, False),
    ("safety.platform_pace", BUDGETS, False),
    ("safety.second_controller", EVERY, True),
    ("safety.cooldown", NOT_PAUSE, False),
    ("safety.creative", MORE, False),
    ("safety.sanity", EVERY, False),
    ("safety.learning_phase", BUDGETS, False),
    ("safety.tracking_outage", EVERY, True),
    ("safety.blast_radius", {ActionType.PAUSE}, True),
    ("auto.human_override", EVERY, True),
    ("limits.freeze", NOT_PAUSE, False),
    ("limits.scope", EVERY, False),
]
#: An undo restores what was, the distribution over countries with it.
EXEMPT = {
    "policy.budget_change",
    "policy.geo_distribution",
    "policy.hard_stop",
    "policy.roas_floor",
    "safety.cooldown",
    "safety.minimum_data",
    "safety.embargo",
    "safety.learning_phase",
}


def a_rule(check: object, **changes: object) -> Rule:
    rule = Rule(
        id="safety.example",
        sentence="An example.",
        limits=(),
        applies_to=EVERY_TYPE,
        routes=EVERY_ROUTE,
        check=check,  # type: ignore[arg-type]
    )
    return replace(rule, **changes)  # type: ignore[arg-type]


def test_the_rules_are_those_of_the_table_in_its_order() -> None:
    assert [(rule.id, set(rule.applies_to), rule.routes == ONLY_AUTO) for rule in RULES] == TABLE
    assert {rule.id for rule in RULES if rule.exempts_undo} == EXEMPT


def test_every_rule_has_a_sentence_that_groups_and_limits_that_exist() -> None:
    limits = a_case().limits
    for rule in RULES:
        assert rule.sentence.endswith(".")
        assert not any(character.isdigit() for character in rule.sentence)
        assert all(hasattr(limits, name) for name in rule.limits)


@pytest.mark.parametrize("route", list(Route))
def test_the_default_world_passes_every_rule(route: Route) -> None:
    paused = a_campaign(status="PAUSED")
    low = a_snapshot(performance={"a1": a_day(roas="1.2")})
    worlds = [
        (a_scale_up(), a_snapshot()),
        (a_scale_down(), low),
        (a_pause(), a_snapshot()),
        (a_resume(paused), a_snapshot(paused, an_adset())),
        siblings(),
    ]
    for action, snapshot in worlds:
        verdicts = judge(RULES, action, a_case(snapshot, route=route))
        assert [v.rule for v in verdicts] == [
            rule.id for rule in RULES if action.type in rule.applies_to and route in rule.routes
        ]
        assert [v for v in verdicts if v.ruling is not Ruling.PASS] == []


def siblings() -> tuple[Action, AccountSnapshot]:
    donor, receiver, third = (an_adset(f"s{n}", budget=100) for n in (1, 2, 3))
    snapshot = a_snapshot(
        a_campaign(budget=None),
        donor,
        receiver,
        third,
        performance={"s1": a_day(roas=1), "s2": a_day(roas=3)},
    )
    return a_reallocation(donor, receiver), snapshot


def test_all_rules_answer_also_after_one_has_refused() -> None:
    verdicts = judge(RULES, a_scale_up(to=5000), a_case())

    assert not verdicts[0]
    assert len(verdicts) == 16
    assert all(v.rule and v.sentence and v.message for v in verdicts)


def test_a_rule_that_can_not_judge_refuses_and_says_what_was_odd() -> None:
    def raises(_action: Action, _case: Case) -> Verdict:
        raise KeyError("nowhere")

    verdict = a_rule(raises).judge(a_pause(), a_case())

    assert not verdict
    assert verdict.rule == "safety.example"
    assert verdict.sentence == "An example."
    assert verdict.message == (
        "safety.example could not be checked (KeyError: 'nowhere'): refused."
    )


@pytest.mark.parametrize(
    "action",
    [
        a_scale_up(a_campaign("nowhere")),
        a_resume(an_adset("nowhere", campaign="nowhere", status="PAUSED")),
        a_scale_up(a_campaign("nowhere", budget=None)),
        a_scale_down(an_adset("nowhere", campaign="nowhere", budget=100), to=90),
    ],
)
def test_an_entity_that_was_not_read_never_gets_through(action: Action) -> None:
    verdicts = judge(RULES, action, a_case())

    assert not all(verdicts)


def test_an_entity_of_no_level_is_refused_instead_of_crashing_the_tick() -> None:
    campaign = a_campaign()
    odd = Entity(**{name: getattr(campaign, name) for name in Entity.__slots__})

    verdicts = judge(RULES, Action(type=ActionType.PAUSE, entity=odd), a_case())

    assert not all(verdicts)


def test_an_undo_turns_the_refusals_of_exempt_rules_into_warnings() -> None:
    def refuses(_action: Action, _case: Case) -> Verdict:
        return blocks(2, 1, "Too much.", allowed=usd(1))

    rule = a_rule(refuses, exempts_undo=True)
    verdict = rule.judge(a_scale_up(), a_case(route=Route.UNDO))

    assert verdict
    assert verdict.ruling is Ruling.WARN
    assert verdict.effect is Effect.NONE
    assert verdict.allowed is None
    assert verdict.message == "Too much. An undo is exempt."
    assert not rule.judge(a_scale_up(), a_case(route=Route.PERSON))
    assert not a_rule(refuses).judge(a_scale_up(), a_case(route=Route.UNDO))


def test_a_verdict_is_true_unless_it_blocks_or_defers() -> None:
    assert passes(1, 2, "")
    assert warns(1, 2, "")
    assert demotes(1, 2, "")
    assert not defers(1, 2, "")
    assert not blocks(1, 2, "")


def test_the_strictest_word_governs_and_the_longest_wait_counts() -> None:
    soon, later = NOW + timedelta(hours=1), NOW + timedelta(hours=5)
    first = blocks(1, 0, "first", eligible_at=soon)
    second = blocks(2, 0, "second", eligible_at=later)

    governing = strictest([passes(0, 0, "fine"), warns(0, 0, "hm"), first, second])

    assert governing.message == "first"
    assert governing.eligible_at == later
    assert strictest([first, blocks(3, 0, "for ever")]).eligible_at is None
    assert strictest([warns(0, 0, "hm"), demotes(0, 0, "ask")]).effect is Effect.DEMOTES
    assert strictest([demotes(0, 0, "ask"), defers(0, 0, "wait")]).effect is Effect.DEFERS


@given(
    usd_amount=st.decimals("0", "1e6", places=6),
    rate=st.decimals("0.0001", "5000", places=8),
    code=st.sampled_from(["EUR", "JPY", "USD", "BHD"]),
)
def test_the_largest_amount_within_a_sum_is_worth_no_more_and_one_unit_more_would_be(
    usd_amount: Decimal, rate: Decimal, code: str
) -> None:
    currency, rates = Currency(code), Rates({code: rate})

    amount = largest_within(usd_amount, currency, rates)

    worth = rates.usd(amount)
    more = rates.usd(replace(amount, minor=amount.minor + 1))
    assert worth is not None
    assert more is not None
    assert worth <= usd_amount < more


def test_a_quotient_that_was_rounded_up_over_a_unit_is_taken_back() -> None:
    # 28 digits make this 2.00 of a currency at 4.5, which would be 9 dollars.
    almost_nine = Decimal("8.999999999999999999999999999")

    assert largest_within(almost_nine, Currency("EUR"), Rates({"EUR": Decimal("4.5")})) == usd(
        "1.99", "EUR"
    )


def test_the_largest_amount_is_zero_below_zero_and_unknown_without_a_rate() -> None:
    assert largest_within(Decimal(-5), USD, Rates({})) == usd(0)
    with pytest.raises(ValueError, match="META_AUTO_FX_EUR"):
        largest_within(Decimal(5), Currency("EUR"), Rates({}))


def test_numbers_read_well_in_sentences() -> None:
    assert number(Decimal("2.50000")) == "2.5"
    assert number(Decimal(0)) == "0"
    assert number(Decimal(35000)) == "35000"
    assert percent(Decimal("0.125"), signed=True) == "+12.5 %"
    assert percent(Decimal("-0.2"), signed=True) == "-20 %"
    assert dollars(Decimal(4800)) == "4,800.00 USD"
    assert hours(timedelta(hours=47, minutes=30)) == "47.5 h"
    assert listed(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"
    assert listed(["a", "b", "c"]) == "a, b, c"


def test_an_unknown_currency_is_no_currency() -> None:
    with pytest.raises(UnknownCurrency):
        Currency("XXX")
