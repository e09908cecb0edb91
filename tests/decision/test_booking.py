"""How late orders come, what that makes of spend, and what restatements show of booking."""

import random
from collections.abc import Sequence
from datetime import date, timedelta
from math import exp

import pytest

from meta_autonomous.decision.booking import (
    DEFAULT_DELAY,
    NO_RESTATEMENTS,
    Booking,
    Reading,
    Restatements,
    SpendAndOrders,
    delayed_spend,
    expected_reported,
    learn_delay,
    restatements_from,
)
from meta_autonomous.domain.performance import DayFacts

TODAY = date(2026, 3, 1)


def ago(days: int) -> date:
    return TODAY - timedelta(days=days)


# --- Delay and exposure -----------------------------------------------------------------------


def test_the_default_delay_is_the_published_one():
    published = (0.6463, 0.1589, 0.0818, 0.0496, 0.0301, 0.0183, 0.0111, 0.0039)
    assert pytest.approx(published, abs=1e-4) == DEFAULT_DELAY
    assert sum(DEFAULT_DELAY) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize(
    ("spend", "exposure"),
    [
        pytest.param([100.0] * 14, 700.0, id="level at 100 a day"),
        pytest.param([0.0] * 11 + [100.0] * 3, 233.857, id="begun 3 days ago"),
        pytest.param([100.0] * 12 + [200.0] * 2, 845.154, id="doubled 2 days ago"),
        pytest.param([100.0] * 11 + [0.0] * 3, 466.143, id="paused 3 days ago"),
    ],
)
def test_seven_days_exposure_meets_the_reference_vectors(spend, exposure):
    total = sum(delayed_spend(spend, DEFAULT_DELAY))
    assert total == pytest.approx(exposure, abs=5e-4)  # they are given to three places


def shares_of(fast_weight: float, slow_days: float) -> list[float]:
    """The delay of an account, by a brute-force mean over the click's minute."""

    def reported(days: float) -> float:
        if days <= 0.0:
            return 0.0
        days = min(days, 7.0)
        fast, slow = 1.0 - exp(-24.0 * days), 1.0 - exp(-days / slow_days)
        return fast_weight * fast + (1.0 - fast_weight) * slow

    clicks = [(minute + 0.5) / 1440.0 for minute in range(1440)]
    return [
        sum(reported(k + 1 - u) - reported(k - u) for u in clicks) / 1440.0 / reported(7.0)
        for k in range(8)
    ]


def account(delay: Sequence[float], *, entities: int, seed: int) -> list[SpendAndOrders]:
    """Entities whose spend steps up or down once in 21 days, and the orders that follow."""
    rng = random.Random(seed)
    made = []
    for _ in range(entities):
        before, after = rng.uniform(2.0, 40.0), rng.uniform(2.0, 40.0)
        step = rng.randrange(8, 20)
        spend = [before if day < step else after for day in range(21)]
        expected = [0.0] * 7 + delayed_spend(spend, tuple(delay))
        made.append(SpendAndOrders(spend, [round(rng.gauss(n, n**0.5)) for n in expected]))
    return [
        entity._replace(orders=[max(orders, 0) for orders in entity.orders]) for entity in made
    ]


@pytest.mark.parametrize(("fast_weight", "slow_days"), [(0.15, 5.0), (0.57, 2.0), (0.95, 1.0)])
def test_slow_and_fast_accounts_are_told_apart_by_how_orders_follow_spend(fast_weight, slow_days):
    truth = shares_of(fast_weight, slow_days)
    learned = learn_delay(account(truth, entities=300, seed=7), range(7, 21))
    assert sum(learned) == pytest.approx(1.0, abs=1e-12)
    assert learned == pytest.approx(truth, abs=0.05)


def test_nothing_is_learned_from_level_spend_or_without_orders_or_without_spend():
    days = range(7, 21)
    untaught = learn_delay([], days)
    level = SpendAndOrders([30.0] * 21, [9] * 21)
    idle = SpendAndOrders([10.0] * 12 + [40.0] * 9, [0] * 21)
    orphan = SpendAndOrders([5.0] + [0.0] * 20, [0] * 19 + [3, 1])
    assert learn_delay([level, idle, orphan], days) == pytest.approx(untaught, abs=1e-12)
    assert untaught == pytest.approx(DEFAULT_DELAY, abs=0.012)


def test_spend_too_far_from_every_day_that_counts_is_no_evidence():
    spent_in_an_outage = SpendAndOrders([0.0] * 10 + [80.0] + [0.0] * 10, [0] * 20 + [5])
    assert learn_delay([spent_in_an_outage], [7, 20]) == learn_delay([], [7, 20])


def test_an_order_long_after_the_spend_ended_is_no_contradiction():
    stopped = SpendAndOrders([50.0] * 8 + [0.0] * 13, [0] * 7 + [20, 5] + [0] * 11 + [1])
    assert sum(learn_delay([stopped], range(7, 21))) == pytest.approx(1.0)


