"""stdout or stderr is full or closed: one line where it can be read, and never a traceback."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import MetaAuto, environment_of

FULL = "meta-auto: The output could not be written: No space left on device. "
CLOSED = "meta-auto: The output could not be written: Bad file descriptor. "


@pytest.fixture
def full(tmp_path: Path) -> Path:
    """A device that is always full, made anew."""
    device = tmp_path / "full"
    try:
        os.mknod(device, stat.S_IFCHR | 0o666, os.makedev(1, 7))
        device.open("r").close()
    except PermissionError:
        pytest.skip("only root makes devices")
    return device


def shell(line: str, home: Path) -> "subprocess.CompletedProcess[str]":
    """`meta-auto` at the beginning of a line that sh redirects."""
    return subprocess.run(
        ["sh", "-c", f'"$PYTHON" -m meta_autonomous {line}'],
        cwd=home,
        env=environment_of(home, PYTHON=sys.executable),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize(
    "command",
    ["mode show --json", "mode show", "--version", "--help", "campaigns --help"],
)
def test_a_stdout_that_takes_nothing_is_one_line_and_exit_1(home: Path, full: Path, command: str):
    for where, told in ((f">{full}", FULL), (">&-", CLOSED)):
        done = shell(f"{command} {where}", home)
        assert done.returncode == 1
        assert done.stderr.startswith(told)
        assert done.stderr.count("\n") == 1
    assert full.is_char_device()


def test_what_was_done_before_is_done_and_it_says_so(meta_auto: MetaAuto, home: Path, full: Path):
    done = shell(f"mode set auto --json >{full}", home)
    assert done.returncode == 1
    assert "Whatever was to be done is done and recorded" in done.stderr
    assert meta_auto("mode", "show", "--json").json["mode"] == "auto"


def test_an_error_keeps_its_exit_code_and_is_told_on_stderr(home: Path, full: Path):
    for where in (f">{full}", ">&-"):
        done = shell(f"explain 999999 --json {where}", home)
        assert done.returncode == 3
        assert done.stderr.startswith("meta-auto: ")
        assert "999999" in done.stderr
        assert done.stderr.count("\n") == 1


def test_a_long_document_is_lost_as_a_short_one_is(home: Path, full: Path):
    assert shell("tick -q", home).returncode == 0
    for command in ("actions list --json", "ledger export"):
        done = shell(f"{command} >{full}", home)
        assert (done.returncode, done.stderr.count("\n")) == (1, 1)
        assert done.stderr.startswith(FULL)


@pytest.mark.parametrize("closed", [">&-", "<&-", ">&- <&-", "2>&-", "<&- >&- 2>&-"])
def test_a_quiet_tick_needs_no_stream(meta_auto: MetaAuto, home: Path, closed: str):
    done = shell(f"tick -q {closed}", home)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert meta_auto("actions", "list", "--json").json != []


def test_a_stderr_that_takes_nothing_changes_no_exit_code(home: Path, full: Path):
    for where in (f"2>{full}", "2>&-"):
        done = shell(f"explain 999999 {where}", home)
        assert (done.returncode, done.stdout, done.stderr) == (3, "", "")
