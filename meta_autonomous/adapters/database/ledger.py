"""The audit trail: a chain of SHA-256 over the stored bytes of each entry.

    hash(n) = SHA-256("meta-auto/1\\0" || hash(n - 1), 32 bytes || n, 8 bytes big-endian || body)

The hash before the first is 32 zero bytes. The body holds all that the entry says, its platform
and time included, as canonical JSON; what is hashed is the text as stored, so that a check needs
no JSON. An entry is written in the transaction of what it tells of; the head, one row, with it.

`append` is the only way in. Nothing leaves but what was sealed first (`segments`); whether all of
it is whole, `ledger_proof` tells.
"""

from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import func, select, text, update

from meta_autonomous.adapters.database import segments, texts
from meta_autonomous.adapters.database.columns import from_text
from meta_autonomous.adapters.database.tables import ledger, ledger_head
from meta_autonomous.adapters.database.unit import Unit
from meta_autonomous.ports.records import LedgerEntry, LedgerEvent, LedgerLine

PREFIX: Final = b"meta-auto/1\0"
GENESIS: Final = segments.GENESIS
_PAGE: Final = 2000
_TIMED_BY_META: Final = (
    "tick_completed",
    "policy_changed",
    "optimization_suggested",
    "optimization_approved",
    "optimization_executed",
    "optimization_blocked",
    "optimization_failed",
    "optimization_in_doubt",
    "optimization_expired",
    "optimization_superseded",
    "optimization_undone",
)


def chained(previous: str, seq: int, body: bytes) -> str:
    """The hash of one entry, hex."""
    return sha256(PREFIX + bytes.fromhex(previous) + seq.to_bytes(8) + body).hexdigest()


def append(unit: Unit, *events: LedgerEvent) -> None:
    """Add entries to the chain. Part of the caller's transaction."""
    if not events:
        return
    seq, previous = lock(unit)
    rows = []
    for event in events:
        seq += 1
        body = texts.canonical(_body(unit.platform, event))
        previous = chained(previous, seq, body.encode())
        rows.append((seq, unit.at(event.at), event.event, body, previous))
    unit.insert_many(ledger, ("seq", "at", "event", "body", "hash"), rows)
    unit.connection.execute(
        update(ledger_head)
        .where(ledger_head.c.platform == unit.platform)
        .values(seq=seq, hash=previous)
    )


def lock(unit: Unit) -> tuple[int, str]:
    """The head, this transaction's until it ends: so writers follow one another."""
    query = (
        select(ledger_head.c.seq, ledger_head.c.hash)
        .where(ledger_head.c.platform == unit.platform)
        .with_for_update()
    )
    row = unit.connection.execute(query).one_or_none()
    if row is None:
        unit.connection.execute(
            text(
                "INSERT INTO ledger_head (platform, seq, hash) VALUES (:platform, 0, :hash) "
                "ON CONFLICT DO NOTHING"
            ),
            {"platform": unit.platform, "hash": GENESIS},
        )
        row = unit.connection.execute(query).one()
    return row.seq, row.hash


def _body(platform: str, event: LedgerEvent) -> dict[str, Any]:
    whole = {
        "platform": platform,
        "event": event.event,
        "who": event.who,
        "at": event.at,
        "entity_id": event.entity_id,
        "action_id": event.action_id,
        "tick_id": event.tick_id,
        "why": event.why or None,
        "before": event.before,
        "after": event.after,
    }
    return {key: value for key, value in whole.items() if value is not None}


# --- reading ------------------------------------------------------------------------------------


def entries(unit: Unit, *, since: datetime | None, limit: int) -> tuple[LedgerEntry, ...]:
    """The newest entries, oldest first."""
    query = select(ledger.c.seq, ledger.c.hash, ledger.c.body).where(
        ledger.c.platform == unit.platform
    )
    if since is not None:
        query = query.where(ledger.c.at >= since)
    rows = unit.connection.execute(query.order_by(ledger.c.seq.desc()).limit(limit)).all()
    return tuple(
        LedgerEntry(seq=row.seq, hash=row.hash, event=_event(row.body)) for row in reversed(rows)
    )


