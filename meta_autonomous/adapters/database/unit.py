"""One open transaction, and how rows go into it quickly."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from math import isfinite
from typing import Any

from sqlalchemy import Connection, Table

from meta_autonomous.adapters.database.columns import from_text, rounded, to_text


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

    def after(self, last: Any, now: datetime) -> Any:
        """Now, or the least later than a stored instant: on a clock that stands still rows still
        follow one another."""
        instant = from_text(last) if isinstance(last, str) else last
        return self.at(max(now, instant + timedelta(microseconds=1)))

    def on(self, day: date) -> Any:
        return day.isoformat() if self.is_sqlite else day

    def number(self, value: Decimal | float | str | None) -> Any:
        """To six places; None for what no column can hold."""
        if value is None:
            return None
        if self.is_sqlite:
            number = float(value)
            return round(number, 6) if isfinite(number) else None
        return rounded(Decimal(str(value)))

    def insert_one(self, table: Table, values: Mapping[str, Any]) -> int:
        """Insert a row of driver values; its id."""
        whole: dict[str, Any] = {"platform": self.platform, **values}
        names = ", ".join(whole)
        mark = "?" if self.is_sqlite else "%s"
        marks = ", ".join([mark] * len(whole))
        query = f"INSERT INTO {table.name} ({names}) VALUES ({marks})"  # noqa: S608
        if self.is_sqlite:
            result = self.connection.exec_driver_sql(query, tuple(whole.values()))
            return int(result.lastrowid)
        result = self.connection.exec_driver_sql(query + " RETURNING id", tuple(whole.values()))
        return int(result.scalar_one())

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
