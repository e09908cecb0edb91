"""Retention: what is old leaves whole or not at all, and the chain still proves itself."""

import json
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import make_url

from meta_autonomous.adapters.database import Database
from meta_autonomous.adapters.database.tables import metadata
from meta_autonomous.adapters.ledger_archive import ArchiveFolder
from meta_autonomous.domain.action import ActionStatus
from meta_autonomous.operations.prune import verify_with_archive
from meta_autonomous.ports.errors import Busy, RefusedByGuard, StoreUnavailable
from meta_autonomous.ports.records import LedgerCheck, LedgerEvent
from tests.adapters.aged_database import KEPT, filled, pruned
from tests.adapters.database_scene import NOON, a_snapshot, rows, tamper
from tests.postgres import postgres_server  # noqa: F401

END = NOON - KEPT  # 2026-01-09
MONTHS = ["2025-09", "2025-10", "2025-11", "2025-12"]


@pytest.fixture(scope="session")
def aged_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("aged") / "state" / "meta.sqlite3"
    filled(f"sqlite:///{path}").close()
    return path


@pytest.fixture(scope="session")
def aged_postgres(postgres_server: str) -> str:  # noqa: F811
    """The same in a database that others are copied from."""
    import psycopg

    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute("CREATE DATABASE aged")
    url = _of("aged", postgres_server)
    filled(url).close()
    return url


def _of(name: str, server: str) -> str:
    return make_url(server).set(database=name).render_as_string(hide_password=False)


@pytest.fixture
def aged_postgres_url(
    aged_postgres: str,
    postgres_server: str,  # noqa: F811
) -> Iterator[str]:
    import psycopg

    name = f"aged_{uuid4().hex[:8]}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE aged")
        yield _of(name, postgres_server)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def aged(request: pytest.FixtureRequest, tmp_path: Path, aged_file: Path) -> Iterator[Database]:
    """Half a year of records."""
    if request.param == "sqlite":
        path = tmp_path / "state" / "meta.sqlite3"
        path.parent.mkdir(mode=0o700)
        shutil.copy(aged_file, path)
        database = Database(f"sqlite:///{path}", platform="meta")
    else:
        database = Database(request.getfixturevalue("aged_postgres_url"), platform="meta")
    yield database
    database.close()


def proven(database: Database, folder: Path, **options: Any) -> LedgerCheck:
    return verify_with_archive(database, ArchiveFolder(folder), **{"expect": None} | options)


def counted(database: Database, table: str, where: str = "1 = 1") -> int:
    return int(rows(database, f"SELECT count(*) FROM {table} WHERE {where}")[0][0])


# --- the ledger ---------------------------------------------------------------------------------


def test_whole_months_move_to_the_archive_and_the_chain_goes_on(
    aged: Database, tmp_path: Path
) -> None:
    before = list(aged.ledger_lines())
    noted = aged.ledger_head()
    done = pruned(aged, tmp_path / "archive")
    assert [month.month for month in done.months] == MONTHS
    last = done.months[-1].last
    assert done.entries == last
    check = aged.verify_ledger(expect=noted)
    assert check.ok
    assert check.starts_after == f"{last}:{before[last - 1].hash}"
    assert check.entries == len(before) - last + 2 * len(MONTHS) + 1
    both = proven(aged, tmp_path / "archive", expect=noted)
    assert (both.ok, both.archived) == (True, last)
    events = [entry.event.event for entry in aged.ledger()][-9:]
    assert events == ["segment_sealed", "pruned"] * 4 + ["pruned"]
    assert aged.ledger()[-1].event.who == "ana"


