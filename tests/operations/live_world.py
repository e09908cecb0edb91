"""The whole system on a served sandbox and a real database, one world for each deed."""

import asyncio
import shutil
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

import pytest

from meta_autonomous.adapters.database import Database
from meta_autonomous.adapters.letters import letter
from meta_autonomous.adapters.meta_api import MetaApi
from meta_autonomous.adapters.sandbox import TOKEN, Sandbox, changes, scenario
from meta_autonomous.adapters.sandbox import store as sandbox_store
from meta_autonomous.adapters.sandbox.plan import account_values
from meta_autonomous.decision.limits import PolicyBook
from meta_autonomous.domain.action import ActionStatus
from meta_autonomous.domain.news import News
from meta_autonomous.domain.quantities import Rates
from meta_autonomous.operations.auto_worker import tick
from meta_autonomous.operations.by_person import Handled
from meta_autonomous.operations.suggestions import approve, reject
from meta_autonomous.operations.tick_report import TickReport
from meta_autonomous.operations.world import World
from meta_autonomous.ports.people import Actor, System
from meta_autonomous.ports.records import ActionRecord, LedgerEntry

ANA: Final = Actor(name="ana", is_manager=True)
SERVICE: Final = Actor(name="autonomous_worker", is_service=True)

#: What the opening world asks for, by the names of the entities.
GROWS = "Black Friday - ES"  # 500 USD a day, ROAS 3.3: half as much again is wanted
SHRINKS = "Evergreen - FR"
FAILS = "Clearance - IT"  # a hard stop of a whole campaign
FAILING_AD = "Variant B - Low Performer"
MOVES_FROM, MOVES_TO = "Past buyers 180d", "Visitors 14d - Dynamic"

SECOND_ACCOUNT: Final = "1184736205518999"

T = TypeVar("T")


@dataclass(slots=True)
class Mailbox:
    """What people were told."""

    letters: list[tuple[str, str, bool]] = field(default_factory=list)

    async def send(self, news: News) -> bool:
        sent = letter(news)
        self.letters.append((sent.subject, sent.text, sent.is_urgent))
        return True

    async def catch_up(self) -> bool:
        return True


@dataclass(slots=True)
class Live:
    """A sandbox that is served, a database, and what every world of the test has in common."""

    sandbox: Sandbox
    url: str
    folder: Path
    mailbox: Mailbox = field(default_factory=Mailbox)
    system: System = field(default_factory=System)
    book: PolicyBook = field(default_factory=PolicyBook)
    rates: Rates = field(default_factory=lambda: Rates({}))
    ticks: int = 0

    @property
    def account_id(self) -> str:
        return self.sandbox.account_ids[0]

    @asynccontextmanager
    async def world(self, **options: Any) -> AsyncIterator[World]:
        """`clock` is the local one; with it the platform's is checked against it."""
        clock = options.pop("clock", None)
        async with MetaApi(
            base_url=self.url,
            token=TOKEN,
            name="sandbox",
            clock=clock or self.sandbox.now,
            monotonic=time.monotonic,
            checks_clock=clock is not None,
            write_timeout=options.pop("write_timeout", 2.0),
            retry_wait=0.01,
            read_deadline=options.pop("read_deadline", 30.0),
        ) as platform:
            with self.database() as database:
                known = World(
                    platform=platform,
                    store=database,
                    system=self.system,
                    book=self.book,
                    rates=self.rates,
                    actor=ANA,
                    notifier=self.mailbox,
                    clock=clock or self.sandbox.now,
                )
                yield replace(known, **options)

    @contextmanager
    def database(self) -> Iterator[Database]:
        database = Database(f"sqlite:///{self.folder / 'meta.sqlite3'}", platform="sandbox")
        database.create_or_check()
        try:
            yield database
        finally:
            database.close()

    def inside(self, deed: Callable[[World], Awaitable[T]], **options: Any) -> T:
        async def run() -> T:
            async with self.world(**options) as world:
                return await deed(world)

        return asyncio.run(run())

    # --- deeds ---

    def tick(self, **options: Any) -> TickReport:
        self.ticks += 1
        tick_id = f"t{self.ticks}"
        told = {
            key: options.pop(key)
            for key in ("accounts", "dry_run", "stop_requested")
            if key in options
        }
        options.setdefault("actor", SERVICE)
        return self.inside(lambda world: tick(world, tick_id=tick_id, **told), **options)

    def in_mode(self, mode: str) -> "Live":
        self.system = replace(self.system, mode=mode)
        return self

    def limited(self, **limits: Any) -> "Live":
        self.book = replace(self.book, limits=replace(self.book.limits, **limits))
        return self

    def approve(self, *ids: int, **options: Any) -> list[Handled]:
        budget = options.pop("budget", None)
        return self.inside(lambda world: approve(world, ids, budget=budget), **options)

    def reject(self, *ids: int, **options: Any) -> list[Handled]:
        async def no(world: World) -> list[Handled]:
            return reject(world, ids, reason="not now", at=self.sandbox.now())

        return self.inside(no, **options)

    # --- looks ---

    def actions(self, **wanted: Any) -> tuple[ActionRecord, ...]:
        with self.database() as store:
            return store.actions(**wanted)

    def pending(self, name: str) -> ActionRecord:
        """The pending suggestion on the entity of that name."""
        found = self.actions(statuses=[ActionStatus.SUGGESTED], entity_id=self.sandbox.find(name))
        assert len(found) == 1, found
        return found[0]

    def record(self, action_id: int) -> ActionRecord:
        with self.database() as store:
            return store.action(action_id)

    def ledger(self, event: str) -> list[LedgerEntry]:
        with self.database() as store:
            return [one for one in store.ledger(limit=10_000) if one.event.event == event]

    def field(self, name: str, key: str) -> Any:
        """What the sandbox itself holds of an entity."""
        with self.sandbox._store.read() as db:
            node = sandbox_store.node(db, int(self.sandbox.find(name)))
        assert node is not None
        return node.fields.get(key)

    def writes(self) -> list[str]:
        return [one.text for one in self.sandbox.requests if one.method == "POST"]

    def passes(self, **duration: float) -> None:
        self.sandbox.advance(timedelta(**duration))


