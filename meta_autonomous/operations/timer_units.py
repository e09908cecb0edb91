"""The systemd units for an interval.

`META_AUTO_INTERVAL_SECONDS` is the measure of deadlines and alerts, the timer is what really
happens: the units are made from the setting, so that the two can't differ.
"""

import re
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

DEFAULT_INTERVAL: Final = 1800
_MINUTE: Final = 60
_HOUR: Final = 3600
_DAY: Final = 86_400
_INSTANCE: Final = re.compile(r"[a-z][a-z0-9-]{0,30}", re.ASCII)
_TICK_TIMER: Final = "meta-auto@.timer"
_TICK_SERVICE: Final = "meta-auto@.service"
#: In the order in which a person reads them.
_UNITS: Final = (
    _TICK_SERVICE,
    _TICK_TIMER,
    "meta-auto-alerts@.service",
    "meta-auto-alerts@.timer",
    "meta-auto-failed@.service",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitFile:
    """A file for /etc/systemd/system."""

    name: str
    text: str


def is_instance(name: str) -> bool:
    """Whether this can be the part of a unit's name after the @, and the name of a folder."""
    return _INSTANCE.fullmatch(name) is not None


def unit_files(interval_seconds: int, instance: str | None = None) -> tuple[UnitFile, ...]:
    """All units for this interval: as templates, or the tick's own for one instance.

    An instance of its own interval has files of its own, which systemd prefers to the template.
    """
    return tuple(
        UnitFile(
            name=_named(name, instance) if name in (_TICK_TIMER, _TICK_SERVICE) else name,
            text=_for_interval(name, interval_seconds),
        )
        for name in _UNITS
    )


def _named(template: str, instance: str | None) -> str:
    return template if instance is None else template.replace("@.", f"@{instance}.")


def _for_interval(name: str, interval_seconds: int) -> str:
    text = (files(__package__) / "units" / name).read_text(encoding="utf-8")
    if name == _TICK_TIMER:
        return text.replace(timer_for(DEFAULT_INTERVAL), timer_for(interval_seconds))
    if name == _TICK_SERVICE:
        return text.replace(timeout_for(DEFAULT_INTERVAL), timeout_for(interval_seconds))
    return text


def timeout_for(interval_seconds: int) -> str:
    """A tick ends by itself well within its interval; systemd ends one that hangs all the same."""
    return f"TimeoutStartSec={interval_seconds}"


def timer_for(interval_seconds: int) -> str:
    """The lines of a [Timer] that fires every so many seconds.

    What divides an hour or a day is a calendar, in UTC so that no change of the clock makes one
    pause longer, with one catch-up run after the machine was off, and a fixed delay of up to 45 s
    so that not all the world asks Meta at the full hour. Anything else counts from the start of
    the last run; a delay there would add to every interval.
    """
    calendar = _calendar(interval_seconds)
    if calendar is None:
        return f"OnActiveSec=5\nOnUnitActiveSec={interval_seconds}\nAccuracySec=1"
    return (
        f"OnCalendar={calendar}\nPersistent=true\nAccuracySec=1\n"
        "RandomizedDelaySec=45\nFixedRandomDelay=true"
    )


def _calendar(interval_seconds: int) -> str | None:
    hours, beyond_hours = divmod(interval_seconds, _HOUR)
    minutes, beyond_minutes = divmod(interval_seconds, _MINUTE)
    if interval_seconds == _DAY:
        return "*-*-* 00:00:00 UTC"
    if interval_seconds == _HOUR:
        return "*-*-* *:00:00 UTC"
    if not beyond_hours and hours and _DAY % interval_seconds == 0:
        return f"*-*-* 00/{hours}:00:00 UTC"
    if interval_seconds == _MINUTE:
        return "*-*-* *:*:00 UTC"
    if not beyond_minutes and minutes and _HOUR % interval_seconds == 0:
        return f"*-*-* *:00/{minutes}:00 UTC"
    return None
