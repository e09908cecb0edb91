"""Warm processes and databases, once per session."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crashes.databases import Server
from tests.crashes.trial import Stages
from tests.crashes.warm import Warm


@pytest.fixture(scope="session")
def warm() -> Iterator[Warm]:
    parent = Warm()
    yield parent
    parent.close()


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.close()


@pytest.fixture(scope="session")
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="meta-auto-crash-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def on_sqlite(warm: Warm, _folder: Path) -> Stages:
    return Stages(_folder, warm)


@pytest.fixture(scope="session")
def on_postgresql(warm: Warm, server: Server, _folder: Path) -> Stages:
    return Stages(_folder, warm, server)
