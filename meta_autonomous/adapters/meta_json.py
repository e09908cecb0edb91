"""JSON as strictly as money needs it.

Two readers share this door. List pages go through msgspec, which skips what nobody asked for, and
`refuse_repeated_keys`, which it would overlook; whatever precedes or answers a write goes through
`strict_json`, which refuses all that two parsers could understand differently: duplicate keys,
NaN, numbers beyond a double.
"""

import json
import math
import re
from contextlib import suppress
from decimal import Decimal
from typing import Final, NoReturn

import msgspec

#: A pair of surrogates, a lone one (captured), or any other escape, so that ``\\ud800`` after an
#: escaped backslash stays what it is.
_ESCAPE: Final = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)


_decode: Final = msgspec.json.Decoder().decode
_encode: Final = msgspec.json.Encoder().encode
_COLON: Final = b":"
#: Another spelling of a colon in a text, which would make the count wrong.
_ESCAPED_COLON: Final = b"\\u003"


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


def refuse_repeated_keys(body: bytes, understood: object = None) -> None:
    """Raise NotJson for an object that has a key twice: each parser takes another of the two.

    Written again, such an object has fewer keys, and so fewer colons. They are counted; only a
    body whose count is no proof is read key by key.

    `understood` is what a typed reader made of the body. If it kept every field, writing that
    again proves as much, at a fraction of the cost. It must hold no Raw, which would be written as
    it came, and leave out what the body left out.
    """
    if _ESCAPED_COLON not in body:
        colons = body.count(_COLON)
        if understood is not None and _encode(understood).count(_COLON) == colons:
            return
        with suppress(msgspec.DecodeError, RecursionError):
            if _encode(_decode(body)).count(_COLON) == colons:
                return
    try:
        json.loads(
            mend(body), object_pairs_hook=_without_duplicates, parse_float=str, parse_int=str
        )
    except NotJson:
        raise
    except RecursionError:
        raise NotJson("nested too deeply") from None
    except ValueError:
        raise NotJson("not JSON") from None


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
