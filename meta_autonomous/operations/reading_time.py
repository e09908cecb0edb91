"""How long a tick may read: for its share of the interval, or until it is told to end."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from meta_autonomous.operations.tick_report import Stopped, TickReport
from meta_autonomous.operations.world import World
from meta_autonomous.ports.errors import Unreachable

#: The share of the interval after which no account is read any more.
_READ_SHARE: Final = 0.5
#: How often, in seconds, a reading looks up whether it is to end.
_LOOKS_UP_EVERY: Final = 1.0

StopRequested = Callable[[], bool]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ReadingTime:
    """The time that this tick has for reading, and what ends it earlier."""

    world: World
    report: TickReport
    stop_requested: StopRequested

    async def __call__(self, reading: Coroutine[Any, Any, T]) -> T:
        """What is read in time. Raises Unreachable after it, Stopped when it is told to end:
        whoever stops us must not wait for a server that hangs."""
        task = asyncio.ensure_future(reading)
        try:
            while not (await asyncio.wait({task}, timeout=self._next_look()))[0]:
                self._must_go_on()
        finally:
            task.cancel()
            await asyncio.wait({task})
        return task.result()

    def _next_look(self) -> float:
        return min(max(self._left(), 0.0), _LOOKS_UP_EVERY)

    def _left(self) -> float:
        return self.world.system.interval_seconds * _READ_SHARE - self.report.elapsed()

    def _must_go_on(self) -> None:
        if self._left() <= 0:
            share = self.world.system.interval_seconds * _READ_SHARE
            raise Unreachable(f"Reading did not end within {share:.0f} s of this tick.")
        if self.report.is_running and self.stop_requested():
            raise Stopped("The system was stopped while this account was read.")
