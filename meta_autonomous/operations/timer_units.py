"""How a systemd timer says an interval, and which interval a timer that runs says.

`META_AUTO_INTERVAL_SECONDS` is the measure of deadlines and alerts, the timer is what really
happens: the units are written from the one, and `interval_of` reads the other back to compare.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

DEFAULT_INTERVAL: Final = 1800
_MINUTE: Final = 60
_HOUR: Final = 3600
_DAY: Final = 86_400
#: Where the configuration of an instance lies, by the units.
CONFIG_OF_INSTANCE: Final = "/etc/meta-auto/{}/config.toml"
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


# --- reading a timer back -----------------------------------------------------------------------

#: What to ask: ``systemctl show --property=TimersCalendar,TimersMonotonic meta-auto@NAME.timer``
PROPERTIES: Final = ("TimersCalendar", "TimersMonotonic")
_CALENDAR: Final = re.compile(r"^TimersCalendar=\{ OnCalendar=(.*?) ; ", re.MULTILINE)
_REPEAT: Final = re.compile(
    r"^TimersMonotonic=\{ OnUnit(?:Active|Inactive)USec=(.*?) ; ", re.MULTILINE
)
_EVERY_DAY: Final = re.compile(
    r"(?:\*-\*-\* )?(?P<hours>[^\s:]+):(?P<minutes>[^\s:]+)(?::(?P<seconds>[^\s:]+))?(?: \S+)?"
)
_UNITS_OF_TIME: Final = {
    "w": 7 * _DAY, "d": _DAY, "h": _HOUR, "min": _MINUTE, "s": 1,
}  # fmt: skip
_SPAN: Final = re.compile(r"(\d+)\s*(w|d|h|min|s)", re.ASCII)


def interval_of(shown: str) -> int | None:
    """The longest time between two runs of a timer, in seconds, from what `systemctl show` says
    of its PROPERTIES; None when that is no daily rhythm that can be told.

    A line may look like ``TimersCalendar={ OnCalendar=*-*-* *:00/30:00 UTC ; next_elapse=… }`` or
    ``TimersMonotonic={ OnUnitActiveUSec=25min ; next_elapse=… }``.
    """
    repeats = [_seconds(span) for span in _REPEAT.findall(shown)]
    calendars: list[str] = _CALENDAR.findall(shown)
    times = _times_of_day(calendars) if calendars else ()
    known = [each for each in (*repeats, _longest_gap(times or ())) if each]
    if not known or None in repeats or times is None:
        return None
    return min(known)


def _seconds(span: str) -> int | None:
    """``1h 30min`` -> 5400; None for parts of a second, which no interval of ours has."""
    found: list[tuple[str, str]] = _SPAN.findall(span)
    if not found or _SPAN.sub("", span).strip():
        return None
    return sum(int(number) * _UNITS_OF_TIME[unit] for number, unit in found)


def _times_of_day(calendars: Iterable[str]) -> Sequence[int] | None:
    """The seconds of the day at which any of these fires; None if one isn't for every day."""
    times: set[int] = set()
    for calendar in calendars:
        parts = _EVERY_DAY.fullmatch(calendar)
        if parts is None:
            return None
        try:
            hours = _numbers(parts["hours"], 24)
            minutes = _numbers(parts["minutes"], 60)
            seconds = _numbers(parts["seconds"] or "0", 60)
        except ValueError:
            return None
        times |= {
            hour * _HOUR + minute * _MINUTE + second
            for hour in hours
            for minute in minutes
            for second in seconds
        }
    return sorted(times)


def _numbers(component: str, end: int) -> Sequence[int]:
    """``*``, ``05``, ``00/15``, ``08..20``, ``08..20/2`` and lists of these with commas."""
    return sorted({number for part in component.split(",") for number in _range(part, end)})


def _range(part: str, end: int) -> Iterator[int]:
    first, _, step = part.partition("/")
    low, _, high = first.partition("..")
    if low == "*":
        low, high = "0", str(end - 1)
    elif step and not high:
        high = str(end - 1)
    yield from range(int(low), int(high or low) + 1, int(step or 1))


def _longest_gap(times: Sequence[int]) -> int:
    """Over the end of the day, too; 0 without any."""
    if not times:
        return 0
    following = (*times[1:], times[0] + _DAY)
    return max(later - earlier for earlier, later in zip(times, following, strict=True))
