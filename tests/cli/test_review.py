"""A manager at a real terminal, deciding by single keys."""

from pathlib import Path

import pytest

from tests.cli.conftest import MetaAuto
from tests.cli.terminal import at

CHOICES = "[q]uit"


def test_one_key_each_decides(meta_auto: MetaAuto, home: Path):
    assert meta_auto("tick", "-q").code == 0
    pending = meta_auto("suggestions", "list", "--json").json
    first, second, third = (one["id"] for one in pending[:3])

    with at("suggestions", "review", home=home) as (terminal, ran):
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


@pytest.mark.parametrize(("key", "code"), [("\x1b", 0), ("\x03", 130), ("\x04", 0)])
def test_whoever_leaves_decides_nothing(meta_auto: MetaAuto, home: Path, key: str, code: int):
    assert meta_auto("tick", "-q").code == 0
    with at("suggestions", "review", home=home) as (terminal, ran):
        terminal.until(CHOICES)
        terminal.press(key)
        terminal.until("left as they are")
        if code:
            terminal.until("Interrupted.")
    assert ran.returncode == code


def test_without_a_terminal_it_says_what_to_run(meta_auto: MetaAuto):
    ran = meta_auto("suggestions", "review", "--json")
    assert ran.code == 2
    assert "suggestions list" in ran.error["remedy"]
