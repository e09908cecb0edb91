"""The database itself: where it lies, who may read it, its versions, and what goes wrong."""

import hashlib
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect

from meta_autonomous.adapters.database import Database, engine, schema
from meta_autonomous.adapters.database.tables import metadata
from meta_autonomous.ports.errors import ConfigError, StoreUnavailable
from meta_autonomous.ports.records import AccountRecord, AlertRecord, LedgerEvent, Runtime
from tests.adapters.database_scene import (
    NOON,
    ON_SQLITE,
    a_database,
    a_snapshot,
    closed_at_the_end,  # noqa: F401
    hours,
    only_sqlite,
    opened,
    record,
    rows,
    suggested,
    tamper,
    url_in,
)


def an_event(name: str = "system_started", **values: Any) -> LedgerEvent:
    known: dict[str, Any] = {"who": "ana", "at": NOON}
    return LedgerEvent(event=name, **(known | values))


def file_of(database: Database) -> Path:
    assert database.path is not None
    return database.path


def everything_in(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


# --- where it lies ------------------------------------------------------------------------------


@only_sqlite
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o277])
def test_only_the_owner_may_read_it_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        database = a_database(tmp_path)
    finally:
        os.umask(before)
    database.append(an_event())
    found = {path.name: path.stat().st_mode & 0o777 for path in file_of(database).parent.iterdir()}
    assert found == dict.fromkeys(["meta.sqlite3", "meta.sqlite3-shm", "meta.sqlite3-wal"], 0o600)
    assert file_of(database).parent.stat().st_mode & 0o777 in (0o700, 0o700 & ~umask)


@only_sqlite
def test_a_file_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    path = file_of(a_database(tmp_path))
    path.chmod(0o644)
    opened(tmp_path).check()
    assert path.stat().st_mode & 0o777 == 0o600


@only_sqlite
def test_a_folder_that_everyone_may_write_is_refused(tmp_path: Path) -> None:
    path = file_of(a_database(tmp_path))
    path.parent.chmod(0o777)
    with pytest.raises(ConfigError, match="everyone may write") as caught:
        opened(tmp_path).check()
    assert "chmod 700" in caught.value.remedy


@only_sqlite
def test_a_link_is_not_made_into_a_database(tmp_path: Path) -> None:
    target = tmp_path / "target"
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "meta.sqlite3").symlink_to(target)
    with pytest.raises((StoreUnavailable, ConfigError)):
        opened(tmp_path).create_or_check()
    assert not target.exists()


@only_sqlite
def test_a_network_file_system_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = a_database(tmp_path)
    monkeypatch.setattr(engine, "file_system_of", lambda _: "nfs4")
    with pytest.raises(ConfigError, match="network file system"):
        opened(tmp_path).check()
    with pytest.raises(ConfigError, match="network file system"):
        Database(f"sqlite:///{tmp_path}/new/meta.sqlite3", platform="meta").create_or_check()
    assert database.exists()


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/srv/x/m.db", "nfs4"), ("/srv/xy/m.db", "ext4"), ("/my disk/a", "cifs"), ("/a", "ext4")],
)
def test_a_file_system_is_told_by_the_nearest_mount(tmp_path: Path, path: str, kind: str) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(
        "/dev/sda1 / ext4 rw 0 0\nhost:/x /srv/x nfs4 rw 0 0\n//nas/y /my\\040disk cifs rw 0 0\n"
    )
    assert engine.file_system_of(Path(path), mounts) == kind


def test_where_nothing_tells_the_mounts_the_file_system_is_unknown(tmp_path: Path) -> None:
    assert engine.file_system_of(tmp_path, tmp_path / "missing") is None


@only_sqlite
def test_every_commit_is_on_the_disk(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    with database._writing() as unit:
        found = {
            name: unit.connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "busy_timeout", "foreign_keys")
        }
    assert found == {
        "journal_mode": "wal",
        "synchronous": 2,
        "busy_timeout": 10_000,
        "foreign_keys": 1,
    }


# --- its existence ------------------------------------------------------------------------------


@only_sqlite
def test_to_look_for_a_database_creates_nothing(tmp_path: Path) -> None:
    database = opened(tmp_path)
    assert not database.exists()
    with pytest.raises(ConfigError, match="no database yet") as caught:
        database.open(create=False)
    assert "meta-auto tick" in caught.value.remedy
    with pytest.raises(StoreUnavailable):
        database.runtime()
    assert list(tmp_path.iterdir()) == []


