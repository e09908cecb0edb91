"""The sandbox's file: one SQLite database, read fresh for every request.

Several processes may have the same world open (a tick, an approval, a person's `sandbox serve`),
and any of them may be killed at any moment. So nothing is cached between requests, every change
is one BEGIN IMMEDIATE transaction, and a connection lives no longer than its transaction.
"""

import json
import os
import sqlite3
import threading
import weakref
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

Fields = dict[str, Any]

SCHEMA_VERSION: Final = 1
BUSY_SECONDS: Final = 30.0

#: Levels of `delivery`, from the whole account down to one ad.
ACCOUNT, CAMPAIGN, ADSET, AD = range(4)
LEVELS: Final[Mapping[str, int]] = {
    "account": ACCOUNT,
    "campaign": CAMPAIGN,
    "adset": ADSET,
    "ad": AD,
}

# Every level has its own delivery rows, written together: a page of 500 campaign rows costs as
# little as one of 500 ad rows. Days are ordinals (date.toordinal), money is whole minor units.
_SCHEMA: Final = """
CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE entity (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, account INTEGER NOT NULL,
    campaign INTEGER, adset INTEGER, effective TEXT NOT NULL,
    fields TEXT NOT NULL, hidden TEXT NOT NULL);
CREATE INDEX entity_listed ON entity (account, kind, id);
CREATE INDEX entity_of_campaign ON entity (campaign, kind);
CREATE INDEX entity_of_adset ON entity (adset, kind);
CREATE TABLE delivery (
    level INTEGER NOT NULL, entity INTEGER NOT NULL, day INTEGER NOT NULL,
    spend INTEGER NOT NULL, impressions INTEGER NOT NULL, clicks INTEGER NOT NULL,
    link_clicks INTEGER NOT NULL, purchases INTEGER NOT NULL, value INTEGER NOT NULL,
    leads INTEGER NOT NULL, PRIMARY KEY (level, entity, day)) WITHOUT ROWID;
CREATE TABLE booking (
    hour INTEGER NOT NULL, ad INTEGER NOT NULL, purchases INTEGER NOT NULL,
    value INTEGER NOT NULL, PRIMARY KEY (hour, ad)) WITHOUT ROWID;
CREATE TABLE activity (
    id INTEGER PRIMARY KEY AUTOINCREMENT, account INTEGER NOT NULL, at INTEGER NOT NULL,
    object INTEGER NOT NULL, entry TEXT NOT NULL);
CREATE INDEX activity_by_time ON activity (account, at);
CREATE TABLE budget_change (adset INTEGER NOT NULL, at INTEGER NOT NULL);
CREATE TABLE event (id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, deed TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """An account, campaign, ad set, ad or automated rule.

    `fields` is what the API may show (budgets as ints), `hidden` what only the physics knows.
    Both are this reader's own copies: a change is stored with `save`.
    """

    id: int
    kind: str
    account: int
    campaign: int | None
    adset: int | None
    effective: str
    fields: Fields
    hidden: Fields


_COLUMNS: Final = "id, kind, account, campaign, adset, effective, fields, hidden"
_Row = tuple[int, str, int, int | None, int | None, str, str, str]


def _node(row: _Row) -> Node:
    node_id, kind, account, campaign, adset, effective, fields, hidden = row
    return Node(
        id=node_id,
        kind=kind,
        account=account,
        campaign=campaign,
        adset=adset,
        effective=effective,
        fields=json.loads(fields),
        hidden=json.loads(hidden),
    )


def nodes(db: sqlite3.Connection, where: str, values: Iterable[object] = ()) -> list[Node]:
    """The entities for which the SQL condition `where` holds. It is written in this package."""
    sql = f"SELECT {_COLUMNS} FROM entity WHERE {where}"  # noqa: S608 - values are bound
    return [_node(row) for row in db.execute(sql, tuple(values))]


def node(db: sqlite3.Connection, node_id: int) -> Node | None:
    found = nodes(db, "id = ?", (node_id,))
    return found[0] if found else None


def save(db: sqlite3.Connection, *changed: Node) -> None:
    """Insert or replace entities."""
    db.executemany(
        f"INSERT OR REPLACE INTO entity ({_COLUMNS}) VALUES (?,?,?,?,?,?,?,?)",  # noqa: S608
        [
            (
                one.id,
                one.kind,
                one.account,
                one.campaign,
                one.adset,
                one.effective,
                json.dumps(one.fields, ensure_ascii=False),
                json.dumps(one.hidden),
            )
            for one in changed
        ],
    )


def setting(db: sqlite3.Connection, name: str) -> Any:
    row = db.execute("SELECT value FROM setting WHERE name = ?", (name,)).fetchone()
    return None if row is None else json.loads(row[0])


def set_setting(db: sqlite3.Connection, name: str, value: object) -> None:
    db.execute("INSERT OR REPLACE INTO setting VALUES (?, ?)", (name, json.dumps(value)))


class Store:
    """Opens and creates the world's database. `path` None keeps it in memory."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lock = threading.RLock()  # an in-memory world has one connection for all threads
        self._shared: sqlite3.Connection | None = None
        if path is None:
            self._shared = _connect(":memory:")
            self._finalizer = weakref.finalize(self, self._shared.close)
        else:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Made here, not by SQLite, so that the mode is right from the first moment; journals
            # take the mode of their database.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))

    def close(self) -> None:
        if self._shared is not None:
            self._finalizer()

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """One consistent view of the world."""
        with self._transaction("BEGIN") as db:
            yield db

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One atomic change of the world; others wait."""
        with self._transaction("BEGIN IMMEDIATE") as db:
            yield db

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        with self._connection() as db:
            db.execute(begin)
            try:
                yield db
            except BaseException:
                db.rollback()
                raise
            db.commit()

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        if self._shared is not None:
            with self._lock:
                yield self._shared
            return
        db = _connect(str(self._path))
        try:
            yield db
        finally:
            db.close()


def _connect(target: str) -> sqlite3.Connection:
    db = sqlite3.connect(
        target, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    db.execute("PRAGMA synchronous = NORMAL")
    return db


def version(db: sqlite3.Connection) -> int:
    """0 for a file in which no world was created yet."""
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def create_schema(db: sqlite3.Connection) -> None:
    # Not executescript: that would commit, and a world appears whole or not at all.
    for statement in _SCHEMA.split(";"):
        if statement.strip():
            db.execute(statement)
    db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