def outcome_of(report: TickReport, name: str) -> str:
    """What a tick did with the one action on the entity of that name."""
    (found,) = [
        str(handled.outcome)
        for decision, _, handled in report.decided
        if decision.action.entity.name == name
    ]
    return found


# --- fixtures -----------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def opening_world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sandbox's opening world, made once."""
    path = tmp_path_factory.mktemp("opening") / "sandbox.sqlite3"
    Sandbox(path, build=_with_a_second_account).close()
    return path


@pytest.fixture(scope="session")
def offered_world(opening_world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same after one tick in suggest mode."""
    folder = tmp_path_factory.mktemp("offered")
    shutil.copy(opening_world, folder / "sandbox.sqlite3")
    with _living_in(folder) as live:
        live.tick()
    return folder


@pytest.fixture
def live(opening_world: Path, tmp_path: Path) -> Iterator[Live]:
    """The opening world with one account configured; a second one, without campaigns, is there."""
    shutil.copy(opening_world, tmp_path / "sandbox.sqlite3")
    with _living_in(tmp_path) as live:
        yield live


@pytest.fixture
def offered(offered_world: Path, tmp_path: Path) -> Iterator[Live]:
    """After one tick in suggest mode: everything waits for a person."""
    for name in ("sandbox.sqlite3", "meta.sqlite3"):
        shutil.copy(offered_world / name, tmp_path / name)
    with _living_in(tmp_path, ticks=1) as live:
        yield live


@contextmanager
def _living_in(folder: Path, *, ticks: int = 0) -> Iterator[Live]:
    with Sandbox(folder / "sandbox.sqlite3") as sandbox, sandbox.serving() as url:
        first = str(scenario.ACCOUNT_ID)
        yield Live(sandbox, url, folder, system=System(account_ids=(first,)), ticks=ticks)


def _with_a_second_account(db: sqlite3.Connection) -> None:
    scenario.open_world(db, seed=7, start=scenario.OPENS_AT)
    opening = int(scenario.OPENS_AT.timestamp())
    account = account_values(
        int(SECOND_ACCOUNT),
        name="Second Shop",
        currency="USD",
        zone=scenario._ZONE,
        zone_number=306,
        opening=opening,
    )
    changes.create(db, [account], at=opening, actor=changes.PERSON)
