"""Files whose owner and mode decide whether they may be believed.

A secret is read only from a file that nobody else can read; `.env` only from one that nobody else
could have put there, because a person who runs this program through sudo chooses the folder.
"""

import errno
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from meta_autonomous.config.problems import Problem, SettingsError

_MOST_BYTES: Final = 64 * 1024
PRIVATE_MODE: Final = "mode 0600 or 0400"
PRIVACY_REMEDY: Final = "Run chmod 600 on it; if others could read it, renew the secret."
_OTHERS_READ: Final = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the system says of an open file."""

    mode: int
    owner: int

    @property
    def is_private(self) -> bool:
        return not self.mode & _OTHERS_READ

    @property
    def permissions(self) -> str:
        return f"{stat.S_IMODE(self.mode):04o}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Objection:
    """Why a file is not read, and what is allowed instead."""

    says: str
    allowed: str
    remedy: str


Rule = Callable[[Facts, int], Objection | None]


def owned_by_us(facts: Facts, euid: int) -> Objection | None:
    if facts.owner in (euid, 0):
        return None
    return Objection(
        says=f"belongs to uid {facts.owner}",
        allowed=f"a file of uid {euid}, as whom this runs, or of root",
        remedy="Give the file to that account, or run where it isn't found.",
    )


def not_writable_by_anyone(facts: Facts, _euid: int) -> Objection | None:
    if not (stat.S_ISREG(facts.mode) and facts.mode & stat.S_IWOTH):
        return None
    return Objection(
        says=f"may be written by anyone (mode {facts.permissions})",
        allowed="a file that only its owner and group may write",
        remedy="Run chmod o-w on it.",
    )


def not_a_folder(facts: Facts, _euid: int) -> Objection | None:
    if not stat.S_ISDIR(facts.mode):
        return None
    return Objection(says="is a folder", allowed="a file", remedy="Name a file in it.")


def regular(facts: Facts, _euid: int) -> Objection | None:
    if stat.S_ISREG(facts.mode):
        return None
    return Objection(
        says="is not a regular file", allowed="a regular file", remedy="Put a file there."
    )


def unreadable_by_others(facts: Facts, _euid: int) -> Objection | None:
    if facts.is_private:
        return None
    return Objection(
        says=f"can be read by others (mode {facts.permissions})",
        allowed=PRIVATE_MODE,
        remedy=PRIVACY_REMEDY,
    )


def unreadable_but_for_systemd(facts: Facts, euid: int) -> Objection | None:
    """systemd gives a unit's account its credential by an access list on a file of root's, and
    the list's mask shows as the group's right to read: 0440 there is private."""
    if facts.owner == 0:
        facts = Facts(mode=facts.mode & ~stat.S_IRGRP, owner=facts.owner)
    return unreadable_by_others(facts, euid)


SECRET: Final[tuple[Rule, ...]] = (regular, owned_by_us, unreadable_by_others)
CREDENTIAL: Final[tuple[Rule, ...]] = (regular, owned_by_us, unreadable_but_for_systemd)
DOTENV: Final[tuple[Rule, ...]] = (regular, owned_by_us, not_writable_by_anyone)
OUR_CONFIG: Final[tuple[Rule, ...]] = (owned_by_us, not_writable_by_anyone)
GIVEN_CONFIG: Final[tuple[Rule, ...]] = (not_writable_by_anyone,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    text: str
    facts: Facts


class Unreadable(SettingsError):
    """This person may not read the file. Another one, such as the service, may."""


def read(path: Path, rules: tuple[Rule, ...], *, key: str, follow: bool = False) -> Contents:
    """A file's text, when no rule objects to the file itself. `key` is the setting it is for.

    Raises FileNotFoundError (the caller knows whether that matters), Unreadable, SettingsError.
    """
    flags = os.O_RDONLY | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
    if not follow:
        flags |= os.O_NONBLOCK  # a pipe must not make us wait before we see that it is one
    try:
        descriptor = os.open(path, flags)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileNotFoundError(str(path)) from error
    except OSError as error:
        raise _unopened(path, key, error) from None
    try:
        status = os.fstat(descriptor)
        facts = Facts(mode=status.st_mode, owner=status.st_uid)
        for rule in (not_a_folder, *rules):
            objection = rule(facts, os.geteuid())
            if objection is not None:
                raise SettingsError([_told(path, key, objection)])
        with open(descriptor, "rb", closefd=False) as file:
            content = file.read(_MOST_BYTES + 1)
    finally:
        os.close(descriptor)
    return Contents(text=_text(content, path, key), facts=facts)


def _unopened(path: Path, key: str, error: OSError) -> SettingsError:
    match error.errno:
        case errno.ELOOP:
            link = Objection(
                says="is a symbolic link", allowed="a regular file", remedy="Name the file itself."
            )
            return SettingsError([_told(path, key, link)])
        case errno.EACCES | errno.EPERM:
            mine = Objection(
                says="can't be read by you",
                allowed="a file that the account running this may read",
                remedy="Run this as the account that the file is for.",
            )
            return Unreadable([_told(path, key, mine)])
        case _:
            other = Objection(says=f"can't be read: {error.strerror}", allowed="a file", remedy="")
            return SettingsError([_told(path, key, other)])


def _told(path: Path, key: str, objection: Objection) -> Problem:
    return Problem(
        key=key,
        where=str(path),
        says=objection.says,
        allowed=objection.allowed,
        remedy=objection.remedy,
    )


def _text(content: bytes, path: Path, key: str) -> str:
    if len(content) > _MOST_BYTES:
        says = f"is longer than {_MOST_BYTES} bytes"
    else:
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError:
            says = "is not UTF-8 text"
    raise SettingsError([Problem(key=key, where=str(path), says=says, allowed="a text file")])
