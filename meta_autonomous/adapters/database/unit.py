"""One open transaction, and how rows go into it quickly."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Table

from meta_autonomous.adapters.database.columns import rounded, to_text


@dataclass(frozen=True, slots=True)
class Unit:
    """One transaction of one platform. The methods `at`, `on` and `number` give a value as the
    driver takes it, for the bulk methods, which go past the column types."""

    connection: Connection
    platform: str

    @property
    def is_sqlite(self) -> bool:
        return self.connection.dialect.name == "sqlite"

    def at(self, instant: datetime) -> Any:
        return to_text(instant) if self.is_sqlite else instant

    def on(self, day: date) -> Any:
        return day.isoformat() if self.is_sqlite else day

    def number(self, value: Decimal | None) -> Any:
        exact = None if value is None else rounded(value)
        return float(exact) if exact is not None and self.is_sqlite else exact

    def insert_many(
        self, table: Table, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]
    ) -> None:
        """Insert rows of driver values, `platform` not among the columns."""
        if not rows:
            return
        names = ", ".join(columns)
        if self.is_sqlite:
            marks = ", ".join("?" * len(columns))
            self.connection.exec_driver_sql(
                f"INSERT INTO {table.name} (platform, {names}) VALUES (?, {marks})",  # noqa: S608
                [(self.platform, *row) for row in rows],
            )
            return
        driver: Any = self.connection.connection.driver_connection
        copy = f"COPY {table.name} (platform, {names}) FROM STDIN"
        with driver.cursor() as cursor, cursor.copy(copy) as stream:
            for row in rows:
                stream.write_row((self.platform, *row))

    def update_many(
        self,
        table: Table,
        columns: Sequence[str],
        keys: Sequence[str],
        rows: Sequence[tuple[Any, ...]],
    ) -> None:
        """Set columns of the rows with these keys; each row holds the columns, then the keys."""
        if not rows:
            return
        mark = "?" if self.is_sqlite else "%s"
        sets = ", ".join(f"{name} = {mark}" for name in columns)
        where = " AND ".join(f"{name} = {mark}" for name in keys)
        self.connection.exec_driver_sql(
            f"UPDATE {table.name} SET {sets} WHERE {where} AND platform = {mark}",  # noqa: S608
            [(*row, self.platform) for row in rows],
        )
