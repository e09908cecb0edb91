"""The named points at which a process is killed, and what it is doing then.

Numbers are those of the protocol's list; a point that can be met in more than one way has a line
for each. Hooks name the product's own functions: renaming one makes its point fail as "never
reached", not pass.
"""

import os
import shutil
import signal
import textwrap
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from meta_autonomous.adapters.database import schema
from meta_autonomous.adapters.sandbox import Fault
from meta_autonomous.adapters.sandbox.exchange import Reply, Request
from tests.crashes.shop import Running, Shop, wait_until
from tests.crashes.victim import Hook

_STORE: Final = "meta_autonomous.adapters.database.store:Database"
_ATTEMPTS: Final = "meta_autonomous.adapters.database.attempts"
_HTTP: Final = "meta_autonomous.adapters.meta_http:GraphHttp"
_POST: Final = r"^POST "

#: What a state folder and its account look like before the victim begins; see `stages`.
FRESH, OFFERED, DOUBTFUL, STUCK = "fresh", "offered", "doubtful", "stuck"


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    number: int
    name: str
    hooks: tuple[Hook, ...] = ()
    wire: str | None = None
    #: Prepares the server or the database; the victim is killed from there.
    outside: Callable[[Shop], None] | None = None
    #: Meets the victim while it runs.
    meets: Callable[[Shop, Running], None] | None = None
    command: Callable[[Shop], tuple[str, ...]] = lambda _: ("tick", "--json")
    begins: str = FRESH
    newer_schema: bool = False
    #: A person's word that was not given: the command is run again, as a person would.
    again: bool = False

    @property
    def id(self) -> str:
        return f"{self.number:02d} {self.name}"

    def spec(self, shop: Shop) -> Mapping[str, Any]:
        spec: dict[str, Any] = {"hooks": [hook.to_json() for hook in self.hooks]}
        if self.wire is not None:
            spec["wire"] = self.wire
        if self.newer_schema:
            spec["newer_schema"] = str(next_version(shop.folder))
        return spec


def _at(target: str, *given: str, nth: int = 1) -> tuple[Hook, ...]:
    return (Hook(target=target, when="before", given=given, nth=nth),)


def _after(target: str, *given: str, nth: int = 1) -> tuple[Hook, ...]:
    return (Hook(target=target, when="after", given=given, nth=nth),)


def _in(target: str) -> tuple[Hook, ...]:
    return (Hook(target=target, when="inside"),)


# --- commands -----------------------------------------------------------------------------------


def _approve(shop: Shop) -> tuple[str, ...]:
    first = next(row["id"] for row in shop.actions() if row["status"] == "suggested")
    return ("suggestions", "approve", str(first), "--json")


def _resolve(shop: Shop) -> tuple[str, ...]:
    doubt = next(row["id"] for row in shop.actions() if row["status"] == "in_doubt")
    return ("actions", "resolve", str(doubt), "--not-applied", "--reason", "looked", "--json")


def _upgrade(_: Shop) -> tuple[str, ...]:
    return ("db", "upgrade")


def _export(_: Shop) -> tuple[str, ...]:
    return ("ledger", "export")


def _init(shop: Shop) -> tuple[str, ...]:
    return ("--config", str(shop.folder / "config.toml"), "init")


# --- what a server, a lock holder or a terminal does to the victim ------------------------------


def _kills_when_asked(match: str, *, after: int = 0, works: bool = True) -> Callable[[Shop], None]:
    """The client dies while its request is there, before it is worked (if it is at all)."""

    def prepare(shop: Shop) -> None:
        if not works:
            shop.worked.set()
        fault = Fault(before=shop.kill_victim, works=works, resets=not works, spoil=_noted(shop))
        shop.sandbox.inject(fault, match=match, after=after)

    return prepare


def _noted(shop: Shop) -> Callable[[Request, Reply], Reply]:
    """What is done only after the client's death must be done before anybody looks."""

    def note(_: Request, reply: Reply) -> Reply:
        shop.worked.set()
        return reply

    return note


def _kills_when_done(shop: Shop) -> None:
    """The write is in force; the client dies before a byte of the answer."""

    def kill(_: Request, reply: Reply) -> Reply:
        shop.kill_victim()
        shop.worked.set()
        return reply

    shop.sandbox.inject(Fault(spoil=kill), match=_POST)


def _waits_for_the_database(shop: Shop, victim: Running) -> None:
    """Another writer holds the database; the victim waits for it, and dies waiting."""
    with shop.database.writers_locked_out():
        wait_until(lambda: shop.sandbox.requests)
        time.sleep(0.4)  # after its first answer it wants to write
        victim.kill()
        victim.wait()


def _is_terminated_in_the_middle(shop: Shop) -> None:
    """SIGTERM arrives while a write is under way; the handler dies."""

    def terminate() -> None:
        assert shop.began.wait(30)
        os.kill(shop.victim, signal.SIGTERM)
        time.sleep(0.3)

    shop.sandbox.inject(Fault(before=terminate, spoil=_noted(shop)), match=_POST)


# --- another version ----------------------------------------------------------------------------

_NEXT: Final = '''
    """A table more, as the next version of the program might have."""

    import sqlalchemy as sa
    from alembic import op

    revision = "{revision}"
    down_revision = "{before}"


    def upgrade() -> None:
        op.create_table("of_tomorrow", sa.Column("platform", sa.Text(), nullable=False))
'''


def next_version(folder: Path) -> Path:
    """The program's migrations with one more revision."""
    migrations = folder / "migrations"
    if not migrations.exists():
        shutil.copytree(schema.MIGRATIONS, migrations)
        revision = f"{int(schema.HEAD) + 1:04d}"
        text = textwrap.dedent(_NEXT).format(revision=revision, before=schema.HEAD)
        (migrations / "versions" / f"{revision}_of_tomorrow.py").write_text(text)
    return migrations


