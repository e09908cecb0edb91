"""Days in an array behave as days in a dict, and say so when a number has no room."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meta_autonomous.domain.day_table import DayTable, added_up, columns_of, joined
from meta_autonomous.domain.performance import NOTHING, DayFacts, Days

FIRST = date(2026, 11, 1)
LAST = date(2026, 11, 29)
SPAN = [FIRST + timedelta(days=n) for n in range(29)]
TOO_LARGE = 2**63

facts = st.builds(
    DayFacts,
    st.integers(0, 10**12),
    st.integers(-(10**12), 10**12),
    st.integers(0, 10**6),
    st.integers(0, 10**9),
)
some_days = st.dictionaries(st.sampled_from(SPAN), facts)


def told(days: Days) -> dict[date, DayFacts]:
    """Without the days that say nothing."""
    return {day: found for day, found in days.items() if found != NOTHING}


@given(some_days)
def test_it_holds_what_it_was_given(days: dict[date, DayFacts]) -> None:
    table = joined([days], FIRST, LAST)
    assert isinstance(table, DayTable)
    assert table == told(days)
    assert list(table) == sorted(told(days))
    assert len(table) == len(told(days))
    assert bool(table) is bool(told(days))
    for day in (*SPAN, FIRST - timedelta(days=1), LAST + timedelta(days=1)):
        assert table.get(day) == told(days).get(day)
        assert (day in table) is (day in told(days))


@given(some_days, some_days)
def test_added_up_it_is_the_sum_of_each_day(
    one: dict[date, DayFacts], other: dict[date, DayFacts]
) -> None:
    tables = [joined([days], FIRST, LAST) for days in (one, other)]
    assert told(added_up(tables)) == told(added_up([one, other]))


@given(some_days, st.integers(0, 28), st.integers(0, 28))
def test_columns_are_those_of_a_dict(days: dict[date, DayFacts], start: int, length: int) -> None:
    wanted = [FIRST + timedelta(days=start - 3 + n) for n in range(length)]
    of_table = columns_of(joined([days], FIRST, LAST), wanted)
    of_dict = [[days.get(day, NOTHING)[place] for day in wanted] for place in range(4)]
    assert [list(column) for column in of_table] == of_dict


@given(some_days, some_days)
def test_a_later_part_counts_where_two_tell_of_one_day(
    one: dict[date, DayFacts], other: dict[date, DayFacts]
) -> None:
    of_tables = joined(
        [joined([one], FIRST, LAST), joined([told(other)], FIRST, LAST)], FIRST, LAST
    )
    assert of_tables == told({**one, **told(other)})


def test_a_day_without_room_is_refused_on_both_sides():
    table = DayTable(date(2026, 3, 1), 2)
    for day in (date(2026, 2, 28), date(2026, 3, 3)):
        with pytest.raises(IndexError):
            table.put(day, DayFacts(1, 1, 1, 1))
    assert not table


def test_days_outside_are_left_out() -> None:
    outside = FIRST - timedelta(days=1)
    assert joined([{outside: DayFacts(1, 2, 3, 4)}], FIRST, LAST) == {}


def test_a_number_without_room_makes_a_dict_of_it() -> None:
    days = {FIRST: DayFacts(TOO_LARGE, 0, 1, 1), LAST + timedelta(days=1): DayFacts(1, 0, 0, 0)}
    found = joined([days], FIRST, LAST)
    assert found == {FIRST: DayFacts(TOO_LARGE, 0, 1, 1)}
    half = joined([{FIRST: DayFacts(TOO_LARGE - 1, 0, 1, 1)}], FIRST, LAST)
    assert isinstance(half, DayTable)
    assert added_up([half, half]) == {FIRST: DayFacts(2 * TOO_LARGE - 2, 0, 2, 2)}


def test_a_day_that_nothing_tells_of_is_not_there() -> None:
    with pytest.raises(KeyError):
        joined([{FIRST: DayFacts(1, 2, 3, 4)}], FIRST, LAST)[LAST]
    with pytest.raises(KeyError):
        DayTable(FIRST, 1)[FIRST - timedelta(days=1)]
