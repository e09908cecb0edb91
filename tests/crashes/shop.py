"""One ad account on a served sandbox, one database, and the real program run against both.

The program runs as in production: platform `meta`, a token, and the Graph API at a URL (on
loopback, where the sandbox is served). The sandbox's clock starts a minute behind the wall clock
and is moved by hand, so that settling takes no waiting.
"""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Self
from zoneinfo import ZoneInfo

from meta_autonomous.adapters.sandbox import TOKEN, Sandbox, changes, delivery, store
from meta_autonomous.adapters.sandbox.changes import TOKEN_HOLDER
from meta_autonomous.adapters.sandbox.plan import (
    AdPlan,
    AdSetPlan,
    CampaignPlan,
    Draft,
    account_values,
)
from tests.crashes.databases import Row, Site
from tests.crashes.warm import ROOT, Warm

#: The campaigns that grow: a day's budget in cents, first, raised by a tick, raised by a person.
GROWING: Final = {
    "Alpha": (50_000, 55_000, 60_000),
    "Beta": (40_000, 44_000, 48_000),
    "Gamma": (30_000, 33_000, 36_000),
}
ACCOUNT: Final = "1184736205518823"
SECOND_ACCOUNT: Final = "1184736205518999"
SETTLE_SECONDS: Final = 1
_ZONE: Final = ZoneInfo("Europe/Madrid")
PATIENCE: Final = 120.0


@dataclass(frozen=True, slots=True)
class Ran:
    """`code` is -9 for a killed process."""

    code: int | None
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(slots=True)
class Running:
    """A process of the program."""

    pid: int
    output: Path
    warm: Warm | None = None
    cold: "subprocess.Popen[bytes] | None" = None

    def kill(self, how: int = signal.SIGKILL) -> None:
        os.kill(self.pid, how)

    def has_ended(self) -> bool:
        if self.cold is not None:
            return self.cold.poll() is not None
        return self.warm is not None and self.warm.wait(self.pid, 0) is not None

    def wait(self, timeout: float = PATIENCE) -> Ran:
        code: int | None
        if self.cold is not None:
            code = self.cold.wait(timeout)
        else:
            assert self.warm is not None
            code = self.warm.wait(self.pid, timeout)
        if code is None:
            self.kill()
            raise TimeoutError(f"process {self.pid} did not end: {self._said()}")
        return Ran(code, *self._said())

    def _said(self) -> tuple[str, str]:
        return (
            Path(f"{self.output}.out").read_text(encoding="utf-8"),
            Path(f"{self.output}.err").read_text(encoding="utf-8"),
        )


@dataclass(slots=True)
class Shop:
    folder: Path
    database: Site
    sandbox: Sandbox
    warm: Warm | None = None
    settings: dict[str, str] = field(default_factory=dict)
    url: str = ""
    began: threading.Event = field(default_factory=threading.Event)
    worked: threading.Event = field(default_factory=threading.Event)  # what a fault was about
    victim: int = 0
    runs: int = 0
    _stack: Any = None

    def __enter__(self) -> Self:
        self._stack = self.sandbox.serving()
        self.url = self._stack.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.__exit__(None, None, None)
        self.sandbox.close()

    # --- the program ---

    def environment(self, **more: str) -> dict[str, str]:
        known = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "PYTHONPATH": str(ROOT),
            "META_AUTO_STATE_DIR": str(self.folder / "state"),
            "META_AUTO_DATABASE_URL": self.database.url,
            "META_AUTO_PLATFORM": "meta",
            "META_ACCESS_TOKEN": TOKEN,
            "META_AD_ACCOUNT_IDS": ACCOUNT,
            "META_GRAPH_URL": self.url,
            "META_AUTO_MODE": "auto",
            "META_AUTO_SETTLE_SECONDS": str(SETTLE_SECONDS),
            "AUTO_ACTION_TYPES": "scale_up",
        }
        return known | self.settings | more

    def start(
        self,
        *arguments: str,
        point: Mapping[str, Any] | None = None,
        cold: bool = False,
        barrier: Path | None = None,
        prefix: Sequence[str] = (),
        **environment: str,
    ) -> Running:
        """Begin a command as a process of its own; `prefix` is put before a cold one's command."""
        self.runs += 1
        self.began.clear()
        output = self.folder / f"run-{self.runs}"
        env = self.environment(**environment)
        if self.warm is not None and not cold and not prefix:
            pid = self.warm.start(
                arguments, env=env, cwd=self.folder, output=output, point=point, barrier=barrier
            )
            running = Running(pid, output, warm=self.warm)
        else:
            assert barrier is None
            program = ["-m", "meta_autonomous"]
            if point is not None:
                program = ["-m", "tests.crashes.victim", json.dumps(point)]
            with (
                Path(f"{output}.out").open("wb") as out,
                Path(f"{output}.err").open("wb") as err,
            ):
                process = subprocess.Popen(
                    [*prefix, sys.executable, *program, *arguments],
                    cwd=self.folder,
                    env=env,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                )
            running = Running(process.pid, output, cold=process)
        self.victim = running.pid
        self.began.set()
        return running

    def run(self, *arguments: str, **options: Any) -> Ran:
        return self.start(*arguments, **options).wait()

    def kill_victim(self) -> None:
        """For the server to call while it works a request."""
        assert self.began.wait(30)
        os.kill(self.victim, signal.SIGKILL)

    def passes(self, seconds: float) -> None:
        self.sandbox.advance(timedelta(seconds=seconds))

    # --- what is true ---

    def posts(self) -> list[tuple[str, str]]:
        """Every write that reached the server whole: entity id and value."""
        return [
            (one.path.rpartition("/")[2], one.params[name])
            for one in self.sandbox.requests
            for name in _FIELDS
            if one.method == "POST" and name in one.params
        ]

    def effects(self) -> list[tuple[str, str]]:
        """Every change that our token made, by the account's own activity log."""
        with self.sandbox._store.read() as db:
            entries = db.execute("SELECT object, entry FROM activity ORDER BY id").fetchall()
        return [
            (str(found), value)
            for found, entry in entries
            if (value := _ours(json.loads(entry))) is not None
        ]

    def amounts(self) -> dict[str, Any]:
        """The daily budgets that the account holds now, by name."""
        with self.sandbox._store.read() as db:
            rows = db.execute("SELECT fields FROM entity").fetchall()
        found = [json.loads(row[0]) for row in rows]
        return {one["name"]: int(one["daily_budget"]) for one in found if one.get("daily_budget")}

    def attempts(self) -> list[Row]:
        return self.database.rows(
            "SELECT id, action_id, account_id, entity_id, new, state FROM attempts ORDER BY id"
        )

    def actions(self) -> list[Row]:
        return self.database.rows(
            "SELECT id, status, action_type, entity_id, undoes, message "
            "FROM optimization_actions ORDER BY id"
        )


