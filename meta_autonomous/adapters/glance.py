"""The switches of a SQLite database, by the driver alone, for commands that ask nothing else.

Importing SQLAlchemy takes longer than such a command does all the rest. Only the usual is looked
at here: a private file of our own, on a local disk, with tables of today. Everything else is
None, and for `Database` to read, or to say what is wrong.
"""

import json
import os
import sqlite3
import stat
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from meta_autonomous.adapters import migrations
from meta_autonomous.adapters.file_systems import NETWORK_FILE_SYSTEMS, file_system_of
from meta_autonomous.ports.records import Runtime, TestedPolicy

_OTHERS: Final = 0o077
_VERSIONS: Final = Path(migrations.__file__).with_name("versions")


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
    except (OSError, sqlite3.Error):
        return None
    if version != (_newest_version(),):
        return None
    return Runtime() if row is None else _runtime(*row)


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
        tested=None if tested is None else _tested(json.loads(tested)),
    )


def _tested(kept: dict[str, Any]) -> TestedPolicy:
    return TestedPolicy(
        digest=kept["digest"], dead=tuple(kept["dead"]), accepted=tuple(kept["accepted"])
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


def _newest_version() -> str:
    return max(file.name[:4] for file in _VERSIONS.glob("[0-9]*.py"))
