"""A tick at a terminal says what it is at, and leaves nothing of that behind."""

import json
import os
import pty
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from meta_autonomous.ports.progress import Stage, Step
from meta_autonomous.render.progress import step_text
from tests.cli.conftest import at_terminal, environment_of

READING = "Reading the ad account · "


def left_on_screen(shown: str) -> str:
    """What stands on a terminal in the end: it obeys what rich sends to move the cursor."""
    lines, row = [""], 0
    for piece in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|\r|\n|[^\x1b\r\n]+", shown):
        if piece == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif piece == "\x1b[2K":
            lines[row] = ""
        elif re.fullmatch(r"\x1b\[\d*A", piece):
            row -= int(piece[2:-1] or 1)
        elif not piece.startswith("\x1b") and piece != "\r":
            lines[row] += piece
    return "\n".join(lines)


def with_errors_at_a_terminal(home: Path, *arguments: str, **environment: str) -> tuple[str, str]:
    """stdout as a file takes it, and what stood on the terminal that stderr is."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "meta_autonomous", *arguments],
        cwd=home,
        env=environment_of(home, TERM="xterm", LANG="C.UTF-8") | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=theirs,
    ) as ran:
        os.close(theirs)
        shown = b""
        with suppress(OSError):  # the terminal is gone once its last user is
            while piece := os.read(ours, 65_536):
                shown += piece
        assert ran.stdout is not None
        out = ran.stdout.read().decode()
    os.close(ours)
    assert ran.returncode == 0
    return out, shown.decode()


def test_the_line_comes_and_goes_before_the_table(home):
    shown, code = at_terminal("tick", home=home)
    assert code == 0
    assert READING in shown
    assert re.search(r"Reading the ad account · \d+ requests? · \d s", shown)
    left = left_on_screen(shown)
    assert left.startswith("SANDBOX · simulated ad account")
    assert "Reading" not in left
    assert shown.count("\x1b[?25l") == shown.count("\x1b[?25h") == 1, "the cursor is back"


def test_it_is_on_stderr_and_the_output_is_that_of_a_pipe(home):
    out, shown = with_errors_at_a_terminal(home, "tick")
    assert READING in shown
    assert left_on_screen(shown).strip() == ""
    assert "\x1b" not in out
    assert out.startswith("SANDBOX · simulated ad account")


@pytest.mark.parametrize("options", [["--json"], ["-q"], ["--quiet", "--dry-run"]], ids=" ".join)
def test_whoever_wants_no_words_sees_none(home, options):
    _, shown = with_errors_at_a_terminal(home, "tick", *options)
    assert shown == ""


def test_between_json_logs_there_is_no_line(home):
    _, shown = with_errors_at_a_terminal(home, "--log-format", "json", "tick", COLUMNS="40")
    lines = shown.splitlines()
    assert lines
    assert {json.loads(line)["level"] for line in lines} <= {"info", "warning"}


def test_a_terminal_that_can_not_move_its_cursor_is_sent_nothing(home):
    out, shown = with_errors_at_a_terminal(home, "tick", TERM="dumb")
    assert shown == ""
    assert out.startswith("SANDBOX")


def test_no_color_takes_the_colours_and_leaves_the_line(home):
    _, shown = with_errors_at_a_terminal(home, "tick", NO_COLOR="1")
    assert READING in shown
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", shown)


def test_a_warning_meanwhile_stays_readable(home):
    _, shown = with_errors_at_a_terminal(home, "--debug", "tick", COLUMNS="300")
    lines = [line for line in left_on_screen(shown).splitlines() if line.strip()]
    assert len(lines) > 10
    assert [line for line in lines if not re.match(r"(debug|info|warning): ", line)] == []


@pytest.mark.parametrize(
    ("step", "told"),
    [
        (Step(stage=Stage.STARTING), "Starting"),
        (Step(stage=Stage.READING, place=1, of=1), "Reading the ad account"),
        (Step(stage=Stage.READING, place=2, of=3), "Reading account 2 of 3"),
        (Step(stage=Stage.DECIDING), "Deciding"),
        (Step(stage=Stage.RECORDING), "Writing down what was decided"),
        (
            Step(stage=Stage.EXECUTING, place=2, of=5, subject="Sale\x1b[2J"),
            "Executing 2 of 5: Sale\\x1b[2J",
        ),
        (Step(stage=Stage.REPORTING), "Reporting"),
    ],
)
def test_each_step_in_words(step, told):
    assert step_text(step, requests=1, seconds=4) == f"{told} · 1 request · 4 s"


def test_a_terminal_that_goes_away_stops_no_tick(home):
    """Every write to it fails from then on. (In a session of its own nothing hangs it up.)"""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "meta_autonomous", "tick"],
        cwd=home,
        env=environment_of(home, TERM="xterm"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
        start_new_session=True,
    ) as ran:
        os.close(theirs)
        assert os.read(ours, 1)
        os.close(ours)
        assert ran.stdout is not None
        out = ran.stdout.read()
    assert ran.returncode == 0
    assert "9 queued" in out
