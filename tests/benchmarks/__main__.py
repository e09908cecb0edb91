"""The front door: which benchmarks, how much, and whether to keep what comes out."""

import argparse
import sys
import time

from tests.benchmarks.figures import Effort, Figure
from tests.benchmarks.measuring import Broken
from tests.benchmarks.suite import SUITE
from tests.benchmarks.table import lines, read, row, write


def main() -> int:
    by_name = {benchmark.name: benchmark for benchmark in SUITE}
    listed = "\n".join(f"  {one.name:<10} {one.says}" for one in SUITE)
    options = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description="Measure the program against its goals.",
        epilog=f"benchmarks:\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    options.add_argument("names", nargs="*", metavar="NAME", help="default: all")
    options.add_argument("--quick", action="store_true", help="tiny sizes: does it all come out?")
    options.add_argument(
        "--write-baseline", action="store_true", help="keep the figures in baseline.json"
    )
    chosen = options.parse_args()
    unknown = sorted(set(chosen.names) - set(by_name))
    if unknown:
        options.error(f"no benchmark is called {unknown[0]}")
    if chosen.quick and chosen.write_baseline:
        options.error("tiny sizes make no baseline")
    effort = Effort(is_quick=chosen.quick)
    figures: list[Figure] = []
    failed: list[str] = []
    for name in chosen.names or by_name:
        began = time.monotonic()
        try:
            for figure in by_name[name].run(effort):
                figures.append(figure)
                print("  ".join(filter(None, row(figure, {"figures": {}}))), file=sys.stderr)
        except Broken as problem:  # the others can still be measured
            failed.append(f"{name}: {problem}")
        print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
        if chosen.write_baseline:  # a run that is cut short has kept what it measured
            write(figures)
    baseline = read()
    print("\n".join(lines([row(figure, baseline) for figure in figures])))
    print("\n".join(failed), file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
