"""One process per account at a time. The lock is released by death, never by a clock.

SQLite: `flock` on a file beside the database. PostgreSQL: an advisory lock of a session, and what
commits an intent commits it on that very session, so that a lost lock can't commit one.
"""

import fcntl
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from time import monotonic, sleep
from typing import Final

from sqlalchemy import Connection, Engine, func, select

from meta_autonomous.adapters.database.engine import unavailable

_POLL_SECONDS: Final = 0.05
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_-]")


@contextmanager
def file_lock(folder: Path, name: str, *, wait_seconds: float) -> Iterator[bool]:
    """Yields whether the lock was got. The file stays: deleting it would let two hold one lock."""
    path = folder / f"{_UNSAFE.sub('_', name)}.lock"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(path, flags, 0o600)
    except OSError as error:
        raise unavailable(error, path) from error
    try:
        yield _until(lambda: _flock(handle), wait_seconds)
    finally:
        os.close(handle)


def _flock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def session_lock(engine: Engine, name: str, *, wait_seconds: float) -> Iterator[Connection | None]:
    """Yields the session that holds the advisory lock, or None."""
    key = int.from_bytes(
        blake2b(f"meta-auto {name}".encode(), digest_size=8).digest(), signed=True
    )
    with engine.connect() as connection:

        def take() -> bool:
            # A transaction ends here: a session's lock outlives it, and none stays open.
            with connection.begin():
                return bool(connection.execute(select(func.pg_try_advisory_lock(key))).scalar())

        if not _until(take, wait_seconds):
            yield None
            return
        try:
            yield connection
        finally:
            # The session ends, and the lock with it, even when the server is gone already.
            connection.invalidate()


def _until(take: Callable[[], bool], wait_seconds: float) -> bool:
    deadline = monotonic() + wait_seconds
    while not take():
        if monotonic() >= deadline:
            return False
        sleep(_POLL_SECONDS)
    return True
