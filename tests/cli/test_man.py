"""The manual page is today's, and what `man` makes of it has nothing to complain of."""

import shutil
import subprocess

import pytest

from tests.cli.test_help import tree
from tests.man import PAGE, page


def test_the_manual_page_is_todays():
    """Mend it with: python -m tests.man"""
    assert PAGE.read_text(encoding="ascii") == page()


@pytest.mark.skipif(shutil.which("mandoc") is None, reason="no mandoc here")
def test_mandoc_finds_nothing_wrong():
    done = subprocess.run(
        ["mandoc", "-Tlint", "-Wwarning", PAGE], capture_output=True, text=True, check=False
    )
    # A page without a date is the same whenever it is made.
    found = [line for line in done.stdout.splitlines() if "missing date" not in line]
    assert found == []


@pytest.mark.skipif(shutil.which("man") is None, reason="no man here")
@pytest.mark.parametrize("width", ["60", "80", "120"])
def test_man_shows_every_command_and_warns_of_nothing(width):
    done = subprocess.run(
        ["man", "--warnings", "-l", PAGE],
        env={"PATH": "/usr/bin:/bin", "MANWIDTH": width, "LC_ALL": "C.UTF-8", "MANPAGER": "cat"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    shown = " ".join(done.stdout.split())
    for name, command in tree():
        if not hasattr(command, "commands"):
            assert f" {name} meta-auto {name} [OPTIONS]" in shown