def test_the_archive_holds_what_the_export_printed(aged: Database, tmp_path: Path) -> None:
    from meta_autonomous.render.ledger import exported_lines

    before = list(exported_lines(aged.ledger_lines()))
    done = pruned(aged, tmp_path / "archive")
    archived = ""
    for segment in done.months:
        path = tmp_path / "archive" / f"ledger-meta-{segment.month}.jsonl"
        told = json.loads(path.with_suffix(".manifest.json").read_text())
        content = path.read_text()
        lines = content.splitlines()
        assert told == {
            "format": "meta-auto ledger segment 1",
            "platform": "meta",
            "month": segment.month,
            "file": path.name,
            "first": json.loads(lines[0])["seq"],
            "last": json.loads(lines[-1])["seq"],
            "count": len(lines),
            "previous": json.loads(lines[0])["prev"],
            "head": json.loads(lines[-1])["hash"],
            "sha256": sha256(content.encode()).hexdigest(),
        }
        archived += content
    after = "".join(exported_lines(aged.ledger_lines()))
    assert (archived + after).startswith("".join(before))


def test_only_its_owner_may_read_the_archive(aged: Database, tmp_path: Path) -> None:
    pruned(aged, tmp_path / "archive")
    assert stat.S_IMODE((tmp_path / "archive").stat().st_mode) == 0o700
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "archive").iterdir()}
    assert modes == {0o600}


def test_a_dry_run_says_the_same_and_leaves_everything(aged: Database, tmp_path: Path) -> None:
    head = aged.ledger_head()
    would = pruned(aged, tmp_path / "archive", dry_run=True)
    assert aged.ledger_head() == head
    assert not (tmp_path / "archive").exists()
    done = pruned(aged, tmp_path / "archive")
    assert would.rows == done.rows
    assert would.entries == done.entries


def test_a_second_time_there_is_nothing_and_later_there_is_more(
    aged: Database, tmp_path: Path
) -> None:
    pruned(aged, tmp_path / "archive")
    again = pruned(aged, tmp_path / "archive")
    assert again.months == ()
    assert not any(again.rows.values())
    aged.append(LedgerEvent(event="tick_completed", who="ana", at=NOON + timedelta(days=40)))
    later = pruned(aged, tmp_path / "archive", now=NOON + timedelta(days=40))
    assert [month.month for month in later.months] == ["2026-01"]
    check = proven(aged, tmp_path / "archive")
    assert (check.ok, check.archived) == (True, later.months[-1].last)


def test_a_clock_that_runs_ahead_makes_nothing_old(aged: Database, tmp_path: Path) -> None:
    done = pruned(aged, tmp_path / "archive", now=NOON + timedelta(days=4000))
    assert done.end == END
    assert aged.latest_time() == NOON


def test_a_broken_ledger_is_not_touched(aged: Database, tmp_path: Path) -> None:
    tamper(aged, "UPDATE ledger SET body = replace(body, 'ana', 'eve') WHERE seq > 40")
    before = counted(aged, "ledger"), counted(aged, "ticks")
    with pytest.raises(RefusedByGuard, match="ledger is broken"):
        pruned(aged, tmp_path / "archive")
    assert (counted(aged, "ledger"), counted(aged, "ticks")) == before


def test_nothing_is_archived_over_another_systems_files(aged: Database, tmp_path: Path) -> None:
    folder = tmp_path / "archive"
    folder.mkdir()
    (folder / "ledger-meta-2025-10.jsonl").write_text("theirs\n")
    with pytest.raises(RefusedByGuard, match="holds something else"):
        pruned(aged, folder)
    assert (folder / "ledger-meta-2025-10.jsonl").read_text() == "theirs\n"
    assert aged.verify_ledger().ok
    assert [one.month for one in aged.segments()] == ["2025-09"]
    assert [one.name for one in folder.iterdir() if one.name.startswith(".")] == []


