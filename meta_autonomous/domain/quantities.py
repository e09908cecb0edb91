"""Money and its currency, as Meta counts them.

Budgets are whole minor units by Meta's own offsets (not ISO 4217). Insights amounts come as
decimal text in major units and are held in micros (a millionth of the major unit), because a
purchase value may be finer than a cent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Final, Self

MICROS_PER_MAJOR: Final = 1_000_000

_WHOLE_UNITS: Final = "CLP COP CRC HUF ISK IDR JPY KRW PYG TWD VND"
_HUNDREDTHS: Final = (
    "DZD ARS AUD BHD BDT BOB BGN BRL GBP CAD CNY HRK CZK DKK EGP EUR GTQ HNL HKD INR ILS JOD KES "
    "LVL LTL MOP MYR MXN NZD NIO NGN NOK PKR PEN PHP PLN QAR RON RUB SAR RSD SGD SKK ZAR SEK CHF "
    "THB TRY AED UAH USD UYU VEF VES FBZ"
)
#: Minor units per major unit, Meta's table ("Currencies", 2026-09-12), complete.
OFFSETS: Final[Mapping[str, int]] = dict.fromkeys(_WHOLE_UNITS.split(), 1) | dict.fromkeys(
    _HUNDREDTHS.split(), 100
)


class UnknownCurrency(ValueError):
    """A currency outside Meta's table: its budgets can't be read without guessing, so we don't."""


@dataclass(frozen=True, slots=True)
class Currency:
    """A currency of Meta's table, such as ``EUR``. Raises UnknownCurrency for any other."""

    code: str

    def __post_init__(self) -> None:
        if self.code not in OFFSETS:
            raise UnknownCurrency(f"{self.code!r} is not in Meta's currency table")

    @property
    def minor_per_major(self) -> int:
        return OFFSETS[self.code]

    @property
    def places(self) -> int:
        """Digits after the decimal point: 2 for EUR, 0 for JPY (and, with Meta, for HUF)."""
        return len(str(self.minor_per_major)) - 1

    def __str__(self) -> str:
        return self.code


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """A whole number of minor units of one currency. Mixing currencies raises ValueError."""

    minor: int
    currency: Currency

    @classmethod
    def of_major(cls, major: Decimal, currency: Currency, *, rounding: str = ROUND_FLOOR) -> Self:
        minor = (major * currency.minor_per_major).to_integral_value(rounding)
        return cls(int(minor), currency)

    @classmethod
    def zero(cls, currency: Currency) -> Self:
        return cls(0, currency)

    @property
    def major(self) -> Decimal:
        return Decimal(self.minor) / self.currency.minor_per_major

    def __add__(self, other: Self) -> Self:
        self._same_currency(other)
        return type(self)(self.minor + other.minor, self.currency)

    def __sub__(self, other: Self) -> Self:
        self._same_currency(other)
        return type(self)(self.minor - other.minor, self.currency)

    def __truediv__(self, other: Self) -> Decimal:
        self._same_currency(other)
        return Decimal(self.minor) / Decimal(other.minor)

    def __lt__(self, other: Self) -> bool:
        self._same_currency(other)
        return self.minor < other.minor

    def __le__(self, other: Self) -> bool:
        self._same_currency(other)
        return self.minor <= other.minor

    def __gt__(self, other: Self) -> bool:
        return other < self

    def __ge__(self, other: Self) -> bool:
        return other <= self

    def times_down(self, factor: Decimal) -> Self:
        """This amount times `factor`, rounded down to the minor unit."""
        exact = Decimal(self.minor) * factor
        return type(self)(int(exact.to_integral_value(ROUND_FLOOR)), self.currency)

    def times_up(self, factor: Decimal) -> Self:
        """This amount times `factor`, rounded up to the minor unit."""
        exact = Decimal(self.minor) * factor
        return type(self)(int(exact.to_integral_value(ROUND_CEILING)), self.currency)

    def plain(self) -> str:
        """Decimal text in major units without the currency: ``"600.00"``, ``"5000"`` in yen."""
        return f"{self.major:.{self.currency.places}f}"

    def __str__(self) -> str:
        return f"{self.major:,.{self.currency.places}f} {self.currency}"

    def _same_currency(self, other: "Money") -> None:
        if self.currency != other.currency:
            raise ValueError(f"{self.currency} and {other.currency} don't mix")


@dataclass(frozen=True, slots=True)
class Rates:
    """USD for one unit of each currency. USD itself is 1; a missing rate is None, never 1."""

    usd_per_unit: Mapping[str, Decimal]

    def rate(self, currency: Currency) -> Decimal | None:
        return Decimal(1) if currency.code == "USD" else self.usd_per_unit.get(currency.code)

    def usd(self, money: Money) -> Decimal | None:
        rate = self.rate(money.currency)
        return None if rate is None else money.major * rate

    def usd_of_micros(self, micros: int, currency: Currency) -> Decimal | None:
        rate = self.rate(currency)
        return None if rate is None else Decimal(micros) / MICROS_PER_MAJOR * rate


def micros(major: Decimal) -> int:
    """Major units to micros, rounded half to even; finer digits than a micro carry no money."""
    return int((major * MICROS_PER_MAJOR).to_integral_value())
