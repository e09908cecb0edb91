"""One trial: a victim is killed at its point, the program goes on, and the end is judged.

Judged from outside: by what reached the server, what the account's own activity log tells, and
the rows of the database, read without the program.
"""

import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from meta_autonomous.adapters.sandbox import faults
from tests.crashes.databases import Server, Site, Sqlite
from tests.crashes.points import DOUBTFUL, FRESH, OFFERED, STUCK, Point
from tests.crashes.shop import GROWING, Shop, a_world, copy_world
from tests.crashes.warm import Warm

#: Ticks after the death until everything is settled and done. Each is 5 s after the last.
MOST_TICKS: Final = 4
_STAGES_LAST: Final = 900.0
_TOOK_EFFECT: Final = frozenset({"confirmed", "applied_overridden", "resolved_applied"})
_OPEN: Final = frozenset({"dispatching", "accepted", "unknown", "needs_human"})
_UNFINISHED: Final = frozenset({"approved", "executing", "in_doubt"})


@dataclass(frozen=True, slots=True)
class Result:
    """`faults` are broken promises, each beginning with its kind: duplicate, lost, wrong."""

    faults: tuple[str, ...]
    ticks: int


# --- where trials begin -------------------------------------------------------------------------


@dataclass(slots=True)
class Stages:
    """Worlds and databases to begin from, each made once in a while and then copied."""

    folder: Path
    warm: Warm
    server: Server | None = None
    _made: dict[str, tuple[float, Path, Site]] = field(default_factory=dict)
    _count: int = 0

    @property
    def kind(self) -> str:
        return "sqlite" if self.server is None else "postgresql"

    @contextmanager
    def shop(self, stage: str, **settings: str) -> Iterator[Shop]:
        """A copy of the stage, served; gone afterwards."""
        world, database = self._stage(stage)
        folder = self._new_folder()
        copy = database.copy_to(folder)
        try:
            with Shop(folder, copy, copy_world(world, folder), self.warm, dict(settings)) as shop:
                yield shop
        finally:
            copy.drop()
            shutil.rmtree(folder, ignore_errors=True)

    def _stage(self, stage: str) -> tuple[Path, Site]:
        made = self._made.get(stage)
        if made is None or time.monotonic() - made[0] > _STAGES_LAST:
            folder = self._new_folder()
            world = folder / "world.sqlite3"
            a_world(world)
            database: Site = Sqlite(folder) if self.server is None else self.server.database()
            with Shop(folder, database, copy_world(world, folder), self.warm) as shop:
                _PREPARE[stage](shop)
            made = (time.monotonic(), folder / "sandbox.sqlite3", database)
            self._made[stage] = made
        return made[1], made[2]

    def _new_folder(self) -> Path:
        self._count += 1
        folder = self.folder / f"{self.kind}-{self._count}"
        folder.mkdir(parents=True)
        return folder


def _nothing(_: Shop) -> None:
    """No database yet."""


def _offer(shop: Shop) -> None:
    """A tick in suggest mode: three suggestions wait."""
    ran = shop.run("tick", META_AUTO_MODE="suggest")
    assert ran.code == 0, ran


def _doubt(shop: Shop) -> None:
    """A tick whose first write was done without an answer, and could not be looked at either:
    it is in doubt."""
    shop.sandbox.inject(faults.reset_after(), match=r"^POST ")
    shop.sandbox.inject(faults.error(200), match=r"/activities", times=2)
    ran = shop.run("tick")
    shop.sandbox.clear_faults()
    assert ran.code == 4, ran
    assert next(row["state"] for row in shop.attempts()) == "unknown", shop.attempts()
    shop.passes(5)


def _stick(shop: Shop) -> None:
    """A write that Meta confirmed and forgot: only a person can tell."""
    shop.sandbox.inject(faults.forgotten(), match=r"^POST ")
    shop.run("tick")
    shop.passes(5)
    shop.run("tick")
    assert "needs_human" in [row["state"] for row in shop.attempts()], shop.attempts()


_PREPARE: Final[dict[str, Callable[[Shop], None]]] = {
    FRESH: _nothing,
    OFFERED: _offer,
    DOUBTFUL: _doubt,
    STUCK: _stick,
}


@contextmanager
def stages(database: str) -> Iterator[Stages]:
    """`database` is sqlite or postgresql."""
    folder = Path(tempfile.mkdtemp(prefix="meta-auto-crash-"))
    warm = Warm()
    server = Server() if database == "postgresql" else None
    try:
        yield Stages(folder, warm, server)
    finally:
        warm.close()
        if server is not None:
            server.close()
        shutil.rmtree(folder, ignore_errors=True)


# --- the trial ----------------------------------------------------------------------------------