def test_a_folder_that_can_not_be_written_is_one_line_and_changes_nothing(
    aged: Database, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    before = aged.ledger_head()
    with pytest.raises(StoreUnavailable) as caught:
        pruned(aged, tmp_path / "file" / "archive")
    assert caught.value.remedy
    assert aged.ledger_head() == before


def test_one_process_prunes_at_a_time(aged: Database, tmp_path: Path) -> None:
    with aged.prune_lock() as is_mine:
        assert is_mine
        other = Database(aged._site.url.render_as_string(hide_password=False), platform="meta")
        with pytest.raises(Busy):
            pruned(other, tmp_path / "archive")
        other.close()


def test_an_entry_of_the_archive_that_someone_noted_is_found_there(
    aged: Database, tmp_path: Path
) -> None:
    line = list(aged.ledger_lines())[19]
    pruned(aged, tmp_path / "archive")
    noted = f"{line.seq}:{line.hash}"
    alone = aged.verify_ledger(expect=noted)
    assert (alone.ok, alone.first_broken) == (False, None)
    assert "--archive" in alone.message
    assert proven(aged, tmp_path / "archive", expect=noted).ok
    wrong = proven(aged, tmp_path / "archive", expect=f"{line.seq}:{'0' * 64}")
    assert (wrong.ok, wrong.first_broken) == (False, line.seq)
    last = aged.verify_ledger().starts_after
    assert last is not None
    assert aged.verify_ledger(expect=last).ok
    assert not aged.verify_ledger(expect=last[:-4] + "beef").ok


# --- what must be found -------------------------------------------------------------------------


def test_the_database_lets_nothing_go_that_is_not_sealed(aged: Database, tmp_path: Path) -> None:
    pruned(aged, tmp_path / "archive")
    first = rows(aged, "SELECT min(seq) FROM ledger")[0][0]
    for statement in (
        f"DELETE FROM ledger WHERE seq = {first}",
        "DELETE FROM ledger",
        f"UPDATE ledger SET body = '' WHERE seq = {first}",
    ):
        with pytest.raises(StoreUnavailable, match="refuses"), aged._writing() as unit:
            unit.connection.exec_driver_sql(statement)
    assert aged.verify_ledger().ok


def test_a_month_that_only_a_row_calls_sealed_is_found(aged: Database, tmp_path: Path) -> None:
    pruned(aged, tmp_path / "archive")
    segment = aged.segments()[-1]
    lines = [line for line in aged.ledger_lines() if line.seq <= segment.last + 10]
    tamper(
        aged,
        "INSERT INTO ledger_segments (platform, first_seq, last_seq, month, previous, head, sha256,"
        f" file, sealed_at, sealed_by, removed_at) SELECT platform, {lines[0].seq}, "
        f"{lines[-1].seq}, month, '{segment.head}', '{lines[-1].hash}', sha256, file, sealed_at, "
        f"sealed_by, removed_at FROM ledger_segments WHERE first_seq = {segment.first}",
        f"DELETE FROM ledger WHERE seq <= {lines[-1].seq}",
    )
    check = aged.verify_ledger()
    assert (check.ok, check.first_broken) == (False, lines[0].seq)
    assert "no entry seals" in check.message


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM ledger_segments WHERE last_seq = {last}",
        "UPDATE ledger_segments SET last_seq = last_seq + 1 WHERE last_seq = {last}",
        "UPDATE ledger_segments SET head = sha256 WHERE last_seq = {last}",
        "UPDATE ledger_segments SET removed_at = NULL WHERE last_seq = {last}",
        "INSERT INTO ledger SELECT platform, 5, at, event, body, hash FROM ledger WHERE seq = {last}+1",
        "DELETE FROM ledger WHERE event = 'segment_sealed'",
    ],
)
def test_a_change_of_what_was_sealed_is_found(
    aged: Database, tmp_path: Path, statement: str
) -> None:
    pruned(aged, tmp_path / "archive")
    tamper(aged, statement.format(last=aged.segments()[-1].last))
    assert not aged.verify_ledger().ok
    assert not proven(aged, tmp_path / "archive").ok


