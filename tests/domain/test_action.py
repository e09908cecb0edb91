"""A change that could be asked for, and the words for what became of it."""

from decimal import Decimal

import pytest

from meta_autonomous.domain.action import (
    FIRST_STATUSES,
    STATUS_TRANSITIONS,
    Action,
    ActionStatus,
    ActionType,
    BudgetLeg,
)
from meta_autonomous.domain.entities import Status
from tests.builders import (
    a_campaign,
    a_leg,
    a_pause,
    a_reallocation,
    a_resume,
    a_scale_down,
    a_scale_up,
    an_adset,
    usd,
)

DONOR, RECEIVER = an_adset("s1", budget=100), an_adset("s2", budget=50)


def test_a_raise_is_told_by_its_one_leg():
    action = a_scale_up(to=600)
    assert action.current_budget == usd(500)
    assert action.proposed_budget == usd(600)
    assert action.change_pct == Decimal("0.2")
    assert action.raises_spend
    assert action.new_status is None
    assert action.entity_ids == ("c1",)


def test_a_cut_raises_nothing():
    action = a_scale_down(to=400)
    assert action.change_pct == Decimal("-0.2")
    assert action.increases == ()
    assert not action.raises_spend


def test_a_pause_and_a_resume_set_a_status():
    assert a_pause().new_status is Status.PAUSED
    assert a_resume().new_status is Status.ACTIVE
    for action in (a_pause(), a_resume()):
        assert action.current_budget == usd(500)
        assert action.proposed_budget is action.change_pct is None
        assert action.entity_ids == ("c1",)
    assert a_resume().raises_spend
    assert not a_pause().raises_spend


def test_a_reallocation_has_two_entities_the_decrease_first():
    action = a_reallocation(DONOR, RECEIVER, 10)
    assert action.entity_ids == ("s1", "s2")
    assert [leg.proposed for leg in action.legs] == [usd(90), usd(60)]
    assert [leg.entity.id for leg in action.increases] == ["s2"]
    assert action.raises_spend


def test_a_reallocation_that_begins_with_its_increase_is_refused():
    with pytest.raises(ValueError, match="decrease first"):
        Action(
            type=ActionType.REALLOCATE,
            entity=DONOR,
            legs=(a_leg(DONOR, 110), a_leg(RECEIVER, 40)),
        )


@pytest.mark.parametrize(
    ("kind", "legs"),
    [
        (ActionType.PAUSE, (a_leg(DONOR, 90),)),
        (ActionType.RESUME, (a_leg(DONOR, 90),)),
        (ActionType.SCALE_UP, ()),
        (ActionType.SCALE_DOWN, (a_leg(DONOR, 90), a_leg(RECEIVER, 60))),
        (ActionType.REALLOCATE, (a_leg(DONOR, 90),)),
    ],
)
def test_each_type_has_its_number_of_legs(kind, legs):
    with pytest.raises(ValueError, match="budget legs"):
        Action(type=kind, entity=DONOR, legs=legs)


def test_the_same_action_at_another_size():
    assert a_scale_up(to=600).with_budget(usd(550)).proposed_budget == usd(550)
    smaller = a_reallocation(DONOR, RECEIVER, 10).moving(usd("4.50"))
    assert [leg.proposed for leg in smaller.legs] == [usd("95.50"), usd("54.50")]


def test_from_nothing_no_fraction_can_be_told():
    nothing = BudgetLeg(entity=a_campaign(budget=0), current=usd(0), proposed=usd(10))
    assert nothing.change_pct is None
    assert nothing.is_increase


def test_every_status_has_its_legal_successors():
    assert set(STATUS_TRANSITIONS) == set(ActionStatus)
    for final in ("rejected", "expired", "superseded", "undone"):
        assert STATUS_TRANSITIONS[ActionStatus(final)] == frozenset()


def test_nothing_is_executed_that_was_not_begun_and_nothing_begun_is_suggested_again():
    before_executed = {
        status for status, after in STATUS_TRANSITIONS.items() if ActionStatus.EXECUTED in after
    }
    assert before_executed == {ActionStatus.EXECUTING, ActionStatus.IN_DOUBT}
    before_executing = {
        status for status, after in STATUS_TRANSITIONS.items() if ActionStatus.EXECUTING in after
    }
    assert before_executing == {ActionStatus.APPROVED}
    assert ActionStatus.SUGGESTED not in STATUS_TRANSITIONS[ActionStatus.EXECUTING]


def test_every_status_can_be_reached_from_those_that_an_action_begins_with():
    reached = set(FIRST_STATUSES)
    for _ in ActionStatus:
        reached |= {after for status in reached for after in STATUS_TRANSITIONS[status]}
    assert reached == set(ActionStatus)
