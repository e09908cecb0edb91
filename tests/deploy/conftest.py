"""The files of `deploy/`, and the tools of a Debian machine that judge them."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def tool(name: str) -> Run:
    """A tool of the machine. Where it is absent the test is skipped, and says so."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not on this machine")

    def run(*arguments: str | Path, **options: Any) -> "subprocess.CompletedProcess[str]":
        given: dict[str, Any] = {"capture_output": True, "text": True, "check": False}
        return subprocess.run([found, *map(str, arguments)], **(given | options))

    return run
