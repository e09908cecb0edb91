"""From the plain numbers of a caller's script to the exact values that rules compare.

The public classes take what Python programs have at hand: floats, ints, dicts, any object with
the settings' attributes. Here they become Decimals and aware times, or a ValueError.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, fields
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from meta_autonomous.decision.geo import country_code
from meta_autonomous.decision.limits import Limits
from meta_autonomous.domain.action import ActionType

Plain = Mapping[str, Any]
Clock = Callable[[], datetime]

_ABSENT: Final = object()


def wall_clock() -> datetime:
    """For callers of the public classes who give no clock. The program itself always gives the
    platform's trusted one."""
    return datetime.now(UTC)  # noqa: TID251 - see above


def limits_of(settings: object) -> Limits:
    """The limits in a settings object: each by its name in lower or upper case, else its default.

    Raises ValueError when one has an impossible value.
    """
    if isinstance(settings, Limits):
        return settings
    chosen: dict[str, Any] = {}
    for item in fields(Limits):
        value = getattr(settings, item.name, getattr(settings, item.name.upper(), _ABSENT))
        if value is not _ABSENT:
            default = item.default if item.default is not MISSING else None
            chosen[item.name] = _like(default, value, item.name)
    return Limits(**chosen)


def exact(value: object, name: str = "the number") -> Decimal:
    """A finite number as a Decimal; a float by its shortest text, so that 0.1 is one tenth."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        raise ValueError(f"{name} is {value!r}, which is not a number")  # noqa: TRY004
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise ValueError(f"{name} is {value!r}, which is not a number") from None
    if not number.is_finite():
        raise ValueError(f"{name} is {value!r}, which is not a finite number")
    return number


def aware(value: object, name: str = "the time") -> datetime:
    """A time with its zone, or its ISO text. A naive one is refused: taken for the wrong zone it
    could end an embargo half a day early."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError(f"{name} is {value!r}, which is not an ISO 8601 time") from None
    if not isinstance(value, datetime):
        raise ValueError(f"{name} is {value!r}, which is not a time")  # noqa: TRY004
    if value.utcoffset() is None:
        raise ValueError(f"{name} has no time zone; give it one, such as +00:00")
    return value.astimezone(UTC)


def truth(value: object, name: str) -> bool:
    """True or False, and nothing that only resembles them."""
    if not isinstance(value, bool):
        raise ValueError(f"{name} is {value!r}, which is neither true nor false")  # noqa: TRY004
    return value


def distribution_of(
    shares: Mapping[str, object], countries: Iterable[str] = ()
) -> dict[str, Decimal]:
    """Shares by country code; a country without a share has none, and is included all the same."""
    if isinstance(countries, str):
        countries = (countries,)
    distribution = {country_code(name): Decimal(0) for name in countries}
    for name, share in shares.items():
        fraction = exact(share, f"the share of {name}")
        if fraction < 0:
            raise ValueError(f"the share of {name} is negative")
        code = country_code(name)
        distribution[code] = distribution.get(code, Decimal(0)) + fraction
    return distribution


def given(plain: Plain, *names: str) -> Any:
    """The first of these keys that is there. Raises ValueError, naming the first, if none is."""
    value = given_or(plain, _ABSENT, *names)
    if value is _ABSENT:
        raise ValueError(f"{names[0]} is missing")
    return value


def given_or(plain: Plain, default: object, *names: str) -> Any:
    return next((plain[name] for name in names if name in plain), default)


def _like(default: object, value: object, name: str) -> object:
    """`value` as the type that the limit has."""
    match default:
        case bool():
            return truth(value, name)
        case Decimal():
            return exact(value, name)
        case int():
            return int(exact(value, name))
        case frozenset():
            if not isinstance(value, Iterable) or isinstance(value, str):
                raise ValueError(f"{name} is {value!r}, not a list of action types")  # noqa: TRY004
            return frozenset(ActionType(member) for member in value)
        case _:
            return None if value is None else exact(value, name)
