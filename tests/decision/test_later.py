"""What the days after a decision said of its claim."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from meta_autonomous.decision.claim import Claim, Side
from meta_autonomous.decision.differences import Brief, BriefLeg
from meta_autonomous.decision.later import SeenDays, later
from meta_autonomous.domain.action import ActionType, Outcome, Route
from meta_autonomous.domain.entities import Level
from tests.builders import ACCOUNT, a_day

ON = date(2026, 3, 2)
PARENTS = {"a1": ("s1", "c1"), "a2": ("s2", "c1")}


def claiming(side: Side, threshold: str, entity: str = "c1", *others: str) -> Brief:
    return Brief(
        account_id=ACCOUNT,
        type=ActionType.SCALE_UP,
        level=Level.CAMPAIGN,
        entity_id=entity,
        entity_name="a name",
        campaign_id="c1",
        outcome=Outcome.QUEUED,
        route=Route.PERSON,
        currency="USD",
        legs=tuple(
            BriefLeg(entity_id=one, entity_name=one, current=100, proposed=110)
            for one in (entity, *others)
        )
        if others
        else (),
        amount_usd=None,
        moved_usd=Decimal(0),
        roas=None,
        confidence=None,
        claim=Claim(side=side, threshold=Decimal(threshold)),
        reason="",
        fingerprint="",
    )


def seen(roas: int | str, other: int | str = 1, *, until: int = 30, spend: int = 100) -> SeenDays:
    """Four weeks before ON and after it: the days before have another ROAS."""
    after = {ON + timedelta(days=n): a_day(spend, roas) for n in range(1, 28)}
    before = {ON - timedelta(days=n): a_day(spend, 9) for n in range(28)}
    others = {day: a_day(spend, other) for day in after}
    return SeenDays(
        days={"a1": before | after, "a2": others},
        parents=PARENTS,
        until=ON + timedelta(days=until),
    )


@pytest.mark.parametrize(
    ("side", "threshold", "held"),
    [
        (Side.BELOW, "0.9", True),
        (Side.BELOW, "0.8", False),
        (Side.AT_MOST, "0.8", True),
        (Side.AT_MOST, "0.7", False),
        (Side.AT_LEAST, "0.8", True),
        (Side.AT_LEAST, "0.9", False),
    ],
)
def test_a_claim_held_if_the_week_after_is_on_its_side(side, threshold, held):
    found = later(claiming(side, threshold, "s1"), ON, seen("0.8"))
    assert (found.roas, found.days, found.held) == (Decimal("0.8"), 7, held)
    assert found.facts.purchases == 70


def test_a_campaign_is_all_of_its_ads():
    found = later(claiming(Side.AT_LEAST, "2"), ON, seen(3, 1))
    assert found.roas == 2
    assert later(claiming(Side.AT_LEAST, "2", "a1"), ON, seen(3, 1)).roas == 3
    assert later(claiming(Side.AT_LEAST, "2", "elsewhere"), ON, seen(3, 1)).roas is None


def test_a_reallocation_compares_its_two_ad_sets():
    between = claiming(Side.TIMES, "1.5", "s2", "s1")
    held = later(between, ON, seen(3, 2))
    assert (held.roas, held.donor_roas, held.held) == (3, 2, True)
    assert later(between, ON, seen(3, "2.1")).held is False
    silent = replace(seen(3), days={"a1": seen(3).days["a1"]})
    assert later(between, ON, silent).held is None


def test_days_that_are_not_over_do_not_count():
    found = later(claiming(Side.AT_LEAST, "2"), ON, seen(3, until=2))
    assert (found.days, found.is_settled) == (2, False)
    nothing = later(claiming(Side.AT_LEAST, "2"), ON, seen(3, until=0))
    assert (nothing.days, nothing.roas, nothing.held) == (0, None, None)
    never_read = replace(seen(3), until=None)
    assert later(claiming(Side.AT_LEAST, "2"), ON, never_read).held is None


def test_the_numbers_are_settled_a_week_after_the_week():
    assert not later(claiming(Side.AT_LEAST, "2"), ON, seen(3, until=13)).is_settled
    assert later(claiming(Side.AT_LEAST, "2"), ON, seen(3, until=14)).is_settled


def test_without_spend_nothing_can_be_told():
    found = later(claiming(Side.BELOW, "0.9", "s1"), ON, seen(0, spend=0))
    assert (found.roas, found.held, found.days) == (None, None, 7)