# --- the list -----------------------------------------------------------------------------------

POINTS: Final[tuple[Point, ...]] = (
    Point(number=1, name="at the start", hooks=_at("meta_autonomous.cli.app:run")),
    Point(number=2, name="with the lock taken", hooks=_in(f"{_STORE}._locked")),
    Point(number=3, name="in the middle of reading", outside=_kills_when_asked(r"^GET ", after=7)),
    Point(
        number=4,
        name="while settling, before its commit",
        hooks=_after(f"{_ATTEMPTS}:record_event"),
        begins=DOUBTFUL,
    ),
    Point(
        number=5,
        name="while settling, after its commit",
        hooks=_after(f"{_STORE}.record_event"),
        begins=DOUBTFUL,
    ),
    Point(
        number=6,
        name="inside the commit of the decisions",
        hooks=_after("meta_autonomous.adapters.database.decisions:record"),
    ),
    Point(
        number=7,
        name="after the commit of the decisions",
        hooks=_after(f"{_STORE}.record_decisions"),
    ),
    Point(
        number=8,
        name="after the fresh read",
        hooks=_after("meta_autonomous.adapters.meta_api:MetaApi.read_entity"),
    ),
    Point(number=9, name="inside the intent's commit", hooks=_after(f"{_ATTEMPTS}:commit_intent")),
    Point(number=10, name="after the intent's commit", hooks=_after(f"{_STORE}.commit_intent")),
    Point(number=11, name="before connecting", hooks=_at(f"{_HTTP}.post")),
    Point(number=12, name="connected, nothing sent", wire="connected"),
    Point(number=13, name="the request half sent", wire="half sent"),
    Point(
        number=14,
        name="sent, and applied after the death",
        outside=_kills_when_asked(_POST),
    ),
    Point(
        number=14,
        name="sent, and never applied",
        outside=_kills_when_asked(_POST, works=False),
    ),
    Point(number=15, name="applied, without an answer", outside=_kills_when_done),
    Point(number=16, name="the answer half read", wire="half read"),
    Point(number=17, name="the answer read", hooks=_after(f"{_HTTP}.post")),
    Point(
        number=18,
        name="inside the answer's commit",
        hooks=_after(f"{_ATTEMPTS}:record_event", "ANSWERED_YES"),
    ),
    Point(
        number=19,
        name="after the answer's commit",
        hooks=_after(f"{_STORE}.record_event", "ANSWERED_YES"),
    ),
    Point(
        number=20,
        name="before reading back",
        hooks=_at("meta_autonomous.operations.execute:_look_for_it"),
    ),
    Point(
        number=20,
        name="after reading back",
        hooks=_after("meta_autonomous.adapters.meta_api:MetaApi.read_entity", nth=2),
    ),
    Point(
        number=21,
        name="inside the commit of what was read back",
        hooks=_after(f"{_ATTEMPTS}:record_event", "SEEN_APPLIED"),
    ),
    Point(
        number=22,
        name="between the first action and the second",
        hooks=_after("meta_autonomous.operations.auto_worker:_execute"),
    ),
    Point(
        number=22,
        name="before the first action's end is written down",
        hooks=_at("meta_autonomous.operations.execute:conclude"),
    ),
    Point(
        number=23,
        name="inside an entry of the ledger",
        hooks=_after(
            "meta_autonomous.adapters.database.unit:Unit.insert_many",
            "'ledger'",
            "optimization_executed",
        ),
    ),
    Point(
        number=24,
        name="before people are told",
        hooks=_at("meta_autonomous.adapters.notify:Silence.send"),
    ),
    Point(
        number=24,
        name="a file written, not yet in its place",
        hooks=_at("pathlib:Path.replace", "config.toml"),
        command=_init,
        again=True,
    ),
    Point(
        number=25,
        name="while the tables are made",
        hooks=_after("meta_autonomous.adapters.database.schema:create"),
    ),
    Point(
        number=25,
        name="inside a migration",
        hooks=_after("meta_autonomous.adapters.database.schema:migrate"),
        command=_upgrade,
        begins=OFFERED,
        newer_schema=True,
    ),
    Point(
        number=26,
        name="before an approval's commit",
        hooks=_at(f"{_STORE}.move", "APPROVED"),
        command=_approve,
        begins=OFFERED,
        again=True,
    ),
    Point(
        number=26,
        name="inside an approval's commit",
        hooks=_after("meta_autonomous.adapters.database.actions:move", "APPROVED"),
        command=_approve,
        begins=OFFERED,
        again=True,
    ),
    Point(
        number=26,
        name="after an approval's commit",
        hooks=_after(f"{_STORE}.move", "APPROVED"),
        command=_approve,
        begins=OFFERED,
        again=True,
    ),
    Point(
        number=27,
        name="in the middle of an export",
        hooks=_after("meta_autonomous.adapters.database.ledger:lines"),
        command=_export,
        begins=OFFERED,
        again=True,
    ),
    Point(
        number=28,
        name="a person's word half written down",
        hooks=_after(f"{_STORE}.append", "optimization_resolved"),
        command=_resolve,
        begins=STUCK,
        again=True,
    ),
    Point(
        number=28,
        name="a person's word written down",
        hooks=_after(f"{_STORE}.record_event", "PERSON_SAYS"),
        command=_resolve,
        begins=STUCK,
    ),
    Point(
        number=29,
        name="waiting for the database",
        meets=_waits_for_the_database,
        begins=OFFERED,
    ),
    Point(
        number=30,
        name="in the handler of SIGTERM",
        wire="sigterm",
        outside=_is_terminated_in_the_middle,
    ),
)
