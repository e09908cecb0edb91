"""`demo`: the whole system at work on a simulated ad account, in a minute."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from meta_autonomous.cli.session import AsJson, Session, sandbox_file
from meta_autonomous.cli.usage import WrongUsage
from meta_autonomous.domain.exit_code import ExitCode

if TYPE_CHECKING:
    from meta_autonomous.config import LoadedSettings
    from meta_autonomous.operations.world import World

_TICKS_PER_DAY: Final = 4
_PAUSE: Final = timedelta(hours=24) / _TICKS_PER_DAY
_SETTINGS: Final = """\
# Written by `meta-auto demo`.
[system]
meta_auto_platform = "sandbox"
"""


def demo(
    context: typer.Context,
    *,
    days: Annotated[
        int, typer.Option("--days", metavar="N", help="Simulated days.", min=1, max=60)
    ] = 7,
    keep: Annotated[
        Path | None,
        typer.Option("--keep", metavar="DIR", help="Keep configuration and database there."),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Watch it work for N simulated days.

    First a manager decides on what is suggested, then auto mode executes what is safe.

    Needs no configuration and no token, and touches no real account. On the platform sandbox it
    plays on the sandbox of the state folder, so that status, explain or replay can look at it
    afterwards; where the configuration is for real accounts, it leaves nothing behind.
    """
    session = Session.of(context, as_json=as_json)
    import asyncio

    from meta_autonomous.render.demo import (
        day_document,
        demo_document,
        opening_document,
        summary_json,
    )
    from meta_autonomous.render.output import show

    with _stage(session, keep) as stage:
        loaded = stage.loaded
        if not session.as_json:
            show(opening_document(days))
        told: list[dict[str, Any]] = []
        for number in range(1, days + 1):
            is_auto = number > (days + 1) // 2
            day = asyncio.run(_one_day(loaded, number, is_auto=is_auto))
            told.append(day)
            if not session.as_json:
                show(day_document(day))
        asyncio.run(_leave(loaded, stage.mode_before))
        summary = summary_json(told, *_records(loaded), folder=stage.kept, options=stage.options)
    is_well = summary["ledger"]["ok"] and not any(day["errors"] for day in told)
    return session.present(
        summary, lambda: demo_document(summary), code=ExitCode.DONE if is_well else ExitCode.PARTLY
    )


@dataclass(frozen=True, slots=True)
class _Stage:
    """Where the demo plays. `kept` is the folder that stays, if it does, and `options` is what a
    command needs so as to look at it."""

    loaded: "LoadedSettings"
    kept: Path | None = None
    options: str = ""
    mode_before: str | None = None  # to be put back afterwards


@dataclass(slots=True)
class _Day:
    """One simulated day, counted up."""

    counts: dict[str, int] = field(default_factory=dict)
    approved: int = 0
    rejected: int = 0
    spend: str | None = None
    errors: list[str] = field(default_factory=list)

    def add(self, report: dict[str, Any]) -> None:
        for name, count in report.items():
            if name == "campaigns_evaluated" or (
                name.startswith("actions_") and isinstance(count, int)
            ):
                self.counts[name] = self.counts.get(name, 0) + count
        self.errors += report["errors"]
        self.spend = report["accounts"][0]["spend_today"] if report["accounts"] else None


async def _one_day(loaded: "LoadedSettings", number: int, *, is_auto: bool) -> dict[str, Any]:
    """A tick every few hours; in suggest mode the manager then decides what waits."""
    from meta_autonomous.bootstrap import new_tick_id, open_world
    from meta_autonomous.operations.auto_worker import tick
    from meta_autonomous.ports.people import Actor

    admin = Actor(name="demo-admin", is_admin=True, is_manager=True)
    day = _Day()
    async with open_world(loaded, actor=admin, purpose="tick") as world:
        begins = world.clock()
        _switch(world, "auto" if is_auto else "suggest")
    for turn in range(_TICKS_PER_DAY):
        async with open_world(loaded, actor=admin, purpose="tick") as world:
            report = await tick(world, tick_id=new_tick_id(world.clock()))
            day.add(report.to_json())
            if not is_auto:
                await _decide(world, day, leaves_out=turn % 3)
        _advance(loaded, _PAUSE)
    return {
        "day": number,
        "date": begins.date().isoformat(),
        "mode": "auto" if is_auto else "suggest",
        "ticks": _TICKS_PER_DAY,
        **day.counts,
        "approved": day.approved,
        "rejected": day.rejected,
        "spend_today": day.spend,
        "errors": day.errors,
    }


