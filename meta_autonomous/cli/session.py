"""One run of the program: what was said before the command, who says it, how it is answered."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from meta_autonomous.domain.exit_code import ExitCode

if TYPE_CHECKING:
    from meta_autonomous.config import LoadedSettings
    from meta_autonomous.ports.people import Actor
    from meta_autonomous.ports.records import Runtime
    from meta_autonomous.ports.store import Store
    from meta_autonomous.render.document import Document

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document, nothing else.")]


class Role(Enum):
    """Who may run a command, in the words of a refusal."""

    MANAGER = "a manager (META_AUTO_MANAGERS)"
    ADMIN = "an admin (META_AUTO_ADMINS)"
    WATCHER = "a manager (META_AUTO_MANAGERS) or the service account (META_AUTO_SERVICE_USER)"
    TICKER = "an admin (META_AUTO_ADMINS) or the service account (META_AUTO_SERVICE_USER)"


@dataclass(frozen=True, slots=True)
class Session:
    """The global options, and what every command does with them."""

    config: Path | None
    command: str
    as_json: bool

    @classmethod
    def of(cls, context: typer.Context, *, as_json: bool) -> "Session":
        said: Mapping[str, Any] = context.find_root().params
        return cls(
            config=said.get("config"),
            command=context.command_path.removeprefix("meta-auto").strip(),
            as_json=as_json or bool(said.get("as_json")),
        )

    def with_config(self, path: Path) -> "Session":
        return replace(self, config=path)

    def settings(self) -> "LoadedSettings":
        """What the configuration says. Raises ConfigError."""
        from meta_autonomous.cli.logs import hide
        from meta_autonomous.config import load

        loaded = load(self.config, os.environ, Path.cwd())
        hide(*loaded.secrets())
        return loaded

    def permit(self, loaded: "LoadedSettings", role: Role) -> "Actor":
        """Who is asking, if that person may. Raises NotAllowed."""
        from meta_autonomous.config import actors

        actor = actors.current(loaded.settings, os.environ, loaded.state_dir)
        if not _may(actor, role):
            from meta_autonomous.ports.errors import NotAllowed

            raise NotAllowed(
                f"{actor.name} may not run `{self.command}`: it needs {role.value}.",
                remedy="Ask an admin, or run it as somebody who may.",
            )
        return actor

    @contextmanager
    def records(
        self, role: Role, *, create: bool = False
    ) -> "Iterator[tuple[Store, LoadedSettings, Actor]]":
        """The database alone, for commands that need no word from Meta. One that does not exist
        yet is made when `create` says so, and else reads as empty."""
        loaded = self.settings()
        actor = self.permit(loaded, role)
        if create:
            _begin_sandbox(loaded)
        with _store(loaded, create=create) as store:
            yield store, loaded, actor

    def switches(self, role: Role) -> "tuple[Runtime, LoadedSettings]":
        """What people set that wins over the configuration, for commands that need no more of
        the database."""
        loaded = self.settings()
        self.permit(loaded, role)
        return _runtime(loaded), loaded

    def present(
        self,
        shaped: Mapping[str, Any] | Sequence[Any],
        document: "Callable[[], Document]",
        *,
        code: int = ExitCode.DONE,
    ) -> int:
        """Answer in JSON or for people; the exit code to return."""
        from meta_autonomous.render.output import show, show_json

        if self.as_json:
            show_json(shaped)
        else:
            show(document())
        return code


def _runtime(loaded: "LoadedSettings") -> "Runtime":
    path = loaded.default_database_file
    if path is not None:
        from meta_autonomous.adapters.glance import runtime_of

        seen = runtime_of(path, platform=loaded.system().platform)
        if seen is not None:
            return seen
    with _store(loaded, create=False) as store:
        return store.runtime()


@contextmanager
def _store(loaded: "LoadedSettings", *, create: bool) -> "Iterator[Store]":
    from meta_autonomous.adapters.database import Database
    from meta_autonomous.bootstrap import open_store

    platform = loaded.system().platform
    file = Database(loaded.database_url, platform=platform).path  # opens nothing
    if not create and file is not None and not file.exists():
        empty = Database.in_memory(platform)
        try:
            yield empty
        finally:
            empty.close()
        return
    with open_store(loaded, create=create) as store:
        yield store


def sandbox_file(loaded: "LoadedSettings") -> Path:
    return loaded.state_dir / "sandbox.sqlite3"


def _begin_sandbox(loaded: "LoadedSettings") -> None:
    """What is recorded bears the platform's time, so a fresh sandbox has to have one first."""
    if loaded.system().platform == "sandbox" and not sandbox_file(loaded).exists():
        from meta_autonomous.adapters.sandbox import Sandbox

        loaded.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        Sandbox(sandbox_file(loaded)).close()


def _may(actor: "Actor", role: Role) -> bool:
    match role:
        case Role.MANAGER:
            return actor.is_manager or actor.is_admin
        case Role.ADMIN:
            return actor.is_admin
        case Role.WATCHER:
            return actor.is_manager or actor.is_admin or actor.is_service
        case Role.TICKER:
            return actor.is_admin or actor.is_service


def reading_time(loaded: "LoadedSettings") -> datetime:
    """What "now" is to somebody who reads the records: on the sandbox its own clock, which stands
    still between ticks."""
    from meta_autonomous.bootstrap import clock_for

    return clock_for(loaded)()
