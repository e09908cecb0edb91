"""A disk that is full, broken or read-only, and a database server that is lost: no write to Meta
without a committed intent, one clear line, and the next run brings everything in order.

A few steps here; `python -m tests.crashes.storage` tries every one.
"""

import subprocess
from collections import Counter

import pytest

from tests.crashes.storage import STRACE, Cutter, connection_lost, disk_fails, disk_steps, messages
from tests.crashes.trial import go_on, judged
from tests.crashes.victim import Hook

pytestmark = pytest.mark.slow

_STORE = "meta_autonomous.adapters.database.store:Database"
_ATTEMPTS = "meta_autonomous.adapters.database.attempts"
_READ_ONLY = ("unshare", "-m", "sh", "-c")


@pytest.mark.skipif(STRACE is None, reason="needs strace")
@pytest.mark.parametrize(
    ("call", "error", "part"),
    [("pwrite64", "ENOSPC", 0.3), ("pwrite64", "ENOSPC", 0.6), ("fdatasync", "EIO", 0.5)],
)
def test_a_disk_that_fails_in_the_middle_of_a_tick(call, error, part, on_sqlite):
    step = int(disk_steps(on_sqlite, call) * part)
    done = disk_fails(on_sqlite, call, error, step)
    assert (done.code, done.faults) == (1, ())


def _may_mount() -> bool:
    tried = subprocess.run([*_READ_ONLY, "true"], capture_output=True, check=False)
    return tried.returncode == 0


@pytest.mark.skipif(not _may_mount(), reason="needs the right to mount")
def test_a_read_only_database_sends_nothing_and_says_why(on_sqlite):
    """As after an error of the disk, when the kernel mounts it so."""
    with on_sqlite.shop("offered") as shop:
        state = shop.folder / "state"
        mounted = f"mount --bind {state} {state} && mount -o remount,ro,bind {state} && "
        ran = shop.run("tick", "--json", prefix=(*_READ_ONLY, f'{mounted} exec "$0" "$@"'))
        assert ran.code == 1
        assert "read-only" in ran.json["error"]["message"].lower()
        assert ran.json["error"]["remedy"]
        assert shop.posts() == []
        faults: list[str] = []
        go_on(shop, faults)
        assert faults + judged(shop) == []


@pytest.mark.parametrize("worked", [False, True], ids=["not worked", "worked unheard"])
@pytest.mark.parametrize("part", [0.45, 0.55, 0.65, 0.8])
def test_a_connection_to_postgresql_that_is_lost_at_a_message(part, worked, on_postgresql):
    """Where it was idle in its pool, another one takes its place (0); else the run ends (1)."""
    step = int(messages(on_postgresql) * part)
    done = connection_lost(on_postgresql, step, worked=worked)
    assert done.faults == ()


def test_a_proxy_that_cuts_nothing_changes_nothing(on_postgresql):
    with (
        on_postgresql.shop("offered") as shop,
        Cutter(on_postgresql.server.socket) as cutter,
    ):
        through = cutter.url(shop.database.url)
        assert shop.run("tick", META_AUTO_DATABASE_URL=through).code == 0
        assert len(shop.posts()) == 3


@pytest.mark.parametrize(
    ("target", "given", "sent"),
    [
        (f"{_ATTEMPTS}:commit_intent", (), 0),
        (f"{_STORE}.commit_intent", (), 0),
        (f"{_ATTEMPTS}:record_event", ("ANSWERED_YES",), 1),
    ],
    ids=["inside the intent's commit", "after the intent's commit", "inside the answer's commit"],
)
def test_a_postgresql_that_is_killed(target, given, sent, on_postgresql):
    """Power off, kill -9: after the restart what was committed is there, and nothing else."""
    server = on_postgresql.server
    with on_postgresql.shop("offered") as shop:
        # A database copied from a template has its sequences' reserve in the template's log only.
        server.sql("CHECKPOINT")
        hook = Hook(target=target, when="after", given=given, deed=f"kill {server.pid}")
        try:
            ran = shop.run("tick", "--json", point={"hooks": [hook.to_json()]})
        finally:
            server.start_again()
        assert ran.code == 1
        assert ran.json["error"]["remedy"]
        assert len(shop.posts()) == sent
        intents = Counter((row["entity_id"], row["new"]) for row in shop.attempts())
        assert not Counter(shop.posts()) - intents
        faults: list[str] = []
        go_on(shop, faults)
        assert faults + judged(shop) == []
