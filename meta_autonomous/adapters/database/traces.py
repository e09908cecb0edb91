"""Why each entity was left alone or acted upon, and the metrics it was judged by."""

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from hashlib import blake2b
from typing import Any, Final

import msgspec
from sqlalchemy import select

from meta_autonomous.adapters.database import accounts, switches, texts
from meta_autonomous.adapters.database.columns import from_text
from meta_autonomous.adapters.database.tables import entity_traces, meta_roas_metrics
from meta_autonomous.adapters.database.unit import Unit
from meta_autonomous.domain.entities import Level
from meta_autonomous.domain.quantities import MICROS_PER_MAJOR, Currency, Money
from meta_autonomous.domain.verdict import Effect, Flip, Ruling, Verdict
from meta_autonomous.ports.records import Trace
from meta_autonomous.ports.words import Json

_encoder: Final = msgspec.json.Encoder(
    decimal_format="number", order="sorted", enc_hook=texts.clean
)
_decoder: Final = msgspec.json.Decoder(float_hook=Decimal)


#: Entities whose texts are in memory before they are written.
_AT_ONCE: Final = 2000

_HEADINGS: Final = (
    "account_id",
    "digest",
    "tick_id",
    "at",
    "last_tick_id",
    "level",
    "name",
    "campaign_id",
    "decision",
    "first_binding",
    "eligible_again_at",
    "trace",
)


def record(
    unit: Unit, account_id: str, traces: Iterable[Trace], *, tick_id: str, at: datetime
) -> None:
    """Keep the last trace of each entity, given the traces of all of an account's entities.

    One that says the same again is not written again: it holds from its tick to the account's
    last, unless the entity was left out meanwhile (`last_tick_id`).
    """
    known = _known(unit, account_id)
    present = {entity_id for entity_id, (_, last_tick) in known.items() if last_tick is None}

    new: list[tuple[Any, ...]] = []
    changed: list[tuple[Any, ...]] = []
    evaluated: list[tuple[Any, ...]] = []

    def write() -> None:
        unit.insert_many(entity_traces, (*_HEADINGS, "entity_id"), new)
        unit.update_many(entity_traces, _HEADINGS, ("entity_id",), changed)
        unit.update_many(entity_traces, ("evaluated_at",), ("entity_id",), evaluated)
        for rows in (new, changed, evaluated):
            rows.clear()

    seen: set[str] = set()
    for trace in traces:
        seen.add(trace.entity_id)
        said = _to_text(trace)
        digest = blake2b(said.encode(), digest_size=16).digest()
        last = known.get(trace.entity_id)
        if last != (digest, None):
            row = _row(unit, account_id, trace, said, digest, tick_id=tick_id, at=at)
            (new if last is None else changed).append(row)
        if trace.was_evaluated:
            evaluated.append((unit.at(at), trace.entity_id))
        if len(seen) % _AT_ONCE == 0:
            write()
    if not seen:
        return
    write()
    before = accounts.row_of(unit, account_id)
    left_out = [(before.traced_tick_id, key) for key in sorted(present - seen)] if before else []
    unit.update_many(entity_traces, ("last_tick_id",), ("entity_id",), left_out)
    accounts.put(unit, account_id, {"traced_tick_id": tick_id})


def _known(unit: Unit, account_id: str) -> dict[str, tuple[bytes, str | None]]:
    table = entity_traces
    rows = unit.connection.execute(
        select(table.c.entity_id, table.c.digest, table.c.last_tick_id).where(
            table.c.platform == unit.platform, table.c.account_id == account_id
        )
    )
    return {entity_id: (bytes(digest), last_tick) for entity_id, digest, last_tick in rows}


def _row(
    unit: Unit,
    account_id: str,
    trace: Trace,
    said: str,
    digest: bytes,
    *,
    tick_id: str,
    at: datetime,
) -> tuple[Any, ...]:
    return (
        account_id,
        digest,
        tick_id,
        unit.at(at),
        None,
        trace.level.value,
        texts.clean(trace.name),
        trace.campaign_id,
        trace.decision,
        trace.first_binding,
        unit.at(trace.eligible_again_at) if trace.eligible_again_at else None,
        said,
        trace.entity_id,
    )


def _to_text(trace: Trace) -> str:
    said: dict[str, Any] = {
        "gates": trace.gates,
        "evidence": trace.evidence,
        "name": trace.name,
        "decision": trace.decision,
        "first_binding": trace.first_binding,
        "eligible_again_at": trace.eligible_again_at,
    }
    try:
        encoded = _encoder.encode(said)
        if b"NaN" not in encoded and b"Infinity" not in encoded:
            return encoded.decode()
    except (TypeError, ValueError, UnicodeError, msgspec.MsgspecError):
        pass  # text without UTF-8, or a value that msgspec has no word for
    return texts.canonical(said)


def one(unit: Unit, entity_id: str) -> tuple[Trace, Json] | None:
    table = entity_traces
    row = unit.connection.execute(
        select(table).where(table.c.platform == unit.platform, table.c.entity_id == entity_id)
    ).one_or_none()
    if row is None:
        return None
    account = accounts.row_of(unit, row.account_id)
    tick_id = row.last_tick_id or (account.traced_tick_id if account else None) or row.tick_id
    return _to_trace(row), {**switches.tick(unit, tick_id), "tick_id": tick_id}


