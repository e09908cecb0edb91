"""Which campaigns are left alone, and what the others are worth against them."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from scipy.stats import ttest_ind

from meta_autonomous.decision.holdout import FEWEST, PERIOD, compare, held_until
from meta_autonomous.decision.limits import Limits
from meta_autonomous.domain.action import Outcome
from tests.decision.shop import a_shop, decided, only, surely_bad, surely_good

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TENTH = Decimal("0.1")


def test_a_share_of_the_campaigns_is_held_out_at_any_moment():
    for days in (0, 5, 100):
        now = NOW + timedelta(days=days)
        held = sum(held_until(str(campaign), TENTH, now) is not None for campaign in range(20_000))
        assert held == pytest.approx(2000, abs=150)


def test_nobody_is_held_out_at_zero_and_everybody_at_one():
    assert held_until("c1", Decimal(0), NOW) is None
    assert all(held_until(str(campaign), Decimal(1), NOW) for campaign in range(100))


def test_a_campaign_stays_on_its_side_for_a_whole_period():
    for campaign in range(200):
        until = held_until(str(campaign), TENTH, NOW)
        if until is None:
            continue
        assert NOW < until <= NOW + PERIOD
        moments = [until - PERIOD, until - PERIOD / 2, until - timedelta(seconds=1)]
        assert {held_until(str(campaign), TENTH, at) for at in moments} == {until}


def test_every_campaign_has_its_turn():
    turns = {
        campaign: sum(
            held_until(str(campaign), TENTH, NOW + period * PERIOD) is not None
            for period in range(100)
        )
        for campaign in range(200)
    }
    assert min(turns.values()) > 0
    assert sum(turns.values()) == pytest.approx(200 * 10, rel=0.1)


def test_campaigns_do_not_change_sides_all_on_one_day():
    ends = {held_until(str(campaign), Decimal(1), NOW) for campaign in range(200)}
    assert len({end.date() for end in ends if end is not None}) == PERIOD.days + 1


def test_what_would_be_done_is_withheld_and_says_so():
    plan = decided(a_shop(found=[surely_good()]), limits=Limits(holdout_pct=Decimal(1)))
    decision = only(plan)
    assert decision.outcome is Outcome.DEFERRED
    assert decision.verdicts[-1].rule == "limits.holdout"
    assert decision.verdicts[-1].eligible_at is not None
    assert only(decided(a_shop(found=[surely_good()]))).outcome is Outcome.QUEUED


@pytest.mark.parametrize("is_auto", [True, False])
def test_a_hard_stop_is_never_withheld(is_auto):
    plan = decided(
        a_shop(found=[surely_bad()]), limits=Limits(holdout_pct=Decimal(1)), is_auto=is_auto
    )
    assert only(plan).outcome is (Outcome.EXECUTED if is_auto else Outcome.QUEUED)


def test_what_a_rule_blocks_is_blocked_and_not_withheld():
    plan = decided(
        a_shop(found=[surely_good(impressions=10)]), limits=Limits(holdout_pct=Decimal(1))
    )
    assert all(decision.outcome is not Outcome.DEFERRED for decision in plan.decisions)


def test_the_comparison_agrees_with_scipys_welch_test():
    rng = random.Random(4)
    treated = [rng.gauss(0.3, 1.0) for _ in range(25)]
    withheld = [rng.gauss(0.0, 2.0) for _ in range(14)]
    found = compare(treated, withheld)
    welch = ttest_ind(treated, withheld, equal_var=False).confidence_interval(0.95)
    assert found.interval == pytest.approx((welch.low, welch.high), abs=2e-3)
    assert found.is_telling == (welch.low > 0 or welch.high < 0)


def test_the_interval_holds_the_truth_nineteen_times_of_twenty():
    rng = random.Random(8)
    inside = 0
    for _ in range(2000):
        found = compare(
            [rng.gauss(0.2, 1.0) for _ in range(12)], [rng.gauss(0.0, 0.5) for _ in range(10)]
        )
        assert found.interval is not None
        inside += found.interval[0] <= 0.2 <= found.interval[1]
    assert inside / 2000 == pytest.approx(0.95, abs=0.012)


def test_too_few_on_either_side_have_no_interval():
    found = compare([1.0] * 50, [0.0] * (FEWEST - 1))
    assert (found.treated, found.withheld) == (50, FEWEST - 1)
    assert found.interval is None
    assert found.difference is None
    assert not found.is_telling
    assert compare([], []).treated_mean is None


def test_numbers_without_any_scatter_are_compared_too():
    found = compare([1.0] * 20, [0.0] * 20)
    assert found.interval == pytest.approx((1.0, 1.0))
    assert found.is_telling
