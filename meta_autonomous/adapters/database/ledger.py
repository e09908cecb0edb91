"""The audit trail: a chain of SHA-256 over the stored bytes of each entry.

    hash(n) = SHA-256("meta-auto/1\\0" || hash(n - 1), 32 bytes || n, 8 bytes big-endian || body)

The hash before the first is 32 zero bytes. The body holds all that the entry says, its platform
and time included, as canonical JSON; what is hashed is the text as stored, so that a check needs
no JSON. An entry is written in the transaction of what it tells of; the head, one row, with it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

import msgspec
from sqlalchemy import func, select, text, update

from meta_autonomous.adapters.database import texts
from meta_autonomous.adapters.database.columns import from_text, to_text
from meta_autonomous.adapters.database.tables import ledger, ledger_head
from meta_autonomous.adapters.database.unit import Unit
from meta_autonomous.ports import LedgerCheck, LedgerEntry, LedgerEvent, LedgerLine

_PREFIX: Final = b"meta-auto/1\0"
GENESIS: Final = "0" * 64
_EXPECT: Final = re.compile(r"(\d+):([0-9a-f]{64})")
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
    return sha256(_PREFIX + bytes.fromhex(previous) + seq.to_bytes(8) + body).hexdigest()


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
    if since is None:
        return -1, GENESIS
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
    return (-1, GENESIS) if last is None else (last.seq, last.hash)


def lines(unit: Unit, *, after: tuple[int, str]) -> list[LedgerLine]:
    """A page of the entries that follow the given one."""
    last, previous = after
    found = []
    for seq, _, _, body, noted in _page(unit, after=last):
        line = LedgerLine(seq=seq, previous=previous, hash=_as_text(noted), body=_as_text(body))
        previous = line.hash
        found.append(line)
    return found


def _as_text(stored: bytes) -> str:
    return stored.decode("utf-8", "surrogateescape")


# --- proving it whole ---------------------------------------------------------------------------


class _Said(msgspec.Struct):
    """What the columns repeat of the body."""

    platform: str
    event: str
    at: str


_said: Final = msgspec.json.Decoder(_Said)


def verify(unit: Unit, *, expect: str | None) -> LedgerCheck:
    """Walk the whole chain, in constant memory, up to the first entry that does not fit."""
    wanted = _Noted.of(expect)
    if wanted is None:
        return LedgerCheck(
            ok=False,
            entries=0,
            head=None,
            first_broken=None,
            message="expected is SEQ:HASH, as `ledger verify` printed it",
        )
    head = unit.connection.execute(
        select(ledger_head.c.seq, ledger_head.c.hash).where(
            ledger_head.c.platform == unit.platform
        )
    ).one_or_none()
    stored = _Noted(head.seq, head.hash) if head is not None else _Noted()
    whole, previous, fault = _walk(unit, stored, wanted)
    if fault is None:
        return LedgerCheck(
            ok=True, entries=whole, head=f"{whole}:{previous.hex()}", first_broken=None
        )
    return LedgerCheck(
        ok=False,
        entries=whole,
        head=f"{stored.seq}:{stored.hash}",
        first_broken=whole + 1,
        message=fault,
    )


def _walk(unit: Unit, stored: "_Noted", wanted: "_Noted") -> tuple[int, bytes, str | None]:
    """How many entries are whole, the hash of the last of them, and what ends the walk."""
    seq, previous = 0, bytes(32)
    for number, at, event, body, noted in _stream(unit):
        due = seq + 1
        digest = sha256(_PREFIX + previous + due.to_bytes(8) + body).digest()
        is_hash = digest.hex().encode() == noted
        if number != due:
            return seq, previous, f"entry {due} is missing"
        if not is_hash:
            return seq, previous, f"entry {due} was changed: its text does not give its hash"
        fault = _fault(unit, body, at, event)
        if fault is None and seq == stored.seq:
            fault = f"stands beyond the stored head, {stored.seq}"
        if fault is None and due == stored.seq and digest.hex() != stored.hash:
            fault = "is not the one whose hash is the stored head"
        if fault is None and due == wanted.seq and digest.hex() != wanted.hash:
            fault = "is not the expected one: it was rewritten, or one before it"
        if fault is not None:
            return seq, previous, f"entry {due} {fault}"
        seq, previous = due, digest
    if seq < stored.seq:
        return seq, previous, f"entries after {seq} are missing: {stored.seq} were written"
    if seq < wanted.seq:
        return seq, previous, f"entry {wanted.seq} was expected, but the ledger ends at {seq}"
    return seq, previous, None


@dataclass(frozen=True, slots=True)
class _Noted:
    """An entry's number and hash as noted: by the stored head, or by someone. 0 is none."""

    seq: int = 0
    hash: str = GENESIS

    @classmethod
    def of(cls, expect: str | None) -> "_Noted | None":
        if expect is None:
            return cls()
        noted = _EXPECT.fullmatch(expect.strip().lower())
        return None if noted is None else cls(int(noted.group(1)), noted.group(2))


def _stream(unit: Unit) -> Iterator[tuple[Any, ...]]:
    """Every entry in order, page by page: seq, at, event, body, hash."""
    last: Any = -1
    while page := _page(unit, after=last):
        yield from page
        last = page[-1][0]


def _page(unit: Unit, *, after: Any) -> list[tuple[Any, ...]]:
    """The next entries. The texts as bytes, because a damaged one may be no text any more."""
    columns = (
        "seq, CAST(at AS BLOB), CAST(event AS BLOB), CAST(body AS BLOB), CAST(hash AS BLOB)"
        if unit.is_sqlite
        else "seq, at, convert_to(event, 'UTF8'), convert_to(body, 'UTF8'), "
        "convert_to(hash, 'UTF8')"
    )
    mark = "?" if unit.is_sqlite else "%s"
    query = (
        f"SELECT {columns} FROM ledger WHERE platform = {mark} AND seq > {mark} "  # noqa: S608
        f"ORDER BY seq LIMIT {_PAGE}"
    )
    result = unit.connection.exec_driver_sql(query, (unit.platform, after))
    cursor: Any = result.cursor
    page: list[tuple[Any, ...]] = cursor.fetchall()
    result.close()
    return page


def _fault(unit: Unit, body: bytes, at: Any, event: bytes) -> str | None:
    """What is wrong with an entry whose hash is right; None if nothing is."""
    try:
        said = _said.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return "is not JSON"
    stored_at = at if isinstance(at, bytes) else to_text(at).encode()
    if (said.platform, said.event.encode(), said.at.encode()) != (unit.platform, event, stored_at):
        return "was changed: its columns say other than its text"
    return None
