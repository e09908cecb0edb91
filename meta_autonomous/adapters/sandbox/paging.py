"""Pages and filters, the same on every edge."""

import base64
import binascii
from collections.abc import Sequence
from typing import Final

from meta_autonomous.adapters.sandbox.exchange import Params, invalid, json_param
from meta_autonomous.adapters.sandbox.vocabulary import EFFECTIVE_STATUSES

DEFAULT_LIMIT: Final = 25
#: Digits; a number of more would not fit the database.
LONGEST_ID: Final = 18
_OPERATORS: Final = {"IN": "IN", "EQUAL": "IN", "NOT_IN": "NOT IN", "NOT_EQUAL": "NOT IN"}


def page_size(params: Params) -> int:
    try:
        limit = int(params.get("limit", DEFAULT_LIMIT))
    except ValueError:
        limit = 0
    if limit < 1:
        raise invalid("Param limit must be a positive integer.", blame="limit")
    return limit


def wants_summary(params: Params) -> bool:
    return params.get("summary", "") not in {"", "false", "0", "[]"}


def encode_cursor(*position: object) -> str:
    """Opaque to the client: base64 of where the page ended."""
    return base64.urlsafe_b64encode("|".join(map(str, position)).encode()).decode().rstrip("=")


def decode_cursor(text: str | None, length: int) -> tuple[int, ...] | None:
    if not text:
        return None
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
        position = tuple(int(part) for part in raw.split("|"))
    except (ValueError, binascii.Error):
        position = ()
    if len(position) != length:
        raise invalid("Invalid cursors values", blame="after")
    return position


def filters(params: Params) -> list[tuple[str, str, list[str]]]:
    """(field, SQL operator, values) of the `filtering` parameter."""
    found = []
    for one in json_param(params, "filtering", []):
        try:
            field, operator, value = one["field"], one["operator"], one["value"]
        except (KeyError, TypeError):
            raise invalid(
                "Param filtering must be a list of {field, operator, value}.", blame="filtering"
            ) from None
        if operator not in _OPERATORS:
            raise invalid(f"Filtering operator {operator} is not supported", blame="filtering")
        wanted = value if isinstance(value, list) else [value]
        found.append((str(field), _OPERATORS[operator], [str(item) for item in wanted]))
    return found


def statuses_known(wanted: Sequence[str]) -> list[object]:
    for status in wanted:
        if status not in EFFECTIVE_STATUSES:
            raise invalid(f"effective_status must be one of {sorted(EFFECTIVE_STATUSES)}")
    return list(wanted)


def ids_known(wanted: Sequence[str]) -> list[object]:
    """Ids as the database holds them; what can't be one is refused."""
    for text in wanted:
        if not (text.isdecimal() and len(text) <= LONGEST_ID):
            raise invalid(f"{text!r} is not an id", blame="filtering")
    return [int(text) for text in wanted]


def one_of(column: str, wanted: Sequence[object], operator: str, values: list[object]) -> str:
    values += wanted
    return f"{column} {operator} ({','.join('?' * len(wanted))})"
