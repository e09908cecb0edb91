"""Money as Meta counts it: whole minor units by its own offsets, never mixed, never guessed."""

from decimal import ROUND_CEILING, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meta_autonomous.domain.quantities import (
    OFFSETS,
    Currency,
    Money,
    Rates,
    UnknownCurrency,
    micros,
)

USD, EUR, JPY, HUF = map(Currency, ("USD", "EUR", "JPY", "HUF"))
factors = st.decimals(0, 3, places=6)
amounts = st.integers(0, 10**12)


@pytest.mark.parametrize("code", ["JPY", "HUF", "KRW", "CLP", "ISK", "TWD", "CRC", "IDR"])
def test_some_currencies_have_no_minor_unit_at_meta(code):
    assert Currency(code).minor_per_major == 1
    assert Currency(code).places == 0


@pytest.mark.parametrize("code", ["USD", "EUR", "GBP", "CHF", "INR"])
def test_most_currencies_have_hundredths(code):
    assert Currency(code).minor_per_major == 100
    assert Currency(code).places == 2


@pytest.mark.parametrize("code", ["BTC", "usd", "", "KWD"])
def test_a_currency_outside_metas_table_is_refused(code):
    with pytest.raises(UnknownCurrency, match="currency table"):
        Currency(code)


def test_every_offset_is_one_or_a_hundred():
    assert set(OFFSETS.values()) == {1, 100}


def test_money_is_written_in_major_units():
    assert Money(60_000, USD).plain() == "600.00"
    assert Money(5_000, JPY).plain() == "5000"
    assert str(Money(1_234_567, EUR)) == "12,345.67 EUR"
    assert str(Money(5_000, HUF)) == "5,000 HUF"


def test_major_units_become_whole_minor_units_downwards():
    assert Money.of_major(Decimal("1.999"), USD) == Money(199, USD)
    assert Money.of_major(Decimal("1.9"), JPY) == Money(1, JPY)
    assert Money.of_major(Decimal("1.991"), USD, rounding=ROUND_CEILING) == Money(200, USD)
    assert Money.zero(USD).minor == 0


def test_money_of_one_currency_can_be_reckoned_with():
    assert Money(150, USD) + Money(50, USD) == Money(200, USD)
    assert Money(150, USD) - Money(200, USD) == Money(-50, USD)
    assert Money(150, USD) / Money(100, USD) == Decimal("1.5")
    assert Money(1, USD) < Money(2, USD) <= Money(2, USD)
    assert Money(2, USD) > Money(1, USD) >= Money(1, USD)


@pytest.mark.parametrize(
    "mix",
    [
        lambda a, b: a + b,
        lambda a, b: a - b,
        lambda a, b: a / b,
        lambda a, b: a < b,
        lambda a, b: a <= b,
        lambda a, b: a > b,
        lambda a, b: a >= b,
    ],
)
def test_two_currencies_do_not_mix(mix):
    with pytest.raises(ValueError, match="mix"):
        mix(Money(1, USD), Money(1, EUR))


@given(minor=amounts, factor=factors)
def test_a_factor_is_applied_exactly_and_rounded_as_told(minor, factor):
    exact = Decimal(minor) * factor
    down, up = Money(minor, USD).times_down(factor), Money(minor, USD).times_up(factor)
    assert down.minor <= exact < down.minor + 1
    assert up.minor - 1 < exact <= up.minor


@given(minor=amounts, code=st.sampled_from(sorted(OFFSETS)))
def test_money_survives_being_written_and_read(minor, code):
    money = Money(minor, Currency(code))
    assert Money.of_major(Decimal(money.plain()), money.currency) == money


def test_dollars_need_no_rate_and_a_missing_one_is_never_one():
    rates = Rates({"EUR": Decimal("1.08")})
    assert rates.usd(Money(100, USD)) == 1
    assert rates.usd(Money(100, EUR)) == Decimal("1.08")
    assert rates.usd(Money(100, JPY)) is None
    assert rates.rate(JPY) is None


def test_spend_in_micros_becomes_dollars():
    rates = Rates({"EUR": Decimal("1.08")})
    assert rates.usd_of_micros(1_500_000, USD) == Decimal("1.5")
    assert rates.usd_of_micros(1_500_000, EUR) == Decimal("1.62")
    assert rates.usd_of_micros(1, JPY) is None


def test_a_micro_is_the_finest_money():
    assert micros(Decimal("12.3456785")) == 12_345_678
    assert micros(Decimal("-0.01")) == -10_000
