"""Opening the database: where it lies, who may read it, how durable a commit is, what went wrong.

SQLite: WAL with synchronous=FULL (a committed intent survives power loss), and every writing
transaction begins IMMEDIATE (a transaction that reads first and writes later loses races).
PostgreSQL: psycopg 3, and each writing transaction takes the platform's ledger head first, which
gives the same order of writers.
"""

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import QueuePool, StaticPool

from meta_autonomous.adapters.file_systems import NETWORK_FILE_SYSTEMS, file_system_of
from meta_autonomous.ports.errors import ConfigError, StoreUnavailable

BUSY_SECONDS: Final = 10.0
WRITES: Final = "meta_auto_writes"
_OTHERS: Final = 0o077

#: A word of the driver's message, what it means, and what to do about it.
_SAYINGS: Final = (
    ("database or disk is full", "the disk is full", "free some space, then run it again"),
    ("no space left", "the disk is full", "free some space, then run it again"),
    (
        "readonly database",
        "the database can't be written (read-only file, folder or disk)",
        "check who owns the file, its folder's mode, and how the disk is mounted",
    ),
    (
        "database is locked",
        "another process has held the database for more than 10 s",
        "run it again; if it persists, look for a process that hangs (fuser on the file)",
    ),
    (
        "lock timeout",
        "another process has held the database for more than 10 s",
        "run it again; if it persists, look for a session that hangs (pg_stat_activity)",
    ),
    (
        "not a database",
        "the file is not a SQLite database",
        "check META_AUTO_DATABASE_URL, or restore a backup",
    ),
    (
        "malformed",
        "the database file is damaged",
        "stop the timer, keep a copy of the file, and restore a backup",
    ),
    ("disk i/o error", "the disk answers with errors", "check the disk and the kernel's log"),
    (
        "unable to open database file",
        "the database file can't be opened",
        "check that it exists, and who may read its folder",
    ),
    (
        "append-only",
        "the ledger refuses to be changed",
        "entries can only be added; `meta-auto ledger verify` tells if it is whole",
    ),
    (
        "no such table",
        "the database has no tables of ours",
        "run `meta-auto init` or one tick, or check META_AUTO_DATABASE_URL",
    ),
    (
        "does not exist",
        "the database has no tables of ours",
        "run `meta-auto init` or one tick, or check META_AUTO_DATABASE_URL",
    ),
    (
        "connection",
        "the database server can't be reached",
        "check that it runs, and META_AUTO_DATABASE_URL",
    ),
)


class Site:
    """Where the database is: a file, memory, or a server. Raises ConfigError for another URL."""

    def __init__(self, url: str) -> None:
        if url.startswith("postgres://"):
            url = "postgresql://" + url.removeprefix("postgres://")
        try:
            parsed = make_url(url)
        except ArgumentError:
            # The URL may hold a password: it is not repeated.
            raise ConfigError(
                "META_AUTO_DATABASE_URL is not a database URL",
                remedy="write sqlite:////folder/file.db or postgresql://user@host/database",
            ) from None
        backend = parsed.get_backend_name()
        if backend == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        elif backend != "sqlite":
            raise ConfigError(
                f"META_AUTO_DATABASE_URL names {backend!r}; allowed are sqlite and postgresql"
            )
        self.url = parsed
        self.is_sqlite = backend == "sqlite"
        in_memory = parsed.database in (None, "", ":memory:")
        self.path = (
            Path(str(parsed.database)).expanduser().absolute()
            if self.is_sqlite and not in_memory
            else None
        )

    @property
    def shown(self) -> str:
        """For people: without the password, and without options, where it may stand too."""
        return str(self.path) if self.path else str(self.url.set(query={}))


