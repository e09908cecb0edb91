"""Requests, time and memory of one whole tick, by the size of the account.

Run: python -m tests.benchmarks.bench_tick_requests [CAMPAIGNS ...]   (default: 10 100 1000)

Each size is a simulated account with 10 ads per campaign, read over HTTP from a server in the same
process. The figure that matters is requests per page: a tick that asked once per campaign would
show a ratio that grows with the account.
"""

import asyncio
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

from meta_autonomous.adapters.sandbox import build_world
from meta_autonomous.bootstrap import MetaAutoWorker
from meta_autonomous.config import AutonomousSettings

ADS_PER_CAMPAIGN = 10
PAGE = 500
DAYS_READ = 29


def measure(campaigns: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder)
        state.chmod(0o700)
        build_world(campaigns, ADS_PER_CAMPAIGN, path=state / "sandbox.sqlite3").close()
        os.environ["META_AUTO_STATE_DIR"] = folder
        worker = MetaAutoWorker(settings=AutonomousSettings(max_campaigns_per_tick=campaigns))
        began, cpu = time.perf_counter(), time.process_time()
        report = asyncio.run(worker.tick())
        wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    if report["errors"] or report["campaigns_evaluated"] == 0:
        raise SystemExit(f"the tick did not work: {report['errors']}")
    ads = campaigns * ADS_PER_CAMPAIGN
    pages = sum(-(-rows // PAGE) for rows in (campaigns, campaigns, ads, ads * DAYS_READ))
    return {
        "campaigns": campaigns,
        "ads": ads,
        "requests": report["requests"],
        "pages": pages,
        "requests/page": report["requests"] / pages,
        "requests/campaign": report["requests"] / campaigns,
        "seconds": wall,
        "cpu seconds": cpu,
        "peak MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def main() -> None:
    sizes = [int(text) for text in sys.argv[1:]] or [10, 100, 1000]
    header = None
    for size in sizes:
        row = measure(size)
        if header is None:
            header = list(row)
            print("  ".join(f"{name:>17}" for name in header))
        print("  ".join(f"{row[name]:>17,.2f}" for name in header))


if __name__ == "__main__":
    main()
