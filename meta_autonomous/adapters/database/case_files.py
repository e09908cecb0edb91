"""Every tick's case and what was decided on it, kept so that it can be decided again (`replay`).

Why a file of its own, when reads are on record anyway? `insights_seen` keeps one reading of the
running day, the other tables what they need to go on. A decision rests on more: today's spend at
that minute, what was pending, whose turn it was. To rebuild all that from a dozen tables "as of"
would only ever be nearly right. So the inputs of the pure decision are stored themselves, and a
replayed tick gives the same decisions to the digit.

Space is bounded three ways. The first file of an account's day stands alone; each later one holds
what differs from it: rows of insights one by one, everything else (an entity, its record, its
countries) as a part that is there whole when it differs. Files are zlib over JSON: an account of
100 campaigns with 300 ads writes about 110 kB a day for the first file, 5 to 15 kB for each later
one. And what is older than `KEPT` goes when a new day begins; `prune` may take it sooner. A base
stays as long as a file that names it.

Files outlive the program that wrote them. One that this version can't read (another `FORMAT`, a
limit or a fact that did not exist then, damage) reads as incomplete, like one of which a part is
gone; a replay leaves it out and says how many.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, and_, delete, select, tuple_

from meta_autonomous.adapters.database.case_parts import (
    UNREADABLE,
    File,
    case_of,
    changes,
    file_of,
    merged,
    packed,
    packed_file,
    unpacked,
)
from meta_autonomous.adapters.database.tables import case_files
from meta_autonomous.adapters.database.unit import Unit
from meta_autonomous.decision.differences import Brief
from meta_autonomous.decision.tick_case import AccountCase, Circumstances, TickCase
from meta_autonomous.ports.records import RecordedTick

#: A backfill reaches 90 days back; what it wrote must outlive the next tick.
KEPT: Final = timedelta(days=100)
#: To be raised when what is stored changes its meaning or its shape.
FORMAT: Final = 1
#: A file that differs this much from its base stands alone, and is the next one's base.
_LARGEST_SHARE: Final = 0.5
_SUFFIX: Final = "-backfill"
_CIRCUMSTANCES: Final = ""


class _Header(msgspec.Struct):
    """Read before the rest. The first files bore no number, and are of format 1."""

    format: int = 1


class _TickFile(msgspec.Struct):
    circumstances: Circumstances
    accounts: tuple[str, ...]
    decided: tuple[Brief, ...]
    format: int = FORMAT


def backfill_id(at: datetime) -> str:
    """The tick id of a past day's case: it sorts by time among the others."""
    return f"{at:%Y%m%dT%H%M%S}{_SUFFIX}"


def record(
    unit: Unit, tick_id: str, case: TickCase, decided: Sequence[Brief], *, at: datetime
) -> None:
    """Write one tick's case; the same tick again (a day backfilled anew) replaces it, and what
    differed from the old one goes with it."""
    if _drop(unit, case_files.c.tick_id == tick_id):
        _drop(unit, case_files.c.base_tick_id == tick_id)
    ids = tuple(account.snapshot.account.id for account in case.accounts)
    file = _TickFile(case.circumstances, ids, tuple(decided))
    written: list[tuple[Any, ...]] = [(tick_id, _CIRCUMSTANCES, unit.at(at), None, packed(file))]
    for account in case.accounts:
        body, base_id = _account_file(unit, account, tick_id, at)
        if base_id is None and not tick_id.endswith(_SUFFIX):
            _drop(unit, older_than(at - KEPT))
        written.append((tick_id, account.snapshot.account.id, unit.at(at), base_id, body))
    columns = ("tick_id", "account_id", "at", "base_tick_id", "body")
    unit.insert_many(case_files, columns, written)


def older_than(end: datetime) -> ColumnElement[bool]:
    """What may go: rows before `end` that no row since names as its base."""
    table, kept = case_files, case_files.alias()
    bases = select(kept.c.platform, kept.c.account_id, kept.c.base_tick_id).where(
        kept.c.at >= end, kept.c.base_tick_id.is_not(None)
    )
    row = tuple_(table.c.platform, table.c.account_id, table.c.tick_id)
    return and_(table.c.at < end, row.not_in(bases))


def _drop(unit: Unit, condition: ColumnElement[bool]) -> int:
    """How many there were."""
    return unit.connection.execute(
        delete(case_files).where(case_files.c.platform == unit.platform, condition)
    ).rowcount


def _account_file(
    unit: Unit, account: AccountCase, tick_id: str, at: datetime
) -> tuple[bytes, str | None]:
    """The file, and the tick of its base. The base is the day's first; a backfilled day's is the
    last one of that backfill which stands alone."""
    file = file_of(account)
    base = _base_of(unit, account, tick_id, at)
    if base is not None:
        try:
            changed = packed_file(changes(unpacked(base.body, File), file))
        except UNREADABLE:  # of the version before an update
            return packed_file(file), None
        if len(changed) <= _LARGEST_SHARE * len(base.body):
            return changed, base.tick_id
    return packed_file(file), None


