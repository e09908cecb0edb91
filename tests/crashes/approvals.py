"""Many processes at one moment: 32 approve one suggestion, 8 tick the same account.

    python -m tests.crashes.approvals --rounds 100 --database both

Every process is one of its own, forked from a warm parent and let go by one barrier; of each
round exactly one may win, and everyone else is told so in so many words.
"""

import argparse
import contextlib
import os
import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from meta_autonomous.adapters.sandbox import Fault
from tests.crashes.shop import GROWING, Ran, Running, Shop, wait_until
from tests.crashes.trial import Stages, judged, stages

APPROVING: Final = 32
TICKING: Final = 8
#: What a loser is told, by how far the winner has come.
_TOO_LATE: Final = re.compile(r"Already (approved|executing|executed) by ")
#: How soon a tick that finds the account taken must be gone, from its start.
BUSY_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Round:
    faults: tuple[str, ...]
    seconds: float
    slowest: float = 0.0


def approve_at_once(stages: Stages, count: int = APPROVING, *, cold: bool = False) -> Round:
    """Exactly one executes; the others are refused because it is done already."""
    with stages.shop("offered") as shop:
        number = next(row["id"] for row in shop.actions() if row["status"] == "suggested")
        began = time.monotonic()
        ended = _at_once(shop, count, "suggestions", "approve", str(number), "--json", cold=cold)
        seconds = time.monotonic() - began
        codes = Counter(ran.code for ran in ended)
        faults = []
        if codes != {0: 1, 3: count - 1}:
            faults.append(f"exit codes {dict(codes)}")
        faults += [
            f"a loser says {ran.out} {ran.err}"
            for ran in ended
            if ran.code != 0 and not _TOO_LATE.search(ran.out)
        ]
        if len(shop.posts()) != 1:
            faults.append(f"sent: {shop.posts()}")
        return Round(tuple(faults + judged(shop)), seconds)


def tick_at_once(stages: Stages, count: int = TICKING, *, cold: bool = False) -> Round:
    """One works; the others exit with 75 while it does, and no budget is raised twice."""
    with stages.shop("fresh") as shop:
        shop.run("tick", META_AUTO_MODE="suggest")  # makes the database
        gone: list[float] = []
        everyone_else = threading.Event()
        # The winner is kept at its account until the others have come and gone.
        fault = Fault(before=lambda: everyone_else.wait(60))
        shop.sandbox.inject(fault, match=r"/insights")
        began = time.monotonic()
        with _let_go(shop, count, "tick", "--json", cold=cold) as running:
            waiting = list(running)

            def losers() -> bool:
                for process in [one for one in waiting if one.has_ended()]:
                    waiting.remove(process)
                    gone.append(time.monotonic() - began)
                return len(waiting) <= 1

            wait_until(losers, 60)
            everyone_else.set()
            ended = [process.wait() for process in running]
        codes = Counter(ran.code for ran in ended)
        faults = [] if codes == {0: 1, 75: count - 1} else [f"exit codes {dict(codes)}"]
        sent = Counter(entity_id for entity_id, _ in shop.posts())
        faults += [f"{one} was sent {times} times" for one, times in sent.items() if times > 1]
        if len(sent) != len(GROWING):
            faults.append(f"sent: {shop.posts()}")
        return Round(tuple(faults + judged(shop)), time.monotonic() - began, max(gone, default=0))


def _at_once(shop: Shop, count: int, *arguments: str, cold: bool) -> list[Ran]:
    with _let_go(shop, count, *arguments, cold=cold) as running:
        return [process.wait() for process in running]


@contextlib.contextmanager
def _let_go(shop: Shop, count: int, *arguments: str, cold: bool) -> Iterator[list[Running]]:
    """So many processes of one command, begun at one moment."""
    if cold:
        yield [shop.start(*arguments, cold=True) for _ in range(count)]
        return
    barrier = shop.folder / "barrier"
    os.mkfifo(barrier)
    running = [shop.start(*arguments, barrier=barrier) for _ in range(count)]
    time.sleep(0.1)  # until the last one waits
    gate = os.open(barrier, os.O_RDWR)  # opens at once for all who wait, and for who comes late
    try:
        yield running
    finally:
        os.close(gate)
        barrier.unlink()


# --- the command --------------------------------------------------------------------------------


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crashes.approvals", description=__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    parser.add_argument("--cold", action="store_true", help="start each process anew: slower")
    said = parser.parse_args()
    chosen = ("sqlite", "postgresql") if said.database == "both" else (said.database,)
    broken = 0
    for database in chosen:
        with stages(database) as ready:
            approvals = [approve_at_once(ready, cold=said.cold) for _ in range(said.rounds)]
            ticks = [tick_at_once(ready, cold=said.cold) for _ in range(max(said.rounds // 2, 1))]
        broken += _tell(database, f"{APPROVING} approve one suggestion", approvals)
        broken += _tell(database, f"{TICKING} tick one account", ticks)
        print(f"{database:10}  the slowest loser was gone after {_slowest(ticks):.2f} s")
    return 1 if broken else 0


def _slowest(rounds: list[Round]) -> float:
    return max(one.slowest for one in rounds)


def _tell(database: str, what: str, rounds: list[Round]) -> int:
    faults = [fault for one in rounds for fault in one.faults]
    seconds = sum(one.seconds for one in rounds)
    print(
        f"{database:10}  {what:30}  {len(rounds):3} rounds  {len(faults)} broken promises  "
        f"{seconds:.0f} s",
        flush=True,
    )
    for fault in faults[:5]:
        print(f"    {fault}", flush=True)
    return len(faults)


if __name__ == "__main__":
    sys.exit(main())
