"""One process per account at a time. The lock is released by death, never by a clock.

SQLite: `flock` on a file beside the database. PostgreSQL: an advisory lock of a session, and what
commits an intent commits it on that very session, so that a lost lock can't commit one.
"""

import fcntl
import os
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Final

from sqlalchemy import Connection, Engine, func, select

from meta_autonomous.adapters.database.engine import expected_errors, unavailable
from meta_autonomous.ports.errors import StoreUnavailable

_POLL_SECONDS: Final = 0.05
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_-]")


@contextmanager
def file_lock(
    folder: Path, name: str, *, wait_seconds: float, is_shared: bool = False
) -> Iterator[bool]:
    """Yields whether the lock was got. The file stays: deleting it would let two hold one lock.
    Shared holders keep out only who wants it alone."""
    path = folder / f"{_UNSAFE.sub('_', name)}.lock"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(path, flags, 0o600)
    except OSError as error:
        raise unavailable(error, path) from error
    try:
        yield _until(lambda: _flock(handle, is_shared=is_shared), wait_seconds)
    finally:
        os.close(handle)


def _flock(handle: int, *, is_shared: bool) -> bool:
    kind = fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


_ALONE: Final = (func.pg_try_advisory_lock, func.pg_advisory_unlock)
_SHARED: Final = (func.pg_try_advisory_lock_shared, func.pg_advisory_unlock_shared)


class SessionLocks:
    """Advisory locks of one PostgreSQL session, which lives as long as one of them is held."""

    def __init__(self, engine: Engine, where: str) -> None:
        self._engine = engine
        self._where = where
        self._held: set[str] = set()
        self._session: Connection | None = None

    def session_of(self, name: str) -> Connection | None:
        """The session that holds a lock of ours."""
        return self._session if name in self._held else None

    @contextmanager
    def lock(self, name: str, *, wait_seconds: float, is_shared: bool = False) -> Iterator[bool]:
        """Yields whether the lock was got."""
        take, release = _SHARED if is_shared else _ALONE
        if name in self._held:  # a session gets its own lock again, which would be two holders
            yield False
            return
        if self._session is None:
            with expected_errors(self._where):
                self._session = self._engine.connect()
        session = self._session
        try:
            is_got = _until(lambda: self._call(session, take, name), wait_seconds)
            if is_got:
                self._held.add(name)
            yield is_got
        finally:
            self._release(session, name, release)

    def _release(self, session: Connection, name: str, release: Any) -> None:
        if name in self._held:
            self._held.remove(name)
            if self._held:
                with suppress(StoreUnavailable):  # a session that is lost holds nothing
                    self._call(session, release, name)
        if not self._held and self._session is not None:
            # The session ends, and its locks with it, even when the server is gone already.
            self._session.invalidate()
            self._session.close()
            self._session = None

    def _call(self, session: Connection, function: Any, name: str) -> bool:
        """In a transaction that ends at once: a session's lock outlives it, and none stays."""
        digest = blake2b(f"meta-auto {name}".encode(), digest_size=8).digest()
        query = select(function(int.from_bytes(digest, signed=True)))
        with expected_errors(self._where), session.begin():
            return bool(session.execute(query).scalar())


class Shared:
    """One shared lock of a process, taken for the first who needs it and held until the last."""

    def __init__(self, take: Callable[[float], AbstractContextManager[bool]]) -> None:
        self._take = take
        self._users = 0
        self._lock: AbstractContextManager[bool] | None = None

    @contextmanager
    def held(self, *, wait_seconds: float, once: Callable[[], None]) -> Iterator[bool]:
        """Yields whether it was got. `once` is done right after it was taken. Who is refused is no
        user: the next one asks again."""
        is_first = self._users == 0
        if is_first:
            lock = self._take(wait_seconds)
            if not lock.__enter__():
                lock.__exit__(None, None, None)
                yield False
                return
            self._lock = lock
        self._users += 1
        try:
            if is_first:
                once()
            yield True
        finally:
            self._users -= 1
            if self._users == 0 and self._lock is not None:
                self._lock.__exit__(None, None, None)
                self._lock = None


def _until(take: Callable[[], bool], wait_seconds: float) -> bool:
    deadline = monotonic() + wait_seconds
    while not take():
        if monotonic() >= deadline:
            return False
        sleep(_POLL_SECONDS)
    return True
