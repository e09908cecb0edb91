"""The whole program on the real sandbox: over HTTP, with a database on disk."""

import json
import os
import shutil
import signal
import sqlite3
import stat
import time
import urllib.request

import pytest

from meta_autonomous.cli import demo
from meta_autonomous.domain.action import Outcome
from tests.cli.conftest import ME, at_terminal, process

TICK_KEYS = {
    "success", "tick_started_at", "tick_completed_at", "campaigns_evaluated", "actions_generated",
    "actions_policy_blocked", "actions_safety_blocked", "actions_queued", "actions_executed",
    "actions_failed", "errors",
    "tick_id", "mode", "platform", "dry_run", "requests", "actions_deferred", "actions_unchanged",
    "actions_in_doubt", "accounts", "alerts", "actions", "warnings",
}  # fmt: skip
ACTION_KEYS = {
    "id", "type", "level", "entity_id", "entity_name", "campaign_id", "account_id",
    "current_budget", "proposed_budget", "currency", "change_pct", "roas", "expected_roas",
    "confidence", "outcome", "reason", "verdicts",
}  # fmt: skip
SUGGESTION_KEYS = {
    "id", "status", "type", "level", "entity_id", "entity_name", "campaign_id", "account_id",
    "current_budget", "proposed_budget", "currency", "change_pct", "roas", "confidence", "reason",
    "created_at", "expires_at",
}  # fmt: skip
STATUS_KEYS = {
    "enabled", "mode", "is_running", "interval_seconds", "max_daily_spend_usd",
    "max_actions_per_tick", "hard_stop_roas", "embargo_hours", "platform", "last_tick_at",
    "next_tick_at", "alerts", "today",
}  # fmt: skip
SEED_POLICIES = {
    "max_daily_change_pct": 0.20,
    "max_auto_change_pct": 0.10,
    "hard_stop_roas": 0.9,
    "hard_stop_confidence": 0.70,
    "min_impressions": 1000,
    "min_spend_usd": 100.0,
    "min_age_hours": 48,
    "creative_embargo_hours": 48,
    "min_spain_percentage": 0.35,
    "max_single_country_pct": 0.70,
    "require_human_approval_creatives": True,
}


@pytest.fixture(scope="session")
def after_a_tick(tmp_path_factory):
    """The state folder after one tick in suggest mode."""
    home = tmp_path_factory.mktemp("after")
    ran = process("tick", home=home)
    out, err = ran.communicate(timeout=120)
    assert ran.returncode == 0, out + err
    return home / "state"


@pytest.fixture
def ticked(meta_auto, home, after_a_tick):
    """After one tick in suggest mode: suggestions are waiting."""
    shutil.copytree(after_a_tick, home / "state")
    return meta_auto


def _pending(meta_auto, kind=None):
    found = meta_auto("suggestions", "list", "--json").json
    return [one for one in found if kind is None or one["type"] == kind]


# --- tick ---------------------------------------------------------------------------------------


def test_a_newcomers_first_tick_needs_nothing_and_says_sandbox(meta_auto, home):
    done = meta_auto("tick")
    assert done.code == 0
    assert done.out.splitlines()[0].startswith("SANDBOX")
    assert done.err == ""
    assert "FROM → TO" in done.out
    for column in ("ENTITY", "ACTION", "ROAS", "CONF.", "OUTCOME", "REASON"):
        assert column in done.out
    assert "\x1b" not in done.out
    state = home / "state"
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    for file in state.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0, file


def test_the_ticks_json_has_the_contracts_fields(meta_auto):
    done = meta_auto("tick", "--json")
    report = done.json
    assert done.err == ""
    assert set(report) >= TICK_KEYS
    assert report["platform"] == "sandbox"
    assert report["mode"] == "suggest"
    assert report["success"] is True
    assert report["actions"]
    for action in report["actions"]:
        assert set(action) >= ACTION_KEYS
        assert ("legs" in action) == (action["type"] == "reallocate")
        assert isinstance(action["id"], int)
        for verdict in action["verdicts"]:
            assert set(verdict) >= {"rule", "outcome", "observed", "limit", "message"}
            assert verdict["outcome"] in {"pass", "block", "warn", "clamp"}
    words = [outcome.value for outcome in Outcome]
    assert report["actions_generated"] == sum(report[f"actions_{word}"] for word in words)
    for word in words:
        shown = [one for one in report["actions"] if one["outcome"] == word]
        assert report[f"actions_{word}"] == len(shown)


