"""The files of `deploy/`, and the tools of a Debian machine that judge them."""

import logging
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


@pytest.fixture(scope="module", autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """A command that runs in this process says where logs go; that ends with its tests."""
    logger = logging.getLogger()
    before = logger.handlers[:], logger.level
    yield
    logger.handlers[:], level = before
    logger.setLevel(level)


Run = Callable[..., "subprocess.CompletedProcess[str]"]


def tool(name: str) -> Run:
    """A tool of the machine. Where it is absent the test is skipped, and says so."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not on this machine")

    def run(*arguments: str | Path, **options: Any) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [found, *map(str, arguments)], capture_output=True, text=True, check=False, **options
        )

    return run
