"""Text for people: foreign text made harmless to look at, sentences put together."""

import unicodedata
from typing import Final

LONGEST_NAME: Final = 120

#: Controls, format signs (bidi among them), surrogates, private use, unassigned, line separators:
#: whatever could move a cursor, reverse a line or hide.
_UNSAFE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_STOPS: Final = (".", "!", "?", "…")
_ONE_BYTE: Final = 0xFF
_TWO_BYTES: Final = 0xFFFF


def visible(text: str) -> str:
    """The same text on one line, with everything that a terminal would act on spelt out."""
    if text.isprintable():
        return text
    return "".join(_spelt(sign) for sign in text)


def clean(text: str, longest: int = LONGEST_NAME) -> str:
    """A foreign string for display: visible, and no longer than it may be. For people only:
    JSON and the database keep the exact text."""
    shown = visible(text)
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"


def sentence(text: str) -> str:
    return text if text.endswith(_STOPS) else f"{text}."


def advised(message: str, remedy: str) -> str:
    """What happened and what to do about it, as sentences on one line."""
    if not remedy:
        return sentence(message)
    return f"{sentence(message)} {sentence(remedy[0].upper() + remedy[1:])}"


def _spelt(sign: str) -> str:
    if unicodedata.category(sign) not in _UNSAFE:
        return sign
    code = ord(sign)
    if code <= _ONE_BYTE:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= _TWO_BYTES else f"\\U{code:08x}"
