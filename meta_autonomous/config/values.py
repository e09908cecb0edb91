"""The settings that are more than a number: each parsed into the one form the program uses.

Every function takes what a person wrote and raises ValueError with a half sentence that follows
"KEY = value" when it is not allowed.
"""

import re
from collections.abc import Callable, Iterable
from decimal import Decimal
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

from pydantic import SecretStr

from meta_autonomous.domain.action import ActionType
from meta_autonomous.domain.quantities import OFFSETS

#: URLs whose host tells nothing secret. Others may hold a token where a host stands.
_OPEN_HOSTS: Final = frozenset({"http", "https", "smtp", "smtps", "postgresql+psycopg"})

#: What auto mode may ever execute by itself, in the order in which it is shown.
AUTOMATIC: Final = (ActionType.PAUSE, ActionType.SCALE_UP, ActionType.SCALE_DOWN)
_WHOLE: Final = re.compile(r"[+-]?[0-9]+(_[0-9]+)*", re.ASCII)
_DIGITS: Final = re.compile(r"[0-9]{1,20}", re.ASCII)
_VERSION: Final = re.compile(r"v[0-9]{1,3}\.[0-9]", re.ASCII)
_URL: Final = re.compile(r"[a-z][a-z0-9+.-]*:[^\s]+", re.ASCII)


def account_id(text: str) -> str:
    """``act_123`` or ``123`` -> ``123``."""
    digits = text.strip().removeprefix("act_")
    if not _DIGITS.fullmatch(digits):
        raise ValueError(f"has no account id: {text.strip()!r}")
    return digits


def account_ids(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(account_id(text) for text in texts))


def account_name(text: str) -> str:
    """The name of an account of this machine, or ``%group``."""
    name = text.strip()
    if not name.removeprefix("%") or not name.isprintable() or ":" in name:
        raise ValueError(f"is not an account name: {text!r}")
    return name


def account_names(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(account_name(text) for text in texts))


def service_user(text: str) -> str:
    name = account_name(text)
    if name.startswith("%"):
        raise ValueError("is a group; a timer runs as one account")
    return name


def action_types(types: frozenset[ActionType]) -> frozenset[ActionType]:
    never = sorted(types.difference(AUTOMATIC))
    if never:
        raise ValueError(f"lists {', '.join(never)}, which a person always decides")
    return types


def insist_on_whole(value: object) -> None:
    """A whole number is written as one: ``50``, never ``50.0`` or ``5e1``."""
    match value:
        case str():
            is_whole = _WHOLE.fullmatch(value) is not None
        case Decimal():
            is_whole = value.as_tuple().exponent == 0
        case _:
            is_whole = isinstance(value, int)
    if not is_whole:
        raise ValueError("is not written as a whole number")


def currency(code: str) -> str:
    if code not in OFFSETS:
        raise ValueError(f"{code} is not in Meta's currency table")
    return code


def graph_url(text: str) -> str:
    """A base URL without a trailing slash."""
    url = _split(text)
    if url.username or url.password or url.query or url.fragment:
        raise ValueError("holds more than a scheme, a host, a port and a path")
    is_safe = url.scheme == "https" or (url.scheme == "http" and _is_loopback(url.hostname))
    if not url.hostname or not is_safe:
        raise ValueError("would send the token unencrypted or nowhere")
    return text.rstrip("/")


def graph_version(text: str) -> str:
    if not _VERSION.fullmatch(text):
        raise ValueError("is not a version of the Graph API")
    return text


def database_url(text: str) -> str:
    """A URL as SQLAlchemy takes it: ``postgresql://`` means psycopg 3, SQLite a whole path."""
    scheme, _, rest = text.partition("://")
    match scheme:
        case "postgresql" | "postgres" | "postgresql+psycopg" if rest:
            return f"postgresql+psycopg://{rest}"
        case "sqlite" if rest.startswith("//") and len(rest) > len("//"):
            return text
        case "sqlite":
            # In memory, or relative: another database for every start, or for every folder.
            raise ValueError("names no file by its whole path")
        case _:
            raise ValueError("is for no database that this program knows")


def notify_urls(texts: tuple[str, ...]) -> tuple[str, ...]:
    if not all(_URL.fullmatch(text) for text in texts):
        raise ValueError("lists something that is not a URL")
    return tuple(dict.fromkeys(texts))


def ping_url(value: SecretStr) -> SecretStr:
    """A web address without a fragment. It is a secret: nothing of it is repeated."""
    url = _split(value.get_secret_value())
    if url.scheme not in ("http", "https") or not url.hostname or url.fragment:
        raise ValueError("is not a URL with https or http")
    return value


def absolute(path: Path) -> Path:
    """A whole path. A relative one would mean another place for every folder of start."""
    try:
        whole = path.expanduser()
    except RuntimeError:
        raise ValueError("begins with the home of nobody known") from None
    if not whole.is_absolute():
        raise ValueError("is not an absolute path")
    if not str(whole).isprintable() or "?" in str(whole):
        raise ValueError("has a character that a path of this program can't have")
    return whole


def secret(value: SecretStr) -> SecretStr:
    """A token goes into an HTTP header: no space, no line break, nothing outside ASCII."""
    text = value.get_secret_value()
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise ValueError("has a space, a line break or a character outside ASCII")
    return value


def holds_password(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return True
    return parts.password is not None or "password=" in parts.query.lower()


def passwords(urls: Iterable[str]) -> tuple[str, ...]:
    """The passwords in the URLs that have one."""
    found = []
    for url in urls:
        try:
            found.append(urlsplit(url).password)
        except ValueError:
            continue
    return tuple(password for password in found if password)


def redacted(url: str) -> str:
    """A URL that may be shown: without password and query. A web address may itself be the
    secret (a chat's webhook), so it ends after the host."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "(not a URL)"
    scheme = parts.scheme
    if scheme in ("mailto", "sqlite"):
        return f"{scheme}:{'//' if scheme == 'sqlite' else ''}{parts.path}"
    if scheme not in _OPEN_HOSTS:
        return f"{scheme}:…"
    host = f"{parts.hostname or ''}{port}"
    if scheme in ("http", "https"):
        return f"{scheme}://{host}/…"
    password = ":***" if parts.password is not None else ""
    user = f"{parts.username}{password}@" if parts.username else ""
    return f"{scheme}://{user}{host}{parts.path}{'?…' if parts.query else ''}"


def listed(value: object, item: Callable[[object], object] = str) -> object:
    """A comma list as its parts; a list (TOML, Python) as it is."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    if isinstance(value, (list, tuple, set, frozenset)):
        return tuple(item(part) for part in value)
    return value


def _split(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        _ = parts.port  # raises when it is not a number
    except ValueError:
        raise ValueError("is not a URL") from None
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise ValueError("is not a URL")
    return parts


def _is_loopback(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        return host is not None and ip_address(host).is_loopback
    except ValueError:
        return False
