"""Decisions in brief: what each claims and moves, and where two plans of one tick differ."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from meta_autonomous.decision.amount import amount_usd
from meta_autonomous.decision.context import Totals
from meta_autonomous.decision.decide import Plan
from meta_autonomous.decision.differences import Brief, briefs, differences
from meta_autonomous.decision.granting import Decision
from meta_autonomous.decision.limits import Limits, Override, PolicyBook
from meta_autonomous.domain.action import Action, ActionType, Outcome, Route
from tests.builders import (
    ACCOUNT,
    a_campaign,
    a_leg,
    a_pause,
    a_reallocation,
    a_scale_down,
    a_scale_up,
    a_situation,
    a_snapshot,
    an_adset,
    daily,
    usd,
)

SITUATION = a_situation(
    a_snapshot(a_campaign(), an_adset("s1", budget=100), an_adset("s2", budget=100))
)


def decision(action: Action, **changes: Any) -> Decision:
    made = Decision(
        account_id=ACCOUNT,
        action=action,
        outcome=Outcome.QUEUED,
        route=Route.PERSON,
        verdicts=(),
        reason=action.reason,
        amount_usd=amount_usd(action, SITUATION),
    )
    return replace(made, **changes)


def brief(action: Action, *, book: PolicyBook | None = None, **changes: Any) -> Brief:
    plan = Plan(
        decisions=(decision(action, **changes),),
        gates={},
        evaluated=frozenset(),
        totals=Totals(),
    )
    (found,) = briefs(plan, [SITUATION], book or PolicyBook())
    return found


def test_the_claim_is_by_the_limits_of_the_entitys_own_campaign():
    stricter = Override(values={"scale_up_roas": Decimal("2.5")}, match="name of c1")
    book = PolicyBook(limits=Limits(), overrides=(stricter,))
    assert brief(a_scale_up(), book=book).claim.threshold == Decimal("2.5")


def test_what_was_granted_moves_money_and_what_was_not_moves_none():
    assert brief(a_scale_up(to=550)).moved_usd == 50
    assert brief(a_scale_down(to=450)).moved_usd == 50
    assert brief(a_scale_up(to=550), outcome=Outcome.UNCHANGED).moved_usd == 0
    assert brief(a_scale_up(to=550), outcome=Outcome.POLICY_BLOCKED).moved_usd == 0


def test_a_reallocation_moves_what_it_takes_though_the_sum_stays():
    between = a_reallocation(an_adset("s1", budget=100), an_adset("s2", budget=100), 15)
    assert brief(between).amount_usd == 0
    assert brief(between).moved_usd == 15


def test_a_pause_without_a_budget_of_its_own_moves_none():
    assert brief(a_pause(), amount_usd=None).moved_usd == 0


def test_the_same_decisions_do_not_differ():
    was = [brief(a_scale_up()), brief(a_pause(an_adset("s1")))]
    assert differences(was, list(reversed(was))) == ()
    assert differences(was, was, to_the_digit=True) == ()


@pytest.mark.parametrize(
    ("changed", "change"),
    [
        (brief(a_scale_up(to=525)), -25),
        (brief(a_scale_up(to=550), outcome=Outcome.SAFETY_BLOCKED), -50),
        (brief(a_scale_up(to=550), route=Route.AUTO), 0),
        (brief(a_scale_down(to=450)), -100),
        (None, -50),
    ],
)
def test_another_size_outcome_route_or_type_differs(changed, change):
    was = brief(a_scale_up(to=550))
    (found,) = differences([was], [changed] if changed else [])
    assert (found.was, found.would_be) == (was, changed)
    assert found.difference_usd == change
    assert not found.is_same_but_for_numbers


def test_a_decision_that_only_one_plan_has_differs():
    would_be = brief(a_scale_up(to=550))
    (found,) = differences([], [would_be])
    assert (found.was, found.difference_usd) == (None, 50)
    assert found.either is would_be
    assert not found.is_same_but_for_numbers


def test_other_numbers_differ_only_to_the_digit():
    was = brief(a_scale_up())
    would_be = brief(a_scale_up(confidence=Decimal("0.850001")))
    assert differences([was], [would_be]) == ()
    (found,) = differences([was], [would_be], to_the_digit=True)
    assert found.is_same_but_for_numbers
    assert was.fingerprint != would_be.fingerprint


def test_a_difference_is_about_the_side_that_acts():
    acts = brief(a_scale_up(to=550))
    blocked = brief(a_scale_up(to=550), outcome=Outcome.POLICY_BLOCKED)
    (now_blocked,) = differences([acts], [blocked])
    assert now_blocked.either is acts
    (now_acting,) = differences([blocked], [acts])
    assert now_acting.either is acts
    smaller = brief(a_scale_up(to=520), outcome=Outcome.POLICY_BLOCKED)
    (neither,) = differences([blocked], [smaller])
    assert neither.either is smaller


def test_money_without_a_rate_counts_as_none_moved():
    donor, receiver = (an_adset(one, budget=daily(100, "EUR")) for one in ("s1", "s2"))
    between = Action(
        type=ActionType.REALLOCATE,
        entity=donor,
        legs=(a_leg(donor, usd(85, "EUR")), a_leg(receiver, usd(115, "EUR"))),
    )
    found = brief(between, amount_usd=None)
    assert found.moved_usd == 0
    assert differences([found], [])[0].difference_usd == 0
