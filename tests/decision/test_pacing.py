"""Where a month's spend leads."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from meta_autonomous.decision.pacing import Pacing, pacing, together

APRIL_11 = date(2026, 4, 11)


def spent(first: date, last: date, dollars: int = 100) -> dict[date, Decimal]:
    days = (last - first).days + 1
    return {first + timedelta(days=age): Decimal(dollars) for age in range(days)}


def paced(days: dict[date, Decimal], *, today: date = APRIL_11, month: date = APRIL_11) -> Pacing:
    return pacing(days, month=month, today=today, pace_days=7, cap_usd=Decimal(200))


def test_an_even_spend_goes_on_as_it_is():
    told = paced(spent(date(2026, 3, 1), date(2026, 4, 10)) | {APRIL_11: Decimal(40)})
    assert told.first == date(2026, 4, 1)
    assert told.spent_usd == 10 * 100 + 40
    assert told.projected_usd == 30 * 100
    assert told.allowed_usd == 30 * 200
    assert told.share == Decimal("0.5")


def test_a_day_that_spent_more_than_the_pace_counts_with_what_it_spent():
    told = paced(spent(date(2026, 4, 1), date(2026, 4, 10)) | {APRIL_11: Decimal(170)})
    assert told.projected_usd == 30 * 100 + 70


def test_the_pace_is_that_of_the_latest_complete_days():
    slow = spent(date(2026, 4, 1), date(2026, 4, 3), 10)
    told = paced(slow | spent(date(2026, 4, 4), date(2026, 4, 10)))
    assert told.projected_usd == 3 * 10 + 27 * 100


def test_days_without_delivery_slow_it():
    told = paced({date(2026, 4, 10): Decimal(700)})
    assert told.projected_usd == 700 + 20 * 100


def test_on_the_first_of_a_month_the_pace_is_the_last_months():
    told = paced(spent(date(2026, 3, 25), date(2026, 3, 31)), today=date(2026, 4, 1))
    assert (told.spent_usd, told.projected_usd) == (0, 30 * 100)


@pytest.mark.parametrize(
    ("today", "so_far", "projected"),
    [(date(2026, 3, 31), 0, 3000), (date(2026, 5, 1), 3000, 3000)],
)
def test_an_account_whose_day_lies_in_another_month_is_told_of_this_one(today, so_far, projected):
    told = paced(spent(date(2026, 3, 1), today - timedelta(days=1)), today=today)
    assert (told.spent_usd, told.projected_usd) == (so_far, projected)


@pytest.mark.parametrize(("month", "days"), [(date(2026, 2, 3), 28), (date(2028, 2, 3), 29)])
def test_what_is_allowed_is_the_cap_of_each_of_its_days(month, days):
    assert paced({}, month=month).allowed_usd == days * 200


def test_several_accounts_share_one_cap():
    one = paced(spent(date(2026, 4, 1), date(2026, 4, 10)))
    both = together(APRIL_11, [one, one], cap_usd=Decimal(100))
    assert both.spent_usd == 2 * one.spent_usd
    assert both.projected_usd == 6000
    assert both.allowed_usd == 3000
    assert both.share == 2


def test_where_nothing_is_allowed_any_spend_takes_all_of_it():
    one = paced(spent(date(2026, 4, 1), date(2026, 4, 10)))
    taken = together(APRIL_11, [one], cap_usd=Decimal(0))
    assert (taken.share, taken.is_near) == (1, True)
    untouched = together(APRIL_11, [], cap_usd=Decimal(0))
    assert (untouched.share, untouched.is_near) == (0, False)


@pytest.mark.parametrize(("dollars", "is_near"), [(180, False), (181, True), (300, True)])
def test_a_month_is_near_its_caps_above_nine_tenths(dollars, is_near):
    assert paced(spent(date(2026, 3, 1), APRIL_11, dollars)).is_near is is_near