def test_a_second_tick_notifies_nobody_again(ticked):
    first = _pending(ticked)
    report = ticked("tick", "--json").json
    assert report["actions_queued"] == 0
    assert report["actions_unchanged"] == len(first)
    assert _pending(ticked) == first


def test_a_dry_run_writes_nothing_anywhere(meta_auto, home):
    done = meta_auto("tick", "--dry-run", "--json")
    assert done.code == 0
    assert done.json["dry_run"] is True
    assert done.json["actions_queued"] > 0
    assert not (home / "state").exists()
    assert list(home.iterdir()) == []


def test_a_dry_run_decides_as_the_tick_does(meta_auto):
    def told(report):
        return [(one["entity_id"], one["type"], one["outcome"]) for one in report["actions"]]

    planned = meta_auto("tick", "--dry-run", "--json").json
    assert told(planned) == told(meta_auto("tick", "--json").json)


def test_quiet_is_silent_on_success(meta_auto):
    done = meta_auto("tick", "-q")
    assert (done.code, done.out, done.err) == (0, "", "")


def test_json_may_stand_anywhere(meta_auto):
    assert meta_auto("--json", "mode", "show").json["mode"] == "suggest"
    assert meta_auto("mode", "--json", "show").json["mode"] == "suggest"
    assert meta_auto("mode", "show", "--json").json["mode"] == "suggest"


def test_auto_mode_executes_and_queues_the_rest(meta_auto):
    assert meta_auto("mode", "set", "auto", "--json").code == 0
    report = meta_auto("tick", "--json").json
    assert report["mode"] == "auto"
    assert report["actions_executed"] > 0
    done = [one for one in report["actions"] if one["outcome"] == "executed"]
    assert all(abs(one["change_pct"] or 0) <= 0.10 for one in done)
    assert not [one for one in done if one["type"] in ("reallocate", "resume")]


def test_an_unknown_account_is_told(meta_auto):
    done = meta_auto("tick", "--account", "act_999", "--json")
    assert done.code != 0


# --- suggestions --------------------------------------------------------------------------------


def test_pending_suggestions_are_listed_most_urgent_first(ticked):
    found = _pending(ticked)
    assert found
    assert all(set(one) >= SUGGESTION_KEYS for one in found)
    assert {one["status"] for one in found} == {"suggested"}
    assert found[0]["reason"].startswith("HARD STOP")
    text = ticked("suggestions", "list").out
    assert text.startswith("SANDBOX")
    assert str(found[0]["id"]) in text


def test_one_suggestion_is_shown_whole(ticked):
    one = _pending(ticked, "scale_up")[0]
    shown = ticked("suggestions", "show", str(one["id"]), "--json").json
    assert {key: shown[key] for key in one} == one
    assert len(shown["evidence"]["days"]) == 7
    assert shown["verdicts"]
    assert shown["will_send"]
    text = ticked("suggestions", "show", str(one["id"])).out
    assert "What will be sent" in text
    assert shown["verdicts"][0]["rule"] in text


def test_an_approval_executes_once_and_only_once(ticked):
    one = _pending(ticked, "scale_up")[0]
    number = str(one["id"])
    done = ticked("suggestions", "approve", number, "--json")
    assert done.code == 0, done.out
    assert [(told["id"], told["status"]) for told in done.json] == [(one["id"], "executed")]
    assert set(done.json[0]) >= {"id", "status", "message"}
    again = ticked("suggestions", "approve", number, "--json")
    assert again.code == 3
    assert "Already executed" in again.json[0]["message"]
    history = ticked("actions", "list", "--status", "executed", "--json").json
    assert [(row["id"], row["decided_by"]) for row in history] == [(one["id"], ME)]
    assert history[0]["executed_at"]


