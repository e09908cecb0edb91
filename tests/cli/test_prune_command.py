"""`db prune` and `ledger verify --archive` as an admin runs them."""

import json
from pathlib import Path

import pytest

from meta_autonomous.adapters.database import Database
from tests.adapters.aged_database import filled
from tests.adapters.database_scene import tamper


@pytest.fixture
def aged(home: Path, meta_auto, monkeypatch):
    """Half a year of records of the platform Meta; no token, for none is needed."""
    url = f"sqlite:///{home / 'state' / 'meta-auto.sqlite3'}"
    filled(url).close()
    monkeypatch.setenv("META_AUTO_PLATFORM", "meta")
    monkeypatch.setenv("META_AD_ACCOUNT_IDS", "1001")
    return meta_auto


def test_a_dry_run_then_the_run_then_the_proof_of_both(aged, home):
    would = aged("db", "prune", "--older-than", "60", "--dry-run", "--json")
    assert would.code == 0
    assert not (home / "state" / "archive").exists()
    done = aged("db", "prune", "--older-than", "60", "--json")
    assert done.code == 0
    told = done.json
    assert told == would.json | {"dry_run": False}
    assert told["before"] == "2026-01-09T12:00:00Z"
    assert [month["month"] for month in told["months"]] == [
        "2025-09", "2025-10", "2025-11", "2025-12",
    ]  # fmt: skip
    assert told["rows"]["ticks"] > 0
    assert told["archive"] == str(home / "state" / "archive")
    alone = aged("ledger", "verify", "--json").json
    assert alone["ok"]
    assert alone["starts_after"].startswith(f"{told['ledger_entries']}:")
    both = aged("ledger", "verify", "--archive", told["archive"], "--json").json
    assert (both["ok"], both["archived"]) == (True, told["ledger_entries"])


def test_it_says_in_words_what_went_and_where_the_proof_begins(aged):
    assert "would be moved" in aged("db", "prune", "--older-than", "60", "--dry-run").out
    out = aged("db", "prune", "--older-than", "60").out
    assert out.startswith("META")
    assert "2025-09 to 2025-12, moved to" in out
    assert "insights_seen" in out
    assert "It begins after entry" in aged("ledger", "verify").out
    folder = aged("db", "prune", "--json").json["archive"]
    assert "link up with these" in aged("ledger", "verify", "--archive", folder).out


def test_too_short_a_memory_is_refused(aged):
    for days in ("34", "0", "-1", "99999999"):
        done = aged("db", "prune", "--older-than", days, "--json")
        assert done.code == 2
        assert "at least 35 days" in done.error["remedy"]


def test_a_broken_ledger_is_refused_and_named(aged, home):
    database = Database(f"sqlite:///{home / 'state' / 'meta-auto.sqlite3'}", platform="meta")
    tamper(database, "UPDATE ledger SET event = 'x' WHERE seq = 7")
    database.close()
    done = aged("db", "prune", "--older-than", "60", "--json")
    assert done.code == 3
    assert "entry 7" in done.error["message"]
    assert "ledger verify" in done.error["remedy"]


def test_a_missing_archive_is_a_broken_ledger(aged, home):
    aged("db", "prune", "--older-than", "60")
    done = aged("ledger", "verify", "--archive", str(home / "elsewhere"), "--json")
    assert done.code == 3
    assert done.json["first_broken"] == 1
    assert "is not there" in done.json["message"]


def test_the_export_goes_on_from_the_archive(aged, home):
    before = aged("ledger", "export").out.splitlines()
    told = aged("db", "prune", "--older-than", "60", "--json").json
    after = aged("ledger", "export").out.splitlines()
    last = json.loads(before[told["ledger_entries"] - 1])
    assert json.loads(after[0])["prev"] == last["hash"]
    assert json.loads(after[0])["seq"] == last["seq"] + 1


def test_without_a_database_there_is_nothing_to_prune(meta_auto):
    done = meta_auto("db", "prune", "--json")
    assert done.code == 78
    assert "no database yet" in done.error["message"]
