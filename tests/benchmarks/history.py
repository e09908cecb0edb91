"""A tick over years of records against one over none: the same account, the same server, in turns.

The past is a million ledger entries, a dozen to a tick, and what so many ticks leave in the other
tables: the ticks, their actions and attempts, replaced metrics and snapshots, past days, 98 days
of cases. The account's own rows of today are copied backwards, in SQL: nobody waits five years.

    python -m tests.benchmarks.history DATABASE TICKS
"""

import contextlib
import json
import sqlite3
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.benchmarks.figures import Effort, Figure, ratio_at_most
from tests.benchmarks.ledger import ENTRIES_PER_TRANSACTION
from tests.benchmarks.measuring import Ran, median, paired, plain_env, rounds, run
from tests.benchmarks.site import Site, serving, site
from tests.benchmarks.tick_sizes import tick

#: What each command's CPU may grow to.
COMMANDS: Final = {
    "tick": ratio_at_most(1.05),
    "status": None,
    "suggestions list": None,
    "actions list --since 7d": None,
    "explain": None,
}


def history(effort: Effort) -> Iterator[Figure]:
    campaigns = effort.of(100, 5)
    entries = effort.of(1_000_000, 1_200)
    with serving(campaigns) as server, site(server) as young, site(server) as old:
        env, folder = plain_env(old.folder), old.folder
        child = [sys.executable, "-m"]
        run(
            [*child, "tests.benchmarks.ledger", "append", f"sqlite:///{old.database}",
             str(entries), "now"],
            env=env, cwd=folder,
        )  # fmt: skip
        for here in (young, old):
            _begin(here)
        ticks = entries // ENTRIES_PER_TRANSACTION
        run(
            [*child, "tests.benchmarks.history", str(old.database), str(ticks)],
            env=env, cwd=folder,
        )  # fmt: skip
        entity = json.loads(young.run("campaigns", "list", "--json").out)[0]["entity_id"]
        sizes = [here.database.stat().st_size for here in (young, old)]
        for name, goal in COMMANDS.items():
            words = [*name.split(), *([entity] if name == "explain" else [])]
            ran = rounds(
                {"old": lambda w=words: _does(old, w), "young": lambda w=words: _does(young, w)},
                effort.of(9, 1),
            )
            yield Figure(
                f"history: {name} over {entries:,} ledger entries, CPU",
                median([one.cpu for one in ran["old"]]),
                "s",
                ratio=paired([o.cpu for o in ran["old"]], [o.cpu for o in ran["young"]]),
                against="the same over few",
                goal=goal,
            )
        yield Figure(
            f"history: database of {entries:,} ledger entries and what goes with them",
            sizes[1] / 1e6,
            "MB",
            ratio=sizes[1] / sizes[0],
            against="the account's first day",
        )


def _begin(here: Site) -> None:
    """Executed actions first, then suggestions, so that both are on record."""
    Site(here.folder, here.server, {"META_AUTO_MODE": "auto"}).run("tick", "-q")
    here.run("tick", "-q")


def _does(here: Site, words: list[str]) -> Ran:
    return tick(here).ran if words == ["tick"] else here.run(*words)


# --- the past ------------------------------------------------------------------------------------


def fill(path: Path, ticks: int) -> None:
    """Copies of today's rows, each some half hours older than the one before."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN")
        past = _Past(connection, ticks)
        past.copy("ticks", ticks, tick_id="{ago} || tick_id", started_at="{ago}",
                  completed_at="{ago}", report="json_remove(report, '$.actions')")  # fmt: skip
        past.copy(
            "optimization_actions", 3 * ticks,
            id="-(id + k * 100000)", created_at="{ago}", last_seen_at="{ago}",
            tick_id="{ago} || tick_id", identity="identity || k",
            status="CASE status WHEN 'suggested' THEN 'expired' WHEN 'deferred' THEN 'superseded' "
                   "ELSE status END",
            decided_at="CASE WHEN decided_at IS NULL THEN NULL ELSE {ago} END",
            executed_at="CASE WHEN executed_at IS NULL THEN NULL ELSE {ago} END",
        )  # fmt: skip
        past.copy("attempts", ticks, id="-(id + k * 100000)",
                  action_id="-(action_id + k * 100000)", intended_at="{ago}",
                  effect_at="{ago}", updated_at="{ago}")  # fmt: skip
        for table, began in (("entity_snapshots", "valid_from"),
                             ("meta_roas_metrics", "created_at")):  # fmt: skip
            past.copy(table, 3 * ticks, **{began: "{ago}", "replaced_at": "{ago}"})
        past.copy("insights_seen", 6 * ticks,
                  day="date(day, '-' || (k * 30) || ' days')",
                  seen_on="date(day, '-' || (k * 30) || ' days')", seen_at="{ago}")  # fmt: skip
        past.copy("account_reads", ticks // 48, read_on="date(read_on, '-' || k || ' days')")
        past.copy("policies", ticks // 200, id="-(id + k * 1000)", digest="digest || k",
                  at="{ago}")  # fmt: skip
        past.copy_cases(min(ticks, 98 * 48))
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


class _Past:
    def __init__(self, connection: sqlite3.Connection, ticks: int) -> None:
        self._connection = connection
        self._ticks = ticks
        self._now = int(time.time())

    def copy(self, table: str, rows: int, **instead: str) -> None:
        """So many rows, copied from those that are in force today, with other values in some
        columns: `k` is the copy's number from 1, `{ago}` its moment, spread over all the ticks."""
        names = [name for _, name, *_ in self._connection.execute(f"PRAGMA table_info({table})")]
        in_force = "replaced_at IS NULL" if "replaced_at" in names else "true"
        (originals,) = self._connection.execute(
            f"SELECT count(*) FROM {table} WHERE {in_force}"
        ).fetchone()
        copies = rows // originals if originals else 0
        if copies == 0:
            return
        ago = (
            f"strftime('%Y-%m-%dT%H:%M:%S', {self._now} - 7200 - k * "
            f"{1800 * max(1, self._ticks // copies)}, 'unixepoch') || '.000000Z'"
        )
        values = ", ".join(instead.get(name, name).replace("{ago}", ago) for name in names)
        self._connection.execute(
            f"WITH RECURSIVE copies(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM copies "
            f"WHERE k < {copies}), originals AS MATERIALIZED "
            f"(SELECT * FROM {table} WHERE {in_force}) "
            f"INSERT INTO {table} ({', '.join(names)}) SELECT {values} FROM originals, copies"
        )

    def copy_cases(self, copies: int) -> None:
        """Whole cases are the day's first; the many are the later ones, which say what differs."""
        (newest,) = self._connection.execute("SELECT max(tick_id) FROM case_files").fetchone()
        for account_id, base, body in self._connection.execute(
            "SELECT account_id, base_tick_id, body FROM case_files WHERE tick_id = ?", [newest]
        ).fetchall():
            self._connection.executemany(
                "INSERT INTO case_files (platform, tick_id, account_id, at, base_tick_id, body) "
                "VALUES ('meta', ?, ?, ?, ?, ?)",
                [(f"past-{k}", account_id, _moment(self._now - 7200 - 1800 * k), base, body)
                 for k in range(copies)],
            )  # fmt: skip


def _moment(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime(seconds))


if __name__ == "__main__":
    fill(Path(sys.argv[1]), int(sys.argv[2]))
