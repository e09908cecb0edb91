"""`policies selftest`, and the gate before auto mode: each a process of its own."""

import json
from dataclasses import dataclass
from typing import Any

import pytest

from tests.cli.conftest import process

pytestmark = pytest.mark.slow

NO_CAP = {"MAX_DAILY_SPEND_USD": "1000000000000"}
DEAD = "safety.daily_spend"


@dataclass(frozen=True, slots=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def run(home):
    def run(*arguments: str, **environment: str) -> Done:
        with process(*arguments, home=home, **environment) as ran:
            out, err = ran.communicate(timeout=60)
        return Done(ran.returncode, out, err)

    return run


def mode(run) -> str:
    return run("mode", "show", "--json").json["mode"]


def last(run, event: str) -> Any:
    entries = run("ledger", "list", "--json").json
    return [entry for entry in entries if entry["event"] == event][-1]


def test_by_default_every_guard_fires(run):
    done = run("policies", "selftest", "--json")
    assert done.code == 0, done.err
    told = done.json
    assert (told["ok"], told["platform"], told["dead"]) == (True, "sandbox", [])
    assert told["off"] == ["limits.freeze", "limits.scope"]
    for guard in told["guards"]:
        assert set(guard) >= {"rule", "state", "injected", "observed", "limit", "message"}
    assert {g["rule"] for g in told["guards"] if g["state"] != "fires"} == set(told["off"])


def test_people_see_each_guard_with_what_it_said(run):
    done = run("policies", "selftest")
    assert done.code == 0
    assert done.out.startswith("SANDBOX")
    assert DEAD in done.out
    assert "500,000.00 USD: over the daily cap of 10,000.00 USD" in done.out
    assert "Every guard that is on can fire." in done.out


def test_it_needs_no_database_and_makes_none(run, home):
    run("policies", "selftest")
    assert not list(home.glob("state/meta-auto*"))


def test_a_dead_guard_is_named(run):
    done = run("policies", "selftest", "--json", **NO_CAP)
    assert done.code == 3
    assert (done.json["ok"], done.json["dead"]) == (False, [DEAD])
    shown = run("policies", "selftest", **NO_CAP)
    assert shown.code == 3
    assert f"Dead, no action can make it fire: {DEAD}." in shown.out


def test_a_guard_that_is_off_is_told_apart(run):
    done = run("policies", "selftest", "--json", ACTION_COOLDOWN_HOURS="0")
    assert done.code == 0
    assert "safety.cooldown" in done.json["off"]


def test_auto_mode_is_refused_while_a_guard_is_dead(run):
    done = run("mode", "set", "auto", "--json", **NO_CAP)
    assert done.code == 3
    error = done.json["error"]
    assert error["code"] == "refused"
    assert DEAD in error["message"]
    assert f"--accept {DEAD}" in error["remedy"]
    assert mode(run) == "suggest"


def test_an_accepted_guard_is_recorded(run):
    done = run("mode", "set", "auto", "--accept", DEAD, "--json", **NO_CAP)
    assert done.code == 0, done.err
    assert done.json["accepted_guards"] == [DEAD]
    assert mode(run) == "auto"
    entry = last(run, "mode_changed")
    assert entry["after"]["accepted_guards"] == [DEAD]
    digest = run("policies", "show", "--json", **NO_CAP).json["policy_digest"]
    assert entry["after"]["tested_policy"] == digest


def test_every_dead_guard_must_be_accepted(run):
    loose = NO_CAP | {"MAX_DAILY_CHANGE_PCT": "1"}
    done = run("mode", "set", "auto", "--accept", DEAD, "--json", **loose)
    assert done.code == 3
    assert "policy.budget_change" in done.json["error"]["message"]
    both = ("--accept", DEAD, "--accept", "policy.budget_change")
    assert run("mode", "set", "auto", *both, **loose).code == 0


def test_what_is_alive_is_not_recorded_as_accepted(run):
    assert run("mode", "set", "auto", "--accept", DEAD).code == 0
    assert last(run, "mode_changed")["after"]["accepted_guards"] == []


def test_suggest_mode_asks_for_nothing(run):
    assert run("mode", "set", "suggest", **NO_CAP).code == 0


@pytest.mark.parametrize(
    "arguments", [("auto", "--accept", "safety.nonsense"), ("suggest", "--accept", DEAD)]
)
def test_what_can_not_be_accepted_is_wrong_usage(run, arguments):
    assert run("mode", "set", *arguments).code == 2


def test_a_tick_in_auto_mode_raises_a_dead_guard_and_goes_on(run):
    loose = NO_CAP | {"META_AUTO_MODE": "auto"}
    report = run("tick", "--json", **loose).json
    assert f"dead_guard:{DEAD}" in {alert["key"] for alert in report["alerts"]}
    assert report["actions_executed"] > 0
    report = run("tick", "--json", META_AUTO_MODE="auto").json
    assert f"dead_guard:{DEAD}" not in {alert["key"] for alert in report["alerts"]}
