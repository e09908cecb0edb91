"""Who runs this command, and what they may do.

The account comes from the system, never from a variable that anyone can set: USER, LOGNAME and
SUDO_USER are not looked at. SUDO_UID is believed only under the service account, where sudo put
it; whoever runs other code as that account owns the database anyway.
"""

import grp
import os
import pwd
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from meta_autonomous.config.settings import AutonomousSettings
from meta_autonomous.ports.people import Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account of this machine. One without a name is called by its number."""

    uid: int
    name: str
    groups: AbstractSet[str] = frozenset()

    def is_named(self, names: tuple[str, ...]) -> bool:
        return self.name in names or any(f"%{group}" in names for group in self.groups)


def current(settings: AutonomousSettings, env: Mapping[str, str], state_dir: Path) -> Actor:
    """The person at the keyboard, or the service."""
    listed = (*settings.meta_auto_admins, *settings.meta_auto_managers)
    with_groups = any(name.startswith("%") for name in listed)
    return resolve(
        settings,
        real_uid=os.getuid(),
        effective_uid=os.geteuid(),
        sudo_uid=env.get("SUDO_UID"),
        state_owner_uid=_owner(state_dir),
        account_of=partial(_account, with_groups=with_groups),
    )


def resolve(
    settings: AutonomousSettings,
    *,
    real_uid: int,
    effective_uid: int,
    sudo_uid: str | None,
    state_owner_uid: int,
    account_of: Callable[[int], Account],
) -> Actor:
    """`state_owner_uid` is the owner of the state folder, or who would create it."""
    person = account_of(real_uid)
    service = settings.meta_auto_service_user
    if service is not None and person.name == service:
        caller = _caller(sudo_uid) if effective_uid == real_uid else None
        if caller is None or caller == real_uid:
            return Actor(name=person.name, is_service=True)
        person = account_of(caller)
        if person.name == service:
            return Actor(name=person.name, is_service=True)
    admins, managers = settings.meta_auto_admins, settings.meta_auto_managers
    if not admins and not managers:
        is_admin = person.uid == state_owner_uid
    else:
        is_admin = person.is_named(admins)
    return Actor(
        name=person.name,
        is_admin=is_admin,
        is_manager=is_admin or person.is_named(managers),
    )


def _caller(sudo_uid: str | None) -> int | None:
    is_number = sudo_uid is not None and sudo_uid.isascii() and sudo_uid.isdecimal()
    return int(sudo_uid) if sudo_uid is not None and is_number else None


def _account(uid: int, *, with_groups: bool) -> Account:
    try:
        entry = pwd.getpwuid(uid)
    except (KeyError, OverflowError):
        return Account(uid=uid, name=str(uid))
    gids = os.getgrouplist(entry.pw_name, entry.pw_gid) if with_groups else []
    return Account(uid=uid, name=entry.pw_name, groups={_group(gid) for gid in gids})


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def _owner(state_dir: Path) -> int:
    """A folder that does not exist yet would be made by whoever runs this."""
    try:
        return state_dir.stat().st_uid
    except OSError:
        return os.geteuid()
