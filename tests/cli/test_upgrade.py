"""The way up from every released schema, walked with a database that the release itself filled.

`tests/data/schema-REVISION.sql.gz` is SQLite's own dump of a sandbox's database: a tick, an
approval, a rejection, auto mode, another tick. Whoever releases another schema adds its dump.
"""

import gzip
import sqlite3
from pathlib import Path

import pytest

from meta_autonomous.adapters.database import schema

DUMPS = {
    path.name.removeprefix("schema-").removesuffix(".sql.gz"): path
    for path in sorted((Path(__file__).parents[1] / "data").glob("schema-*.sql.gz"))
}


@pytest.fixture(params=DUMPS)
def released(request: pytest.FixtureRequest, home: Path) -> str:
    """A machine whose database is of that revision."""
    revision: str = request.param
    state = home / "state"
    state.mkdir(mode=0o700)
    connection = sqlite3.connect(state / "meta-auto.sqlite3")
    connection.execute("PRAGMA journal_mode = WAL")  # as the program leaves it; no dump says so
    connection.executescript(gzip.decompress(DUMPS[revision].read_bytes()).decode())
    connection.close()
    (state / "meta-auto.sqlite3").chmod(0o600)
    return revision


def test_there_is_a_dump_of_the_first_release():
    assert "0001" in DUMPS
    assert set(DUMPS) <= set(schema.REVISIONS)


def test_an_older_schema_is_refused_with_the_remedy_and_left_as_it_is(released, home, meta_auto):
    if released == schema.HEAD:
        pytest.skip(f"{released} is today's schema")
    file = home / "state" / "meta-auto.sqlite3"
    before = file.read_bytes()
    for command in (["tick"], ["status"], ["suggestions", "list"], ["alerts", "check"]):
        done = meta_auto(*command, "--json")
        assert done.code == 78
        assert "meta-auto db upgrade" in done.error["remedy"]
        assert released in done.error["message"]
    assert file.read_bytes() == before


def test_upgraded_it_keeps_every_row_and_its_audit_trail_and_ticks_on(released, home, meta_auto):
    before = _rows(home)
    done = meta_auto("db", "upgrade", "--json")
    assert done.code == 0
    assert done.json["upgraded"] is (released != schema.HEAD)
    after = _rows(home)
    assert {name: after[name] for name in before} == before
    verified = meta_auto("ledger", "verify", "--json")
    assert verified.json["ok"], verified.out
    assert verified.json["entries"] >= before["ledger"]
    # What a person decided then is what they find now.
    actions = meta_auto("actions", "list", "--status", "executed", "--json").json
    assert any(action["decided_by"] == "root" for action in actions)
    tick = meta_auto("tick", "--json")
    assert tick.code == 0, tick.out
    assert tick.json["campaigns_evaluated"] > 0
    assert meta_auto("ledger", "verify", "--json").json["ok"]
    pending = meta_auto("suggestions", "list", "--json").json
    assert all(suggestion["status"] == "suggested" for suggestion in pending)


def test_upgraded_it_has_exactly_the_tables_of_a_new_one(released, home, meta_auto, monkeypatch):
    assert meta_auto("db", "upgrade").code == 0
    upgraded = _columns(home / "state" / "meta-auto.sqlite3")
    monkeypatch.setenv("META_AUTO_STATE_DIR", str(home / "new"))
    assert meta_auto("db", "upgrade").code == 0
    assert upgraded == _columns(home / "new" / "meta-auto.sqlite3")


def _rows(folder: Path) -> dict[str, int]:
    with sqlite3.connect(folder / "state" / "meta-auto.sqlite3") as connection:
        names = [
            name
            for (name,) in connection.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table'"
            )
        ]
        counts = {
            name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
            for name in names
            if name != "sqlite_sequence"
        }
    connection.close()
    return counts


def _columns(file: Path) -> dict[str, list[tuple[object, ...]]]:
    """Name, type and whether it may be empty, of every column; the order is nobody's business."""
    connection = sqlite3.connect(file)
    names = [
        name
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    ]
    found = {
        name: sorted(row[1:4] for row in connection.execute(f"PRAGMA table_info({name})"))
        for name in names
    }
    connection.close()
    return found