def listed(unit: Unit, *, level: Level | None) -> tuple[Trace, ...]:
    """The traces of the accounts' last ticks: campaigns, ad sets, ads, each by name."""
    table = entity_traces
    query = select(table).where(table.c.platform == unit.platform, table.c.last_tick_id.is_(None))
    if level is not None:
        query = query.where(table.c.level == level)
    order = {kind: n for n, kind in enumerate(Level)}
    rows = sorted(
        unit.connection.execute(query),
        key=lambda row: (order[row.level], row.name, row.entity_id),
    )
    return tuple(map(_to_trace, rows))


def _to_trace(row: Any) -> Trace:
    said = _decoder.decode(row.trace)
    return Trace(
        entity_id=row.entity_id,
        level=Level(row.level),
        name=row.name,
        campaign_id=row.campaign_id,
        decision=row.decision,
        first_binding=row.first_binding,
        eligible_again_at=row.eligible_again_at,
        gates=tuple(_verdict(gate) for gate in said["gates"]),
        evidence=said["evidence"],
    )


def _verdict(said: dict[str, Any]) -> Verdict:
    allowed, eligible_at = said["allowed"], said["eligible_at"]
    return Verdict(
        rule=said["rule"],
        ruling=Ruling(said["ruling"]),
        effect=Effect(said["effect"]),
        observed=said["observed"],
        limit=said["limit"],
        message=said["message"],
        sentence=said["sentence"],
        allowed=Money(allowed["minor"], Currency(allowed["currency"]["code"]))
        if allowed
        else None,
        eligible_at=from_text(eligible_at) if eligible_at else None,
        flip=Flip(**said["flip"]) if said.get("flip") else None,
    )


# --- metrics ------------------------------------------------------------------------------------

_NUMBERS: Final = (
    "spend",
    "revenue",
    "actual_roas",
    "expected_roas",
    "roas_low",
    "roas_high",
    "confidence_score",
)
_WORDS: Final = ("level", "campaign_id", "currency")
_COUNTS: Final = ("conversions", "impressions")
_DAYS: Final = ("window_since", "window_until")
_COLUMNS: Final = (*_WORDS, *_COUNTS, *_DAYS, *_NUMBERS)


def record_metrics(
    unit: Unit, account_id: str, metrics: Iterable[Json], *, tick_id: str, at: datetime
) -> None:
    """Metrics by the names of the columns of `meta_roas_metrics`; what is named otherwise goes to
    `details`. A row only where they differ from the latest."""
    table = meta_roas_metrics
    headings = ("entity_id", "created_at", "account_id", "tick_id", "digest")
    latest: dict[str, tuple[Any, bytes]] | None = None
    new: list[tuple[Any, ...]] = []
    replaced: list[tuple[Any, ...]] = []

    def write() -> None:
        unit.update_many(table, ("replaced_at",), ("entity_id", "created_at"), replaced)
        unit.insert_many(table, (*headings, *_COLUMNS, "details"), new)
        new.clear()
        replaced.clear()

    for row in metrics:
        if latest is None:
            latest = _latest_metrics(unit, account_id)
        entity_id = row["entity_id"]
        digest = blake2b(_encoder.encode(row), digest_size=16).digest()
        last_at, last_digest = latest.get(entity_id, (None, b""))
        if digest == last_digest:
            continue
        since = unit.at(at) if last_at is None else unit.after(last_at, at)
        if last_at is not None:
            replaced.append((since, entity_id, last_at))
        latest[entity_id] = (since, digest)
        new.append((entity_id, since, account_id, tick_id, digest, *_metric_values(unit, row)))
        if len(new) >= _AT_ONCE:
            write()
    write()


def _latest_metrics(unit: Unit, account_id: str) -> dict[str, tuple[Any, bytes]]:
    """By entity: since when its latest row holds, as the driver has it, and the row's digest."""
    mark = "?" if unit.is_sqlite else "%s"
    rows = unit.connection.exec_driver_sql(
        "SELECT entity_id, created_at, digest FROM meta_roas_metrics "  # noqa: S608
        f"WHERE platform = {mark} AND account_id = {mark} AND replaced_at IS NULL",
        (unit.platform, account_id),
    )
    return {entity_id: (since, bytes(digest)) for entity_id, since, digest in rows}


def _metric_values(unit: Unit, row: Json) -> tuple[Any, ...]:
    details = {key: value for key, value in row.items() if key not in _METRIC_KEYS}
    known = dict(row)
    for name in ("spend", "revenue"):
        in_micros = details.pop(f"{name}_micros", None)
        if in_micros is not None:
            known[name] = Decimal(in_micros) / MICROS_PER_MAJOR
    return (
        *(texts.clean(known.get(name)) for name in _WORDS),
        *(known.get(name) for name in _COUNTS),
        *(_day(unit, known.get(name)) for name in _DAYS),
        *(unit.number(known.get(name)) for name in _NUMBERS),
        texts.canonical(details),
    )


_METRIC_KEYS: Final = frozenset({"entity_id", "account_id", *_COLUMNS})


def _day(unit: Unit, value: Any) -> Any:
    if value is None:
        return None
    return unit.on(value if isinstance(value, date) else date.fromisoformat(value))
