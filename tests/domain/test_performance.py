"""What an entity delivered by day, and the sums over days."""

from datetime import date, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from meta_autonomous.domain.performance import NOTHING, DayFacts, complete_days, roas, total

TODAY = date(2026, 3, 11)


def test_the_complete_days_end_with_yesterday():
    assert complete_days(TODAY, 7) == tuple(date(2026, 3, day) for day in range(4, 11))
    assert complete_days(TODAY, 0) == ()


def test_a_day_without_a_row_adds_nothing():
    days = {TODAY: DayFacts(1, 2, 3, 4)}
    assert total(days, (TODAY, TODAY - timedelta(days=1))) == DayFacts(1, 2, 3, 4)
    assert total(days, ()) == NOTHING
    assert total({}, (TODAY,)) == NOTHING


@given(st.lists(st.tuples(*[st.integers(0, 10**9)] * 4), max_size=8))
def test_a_total_is_the_sum_of_its_days(rows):
    days = {TODAY - timedelta(days=n): DayFacts(*row) for n, row in enumerate(rows)}
    summed = NOTHING
    for facts in days.values():
        summed = summed.plus(facts)
    assert total(days, days) == summed


def test_roas_without_spend_is_unknown_and_not_zero():
    assert roas(NOTHING) is None
    assert roas(DayFacts(0, 5, 1, 1)) is None
    assert roas(DayFacts(4, 6, 1, 1)) == Decimal("1.5")
    assert roas(DayFacts(4, -6, 1, 1)) == Decimal("-1.5")  # refunds
