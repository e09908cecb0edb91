"""A person's approval with a wait before every answer: it reads afresh, judges, sends, reads back."""

from collections.abc import Iterator

from tests.benchmarks.figures import Effort, Figure
from tests.benchmarks.measuring import median
from tests.benchmarks.site import serving, site
from tests.benchmarks.tick_sizes import LATENCY, idle_cpu


def approve(effort: Effort) -> Iterator[Figure]:
    campaigns, latency = effort.of(1_000, 20), effort.of(LATENCY, 0.01)
    many = effort.of(10, 2)
    _, idle_wall = idle_cpu(effort.of(5, 1))
    with serving(campaigns, latency=latency) as server, site(server) as here:
        here.run("tick", "-q")
        _, pending = here.json("suggestions", "list")
        ids = [str(one["id"]) for one in pending]
        alone, asked = [], []
        for _ in range(effort.of(5, 1)):
            server.asked()
            alone.append(here.run("suggestions", "approve", ids.pop(0), "--yes"))
            asked.append(server.asked())
        yield _figure("one suggestion", median([one.wall for one in alone]), idle_wall,
                      asked[0].requests, latency)  # fmt: skip
        server.asked()
        together = here.run("suggestions", "approve", *ids[:many], "--yes")
        yield _figure(f"{many} suggestions at once", together.wall, idle_wall,
                      server.asked().requests, latency)  # fmt: skip
    yield Figure(
        f"approve: one suggestion of {campaigns:,} campaigns, CPU",
        median([one.cpu for one in alone]),
        "s",
    )


def _figure(what: str, wall: float, idle: float, requests: int, latency: float) -> Figure:
    """Its requests follow from one another, so their number times the latency is no choice."""
    return Figure(
        f"approve: {what}, {latency * 1000:.0f} ms",
        wall,
        "s",
        ratio=(wall - idle) / (requests * latency),
        against="requests × latency",
        note=f"{requests} requests",
    )