def _switch(world: "World", mode: str) -> None:
    from meta_autonomous.operations.switches import mode_in_force, set_mode

    if mode_in_force(world.store, world.system) != mode:
        set_mode(world.store, world.system, mode, actor=world.actor, at=world.clock())


async def _decide(world: "World", day: _Day, *, leaves_out: int) -> None:
    """Approve two of three, reject the first one left out, let the others wait."""
    from meta_autonomous.domain.action import ActionStatus
    from meta_autonomous.operations.suggestions import approve, reject
    from meta_autonomous.render.actions import by_urgency

    pending = by_urgency(world.store.actions(statuses=[ActionStatus.SUGGESTED]))
    wanted = [record.id for n, record in enumerate(pending) if n % 3 != leaves_out]
    unwanted = [record.id for n, record in enumerate(pending) if n % 3 == leaves_out][:1]
    handled = await approve(world, wanted)
    day.approved += sum(one.status == ActionStatus.EXECUTED for one in handled)
    refused = reject(world, unwanted, reason="demo: not now", at=world.clock())
    day.rejected += sum(one.status == ActionStatus.REJECTED for one in refused)


def _advance(loaded: "LoadedSettings", by: timedelta) -> None:
    from meta_autonomous.adapters.sandbox import Sandbox

    with Sandbox(sandbox_file(loaded)) as sandbox:
        sandbox.advance(by)


def _records(loaded: "LoadedSettings") -> tuple[Any, Any]:
    """All that was decided, and whether the audit trail is whole."""
    from meta_autonomous.bootstrap import open_store

    with open_store(loaded) as store:
        return store.actions(), store.verify_ledger()


@contextmanager
def _stage(session: Session, keep: Path | None) -> Iterator[_Stage]:
    """The named folder; else the state folder's sandbox; else a folder that is gone afterwards."""
    own = None if keep is not None else _own_sandbox(session)
    if own is not None:
        yield own
        return
    with _folder(keep) as folder:
        file = folder / "config.toml"
        loaded = _defaults(folder, file=file)
        options = f"META_AUTO_STATE_DIR={folder} meta-auto --config {file}"
        yield _Stage(loaded, None if keep is None else folder, options)


def _own_sandbox(session: Session) -> _Stage | None:
    """None when it is not for playing: the configuration is wrong or for real accounts, the folder
    is somebody else's, or the sandbox was stopped."""
    from meta_autonomous.ports.errors import ConfigError

    try:
        configured = session.settings()
        configured.require_actionable()
    except ConfigError:
        return None
    if configured.system().platform != "sandbox" or not _is_ours(configured.state_dir):
        return None
    import tempfile

    with tempfile.TemporaryDirectory(prefix="meta-auto-demo-") as place:
        file = Path(place) / "config.toml"
        loaded = _defaults(configured.state_dir, file=file, database_url=configured.database_url)
    from meta_autonomous.bootstrap import open_store
    from meta_autonomous.ports.errors import StoreUnavailable

    try:
        configured.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open_store(loaded, create=True) as store:
            runtime = store.runtime()
    except (ConfigError, StoreUnavailable):
        return None
    if not runtime.is_started:
        return None
    mode = runtime.mode or configured.system().mode
    return _Stage(loaded, configured.state_dir, "meta-auto", mode)


def _is_ours(folder: Path) -> bool:
    """Whether this person may write there."""
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    return os.access(existing, os.W_OK | os.X_OK)


def _defaults(folder: Path, *, file: Path, database_url: str | None = None) -> "LoadedSettings":
    """The defaults, on the sandbox, whatever the environment and the machine's files say."""
    from meta_autonomous.config import load

    file.write_text(_SETTINGS)
    env = {"META_AUTO_STATE_DIR": str(folder), "HOME": str(file.parent)}
    return load(file, env, file.parent, cli={"meta_auto_database_url": database_url})


async def _leave(loaded: "LoadedSettings", mode: str | None) -> None:
    """The sandbox's mode is put back as it was found."""
    from meta_autonomous.bootstrap import open_world
    from meta_autonomous.ports.people import Actor

    if mode is None:
        return
    async with open_world(
        loaded, actor=Actor(name="demo-admin", is_admin=True), purpose="act"
    ) as (world):
        _switch(world, mode)


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is None:
        import tempfile

        with tempfile.TemporaryDirectory(prefix="meta-auto-demo-") as folder:
            yield Path(folder)
        return
    if keep.exists() and (not keep.is_dir() or any(keep.iterdir())):
        raise WrongUsage(f"{keep} exists and is not an empty folder.", remedy="Name a new one.")
    keep.mkdir(mode=0o700, parents=True, exist_ok=True)
    yield keep.resolve()
