"""Half a year of records, written as ticks write them, and a run of `prune` that can be killed.

    python -m tests.adapters.aged_database URL FOLDER STEP

prunes the database at URL into FOLDER and kills itself, as `kill -9` does, at its STEPth step (0:
never); it prints how many steps there were.
"""

import functools
import os
import signal
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from meta_autonomous.adapters import ledger_archive
from meta_autonomous.adapters.database import Database, ledger, retention, segments
from meta_autonomous.adapters.ledger_archive import ArchiveFolder
from meta_autonomous.domain.action import ActionStatus
from meta_autonomous.operations.prune import Pruned, prune
from meta_autonomous.ports.records import AlertRecord
from meta_autonomous.ports.words import WORKER
from tests.adapters.database_scene import (
    NOON,
    a_campaign,
    a_snapshot,
    a_trace,
    an_ad,
    an_adset,
    blocked,
    carry_out,
    facts,
    intend,
    record,
    scale,
    suggested,
    with_budget,
)

DAYS = 180
STEP = 5
KEPT = timedelta(days=60)


def filled(url: str) -> Database:
    """A tick every five days. The last one left a suggestion that waits, and a write in doubt."""
    database = Database(url, platform="meta")
    database.create_or_check()
    for number, age in enumerate(range(DAYS, -1, -STEP)):
        _tick(database, number, NOON - timedelta(days=age))
    record(database, suggested(scale(an_adset("13"))), at=NOON)
    intend(database, an_adset("14"), 70, at=NOON)
    return database


def _tick(database: Database, number: int, at: Any) -> None:
    tick_id = f"{at:%Y%m%dT%H%M%S}"
    database.begin_tick(tick_id, at=at, mode="auto")
    budget = 50 + number
    day = at.date()
    snapshot = a_snapshot(
        a_campaign(),
        with_budget(an_adset(), budget),
        an_adset("13"),
        an_adset("14"),
        an_ad(creative_id=f"c{number // 10}"),
        at=at,
        days={"111": {day - timedelta(days=n): facts(10 + number % 3, 1) for n in range(1, 8)}},
        first_day=day - timedelta(days=28),
    )
    database.record_snapshot(snapshot, tick_id=tick_id)
    traced = [a_trace(an_adset()), *([a_trace(an_ad("112"))] if number < 10 else [])]
    metrics = [{"entity_id": "11", "level": "adset", "spend_micros": number}]
    database.record_decisions(
        "1001",
        [blocked(scale(with_budget(an_adset(), budget), 10), by=f"policy.rule{number}")],
        traced,
        metrics,
        tick_id=tick_id,
        at=at,
    )
    carry_out(database, with_budget(an_adset(), budget), budget + 1, at=at)
    (waiting,) = record(database, suggested(scale(an_adset("13"), 60 + number)), at=at)
    database.move(
        waiting,
        expected=[ActionStatus.SUGGESTED],
        to=ActionStatus.REJECTED,
        at=at,
        who="ana",
        event="optimization_rejected",
    )
    alert = AlertRecord(key=f"a{number}", severity="warning", message="m", raised_at=at)
    database.raise_alert(alert, who=WORKER)
    if number % 2:
        database.clear_alert(alert.key, at=at, who=WORKER)
    database.finish_tick(tick_id, at=at, report={"success": True})


def pruned(database: Database, folder: Path, **options: Any) -> Pruned:
    values: dict[str, Any] = {"older_than": KEPT, "now": NOON, "who": "ana"} | options
    return prune(database, ArchiveFolder(folder), platform="meta", **values)


def _stepping(kill_at: int) -> Callable[[Any, str], None]:
    """A wrapper of functions that counts a step before and after each call, and dies at one."""
    steps = 0

    def step() -> None:
        nonlocal steps
        steps += 1
        if steps == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def wrap(owner: Any, name: str) -> None:
        function = getattr(owner, name)

        @functools.wraps(function)
        def stepped(*arguments: Any, **named: Any) -> Any:
            step()
            result = function(*arguments, **named)
            step()
            return result

        setattr(owner, name, stepped)

    wrap.steps = lambda: steps  # type: ignore[attr-defined]
    return wrap


def main(url: str, folder: str, kill_at: str) -> None:
    wrap: Any = _stepping(int(kill_at))
    for owner, name in (
        (ledger_archive, "_sync"),
        (ledger_archive, "_write_chain"),
        (segments, "note"),
        (ledger, "append"),
        (retention, "remove_sealed"),
        (Database, "seal"),
        (Database, "remove_sealed"),
        (Database, "remove_stale"),
        (ArchiveFolder, "check"),
    ):
        wrap(owner, name)
    database = Database(url, platform="meta")
    pruned(database, Path(folder))
    database.close()
    print(wrap.steps())


if __name__ == "__main__":
    main(*sys.argv[1:])
