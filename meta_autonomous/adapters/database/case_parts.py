"""One account's case as parts that can be compared, and what a later one differs in, as bytes.

Rows of insights are compared one by one; everything else (an entity, its record, its countries) is
a part under a name that stays the same from tick to tick, and is there whole when it differs.
"""

import zlib
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from meta_autonomous.decision.booking import Restatements
from meta_autonomous.decision.context import AutomaticPause, EntityMemory, Memory
from meta_autonomous.decision.tick_case import AccountCase
from meta_autonomous.domain.day_table import joined
from meta_autonomous.domain.entities import (
    Account,
    AccountSnapshot,
    Activity,
    Ad,
    AdSet,
    Campaign,
    Level,
    UnreadHolder,
    days_by_level,
)
from meta_autonomous.domain.performance import DayFacts, Days
from meta_autonomous.domain.quantities import Money

T = TypeVar("T")


class File(msgspec.Struct):
    """An account's case in parts; of one that has a base, the parts and rows that differ. A row
    that is None, or an ad without any, is one that the base has and this has not.

    The rows of each ad stay in JSON until they are looked at: all of them together are most of
    what an account is, and most of them are the base's.
    """

    parts: dict[str, msgspec.Raw]
    rows: Mapping[str, msgspec.Raw]
    gone: list[str] = []  # parts of the base that this has not
    order: list[str] | None = None  # of the parts, where it is not the base's


Rows = dict[date, DayFacts | None]  # of one ad

_NO_ROWS: Final = msgspec.Raw(b"null")


class _RowsOf(Mapping[str, msgspec.Raw]):
    """The rows of a case's ads, written when they are asked for."""

    def __init__(self, days: Mapping[str, Days]) -> None:
        self._days = days

    def __getitem__(self, ad_id: str) -> msgspec.Raw:
        return msgspec.Raw(_encoder.encode(dict(self._days[ad_id])))

    def __iter__(self) -> Iterator[str]:
        return iter(self._days)

    def __len__(self) -> int:
        return len(self._days)


def file_of(case: AccountCase) -> File:
    """A case that stands alone."""
    return File(_parts(case), _RowsOf(case.snapshot.days.get(Level.AD, {})))


def _parts(case: AccountCase) -> dict[str, msgspec.Raw]:
    """Everything but the rows."""
    read, memory = case.snapshot, case.memory
    found: dict[str, Any] = {
        "account": read.account,
        "read": [read.observed_at, read.first_day],
        "missing_days": sorted(read.missing_days),
        "unlisted": sorted(read.unlisted),
        "skipped": read.skipped,
        "unread": read.unread,
        "last_budgets": memory.last_budgets,
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


def case_of(file: File) -> AccountCase:
    """The case of a file that has no base, or was merged with it."""
    parts = file.parts
    observed_at, first_day = _value(parts["read"], tuple[datetime, date])
    approved, rejected = _value(parts["creatives"], tuple[frozenset[str], frozenset[str]])
    ads = _of_kind(parts, Level.AD, Ad)
    first, last = first_day, _value(parts["account"], Account).day_of(observed_at)
    rows = {
        ad_id: joined((_without_gaps(_rows(raw)),), first, last)
        for ad_id, raw in file.rows.items()
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
        unlisted=_value(parts["unlisted"], frozenset[str]),
        skipped=_value(parts["skipped"], dict[str, str]),
        unread=_value(parts.get("unread", _NONE), dict[str, UnreadHolder]),
    )
    memory = Memory(
        entities=_of_kind(parts, "memory", EntityMemory),
        approved_creatives=approved,
        rejected_creatives=rejected,
        automatic_pauses=_value(parts["pauses"], tuple[AutomaticPause, ...]),
        last_budgets=_value(parts.get("last_budgets", _NONE), dict[str, Money]),
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


def changes(base: File, file: File) -> File:
    """What a file that stands alone has otherwise than its base."""
    parts = file.parts
    changed = {
        name: raw
        for name, raw in parts.items()
        if name not in base.parts or bytes(base.parts[name]) != bytes(raw)
    }
    gone = [name for name in base.parts if name not in parts]
    found = File(changed, _changed_rows(base, file), gone)
    if list(_merged_parts(base, found)) != list(parts):
        found.order = list(parts)
    return found


def _changed_rows(base: File, file: File) -> dict[str, msgspec.Raw]:
    changed: dict[str, msgspec.Raw] = {}
    for ad_id, raw in file.rows.items():
        held = base.rows.get(ad_id, _NO_ROWS)
        if bytes(held) == bytes(raw):
            continue
        days, before = _rows(raw), _rows(held)
        of_ad: Rows = {day: facts for day, facts in days.items() if before.get(day) != facts}
        of_ad |= dict.fromkeys(before.keys() - days.keys())
        if of_ad:
            changed[ad_id] = msgspec.Raw(_encoder.encode(of_ad))
    return changed | dict.fromkeys(base.rows.keys() - file.rows.keys(), _NO_ROWS)


def _merged_parts(base: File, file: File) -> dict[str, msgspec.Raw]:
    gone = set(file.gone)
    kept = {name: raw for name, raw in base.parts.items() if name not in gone}
    return {**kept, **file.parts}


def merged(base: File, file: File) -> File:
    """A file that stands alone, of one that differs from its base."""
    parts = _merged_parts(base, file)
    if file.order is not None:
        parts = {name: parts[name] for name in file.order}
    rows = dict(base.rows)
    for ad_id, raw in file.rows.items():
        if bytes(raw) == bytes(_NO_ROWS):
            rows.pop(ad_id, None)
        else:
            both = {**_rows(rows.get(ad_id, _NO_ROWS)), **_rows(raw)}
            rows[ad_id] = msgspec.Raw(_encoder.encode(_without_gaps(both)))
    return File(parts, rows)


def _without_gaps(rows: Rows) -> dict[date, DayFacts]:
    return {day: facts for day, facts in rows.items() if facts is not None}


def _rows(raw: msgspec.Raw) -> Rows:
    return _decode_rows(raw) or {}


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


#: What reading a file of another version, or a damaged one, raises. KeyError: a part that this
#: version expects, or a time zone that this machine has not.
UNREADABLE: Final = (msgspec.DecodeError, zlib.error, KeyError, UnicodeDecodeError)

_encoder: Final = msgspec.json.Encoder(enc_hook=_encode_hook)


#: Of a file that was written before there was such a part.
_NONE: Final = msgspec.Raw(b"{}")


def _value(raw: msgspec.Raw, type_: Any) -> Any:
    return msgspec.json.decode(raw, type=type_, dec_hook=_decode_hook)


_decode_rows: Final = msgspec.json.Decoder(Rows | None).decode


def packed(value: msgspec.Struct) -> bytes:
    return zlib.compress(_encoder.encode(value))


def packed_file(file: File) -> bytes:
    """The same as `packed`, with no more than one part written out at a time."""
    press = zlib.compressobj()
    pieces = [press.compress(piece) for piece in _pieces(file)]
    return b"".join((*pieces, press.flush()))


def _pieces(file: File) -> Iterator[bytes]:
    opening = b'{"parts":{'
    for named in (file.parts, file.rows):
        yield opening
        for place, (name, raw) in enumerate(named.items()):
            yield (b"," if place else b"") + _encoder.encode(name) + b":" + bytes(raw)
        opening = b'},"rows":{'
    rest = _encoder.encode({"gone": file.gone, "order": file.order})
    yield b"}," + rest.removeprefix(b"{")


def unpacked(body: bytes, type_: type[T]) -> T:
    return msgspec.json.decode(zlib.decompress(body), type=type_, dec_hook=_decode_hook)
