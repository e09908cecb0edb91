"""JSON as it is stored: canonical for what is hashed, and the way back for what is read."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Final

import msgspec

from meta_autonomous.adapters.database.columns import to_text

#: Whole numbers beyond it are not the same in every JSON reader.
_SAFE_INTEGER: Final = 2**53


def canonical(value: Any) -> str:
    """Sorted keys, compact, UTF-8, no floats: the same value gives the same text everywhere.

    The text is what ``json.dumps(sort_keys=True, separators=(",", ":"), ensure_ascii=False)``
    gives; msgspec only writes it faster.
    """
    return _encoder.encode(clean(value)).decode()


_encoder: Final = msgspec.json.Encoder(order="sorted")


def clean(value: Any) -> Any:
    """Text, safe whole numbers, booleans, nothing, lists and mappings; every other as text."""
    kind = type(value)
    if kind is str and value.isascii():
        return value
    if kind is dict:
        return {clean(str(key)): clean(item) for key, item in value.items()}
    return _cleaned(value)


def _cleaned(value: Any) -> Any:  # noqa: C901, PLR0911, PLR0912 - a line per kind of value
    match value:
        case None | bool():
            return value
        case Enum():
            return clean(value.value)
        case str():
            # A lone surrogate is not text: it has no UTF-8.
            return value.encode("utf-8", "replace").decode()
        case int():
            return value if abs(value) < _SAFE_INTEGER else str(value)
        case Decimal():
            return format(value, "f")
        case float():
            return repr(value)
        case datetime():
            return to_text(value)
        case date():
            return value.isoformat()
        case Mapping():
            return {clean(str(key)): clean(item) for key, item in value.items()}
        case set() | frozenset():
            return sorted((clean(item) for item in value), key=str)
        case Sequence():
            return [clean(item) for item in value]
        case _ if is_dataclass(value):
            return {item.name: clean(getattr(value, item.name)) for item in fields(value)}
        case _:
            return clean(str(value))


def parsed(text: str) -> Any:
    return json.loads(text)
