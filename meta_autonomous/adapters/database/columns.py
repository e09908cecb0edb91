"""Column types that mean the same on SQLite and PostgreSQL: instants, days, exact numbers.

SQLite has no type for any of them. An instant is ISO text in UTC there, of one width, so that
comparing and sorting text compares and sorts time; a number has NUMERIC affinity, so that a
script's ``WHERE roas_value < 0.9`` compares numbers.
"""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect, Integer, LargeBinary, Numeric, Text
from sqlalchemy.types import TypeDecorator, TypeEngine

#: Digits kept of USD amounts, ratios and probabilities: exact in SQLite's numbers up to a billion.
PLACES = Decimal("0.000001")

#: A whole number of any size that money needs; the row id type of both databases.
Whole = BigInteger().with_variant(Integer(), "sqlite")
Bytes = LargeBinary


def to_text(at: datetime) -> str:
    """``2025-11-25T10:30:00.000000Z``. Raises ValueError for a naive datetime."""
    if at.tzinfo is None:
        raise ValueError(f"a time without a time zone can't be stored: {at!r}")
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def from_text(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def plain(number: Decimal) -> Decimal:
    """The number without trailing zeros or exponent, whatever the database made of it."""
    short = number.normalize()
    return short.quantize(Decimal(1)) if short.as_tuple().exponent > 0 else short  # type: ignore[operator]


def rounded(number: Decimal) -> Decimal | None:
    """What is stored of a number; None for what no database column can hold (NaN, infinity)."""
    return plain(number.quantize(PLACES)) if number.is_finite() else None


class Instant(TypeDecorator[datetime]):
    """An aware time."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(Text())
        return dialect.type_descriptor(DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        text = to_text(value)
        return text if dialect.name == "sqlite" else value

    def process_result_value(
        self,
        value: Any,
        dialect: Dialect,  # noqa: ARG002
    ) -> datetime | None:
        if value is None:
            return None
        return from_text(value) if isinstance(value, str) else value.astimezone(UTC)


class Exact(TypeDecorator[Decimal]):
    impl = Numeric()
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(Numeric(asdecimal=False))
        return dialect.type_descriptor(Numeric())

    def process_bind_param(
        self,
        value: Decimal | None,
        dialect: Dialect,  # noqa: ARG002
    ) -> Any:
        return None if value is None else rounded(value)

    def process_result_value(
        self,
        value: Any,
        dialect: Dialect,  # noqa: ARG002
    ) -> Decimal | None:
        return None if value is None else plain(Decimal(str(value)))
