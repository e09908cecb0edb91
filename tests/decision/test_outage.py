"""When purchase tracking is called broken, and how seldom that is said of one that works."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import nbinom

from meta_autonomous.decision import outage
from meta_autonomous.decision.booking import DEFAULT_DELAY, Restatements
from meta_autonomous.decision.outage import (
    FALSE_ALARM_RATE,
    Day,
    at_most,
    find_outage,
    outage_days,
    outages_among,
)
from meta_autonomous.domain.entities import AccountSnapshot
from meta_autonomous.domain.performance import DayFacts
from tests.builders import TODAY, a_campaign, a_snapshot

#: An account whose young days fill up: a day old, half of the orders are there.
FILLS_UP = Restatements(seen=(500, 700, 850), final=(1000, 1000, 1000))


def a_history(
    purchases: Sequence[int],
    *,
    spend: int | Sequence[int] = 100,
    missing_days: frozenset[date] = frozenset(),
) -> AccountSnapshot:
    """An account's complete days, the last of them yesterday, with that many purchases each."""
    spends = [spend] * len(purchases) if isinstance(spend, int) else spend
    first = TODAY - timedelta(days=len(purchases))
    days: Mapping[date, DayFacts] = {
        first + timedelta(days=step): DayFacts(amount * 1_000_000, 0, count, 1000)
        for step, (count, amount) in enumerate(zip(purchases, spends, strict=True))
    }
    snapshot = a_snapshot(a_campaign(), performance={"c1": days})
    return replace(snapshot, first_day=first, missing_days=missing_days)


def ago(*days: int) -> frozenset[date]:
    return frozenset(TODAY - timedelta(days=day) for day in days)


# --- what is an outage --------------------------------------------------------------------------


def test_a_steady_account_has_no_outage() -> None:
    steady = a_history([50, 55, 45, 60, 48, 52, 41] * 4)

    assert find_outage(steady) is None
    assert outage_days(steady) == frozenset()


def test_a_day_without_any_purchase_after_fifty_a_day_is_one() -> None:
    found = find_outage(a_history([50] * 27 + [0]))

    assert found is not None
    assert found.days == (TODAY - timedelta(days=1),)
    assert found.seen_purchases == 0
    assert found.expected_purchases == Decimal("50.0")
    assert found.probability < found.false_alarm_rate == Decimal("0.001")


def test_a_bad_day_is_not_an_outage() -> None:
    assert find_outage(a_history([500] * 27 + [260])) is None


def test_purchases_fall_with_the_spend_and_that_is_no_outage() -> None:
    assert find_outage(a_history([50] * 26 + [5, 5], spend=[100] * 26 + [2, 2])) is None


def test_a_day_after_the_spend_stopped_still_waits_for_the_orders_of_before() -> None:
    # Two thirds of the orders come on the day of their spend.
    assert find_outage(a_history([50] * 27 + [16], spend=[100] * 27 + [0])) is None


def test_a_slow_account_needs_several_days_to_prove_it() -> None:
    one = a_history([6] * 27 + [0])
    three = a_history([6] * 25 + [0, 0, 0])

    assert find_outage(one) is None
    found = find_outage(three)
    assert found is not None
    assert frozenset(found.days) == ago(1, 2, 3)
    assert found.seen_purchases == 0


def test_a_partial_outage_shows_once_it_has_lasted() -> None:
    found = find_outage(a_history([200] * 23 + [30, 35, 25, 30, 30]))

    assert found is not None
    assert frozenset(found.days) == ago(1, 2, 3, 4, 5)


def test_an_outage_lasts_until_a_day_brings_its_share_again() -> None:
    # No single day of two purchases could prove anything.
    lasting = a_history([8] * 20 + [0, 0, 0, 1, 0, 2, 0, 1])
    over = a_history([8] * 20 + [0, 0, 0, 1, 0, 2, 0, 8])

    found = find_outage(lasting)
    assert found is not None
    assert frozenset(found.days) == ago(*range(1, 9))
    assert find_outage(over) is None
    assert outage_days(over) == ago(*range(2, 9))


def test_past_outages_stay_known_so_that_their_days_leave_the_window() -> None:
    snapshot = a_history([50] * 15 + [0, 0] + [50] * 11)

    assert find_outage(snapshot) is None
    assert outage_days(snapshot) == ago(12, 13)


def test_an_outage_does_not_spoil_the_history_of_the_next() -> None:
    found = find_outage(a_history([50] * 14 + [0] * 6 + [50] * 3 + [0]))

    assert found is not None
    assert found.days == (TODAY - timedelta(days=1),)
    assert found.expected_purchases == Decimal("50.0")


def test_a_shop_that_sells_nothing_on_some_weekdays_has_no_outage_every_week() -> None:
    first = TODAY - timedelta(days=28)
    weekend = {5, 6}
    purchases = [
        0 if (first + timedelta(days=step)).weekday() in weekend else 40 for step in range(28)
    ]

    assert outage_days(a_history(purchases)) == frozenset()


