"""Values as words: amounts, shares, times, and foreign text made harmless."""

from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from meta_autonomous.domain.text import LONGEST_NAME, clean, visible

__all__ = [
    "LONGEST_NAME",
    "amount",
    "clean",
    "counted",
    "moment",
    "parsed",
    "percent",
    "probability",
    "ratio",
    "relative",
    "signed_percent",
    "span",
    "usd",
    "visible",
]

UNKNOWN: Final = "-"

_MINUTE: Final = timedelta(minutes=1)
_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)


def amount(value: Decimal | str | None, currency: str = "") -> str:
    """`1,234.50 USD`; the digits after the point are those that the value has."""
    if value is None:
        return UNKNOWN
    exact = Decimal(value)
    return f"{exact:,} {currency}".rstrip()


def usd(value: Decimal | str | float | None) -> str:
    """Whole dollars when it is at least a hundred, else with cents: `$7,234`, `$12.50`."""
    if value is None:
        return UNKNOWN
    exact = Decimal(str(value))
    whole = abs(exact) >= 100 or exact == exact.to_integral_value()  # noqa: PLR2004
    return f"{'-' if exact < 0 else ''}${abs(exact):,.{0 if whole else 2}f}"


def ratio(value: Decimal | float | None) -> str:
    """A ROAS or a probability with two digits: `3.20`."""
    if value is None:
        return UNKNOWN
    return str(Decimal(str(value)).quantize(Decimal("0.01"), ROUND_HALF_EVEN))


def probability(value: Decimal | float | None) -> str:
    """With two digits: `0.85`. What is not quite certain is never rounded up to it: `>0.99`."""
    told = ratio(value)
    return ">0.99" if told == "1.00" and value != 1 else told


def signed_percent(fraction: Decimal | float | None) -> str:
    """`+20%`, `-4.5%`: a change."""
    if fraction is None:
        return UNKNOWN
    return f"{_points(fraction):+f}%"


def percent(fraction: Decimal | float | None) -> str:
    """`72%`, `0.5%`: a share."""
    if fraction is None:
        return UNKNOWN
    return f"{_points(fraction):f}%"


def _points(fraction: Decimal | float) -> Decimal:
    points = (Decimal(str(fraction)) * 100).quantize(Decimal("0.1"), ROUND_HALF_EVEN)
    return points.quantize(Decimal(1)) if points == points.to_integral_value() else points


def moment(at: datetime | None) -> str:
    return UNKNOWN if at is None else f"{at:%Y-%m-%d %H:%M} UTC"


def span(length: timedelta) -> str:
    """The largest unit that says enough: `45 s`, `28 min`, `5 h`, `3 d`."""
    if length < _MINUTE:
        return f"{max(int(length.total_seconds()), 0)} s"
    if length < 2 * _HOUR:
        return f"{length // _MINUTE} min"
    if length < 2 * _DAY:
        return f"{length // _HOUR} h"
    return f"{length // _DAY} d"


def relative(at: datetime | None, now: datetime) -> str:
    """`2 min ago`, `in 28 min`, `now`."""
    if at is None:
        return UNKNOWN
    if abs(at - now) < timedelta(seconds=1):
        return "now"
    return f"in {span(at - now)}" if at > now else f"{span(now - at)} ago"


def parsed(at: datetime | str | None) -> datetime | None:
    """A time out of a JSON document, or as it is."""
    return datetime.fromisoformat(at) if isinstance(at, str) else at


def counted(number: int, singular: str, plural: str = "") -> str:
    """`1 action`, `2 actions`, `1,247 campaigns`."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"
