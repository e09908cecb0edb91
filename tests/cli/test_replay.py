"""`replay` and `backfill` as people run them, and the demo that leaves something to replay."""

import json
import sqlite3
from datetime import timedelta

import pytest

from meta_autonomous.cli import demo
from tests.cli.conftest import process


@pytest.fixture
def short_days(monkeypatch):
    monkeypatch.setattr(demo, "_TICKS_PER_DAY", 2)
    monkeypatch.setattr(demo, "_PAUSE", timedelta(hours=12))


def test_with_nothing_on_record_a_replay_says_so(meta_auto):
    done = meta_auto("replay")
    assert (done.code, done.err) == (0, "")
    assert "Nothing is recorded since then." in done.out
    told = meta_auto("replay", "--json").json
    assert (told["ticks"], told["decisions"], told["identical"]) == (0, 0, True)
    assert told["differing"] == []
    assert told["money_moved_usd"] == {
        "recorded": "0.00",
        "replayed": "0.00",
        "difference": "0.00",
    }


@pytest.mark.parametrize(
    "setting",
    ["NOPE=1", "MAX_AUTO_CHANGE_PCT=x", "MAX_AUTO_CHANGE_PCT=0.5", "META_AUTO_ADMINS=me"],
)
def test_a_wrong_setting_is_wrong_with_nothing_on_record_too(meta_auto, setting):
    done = meta_auto("replay", "--set", setting, "--json")
    assert done.code == 78
    assert done.error["code"] == "config"
    assert setting.partition("=")[0] in done.error["message"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["replay", "--set", "MAX_AUTO_CHANGE_PCT"],
        ["replay", "--set", "=1"],
        ["replay", "--since", "yesterday-ish"],
        ["backfill"],
        ["backfill", "--days", "0"],
        ["backfill", "--days", "91"],
    ],
)
def test_wrong_usage_is_told(meta_auto, arguments):
    assert meta_auto(*arguments).code == 2


def test_an_account_that_no_tick_worked_is_not_found(meta_auto):
    done = meta_auto("replay", "--account", "act_5", "--json")
    assert done.code == 3
    assert done.error["code"] == "not_found"


@pytest.mark.usefixtures("short_days")
def test_the_demo_plays_on_the_sandbox_and_can_be_replayed(meta_auto, home):
    done = meta_auto("demo", "--days", "2")
    assert done.code == 0, done.out + done.err
    assert "meta-auto replay --since 3d --set MAX_AUTO_CHANGE_PCT=0.05" in done.out
    same = meta_auto("replay", "--since", "3d", "--json").json
    assert same["identical"] is True
    assert same["ticks"] == 4
    assert same["decisions"] > 0
    changed = meta_auto(
        "replay", "--since", "3d", "--set", "MAX_AUTO_CHANGE_PCT=0.05", "--json"
    ).json
    acting = [one for one in changed["differing"] if one["was"]["outcome"] == "executed"]
    assert acting
    for one in acting:
        assert one["was"]["route"] == "auto"
        assert abs(one["was"]["change_pct"]) > 0.05
    assert meta_auto("mode", "show", "--json").json["mode"] == "suggest"
    assert meta_auto("status").code == 0


@pytest.mark.usefixtures("short_days")
def test_the_demo_goes_on_from_where_the_sandbox_stands(meta_auto, home):
    first = meta_auto("demo", "--days", "1", "--json").json
    second = meta_auto("demo", "--days", "1", "--json").json
    assert second["days"][0]["date"] > first["days"][0]["date"]
    assert second["folder"] == str(home / "state")
    assert second["look_around"] == "meta-auto replay --since 2d"


