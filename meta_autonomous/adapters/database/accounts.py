"""What the last ticks left of each account."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import func, insert, select, update

from meta_autonomous.adapters.database import texts
from meta_autonomous.adapters.database.tables import accounts
from meta_autonomous.adapters.database.unit import Unit
from meta_autonomous.ports.records import AccountRecord

_FIELDS = (
    "first_read_at",
    "last_read_at",
    "last_read_on",
    "last_full_read_on",
    "projected_usd",
    "budgets_usd",
    "currency",
    "blocked_until",
    "last_error",
)


def row_of(unit: Unit, account_id: str) -> Any:
    query = select(accounts).where(
        accounts.c.platform == unit.platform, accounts.c.account_id == account_id
    )
    return unit.connection.execute(query).one_or_none()


def read(unit: Unit, account_id: str) -> AccountRecord:
    row = row_of(unit, account_id)
    if row is None:
        return AccountRecord(account_id=account_id)
    return _to_record(row)


def known(unit: Unit) -> tuple[AccountRecord, ...]:
    """Every account on record."""
    query = select(accounts).where(accounts.c.platform == unit.platform)
    rows = unit.connection.execute(query.order_by(accounts.c.account_id))
    return tuple(_to_record(row) for row in rows)


def projected_usd(unit: Unit, *, since: datetime) -> Decimal:
    """The projected day of all accounts together, by the last read of each since then."""
    query = select(func.sum(accounts.c.projected_usd)).where(
        accounts.c.platform == unit.platform, accounts.c.last_read_at >= since
    )
    found: Decimal | None = unit.connection.execute(query).scalar_one()
    return found or Decimal(0)


def save(unit: Unit, record: AccountRecord) -> None:
    values = {name: getattr(record, name) for name in _FIELDS}
    values["last_error"] = texts.clean(record.last_error)
    put(unit, record.account_id, values)


def put(unit: Unit, account_id: str, values: dict[str, Any]) -> None:
    changed = unit.connection.execute(
        update(accounts)
        .where(accounts.c.platform == unit.platform, accounts.c.account_id == account_id)
        .values(values)
    )
    if changed.rowcount == 0:
        unit.connection.execute(
            insert(accounts).values({"platform": unit.platform, "account_id": account_id} | values)
        )


def _to_record(row: Any) -> AccountRecord:
    return AccountRecord(
        account_id=row.account_id, **{name: getattr(row, name) for name in _FIELDS}
    )
