"""One process of its own: its CPU seconds (rusage), wall seconds, peak memory, what it printed."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
PASS: Final = (sys.executable, "-c", "pass")
#: What the installed `meta-auto` is, without asking where it was installed.
META_AUTO: Final = (
    sys.executable, "-c", "import sys; from meta_autonomous.__main__ import main; sys.exit(main())",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ran:
    """Seconds, megabytes (a million bytes), text."""

    cpu: float
    wall: float
    peak: float
    out: str


class Broken(Exception):
    """What was to be measured did not work."""


def run(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path | None = None,
    codes: Sequence[int] = (0,),
) -> Ran:
    """Raises Broken on another exit code. The parent stays small: Linux counts its memory, at the
    moment of the fork, as the child's peak."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        began = time.perf_counter()
        child = subprocess.Popen(command, env=dict(env), cwd=cwd, stdout=out, stderr=err)
        _, status, used = os.wait4(child.pid, 0)
        wall = time.perf_counter() - began
        child.returncode = os.waitstatus_to_exitcode(status)  # it is ours no more to wait for
        out.seek(0)
        err.seek(0)
        if child.returncode not in codes:
            said = (err.read() + out.read()).decode()
            where, code = " ".join(command[-3:]), child.returncode
            raise Broken(f"{where}: exit code {code}: {said[:1000]} … {said[-1000:]}")
        return Ran(
            cpu=used.ru_utime + used.ru_stime,
            wall=wall,
            peak=used.ru_maxrss * 1024 / 1e6,
            out=out.read().decode(),
        )


def plain_env(home: Path, **more: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": str(ROOT),
        "PYTHONHASHSEED": "0", **more,
    }  # fmt: skip


def rounds(deeds: Mapping[str, Callable[[], Ran]], times: int) -> dict[str, list[Ran]]:
    """Each deed in turn, again and again: what disturbs the machine disturbs them alike."""
    ran: dict[str, list[Ran]] = {name: [] for name in deeds}
    for _ in range(times):
        for name, deed in deeds.items():
            ran[name].append(deed())
    return ran


def median(numbers: Sequence[float]) -> float:
    return statistics.median(numbers)


def paired(over: Sequence[float], under: Sequence[float]) -> float:
    """The median of the rounds' own ratios."""
    return statistics.median(a / b for a, b in zip(over, under, strict=True))