def test_days_that_were_not_read_say_nothing() -> None:
    silent = a_history([50] * 27 + [0], missing_days=ago(1))

    assert find_outage(silent) is None


@pytest.mark.parametrize(
    "purchases",
    [
        [],
        [0],
        [50] * 6 + [0],  # a history of less than a week
        [0] * 28,  # nothing was ever tracked
        [1] * 9 + [0] * 3,  # too few purchases to know the rate
    ],
)
def test_too_thin_a_history_proves_nothing(purchases: list[int]) -> None:
    assert find_outage(a_history(purchases)) is None


def test_an_account_that_never_spent_has_no_outage() -> None:
    assert find_outage(a_history([5] * 20 + [0], spend=0)) is None


def test_days_without_anything_to_expect_prove_nothing() -> None:
    long_off = a_history([50] * 15 + [0] * 13, spend=[100] * 15 + [0] * 13)

    assert find_outage(long_off) is None


def test_a_weekday_that_was_never_read_before_proves_nothing() -> None:
    tuesdays = ago(8, 15, 22)

    assert find_outage(a_history([50] * 27 + [0], missing_days=tuesdays)) is None


def test_young_days_are_expected_to_hold_less_where_orders_are_booked_late() -> None:
    purchases = [100] * 25 + [85, 70, 45]

    assert find_outage(a_history(purchases), FILLS_UP) is None
    assert find_outage(a_history([100] * 27 + [2]), FILLS_UP) is not None


# --- the error that is stated -------------------------------------------------------------------


def simulated(
    rng: np.random.Generator, *, level: float, days: int = 36, scatter: float = 0.14
) -> list[Day]:
    """An account as accounts are: late orders, noisy days, a rate that drifts, quiet weekends."""
    spend = level * np.exp(rng.normal(0, 0.2, days + 7))
    rate = np.exp(
        np.cumsum(rng.normal(0, 0.05, days + 7)) + rng.normal(0, scatter, days + 7)
    ) * np.array([0.85 if step % 7 >= 5 else 1.0 for step in range(days + 7)])
    first = date(2026, 1, 1)
    simulated_days = []
    for step in range(7, days + 7):
        caused = sum(share * spend[step - k] for k, share in enumerate(DEFAULT_DELAY))
        purchases = int(rng.poisson(caused * rate[step]))
        simulated_days.append(Day(first + timedelta(days=step), float(caused), purchases))
    return simulated_days


def test_a_whole_tracking_is_called_broken_no_more_often_than_stated() -> None:
    rng = np.random.default_rng(20260311)
    accounts = [
        simulated(rng, level=float(np.exp(rng.uniform(np.log(2), np.log(2000)))))
        for _ in range(150)
    ]

    alarms = sum(len(outages_among(days)) for days in accounts)

    tested = sum(len(days) - 7 for days in accounts)
    assert alarms <= FALSE_ALARM_RATE * tested


@pytest.mark.slow
@pytest.mark.parametrize("scatter", [0.14, 0.3])
def test_the_stated_rate_holds_over_forty_thousand_days_and_for_restless_accounts(
    scatter: float,
) -> None:
    """Also where days scatter by a third beyond Poisson, twice what the default expects."""
    rng = np.random.default_rng(5)
    accounts = [
        simulated(rng, level=float(np.exp(rng.uniform(np.log(2), np.log(2000)))), scatter=scatter)
        for _ in range(1400)
    ]

    alarms = sum(len(outages_among(days)) for days in accounts)

    tested = sum(len(days) - 7 for days in accounts)
    assert tested > 40_000
    assert alarms <= FALSE_ALARM_RATE * tested


@pytest.mark.parametrize(("level", "after"), [(20, 2), (50, 1), (1000, 1)])
def test_a_total_outage_is_found_within_days(level: float, after: int) -> None:
    rng = np.random.default_rng(7)
    found = 0
    for _ in range(40):
        days = simulated(rng, level=level)
        lost = [day._replace(purchases=0) for day in days[-after:]]
        runs = outages_among([*days[:-after], *lost])
        found += bool(runs) and runs[-1].days[-1] == days[-1].on
    assert found >= 38


# --- the tail -----------------------------------------------------------------------------------


@given(
    seen=st.integers(0, 20_000),
    expected=st.floats(0.01, 20_000),
    noise=st.floats(0.005, 5),
)
def test_the_tail_is_that_of_the_negative_binomial(
    seen: int, expected: float, noise: float
) -> None:
    reference = nbinom.cdf(seen, 1 / noise, 1 / (1 + noise * expected))

    assert at_most(seen, expected, noise) == pytest.approx(reference, rel=1e-6, abs=1e-12)


def test_the_tail_has_its_ends() -> None:
    assert at_most(-1, 5.0, 0.1) == 0.0
    assert at_most(0, 0.0, 0.1) == 1.0
    assert at_most(10**6, 1.0, 0.1) == pytest.approx(1.0)


def test_the_tail_is_worked_out_in_bounded_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outage, "_MOST_TERMS", 5)

    assert 0.0 <= at_most(500, 1000.0, 0.05) <= 1.0
