"""The examination of the whole system: what `doctor` looks at, and what a finding means.

A check never raises: what can't be looked at is `unknown`, with the reason. Each failing check
carries the exit code that the same trouble gives elsewhere, and the gravest one is the answer.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final, Self

from meta_autonomous.decision.limits import Limits
from meta_autonomous.decision.margin import losing_thresholds
from meta_autonomous.domain.condition import DiskSpace, FileFacts, TickTimer
from meta_autonomous.domain.exit_code import ExitCode
from meta_autonomous.ports.errors import MetaAutoError, PlatformError

#: The gravest first: without a configuration nothing else can be said to work.
_BY_GRAVITY: Final = (
    ExitCode.CONFIGURATION,
    ExitCode.NOT_ALLOWED,
    ExitCode.INTERNAL,
    ExitCode.PARTLY,
    ExitCode.REFUSED,
)

_MEGABYTE: Final = 1024 * 1024
_TOO_LITTLE: Final = 100 * _MEGABYTE
_LITTLE: Final = 1024 * _MEGABYTE
_OTHERS: Final = 0o077
_OTHERS_WRITE: Final = 0o022
#: How far a timer may be from the interval: it may be spread by a random delay.
_TOLERANCE: Final = timedelta(seconds=60)


class State(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What was found of one thing. `details` are further lines, `code` a failure's exit code."""

    name: str
    state: State
    message: str
    remedy: str = ""
    details: tuple[str, ...] = ()
    code: int = 0

    def __post_init__(self) -> None:
        if (self.state is State.FAIL) != bool(self.code):
            raise ValueError("a failing check, and no other, has an exit code")

    @classmethod
    def ok(cls, name: str, message: str, **more: Any) -> Self:
        return cls(name=name, state=State.OK, message=message, **more)

    @classmethod
    def warn(cls, name: str, message: str, remedy: str, **more: Any) -> Self:
        return cls(name=name, state=State.WARN, message=message, remedy=remedy, **more)

    @classmethod
    def fail(cls, name: str, message: str, remedy: str, *, code: int, **more: Any) -> Self:
        return cls(name=name, state=State.FAIL, message=message, remedy=remedy, code=code, **more)

    @classmethod
    def unknown(cls, name: str, message: str, remedy: str = "") -> Self:
        return cls(name=name, state=State.UNKNOWN, message=message, remedy=remedy)

    @classmethod
    def of_error(cls, name: str, error: MetaAutoError) -> Self:
        """A failure as the error that it is."""
        is_metas = isinstance(error, PlatformError)
        code = ExitCode.PARTLY if is_metas else error.exit_code
        return cls.fail(name, error.message, error.remedy, code=code)

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "status": self.state.value,
            "message": self.message,
            "remedy": self.remedy,
            "details": list(self.details),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    platform: str | None
    checks: tuple[Check, ...]

    @property
    def is_ok(self) -> bool:
        return self.exit_code == ExitCode.DONE

    @property
    def exit_code(self) -> int:
        failing = {check.code for check in self.checks if check.state is State.FAIL}
        return next((code for code in _BY_GRAVITY if code in failing), 0)

    def to_json(self) -> dict[str, Any]:
        return {
            "ok": self.is_ok,
            "platform": self.platform,
            "checks": [check.to_json() for check in self.checks],
        }


def not_examined(names: Iterable[str], why: str) -> Iterator[Check]:
    """The checks that another trouble made impossible."""
    for name in names:
        yield Check.unknown(name, f"not examined: {why}")


def examine_margin(limits: Limits) -> Check:
    """Whether the thresholds in force lose money at PROFIT_MARGIN."""
    name = "margin"
    if limits.profit_margin is None:
        return Check.ok(name, "PROFIT_MARGIN is not set: no threshold is held against break-even")
    losing = losing_thresholds(limits)
    if not losing:
        return Check.ok(
            name, f"no threshold loses money at a margin of {limits.profit_margin:.0%}"
        )
    return Check.warn(
        name,
        f"{len(losing)} of the thresholds lose money at a margin of {limits.profit_margin:.0%}",
        "Raise them to break-even at least; `meta-auto replay --set` shows what would change.",
        details=losing,
    )


