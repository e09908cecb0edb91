"""The switches of a SQLite database, by the driver alone, for commands that ask nothing else.

Importing SQLAlchemy takes longer than such a command does all the rest. Only the usual is looked
at here: a private file of our own, on a local disk, with tables of today. Everything else is
None, and for `Database` to read, or to say what is wrong.

A read-only connection can't remove the empty `-wal` and `-shm` files that SQLite makes to read a
database with a write-ahead log; they stay until the next writer, who removes them as it closes.
(`immutable=1` would make none, and would not see what stands in the log.)
"""

import json
import os
import sqlite3
import stat
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Final

from meta_autonomous.adapters.file_systems import NETWORK_FILE_SYSTEMS, file_system_of
from meta_autonomous.adapters.migrations import REVISIONS
from meta_autonomous.ports.records import Runtime, TestedPolicy

_OTHERS: Final = 0o077


def runtime_of(path: Path, *, platform: str) -> Runtime | None:
    """As `Database.runtime` would tell it, or where there is no database yet a fresh system's
    switches; None for whatever is not as usual."""
    try:
        if not os.path.lexists(path):
            return Runtime()
        if not _is_usual(path):
            return None
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as opened:
            version = opened.execute("SELECT version_num FROM alembic_version").fetchone()
            row = opened.execute(
                "SELECT mode, is_started, changed_by, changed_at, tested FROM runtime_switches "
                "WHERE platform = ?",
                [platform],
            ).fetchone()
        if version != (REVISIONS[-1],):
            return None
        return Runtime() if row is None else _runtime(*row)
    except (OSError, sqlite3.Error, ValueError, TypeError, KeyError):  # the last three: its row
        return None


def _runtime(
    mode: str | None,
    is_started: int,  # SQLite's boolean
    changed_by: str | None,
    changed_at: str | None,
    tested: str | None,
) -> Runtime:
    return Runtime(
        mode=mode,
        is_started=bool(is_started),
        changed_by=changed_by,
        changed_at=None if changed_at is None else datetime.fromisoformat(changed_at),
        tested=None if tested is None else TestedPolicy.of(json.loads(tested)),
    )


def _is_usual(path: Path) -> bool:
    found, folder = path.lstat(), path.parent.stat()
    return (
        stat.S_ISREG(found.st_mode)
        and found.st_uid == os.geteuid()
        and not found.st_mode & _OTHERS
        and not folder.st_mode & stat.S_IWOTH
        and file_system_of(path) not in NETWORK_FILE_SYSTEMS
    )
