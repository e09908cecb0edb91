"""Every point, many times: a table of points, runs and broken promises.

python -m tests.crashes --runs 20                              both databases, all points
python -m tests.crashes --runs 5 --database postgresql --point 18
"""

import argparse
import sys
import time

from tests.crashes.points import POINTS
from tests.crashes.trial import Result, stages, trial


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crashes", description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    parser.add_argument("--point", type=int, help="only the points of this number")
    parser.add_argument("--cold", action="store_true", help="start each victim anew: slower")
    said = parser.parse_args()
    points = [point for point in POINTS if said.point in (None, point.number)]
    chosen = ("sqlite", "postgresql") if said.database == "both" else (said.database,)
    broken, began, count = 0, time.monotonic(), 0
    for database in chosen:
        with stages(database) as ready:
            for point in points:
                results = [trial(ready, point, cold=said.cold) for _ in range(said.runs)]
                broken += _tell(database, point.id, results)
                count += len(results)
    print(f"{count} deaths, {broken} broken promises, {time.monotonic() - began:.0f} s")
    return 1 if broken else 0


def _tell(database: str, name: str, results: list[Result]) -> int:
    faults = [fault for result in results for fault in result.faults]
    kinds = {
        kind: sum(fault.startswith(kind) for fault in faults)
        for kind in ("duplicate", "lost", "wrong")
    }
    ticks = max(result.ticks for result in results)
    numbers = "  ".join(f"{count} {kind}" for kind, count in kinds.items())
    print(f"{database:10}  {name:52}  {len(results):3} runs  {numbers}  {ticks} ticks", flush=True)
    for fault in faults[:3]:
        print(f"    {fault}", flush=True)
    return len(faults)


if __name__ == "__main__":
    sys.exit(main())
