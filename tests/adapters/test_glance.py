"""The quick look at the switches says what the database says, or leaves it to the database."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from meta_autonomous.adapters import file_systems, glance
from meta_autonomous.adapters.database import Database, schema
from meta_autonomous.adapters.glance import runtime_of
from meta_autonomous.ports.records import LedgerEvent, Runtime, TestedPolicy
from tests.adapters.database_scene import NOON


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "meta-auto.sqlite3"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{path}", platform="meta")
    database.create_or_check()
    yield database
    database.close()


def turned(event: str) -> LedgerEvent:
    return LedgerEvent(event=event, who="ana", at=NOON)


def test_a_fresh_system_and_one_without_a_database_count_as_started(database, path, tmp_path):
    assert runtime_of(path, platform="meta") == database.runtime() == Runtime()
    assert runtime_of(tmp_path / "missing.sqlite3", platform="meta") == Runtime()


def test_it_tells_every_switch_as_the_database_does(database, path):
    tested = TestedPolicy(digest="d1", dead=("safety.embargo",), accepted=("safety.embargo",))
    database.set_mode("auto", event=turned("mode_changed"), tested=tested)
    database.set_started(is_started=False, event=turned("system_stopped"))
    seen = runtime_of(path, platform="meta")
    assert seen == database.runtime()
    assert (seen.mode, seen.is_started, seen.changed_by) == ("auto", False, "ana")
    assert seen.tested == tested
    assert runtime_of(path, platform="sandbox") == Runtime()


def test_what_was_only_just_written_is_seen(database, path):
    """It stands in the write-ahead log, beside the file, while another process has it open."""
    with database._reading():
        database_too = Database(f"sqlite:///{path}", platform="meta")
        database_too.set_mode("auto", event=turned("mode_changed"))
        assert runtime_of(path, platform="meta").mode == "auto"
        database_too.close()


def older(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", [schema.REVISIONS[0]])


def link(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.rename(path.with_name("real"))
    path.symlink_to(path.with_name("real"))


def readable_by_others(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.chmod(0o644)


def folder_of_everyone(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.parent.chmod(0o777)


def of_somebody_else(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uid = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: uid + 1)


def on_the_network(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(glance, "file_system_of", lambda _: "nfs4")


def damaged(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_bytes(b"not a database at all, by its first page" * 200)


def empty(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize(
    "spoil",
    [older, link, readable_by_others, folder_of_everyone, of_somebody_else, on_the_network,
     damaged, empty],
)  # fmt: skip
def test_whatever_is_unusual_is_left_to_the_database(database, path, monkeypatch, spoil):
    database.close()
    assert runtime_of(path, platform="meta") is not None
    spoil(path, monkeypatch)
    assert runtime_of(path, platform="meta") is None


@pytest.mark.parametrize(
    ("column", "value"),
    [("tested", "{"), ("tested", "{}"), ("tested", "[]"), ("tested", '{"digest":"d","dead":1}'),
     ("changed_at", "yesterday"), ("changed_at", 7)],
)  # fmt: skip
def test_a_row_that_is_none_of_ours_is_left_to_the_database(database, path, column, value):
    database.set_mode("auto", event=turned("mode_changed"))
    assert runtime_of(path, platform="meta").mode == "auto"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"UPDATE runtime_switches SET {column} = ?", [value])
    assert runtime_of(path, platform="meta") is None


def test_network_file_systems_are_known_by_name():
    assert "nfs4" in file_systems.NETWORK_FILE_SYSTEMS
