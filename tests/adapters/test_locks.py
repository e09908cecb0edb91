"""Locks: one process per account, released by death and by nothing else."""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from meta_autonomous.adapters.database import Database, schema, store
from meta_autonomous.ports.errors import Busy, ConfigError, StoreUnavailable
from tests.adapters.database_scene import (
    NOON,
    ON_SQLITE,
    a_change,
    a_database,
    an_adset,
    closed_at_the_end,  # noqa: F401
    granted,
    only_sqlite,
    opened,
    record,
    url_in,
)

_HOLDER = """
import sys, time
from meta_autonomous.adapters.database import Database
database = Database(sys.argv[1], platform="meta")
with database.account_lock("1001") as is_got:
    print("got" if is_got else "busy", flush=True)
    sys.stdin.readline()
print("released", flush=True)
"""


def another_process(folder: Path) -> "subprocess.Popen[str]":
    """It takes the lock, says so, and holds it until it is told or killed."""
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, url_in(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "got\n"
    return holder


def is_free(database: Database, account_id: str = "1001", *, wait_seconds: float = 0) -> bool:
    with database.account_lock(account_id, wait_seconds=wait_seconds) as is_got:
        return is_got


def test_a_lock_that_another_process_holds_is_not_got(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    holder = another_process(tmp_path)
    assert not is_free(database)
    assert is_free(database, "1002")
    assert is_free(opened(tmp_path, platform="sandbox"))
    holder.communicate("go\n", timeout=20)
    assert is_free(database)


def test_a_killed_process_holds_no_lock_and_a_stopped_one_keeps_its(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    holder = another_process(tmp_path)
    os.kill(holder.pid, signal.SIGSTOP)
    assert not is_free(database, wait_seconds=0.3)
    os.kill(holder.pid, signal.SIGKILL)
    holder.communicate(timeout=20)
    assert is_free(database, wait_seconds=2)


def test_one_waits_for_a_lock_as_long_as_said(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    holder = another_process(tmp_path)
    began = time.monotonic()
    assert not is_free(database, wait_seconds=0.5)
    assert 0.4 < time.monotonic() - began < 5
    releaser = threading.Timer(0.5, lambda: holder.communicate("go\n", timeout=20))
    releaser.start()
    assert is_free(database, wait_seconds=20)
    releaser.join()


def test_a_lock_is_not_got_twice_in_one_process_either(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    with database.account_lock("1001") as first, database.account_lock("1001") as second:
        assert (first, second) == (True, False)
    assert is_free(database)


def test_the_locks_of_many_accounts_are_held_at_once(tmp_path: Path) -> None:
    database, other = a_database(tmp_path), opened(tmp_path)
    with ExitStack() as stack:
        for n in range(40):
            assert stack.enter_context(database.account_lock(str(n)))
        with database.account_lock("40") as is_got:
            assert is_got
            assert not is_free(other, "40")
        assert is_free(other, "40")
        assert not is_free(other, "7")
        assert database.runtime().is_started
    assert is_free(other, "7")


def test_a_lock_is_released_by_an_error(tmp_path: Path) -> None:
    database = a_database(tmp_path)

    def fail() -> None:
        with database.account_lock("1001"):
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert is_free(database)


def test_under_a_lock_everything_can_be_written(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    with database.account_lock("1001") as is_got:
        assert is_got
        (action_id,) = record(database, granted())
        database.commit_intent(action_id, a_change(an_adset(), to=60), at=NOON, who="ana")
    assert len(database.open_attempts()) == 1


@only_sqlite
def test_the_lock_file_is_its_owners_and_stays(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    assert is_free(database, "../../evil/1")
    folder = tmp_path / "state" / "locks"
    found = sorted(folder.iterdir())
    assert [file.name for file in found] == ["meta-______evil_1.lock", "tables.lock"]
    assert {file.stat().st_mode & 0o777 for file in found} == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700


@only_sqlite
def test_a_lock_file_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    assert is_free(database, "1001")
    folder = tmp_path / "state" / "locks"
    (folder / "meta-1002.lock").symlink_to(tmp_path / "target")
    with pytest.raises(StoreUnavailable):
        is_free(database, "1002")
    assert not (tmp_path / "target").exists()


def test_tables_are_not_upgraded_while_an_account_is_worked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database, other = a_database(tmp_path), opened(tmp_path)
    monkeypatch.setattr(schema, "REVISIONS", (*schema.REVISIONS, "9998"))
    monkeypatch.setattr(store, "_UPGRADE_WAITS", 0.1)
    monkeypatch.setattr(schema, "check", lambda _: None)
    monkeypatch.setattr(schema, "HEAD", "9998")
    worked = database.account_lock("1001"), database.account_lock("1002")
    with worked[0], worked[1], pytest.raises(Busy, match="being worked with"):
        other.upgrade()
    assert other.upgrade()


def test_no_account_is_worked_while_the_tables_are_upgraded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tick keeps what it was refused until its end, and asks for one account after the other."""
    database, other = a_database(tmp_path), opened(tmp_path)
    with ExitStack() as of_the_tick:
        with other._lock(store._TABLES, wait_seconds=0) as is_alone:
            assert is_alone
            asked = [of_the_tick.enter_context(database.account_lock(key)) for key in "12"]
        assert asked == [False, False]
        monkeypatch.setattr(schema, "HEAD", "9998")  # what the upgrade left
        with pytest.raises(ConfigError, match="older version"):
            of_the_tick.enter_context(database.account_lock("3"))
        monkeypatch.undo()
        assert of_the_tick.enter_context(database.account_lock("3"))
        assert not is_free(other, "3")


def test_an_account_is_not_worked_on_tables_of_another_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An upgrade may have come between the program's start and its lock."""
    database = a_database(tmp_path)
    assert is_free(database)
    monkeypatch.setattr(schema, "HEAD", "9998")
    with pytest.raises(ConfigError, match="older version"), database.account_lock("1001"):
        pass


@only_sqlite
def test_reading_only_and_in_memory_there_is_nothing_to_lock(tmp_path: Path) -> None:
    a_database(tmp_path)
    holder = another_process(tmp_path)
    assert is_free(opened(tmp_path, read_only=True))
    holder.communicate("go\n", timeout=20)
    memory = Database.in_memory("meta")
    assert is_free(memory)
    memory.close()


@pytest.mark.skipif(ON_SQLITE, reason="about PostgreSQL's sessions")
def test_a_lost_session_can_not_commit_an_intent(tmp_path: Path) -> None:
    database, other = a_database(tmp_path), opened(tmp_path)
    (action_id,) = record(database, granted())
    with database.account_lock("1001") as is_got:
        assert is_got
        assert database._session_locks is not None
        session = database._session_locks.session_of("meta-1001")
        assert session is not None
        driver: Any = session.connection.driver_connection
        with other._reading() as unit:
            pid = driver.info.backend_pid
            unit.connection.exec_driver_sql(f"SELECT pg_terminate_backend({pid})")
        time.sleep(0.2)
        with pytest.raises(StoreUnavailable):
            database.commit_intent(action_id, a_change(an_adset(), to=60), at=NOON, who="ana")
    assert other.open_attempts() == ()
    assert is_free(other)
