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
one. And what is older than `KEPT` goes when a new day begins; `at` lets anyone prune sooner (a
file whose base is gone reads as incomplete, and is left out of a replay).
"""

import zlib
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import delete, select

from meta_autonomous.adapters.database.tables import case_files
from meta_autonomous.adapters.database.unit import Unit
from meta_autonomous.decision.booking import Restatements
from meta_autonomous.decision.context import AutomaticPause, EntityMemory, Memory
from meta_autonomous.decision.differences import Brief
from meta_autonomous.decision.tick_case import AccountCase, Circumstances, TickCase
from meta_autonomous.domain.entities import (
    Account,
    AccountSnapshot,
    Activity,
    Ad,
    AdSet,
    Campaign,
    Level,
    days_by_level,
)
from meta_autonomous.domain.performance import DayFacts, Days
from meta_autonomous.ports import RecordedTick

#: A backfill reaches 90 days back; what it wrote must outlive the next tick.
KEPT: Final = timedelta(days=100)
#: A file that differs this much from its base stands alone, and is the next one's base.
_LARGEST_SHARE: Final = 0.5
_SUFFIX: Final = "-backfill"
_CIRCUMSTANCES: Final = ""

_Rows = dict[str, dict[date, DayFacts]]
T = TypeVar("T")


class _File(msgspec.Struct):
    """An account's case in parts; of one that has a base, the parts and rows that differ. A row
    that is None, or an ad without any, is one that the base has and this has not."""

    parts: dict[str, msgspec.Raw]
    rows: dict[str, dict[date, DayFacts | None] | None]
    gone: list[str] = []  # parts of the base that this has not
    order: list[str] | None = None  # of the parts, where it is not the base's


class _TickFile(msgspec.Struct):
    circumstances: Circumstances
    accounts: tuple[str, ...]
    decided: tuple[Brief, ...]


def backfill_id(at: datetime) -> str:
    """The tick id of a past day's case: it sorts by time among the others."""
    return f"{at:%Y%m%dT%H%M%S}{_SUFFIX}"


def record(
    unit: Unit, tick_id: str, case: TickCase, decided: Sequence[Brief], *, at: datetime
) -> None:
    """Write one tick's case; the same tick again (a day backfilled anew) replaces it."""
    _drop(unit, case_files.c.tick_id == tick_id)
    ids = tuple(account.snapshot.account.id for account in case.accounts)
    file = _TickFile(case.circumstances, ids, tuple(decided))
    written: list[tuple[Any, ...]] = [(tick_id, _CIRCUMSTANCES, unit.at(at), None, _packed(file))]
    for account in case.accounts:
        body, base_id = _account_file(unit, account, tick_id, at)
        if base_id is None and not tick_id.endswith(_SUFFIX):
            _drop(unit, case_files.c.at < at - KEPT)
        written.append((tick_id, account.snapshot.account.id, unit.at(at), base_id, body))
    columns = ("tick_id", "account_id", "at", "base_tick_id", "body")
    unit.insert_many(case_files, columns, written)


def _drop(unit: Unit, condition: Any) -> None:
    unit.connection.execute(
        delete(case_files).where(case_files.c.platform == unit.platform, condition)
    )


def _account_file(
    unit: Unit, account: AccountCase, tick_id: str, at: datetime
) -> tuple[bytes, str | None]:
    """The file, and the tick of its base. The base is the day's first; a backfilled day's is the
    last one of that backfill which stands alone."""
    parts, rows = _parts(account), account.snapshot.days.get(Level.AD, {})
    base = _base_of(unit, account, tick_id, at)
    if base is not None:
        found = _read_file(base.body)
        changed = _packed(_changes(found, parts, rows))
        if len(changed) <= _LARGEST_SHARE * len(base.body):
            return changed, base.tick_id
    return _packed(_File(parts, {ad_id: dict(days) for ad_id, days in rows.items()})), None


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


