import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from meta_autonomous.adapters.sandbox import Sandbox
from tests.adapters.sandbox.api import Api


@pytest.fixture(scope="session")
def opening(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The opening world, made once; tests that change it take a copy."""
    path = tmp_path_factory.mktemp("opening") / "sandbox.db"
    Sandbox(path)
    return path


@pytest.fixture
def sandbox(opening: Path, tmp_path: Path) -> Sandbox:
    shutil.copy(opening, tmp_path / "sandbox.db")
    return Sandbox(tmp_path / "sandbox.db")


@pytest.fixture
def api(sandbox: Sandbox) -> Iterator[Api]:
    with sandbox.serving() as base_url:
        yield Api(base_url, sandbox)


@pytest.fixture(scope="session")
def reader(opening: Path) -> Iterator[Api]:
    """For tests that only read: served once."""
    sandbox = Sandbox(opening)
    with sandbox.serving() as base_url:
        yield Api(base_url, sandbox)
