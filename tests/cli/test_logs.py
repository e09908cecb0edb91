"""Logs: readable at a terminal, structured for a collector, each line with its tick, no secret."""

import json
import logging
import sys

import pytest

from meta_autonomous.cli import logs
from tests.cli.conftest import at_terminal, process


@pytest.fixture
def told(capsys, monkeypatch):
    """What one log line looks like."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    monkeypatch.setattr(logs, "_known", set())
    token = logs._tick_id.set(None)

    def tell(message: str, *, as_json: bool = False, error: Exception | None = None) -> str:
        logs.configure(as_json=as_json, debug=False)
        logging.getLogger("meta_auto.test").warning("%s", message, exc_info=error)
        return capsys.readouterr().err

    yield tell
    logs._tick_id.reset(token)
    root.handlers[:], level = before
    root.setLevel(level)


def test_a_line_for_people_names_level_place_and_tick(told):
    assert told("slow") == "warning: test: slow\n"
    logs.within_tick("t1")
    assert told("slow") == "warning: test: slow tick=t1\n"


def test_a_line_for_a_collector_is_one_object(told):
    logs.within_tick("t1")
    entry = json.loads(told("a\nb\x1b", as_json=True))
    assert {key: entry[key] for key in ("level", "logger", "tick_id", "message")} == {
        "level": "warning", "logger": "meta_auto.test", "tick_id": "t1", "message": "a\nb\x1b",
    }  # fmt: skip
    assert "T" in entry["at"]


def test_a_message_can_not_begin_a_line_of_its_own(told):
    assert told("a\nerror: forged\x1b[31m").count("\n") == 1


@pytest.mark.parametrize("as_json", [False, True])
def test_known_secrets_are_hidden_however_they_are_spelt(told, as_json):
    logs.hide("hunter2/hunter2+=", None, "short")
    text = "x hunter2/hunter2+= y hunter2%2Fhunter2%2B%3D z short"
    shown = told(text, as_json=as_json)
    assert "hunter2" not in shown
    assert "short" in shown


@pytest.mark.parametrize(
    "text",
    [
        "EAAhunter2hunter2", "?access_token=hunter2&x=1", "?input_token=hunter2", "appsecret_proof=hunter2",
        "Authorization: Bearer hunter2", "postgresql://ana:hunter2@db/x", "mailto://a:hunter2@smtp",
    ],
)  # fmt: skip
def test_what_looks_like_a_secret_is_hidden(told, text):
    assert "hunter2" not in told(text)


def test_a_traceback_keeps_its_lines_and_no_secret(told):
    try:
        int("EAAhunter2hunter2\x1b[2J")
    except ValueError as error:
        shown = told("broken", error=error)
        entry = json.loads(told("broken", as_json=True, error=error))
    assert "Traceback" in shown
    assert shown.count("\n") > 3
    assert "hunter2" not in shown + entry["trace"]
    assert "\x1b" not in shown


def test_the_journal_is_known_by_its_variable_unless_a_person_reads(monkeypatch):
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    assert not logs.under_journal()
    monkeypatch.setenv("JOURNAL_STREAM", "8:12345")
    assert logs.under_journal()
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert not logs.under_journal()


@pytest.mark.slow
def test_under_the_journal_a_tick_logs_its_end_and_the_ledgers_head(home):
    with process("tick", "-q", home=home, JOURNAL_STREAM="8:12345") as ran:
        out, err = ran.communicate(timeout=120)
    assert (ran.returncode, out) == (0, "")
    entries = [json.loads(line) for line in err.splitlines()]
    (done,) = [one for one in entries if one["message"].startswith("tick completed")]
    assert {one["tick_id"] for one in entries} == {done["tick_id"]}
    assert done["tick_id"]
    with process("ledger", "list", "--limit", "1", "--json", home=home) as ran:
        (last,) = json.loads(ran.communicate(timeout=120)[0])
    assert done["message"].endswith(f" ledger_head={last['seq']}:{last['hash']}")
    assert not [one for one in entries if one is not done and "ledger_" in one["message"]]


@pytest.mark.slow
def test_at_a_terminal_a_quiet_tick_says_nothing(home):
    shown, code = at_terminal("tick", "-q", home=home, JOURNAL_STREAM="8:12345")
    assert (shown, code) == ("", 0)
