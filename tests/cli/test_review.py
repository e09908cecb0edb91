"""A manager at a real terminal, deciding by single keys."""

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.conftest import MetaAuto, environment

CHOICES = "[q]uit"


class Terminal:
    """Our end of a pseudo-terminal: waits for what is shown, then presses a key."""

    def __init__(self, ours: int) -> None:
        self.ours = ours
        self.shown = ""

    def until(self, text: str, *, seconds: float = 60) -> str:
        """Everything shown since the last call, once `text` is in it."""
        deadline = time.monotonic() + seconds
        while text not in self.shown:
            ready, _, _ = select.select([self.ours], [], [], max(deadline - time.monotonic(), 0))
            assert ready, f"{text!r} never came:\n{self.shown}"
            self.shown += os.read(self.ours, 65_536).decode(errors="replace")
        shown, self.shown = self.shown, ""
        return shown

    def press(self, key: str) -> None:
        time.sleep(0.05)  # what was typed before the question is thrown away, on purpose
        os.write(self.ours, key.encode())


@contextmanager
def review(home: Path) -> Iterator[tuple[Terminal, "subprocess.Popen[bytes]"]]:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "meta_autonomous", "suggestions", "review"],
        cwd=home,
        env=environment(home, TERM="xterm", COLUMNS="100", LANG="C.UTF-8", NO_COLOR="1"),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ) as ran:
        os.close(theirs)
        try:
            yield Terminal(ours), ran
            ran.wait(timeout=60)
        finally:
            ran.kill()
            os.close(ours)


def test_one_key_each_decides(meta_auto: MetaAuto, home: Path):
    assert meta_auto("tick", "-q").code == 0
    pending = meta_auto("suggestions", "list", "--json").json
    first, second, third = (one["id"] for one in pending[:3])

    with review(home) as (terminal, ran):
        shown = terminal.until(CHOICES)
        assert f"1 of {len(pending)}" in shown
        assert "if you wait" in shown
        terminal.press("d")
        assert "What each rule said" in terminal.until(CHOICES)
        terminal.press("x")  # no such key: still asked
        terminal.press("a")
        assert "executed:" in terminal.until(CHOICES)
        terminal.press("r")
        assert "rejected:" in terminal.until(CHOICES)
        terminal.press("s")
        terminal.until(CHOICES)
        terminal.press("q")
        told = terminal.until("left as they are")
        assert f"1 executed, 1 rejected, {len(pending) - 2} left as they are." in told
    assert ran.returncode == 0

    status = {one["id"]: one["status"] for one in meta_auto("actions", "list", "--json").json}
    assert (status[first], status[second], status[third]) == ("executed", "rejected", "suggested")


@pytest.mark.parametrize("key", ["\x1b", "\x03", "\x04"])
def test_whoever_leaves_decides_nothing(meta_auto: MetaAuto, home: Path, key: str):
    assert meta_auto("tick", "-q").code == 0
    with review(home) as (terminal, ran):
        terminal.until(CHOICES)
        terminal.press(key)
        terminal.until("left as they are")
    assert ran.returncode == 0


def test_without_a_terminal_it_says_what_to_run(meta_auto: MetaAuto):
    ran = meta_auto("suggestions", "review", "--json")
    assert ran.code == 2
    assert "suggestions list" in ran.error["remedy"]
