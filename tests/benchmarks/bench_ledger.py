"""Appending to the ledger and proving it whole, by its size.

Run: python -m tests.benchmarks.bench_ledger [ENTRIES]   (default: 1000000)

Appends through `Database.append`'s own path (a tick's dozen entries to a transaction), then
verifies in a process of its own, so that the peak of memory is that of `ledger verify` alone. The
ratio says what the proof costs above SHA-256 over the same bytes.
"""

import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from meta_autonomous.adapters.database import Database, ledger
from meta_autonomous.ports import LedgerEvent

ENTRIES_PER_TRANSACTION = 12
START = datetime(2026, 1, 1, tzinfo=UTC)


def event(number: int) -> LedgerEvent:
    return LedgerEvent(
        event="optimization_suggested",
        who="autonomous_worker",
        at=START + timedelta(seconds=number),
        entity_id=str(120210000000000000 + number % 1000),
        action_id=number,
        tick_id="20260101T000000-5f0c1a2b",
        why="ROAS 3.31 over 7 days on $3,448 of spend, 98 % sure of at least 2.0",
        before={"budget": "500.00 USD"},
        after={"budget": "600.00 USD", "type": "scale_up", "route": "person"},
    )


def append(database: Database, entries: int) -> float:
    began = time.perf_counter()
    for first in range(0, entries, ENTRIES_PER_TRANSACTION):
        with database._writing() as unit:
            last = min(first + ENTRIES_PER_TRANSACTION, entries)
            ledger.append(unit, *map(event, range(first, last)))
    return time.perf_counter() - began


def bare(database: Database) -> tuple[float, int]:
    """Seconds of SHA-256 over the stored bodies alone, and how many bytes they are."""
    seconds, size = 0.0, 0
    with database._reading() as unit:
        after = None
        while page := ledger.page(unit, after=after):
            bodies = [row[3] for row in page]
            began = time.perf_counter()
            for body in bodies:
                sha256(body).digest()
            seconds += time.perf_counter() - began
            size += sum(map(len, bodies))
            after = page[-1][0]
    return seconds, size


def verify(url: str) -> None:
    """What the other process does."""
    database = Database(url, platform="meta")
    began = time.perf_counter()
    check = database.verify_ledger()
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if not check.ok:
        raise SystemExit(f"the ledger is broken: {check.message}")
    print(seconds, check.entries, peak)


def main() -> None:
    if sys.argv[1:2] == ["--verify"]:
        verify(sys.argv[2])
        return
    entries = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'state' / 'ledger.sqlite3'}"
        database = Database(url, platform="meta")
        database.create_or_check()
        appending = append(database, entries)
        hashing, size = bare(database)
        database.close()
        again = [sys.executable, "-m", "tests.benchmarks.bench_ledger", "--verify", url]
        done = subprocess.run(again, capture_output=True, text=True, check=True)
    verifying, found, peak = map(float, done.stdout.split())
    print(f"appended  {entries:,} entries in {appending:.1f} s, {entries / appending:,.0f}/s")
    print(f"verified  {found:,.0f} entries in {verifying:.1f} s, {found / verifying:,.0f}/s")
    print(f"bare      SHA-256 of the same {size / 1e6:,.0f} MB in {hashing:.2f} s")
    print(f"ratio     {verifying / hashing:.1f}")
    print(f"peak      {peak:.0f} MB")


if __name__ == "__main__":
    main()
