"""Exit codes and the one line (or one JSON document) that goes with each."""

import re
import subprocess
import sys
import tomllib

import pytest

from meta_autonomous.__main__ import main
from meta_autonomous.cli import VERSION, app, failures
from meta_autonomous.cli.failures import explained
from meta_autonomous.cli.usage import WrongUsage
from meta_autonomous.ports import errors
from tests.cli.conftest import ROOT, environment_of, process

ALL_ERRORS = [
    (errors.ConfigError("x"), 78, "config"),
    (errors.NotAllowed("x"), 77, "not_allowed"),
    (errors.Busy("x"), 75, "busy"),
    (errors.Throttled("x"), 75, "throttled"),
    (errors.Penalised("x"), 75, "penalised"),
    (errors.RefusedByGuard("x"), 3, "refused"),
    (errors.NotFound("x"), 3, "not_found"),
    (errors.Unreachable("x"), 4, "unreachable"),
    (errors.AuthFailed("x"), 4, "auth"),
    (errors.BadAnswer("x"), 4, "bad_answer"),
    (errors.Gone("x"), 4, "gone"),
    (errors.StoreUnavailable("x"), 1, "database"),
    (OSError(28, "No space left on device", "/var/lib/x"), 1, "system"),
    (WrongUsage("x"), 2, "usage"),
    (RuntimeError("x"), 1, "internal"),
]


@pytest.mark.parametrize(("error", "code", "word"), ALL_ERRORS)
def test_every_kind_of_error_has_its_exit_code(error, code, word):
    failure = explained(error)
    assert (failure.exit_code, failure.code) == (code, word)


def test_every_error_of_the_ports_is_in_the_table():
    told = {type(error) for error, _, _ in ALL_ERRORS}
    kinds = {
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.MetaAutoError)
    }
    assert kinds - told == {errors.MetaAutoError, errors.PlatformError}


def test_the_version_is_the_packages(capsys):
    package = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert package["version"] == VERSION
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"meta-auto {VERSION}\n"
    assert main(["--debug", "--version"]) == 0
    assert capsys.readouterr().out == f"meta-auto {VERSION}\n"


def test_an_unknown_command_is_answered_with_the_nearest(meta_auto):
    done = meta_auto("tik")
    assert done.code == 2
    assert done.out == ""
    assert done.err == (
        "meta-auto: No such command 'tik'. Did you mean 'tick'? See `meta-auto --help`.\n"
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["--json", "tik"],
        ["suggestions", "lst", "--json"],
        ["suggestions", "approve", "x", "--json"],
        ["suggestions", "approve", "--json"],
        ["suggestions", "approve", "0", "--json"],
        ["suggestions", "approve", "1", "--all", "--json"],
        ["suggestions", "approve", "--all", "--budget", "5", "--json"],
        ["suggestions", "approve", "1", "--budget", "much", "--json"],
        ["suggestions", "approve", "1", "2", "--budget", "5", "--json"],
        ["suggestions", "reject", "--json"],
        ["suggestions", "list", "--status", "open", "--json"],
        ["actions", "list", "--since", "yesterday", "--json"],
        ["mode", "set", "turbo", "--json"],
        ["mode", "set", "--json"],
        ["tick", "--nonsense", "--json"],
        ["explain", "--json"],
        ["demo", "--days", "0", "--json"],
        ["estimate", "no-such-file.csv", "--json"],
        ["policies", "--json"],
        ["--json"],
    ],
)
def test_wrong_usage_is_exit_2_and_one_json_document(meta_auto, arguments):
    done = meta_auto(*arguments)
    assert done.code == 2
    assert done.err == ""
    assert set(done.json) == {"error"}
    assert set(done.error) == {"code", "message", "remedy"}
    assert done.error["code"] == "usage"
    assert done.error["message"]


@pytest.mark.parametrize("words", [[], ["--applied", "--not-applied"]])
def test_a_word_that_settles_money_is_given_once(meta_auto, words):
    done = meta_auto("actions", "resolve", "1", *words, "--reason", "seen in Ads Manager")
    assert done.code == 2
    assert "Ads Manager" in done.err


@pytest.mark.parametrize("arguments", [[], ["suggestions"], ["db"]])
def test_a_group_without_a_command_shows_its_help(meta_auto, arguments):
    done = meta_auto(*arguments)
    assert done.code == 2
    assert "Commands:" in done.err
    assert done.out == ""


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("tick --dryrun", "No such option: --dryrun. Did you mean --dry-run?"),
        ("tick --log-format text", "the command: `meta-auto --log-format … tick`."),
        ("doctor --version", "It stands before the command: `meta-auto --version doctor`."),
        ("db upgrade --config c", "before the command: `meta-auto --config … db upgrade`."),
        ("suggestions aprove 1", "No such command 'aprove'. Did you mean 'approve'?"),
        ("suggestions approve abc", "Invalid value for 'ID': 'abc' is not a whole number."),
        ("demo --days 0", "Invalid value for '--days': '0' is less than 1."),
        ("report --days 999", "Invalid value for '--days': '999' is more than 366."),
        ("mode set atuo", "'atuo' is not one of 'suggest', 'auto'; did you mean auto?"),
        ("mode set auto --accept daily_spend", "did you mean safety.daily_spend?"),
        ("actions list --status excuted", "No such status: 'excuted'; did you mean executed?"),
        ("suggestions list --status pendng", "what waits for a person is suggested."),
        ("actions list --since yesterday", "'yesterday' is not a time. Use a date such as"),
        ("policies check none.json", "none.json: No such file or directory. Name a file that"),
        ("estimate none.csv", "none.csv: No such file or directory. Name your export"),
        ("ledger verify --expect abc", "--expect 'abc' is not SEQ:HASH. Give a head as"),
    ],
)
def test_a_slip_is_told_with_what_was_meant(meta_auto, typed, told):
    done = meta_auto(*typed.split())
    assert (done.code, done.out) == (2, "")
    assert told in done.err
    assert done.err.count("\n") == 1


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (("explain", "Clearance - IT"), "the campaign of that name is 120231870001092516."),
        (("explain", "12023187000109251"), "did you mean 120231870001092516?"),
        (("policies", "show", "--for", "Clearence - IT"), "did you mean Clearance - IT?"),
        (("explain", "7"), "No tick has seen an entity 7. Ids are in `meta-auto campaigns list`"),
        (("alerts", "ack", "hard_stop"), "did you mean hard_stop:1202"),
        (("suggestions", "show", "999"), "there is no action 999. `meta-auto actions list`"),
    ],
)
def test_an_id_that_nothing_has_is_told_with_what_was_meant(meta_auto, typed, told):
    assert meta_auto("tick", "-q").code == 0
    done = meta_auto(*typed)
    assert done.code == 3
    assert told in done.err + done.out