# --- a case in parts ----------------------------------------------------------------------------


def _parts(case: AccountCase) -> dict[str, msgspec.Raw]:
    """Everything but the rows, by names that stay the same from tick to tick."""
    read, memory = case.snapshot, case.memory
    found: dict[str, Any] = {
        "account": read.account,
        "read": [read.observed_at, read.first_day],
        "missing_days": sorted(read.missing_days),
        "skipped": read.skipped,
        "governed": sorted(read.governed_by_rules),
        "activities": read.activities,
        "restatements": case.restatements,
        "creatives": [sorted(memory.approved_creatives), sorted(memory.rejected_creatives)],
        "pauses": memory.automatic_pauses,
        "parents": {
            ad_id: parents
            for ad_id, parents in read.ad_parents.items()
            if parents != _parents_of(read.ads.get(ad_id))
        },
    }
    for entity in read.entities():
        found[f"{entity.level} {entity.id}"] = entity
    for adset_id, spent in read.countries.items():
        found[f"countries {adset_id}"] = spent
    for entity_id, remembered in memory.entities.items():
        found[f"memory {entity_id}"] = _told(remembered)
    return {name: msgspec.Raw(_encoder.encode(value)) for name, value in found.items()}


def _parents_of(ad: Ad | None) -> tuple[str, str] | None:
    return None if ad is None else (ad.of_adset, ad.of_campaign)


def _told(memory: EntityMemory) -> dict[str, Any]:
    """What there is to tell: of most entities nearly nothing."""
    told: dict[str, Any] = msgspec.to_builtins(memory)
    return {name: value for name, value in told.items() if value != _UNTOLD[name]}


_UNTOLD: Final[dict[str, Any]] = msgspec.to_builtins(EntityMemory())


def _account_case(file: _File) -> AccountCase:
    parts = file.parts
    observed_at, first_day = _value(parts["read"], tuple[datetime, date])
    approved, rejected = _value(parts["creatives"], tuple[frozenset[str], frozenset[str]])
    ads = _of_kind(parts, Level.AD, Ad)
    rows: dict[str, Days] = {
        ad_id: {day: facts for day, facts in (days or {}).items() if facts is not None}
        for ad_id, days in file.rows.items()
    }
    parents = {ad_id: (ad.of_adset, ad.of_campaign) for ad_id, ad in ads.items() if ad_id in rows}
    parents |= _value(parts["parents"], dict[str, tuple[str, str]])
    snapshot = AccountSnapshot(
        account=_value(parts["account"], Account),
        observed_at=observed_at,
        first_day=first_day,
        campaigns=_of_kind(parts, Level.CAMPAIGN, Campaign),
        adsets=_of_kind(parts, Level.ADSET, AdSet),
        ads=ads,
        days=days_by_level(rows, parents),
        countries=_of_kind(parts, "countries", dict[str, int]),
        ad_parents=parents,
        governed_by_rules=_value(parts["governed"], frozenset[str]),
        activities=_value(parts["activities"], tuple[Activity, ...] | None),
        missing_days=_value(parts["missing_days"], frozenset[date]),
        skipped=_value(parts["skipped"], dict[str, str]),
    )
    memory = Memory(
        entities=_of_kind(parts, "memory", EntityMemory),
        approved_creatives=approved,
        rejected_creatives=rejected,
        automatic_pauses=_value(parts["pauses"], tuple[AutomaticPause, ...]),
    )
    return AccountCase(
        snapshot=snapshot,
        memory=memory,
        restatements=_value(parts["restatements"], Restatements | None),
    )


def _of_kind(parts: Mapping[str, msgspec.Raw], kind: str, type_: type[T]) -> dict[str, T]:
    prefix = f"{kind} "
    return {
        name.removeprefix(prefix): _value(raw, type_)
        for name, raw in parts.items()
        if name.startswith(prefix)
    }


# --- what differs -------------------------------------------------------------------------------