def test_any_change_of_an_archived_file_is_found_and_named(aged: Database, tmp_path: Path) -> None:
    folder = tmp_path / "archive"
    pruned(aged, folder)
    segment = aged.segments()[1]
    path = folder / segment.file
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    third = segment.first + 2
    reordered = [*lines[:2], lines[3], lines[2], *lines[4:]]
    for changed, broken in (
        (whole.replace(b"policy.rule", b"policy.rulE", 1), None),
        (b"".join(lines[:-1]), segment.last),
        (b"".join([*lines[:2], *lines[3:]]), third),
        (b"".join(reordered), third),
        (b"".join([*lines[:2], b"{}\n", *lines[3:]]), third),
        (b"".join([*lines, lines[-1]]), segment.last + 1),
        (whole.replace(b",", b", ", 1), segment.first),
        (b"", segment.first),
    ):
        path.write_bytes(changed)
        check = proven(aged, folder)
        assert not check.ok
        assert broken in (None, check.first_broken)
        assert segment.file in check.message
    path.unlink()
    check = proven(aged, folder)
    assert (check.ok, check.first_broken) == (False, segment.first)
    path.write_bytes(whole)
    assert proven(aged, folder).ok


def test_on_postgresql_the_service_can_only_add_and_another_role_prunes(
    aged_postgres_url: str, tmp_path: Path
) -> None:
    """With the grants that the README gives."""
    import psycopg

    grants = {
        "a_service": (
            "SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public",
            "USAGE ON ALL SEQUENCES IN SCHEMA public",
        ),
        "a_pruner": (
            "SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public",
            "USAGE ON ALL SEQUENCES IN SCHEMA public",
        ),
    }
    with psycopg.connect(aged_postgres_url, autocommit=True) as owner:
        for role, given in grants.items():
            owner.execute(f"CREATE ROLE {role}")
            for what in given:
                owner.execute(f"GRANT {what} TO {role}")
            owner.execute(f"REVOKE UPDATE ON ledger FROM {role}")
        owner.execute("REVOKE INSERT, UPDATE ON ledger_segments FROM a_service")
    try:
        service, pruner = (
            Database(f"{aged_postgres_url}&options=-crole%3D{role}", platform="meta")
            for role in grants
        )
        service.append(LedgerEvent(event="system_stopped", who="ana", at=NOON))
        for statement in ("DELETE FROM ledger", "UPDATE ledger SET body = ''", "TRUNCATE ledger"):
            with pytest.raises(StoreUnavailable, match="permission denied"):  # noqa: SIM117
                with service._writing() as unit:
                    unit.connection.exec_driver_sql(statement)
        with pytest.raises(StoreUnavailable, match="permission denied"):
            pruned(service, tmp_path / "archive")
        assert pruned(pruner, tmp_path / "archive").entries > 0
        assert service.verify_ledger().ok
    finally:
        service.close()
        pruner.close()
        with psycopg.connect(aged_postgres_url, autocommit=True) as owner:
            for role in grants:
                owner.execute(f"DROP OWNED BY {role}")
                owner.execute(f"DROP ROLE {role}")


# --- rows ---------------------------------------------------------------------------------------


def test_old_rows_go_and_what_anything_still_asks_for_stays(
    aged: Database, tmp_path: Path
) -> None:
    def asked_for() -> list[Any]:
        snapshot = a_snapshot(at=NOON)
        today = snapshot.today
        executed = aged.actions(statuses=[ActionStatus.EXECUTED])
        return [
            aged.memory(snapshot, now=NOON, our_application_id=None),
            aged.memory(snapshot, now=END, our_application_id=None),
            aged.restatements("1001", today=today),
            aged.stored_days("1001", since=END.date() - timedelta(days=35), until=today),
            aged.stored_days(
                "1001", since=END.date() - timedelta(days=28), until=END.date(), as_of=END
            ),
            aged.reserved_usd(),
            aged.open_attempts(),
            aged.open_alerts(),
            aged.actions(statuses=[ActionStatus.SUGGESTED]),
            aged.actions(since=END),
            executed,
            [aged.attempts_of(action.id) for action in executed],
            aged.traces(),
            aged.trace("11"),
            aged.last_tick(),
            aged.ticks_since(END),
            aged.creatives(),
        ]

    before = asked_for()
    done = pruned(aged, tmp_path / "archive")
    assert asked_for() == before
    assert {name for name, count in done.rows.items() if count} == {
        "ticks", "entity_traces", "meta_roas_metrics", "entity_snapshots", "insights_seen",
        "account_reads", "alerts", "optimization_actions",
    }  # fmt: skip
    at = "2026-01-09"
    assert counted(aged, "ticks", f"started_at < '{at}'") == 0
    assert counted(aged, "alerts", f"cleared_at < '{at}'") == 0
    assert counted(aged, "insights_seen", "day < '2025-12-03'") == 0
    assert counted(aged, "optimization_actions", "status = 'blocked'") > 0
    assert counted(aged, "optimization_actions", "status = 'executed'") == 37


