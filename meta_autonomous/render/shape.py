"""How values look in JSON: times in UTC with a Z, ratios as numbers, amounts as decimal text.

Numbers, verdicts and the tick's actions have their shapes in `operations.shapes`.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from meta_autonomous.operations.shapes import number


def time_text(at: datetime | None) -> str | None:
    if at is None:
        return None
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def plain(value: Any) -> Any:
    """A value of a record as JSON can say it, all the way down."""
    if isinstance(value, Decimal):
        return number(value)
    if isinstance(value, datetime):
        return time_text(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(inner) for inner in value]
    return value