def test_a_smaller_budget_may_be_approved(ticked):
    one = next(each for each in _pending(ticked, "scale_up") if each["currency"] == "USD")
    smaller = float(one["current_budget"]) + 1
    done = ticked("suggestions", "approve", str(one["id"]), "--budget", f"{smaller}", "--json")
    assert done.code == 0, done.out
    larger = ticked("suggestions", "list", "--json").json[-1]
    too_much = ticked("suggestions", "approve", str(larger["id"]), "--budget", "999999", "--json")
    assert too_much.code == 3


def test_some_done_and_some_refused_is_4(ticked):
    one = _pending(ticked, "scale_up")[0]
    done = ticked("suggestions", "approve", str(one["id"]), "999999", "--json")
    assert done.code == 4
    assert [told["status"] for told in done.json] == ["executed", "not_found"]


def test_a_rejection_closes_it(ticked):
    one = _pending(ticked, "scale_up")[0]
    done = ticked("suggestions", "reject", str(one["id"]), "--reason", "season ends", "--json")
    assert done.code == 0
    assert done.json[0]["status"] == "rejected"
    assert one["id"] not in [each["id"] for each in _pending(ticked)]
    entries = ticked("ledger", "list", "--json").json
    rejected = [entry for entry in entries if entry["event"] == "optimization_rejected"]
    assert rejected[0]["who"] == ME
    assert ticked("suggestions", "reject", str(one["id"])).code == 3


def test_all_asks_first_and_nobody_is_there_to_answer(ticked):
    done = ticked("suggestions", "approve", "--all")
    assert done.code == 2
    assert "--yes" in done.err
    assert _pending(ticked)


@pytest.mark.parametrize(("answer", "is_done"), [("n", False), ("y", True)])
def test_at_a_terminal_all_asks_once(ticked, home, answer, is_done):
    waiting = _pending(ticked)
    shown, code = at_terminal("suggestions", "approve", "--all", home=home, types=f"{answer}\n")
    assert f"Approve all {len(waiting)}? [y/N]:" in shown
    assert "─" in shown, "a terminal gets a drawn table"
    assert ("executed" in shown) == is_done
    assert code in ((0, 4) if is_done else (0,))
    if not is_done:
        assert _pending(ticked) == waiting


def test_a_terminal_without_colour_gets_none(ticked, home):
    shown, code = at_terminal("suggestions", "list", home=home, NO_COLOR="1")
    assert code == 0
    assert "\x1b[3" not in shown
    shown, code = at_terminal("suggestions", "list", home=home)
    assert "\x1b[" in shown
    shown, code = at_terminal("suggestions", "list", home=home, TERM="dumb")
    assert "\x1b" not in shown
    assert "─" not in shown


def test_all_with_yes_decides_everything(ticked):
    waiting = _pending(ticked)
    done = ticked("suggestions", "approve", "--all", "--yes", "--json")
    assert done.code in (0, 4)
    assert {told["id"] for told in done.json} == {one["id"] for one in waiting}
    assert sum(told["status"] == "executed" for told in done.json) >= len(waiting) // 2


def test_an_unknown_id_is_not_found(ticked):
    shown = ticked("suggestions", "show", "999999", "--json")
    assert shown.code == 3
    assert shown.error["code"] == "not_found"
    assert ticked("suggestions", "approve", "999999").code == 3


# --- looking ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [
        ["status"],
        ["policies", "show"],
        ["mode", "show"],
        ["suggestions", "list"],
        ["actions", "list"],
        ["campaigns", "list"],
        ["ledger", "list"],
        ["ledger", "verify"],
        ["alerts", "list"],
    ],
    ids=" ".join,
)
def test_looking_works_before_the_first_tick_and_makes_nothing(meta_auto, home, command):
    done = meta_auto(*command)
    assert done.code == 0, done.err
    assert done.out.startswith("SANDBOX")
    assert json.loads(meta_auto(*command, "--json").out) is not None
    assert not (home / "state").exists()


def test_status_has_the_contracts_fields(ticked):
    told = ticked("status", "--json").json
    assert set(told) >= STATUS_KEYS
    assert told["is_running"] is True
    assert told["hard_stop_roas"] == 0.9
    assert told["embargo_hours"] == 48
    today = told["today"]
    assert today["campaigns_evaluated"] > 0
    for outcome in Outcome:
        assert f"actions_{outcome.value}" in today
        assert f"actions_{outcome.value}_pct" in today
    assert {"spend_usd", "cap_usd"} <= set(today)
    text = ticked("status").out
    assert "Meta Autonomous System Status" in text
    assert "Spend [" in text