def test_a_tick_creates_a_missing_database_once(tmp_path: Path) -> None:
    first = opened(tmp_path)
    first.open(create=True)
    first.append(an_event())
    second = opened(tmp_path)
    assert second.exists()
    second.open(create=True)
    second.open(create=False)
    assert len(second.ledger()) == 1


@only_sqlite
def test_an_interrupted_creation_is_completed(tmp_path: Path) -> None:
    database = opened(tmp_path)
    path = file_of(database)
    path.parent.mkdir(mode=0o700)
    path.touch(mode=0o600)
    assert not database.exists()
    database.create_or_check()
    assert database.exists()


def test_processes_that_create_it_at_once_make_one(tmp_path: Path) -> None:
    program = (
        "import sys; from meta_autonomous.adapters.database import Database\n"
        "d = Database(sys.argv[1], platform='meta'); print('ready', flush=True)\n"
        "sys.stdin.readline(); d.create_or_check(); d.close()"
    )
    makers = [
        subprocess.Popen(
            [sys.executable, "-c", program, url_in(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(5)
    ]
    for maker in makers:
        assert maker.stdout is not None
        maker.stdout.readline()
    answers = [maker.communicate("go\n", timeout=60) for maker in makers]
    assert [error for _, error in answers] == [""] * 5
    assert opened(tmp_path).exists()


def test_in_memory_it_is_there_at_once_and_gone_with_the_process() -> None:
    database = Database.in_memory("meta")
    database.open(create=False)
    assert database.exists()
    assert database.runtime() == Runtime()
    record(database, suggested())
    assert len(database.actions()) == 1
    database.close()


@only_sqlite
def test_reading_only_leaves_no_trace(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    record(database, suggested())
    database.close()
    before = everything_in(tmp_path)
    reader = opened(tmp_path, read_only=True)
    reader.open(create=False)
    assert len(reader.actions()) == 1
    reader.memory(a_snapshot(), now=NOON, our_application_id=None)
    assert reader.verify_ledger().ok
    with pytest.raises(StoreUnavailable, match="reading only"):
        reader.append(an_event())
    reader.close()
    assert everything_in(tmp_path) == before


@only_sqlite
def test_not_even_by_a_mistake_of_ours_is_something_written_when_reading_only(
    tmp_path: Path,
) -> None:
    a_database(tmp_path).close()
    reader = opened(tmp_path, read_only=True)
    with pytest.raises(StoreUnavailable), reader._reading() as unit:
        unit.connection.exec_driver_sql("DELETE FROM ticks")


@only_sqlite
def test_a_folder_that_may_only_be_read_can_be_read(tmp_path: Path) -> None:
    program = (
        "import os, sys\n"
        "from meta_autonomous.adapters.database import Database\n"
        "Database.in_memory('meta').close()\n"  # imports what it will need
        "os.setgid(65534); os.setuid(65534)\n"
        "d = Database(sys.argv[1], platform='meta', read_only=True); print(d.runtime().mode)"
    )
    if os.getuid() != 0:
        pytest.skip("only root can be someone else")
    database = a_database(tmp_path)
    database.append(an_event())
    file_of(database).chmod(0o644)
    for name in ("-wal", "-shm"):
        file_of(database).with_name(f"meta.sqlite3{name}").chmod(0o644)
    file_of(database).parent.chmod(0o755)
    for folder in (tmp_path, *tmp_path.parents):
        if folder == Path(tempfile.gettempdir()):
            break
        folder.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-c", program, url_in(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout == "None\n", done.stderr


# --- its versions -------------------------------------------------------------------------------


def test_an_older_database_is_refused_until_it_is_upgraded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = a_database(tmp_path)
    monkeypatch.setattr(schema, "REVISIONS", (*schema.REVISIONS, "9999"))
    monkeypatch.setattr(schema, "HEAD", "9999")
    for refused in (database.check, database.create_or_check):
        with pytest.raises(ConfigError, match="older version") as caught:
            refused()
        assert caught.value.remedy == "run `meta-auto db upgrade`"


def test_a_newer_database_is_refused_and_not_touched(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    tamper(database, "UPDATE alembic_version SET version_num = '9999'")
    for refused in (database.check, database.create_or_check, database.upgrade):
        with pytest.raises(ConfigError, match="newer version"):
            refused()


def test_someone_elses_database_is_refused(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    tamper(database, "DROP TABLE alembic_version")
    with pytest.raises(ConfigError, match="without a version"):
        database.create_or_check()


def test_an_upgrade_creates_what_is_missing_and_is_done_once(tmp_path: Path) -> None:
    database = opened(tmp_path)
    assert database.upgrade()
    assert not database.upgrade()
    database.check()


def _shape(database: Database) -> dict[str, Any]:
    """The tables as the database describes them."""
    with database._reading() as unit:
        seen = inspect(unit.connection)
        return {
            table: {
                "columns": {
                    column["name"]: (str(column["type"]), column["nullable"], column["default"])
                    for column in seen.get_columns(table)
                },
                "key": seen.get_pk_constraint(table)["constrained_columns"],
                "indexes": sorted(
                    (str(index["name"]), tuple(index["column_names"]), bool(index["unique"]))
                    for index in seen.get_indexes(table)
                ),
                "foreign": [key["constrained_columns"] for key in seen.get_foreign_keys(table)],
                "checks": sorted(
                    str(check["name"]) for check in seen.get_check_constraints(table)
                ),
            }
            for table in sorted(seen.get_table_names())
        }


def _migrated(folder: Path) -> Database:
    database = opened(folder)
    if database.path is not None:
        engine.create_file(database.path)
    with database._writing(locks_head=False) as unit:
        schema.migrate(unit.connection)
    return database


def test_a_migrated_database_is_the_same_as_a_new_one(tmp_path: Path) -> None:
    migrated, new = _migrated(tmp_path / "a"), a_database(tmp_path / "b")
    assert _shape(migrated) == _shape(new)
    assert set(_shape(new)) == {*metadata.tables, "alembic_version"}
    migrated.check()
    if ON_SQLITE:
        query = "SELECT type, name, tbl_name FROM sqlite_master ORDER BY type, name"
        assert rows(migrated, query) == rows(new, query)
    migrated.append(an_event())
    with pytest.raises(StoreUnavailable, match="refuses"), migrated._writing() as unit:
        unit.connection.exec_driver_sql("DELETE FROM ledger")


@only_sqlite
def test_tables_are_made_as_the_migration_makes_them(tmp_path: Path) -> None:
    def made(database: Database) -> dict[str, list[str]]:
        found = rows(database, "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        return {name: sorted(part.strip(" ,") for part in sql.split("\n")) for name, sql in found}

    migrated, new = made(_migrated(tmp_path / "a")), made(a_database(tmp_path / "b"))
    del migrated["alembic_version"], new["alembic_version"]
    assert {
        name: [" ".join(line.split()) for line in lines] for name, lines in migrated.items()
    } == {name: [" ".join(line.split()) for line in lines] for name, lines in new.items()}


def test_the_revisions_are_the_files_in_their_order() -> None:
    files = sorted((schema.MIGRATIONS / "versions").glob("[0-9]*.py"))
    assert tuple(file.name[:4] for file in files) == schema.REVISIONS


def test_every_column_says_what_it_holds() -> None:
    silent = [
        str(column)
        for table in metadata.tables.values()
        for column in table.c
        if not column.comment
    ]
    assert silent == []


def test_every_table_belongs_to_a_platform() -> None:
    assert [name for name, table in metadata.tables.items() if "platform" not in table.c] == []


def test_migrations_and_the_orm_are_not_imported_to_run(tmp_path: Path) -> None:
    program = (
        "import sys; from meta_autonomous.adapters.database import Database\n"
        f"d = Database('sqlite:///{tmp_path}/s/m.db', platform='meta'); d.create_or_check()\n"
        "d.runtime(); d.close()\n"
        "print(sorted({'alembic', 'sqlalchemy.orm', 'psycopg', 'mako'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "[]\n"


# --- where it is said to be ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("nonsense", "not a database URL"),
        ("mysql://localhost/x", "'mysql'; allowed are sqlite and postgresql"),
        ("postgresql//secret@x", "not a database URL"),
    ],
)
def test_a_url_that_is_none_is_refused_without_repeating_it(url: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        Database(url, platform="meta")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2"])
def test_postgresql_means_psycopg_three_and_no_password_is_shown(scheme: str) -> None:
    database = Database(f"{scheme}://ana:secret@db.example/ads", platform="meta")
    assert database.location == "postgresql+psycopg://ana:***@db.example/ads"


def test_a_server_that_is_not_there_is_one_line_with_a_remedy(tmp_path: Path) -> None:
    pytest.importorskip("psycopg")
    database = Database(f"postgresql:///x?host={tmp_path}&password=secret", platform="meta")
    with pytest.raises(StoreUnavailable, match="can't be reached") as caught:
        database.runtime()
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)
    database.close()


# --- what goes wrong ----------------------------------------------------------------------------


@only_sqlite
@pytest.mark.parametrize("content", [b"this is not a database" * 100, b"SQLite format 3\0" * 300])
def test_a_file_that_is_no_database_is_said_to_be_none(tmp_path: Path, content: bytes) -> None:
    database = opened(tmp_path)
    file_of(database).parent.mkdir(mode=0o700)
    file_of(database).write_bytes(content)
    with pytest.raises(StoreUnavailable, match=r"not a SQLite database|damaged") as caught:
        database.create_or_check()
    assert "backup" in caught.value.remedy
    assert file_of(database).read_bytes() == content


@only_sqlite
def test_a_damaged_database_is_said_to_be_damaged(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    database.close()
    path = file_of(database)
    whole = bytearray(path.read_bytes())
    for place in range(4096, len(whole), 4096):
        whole[place : place + 200] = os.urandom(200)
    path.write_bytes(whole)
    with pytest.raises(StoreUnavailable, match="damaged"):
        record(opened(tmp_path), suggested())


@only_sqlite
def test_a_folder_in_the_way_is_refused(tmp_path: Path) -> None:
    database = opened(tmp_path)
    file_of(database).mkdir(parents=True, mode=0o700)
    with pytest.raises((StoreUnavailable, ConfigError)):
        database.create_or_check()


@only_sqlite
def test_a_full_disk_leaves_everything_as_it_was(tmp_path: Path) -> None:
    program = """
import resource, signal, sys
from datetime import UTC, datetime
from meta_autonomous.adapters.database import Database
from meta_autonomous.ports.errors import StoreUnavailable
from meta_autonomous.ports.records import LedgerEvent
database = Database(sys.argv[1], platform="meta")
database.runtime()
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    for _ in range(200):
        database.append(LedgerEvent(event="system_started", who="x" * 5000,
                                    at=datetime(2026, 3, 10, tzinfo=UTC)))
except StoreUnavailable as error:
    print(type(error).__name__, error, "|", error.remedy)
"""
    database = a_database(tmp_path)
    database.append(an_event())
    size = str(file_of(database).stat().st_size + 200_000)
    database.close()
    done = subprocess.run(
        [sys.executable, "-c", program, url_in(tmp_path), size],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout.startswith("StoreUnavailable "), done.stderr
    assert done.stderr == ""
    check = opened(tmp_path).verify_ledger()
    assert check.ok
    assert check.entries > 1
    assert resource.RLIMIT_FSIZE


@only_sqlite
def test_a_database_that_is_locked_for_long_is_said_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = a_database(tmp_path)
    monkeypatch.setattr(engine, "BUSY_SECONDS", 0.1)
    other = sqlite3.connect(file_of(database), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    waiting = opened(tmp_path)
    assert waiting.runtime() == Runtime()  # reading goes on
    with pytest.raises(StoreUnavailable, match="another process") as caught:
        waiting.append(an_event())
    assert "run it again" in caught.value.remedy
    other.execute("ROLLBACK")
    other.close()
    waiting.append(an_event())


@only_sqlite
def test_a_file_that_may_not_be_written_is_said_to_be_so(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    with pytest.raises(StoreUnavailable, match="can't be written"), database._writing() as unit:
        raise sqlite3.OperationalError("attempt to write a readonly database")
    assert unit.platform == "meta"


def test_a_bug_of_ours_is_not_dressed_up_as_a_database_error(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    with pytest.raises(ZeroDivisionError), database._writing():
        _ = 1 / 0


# --- switches, policy, ticks, alerts ------------------------------------------------------------


def test_a_fresh_system_is_started_and_has_no_mode_of_its_own(tmp_path: Path) -> None:
    assert a_database(tmp_path).runtime() == Runtime()


def test_a_switch_is_remembered_with_who_and_when_and_told(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    database.set_mode("auto", event=an_event("mode_changed", after={"mode": "auto"}))
    database.set_started(is_started=False, event=an_event("system_stopped", who="ben"))
    assert database.runtime() == Runtime(
        mode="auto", is_started=False, changed_by="ben", changed_at=NOON
    )
    assert [entry.event.event for entry in database.ledger()] == ["mode_changed", "system_stopped"]
    assert opened(tmp_path, platform="sandbox").runtime() == Runtime()


def test_a_policy_is_told_when_it_changes_with_what_changed(tmp_path: Path) -> None:
    database = a_database(tmp_path)

    def note(digest: str, **policy: object) -> bool:
        return database.record_policy(digest, policy, at=NOON, who="ana")

    assert note("d1", cap="100", factor="1.0")
    assert not note("d1", cap="100", factor="1.0")
    assert note("d2", cap="200", factor="1.0", new="x")
    assert note("d1", cap="100", factor="1.0")
    events = [entry.event for entry in database.ledger()]
    assert [event.event for event in events] == ["policy_changed"] * 3
    assert events[1].before == {"cap": "100"}
    assert events[1].after == {"cap": "200", "new": "x", "policy_digest": "d2"}
    assert events[1].why == "changed: cap, new"


def test_the_last_tick_is_the_last_that_finished(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    assert database.last_tick() is None
    for n in range(3):
        database.begin_tick(f"t{n}", at=NOON + hours(n), mode="suggest")
    for n in range(2):
        report = {"tick_id": f"t{n}", "actions_generated": n, "errors": ["a"] * n, "success": True}
        database.finish_tick(f"t{n}", at=NOON + hours(n), report=report)
    last = database.last_tick()
    assert last is not None
    assert (last["tick_id"], last["actions_generated"], last["errors"]) == ("t1", 1, ["a"])
    assert [tick["tick_id"] for tick in database.ticks_since(NOON)] == ["t0", "t1"]
    assert [tick["tick_id"] for tick in database.ticks_since(NOON + hours(1))] == ["t1"]
    event = database.ledger()[-1].event
    assert (event.event, event.tick_id) == ("tick_completed", "t1")
    assert event.after == {"tick_id": "t1", "actions_generated": 1, "errors": 1, "success": True}
    assert opened(tmp_path, platform="sandbox").last_tick() is None


def test_an_alert_is_raised_once_told_again_daily_and_cleared_once(tmp_path: Path) -> None:
    database = a_database(tmp_path)

    def alert(at: float) -> bool:
        found = AlertRecord(
            key="spend", severity="warning", message=f"at {at}", raised_at=NOON + hours(at)
        )
        return database.raise_alert(found, who="autonomous_worker")

    assert [alert(at) for at in (0, 1, 24, 25, 48)] == [True, False, True, False, True]
    (standing,) = database.open_alerts()
    assert (standing.message, standing.raised_at) == ("at 48", NOON)
    assert database.acknowledge_alert("spend", who="ana", at=NOON)
    assert not database.acknowledge_alert("spend", who="ana", at=NOON)
    assert not alert(80)
    assert database.open_alerts()[0].acknowledged_by == "ana"
    assert database.clear_alert("spend", at=NOON, who="autonomous_worker")
    assert not database.clear_alert("spend", at=NOON, who="autonomous_worker")
    assert database.open_alerts() == ()
    assert alert(90)
    names = [entry.event.event for entry in database.ledger()]
    assert names == ["alert_raised", "alert_cleared", "alert_raised"]


# --- backup -------------------------------------------------------------------------------------


@only_sqlite
def test_a_backup_is_whole_and_its_owners_while_others_write(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    database.save_account(AccountRecord(account_id="1"))
    target = tmp_path / "backups" / "copy.sqlite3"
    database.backup(target)
    database.append(an_event())
    copy = Database(f"sqlite:///{target}", platform="meta")
    copy.check()
    assert [one.account_id for one in copy.accounts()] == ["1"]
    assert copy.ledger() == ()
    copy.close()
    assert target.stat().st_mode & 0o777 == 0o600
    assert list(target.parent.iterdir()) == [target]
    with pytest.raises(ConfigError, match="exists already"):
        database.backup(target)


@only_sqlite
def test_a_backup_that_fails_midway_leaves_nothing_under_its_name(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    target = tmp_path / "backups" / "copy.sqlite3"
    was = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, was[1]))  # as a disk that is full
    try:
        with pytest.raises(StoreUnavailable):
            database.backup(target)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, was)
    assert list(target.parent.iterdir()) == []


@only_sqlite
def test_an_auditors_copy_on_a_read_only_medium_can_be_proven(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    database.append(an_event())
    database.close()
    folder = file_of(database).parent
    program = f"""
from meta_autonomous.adapters.database import Database
from meta_autonomous.ports.errors import StoreUnavailable
from tests.adapters.test_database import an_event
database = Database({url_in(tmp_path)!r}, platform="meta")
database.check()
print(database.verify_ledger())
try:
    database.append(an_event())
except StoreUnavailable as error:
    print(error)
"""
    (tmp_path / "look.py").write_text(program)
    mounting = f"mount --bind {folder} {folder} && mount -o remount,ro,bind {folder}"
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", f"{mounting} || exit 77; {sys.executable} look.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip("nothing may be mounted here")
    assert "ok=True, entries=1" in done.stdout, done.stderr
    assert "can't be written" in done.stdout
