"""The daily cap at the moment of the commit: the same sums as the rule's."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meta_autonomous.decision.limits import Limits
from meta_autonomous.decision.money_at_commit import NO_MONEY, MoneyAtCommit, money_at_commit
from meta_autonomous.decision.safety_spend import daily_spend
from tests.builders import (
    a_campaign,
    a_case,
    a_day,
    a_pause,
    a_resume,
    a_scale_down,
    a_scale_up,
    a_snapshot,
    days_like,
)

NOTHING = Decimal(0)


def why_over(money: MoneyAtCommit, elsewhere: int = 0, on_record: int = 0) -> str | None:
    return money.why_over(elsewhere_usd=Decimal(elsewhere), on_record_usd=Decimal(on_record))


@given(
    to=st.integers(501, 900),
    spent=st.integers(0, 900),
    elsewhere=st.integers(0, 300),
    factor=st.sampled_from(["1.0", "1.25", "1.75"]),
    cap=st.integers(300, 2500),
)
def test_what_the_rule_lets_pass_fits_at_the_commit_and_nothing_else_does(
    to: int, spent: int, elsewhere: int, factor: str, cap: int
) -> None:
    snapshot = a_snapshot(a_campaign(), performance={"c1": days_like(today=a_day(spent))})
    limits = Limits(max_daily_spend_usd=Decimal(cap), daily_overspend_factor=Decimal(factor))
    case = a_case(snapshot, limits=limits, granted_usd={"elsewhere": Decimal(elsewhere)})
    action = a_scale_up(to=to)

    money = money_at_commit(action, case)

    assert (why_over(money, elsewhere) is None) is bool(daily_spend(action, case))
    assert money.extra_usd == to - 500


def test_a_resume_books_its_whole_budget_at_the_worst() -> None:
    asleep = a_campaign(status="PAUSED")
    limits = Limits(max_daily_spend_usd=Decimal(600), daily_overspend_factor=Decimal("1.75"))

    money = money_at_commit(a_resume(asleep), a_case(a_snapshot(asleep), limits=limits))

    assert (money.extra_usd, money.rise_usd) == (500, 500 * Decimal("1.75") - 50)
    assert "825.00 USD more" in str(why_over(money))


@pytest.mark.parametrize("action", [a_pause(), a_scale_down()])
def test_what_frees_money_books_none(action: object) -> None:
    assert money_at_commit(action, a_case()) is NO_MONEY  # type: ignore[arg-type]
    assert why_over(NO_MONEY, 10_000, 10_000) is None


def test_the_larger_of_two_projections_counts() -> None:
    money = MoneyAtCommit(rise_usd=Decimal(10), projected_usd=Decimal(40), cap_usd=Decimal(60))
    assert why_over(money, 10, 30) is None
    assert why_over(money, 10, 41) == (
        "10.00 USD more in the projected day of 41.00 USD, with 10.00 USD granted elsewhere, "
        "exceeds the daily cap of 60.00 USD"
    )


def test_a_factor_below_one_is_no_factor() -> None:
    with pytest.raises(ValueError, match="counts once"):
        MoneyAtCommit(factor=Decimal("0.9"))
