"""The thinking alone: a recorded tick decided again in memory, and the estimator by itself.

The accounts of the estimator are the worst case: every entity spends and sells on every day. Its
ratio is to a loop that visits the same facts once and only adds.

    python -m tests.benchmarks.core decide DATABASE_URL | estimate ENTITIES DAYS
"""

import json
import random
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from meta_autonomous.domain.performance import DayFacts, Days
from tests.benchmarks.figures import Effort, Figure
from tests.benchmarks.measuring import plain_env, run
from tests.benchmarks.site import serving, site

TODAY = date(2026, 3, 1)


def core(effort: Effort) -> Iterator[Figure]:
    for size in effort.of((100, 1_000), (5,)):
        with serving(size) as server, site(server) as here:
            here.run("tick", "-q")
            told = _child(here.folder, "decide", f"sqlite:///{here.database}")
        yield Figure(
            f"decision core: {size:,} campaigns, {size * 10:,} ads",
            told["seconds"],
            "s",
            ratio=told["seconds"] / told["adding"],
            against="a loop that adds",
        )
    for entities, days in effort.of(((1_000, 28), (10_000, 14), (100_000, 14)), ((10, 14),)):
        told = _child(Path("/"), "estimate", str(entities), str(days))
        yield Figure(
            f"estimator: {entities:,} entities of {days} days",
            1000 * told["seconds"],
            "ms",
            ratio=told["seconds"] / told["adding"],
            against="a loop that adds",
            note=f"{told['megabytes']:.0f} MB beyond its rows",
        )


def _child(folder: Path, *words: str) -> Any:
    command = [sys.executable, "-m", "tests.benchmarks.core", *words]
    return json.loads(run(command, env=plain_env(folder), cwd=folder).out)


def decide(url: str) -> dict[str, float]:
    from datetime import UTC, datetime

    from meta_autonomous.adapters.database import Database
    from meta_autonomous.decision.tick_case import deliberate
    from meta_autonomous.domain.entities import Level

    database = Database(url, platform="meta")
    (recorded,) = database.recorded_ticks(since=datetime(2020, 1, 1, tzinfo=UTC))
    case = recorded.case
    assert case is not None
    ads = case.accounts[0].snapshot.days[Level.AD]
    return {
        "seconds": _best(lambda: deliberate(case), repeats=5),
        "adding": _best(lambda: _sum_loop(ads), repeats=5),
    }


def estimate(entities: int, days: int) -> dict[str, float]:
    from meta_autonomous.decision.roas_engine import estimate_level

    made = _account(entities, days)
    first_day = TODAY - timedelta(days=days)

    def work() -> object:
        return estimate_level(made, today=TODAY, first_day=first_day)

    repeats = 9 if entities <= 10_000 else 3
    return {
        "seconds": _best(work, repeats=repeats),
        "adding": _best(lambda: _sum_loop(made), repeats=repeats),
        "megabytes": _megabytes(work),
    }


def _account(entities: int, days: int) -> dict[str, Days]:
    rng = random.Random(1)
    calendar = [TODAY - timedelta(days=age) for age in range(days, 0, -1)]
    made: dict[str, Days] = {}
    for i in range(entities):
        spend, roas = rng.uniform(5.0, 200.0), rng.uniform(0.2, 3.0)
        rows = {}
        for day in calendar:
            today = spend * rng.uniform(0.7, 1.3)
            orders = int(rng.expovariate(1.0) * today * roas / 60.0 + 0.5)
            rows[day] = DayFacts(round(today * 1e6), orders * 60_000_000, orders, 5000)
        made[f"12021{i:010d}"] = rows
    return made


def _sum_loop(entities: Mapping[str, Days]) -> int:
    return sum(facts.spend_micros for days in entities.values() for facts in days.values())


def _best(work: Callable[[], object], *, repeats: int) -> float:
    """CPU seconds of the best of several runs: the others were disturbed."""
    best = float("inf")
    for _ in range(repeats):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best


def _megabytes(work: Callable[[], object]) -> float:
    """The peak of what was allocated meanwhile; a run of its own, for counting slows it."""
    tracemalloc.start()
    work()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak / 1e6


if __name__ == "__main__":
    what, *words = sys.argv[1:]
    print(json.dumps(decide(*words) if what == "decide" else estimate(*map(int, words))))