def test_policies_are_the_seeds_with_their_sources(meta_auto, monkeypatch):
    told = meta_auto("policies", "show", "--json").json
    assert {key: told[key] for key in SEED_POLICIES} == SEED_POLICIES
    assert told["sources"]["hard_stop_roas"]["source"] == "default"
    monkeypatch.setenv("HARD_STOP_ROAS", "1.0")
    told = meta_auto("policies", "show", "--json").json
    assert told["hard_stop_roas"] == 1.0
    assert told["sources"]["hard_stop_roas"]["source"] == "environment"
    text = meta_auto("policies", "show").out
    assert "HARD_STOP_ROAS" in text
    assert "environment" in text


def test_a_stored_mode_shows_as_a_runtime_override(meta_auto):
    meta_auto("mode", "set", "auto")
    told = meta_auto("policies", "show", "--json").json
    assert told["meta_auto_mode"] == "auto"
    assert told["sources"]["meta_auto_mode"]["source"] == "runtime override"
    assert ME in told["sources"]["meta_auto_mode"]["detail"]


def test_policies_are_shown_as_they_bind_one_entity(ticked, home):
    campaign = ticked("campaigns", "list", "--level", "campaign", "--json").json[0]
    file = home / "config.toml"
    file.write_text(
        "[[override]]\n"
        f"match = {json.dumps(campaign['entity_name'])}\nmax_daily_change_pct = 0.05\n"
        "max_auto_change_pct = 0.05\n"
    )
    file.chmod(0o600)
    entity = campaign["entity_id"]
    bound = ticked("--config", str(file), "policies", "show", "--for", entity, "--json").json
    assert bound["max_daily_change_pct"] == 0.05
    assert bound["sources"]["max_daily_change_pct"]["source"] == "name override"
    assert bound["for"]["campaign_name"] == campaign["entity_name"]
    assert [one["concerns"] for one in bound["overrides"]] == [True]
    free = ticked("--config", str(file), "policies", "show", "--json").json
    assert free["max_daily_change_pct"] == 0.2
    assert ticked("policies", "show", "--for", "42").code == 3


def test_everything_under_control_is_listed_and_explained(ticked):
    found = ticked("campaigns", "list", "--json").json
    assert {one["level"] for one in found} == {"campaign", "adset", "ad"}
    assert all(one["platform"] == "sandbox" for one in found)
    for one in [each for each in found if each["level"] == "campaign"][:4]:
        told = ticked("explain", one["entity_id"], "--json").json
        assert set(told) >= {
            "entity_id", "level", "decision", "first_binding", "eligible_again_at", "gates",
        }  # fmt: skip
        assert told["entity_id"] == one["entity_id"]
        assert told["gates"]
    assert ticked("explain", found[0]["entity_id"]).out.startswith("SANDBOX")
    assert ticked("explain", "42", "--json").error["code"] == "not_found"


def test_history_can_be_narrowed(ticked):
    everything = ticked("actions", "list", "--json").json
    blocked = ticked("actions", "list", "--status", "blocked", "--json").json
    assert 0 < len(blocked) < len(everything)
    assert {one["status"] for one in blocked} == {"blocked"}
    of_one = ticked("actions", "list", "--entity", everything[0]["entity_id"], "--json").json
    assert {one["entity_id"] for one in of_one} == {everything[0]["entity_id"]}
    assert ticked("actions", "list", "--since", "2999-01-01", "--json").json == []
    assert len(ticked("actions", "list", "--since", "7d", "--json").json) == len(everything)


def test_a_hard_stop_raises_an_alert(ticked):
    found = ticked("alerts", "list", "--json").json
    assert [one for one in found if one["key"].startswith("hard_stop:")]
    assert "HARD STOP" in ticked("alerts", "list").out


