"""The comparison that users would make: a script on Meta's official SDK that loops over campaigns.

It reads each campaign's insights and sends it a budget, one request each (`sdk_script.txt`). The
SDK stays out of our dependencies: it is installed, when first needed, into an environment of its
own in the temporary folder. The two take turns on the same server.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

from tests.benchmarks.figures import Effort, Figure, Goal, ratio_at_most
from tests.benchmarks.graph import FIRST_ACCOUNT
from tests.benchmarks.measuring import Ran, median, paired, plain_env, run
from tests.benchmarks.site import Server, serving, site
from tests.benchmarks.tick_sizes import LATENCY, Ticked, tick

REQUIREMENT: Final = "facebook-business>=26.0"
SCRIPT: Final = Path(__file__).with_name("sdk_script.txt")

READ_GOALS = {100: ratio_at_most(1 / 30), 1_000: ratio_at_most(1 / 200)}
WHOLE_GOALS = {100: ratio_at_most(1 / 3), 1_000: ratio_at_most(1 / 30)}
CPU_GOALS = {1_000: ratio_at_most(1 / 3), 10_000: ratio_at_most(1 / 10)}


@cache
def sdk_python() -> Path | str:
    """The environment's Python, or why there is none."""
    folder = Path(tempfile.gettempdir()) / f"meta-auto-benchmark-sdk-{sys.version_info.minor}"
    python = folder / "bin" / "python"
    done = folder / "installed"
    try:
        if not done.exists():
            subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True,
                           capture_output=True, text=True)  # fmt: skip
            subprocess.run([python, "-m", "pip", "install", "-q", REQUIREMENT], check=True,
                           capture_output=True, text=True, timeout=300)  # fmt: skip
            done.touch()
    except (OSError, subprocess.SubprocessError) as problem:
        said = getattr(problem, "stderr", None) or str(problem)
        return f"{REQUIREMENT} could not be installed: {str(said).strip().splitlines()[-1]}"
    return python


def script(server: Server, *, writes: bool, level: str = "campaign") -> tuple[Ran, Any]:
    python = sdk_python()
    assert isinstance(python, Path)
    ran = run(
        [str(python), str(SCRIPT), server.url, str(FIRST_ACCOUNT),
         "write" if writes else "read", level],
        env=plain_env(Path(tempfile.gettempdir())),
    )  # fmt: skip
    return ran, json.loads(ran.out)


def ours(server: Server, **settings: str) -> Ticked:
    with site(server, **settings) as here:
        return tick(here)


def sdk_time(effort: Effort) -> Iterator[Figure]:
    """Wall clock and requests with 150 ms before every answer."""
    latency = effort.of(LATENCY, 0.01)
    for size in effort.of((100, 1_000), (5,)):
        names = {
            name: f"{size:,} campaigns, {latency * 1000:.0f} ms: {name}"
            for name in ("reading", "reading and writing", "requests, reading", "requests")
        }
        python = sdk_python()
        if isinstance(python, str):
            yield from (Figure(name, None, note=python) for name in names.values())
            continue
        theirs, reads, acts = [], [], []
        with serving(size, latency=latency) as server:
            for _ in range(effort.of({100: 3}.get(size, 1), 1)):
                theirs.append(script(server, writes=True))
                reads.append(ours(server))
                acts.append(ours(server, META_AUTO_MODE="auto"))
        yield _compared(
            names["reading"],
            "s",
            [one.ran.wall for one in reads],
            [told["reading"] for _, told in theirs],
            READ_GOALS.get(size),
        )
        yield _compared(
            names["reading and writing"],
            "s",
            [one.ran.wall for one in acts],
            [ran.wall for ran, _ in theirs],
            WHOLE_GOALS.get(size),
            note=f"{acts[0].asked.writes} writes against {size}",
        )
        yield _compared(
            names["requests, reading"],
            "",
            [one.asked.requests for one in reads],
            [told["requests"] - told["campaigns"] for _, told in theirs],
        )
        yield _compared(
            names["requests"],
            "",
            [one.asked.requests for one in acts],
            [told["requests"] for _, told in theirs],
            note=f"{acts[0].asked.writes} writes against {size}",
        )


def sdk_cpu(effort: Effort) -> Iterator[Figure]:
    """CPU without any latency: of the script as people write it, which reads campaigns only, and
    of the same script reading what a tick reads, a row for each ad and day (10,000 campaigns:
    the first only)."""
    for size in effort.of((100, 1_000, 10_000), (5,)):
        levels = ("campaign", "ad") if size <= 1_000 else ("campaign",)
        python = sdk_python()
        if isinstance(python, str):
            for level in levels:
                yield Figure(_cpu_name(size, level), None, note=python)
            continue
        theirs: dict[str, list[float]] = {level: [] for level in levels}
        mine = []
        with serving(size) as server:
            for _ in range(effort.of({100: 5, 1_000: 3}.get(size, 1), 1)):
                for level in levels:
                    theirs[level].append(script(server, writes=True, level=level)[0].cpu)
                with site(server) as here:
                    here.run("tick", "-q")
                    mine.append(tick(here).ran.cpu)
        for level in levels:
            yield _compared(
                _cpu_name(size, level),
                "s",
                mine,
                theirs[level],
                CPU_GOALS.get(size) if level == "campaign" else None,
            )


def _cpu_name(size: int, level: str) -> str:
    return f"{size:,} campaigns: CPU of a tick, script reading a row for each {level}"


def _compared(
    name: str,
    unit: str,
    mine: Sequence[float],
    theirs: Sequence[float],
    goal: Goal | None = None,
    *,
    note: str = "",
) -> Figure:
    return Figure(
        name, median(mine), unit, ratio=paired(mine, theirs), against="SDK script",
        other=median(theirs), goal=goal, note=note,
    )  # fmt: skip
