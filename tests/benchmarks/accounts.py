"""Several ad accounts in one tick: they are read side by side, so the clock should hardly notice."""

from collections.abc import Iterator

from tests.benchmarks.figures import Effort, Figure
from tests.benchmarks.measuring import median, paired
from tests.benchmarks.site import serving, site
from tests.benchmarks.tick_sizes import LATENCY, Ticked, tick

ACCOUNTS = 5


def accounts(effort: Effort) -> Iterator[Figure]:
    campaigns, latency = effort.of(200, 5), effort.of(LATENCY, 0.01)
    with (
        serving(campaigns, latency=latency) as alone,
        serving(campaigns, accounts=ACCOUNTS, latency=latency) as together,
    ):
        one: list[Ticked] = []
        five: list[Ticked] = []
        for _ in range(effort.of(5, 1)):
            for server, ticked in ((alone, one), (together, five)):
                with site(server) as here:
                    ticked.append(tick(here))
    name = f"{ACCOUNTS} accounts of {campaigns} campaigns, {latency * 1000:.0f} ms"
    for what, unit, of in (
        ("time", "s", lambda ticked: ticked.ran.wall),
        ("CPU", "s", lambda ticked: ticked.ran.cpu),
        ("peak memory", "MB", lambda ticked: ticked.ran.peak),
    ):
        yield Figure(
            f"{name}: {what}",
            median([of(ticked) for ticked in five]),
            unit,
            ratio=paired([of(ticked) for ticked in five], [of(ticked) for ticked in one]),
            against="one account",
        )