def test_hostile_names_reach_json_exactly_and_people_harmlessly(ticked):
    names = [one["entity_name"] for one in ticked("campaigns", "list", "--json").json]
    hostile = [name for name in names if not name.isprintable()]
    assert hostile, "the sandbox has names to be careful about"
    for command in (["campaigns", "list"], ["tick"], ["suggestions", "list"], ["alerts", "list"]):
        for line in ticked(*command).out.splitlines():
            assert all(sign.isprintable() or sign == "\u00a0" for sign in line), line


# --- switches -----------------------------------------------------------------------------------


def test_a_mode_change_is_answered_as_in_the_seed(meta_auto):
    told = meta_auto("mode", "set", "auto", "--json").json
    assert {key: told[key] for key in ("success", "old_mode", "new_mode", "message")} == {
        "success": True,
        "old_mode": "suggest",
        "new_mode": "auto",
        "message": ("Mode changed from suggest to auto. Changes take effect on next tick."),
    }
    assert meta_auto("mode", "show", "--json").json["mode"] == "auto"
    entry = meta_auto("ledger", "list", "--json").json[-1]
    assert (entry["event"], entry["who"]) == ("mode_changed", ME)


def test_a_stopped_system_does_nothing_and_says_so(ticked):
    assert ticked("stop").code == 0
    assert ticked("status", "--json").json["enabled"] is False
    done = ticked("tick", "--json")
    assert done.code == 0
    assert done.json["actions_generated"] == 0
    assert "stopped" in ticked("tick").out.lower()
    assert ticked("start").code == 0
    assert ticked("tick", "--json").json["campaigns_evaluated"] > 0


# --- the audit trail ----------------------------------------------------------------------------


def test_a_changed_ledger_is_found_out(ticked, home):
    whole = ticked("ledger", "verify", "--json").json
    assert whole["ok"] is True
    assert whole["entries"] > 3
    assert ticked("ledger", "verify", "--expect", whole["head"]).code == 0
    assert ticked("ledger", "verify", "--expect", "1:" + "0" * 64).code == 3
    assert ticked("ledger", "verify", "--expect", "1:00").code == 2
    with sqlite3.connect(home / "state" / "meta-auto.sqlite3") as database:
        triggers = database.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall()
        for (name,) in triggers:
            database.execute(f"DROP TRIGGER {name}")
        table = next(
            name
            for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            if name.startswith("ledger") and "head" not in name
        )
        database.execute(f"DELETE FROM {table} WHERE seq = 2")
    database.close()
    broken = ticked("ledger", "verify", "--json")
    assert broken.code == 3
    assert broken.json["ok"] is False
    assert broken.json["first_broken"] in (2, 3)


# --- setting up ---------------------------------------------------------------------------------


