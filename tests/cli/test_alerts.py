"""Alerts: listed, looked for, taken note of."""

import json
import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest

from meta_autonomous.adapters.sandbox import Sandbox
from tests.cli.conftest import ME, process

pytestmark = pytest.mark.slow


def _run(home, *arguments):
    with process(*arguments, home=home) as ran:
        out, err = ran.communicate(timeout=120)
    assert "Traceback" not in err
    return ran.returncode, out


def _json(home, *arguments):
    code, out = _run(home, *arguments, "--json")
    return code, json.loads(out)


def _keys(home, command="check"):
    code, found = _json(home, "alerts", command)
    assert code == 0
    return {one["key"] for one in found}


def _passes(home, **time):
    with Sandbox(home / "state" / "sandbox.sqlite3") as sandbox:
        sandbox.advance(timedelta(**time))


def _tamper(home, statement):
    with closing(sqlite3.connect(home / "state" / "meta-auto.sqlite3")) as database:
        database.execute("DROP TRIGGER IF EXISTS ledger_no_update")
        database.execute(statement)
        database.commit()


@pytest.fixture(scope="session")
def after_one_tick(tmp_path_factory):
    home = tmp_path_factory.mktemp("alerts")
    assert _run(home, "tick", "-q")[0] == 0
    return home / "state"


@pytest.fixture
def home(after_one_tick, tmp_path):
    shutil.copytree(after_one_tick, tmp_path / "state")
    return tmp_path


def test_missing_ticks_are_an_alert_until_one_runs(home):
    _passes(home, minutes=119)
    assert "no_ticks" not in _keys(home)
    _passes(home, minutes=2)
    assert "no_ticks" in _keys(home)
    assert "no_ticks" in _keys(home, "list")
    code, out = _run(home, "alerts", "check")
    assert code == 0
    assert "No tick has completed since 2026-11-02 10:00 UTC" in out
    assert _run(home, "tick", "-q")[0] == 0
    assert "no_ticks" not in _keys(home)


def test_nobody_misses_the_ticks_of_a_stopped_system(home):
    assert _run(home, "stop")[0] == 0
    _passes(home, days=3)
    assert "no_ticks" not in _keys(home)
    assert _run(home, "start")[0] == 0
    assert "no_ticks" not in _keys(home)
    _passes(home, hours=2, minutes=1)
    assert "no_ticks" in _keys(home)


def test_a_tampered_ledger_is_an_alert_until_it_is_whole(home):
    _tamper(home, "UPDATE ledger SET body = body || ' ' WHERE seq = 2")
    assert "ledger_broken" in _keys(home)
    _tamper(home, "UPDATE ledger SET body = rtrim(body) WHERE seq = 2")
    assert "ledger_broken" not in _keys(home)


def test_a_check_of_nothing_finds_and_makes_nothing(tmp_path):
    assert _keys(tmp_path) == set()
    assert not (tmp_path / "state").exists()


def test_an_alert_is_acknowledged_once_and_stands(home):
    key = min(_keys(home, "list"))
    code, (told,) = _json(home, "alerts", "ack", key)
    assert (code, told["id"], told["status"]) == (0, key, "acknowledged")
    standing = {one["key"]: one for one in _json(home, "alerts", "list")[1]}
    assert standing[key]["acknowledged_by"] == ME
    code, (told,) = _json(home, "alerts", "ack", key)
    assert (code, told["message"]) == (3, f"Acknowledged already by {ME}.")


def test_of_several_some_may_be_unknown(home):
    key = min(_keys(home, "list"))
    code, told = _json(home, "alerts", "ack", "nothing", key)
    assert code == 4
    assert [one["status"] for one in told] == ["not_found", "acknowledged"]
    code, out = _run(home, "alerts", "ack", "nothing")
    assert code == 3
    assert "not found" in out
    assert _run(home, "alerts", "ack")[0] == 2
