"""Settings -> the live world. The only module that knows both the deeds and the doors.

Also the public worker classes, which are this wiring and nothing else.
"""

import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal
from uuid import uuid4

from meta_autonomous.config import AutonomousSettings, LoadedSettings, load
from meta_autonomous.operations.world import World
from meta_autonomous.ports.people import Actor, Clock, Notifier, System, Watch
from meta_autonomous.ports.store import Store

if TYPE_CHECKING:
    from meta_autonomous.adapters.database import Database
    from meta_autonomous.adapters.meta_api import MetaApi
    from meta_autonomous.adapters.sandbox import Sandbox

Purpose = Literal["tick", "act", "dry_run"]

SANDBOX: Final = "sandbox"


def wall_clock() -> datetime:
    return datetime.now(UTC)


def new_tick_id(now: datetime) -> str:
    """Sortable by time, unique across hosts."""
    return f"{now:%Y%m%dT%H%M%S}-{uuid4().hex[:8]}"


@asynccontextmanager
async def open_world(
    loaded: LoadedSettings, *, actor: Actor, purpose: Purpose
) -> AsyncIterator[World]:
    """The world for commands that reach the platform. Sandbox: with its server embedded."""
    loaded.require_actionable()
    dry = purpose == "dry_run"
    async with AsyncExitStack() as stack:
        store = stack.enter_context(_open_database(loaded, create=not dry, dry_run=dry))
        platform, system, clock = await stack.enter_async_context(
            open_platform(loaded, dry_run=dry)
        )
        yield World(
            platform=platform,
            store=store,
            system=system,
            book=loaded.book(),
            rates=loaded.rates(),
            actor=actor,
            notifier=notifier_for(loaded),
            clock=clock,
            watch=watch_for(loaded),
            wall_clock=wall_clock,
        )


@asynccontextmanager
async def open_platform(
    loaded: LoadedSettings, *, dry_run: bool
) -> AsyncIterator[tuple["MetaApi", System, Clock]]:
    """Meta, or the sandbox with its server embedded; how the program runs on it; its clock."""
    system = loaded.system()
    async with AsyncExitStack() as stack:
        if system.platform == SANDBOX:
            sandbox = _open_sandbox(loaded, dry_run=dry_run)
            url = stack.enter_context(sandbox.serving())
            platform = await stack.enter_async_context(_sandbox_api(url, sandbox))
            yield platform, replace(system, account_ids=tuple(sandbox.account_ids)), sandbox.now
        else:
            platform = await stack.enter_async_context(_meta_api(loaded, system))
            yield platform, system, wall_clock


@contextmanager
def open_store(loaded: LoadedSettings, *, create: bool = False) -> Iterator[Store]:
    """The database alone, for commands that only look at or change what is stored."""
    with _open_database(loaded, create=create, dry_run=False) as store:
        yield store


def clock_for(loaded: LoadedSettings) -> Clock:
    """The clock of "now": this machine's, or on the sandbox its own, which stands still."""
    if loaded.system().platform != SANDBOX:
        return wall_clock
    return _open_sandbox(loaded, dry_run=True).now


@contextmanager
def _open_database(loaded: LoadedSettings, *, create: bool, dry_run: bool) -> "Iterator[Database]":
    from meta_autonomous.adapters.database import Database

    platform = loaded.system().platform
    database = Database(loaded.database_url, platform=platform, read_only=dry_run)
    if dry_run and not database.exists():
        database.close()
        database = Database.in_memory(platform)
        create = False
    try:
        if create:
            database.create_or_check()
        else:
            database.check()
        yield database
    finally:
        database.close()


def _sandbox_file(loaded: LoadedSettings) -> Path:
    return loaded.state_dir / "sandbox.sqlite3"


def _open_sandbox(loaded: LoadedSettings, *, dry_run: bool) -> "Sandbox":
    from meta_autonomous.adapters.sandbox import Sandbox

    path = _sandbox_file(loaded)
    if dry_run and not path.exists():
        return Sandbox(None)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Sandbox(path)


def _sandbox_api(url: str, sandbox: "Sandbox") -> "MetaApi":
    from meta_autonomous.adapters.meta_api import MetaApi
    from meta_autonomous.adapters.sandbox import TOKEN

    return MetaApi(
        base_url=url,
        token=TOKEN,
        name=SANDBOX,
        clock=sandbox.now,
        monotonic=time.monotonic,
        checks_clock=False,
        account_ids=tuple(sandbox.account_ids),
    )


