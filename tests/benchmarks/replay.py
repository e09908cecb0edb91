"""30 days decided again under another limit: each day's tick, from the records alone."""

from collections.abc import Iterator

from tests.benchmarks.figures import Effort, Figure
from tests.benchmarks.measuring import median
from tests.benchmarks.site import serving, site

CHANGE = ("--set", "MAX_AUTO_CHANGE_PCT=0.05")


def replay(effort: Effort) -> Iterator[Figure]:
    campaigns, days = effort.of((100, 30), (5, 3))
    with serving(campaigns, days=days + 28) as server, site(server) as here:
        recorded = here.run("backfill", "--days", str(days))
        month = [here.json("replay", "--since", f"{days + 1}d", *CHANGE)
                 for _ in range(effort.of(3, 1))]  # fmt: skip
        day = [here.json("replay", "--since", "2d", *CHANGE)[0] for _ in range(effort.of(3, 1))]
    ticks = month[0][1]["ticks"]
    cpu = median([ran.cpu for ran, _ in month])
    yield Figure(
        f"replay: {days} days of {campaigns:,} campaigns, {campaigns * 10:,} ads, a tick a day",
        cpu,
        "s",
        ratio=cpu / median([ran.cpu for ran in day]),
        against="one day",
        note=f"{ticks} ticks",
    )
    yield Figure(
        "replay: a further tick",
        1000 * (cpu - median([ran.cpu for ran in day])) / max(1, days - 1),
        "ms",
    )
    yield Figure(f"replay: peak memory of {days} days", max(ran.peak for ran, _ in month), "MB")
    yield Figure(f"backfill: {days} days, CPU", recorded.cpu, "s")