# --- the machine --------------------------------------------------------------------------------


def examine_disk(space: DiskSpace | None) -> Check:
    name = "disk"
    if space is None:
        return Check.unknown(name, "the free space can't be told")
    free = f"{space.free // _MEGABYTE:,} MB are free for the state folder"
    remedy = "Free some space; `meta-auto db prune` drops what is past its keeping time."
    if space.free < _TOO_LITTLE:
        return Check.fail(name, f"only {free}", remedy, code=ExitCode.INTERNAL)
    if space.free < _LITTLE:
        return Check.warn(name, f"only {free}", remedy)
    return Check.ok(name, free)


def examine_files(folder: FileFacts | None, database: FileFacts | None) -> Check:
    """Who else could read or change what is on record. `database` is SQLite's file, if any."""
    name = "files"
    if folder is None:
        return Check.ok(name, "there is no state folder yet; a tick makes it, for its owner only")
    if database is not None and database.is_link:
        return Check.fail(
            name,
            f"the database {database.path} is a symbolic link",
            "Name the file itself in META_AUTO_DATABASE_URL.",
            code=ExitCode.CONFIGURATION,
        )
    if database is not None and not database.is_ours:
        return Check.fail(
            name,
            f"the database {database.path} belongs to {database.owner}",
            f"Run it as that account: sudo -u {database.owner} meta-auto …",
            code=ExitCode.CONFIGURATION,
        )
    if folder.permissions & _OTHERS_WRITE:
        return Check.fail(
            name,
            f"others may write the state folder {folder.path} (mode {folder.permissions:04o})",
            f"Run chmod 700 {folder.path}; who can write there can forge the record.",
            code=ExitCode.CONFIGURATION,
        )
    open_to_others = [
        (facts, mode)
        for facts, mode in ((folder, 700), (database, 600))
        if facts is not None and facts.permissions & _OTHERS
    ]
    if open_to_others:
        told = ", ".join(f"{facts.path} ({facts.permissions:04o})" for facts, _ in open_to_others)
        remedy = " and ".join(f"chmod {mode} {facts.path}" for facts, mode in open_to_others)
        return Check.warn(name, f"others may look into {told}", f"Run {remedy}.")
    return Check.ok(name, f"the state folder {folder.path} is for its owner {folder.owner} only")


def examine_timer(timers: tuple[TickTimer, ...] | None, interval: timedelta) -> Check:
    """Whether something runs the ticks, and as often as the settings believe."""
    name = "timer"
    due = f"META_AUTO_INTERVAL_SECONDS is {interval.total_seconds():.0f}"
    if timers is None:
        return Check.unknown(
            name,
            f"no systemd to ask; {due}",
            "If cron or Kubernetes runs the ticks, compare its schedule with the interval.",
        )
    if not timers:
        return Check.warn(
            name,
            "no systemd timer runs `meta-auto tick`",
            "Enable the timer of deploy/, or let cron run `meta-auto tick -q`.",
        )
    idle = [timer.name for timer in timers if not timer.is_active]
    if len(idle) == len(timers):
        return Check.warn(
            name, f"{', '.join(idle)} is not active", f"systemctl enable --now {idle[0]}"
        )
    working = [timer for timer in timers if timer.is_active]
    for timer in working:
        if timer.every is not None and abs(timer.every - interval) > _TOLERANCE:
            return Check.warn(
                name,
                f"{timer.name} runs every {timer.every.total_seconds():.0f} s, but {due}",
                "Make them agree: deadlines, `status` and alerts are measured by the setting.",
            )
    asleep = [timer.name for timer in working if not timer.is_enabled]
    if asleep:
        return Check.warn(
            name,
            f"{', '.join(asleep)} is active, but not enabled: a reboot would end it",
            f"systemctl enable {asleep[0]}",
        )
    return Check.ok(name, f"{', '.join(timer.name for timer in working)} is active; {due}")