def head(unit: Unit) -> tuple[int, str]:
    """Number and hash of the last entry."""
    row = unit.connection.execute(
        select(ledger_head.c.seq, ledger_head.c.hash).where(
            ledger_head.c.platform == unit.platform
        )
    ).one_or_none()
    return (0, GENESIS) if row is None else (row.seq, row.hash)


def latest_time(unit: Unit) -> datetime | None:
    """The latest time on record that is Meta's own. What a person did without asking Meta (a mode,
    a switch, a creative) bears this machine's clock, which may be wrong."""
    query = (
        select(ledger.c.at)
        .where(ledger.c.platform == unit.platform, ledger.c.event.in_(_TIMED_BY_META))
        .order_by(ledger.c.seq.desc())
        .limit(1)
    )
    return unit.connection.execute(query).scalar_one_or_none()


def _event(body: str) -> LedgerEvent:
    said = texts.parsed(body)
    return LedgerEvent(
        event=said["event"],
        who=said["who"],
        at=from_text(said["at"]),
        entity_id=said.get("entity_id"),
        action_id=said.get("action_id"),
        tick_id=said.get("tick_id"),
        why=said.get("why", ""),
        before=said.get("before"),
        after=said.get("after"),
    )


# --- as it is stored ----------------------------------------------------------------------------


def before(unit: Unit, since: datetime | None) -> tuple[int, str] | None:
    """Number and hash of the entry before the first that is not older than `since`; None when
    there is no such entry."""
    floor = segments.floor(unit)
    if since is None:
        return floor
    first = unit.connection.execute(
        select(func.min(ledger.c.seq)).where(
            ledger.c.platform == unit.platform, ledger.c.at >= since
        )
    ).scalar_one()
    if first is None:
        return None
    last = unit.connection.execute(
        select(ledger.c.seq, ledger.c.hash)
        .where(ledger.c.platform == unit.platform, ledger.c.seq < first)
        .order_by(ledger.c.seq.desc())
        .limit(1)
    ).one_or_none()
    return floor if last is None else (last.seq, last.hash)


def lines(unit: Unit, *, after: tuple[int, str], until: int | None = None) -> list[LedgerLine]:
    """A page of the entries that follow the given one, at most to `until`."""
    last, previous = after
    found = []
    for seq, _, _, body, noted in page(unit, after=last):
        if until is not None and seq > until:
            break
        line = LedgerLine(seq=seq, previous=previous, hash=_as_text(noted), body=_as_text(body))
        previous = line.hash
        found.append(line)
    return found


def _as_text(stored: bytes) -> str:
    return stored.decode("utf-8", "surrogateescape")


def page(unit: Unit, *, after: int | None) -> list[tuple[Any, ...]]:
    """The next entries, in order: seq, at, event, body, hash; without `after` the first of all.
    The texts come as bytes, because a damaged one may be no text any more."""
    columns = (
        "seq, CAST(at AS BLOB), CAST(event AS BLOB), CAST(body AS BLOB), CAST(hash AS BLOB)"
        if unit.is_sqlite
        else "seq, at, convert_to(event, 'UTF8'), convert_to(body, 'UTF8'), "
        "convert_to(hash, 'UTF8')"
    )
    mark = "?" if unit.is_sqlite else "%s"
    begins = "" if after is None else f"AND seq > {mark} "
    query = (
        f"SELECT {columns} FROM ledger WHERE platform = {mark} {begins}"  # noqa: S608
        f"ORDER BY seq LIMIT {_PAGE}"
    )
    known = (unit.platform,) if after is None else (unit.platform, after)
    result = unit.connection.exec_driver_sql(query, known)
    cursor: Any = result.cursor
    found: list[tuple[Any, ...]] = cursor.fetchall()
    result.close()
    return found
