"""Many schedules over several processes: nothing is shared, so that each seed stays its own."""

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Final

from tests.simulation.simulator import Simulation, Violation

_BATCH: Final = 250


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    locked: bool
    named: bool

    @property
    def words(self) -> str:
        lock = "with the lock" if self.locked else "without the lock"
        name = "known" if self.named else "not known"
        return f"{lock}, our name {name}"


WORLDS: Final = tuple(
    World(locked=locked, named=named) for locked in (True, False) for named in (True, False)
)


@dataclass(frozen=True, slots=True)
class Done:
    sent: int
    applied: int
    violations: tuple[tuple[int, str], ...]


def run_some(seeds: Sequence[int], world: World) -> Done:
    """A schedule that does not converge is a violation like any other (I8)."""
    sent = applied = 0
    violations = []
    for seed in seeds:
        simulation = Simulation(seed, locked=world.locked, named=world.named)
        try:
            simulation.run()
        except Violation as violation:
            violations.append((seed, str(violation)))
        sent += sum(simulation.meta.sent_for.values())
        applied += len(simulation.meta.applied)
    return Done(sent, applied, tuple(violations))


def run_many(seeds: range, world: World, *, processes: int | None = None) -> Done:
    """All of them, over so many processes (default: one per core)."""
    batches = [seeds[at : at + _BATCH] for at in range(0, len(seeds), _BATCH)]
    workers = processes or os.cpu_count() or 1
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        parts = list(pool.map(run_some, batches, [world] * len(batches)))
    return Done(
        sum(part.sent for part in parts),
        sum(part.applied for part in parts),
        tuple(one for part in parts for one in part.violations),
    )
