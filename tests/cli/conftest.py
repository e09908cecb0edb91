"""The program as people and timers run it: arguments in, two streams and an exit code out."""

import json
import logging
import os
import pty
import pwd
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from meta_autonomous.__main__ import main

ROOT = Path(__file__).parents[2]
ME = pwd.getpwuid(os.getuid()).pw_name


@dataclass(frozen=True, slots=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, str]:
        """The error of a run under --json: the one document on stdout."""
        told: dict[str, str] = self.json["error"]
        return told


MetaAuto = Callable[..., Ran]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine of our own: nothing configured, an empty state folder, nobody's token."""
    for name in list(os.environ):
        if name.startswith(("META_", "XDG_", "CREDENTIALS_", "SUDO_", "MAX_", "MIN_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("META_AUTO_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def meta_auto(home: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[MetaAuto]:
    """Run a command in this process."""
    logger = logging.getLogger()
    before = logger.handlers[:], logger.level

    def run(*arguments: str) -> Ran:
        capsys.readouterr()
        code = main(list(arguments))
        streams = capsys.readouterr()
        return Ran(code, streams.out, streams.err)

    yield run
    logger.handlers[:], level = before
    logger.setLevel(level)


def environment_of(home: Path, **more: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "PYTHONPATH": str(ROOT),
        "META_AUTO_STATE_DIR": str(home / "state"),
        **more,
    }


def process(*arguments: str, home: Path, **environment: str) -> "subprocess.Popen[str]":
    """Run a command as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "meta_autonomous", *arguments],
        cwd=home,
        env=environment_of(home, **environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )


def at_terminal(
    *arguments: str, home: Path, types: str = "", **environment: str
) -> tuple[str, int]:
    """Run a command at a terminal of its own: what stood on it, and the exit code."""
    ours, theirs = pty.openpty()
    env = environment_of(home, TERM="xterm", COLUMNS="100", LANG="C.UTF-8")
    with subprocess.Popen(
        [sys.executable, "-m", "meta_autonomous", *arguments],
        cwd=home,
        env=env | environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ) as ran:
        os.close(theirs)
        os.write(ours, types.encode())
        shown = b""
        with suppress(OSError):  # the terminal is gone once its last user is
            while piece := os.read(ours, 65_536):
                shown += piece
    os.close(ours)
    return shown.decode(), ran.returncode
