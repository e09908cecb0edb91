"""The live world that every deed is given: doors, policy and the person at the keyboard."""

from dataclasses import dataclass, field
from datetime import datetime

from meta_autonomous.decision.limits import PolicyBook
from meta_autonomous.domain.quantities import Rates
from meta_autonomous.ports.people import Actor, Clock, Notifier, Signal, System, Watch
from meta_autonomous.ports.platform import AdsPlatform
from meta_autonomous.ports.progress import Progress, unseen
from meta_autonomous.ports.store import Store


class Unwatched:
    """Nobody watches."""

    async def signal(self, signal: Signal) -> None: ...

    def show(self, metrics: str) -> None: ...

    async def failed(self, *, exit_code: int, at: datetime) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Built by `bootstrap`, and nowhere else. `clock` is the local one: deeds use the platform's
    trusted time for everything that a limit looks at."""

    platform: AdsPlatform
    store: Store
    system: System
    book: PolicyBook
    rates: Rates
    actor: Actor
    notifier: Notifier
    clock: Clock
    watch: Watch = field(default_factory=Unwatched)
    wall_clock: Clock | None = None  # this machine's, which on the sandbox is not `clock`
    progress: Progress = unseen

    @property
    def wall_now(self) -> datetime:
        """For those who watch from outside: they know no sandbox's time."""
        return (self.wall_clock or self.clock)()
