"""This machine as `doctor` examines it: disk, files, and the timer that runs the ticks."""

import os
import pwd
import re
import shutil
import stat
import subprocess
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Final

from meta_autonomous.domain.condition import DiskSpace, FileFacts, TickTimer

_SECONDS: Final = 10
_OCCURRENCES: Final = 5
_PROPERTIES: Final = "Id,Unit,ActiveState,UnitFileState,TimersCalendar,TimersMonotonic"
_CALENDAR: Final = re.compile(r"OnCalendar=(.*?) ;")
_REPEATING: Final = re.compile(r"OnUnit(?:Active|Inactive)USec=(.*?) ;")
_ELAPSE: Final = re.compile(r"(?:Next elapse|Iter\. #\d+): \w{3} (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)")
_PART: Final = re.compile(r"(\d+)\s*(y|month|w|d|h|min|s|ms|us)\b")
_UNITS: Final = {
    "y": timedelta(days=365),
    "month": timedelta(days=30),
    "w": timedelta(weeks=1),
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "min": timedelta(minutes=1),
    "s": timedelta(seconds=1),
    "ms": timedelta(milliseconds=1),
    "us": timedelta(microseconds=1),
}


def disk_space(path: Path) -> DiskSpace | None:
    """Of the disk that holds a path, or will hold it; None where that can't be told."""
    for place in (path, *path.parents):
        try:
            usage = shutil.disk_usage(place)
        except FileNotFoundError:
            continue
        except OSError:
            return None
        return DiskSpace(free=usage.free, total=usage.total)
    return None


def file_facts(path: Path) -> FileFacts | None:
    """Of the file or folder itself, links not followed; None when there is none."""
    try:
        found = path.lstat()
    except OSError:
        return None
    return FileFacts(
        path=str(path),
        permissions=stat.S_IMODE(found.st_mode),
        owner=_account(found.st_uid),
        is_ours=found.st_uid == os.geteuid(),
        is_link=stat.S_ISLNK(found.st_mode),
    )


def _account(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def tick_timers() -> tuple[TickTimer, ...] | None:
    """The timers of systemd that run `meta-auto tick`; None without a systemd to ask."""
    shown = _output("systemctl", "show", "meta-auto*.timer", "--all", f"--property={_PROPERTIES}")
    if shown is None:
        return None
    blocks = (dict(_pairs(block)) for block in shown.split("\n\n"))
    return tuple(_timer(block) for block in blocks if block.get("Id") and _ticks(block))


def _pairs(block: str) -> Iterator[tuple[str, str]]:
    """A property with several values is shown several times: all of them count."""
    values: dict[str, list[str]] = {}
    for line in block.splitlines():
        name, is_pair, value = line.partition("=")
        if is_pair:
            values.setdefault(name, []).append(value)
    for name, found in values.items():
        yield name, "\n".join(found)


def _ticks(timer: Mapping[str, str]) -> bool:
    unit = timer.get("Unit", "")
    command = _output("systemctl", "show", unit, "--property=ExecStart") if unit else None
    return command is not None and re.search(r"\btick\b", command) is not None


def _timer(block: Mapping[str, str]) -> TickTimer:
    repeats = [_span(text) for text in _REPEATING.findall(block.get("TimersMonotonic", ""))]
    moments = sorted(
        at
        for text in _CALENDAR.findall(block.get("TimersCalendar", ""))
        for at in _occurrences(text)
    )
    gaps = [later - sooner for sooner, later in pairwise(moments)]
    every = [gap for gap in (*repeats, *gaps) if gap > timedelta(0)]
    return TickTimer(
        name=block["Id"],
        is_active=block.get("ActiveState") == "active",
        is_enabled=block.get("UnitFileState", "").startswith("enabled"),
        every=min(every, default=None),
    )


def _occurrences(calendar: str) -> list[datetime]:
    shown = _output("systemd-analyze", "calendar", f"--iterations={_OCCURRENCES}", calendar)
    return [datetime.fromisoformat(at) for at in _ELAPSE.findall(shown or "")]


def _span(text: str) -> timedelta:
    parts = (int(count) * _UNITS[unit] for count, unit in _PART.findall(text))
    return sum(parts, timedelta())


def _output(*command: str) -> str | None:
    """What a tool of systemd's prints; None when it is not there or has nothing to say. It gets
    none of our environment, in which a token may be."""
    try:
        done = subprocess.run(  # noqa: S603 - fixed words, no shell
            command,
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout if done.returncode == 0 else None
