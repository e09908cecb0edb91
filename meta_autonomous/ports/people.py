"""Who acts, who is told, and the program's own circumstances."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from meta_autonomous.domain.news import News
from meta_autonomous.ports.words import Json


class Notifier(Protocol):
    """The way to people. Never raises: a failing notifier never fails a tick. What a target did
    not take is kept, and sent to it with the next news."""

    async def send(self, news: News) -> bool:
        """Tell it to every target, in one message each. True when all of them took it."""
        ...

    async def catch_up(self) -> bool:
        """There is no news: send what was not taken before, if anything."""
        ...


class Signal(StrEnum):
    """What a dead man's switch is told of a tick."""

    START = "start"
    SUCCESS = "success"
    FAIL = "fail"


class Watch(Protocol):
    """Who watches the program from outside. Never raises, and never fails a tick."""

    async def signal(self, signal: Signal) -> None: ...

    def show(self, metrics: str) -> None:
        """Replace what the monitoring reads."""
        ...

    async def failed(self, *, exit_code: int, at: datetime) -> None:
        """A tick ended by an error, before it could measure anything."""
        ...


Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who runs this command, from the real uid (or sudo's caller under the service account)."""

    name: str
    is_admin: bool = False
    is_manager: bool = False  # admins are managers too
    is_service: bool = False  # the service may tick, never approve


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """How the program runs, beside the limits it obeys."""

    platform: str = "sandbox"
    is_enabled: bool = True
    mode: str = "suggest"  # as configured; the stored mode wins over it
    interval_seconds: int = 1800
    settle_seconds: int = 900
    account_ids: tuple[str, ...] = ()  # empty: every account the platform lists (sandbox only)
    policy: Json = field(default_factory=dict)  # the effective values, for the record
    policy_digest: str = ""