@pytest.mark.usefixtures("short_days")
@pytest.mark.parametrize("hindrance", ["real accounts", "token", "nonsense", "stopped", "theirs"])
def test_the_demo_leaves_alone_what_is_not_for_playing(meta_auto, home, monkeypatch, hindrance):
    match hindrance:
        case "real accounts":
            monkeypatch.setenv("META_AUTO_PLATFORM", "meta")
        case "token":
            monkeypatch.setenv("META_ACCESS_TOKEN", "EAAsecret1234567890")
        case "nonsense":
            monkeypatch.setenv("MAX_DAILY_CHANGE_PCT", "nonsense")
        case "stopped":
            assert meta_auto("stop").code == 0
        case "theirs":
            monkeypatch.setattr("os.access", lambda *_: False)
    before = sorted(home.rglob("*"))
    told = meta_auto("demo", "--days", "1", "--json").json
    assert told["days"][0]["actions_generated"] > 0
    assert told["folder"] is None
    assert sorted(home.rglob("*")) == before


def test_a_backfill_shows_a_new_user_the_past(meta_auto, home):
    done = meta_auto("backfill", "--days", "6", "--json")
    assert done.code == 0, done.out + done.err
    assert len(done.json["days"]) == 6
    assert done.json["actions_wanted"] > 0
    shown = meta_auto("replay", "--since", "7d")
    assert "What the backfilled days would have brought" in shown.out
    assert "their numbers are those known now" in shown.out
    told = meta_auto("replay", "--since", "7d", "--json").json
    assert (told["backfilled_ticks"], told["identical"]) == (6, True)
    assert told["past"]


def test_a_replay_writes_nothing(meta_auto, home):
    def contents():
        connection = sqlite3.connect(home / "state" / "meta-auto.sqlite3")
        try:
            return list(connection.iterdump())
        finally:
            connection.close()

    assert meta_auto("tick", "-q").code == 0
    before, files = contents(), sorted(home.rglob("*"))
    assert meta_auto("replay", "--set", "MAX_DAILY_CHANGE_PCT=0.15").code == 0
    assert contents() == before
    assert sorted(home.rglob("*")) == files


def _sides(one):
    return [side for side in (one["was"], one["would_be"]) if side]


def _routes(one):
    return {side["route"] for side in _sides(one)}


@pytest.mark.slow
def test_after_two_weeks_of_demo_only_automatic_steps_differ_and_every_larger_one_does(home):
    """A smaller step may differ, too: its day's room is measured from the budget a day ago."""

    def run(*arguments):
        ran = process(*arguments, "--json", home=home)
        out, err = ran.communicate(timeout=900)
        assert ran.returncode == 0, out + err
        return json.loads(out)

    assert run("demo", "--days", "14")["ledger"]["ok"] is True
    same = run("replay", "--since", "15d")
    assert (same["identical"], same["ticks"]) == (True, 56)
    changed = run("replay", "--since", "15d", "--set", "MAX_AUTO_CHANGE_PCT=0.05")
    connection = sqlite3.connect(home / "state" / "meta-auto.sqlite3")
    reports = [json.loads(row[0]) for row in connection.execute("SELECT report FROM ticks")]
    connection.close()
    larger = {
        (report["tick_id"], action["entity_id"])
        for report in reports
        for action in report["actions"]
        if report["mode"] == "auto"
        and action["outcome"] == "executed"
        and action["change_pct"] is not None
        and abs(float(action["change_pct"])) > 0.05
    }
    acting = {
        (one["tick_id"], one["entity_id"])
        for one in changed["differing"]
        if "executed" in [side["outcome"] for side in _sides(one)]
    }
    assert larger
    assert larger <= acting
    modes = {report["tick_id"]: report["mode"] for report in reports}
    for one in changed["differing"]:
        assert modes[one["tick_id"]] == "auto"
        assert one["was"] != one["would_be"]
    # Where a scale is not executed any more, a reallocation may be offered in its place.
    of_persons = [one for one in changed["differing"] if "auto" not in _routes(one)]
    assert {side["type"] for one in of_persons for side in _sides(one)} <= {"reallocate"}
    assert float(changed["money_moved_usd"]["difference"]) < 0
    assert any(one["later"]["held"] is not None for one in changed["differing"])
