"""One whole tick by the size of the account: CPU, requests, memory, and how they grow.

The account is in *suggest* mode, 10 ads a campaign, 14 daily rows an ad. The first tick of a day
reads all days, later ones those that can still change: both are measured, each in a process of
its own, and the CPU is what is left above a tick that is stopped and does nothing.
"""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass

from tests.benchmarks.figures import (
    Effort,
    Figure,
    Goal,
    at_most,
    ratio_at_most,
)
from tests.benchmarks.measuring import PASS, Broken, Ran, median, run
from tests.benchmarks.site import Asked, Server, Site, serving, site

LATENCY = 0.15
CPU_GOALS = {100: at_most(0.15), 1_000: at_most(0.4), 10_000: at_most(3.0)}
MEMORY_GOALS = {100: at_most(80), 1_000: at_most(80), 10_000: at_most(200)}
BOUND_GOALS = {100: ratio_at_most(1.3), 1_000: ratio_at_most(1.3), 10_000: ratio_at_most(1.6)}


@dataclass(frozen=True, slots=True)
class Ticked:
    ran: Ran
    asked: Asked


def tick(here: Site) -> Ticked:
    """One that worked, and what it asked."""
    here.server.asked()
    ran = here.run("tick", "--json")
    report = json.loads(ran.out)
    if report["errors"] or report["campaigns_evaluated"] == 0:
        raise Broken(f"the tick did not work: {report['errors']}")
    return Ticked(ran, here.server.asked())


def first_and_later(server: Server, times: int) -> tuple[list[Ticked], list[Ticked]]:
    first, later = [], []
    for _ in range(times):
        with site(server) as here:
            first.append(tick(here))
            later += [tick(here) for _ in range(2)][1:]
    return first, later


def idle_cpu(times: int) -> tuple[float, float]:
    """CPU seconds and wall seconds of a tick that is stopped: all that is not the account's."""
    with serving(1, ads=1) as server, site(server) as here:
        here.run("tick", "-q")
        here.run("stop")
        ran = [here.run("tick", "-q") for _ in range(times)]
    return median([one.cpu for one in ran]), median([one.wall for one in ran])


def pass_cpu(here: Site) -> float:
    return median([run(PASS, env=here.env()).cpu for _ in range(9)])


def tick_sizes(effort: Effort) -> Iterator[Figure]:
    sizes = effort.of((100, 1_000, 10_000), (5, 20))
    idle, _ = idle_cpu(effort.of(9, 1))
    above: dict[int, float] = {}
    for size in sizes:
        times = effort.of({100: 5, 1_000: 3}.get(size, 1), 1)
        with serving(size) as server:
            first, later = first_and_later(server, times)
            with site(server) as here:
                nothing = pass_cpu(here)
        for name, ticked in (("first of the day", first), ("later", later)):
            cpu = median([one.ran.cpu for one in ticked]) - idle
            yield Figure(
                f"tick, {size:,} campaigns, {name}: CPU above start-up",
                cpu,
                "s",
                ratio=cpu / nothing,
                against="python -c pass",
                goal=CPU_GOALS.get(size) if name == "later" else None,
            )
        above[size] = median([one.ran.cpu for one in later]) - idle
        most = max([*first, *later], key=lambda one: one.ran.peak)
        yield Figure(
            f"tick, {size:,} campaigns, {size * 10:,} ads: peak memory",
            most.ran.peak,
            "MB",
            goal=MEMORY_GOALS.get(size),
        )
        yield _requests(size, first, "first of the day")
        yield _requests(size, later, "later")
    small, large = sizes[0], sizes[-1]
    yield Figure(
        f"tick: CPU a campaign, from {small:,} to {large:,}",
        1000 * (above[large] - above[small]) / (large - small),
        "ms",
        goal=at_most(0.25) if not effort.is_quick else None,
    )
    yield Figure(
        f"tick: exponent of CPU over size, from {small:,} to {large:,}",
        _exponent(above, small, large),
        goal=at_most(1.1),
    )
    if not effort.is_quick:
        yield Figure(
            "tick: exponent of CPU over size, from 1,000 to 10,000",
            _exponent(above, 1_000, 10_000),
            goal=at_most(1.1),
        )


def _requests(size: int, ticked: list[Ticked], name: str) -> Figure:
    """As a multiple of the pages of 500 of one row per ad and day, which nobody can go below."""
    requests = median([one.asked.requests for one in ticked])
    return Figure(
        f"tick, {size:,} campaigns, {name}: requests",
        requests,
        ratio=requests / size,
        against="one request a campaign",
    )


def _exponent(cpu: dict[int, float], small: int, large: int) -> float:
    """On tiny accounts start-up may take longer than all: below a millisecond nothing is told."""
    above, below = (max(cpu[size], 0.001) for size in (large, small))
    return math.log(above / below) / math.log(large / small)


def tick_latency(effort: Effort) -> Iterator[Figure]:
    """The wall clock with 150 ms before every answer, over what no client can go below: the pages
    of the longest list one after the other, and the writes."""
    latency = effort.of(LATENCY, 0.01)
    for size in effort.of((100, 1_000, 10_000), (5, 20)):
        _, idle_wall = idle_cpu(effort.of(5, 1))
        with serving(size, latency=latency) as server:
            first, later = first_and_later(server, effort.of({100: 3}.get(size, 1), 1))
        for name, ticked in (("first of the day", first), ("later", later)):
            wall = median([one.ran.wall for one in ticked])
            bound = median([(one.asked.chain + one.asked.writes) * latency for one in ticked])
            goal: Goal | None = BOUND_GOALS.get(size)
            yield Figure(
                f"tick, {size:,} campaigns, {latency * 1000:.0f} ms, {name}: time",
                wall,
                "s",
                ratio=(wall - idle_wall) / bound,
                against="pages × latency",
                goal=goal,
            )
