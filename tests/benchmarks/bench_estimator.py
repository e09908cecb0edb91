"""How long the estimator takes, in CPU milliseconds and as a multiple of a loop that only adds.

    python tests/benchmarks/bench_estimator.py [ENTITIES DAYS]

The accounts are the worst case: every entity spends and sells on every day. The sum loop visits
the same facts once; its multiple varies less between machines than the milliseconds do. The last
column is the memory that the estimator takes at its peak beyond the rows it is given.
"""

import random
import sys
import time
import tracemalloc
from collections.abc import Callable, Mapping
from datetime import date, timedelta

from meta_autonomous.decision.roas_engine import estimate_level
from meta_autonomous.domain.performance import DayFacts, Days

TODAY = date(2026, 3, 1)
SIZES = ((100, 28), (1_000, 14), (1_000, 28), (10_000, 14), (100_000, 14), (100_000, 28))


def account(entities: int, days: int) -> dict[str, Days]:
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


def sum_loop(entities: Mapping[str, Days]) -> int:
    return sum(facts.spend_micros for days in entities.values() for facts in days.values())


def milliseconds(work: Callable[[], object], *, repeats: int) -> float:
    """The best of several runs: the others were disturbed."""
    best = float("inf")
    for _ in range(repeats):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best * 1000.0


def megabytes(work: Callable[[], object]) -> float:
    """The peak of what was allocated meanwhile; a run of its own, for counting slows it."""
    tracemalloc.start()
    work()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak / 1e6


def main(arguments: list[str]) -> None:
    sizes = [(int(arguments[0]), int(arguments[1]))] if arguments else SIZES
    print(f"{'entities':>9} {'days':>5} {'ms':>9} {'us/entity':>10} {'x sum loop':>11} {'MB':>6}")
    for entities, days in sizes:
        made = account(entities, days)
        first_day = TODAY - timedelta(days=days)
        repeats = 9 if entities <= 10_000 else 3

        def work(made: Mapping[str, Days] = made, first_day: date = first_day) -> object:
            return estimate_level(made, today=TODAY, first_day=first_day)

        took = milliseconds(work, repeats=repeats)
        adding = milliseconds(lambda made=made: sum_loop(made), repeats=repeats)
        per_entity = took * 1000.0 / entities
        print(
            f"{entities:>9} {days:>5} {took:>9.1f} {per_entity:>10.1f} {took / adding:>11.1f} "
            f"{megabytes(work):>6.1f}"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