def open_engine(site: Site, *, read_only: bool) -> Engine:
    """An engine that has not connected yet."""
    if not site.is_sqlite:
        return _open_postgres(site)
    engine = create_engine(
        "sqlite://",
        creator=lambda: _connect_sqlite(site.path, read_only=read_only),
        poolclass=StaticPool if site.path is None else QueuePool,
    )
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _connect_sqlite(path: Path | None, *, read_only: bool) -> sqlite3.Connection:
    if path is None:
        target = ":memory:"
    else:
        # On a read-only medium, as an auditor's copy, nothing but reading can be meant.
        read_only = read_only or _is_read_only_medium(path.parent)
        mode = _reading_mode(path) if read_only else "rw"
        # Never "create if missing": a wrong path must not look like an empty past.
        target = f"file:{quote(str(path))}?mode={mode}"
    connection = sqlite3.connect(
        target,
        uri=path is not None,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA recursive_triggers=ON")
    if read_only:
        connection.execute("PRAGMA query_only=ON")
        return connection
    if path is not None:
        connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    return connection


def _reading_mode(path: Path) -> str:
    """Reading opens for writing too where it may, because only then SQLite clears away its -wal
    and -shm. On a read-only medium it may not even make a -shm to look into; where there is a -wal
    it has to, for what that holds is the newest."""
    if os.access(path.parent, os.W_OK):
        return "rw"
    wal = path.with_name(f"{path.name}-wal")
    is_whole = not wal.exists() or wal.stat().st_size == 0
    return "ro&immutable=1" if _is_read_only_medium(path.parent) and is_whole else "ro"


def _is_read_only_medium(folder: Path) -> bool:
    return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


#: The server's own watch over its clients: it is the server that must notice a dead host, or that
#: host's locks live for the two hours that the defaults give it. (A local socket needs none.)
_SESSION: Final = (
    "-c synchronous_commit=on -c timezone=UTC -c lock_timeout=10000 "
    "-c idle_in_transaction_session_timeout=60000 "
    "-c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=6"
)


def _open_postgres(site: Site) -> Engine:
    try:
        return create_engine(
            site.url,
            pool_pre_ping=True,
            isolation_level="READ COMMITTED",
            connect_args={
                "connect_timeout": 10,
                # Ours over the server: a dead one must not hold a tick for hours either.
                "keepalives_idle": 30,
                "keepalives_interval": 10,
                "keepalives_count": 6,
                "options": f"{site.url.query.get('options', '')} {_SESSION}".strip(),
            },
        )
    except (ImportError, NoSuchModuleError):
        raise ConfigError(
            "PostgreSQL needs psycopg 3, which is not installed",
            remedy="pip install 'meta-auto[postgres]'",
        ) from None


# --- the file -----------------------------------------------------------------------------------


def create_file(path: Path) -> None:
    """An empty file that only its owner may read, in a folder that only its owner may enter."""
    try:
        _create_folder(path.parent)
        refuse_network_file_system(path)
        flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(path, flags, 0o600)
    except FileExistsError:
        return  # another process was first: what it made is checked like any other
    except OSError as error:
        raise unavailable(error, path) from error
    try:
        os.fchmod(handle, 0o600)
    finally:
        os.close(handle)


def _create_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    # mkdir is subject to the umask, which only ever takes away.
    folder.mkdir(mode=0o700, exist_ok=True)


def check_file(path: Path, *, read_only: bool) -> None:
    """Refuse a file that others could have written. Raises ConfigError."""
    refuse_network_file_system(path)
    try:
        found = path.lstat()
        folder = path.parent.stat()
    except OSError as error:
        raise unavailable(error, path) from error
    if stat.S_ISLNK(found.st_mode):
        raise ConfigError(
            f"the database {path} is a symbolic link, which may lead anywhere",
            remedy="name the file itself in META_AUTO_DATABASE_URL or META_AUTO_STATE_DIR",
        )
    # Where nothing can be left beside it, looking into another account's is harmless.
    is_harmless = read_only and not os.access(path.parent, os.W_OK)
    if found.st_uid != os.geteuid() and not is_harmless:
        raise ConfigError(
            f"the database {path} belongs to another account (uid {found.st_uid})",
            remedy="run it as that account (sudo -u ACCOUNT meta-auto …): files that you would "
            "make beside it are not for it to read",
        )
    if not stat.S_ISREG(found.st_mode):
        raise ConfigError(f"{path} is not a file", remedy="check META_AUTO_DATABASE_URL")
    if folder.st_mode & stat.S_IWOTH and not folder.st_mode & stat.S_ISVTX:
        raise ConfigError(
            f"everyone may write the folder of the database, {path.parent}",
            remedy=f"chmod 700 {path.parent}",
        )
    if found.st_mode & _OTHERS and not read_only:
        try:
            path.chmod(0o600)
        except OSError:
            raise ConfigError(
                f"others may read or write the database {path}", remedy=f"chmod 600 {path}"
            ) from None


def refuse_network_file_system(path: Path) -> None:
    kind = file_system_of(path)
    if kind in NETWORK_FILE_SYSTEMS:
        raise ConfigError(
            f"{path} lies on a network file system ({kind}), where SQLite loses data",
            remedy="set META_AUTO_STATE_DIR to a local disk, or use PostgreSQL",
        )


# --- what went wrong ----------------------------------------------------------------------------


@contextmanager
def expected_errors(where: object) -> Iterator[None]:
    """What the database or the disk answers, as one line with a remedy."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        raise unavailable(error, where) from error
    except Exception as error:
        # psycopg's own, from COPY: it is not imported here to be named.
        if type(error).__module__.partition(".")[0] != "psycopg":
            raise
        raise unavailable(error, where) from error


def _is_read_only(path: Path) -> bool:
    """SQLite's log can't be made beside a file that is there: it says no more than that."""
    return path.exists() and not os.access(path.parent, os.W_OK)


def unavailable(error: BaseException, where: object) -> StoreUnavailable:
    origin: Any = error.orig if isinstance(error, DBAPIError) else error
    said = " ".join(str(origin).split())
    if "unable to open database file" in said and _is_read_only(Path(str(where))):
        said = "attempt to write a readonly database"
    for word, meaning, remedy in _SAYINGS:
        if word in said.lower():
            return StoreUnavailable(f"{meaning}: {where}", remedy=remedy)
    if isinstance(error, OSError):
        return StoreUnavailable(
            f"{error.strerror or said}: {where}",
            remedy="check the folder, its owner and the disk",
        )
    return StoreUnavailable(
        f"the database failed: {said[:200]}: {where}", remedy="run `meta-auto doctor`"
    )