def _changes(base: _File, parts: dict[str, msgspec.Raw], rows: Mapping[str, Days]) -> _File:
    changed = {
        name: raw
        for name, raw in parts.items()
        if name not in base.parts or bytes(base.parts[name]) != bytes(raw)
    }
    gone = [name for name in base.parts if name not in parts]
    file = _File(changed, _changed_rows(base, rows), gone)
    if list(_merged_parts(base, file)) != list(parts):
        file.order = list(parts)
    return file


def _changed_rows(
    base: _File, rows: Mapping[str, Days]
) -> dict[str, dict[date, DayFacts | None] | None]:
    changed: dict[str, dict[date, DayFacts | None] | None] = {}
    for ad_id, days in rows.items():
        before = base.rows.get(ad_id) or {}
        of_ad: dict[date, DayFacts | None] = {
            day: facts for day, facts in days.items() if before.get(day) != facts
        }
        of_ad |= dict.fromkeys(before.keys() - days.keys())
        if of_ad:
            changed[ad_id] = of_ad
    return changed | dict.fromkeys(base.rows.keys() - rows.keys())


def _merged_parts(base: _File, file: _File) -> dict[str, msgspec.Raw]:
    kept = {name: raw for name, raw in base.parts.items() if name not in file.gone}
    return {**kept, **file.parts}


def _merged(base: _File, file: _File) -> _File:
    parts = _merged_parts(base, file)
    if file.order is not None:
        parts = {name: parts[name] for name in file.order}
    rows = dict(base.rows)
    for ad_id, days in file.rows.items():
        if days is None:
            rows.pop(ad_id, None)
        else:
            merged = {**(rows.get(ad_id) or {}), **days}
            rows[ad_id] = {day: facts for day, facts in merged.items() if facts is not None}
    return _File(parts, rows)


# --- reading ------------------------------------------------------------------------------------


Bases = dict[tuple[str, str], _File]  # by account and tick


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
    file = _unpacked(bodies.pop(_CIRCUMSTANCES)[1], _TickFile)
    cases = [_case_of(unit, account_id, bodies, bases) for account_id in file.accounts]
    whole = tuple(case for case in cases if case is not None)
    return RecordedTick(
        tick_id=tick_id,
        at=at,
        is_backfilled=tick_id.endswith(_SUFFIX),
        case=TickCase(circumstances=file.circumstances, accounts=whole)
        if len(whole) == len(cases)
        else None,
        decided=file.decided,
    )


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
    file = _read_file(body)
    if base_id is None:
        return _account_case(file)
    key = (account_id, base_id)
    if key not in bases:
        found = _bodies(unit, base_id).get(account_id)
        if found is None:
            return None
        for other in [other for other in bases if other[0] == account_id]:
            del bases[other]
        bases[key] = _read_file(found[1])
    return _account_case(_merged(bases[key], file))


# --- bytes --------------------------------------------------------------------------------------


def _encode_hook(value: Any) -> Any:
    if isinstance(value, ZoneInfo):
        return value.key
    if isinstance(value, Mapping):  # a read-only one
        return dict(value)
    raise NotImplementedError(f"no JSON for {type(value)}")


def _decode_hook(wanted: type, value: Any) -> Any:
    if wanted is ZoneInfo:
        return ZoneInfo(value)
    raise NotImplementedError(f"no {wanted} of JSON")


_encoder: Final = msgspec.json.Encoder(enc_hook=_encode_hook)


def _value(raw: msgspec.Raw, type_: Any) -> Any:
    return msgspec.json.decode(raw, type=type_, dec_hook=_decode_hook)


def _packed(value: msgspec.Struct) -> bytes:
    return zlib.compress(_encoder.encode(value))


def _unpacked(body: bytes, type_: type[T]) -> T:
    return msgspec.json.decode(zlib.decompress(body), type=type_, dec_hook=_decode_hook)


def _read_file(body: bytes) -> _File:
    return _unpacked(bytes(body), _File)