_FIELDS: Final = ("daily_budget", "lifetime_budget", "status")


def _ours(entry: Mapping[str, Any]) -> str | None:
    """The new value, in the words of the request."""
    if entry["application_id"] != TOKEN_HOLDER.application_id:
        return None
    new = json.loads(entry["extra_data"])["new_value"]
    if isinstance(new, Mapping):
        return str(new["new_value"])
    return {"Active": "ACTIVE", "Inactive": "PAUSED"}.get(str(new), str(new))


# --- worlds to begin from -----------------------------------------------------------------------


def a_world(path: Path) -> None:
    """Three campaigns that clearly earn more, one that is left alone, and a second account that
    has one of each; a minute ago. What is decided about them hangs on no luck."""
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=60)
    Sandbox(path, build=lambda db: _open_world(db, start)).close()


def _open_world(db: sqlite3.Connection, start: datetime) -> None:
    midnight = start.astimezone(_ZONE).replace(hour=0, minute=0, second=0)
    first = midnight - timedelta(days=35)
    store.set_setting(db, "seed", 7)
    store.set_setting(db, "now", int(first.timestamp()))
    opening = int(start.timestamp())
    for account, names in ((ACCOUNT, (*GROWING, "Even")), (SECOND_ACCOUNT, ("Delta", "Level"))):
        values = account_values(
            int(account),
            name=f"Shop {account[-3:]}",
            currency="USD",
            zone=_ZONE,
            zone_number=306,
            opening=opening,
        )
        changes.create(db, [values], at=int(first.timestamp()), actor=changes.PERSON)
        draft = Draft(int(account), zone=_ZONE, per_unit=100, opening=opening)
        if account == SECOND_ACCOUNT:
            draft._last += 1_000_000_000  # ids of its own
        for name in names:
            made = draft.campaign(_campaign(name))
            changes.create(db, made, at=int(first.timestamp()), actor=changes.PERSON)
    delivery.run(db, int(midnight.timestamp()), by_day_until=int(midnight.timestamp()))
    delivery.run(db, opening)


def _campaign(name: str) -> CampaignPlan:
    before, *_ = GROWING.get(name, (30_000,))
    return CampaignPlan(
        name=name,
        budget=before / 100,
        age=60,
        countries={"ES": 1},
        order_value=10,
        order_sigma=0.2,
        noise=0.02,
        adsets=(
            AdSetPlan(
                f"{name} broad",
                share=1,
                ads=(AdPlan(f"{name} video", 1, 1.75 if name in ("Even", "Level") else 4.0),),
            ),
        ),
    )


def brought_up_to_date(path: Path) -> Sandbox:
    """A copy of an earlier world, with its clock a minute behind ours again."""
    sandbox = Sandbox(path)
    behind = datetime.now(UTC) - timedelta(seconds=60) - sandbox.now()
    if behind > timedelta(0):
        sandbox.advance(behind)
    return sandbox


def copy_world(source: Path, folder: Path) -> Sandbox:
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / "sandbox.sqlite3"
    shutil.copy(source, target)
    return brought_up_to_date(target)


def wait_until(is_so: Any, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.01)
