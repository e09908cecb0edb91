"""``python -m tests.simulation 100000``: so many schedules, over all cores, in each of four worlds.

With the account's lock and without it, knowing our own name in Meta's log and not knowing it. A
schedule is its seed: a violated one is printed with it, and `Simulation(seed, …)` replays it.
"""

import argparse
import os
import sys
import time

from tests.simulation.many import WORLDS, run_many


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("schedules", type=int, help="all worlds together")
    parser.add_argument("--from-seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    said = parser.parse_args()
    began, broken = time.monotonic(), 0
    each = -(-said.schedules // len(WORLDS))
    for world in WORLDS:
        seeds = range(said.from_seed, said.from_seed + each)
        done = run_many(seeds, world, processes=said.processes)
        broken += len(done.violations)
        print(
            f"{world.words:32}  seeds {seeds.start} to {seeds.stop - 1}: {done.sent} writes sent, "
            f"{done.applied} took effect, {len(done.violations)} violations",
            flush=True,
        )
        for seed, violation in done.violations[:5]:
            print(f"    seed {seed}: {violation}", flush=True)
    seconds = time.monotonic() - began
    print(f"{each * len(WORLDS)} schedules in {seconds:.0f} s, {broken} violations, all converged")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
