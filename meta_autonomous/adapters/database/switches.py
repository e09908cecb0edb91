"""What commands set and ticks leave behind: the switches, the policy in force, the ticks."""

from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update

from meta_autonomous.adapters.database import ledger, texts
from meta_autonomous.adapters.database.tables import policies, runtime_switches, ticks
from meta_autonomous.adapters.database.unit import Unit
from meta_autonomous.ports.records import LedgerEvent, Runtime, TestedPolicy
from meta_autonomous.ports.words import Json


def runtime(unit: Unit) -> Runtime:
    """A fresh system counts as started."""
    table = runtime_switches
    row = unit.connection.execute(
        select(table).where(table.c.platform == unit.platform)
    ).one_or_none()
    if row is None:
        return Runtime()
    return Runtime(
        mode=row.mode,
        is_started=row.is_started,
        changed_by=row.changed_by,
        changed_at=row.changed_at,
        tested=None if row.tested is None else TestedPolicy.of(texts.parsed(row.tested)),
    )


def set_switch(unit: Unit, event: LedgerEvent, **values: Any) -> None:
    _store(unit, values | {"changed_by": event.who, "changed_at": event.at})
    ledger.append(unit, event)


def record_tested(unit: Unit, tested: TestedPolicy) -> None:
    kept = {"digest": tested.digest, "dead": tested.dead, "accepted": tested.accepted}
    _store(unit, {"tested": texts.canonical(kept)})


def _store(unit: Unit, values: dict[str, Any]) -> None:
    table = runtime_switches
    changed = unit.connection.execute(
        update(table).where(table.c.platform == unit.platform).values(values)
    )
    if changed.rowcount == 0:
        unit.connection.execute(
            insert(table).values({"platform": unit.platform, "is_started": True} | values)
        )


def record_policy(unit: Unit, digest: str, policy: Json, *, at: datetime, who: str) -> bool:
    table = policies
    last = unit.connection.execute(
        select(table.c.digest, table.c.policy)
        .where(table.c.platform == unit.platform)
        .order_by(table.c.id.desc())
        .limit(1)
    ).one_or_none()
    if last is not None and last.digest == digest:
        return False
    effective = texts.canonical(policy)
    unit.connection.execute(
        insert(table).values(
            platform=unit.platform, digest=digest, policy=effective, at=at, who=who
        )
    )
    old: dict[str, Any] = texts.parsed(last.policy) if last is not None else {}
    new: dict[str, Any] = texts.parsed(effective)
    changed = sorted(
        key for key in old.keys() | new.keys() if key not in old or old[key] != new.get(key)
    )
    ledger.append(
        unit,
        LedgerEvent(
            event="policy_changed",
            who=who,
            at=at,
            why="first on record" if last is None else f"changed: {', '.join(changed)}",
            before={key: old[key] for key in changed if key in old},
            after={key: new[key] for key in changed if key in new} | {"policy_digest": digest},
        ),
    )
    return True


def begin_tick(unit: Unit, tick_id: str, *, at: datetime, mode: str) -> None:
    unit.connection.execute(
        insert(ticks).values(platform=unit.platform, tick_id=tick_id, started_at=at, mode=mode)
    )


def finish_tick(unit: Unit, tick_id: str, *, at: datetime, report: Json, who: str) -> None:
    unit.connection.execute(
        update(ticks)
        .where(ticks.c.platform == unit.platform, ticks.c.tick_id == tick_id)
        .values(completed_at=at, report=texts.canonical(report))
    )
    summary = {key: value for key, value in report.items() if isinstance(value, bool | int | str)}
    errors = report.get("errors")
    if errors:
        summary["errors"] = len(errors)
    ledger.append(
        unit,
        LedgerEvent(event="tick_completed", who=who, at=at, tick_id=tick_id, after=summary),
    )


def last_tick(unit: Unit) -> Json | None:
    """The report of the last tick that finished."""
    found = _reports(unit, limit=1)
    return found[0] if found else None


def ticks_since(unit: Unit, at: datetime) -> tuple[Json, ...]:
    """Reports of finished ticks, oldest first."""
    return tuple(reversed(_reports(unit, since=at)))


def tick(unit: Unit, tick_id: str) -> Json:
    query = select(ticks).where(ticks.c.platform == unit.platform, ticks.c.tick_id == tick_id)
    row = unit.connection.execute(query).one_or_none()
    return {} if row is None else _report(row)


def _reports(unit: Unit, *, since: datetime | None = None, limit: int | None = None) -> list[Json]:
    query = select(ticks).where(
        ticks.c.platform == unit.platform, ticks.c.completed_at.is_not(None)
    )
    if since is not None:
        query = query.where(ticks.c.started_at >= since)
    rows = unit.connection.execute(query.order_by(ticks.c.started_at.desc()).limit(limit))
    return [_report(row) for row in rows]


def _report(row: Any) -> Json:
    report: dict[str, Any] = texts.parsed(row.report) if row.report else {}
    return {
        "tick_id": row.tick_id,
        "tick_started_at": texts.clean(row.started_at),
        "tick_completed_at": texts.clean(row.completed_at),
        "mode": row.mode,
    } | report