def trial(stages: Stages, point: Point, *, cold: bool = False) -> Result:
    with stages.shop(point.begins) as shop:
        before = Counter(shop.effects())
        command = point.command(shop)
        if point.outside is not None:
            point.outside(shop)
        victim = shop.start(*command, point=point.spec(shop), cold=cold)
        if point.meets is not None:
            point.meets(shop, victim)
        ran = victim.wait()
        if ran.code != -9:
            return Result((f"wrong: {point.id} was never reached: {ran}",), 0)
        if point.outside is not None:
            assert shop.worked.wait(30), "the server never came to the end of the request"
        problems: list[str] = []
        if point.again:
            problems += _begun_again(shop, command)
        ticks = go_on(shop, problems)
        if point.newer_schema:
            problems += _upgraded(shop, point)
        problems += judged(shop, before)
        if point.begins != STUCK:
            problems += _all_done(shop)
        return Result(tuple(problems), ticks)


def _begun_again(shop: Shop, command: tuple[str, ...]) -> list[str]:
    """The person who sees no answer says it again. After the approval's own commit that is
    refused until a tick has given it back."""
    ran = shop.run(*command)
    return [] if ran.code in (0, 3) else [f"wrong: run again it ends with {ran}"]


def go_on(shop: Shop, problems: list[str]) -> int:
    """Ticks as the timer would run them, until one has nothing left to do."""
    for number in range(1, MOST_TICKS + 1):
        shop.passes(5)
        ran = shop.run("tick", "--json")
        if ran.code != 0 or "Traceback" in ran.err:
            problems.append(f"wrong: tick {number} after the death ended with {ran}")
            return number
        told = ran.json
        is_quiet = not told["actions_executed"] and not told["settled"]
        if is_quiet and not _unsettled(shop):
            return number
    problems.append(f"wrong: not settled after {MOST_TICKS} ticks: {_unsettled(shop)}")
    return MOST_TICKS


def _unsettled(shop: Shop) -> list[Any]:
    return [row for row in shop.attempts() if row["state"] in _OPEN] + [
        row for row in shop.actions() if row["status"] in _UNFINISHED
    ]


def _upgraded(shop: Shop, point: Point) -> list[str]:
    """What was killed in the middle left the old tables whole; and it can be done after all."""
    spec = {**point.spec(shop), "hooks": []}
    first = shop.run("db", "upgrade", point=spec)
    newer = shop.run("status", point=spec)
    older = shop.run("status")
    if (first.code, newer.code, older.code) != (0, 0, 78):
        return [f"wrong: upgraded {first}, newer {newer}, older {older}"]
    return []


# --- the judgement ------------------------------------------------------------------------------


def judged(shop: Shop, before: Counter[tuple[str, str]] | None = None) -> list[str]:
    """Broken promises. `before` are effects whose requests an earlier server saw."""
    attempts, actions = shop.attempts(), shop.actions()
    effects = Counter(shop.effects())
    posts = Counter(shop.posts()) + (before or Counter())
    intents = Counter((row["entity_id"], row["new"]) for row in attempts)
    believed = Counter(
        (row["entity_id"], row["new"]) for row in attempts if row["state"] in _TOOK_EFFECT
    )
    problems = [f"duplicate: {change} was sent without an intent" for change in posts - intents]
    for entity_id, count in Counter(entity_id for entity_id, _ in effects.elements()).items():
        if count > 1:
            problems.append(f"duplicate: {entity_id} was changed {count} times")
    problems += [f"lost: {change} took effect, unknown to us" for change in effects - believed]
    problems += [f"wrong: {change} is believed, and is not so" for change in believed - effects]
    problems += [f"wrong: left open: {row}" for row in _unsettled(shop)]
    problems += _actions_that_lie(attempts, actions)
    problems += _untold(shop, actions)
    problems += [f"wrong: the database says {said}" for said in shop.database.problems()]
    ledger = shop.run("ledger", "verify", "--json") if not _is_newer(shop) else None
    if ledger is not None and (ledger.code != 0 or not ledger.json["ok"]):
        problems.append(f"wrong: the ledger is broken: {ledger}")
    return problems


def _is_newer(shop: Shop) -> bool:
    return shop.run("status").code == 78 if (shop.folder / "migrations").exists() else False


def _actions_that_lie(attempts: list[Any], actions: list[Any]) -> list[str]:
    took_effect = Counter(row["action_id"] for row in attempts if row["state"] in _TOOK_EFFECT)
    problems = []
    for row in actions:
        count, wanted = took_effect[row["id"]], 2 if row["action_type"] == "reallocate" else 1
        is_true = count == wanted if row["status"] in ("executed", "undone") else count < wanted
        if not is_true:
            problems.append(f"wrong: action {row} with {count} changes in force")
    return problems


def _untold(shop: Shop, actions: list[Any]) -> list[str]:
    """Every execution stands in the ledger, once."""
    told = Counter(row["event"] for row in shop.database.rows("SELECT event FROM ledger"))[
        "optimization_executed"
    ]
    executed = sum(row["status"] in ("executed", "undone") for row in actions)
    return [] if told == executed else [f"lost: {executed} executed, {told} in the ledger"]


def _all_done(shop: Shop) -> list[str]:
    """In the end it stands as it would have stood without the death."""
    amounts = shop.amounts()
    return [
        f"lost: {name} stands at {amounts[name]}, not at one of {after}"
        for name, (_, *after) in GROWING.items()
        if amounts[name] not in after
    ]
