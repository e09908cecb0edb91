"""Alerts: raised once, told again daily while they last, cleared once."""

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import insert, select, update

from meta_autonomous.adapters.database import ledger, texts
from meta_autonomous.adapters.database.tables import alerts
from meta_autonomous.adapters.database.unit import Unit
from meta_autonomous.ports.records import AlertRecord, LedgerEvent

TOLD_AGAIN_AFTER: Final = timedelta(days=1)


def raise_alert(unit: Unit, alert: AlertRecord, *, who: str) -> bool:
    """True when people are to be told: it is new, or lasts unacknowledged for another day."""
    is_open = _open(alert.key, unit)
    row = unit.connection.execute(select(alerts).where(*is_open)).one_or_none()
    message = texts.clean(alert.message)
    if row is not None:
        is_due = row.acknowledged_at is None and alert.raised_at - row.told_at >= TOLD_AGAIN_AFTER
        values = {"message": message, "severity": alert.severity}
        if is_due:
            values["told_at"] = alert.raised_at
        unit.connection.execute(update(alerts).where(*is_open).values(values))
        return is_due
    unit.connection.execute(
        insert(alerts).values(
            platform=unit.platform,
            key=alert.key,
            severity=alert.severity,
            message=message,
            entity_id=alert.entity_id,
            raised_at=alert.raised_at,
            told_at=alert.raised_at,
        )
    )
    ledger.append(
        unit,
        LedgerEvent(
            event="alert_raised",
            who=who,
            at=alert.raised_at,
            entity_id=alert.entity_id,
            why=alert.message,
            after={"alert": alert.key, "severity": alert.severity},
        ),
    )
    return True


def clear(unit: Unit, key: str, *, at: datetime, who: str) -> bool:
    is_open = _open(key, unit)
    row = unit.connection.execute(select(alerts).where(*is_open)).one_or_none()
    if row is None:
        return False
    unit.connection.execute(update(alerts).where(*is_open).values(cleared_at=at))
    ledger.append(
        unit,
        LedgerEvent(
            event="alert_cleared",
            who=who,
            at=at,
            entity_id=row.entity_id,
            before={"alert": key, "raised_at": row.raised_at},
        ),
    )
    return True


def acknowledge(unit: Unit, key: str, *, who: str, at: datetime) -> bool:
    changed = unit.connection.execute(
        update(alerts)
        .where(*_open(key, unit), alerts.c.acknowledged_at.is_(None))
        .values(acknowledged_at=at, acknowledged_by=who)
    )
    return changed.rowcount == 1


def standing(unit: Unit) -> tuple[AlertRecord, ...]:
    """Alerts that are not over, oldest first."""
    query = select(alerts).where(alerts.c.platform == unit.platform, alerts.c.cleared_at.is_(None))
    rows = unit.connection.execute(query.order_by(alerts.c.raised_at, alerts.c.id))
    return tuple(
        AlertRecord(
            key=row.key,
            severity=row.severity,
            message=row.message,
            raised_at=row.raised_at,
            cleared_at=row.cleared_at,
            acknowledged_by=row.acknowledged_by,
            entity_id=row.entity_id,
        )
        for row in rows
    )


def _open(key: str, unit: Unit) -> tuple[Any, ...]:
    return (alerts.c.platform == unit.platform, alerts.c.key == key, alerts.c.cleared_at.is_(None))
