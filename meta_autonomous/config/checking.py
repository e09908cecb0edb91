"""From values as somebody gave them to valid settings, or to what is wrong with each."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from meta_autonomous.config.fields import KEYS, SettingFields
from meta_autonomous.config.keys import FX, FX_PREFIX
from meta_autonomous.config.problems import Problem, SettingsError, written
from meta_autonomous.decision.limits import Limits
from meta_autonomous.domain.likeness import nearest

Settings = TypeVar("Settings", bound=SettingFields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """How a value's key was spelled, and where."""

    spelled: str
    where: str


Origins = Mapping[str, Origin]


class ImpossibleSettings(SettingsError):
    """Each value is allowed, all of them together are not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contradiction:
    """Two settings that can't both be meant: `key` must be at most `bound`."""

    key: str
    bound: str
    why: str


#: Each first one must be at most the second. The hard stop is not among them: it is a brake that
#: overrides the optimizer, so it may stand anywhere.
_ORDERED: Final = (
    Contradiction(
        key="max_auto_change_pct",
        bound="max_daily_change_pct",
        why="the program may not change more than a person may",
    ),
    Contradiction(
        key="scale_down_roas",
        bound="scale_up_roas",
        why="between the two a budget would have to rise and fall",
    ),
    Contradiction(
        key="pause_roas",
        bound="scale_up_roas",
        why="between the two a campaign would have to be paused and raised",
    ),
    Contradiction(
        key="pause_roas",
        bound="resume_roas",
        why="between the two a campaign would have to be paused and resumed",
    ),
    Contradiction(
        key="min_spain_percentage",
        bound="max_single_country_pct",
        why="no distribution over several countries could have both",
    ),
)


def built(kind: type[Settings], given: Mapping[str, Any], origins: Origins) -> Settings:
    """From values that were gathered already, by lower-case name: nothing else is read.

    Raises SettingsError; `origins` is where each value was written.
    """
    settings = kind.__new__(kind)
    with explained(origins):
        BaseModel.__init__(settings, **folded(given))
    refuse_impossible(settings, origins)
    return settings


def wrong_values(given: Mapping[str, Any], origins: Origins) -> tuple[Problem, ...]:
    """What is wrong with each of these values by itself, whatever the others are."""
    try:
        built(SettingFields, given, origins)
    except ImpossibleSettings:
        return ()
    except SettingsError as error:
        return error.problems
    return ()


def combination_problems(limits: Limits, origins: Origins) -> tuple[Problem, ...]:
    """What can't be meant together."""
    problems = []
    for pair in _ORDERED:
        value, bound = getattr(limits, pair.key), getattr(limits, pair.bound)
        if value > bound:
            key, other = _origin(pair.key, origins), _origin(pair.bound, origins)
            place = f" ({other.where})" if other.where else ""
            problems.append(
                Problem(
                    key=key.spelled,
                    given=written(value),
                    where=key.where,
                    says=f"is above {other.spelled} = {bound}{place}: {pair.why}",
                    allowed=f"at most {bound}",
                    remedy=f"Lower {key.spelled} or raise {other.spelled}.",
                )
            )
    return tuple(problems)


def refuse_impossible(settings: SettingFields, origins: Origins) -> None:
    problems = list(combination_problems(settings.limits(), origins))
    dollar = settings.meta_auto_fx.get("USD")
    if dollar is not None and dollar != 1:
        origin = _origin_of_rate("USD", origins)
        problems.append(
            Problem(
                key=origin.spelled,
                given=written(dollar),
                where=origin.where,
                says="gives the dollar another worth than one dollar",
                allowed="1",
                remedy="Remove it: a dollar needs no rate.",
            )
        )
    service = settings.meta_auto_service_user
    for key in ("meta_auto_admins", "meta_auto_managers"):
        if service is not None and service in getattr(settings, key):
            origin = _origin(key, origins)
            problems.append(
                Problem(
                    key=origin.spelled,
                    where=origin.where,
                    says=f"lists {service}, the account of META_AUTO_SERVICE_USER",
                    allowed="anyone but the service, which never approves its own proposals",
                    remedy="If the timer runs as your own account, leave "
                    "META_AUTO_SERVICE_USER unset.",
                )
            )
    if problems:
        raise ImpossibleSettings(problems)


def _origin(key: str, origins: Origins) -> Origin:
    return origins.get(key) or Origin(spelled=KEYS[key].variable, where="")


def _origin_of_rate(code: str, origins: Origins) -> Origin:
    spelled = f"META_AUTO_FX_{code}"
    return origins.get(spelled.lower()) or Origin(spelled=spelled, where="argument")


@contextmanager
def explained(origins: Origins) -> Iterator[None]:
    """Turns pydantic's error into ours. The former is dropped: it holds what was given."""
    try:
        yield
    except ValidationError as error:
        details = error.errors(include_url=False)
        problems = [_problem(detail, origins) for detail in details]
    else:
        return
    raise SettingsError(problems)


def _problem(detail: ErrorDetails, origins: Origins) -> Problem:
    name, *inner = (str(part) for part in detail["loc"])
    if name not in KEYS:
        return Problem(key=name, says=f"is no setting; {nearest(name, KEYS)}".rstrip("; "))
    key = KEYS[name]
    if name == FX and inner:
        origin = _origin_of_rate(inner[0], origins)
    else:
        origin = origins.get(name) or Origin(spelled=key.variable, where="argument")
    is_shown = not (key.is_secret or key.is_private)
    reason = detail.get("ctx", {}).get("error") if detail["type"] == "value_error" else None
    return Problem(
        key=origin.spelled,
        given=written(detail["input"]) if is_shown else None,
        where=origin.where,
        says=str(reason) if reason else "",
        allowed=key.allowed,
    )


def folded(given: Mapping[str, Any]) -> dict[str, Any]:
    """Each rate is a setting of its own outside, and one mapping inside."""
    rates = {
        name.removeprefix(FX_PREFIX).upper(): value
        for name, value in given.items()
        if name.startswith(FX_PREFIX)
    }
    rest = {name: value for name, value in given.items() if not name.startswith(FX_PREFIX)}
    return {**rest, FX: {**rest.get(FX, {}), **rates}} if rates else rest
