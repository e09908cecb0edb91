"""Appending to the ledger, and proving it whole: by its size, and against SHA-256 alone.

Appends through `Database.append`'s own path (a tick's dozen entries to a transaction), then
verifies in a process of its own, so that the peak of memory is that of `ledger verify` alone. The
ratio says what the proof costs above SHA-256 over the same bytes.

    python -m tests.benchmarks.ledger append|bare|verify DATABASE_URL ENTRIES [now]
"""

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from tests.benchmarks.figures import Effort, Figure, at_least, at_most
from tests.benchmarks.measuring import Ran, plain_env, run

ENTRIES_PER_TRANSACTION = 12


def ledger(effort: Effort) -> Iterator[Figure]:
    entries = effort.of(1_000_000, 2_000)
    with tempfile.TemporaryDirectory(prefix="meta-auto-bench") as folder:
        url = f"sqlite:///{Path(folder) / 'state' / 'ledger.sqlite3'}"
        appended, hashed, verified = (
            _child(deed, url, entries, Path(folder)) for deed in ("append", "bare", "verify")
        )
    append_s, hash_s, verify_s = (json.loads(one.out) for one in (appended, hashed, verified))
    yield Figure(
        f"ledger: one entry of {entries:,} appended",
        append_s / entries * 1e6,
        "µs",
        ratio=append_s / hash_s,
        against="bare SHA-256",
        goal=at_most(10),
    )
    yield Figure(
        f"ledger: {entries:,} entries verified",
        verify_s,
        "s",
        ratio=verify_s / hash_s,
        against="bare SHA-256",
        goal=at_most(entries / 300_000),
    )
    yield Figure(
        "ledger: entries verified a second",
        entries / verify_s,
        goal=None if effort.is_quick else at_least(300_000),
    )
    yield Figure(
        f"ledger: peak memory of verifying {entries:,} entries",
        verified.peak,
        "MB",
        ratio=verified.peak / hashed.peak,
        against="reading them",
    )


def _child(deed: str, url: str, entries: int, folder: Path) -> Ran:
    command = [sys.executable, "-m", "tests.benchmarks.ledger", deed, url, str(entries)]
    return run(command, env=plain_env(folder), cwd=folder)


def append(url: str, entries: int, *, newest: datetime | None = None) -> float:
    """CPU seconds. The entries end at `newest`, where that is given, a minute and a half apart;
    then only what is left behind matters, and it is written a thousand ticks to a transaction."""
    from meta_autonomous.adapters.database import Database
    from meta_autonomous.adapters.database import ledger as rows
    from meta_autonomous.ports.records import LedgerEvent

    together = ENTRIES_PER_TRANSACTION * (1 if newest is None else 1_000)
    start = (newest or datetime(2026, 1, 1, tzinfo=UTC)) - timedelta(seconds=90 * entries)

    def event(number: int) -> LedgerEvent:
        return LedgerEvent(
            event="optimization_suggested",
            who="autonomous_worker",
            at=start + timedelta(seconds=90 * number),
            entity_id=str(120210000000000000 + number % 1000),
            action_id=number,
            tick_id="20260101T000000-5f0c1a2b",
            why="ROAS 3.31 over 7 days on $3,448 of spend, 98 % sure of at least 2.0",
            before={"budget": "500.00 USD"},
            after={"budget": "600.00 USD", "type": "scale_up", "route": "person"},
        )

    database = Database(url, platform="meta")
    database.create_or_check()
    began = time.process_time()
    for first in range(0, entries, together):
        with database._writing() as unit:
            last = min(first + together, entries)
            rows.append(unit, *map(event, range(first, last)))
    took = time.process_time() - began
    database.close()
    return took


def bare(url: str) -> float:
    """CPU seconds of SHA-256 over the stored bodies alone."""
    from meta_autonomous.adapters.database import Database
    from meta_autonomous.adapters.database import ledger as rows

    seconds = 0.0
    database = Database(url, platform="meta")
    with database._reading() as unit:
        after = None
        while page := rows.page(unit, after=after):
            bodies = [row[3] for row in page]
            began = time.process_time()
            for body in bodies:
                sha256(body).digest()
            seconds += time.process_time() - began
            after = page[-1][0]
    return seconds


def verify(url: str) -> float:
    from meta_autonomous.adapters.database import Database

    database = Database(url, platform="meta")
    began = time.process_time()
    check = database.verify_ledger()
    if not check.ok:
        raise SystemExit(f"the ledger is broken: {check.message}")
    return time.process_time() - began


if __name__ == "__main__":
    what, at, size, *until = sys.argv[1:]
    match what:
        case "append":
            print(append(at, int(size), newest=datetime.now(UTC) if until else None))
        case "bare":
            print(bare(at))
        case "verify":
            print(verify(at))