def _meta_api(loaded: LoadedSettings, system: System) -> "MetaApi":
    """A tick has to end within its interval: past three quarters of it nothing new is asked, and
    a write has a share of the rest."""
    from meta_autonomous.adapters.meta_api import MetaApi

    return MetaApi(
        base_url=loaded.graph_url,
        version=loaded.graph_version,
        token=loaded.token() or "",
        app_secret=loaded.app_secret(),
        name="meta",
        clock=wall_clock,
        monotonic=time.monotonic,
        checks_clock=True,
        account_ids=system.account_ids,
        # A hundred thousand ads take six thousand pages on the first tick of the day.
        read_deadline=max(240.0, system.interval_seconds / 3),
        deadline_at=time.monotonic() + 0.75 * system.interval_seconds,
        write_timeout=min(30.0, 0.15 * system.interval_seconds),
    )


def notifier_for(loaded: LoadedSettings) -> Notifier:
    """The way to people. Raises ConfigError when what it needs is not there."""
    from meta_autonomous.adapters.notify import AppriseNotifier, Outbox, Silence

    urls = loaded.notify_urls
    if not urls:
        return Silence()
    return AppriseNotifier(urls, Outbox(loaded.state_dir / "undelivered.json"))


def watch_for(loaded: LoadedSettings) -> Watch:
    """The metrics file and the dead man's switch."""
    from meta_autonomous.adapters.watch import OutsideWatch

    return OutsideWatch(
        metrics_file=loaded.metrics_file,
        is_for_others=loaded.settings.meta_auto_metrics_file is not None,
        ping_url=loaded.ping_url(),
    )


# --- the public classes -------------------------------------------------------------------------


class MetaAutoWorker:
    """The master loop's body as an object: `await worker.tick()` runs one cycle.

    `dbmaker` is a database URL (default: the configured one); `settings` an AutonomousSettings.
    """

    def __init__(
        self, dbmaker: str | None = None, settings: AutonomousSettings | None = None
    ) -> None:
        self._loaded = _loaded(dbmaker, settings)

    async def tick(self, *, dry_run: bool = False) -> dict[str, Any]:
        """One full cycle; the tick's JSON (contract section 2) as a dict."""
        from meta_autonomous.operations.watched import watched_tick

        purpose: Purpose = "dry_run" if dry_run else "tick"
        async with open_world(self._loaded, actor=_service(), purpose=purpose) as world:
            tick_id = new_tick_id(wall_clock())
            report = await watched_tick(world, tick_id=tick_id, dry_run=dry_run)
        return report.to_json()


class OptimizationService:
    """What the numbers of one campaign ask for, before any rule is asked."""

    def __init__(self, db: str | None = None, settings: AutonomousSettings | None = None) -> None:
        self._loaded = _loaded(db, settings)

    async def evaluate_campaign(
        self, campaign_id: str, lookback_days: int = 7, min_confidence: float = 0.65
    ) -> list[dict[str, Any]]:
        """The wanted actions of one campaign, each with the seed's keys `type, target_id,
        amount_pct, confidence, reason`. Reads Meta; writes nothing."""
        from meta_autonomous.operations.evaluate_campaign import evaluate_campaign

        async with open_world(self._loaded, actor=_service(), purpose="dry_run") as world:
            limits = replace(
                world.book.limits,
                lookback_days=lookback_days,
                min_action_confidence=Decimal(str(min_confidence)),
            )
            world = replace(world, book=replace(world.book, limits=limits))  # noqa: PLW2901
            return await evaluate_campaign(world, campaign_id)


def _loaded(url: str | None, settings: AutonomousSettings | None) -> LoadedSettings:
    """The given settings as if said on the command line."""
    chosen = settings or AutonomousSettings()
    said = {name: value for name, value in chosen if name != "meta_auto_fx" and value is not None}
    said |= {f"meta_auto_fx_{code.lower()}": rate for code, rate in chosen.meta_auto_fx.items()}
    if url is not None:
        said["meta_auto_database_url"] = url
    return load(None, os.environ, Path.cwd(), cli=said)


def _service() -> Actor:
    return Actor(name="autonomous_worker", is_service=True)