def test_of_every_table_it_is_decided_whether_it_is_kept(aged: Database) -> None:
    kept = {
        "accounts", "ad_parents", "attempts", "creative_approvals", "policies", "runtime_switches",
        "ledger", "ledger_head", "ledger_segments",
    }  # fmt: skip
    assert set(aged.count_stale(END)) | kept == set(metadata.tables)


def test_the_last_tick_stays_however_long_ago_it_was(aged: Database, tmp_path: Path) -> None:
    aged.append(LedgerEvent(event="tick_completed", who="x", at=NOON + timedelta(days=300)))
    pruned(aged, tmp_path / "archive", now=NOON + timedelta(days=300))
    assert counted(aged, "ticks") == 1
    assert aged.last_tick() is not None
    assert len(aged.open_attempts()) == 1
    assert len(aged.actions(statuses=[ActionStatus.SUGGESTED])) == 1


def test_on_an_empty_database_there_is_nothing_to_do(tmp_path: Path) -> None:
    database = Database.in_memory("meta")
    assert pruned(database, tmp_path / "archive").end is None


# --- killed -------------------------------------------------------------------------------------


def killed(url: str, folder: Path, step: int) -> int | None:
    """Run it as a process that dies at a step; the number of steps, if it lived."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.adapters.aged_database", url, str(folder), str(step)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    if done.returncode == 0:
        return int(done.stdout)
    assert done.returncode == -9, done.stderr
    return None


def completed(database: Database, folder: Path) -> tuple[Any, ...]:
    """After a death: the ledger is whole, and a second run leaves what one whole run leaves."""
    check = database.verify_ledger()
    assert check.ok, check.message
    pruned(database, folder)
    check = proven(database, folder)
    assert check.ok, check.message
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    segments = database.segments()
    assert all(segment.removed_at is not None for segment in segments)
    assert counted(database, "ledger", f"seq <= {segments[-1].last}") == 0
    tables = ("ticks", "insights_seen", "entity_snapshots", "optimization_actions", "attempts")
    return check.archived, files, [counted(database, table) for table in tables]


@pytest.mark.slow
def test_killed_at_any_step_the_next_run_completes_it(aged_file: Path, tmp_path: Path) -> None:
    def at(step: int) -> tuple[Any, ...] | None:
        folder = tmp_path / str(step)
        state = folder / "state"
        state.mkdir(parents=True, mode=0o700)
        shutil.copy(aged_file, state)
        url = f"sqlite:///{state / 'meta.sqlite3'}"
        if killed(url, folder / "archive", step) is not None and step:
            return None
        database = Database(url, platform="meta")
        found = completed(database, folder / "archive")
        database.close()
        return found

    whole = at(0)
    step = 1
    while (found := at(step)) is not None:
        assert found == whole, f"killed at step {step}"
        step += 1
    assert step > 80


@pytest.mark.slow
@pytest.mark.parametrize("step", [3, 12, 14, 16, 18, 20, 22, 24, 26, 90])
def test_killed_on_postgresql_the_next_run_completes_it(
    aged_postgres_url: str, tmp_path: Path, step: int
) -> None:
    database = Database(aged_postgres_url, platform="meta")
    assert killed(aged_postgres_url, tmp_path / "archive", step) is None
    assert completed(database, tmp_path / "archive")[0] == database.segments()[-1].last
    database.close()