def test_init_writes_a_private_configuration_and_a_database(meta_auto, home):
    done = meta_auto("init", "--set", "max_daily_spend_usd=1000", "--json")
    assert done.code == 0, done.out
    file = home / ".config" / "meta-auto" / "config.toml"
    assert done.json["config"] == str(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert (home / "state" / "meta-auto.sqlite3").exists()
    assert list(file.parent.iterdir()) == [file]
    told = meta_auto("policies", "show", "--json").json
    assert told["max_daily_spend_usd"] == 1000.0
    assert told["sources"]["max_daily_spend_usd"]["detail"] == str(file)
    assert meta_auto("init").code == 3
    assert meta_auto("init", "--force").code == 0
    assert meta_auto("policies", "show", "--json").json["max_daily_spend_usd"] == 10000.0


@pytest.mark.parametrize(
    ("pair", "code"),
    [("max_daily_spend_usd", 2), ("meta_access_token=x", 2), ("max_daily_spend=1", 78),
     ("max_daily_change_pct=20", 78)],
)  # fmt: skip
def test_init_writes_no_wrong_setting(meta_auto, home, pair, code):
    done = meta_auto("init", "--set", pair)
    assert done.code == code, done.err
    assert not (home / ".config").exists()


def test_init_goes_where_it_is_told(meta_auto, home):
    assert meta_auto("--config", "own.toml", "init", "--json").json["config"] == str(
        home / "own.toml"
    )


def test_upgrading_a_current_database_changes_nothing(ticked):
    assert ticked("db", "upgrade", "--json").json["upgraded"] is False


@pytest.mark.parametrize(
    "command", [["tick"], ["tick", "--dry-run"], ["suggestions", "approve", "1"]]
)
def test_a_token_on_the_sandbox_is_refused(meta_auto, monkeypatch, command):
    monkeypatch.setenv("META_ACCESS_TOKEN", "EAAsecret1234567890")
    done = meta_auto(*command)
    assert done.code == 78
    assert "META_ACCESS_TOKEN" in done.err
    assert "EAAsecret" not in done.err + done.out


def test_meta_without_a_token_is_refused(meta_auto, monkeypatch):
    monkeypatch.setenv("META_AUTO_PLATFORM", "meta")
    monkeypatch.setenv("META_AD_ACCOUNT_IDS", "123")
    assert meta_auto("tick").code == 78


# --- demo and sandbox ---------------------------------------------------------------------------


@pytest.fixture
def short_days(monkeypatch):
    """One tick a day: all that a test needs, in a quarter of the time."""
    monkeypatch.setattr(demo, "_TICKS_PER_DAY", 1)


@pytest.mark.usefixtures("short_days")
def test_the_demo_ignores_tokens_and_settings_and_leaves_nothing(meta_auto, home, monkeypatch):
    monkeypatch.setenv("META_ACCESS_TOKEN", "EAAsecret1234567890")
    monkeypatch.setenv("META_AUTO_PLATFORM", "meta")
    monkeypatch.setenv("MAX_DAILY_CHANGE_PCT", "nonsense")
    done = meta_auto("demo", "--days", "2", "--json")
    assert done.code == 0, done.out + done.err
    told = done.json
    assert [day["mode"] for day in told["days"]] == ["suggest", "auto"]
    assert [day["ticks"] for day in told["days"]] == [1, 1]
    assert told["days"][0]["approved"] > 0
    assert told["days"][1]["actions_executed"] > 0
    assert told["ledger"]["ok"] is True
    assert told["blocks"]
    assert list(home.iterdir()) == []


@pytest.mark.usefixtures("short_days")
def test_the_demo_can_be_kept_and_looked_at(meta_auto, home, monkeypatch):
    done = meta_auto("demo", "--days", "1", "--keep", "kept")
    assert done.code == 0, done.err
    assert done.out.startswith("SANDBOX")
    assert "Day 1" in done.out
    monkeypatch.setenv("META_AUTO_STATE_DIR", str(home / "kept"))
    assert meta_auto("--config", "kept/config.toml", "ledger", "verify").code == 0
    assert meta_auto("demo", "--days", "1", "--keep", "kept").code == 2


def test_the_sandbox_serves_until_it_is_interrupted(home):
    ran = process("sandbox", "serve", "--json", home=home, PYTHONUNBUFFERED="1")
    assert ran.stdout is not None
    text = ""
    while not text.rstrip().endswith("}"):
        text += ran.stdout.readline()
    told = json.loads(text)
    request = urllib.request.Request(
        f"{told['url']}/v26.0/me/adaccounts", headers={"Authorization": f"Bearer {told['token']}"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert told["account_ids"][0] in answer.read().decode()
    ran.send_signal(signal.SIGINT)
    out, err = ran.communicate(timeout=20)
    assert (ran.returncode, out, err) == (0, "", "")


def test_two_ticks_at_once_do_the_work_once(home):
    both = [process("tick", "--json", home=home) for _ in range(2)]
    reports = [json.loads(ran.communicate(timeout=120)[0]) for ran in both]
    codes = sorted(ran.returncode for ran in both)
    assert codes in ([0, 0], [0, 75])
    queued = sum(report.get("actions_queued", 0) for report in reports)
    looked = process("suggestions", "list", "--json", home=home).communicate(timeout=60)[0]
    assert queued == len(json.loads(looked))


def test_a_terminated_tick_ends_cleanly(home):
    ran = process("tick", "--json", home=home)
    time.sleep(0.2)
    os.kill(ran.pid, signal.SIGTERM)
    ran.communicate(timeout=60)
    verified = process("ledger", "verify", "--json", home=home)
    assert json.loads(verified.communicate(timeout=60)[0])["ok"] is True
