"""What a tick asks of years of records is answered by an index over the few rows that matter."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event

from meta_autonomous.adapters.database import Database
from meta_autonomous.adapters.database.tables import OPEN_ATTEMPTS
from meta_autonomous.domain.intent import OPEN_STATES
from tests.adapters.database_scene import NOON, a_snapshot, an_adset, scale, suggested
from tests.adapters.database_scene import record as record_action
from tests.postgres import postgres_server, postgres_url  # noqa: F401

DEEDS = {
    "what is in doubt": lambda db: db.open_attempts(),
    "what is in doubt of an account": lambda db: db.open_attempts("1001"),
    "what no read has seen yet": lambda db: db.reserved_usd(),
    "what was tried lately": lambda db: db.memory(
        a_snapshot(an_adset("13")), now=NOON, our_application_id=None
    ),
}


@pytest.fixture
def database(tmp_path):
    database = Database(f"sqlite:///{tmp_path / 'state' / 'db.sqlite3'}", platform="meta")
    database.create_or_check()
    record_action(database, suggested(scale(an_adset("13"))), at=NOON - timedelta(days=1))
    yield database
    database.close()


def plans(database: Database, deed: Any) -> list[str]:
    """How SQLite goes about each of the deed's queries, line by line."""
    asked: list[tuple[str, Any]] = []

    def note(_connection, _cursor, statement, parameters, *_rest):
        if statement.startswith("SELECT"):
            asked.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        deed(database)
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert asked
    with database._reading() as unit:
        return [
            row[3]
            for statement, parameters in asked
            for row in unit.connection.exec_driver_sql(
                f"EXPLAIN QUERY PLAN {statement}", tuple(map(str, parameters))
            )
        ]


@pytest.mark.parametrize("deed", DEEDS.values(), ids=DEEDS)
def test_no_query_of_a_tick_reads_all_actions_or_all_attempts(database, deed):
    told = plans(database, deed)
    for line in told:
        for table in ("optimization_actions", "attempts"):
            assert f"SCAN {table}" not in line, line
            # By platform alone an index is as long as the table.
            assert not (line.startswith(f"SEARCH {table} ") and line.endswith("(platform=?)")
                        and "uq_attempts_open" not in line), line  # fmt: skip


def test_what_is_in_doubt_is_found_by_the_index_over_it(database):
    told = plans(database, DEEDS["what is in doubt of an account"])
    assert any("uq_attempts_open" in line for line in told)


def test_the_words_of_that_index_are_the_open_states():
    assert set(str(OPEN_ATTEMPTS).split("'")[1::2]) == set(OPEN_STATES)


def test_the_index_over_what_is_open_is_partial_on_postgresql_too(
    postgres_url,  # noqa: F811
):
    database = Database(postgres_url, platform="meta")
    database.create_or_check()
    with database._reading() as unit:
        told = unit.connection.exec_driver_sql(
            "SELECT indexdef FROM pg_indexes WHERE indexname = 'uq_attempts_open' "
            "AND schemaname = current_schema()"
        ).scalar_one()
    database.close()
    assert "UNIQUE" in told
    assert "WHERE" in told