def _base_of(unit: Unit, account: AccountCase, tick_id: str, at: datetime) -> Any:
    table = case_files
    is_backfill = tick_id.endswith(_SUFFIX)
    of_kind = table.c.tick_id.like(f"%{_SUFFIX}")
    row = unit.connection.execute(
        select(table)
        .where(
            table.c.platform == unit.platform,
            table.c.account_id == account.snapshot.account.id,
            table.c.base_tick_id.is_(None),
            table.c.at <= at,
            table.c.at > at - (KEPT if is_backfill else timedelta(hours=26)),
            of_kind if is_backfill else ~of_kind,
        )
        .order_by(table.c.at.desc(), table.c.tick_id.desc())
        .limit(1)
    ).one_or_none()
    zone = account.snapshot.account
    if row is None or is_backfill or zone.day_of(row.at) == zone.day_of(at):
        return row
    return None


# --- reading ------------------------------------------------------------------------------------


Bases = dict[tuple[str, str], File]  # by account and tick


def ticks_since(unit: Unit, since: datetime) -> list[tuple[str, datetime]]:
    """Ids and times of the recorded ticks, the oldest first."""
    table = case_files
    rows = unit.connection.execute(
        select(table.c.tick_id, table.c.at)
        .where(table.c.platform == unit.platform, table.c.account_id == _CIRCUMSTANCES)
        .where(table.c.at >= since)
        .order_by(table.c.at, table.c.tick_id)
    )
    return [(row.tick_id, row.at) for row in rows]


def first_at(unit: Unit) -> datetime | None:
    """Of the ticks that were recorded when they happened."""
    table = case_files
    found: datetime | None = unit.connection.execute(
        select(table.c.at)
        .where(
            table.c.platform == unit.platform,
            table.c.account_id == _CIRCUMSTANCES,
            ~table.c.tick_id.like(f"%{_SUFFIX}"),
        )
        .order_by(table.c.at)
        .limit(1)
    ).scalar()
    return found


def one(unit: Unit, tick_id: str, at: datetime, bases: Bases) -> RecordedTick:
    """One tick as recorded. `bases` holds what the tick before was read with."""
    bodies = _bodies(unit, tick_id)
    case: TickCase | None = None
    decided: tuple[Brief, ...] = ()
    with suppress(*UNREADABLE):
        file = _tick_file(bodies.pop(_CIRCUMSTANCES)[1])
        if file is not None:
            case, decided = _case_of_all(unit, file, bodies, bases), file.decided
    return RecordedTick(
        tick_id=tick_id,
        at=at,
        is_backfilled=tick_id.endswith(_SUFFIX),
        case=case,
        decided=decided,
    )


def _tick_file(body: bytes) -> _TickFile | None:
    """None for one of another format."""
    is_known = unpacked(body, _Header).format == FORMAT
    return unpacked(body, _TickFile) if is_known else None


def _case_of_all(
    unit: Unit,
    file: _TickFile,
    bodies: Mapping[str, tuple[str | None, bytes]],
    bases: Bases,
) -> TickCase | None:
    """None when an account's part was pruned: all decide together."""
    cases = [_case_of(unit, account_id, bodies, bases) for account_id in file.accounts]
    whole = tuple(case for case in cases if case is not None)
    if len(whole) < len(cases):
        return None
    return TickCase(circumstances=file.circumstances, accounts=whole)


def _bodies(unit: Unit, tick_id: str) -> dict[str, tuple[str | None, bytes]]:
    table = case_files
    rows = unit.connection.execute(
        select(table.c.account_id, table.c.base_tick_id, table.c.body).where(
            table.c.platform == unit.platform, table.c.tick_id == tick_id
        )
    )
    return {account_id: (base_id, bytes(body)) for account_id, base_id, body in rows}


def _case_of(
    unit: Unit,
    account_id: str,
    bodies: Mapping[str, tuple[str | None, bytes]],
    bases: Bases,
) -> AccountCase | None:
    """None when a file, or its base, was pruned. Of the bases the last of each account is kept."""
    if account_id not in bodies:
        return None
    base_id, body = bodies[account_id]
    file = unpacked(body, File)
    if base_id is None:
        return case_of(file)
    key = (account_id, base_id)
    if key not in bases:
        found = _bodies(unit, base_id).get(account_id)
        if found is None:
            return None
        for other in [other for other in bases if other[0] == account_id]:
            del bases[other]
        bases[key] = unpacked(found[1], File)
    return case_of(merged(bases[key], file))
