"""The sandbox itself: a simulated ad account that is reached over real HTTP."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

from meta_autonomous.adapters.sandbox import changes, delivery, scenario, server, store
from meta_autonomous.adapters.sandbox.exchange import Reply, Request
from meta_autonomous.adapters.sandbox.faults import Fault, Faults, Match
from meta_autonomous.adapters.sandbox.graph import Graph
from meta_autonomous.adapters.sandbox.store import Store

_NOTHING = Fault()


class SandboxError(Exception):
    """The sandbox's file cannot be used, or the world has no such thing."""


class Sandbox:
    """One simulated world, kept in a file or in memory.

    `path` is a SQLite file, created with mode 0600 and a fresh world if it does not exist; an
    existing one ignores `seed` and `start`. None keeps the world in memory and writes nothing
    anywhere. Several processes may use the same file at the same time.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        seed: int = 7,
        start: datetime | None = None,
        build: Callable[[sqlite3.Connection], None] | None = None,
    ) -> None:
        opening = start or scenario.OPENS_AT
        if opening.tzinfo is None:
            raise ValueError("start must be an aware datetime")

        def open_world(db: sqlite3.Connection) -> None:
            scenario.open_world(db, seed=seed, start=opening)

        self._store = Store(path)
        self._faults = Faults()
        self._seen: list[Request] = []
        self._guard = threading.Lock()
        try:
            self._prepare(build or open_world)
        except sqlite3.DatabaseError as error:
            raise SandboxError(f"{path} is not a usable sandbox: {error}") from error
        self._graph = Graph(self._store)

    def _prepare(self, build: Callable[[sqlite3.Connection], None]) -> None:
        with self._store.read() as db:
            found = store.version(db)
        if found == 0:
            # Whoever comes second waits here, and then finds the world made.
            with self._store.write() as db:
                found = store.version(db)
                if found == 0:
                    store.create_schema(db)
                    build(db)
                    found = store.SCHEMA_VERSION
        if found != store.SCHEMA_VERSION:
            raise SandboxError(f"the sandbox file has version {found}: delete it to start anew")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Only an in-memory world holds anything open, and loses it here."""
        self._store.close()

    @property
    def account_ids(self) -> list[str]:
        """Ids of the ad accounts, without ``act_``."""
        with self._store.read() as db:
            found = db.execute("SELECT id FROM entity WHERE kind = 'account' ORDER BY id")
            return [str(row[0]) for row in found]

    def now(self) -> datetime:
        """The sandbox's own clock, aware UTC. It stands still unless advanced."""
        with self._store.read() as db:
            return datetime.fromtimestamp(store.setting(db, "now"), UTC)

    def advance(self, by: timedelta) -> None:
        """Let time pass: delivery, orders, and what people do meanwhile. All of it or nothing."""
        if by < timedelta(0):
            raise ValueError("time does not go backwards")
        with self._store.write() as db:
            delivery.run(db, store.setting(db, "now") + round(by.total_seconds()))

    def find(self, name: str) -> str:
        """The id of the first entity with exactly this name."""
        with self._store.read() as db:
            row = db.execute(
                "SELECT id FROM entity WHERE json_extract(fields, '$.name') = ? ORDER BY id",
                (name,),
            ).fetchone()
        if row is None:
            raise SandboxError(f"the sandbox has nothing named {name!r}")
        return str(row[0])

    def edit(self, entity_id: str, **fields: Any) -> None:
        """Do what a person in Ads Manager would do: logged under their name and application.

        Budgets are ints in minor units, `creative` is an id. `review` sets Meta's own verdict
        (None, "PENDING_REVIEW", "DISAPPROVED", "WITH_ISSUES").
        """
        with self._store.write() as db:
            found = store.node(db, int(entity_id.removeprefix("act_")))
            if found is None:
                raise SandboxError(f"the sandbox has no entity {entity_id}")
            now = store.setting(db, "now")
            changes.apply(db, found, fields, at=now, actor=changes.PERSON)

    # --- served over HTTP ---------------------------------------------------------------------

    @contextmanager
    def serving(self, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
        """Serve the Graph API while the context is open; gives ``http://127.0.0.1:PORT``."""
        with server.serve(self._work, host, port) as base_url:
            yield base_url

    @property
    def requests(self) -> list[Request]:
        """What clients asked of this object, in order, since it was made or `forget_requests`."""
        with self._guard:
            return list(self._seen)

    def forget_requests(self) -> None:
        with self._guard:
            self._seen.clear()

    def inject(self, fault: Fault, *, times: int = 1, match: Match = None, after: int = 0) -> None:
        """Let the next `times` matching requests to this object go wrong, `after` passing first.

        `match` is a pattern searched in ``METHOD /target body``, or a predicate on the request.
        """
        with self._guard:
            self._faults.inject(fault, times=times, match=match, after=after)

    def clear_faults(self) -> None:
        with self._guard:
            self._faults.clear()

    def _work(self, request: Request, base_url: str) -> tuple[Reply | None, Fault]:
        with self._guard:
            self._seen.append(request)
            fault = self._faults.take(request) or _NOTHING
        if fault.before is not None:
            fault.before()
        if fault.late is not None:
            timer = threading.Timer(
                fault.late, self._graph.answer, (request,), {"base_url": base_url}
            )
            timer.daemon = True
            timer.start()
        if fault.instead is not None:
            honest = self._graph.answer(
                Request("GET", "v26.0/me", {}, request.token, "/v26.0/me"), base_url=base_url
            )
            # The clock's headers are honest even when the answer is not.
            return _dressed(fault.instead, honest), fault
        if not fault.works:
            return None, fault
        reply = self._graph.answer(request, base_url=base_url, apply=not fault.forget)
        if fault.resets:
            return None, fault
        return (fault.spoil(request, reply) if fault.spoil else reply), fault


def _dressed(reply: Reply, honest: Reply) -> Reply:
    kept = {name: value for name, value in honest.headers.items() if name != "Content-Type"}
    return Reply(reply.status, reply.body, {**kept, **reply.headers})
