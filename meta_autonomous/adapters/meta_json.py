"""JSON as strictly as money needs it.

Two readers share this door. List pages go through msgspec, which skips what nobody asked for;
whatever precedes or answers a write goes through `strict_json`, which refuses what two parsers
could understand differently: duplicate keys, NaN, numbers beyond a double.
"""

import json
import math
import re
from decimal import Decimal
from typing import Final, NoReturn

#: A pair of surrogates, a lone one (captured), or any other escape, so that ``\\ud800`` after an
#: escaped backslash stays what it is.
_ESCAPE: Final = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)


class NotJson(ValueError):
    """Bytes that are not the JSON we are ready to act on. Never contains the bytes themselves."""


def mend(body: bytes) -> bytes:
    """The same JSON with every lone surrogate escape replaced by U+FFFD: a name with half an
    emoji must not make a whole page unreadable, nor a database refuse it later."""
    if b"\\ud" not in body and b"\\uD" not in body:
        return body
    return _ESCAPE.sub(lambda found: b"\\ufffd" if found[1] else found[0], body)


def strict_json(body: bytes) -> object:
    """Parse, or raise NotJson. Fractions come as Decimal."""
    try:
        return json.loads(
            mend(body).decode(),
            object_pairs_hook=_without_duplicates,
            parse_constant=_refuse_constant,
            parse_float=_finite,
        )
    except NotJson:
        raise
    except RecursionError:
        raise NotJson("nested too deeply") from None
    except ValueError as error:
        reason = getattr(error, "msg", None) or type(error).__name__
        raise NotJson(f"not JSON ({reason})") from None


def _without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise NotJson("a key appears twice in one object")
    return fields


def _refuse_constant(name: str) -> NoReturn:
    raise NotJson(f"{name} is not a JSON number")


def _finite(text: str) -> Decimal:
    if not math.isfinite(float(text)):
        raise NotJson("a number beyond all bounds")
    return Decimal(text)
