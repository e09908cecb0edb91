"""The TOML file: the settings in their tables, and what only a file can say.

A setting has a home table, where the template shows it; it is understood in any of them, because
its name alone says which it is. Given twice it is an error.
"""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from meta_autonomous.config.fields import KEYS
from meta_autonomous.config.keys import FX, FX_PREFIX, TABLES, Key, Shape
from meta_autonomous.config.problems import Problem, SettingsError, written
from meta_autonomous.domain.likeness import nearest

SCOPE: Final = "scope"
OVERRIDE: Final = "override"
FREEZE: Final = "freeze"
_ALL_TABLES: Final = (*TABLES, SCOPE, OVERRIDE, FREEZE)


@dataclass(slots=True)
class Rest:
    """The tables that hold no settings, as they were written."""

    scope: Mapping[str, Any] = field(default_factory=dict)
    overrides: list[Mapping[str, Any]] = field(default_factory=list)
    freezes: list[Mapping[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class Document:
    """A parsed file: values by key, how each key was spelled there, and what is wrong."""

    path: Path
    values: dict[str, Any] = field(default_factory=dict)
    spelled: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    rest: Rest = field(default_factory=Rest)

    def complain(self, key: str, says: str, *, allowed: str = "", remedy: str = "") -> None:
        self.problems.append(
            Problem(key=key, where=str(self.path), says=says, allowed=allowed, remedy=remedy)
        )


def parse(text: str, path: Path) -> Document:
    """Numbers come as Decimal, exactly as written. Raises SettingsError when it is not TOML."""
    try:
        tables = tomllib.loads(text, parse_float=Decimal)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        problem = Problem(
            key="configuration", where=str(path), says=f"is not TOML: {error}", allowed="TOML 1.0"
        )
        raise SettingsError([problem]) from None
    document = Document(path=path)
    for name, content in tables.items():
        _table(document, name, content)
    return document


def _table(document: Document, name: str, content: Any) -> None:
    match name:
        case "scope" if isinstance(content, dict):
            document.rest.scope = content
        case "override" | "freeze" if _is_list_of_tables(content):
            target = document.rest.overrides if name == OVERRIDE else document.rest.freezes
            target.extend(content)
        case "override" | "freeze":
            document.complain(name, "is one of several", allowed=f"[[{name}]], in two brackets")
        case _ if name in TABLES and isinstance(content, dict):
            for key, value in content.items():
                _setting(document, name, key, value)
        case _ if name in _ALL_TABLES:
            document.complain(name, "is a table, not a value", allowed=f"[{name}]")
        case _ if name.lower() in KEYS:
            document.complain(name, f"stands in no table; it belongs in [{_home_of(name)}]")
        case _:
            document.complain(
                f"[{name}]" if isinstance(content, dict) else name,
                f"is no table of this file{_guess(name, _ALL_TABLES)}",
                allowed=", ".join(f"[{table}]" for table in _ALL_TABLES),
            )


def _is_list_of_tables(content: Any) -> bool:
    return isinstance(content, list) and all(isinstance(each, dict) for each in content)


def _setting(document: Document, table: str, spelled: str, value: Any) -> None:
    shown = f"[{table}] {spelled}"
    name = _rate_name(spelled) if table == TABLE_OF_RATES else spelled
    key = KEYS.get(FX if name.startswith(FX_PREFIX) else name)
    if key is None or name == FX:
        known = [each.name for each in KEYS.values() if each.name != FX]
        if name.isupper() and name.lower() in KEYS:
            document.complain(shown, f"is written {name.lower()} in this file")
        else:
            document.complain(shown, f"is no setting{_guess(name, known)}")
    elif key.is_secret:
        document.complain(
            shown,
            "is a secret, which is never kept in this file",
            allowed="the environment, a private .env, a file of mode 0600, a systemd credential",
            remedy=f"Remove it, and give {key.variable} or {key.variable}_FILE.",
        )
    elif name in document.values:
        document.complain(shown, "is given twice")
    elif not _FITS[key.kind.shape](value):
        _complain_of_type(document, shown, key, value)
    else:
        document.values[name] = value
        document.spelled[name] = shown


TABLE_OF_RATES: Final = "fx"


def _rate_name(spelled: str) -> str:
    """``EUR``, ``eur`` and ``meta_auto_fx_eur`` are one."""
    return FX_PREFIX + spelled.lower().removeprefix(FX_PREFIX)


def _complain_of_type(document: Document, shown: str, key: Key, value: Any) -> None:
    is_quoted = isinstance(value, str) and key.kind.shape is not Shape.TEXT
    document.problems.append(
        Problem(
            key=shown,
            given=None if key.is_private else written(value),
            where=str(document.path),
            says="is text; write it without quotes" if is_quoted else "",
            allowed=key.allowed,
        )
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, Decimal)) and not isinstance(value, bool)


def _is_list(value: Any) -> bool:
    if isinstance(value, list):
        return all(isinstance(each, str) or type(each) is int for each in value)
    return isinstance(value, str)


_FITS: Final[Mapping[Shape, Callable[[Any], bool]]] = {
    Shape.SWITCH: lambda value: isinstance(value, bool),
    Shape.NUMBER: _is_number,
    Shape.WHOLE: _is_number,
    Shape.TEXT: lambda value: isinstance(value, str),
    Shape.LIST: _is_list,
}


def _home_of(name: str) -> str:
    return KEYS[name.lower()].table


def _guess(name: str, known: Any) -> str:
    guess = nearest(name, known)
    return f"; {guess}" if guess else ""