def test_an_impression_days_row_fills_up_with_age():
    reported = [expected_reported(age) for age in range(1, 9)]
    assert reported == sorted(reported)
    assert reported[0] == pytest.approx(0.75, abs=0.02)
    assert reported[-1] == pytest.approx(1.0, abs=1e-12)


# --- Restatements -----------------------------------------------------------------------------


def reading(entity_id: str, on: int, seen_on: int, purchases: int) -> Reading:
    return Reading(entity_id, ago(on), ago(seen_on), DayFacts(0, 0, purchases, 0))


def test_without_history_or_orders_booking_is_by_conversion_day():
    assert NO_RESTATEMENTS.booking() is Booking.CONVERSION_DAY
    assert Restatements((0, 0, 0), (0, 0, 0)).booking() is Booking.CONVERSION_DAY


@pytest.mark.parametrize(
    ("seen", "booking"),
    [
        ((90, 90, 90), Booking.CONVERSION_DAY),
        ((84, 90, 96), Booking.CONVERSION_DAY),
        ((89, 90, 90), Booking.IMPRESSION_DAY),
        ((0, 0, 0), Booking.IMPRESSION_DAY),
    ],
)
def test_booking_turns_on_nine_tenths_of_the_orders_of_ages_1_to_3(seen, booking):
    assert Restatements((*seen, 0), (100, 100, 100, 100)).booking() is booking


def test_completeness_starts_at_the_expectation_and_moves_to_what_was_seen():
    assert NO_RESTATEMENTS.completeness(3, 0.8) == pytest.approx(0.8)
    known = Restatements((90,), (100,))
    assert known.completeness(1, 1.0) == pytest.approx((200 + 90) / (200 + 100))
    assert known.completeness(2, 0.8) == pytest.approx(0.8)  # an age that was never read


def test_seen_and_final_orders_are_of_the_same_ages():
    with pytest.raises(ValueError, match="same ages"):
        Restatements((1, 2), (3,))


def test_orders_seen_at_each_age_are_set_against_the_final_ones():
    readings = [
        reading("a", 20, 20, 1),  # on the day itself: no complete day
        reading("a", 20, 19, 4),
        reading("a", 20, 18, 6),
        reading("a", 20, 10, 8),
    ]
    known = restatements_from(readings, today=TODAY)
    assert (known.seen[:3], known.final[:3]) == ((4, 6, 0), (8, 8, 0))
    assert known.booking() is Booking.IMPRESSION_DAY


def test_a_row_that_was_not_there_yet_counts_as_no_orders():
    readings = [
        reading("early", 20, 19, 4),
        reading("early", 20, 10, 4),
        reading("late", 20, 10, 6),
    ]
    known = restatements_from(readings, today=TODAY)
    assert (known.seen[0], known.final[0]) == (4, 10)


def test_a_row_that_a_later_read_left_out_keeps_its_last_value():
    readings = [
        reading("a", 20, 19, 4),
        reading("b", 20, 18, 1),
        reading("a", 20, 10, 5),
        reading("b", 20, 10, 1),
    ]
    known = restatements_from(readings, today=TODAY)
    assert (known.seen[1], known.final[1]) == (4 + 1, 5 + 1)


def test_young_days_and_days_never_read_again_and_the_future_show_nothing():
    young = [reading("a", 7, 6, 1), reading("a", 7, 0, 5)]
    never_again = [reading("b", 20, 19, 3), reading("b", 20, 14, 9)]
    future = [reading("c", 20, 19, 3), reading("c", 20, -1, 9)]
    known = restatements_from([*young, *never_again, *future], today=TODAY)
    assert not any(known.final)


def test_with_the_dates_of_reads_only_changes_need_be_given():
    changes = [reading("a", 20, 20, 4), reading("a", 20, 17, 5)]
    reads = {ago(seen): (ago(seen + 27), ago(seen)) for seen in range(20, 0, -1)}
    known = restatements_from(changes, today=TODAY, reads=reads)
    assert known.seen[:4] == (4, 4, 5, 5)
    assert known.final[:4] == (5, 5, 5, 5)


def test_a_read_that_did_not_cover_a_day_shows_nothing_of_it():
    changes = [reading("a", 20, 18, 5)]
    reads = {ago(19): (ago(19), ago(19)), ago(18): (ago(40), ago(18)), ago(5): (ago(30), ago(5))}
    known = restatements_from(changes, today=TODAY, reads=reads)
    assert known.final[:3] == (0, 5, 0)


def test_a_day_that_no_read_covered_shows_nothing():
    changes = [reading("a", 20, 18, 5)]
    assert not any(restatements_from(changes, today=TODAY, reads={}).final)


def test_the_order_of_readings_changes_nothing():
    rng = random.Random(3)
    readings = [
        reading(f"e{entity}", on, seen, rng.randrange(9))
        for entity in range(4)
        for on in range(8, 28)
        for seen in range(on)
        if rng.random() < 0.7
    ]
    shuffled = rng.sample(readings, len(readings))
    assert restatements_from(shuffled, today=TODAY) == restatements_from(readings, today=TODAY)
