"""A served sandbox and a real database, for the tests that want no fakes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from meta_autonomous.adapters.sandbox import Sandbox
from tests.operations.live_site import Site
from tests.operations.live_world import (  # noqa: F401 - fixtures
    live,
    offered,
    offered_world,
    opening_world,
)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Sandbox(tmp_path / "sandbox.sqlite3") as sandbox, sandbox.serving() as graph_url:
        yield Site(tmp_path, sandbox, graph_url)