def test_a_page_that_can_not_be_written_is_named_as_it_was_given(meta_auto, home):
    done = meta_auto("report", "--html", str(home / "none" / "x.html"))
    assert done.code == 1
    assert done.err.startswith(f"meta-auto: {home / 'none' / 'x.html'}: No such file")


@pytest.mark.parametrize(
    ("message", "remedy", "told"),
    [
        ("(#17) limit reached", "nothing to do", "(#17) limit reached. Nothing to do."),
        ("it is 12:00 UTC", "set the clock", "it is 12:00 UTC. Set the clock."),
        ("Gone.", "", "Gone."),
        ("Really?", "Yes!", "Really? Yes!"),
    ],
)
def test_message_and_remedy_are_two_sentences_everywhere(message, remedy, told, capsys):
    error = errors.Throttled(message, remedy=remedy)
    assert error.told == told
    failures.report(error, ["tick"])
    assert capsys.readouterr().err == f"meta-auto: {told}\n"


def test_a_wrong_setting_is_78_and_named(meta_auto, monkeypatch):
    monkeypatch.setenv("MAX_DAILY_CHANGE_PCT", "20")
    done = meta_auto("status")
    assert done.code == 78
    assert done.err.startswith("meta-auto: MAX_DAILY_CHANGE_PCT = '20'")
    assert "from 0 to 1" in done.err
    assert done.err.count("\n") == 1
    told = meta_auto("status", "--json")
    assert told.code == 78
    assert told.error["code"] == "config"


def test_a_missing_configuration_file_is_78(meta_auto):
    done = meta_auto("--config", "nowhere.toml", "status", "--json")
    assert done.code == 78
    assert "nowhere.toml" in done.error["message"]


@pytest.fixture
def broken(monkeypatch):
    """A bug in a command, with a token in its message."""

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("access_token=EAAsecret1234567890 went astray")

    monkeypatch.setattr(app, "get_command", fail)


def test_a_bug_is_one_line_and_says_how_to_see_more(meta_auto, broken):
    done = meta_auto("status")
    assert done.code == 1
    assert done.err.count("\n") == 1
    assert "RuntimeError" in done.err
    assert "--debug" in done.err
    assert "Traceback" not in done.err


def test_debug_shows_where_a_bug_is(meta_auto, broken):
    done = meta_auto("--debug", "status")
    assert done.code == 1
    assert "Traceback (most recent call last)" in done.err


@pytest.mark.parametrize("arguments", [["status"], ["--debug", "status"], ["status", "--json"]])
def test_no_error_ever_tells_a_token(meta_auto, broken, arguments):
    done = meta_auto(*arguments)
    assert "EAAsecret" not in done.out + done.err
    assert "[secret]" in done.out + done.err


def test_an_error_with_escapes_in_it_stays_one_harmless_line(capsys):
    code = failures.report(errors.NotFound("no entity \x1b[2J\n\u202e"), ["explain"])
    assert code == 3
    assert capsys.readouterr().err == "meta-auto: no entity \\x1b[2J\\x0a\\u202e.\n"


def test_an_interruption_is_130(meta_auto, monkeypatch):
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(app, "get_command", interrupt)
    done = meta_auto("status", "--json")
    assert done.code == 130
    assert done.error["code"] == "interrupted"


def test_a_pipe_that_breaks_elsewhere_is_a_failure(home):
    program = """
import sys
from meta_autonomous import __main__ as door
def fail(arguments):
    raise BrokenPipeError(32, "Broken pipe")
door._run = fail
sys.exit(door.main(["status"]))
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=home,
        env=environment_of(home),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Broken pipe" in done.stderr


def test_a_reader_that_leaves_early_changes_no_exit_code(home):
    ran = process("policies", "show", home=home)
    assert ran.stdout is not None
    assert ran.stderr is not None
    ran.stdout.close()
    assert ran.stderr.read() == ""
    ran.stderr.close()
    assert ran.wait(30) == 0


def test_json_logs_are_one_object_a_line(home):
    ran = process("--log-format", "json", "tick", "-q", home=home)
    out, err = ran.communicate(timeout=60)
    assert ran.returncode == 0, err
    assert out == ""
    assert all(re.fullmatch(r"\{.*\}", line) for line in err.splitlines())
