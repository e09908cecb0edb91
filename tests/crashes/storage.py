"""Storage that fails under a running tick, at every step: the disk, or the way to the server.

    python -m tests.crashes.storage --database both            every step
    python -m tests.crashes.storage --database sqlite --every 7

A disk fails by `strace`, which answers the n-th write or sync with an error (and every one after
it, or that one alone). A PostgreSQL is lost by a proxy that cuts the connection at the n-th
message, before it is sent or after it was worked but before its answer, and by killing the server.
Whatever happens: nothing is sent to Meta without a committed intent, the run ends with 1 and says
why, and the next run brings everything in order.
"""

import argparse
import contextlib
import re
import select
import shutil
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from tests.crashes.shop import Ran, Shop
from tests.crashes.trial import Stages, go_on, judged, stages

STRACE: Final = shutil.which("strace")
#: The system calls that a commit to SQLite is made of, and how each may fail.
DISK_FAULTS: Final = (("pwrite64", "ENOSPC"), ("pwrite64", "EIO"), ("fdatasync", "EIO"))


@dataclass(frozen=True, slots=True)
class Outcome:
    """`code` is the run's exit code; `faults` are broken promises."""

    step: str
    code: int | None
    faults: tuple[str, ...]


# --- a disk -------------------------------------------------------------------------------------


def disk_steps(stages: Stages, call: str) -> int:
    """How many such calls an undisturbed tick makes."""
    with stages.shop("offered") as shop:
        log = shop.folder / "strace"
        ran = shop.run("tick", prefix=_strace(log, call))
        assert ran.code == 0, ran
        return len(re.findall(rf"\b{call}\(", log.read_text()))


def disk_fails(
    stages: Stages, call: str, error: str, step: int, *, for_good: bool = True
) -> Outcome:
    name = f"{call} {error} at {step}{'+' if for_good else ''}"
    with stages.shop("offered") as shop:
        inject = f"inject={call}:error={error}:when={step}{'+' if for_good else ''}"
        prefix = (*_strace(shop.folder / "strace", call), "-e", inject)
        ran = shop.run("tick", "--json", prefix=prefix)
        return Outcome(name, ran.code, tuple(_broken(shop, ran)))


def _strace(log: Path, call: str) -> tuple[str, ...]:
    assert STRACE is not None
    return (STRACE, "-f", "-qq", "-o", str(log), "-e", f"trace={call}", "-e", "signal=none")


def _broken(shop: Shop, ran: Ran) -> list[str]:
    """Judged at once, and again when the next runs have had storage that works."""
    faults = _badly_told(ran)
    intents = Counter((row["entity_id"], row["new"]) for row in shop.attempts())
    faults += [f"{one} was sent without an intent" for one in Counter(shop.posts()) - intents]
    go_on(shop, faults)
    return faults + judged(shop)


def _badly_told(ran: Ran) -> list[str]:
    if "Traceback" in ran.err + ran.out:
        return [f"a traceback: {ran}"]
    if ran.code == 0:  # it failed where nothing hung on it
        return []
    if ran.code != 1:
        return [f"ended with {ran}"]
    told = ran.json["error"]
    return [] if told["message"] and told["remedy"] else [f"told badly: {told}"]


# --- the way to a PostgreSQL --------------------------------------------------------------------


@dataclass(slots=True)
class Cutter:
    """A proxy on loopback before the server's socket. It counts what clients send, over all
    connections, and cuts one: at message `at`, `worked` or not."""

    server: Path
    at: int = 0
    worked: bool = False
    seen: int = 0
    port: int = 0
    _listener: socket.socket | None = None
    _threads: list[threading.Thread] = field(default_factory=list)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._in_a_thread(self._accept, self._listener)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._listener is not None
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes who waits for a client
        self._listener.close()
        for thread in self._threads:
            thread.join(10)

    def url(self, direct: str) -> str:
        database = direct.partition("?")[0].rpartition("/")[2]
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def _in_a_thread(self, deed: Callable[[socket.socket], None], given: socket.socket) -> None:
        thread = threading.Thread(target=deed, args=(given,), daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                self._in_a_thread(self._serve, listener.accept()[0])

    def _serve(self, client: socket.socket) -> None:
        """Until one side has gone, or until the cut."""
        with client, socket.socket(socket.AF_UNIX) as server, contextlib.suppress(OSError):
            server.connect(str(self.server))
            while True:
                ready, _, _ = select.select([client, server], [], [])
                for source in ready:
                    data = source.recv(65_536)
                    if not data:
                        return
                    if source is client and self._is_the_one():
                        if self.worked:
                            server.sendall(data)
                            time.sleep(0.1)  # it is done, and nobody hears of it
                        return
                    (server if source is client else client).sendall(data)

    def _is_the_one(self) -> bool:
        with self._guard:
            self.seen += 1
            return self.seen == self.at


def messages(stages: Stages) -> int:
    """How many messages an undisturbed tick sends to its server."""
    assert stages.server is not None
    with stages.shop("offered") as shop, Cutter(stages.server.socket) as cutter:
        ran = shop.run("tick", META_AUTO_DATABASE_URL=cutter.url(shop.database.url))
        assert ran.code == 0, ran
        return cutter.seen


def connection_lost(stages: Stages, step: int, *, worked: bool) -> Outcome:
    assert stages.server is not None
    name = f"message {step} lost, {'worked' if worked else 'not worked'}"
    with (
        stages.shop("offered") as shop,
        Cutter(stages.server.socket, at=step, worked=worked) as cutter,
    ):
        ran = shop.run("tick", "--json", META_AUTO_DATABASE_URL=cutter.url(shop.database.url))
        return Outcome(name, ran.code, tuple(_broken(shop, ran)))


# --- the command --------------------------------------------------------------------------------


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crashes.storage", description=__doc__)
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    parser.add_argument("--every", type=int, default=1, help="only each so-many-th step")
    said = parser.parse_args()
    broken = 0
    if said.database != "postgresql":
        with stages("sqlite") as ready:
            for call, error in DISK_FAULTS:
                broken += _tell(f"{call} {error}", list(_disk(ready, call, error, said.every)))
    if said.database != "sqlite":
        with stages("postgresql") as ready:
            broken += _tell("connection lost", list(_connections(ready, said.every)))
    return 1 if broken else 0


def _disk(ready: Stages, call: str, error: str, every: int) -> Iterator[Outcome]:
    for step in range(1, disk_steps(ready, call) + 1, every):
        for for_good in (True, False):
            yield disk_fails(ready, call, error, step, for_good=for_good)


def _connections(ready: Stages, every: int) -> Iterator[Outcome]:
    for step in range(1, messages(ready) + 1, every):
        for worked in (False, True):
            yield connection_lost(ready, step, worked=worked)


def _tell(what: str, outcomes: Sequence[Outcome]) -> int:
    broken = [one for one in outcomes if one.faults]
    codes = dict(Counter(one.code for one in outcomes))
    print(f"{what:20}  {len(outcomes):4} steps  exit codes {codes}  {len(broken)} broken")
    for one in broken[:5]:
        print(f"    {one.step}: {one.faults}")
    return len(broken)


if __name__ == "__main__":
    sys.exit(main())
