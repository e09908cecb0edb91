"""A place to run the program in: a state folder, and a local Graph API beside it."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.request import urlopen

from tests.benchmarks.graph import FIRST_ACCOUNT
from tests.benchmarks.measuring import META_AUTO, ROOT, Ran, plain_env, run

#: Nothing is in the way of the account's own numbers.
WIDE: Final = {
    "MAX_DAILY_SPEND_USD": "1000000000",
    "MAX_CAMPAIGN_BUDGET_USD": "1000000",
    "MAX_CAMPAIGNS_PER_TICK": "10000",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a server was asked since the last look."""

    requests: int
    writes: int
    chain: int


@dataclass(frozen=True, slots=True)
class Server:
    url: str
    campaigns: int
    accounts: int
    latency: float

    def asked(self) -> Asked:
        with urlopen(f"{self.url}/asked") as answer:
            return Asked(**json.load(answer))


@contextmanager
def serving(
    campaigns: int, *, ads: int = 10, days: int = 14, accounts: int = 1, latency: float = 0.0
) -> Iterator[Server]:
    command = [
        sys.executable, "-m", "tests.benchmarks.graph", str(campaigns), "--ads", str(ads),
        "--days", str(days), "--accounts", str(accounts), "--latency", str(latency),
    ]  # fmt: skip
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            url = server.stdout.readline().strip()
            yield Server(url, campaigns, accounts, latency)
        finally:
            server.terminate()


@dataclass(frozen=True, slots=True)
class Site:
    """One state folder, whose commands talk to one server."""

    folder: Path
    server: Server
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def database(self) -> Path:
        return self.folder / "state" / "meta-auto.sqlite3"

    def env(self) -> dict[str, str]:
        ids = (str(FIRST_ACCOUNT + place) for place in range(self.server.accounts))
        return plain_env(
            self.folder,
            META_AUTO_STATE_DIR=str(self.folder / "state"),
            META_AUTO_PLATFORM="meta",
            META_ACCESS_TOKEN="benchmark",
            META_AD_ACCOUNT_IDS=",".join(ids),
            META_GRAPH_URL=self.server.url,
            **(WIDE | self.settings),
        )

    def run(self, *words: str, codes: Sequence[int] = (0,)) -> Ran:
        return run([*META_AUTO, *words], env=self.env(), cwd=self.folder, codes=codes)

    def json(self, *words: str, codes: Sequence[int] = (0,)) -> tuple[Ran, Any]:
        ran = self.run(*words, "--json", codes=codes)
        return ran, json.loads(ran.out)


@contextmanager
def site(server: Server, **settings: str) -> Iterator[Site]:
    """A fresh one: nothing was ever read here."""
    with tempfile.TemporaryDirectory(prefix="meta-auto-bench") as folder:
        yield Site(Path(folder), server, settings)
