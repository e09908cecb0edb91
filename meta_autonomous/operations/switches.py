"""The persistent switches: mode, start and stop. Each change names who did it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from meta_autonomous.ports import Actor, LedgerEvent, NotAllowed, Store, System

MODES: Final = ("suggest", "auto")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeChange:
    old_mode: str
    new_mode: str
    success: bool = True

    @property
    def message(self) -> str:
        if self.old_mode == self.new_mode:
            return f"Mode is {self.new_mode} already."
        return (
            f"Mode changed from {self.old_mode} to {self.new_mode}. "
            "Changes take effect on next tick."
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "success": self.success,
            "old_mode": self.old_mode,
            "new_mode": self.new_mode,
            "message": self.message,
        }


def mode_in_force(store: Store, system: System) -> str:
    return store.runtime().mode or system.mode


def set_mode(store: Store, system: System, mode: str, *, actor: Actor, at: datetime) -> ModeChange:
    """Takes effect on the next tick."""
    _only_admins(actor, "change the mode")
    change = ModeChange(old_mode=mode_in_force(store, system), new_mode=mode)
    store.set_mode(
        mode,
        event=LedgerEvent(
            event="mode_changed",
            who=actor.name,
            at=at,
            why=change.message,
            before={"mode": change.old_mode},
            after={"mode": mode},
        ),
    )
    return change


def set_started(store: Store, *, is_started: bool, actor: Actor, at: datetime) -> str:
    """The switch beside META_AUTO_ENABLED; both must be on. A stop also ends a running tick."""
    _only_admins(actor, "start or stop the system")
    was = store.runtime().is_started
    store.set_started(
        is_started=is_started,
        event=LedgerEvent(
            event="system_started" if is_started else "system_stopped",
            who=actor.name,
            at=at,
            before={"started": was},
            after={"started": is_started},
        ),
    )
    if is_started:
        return "Started: the next tick works again."
    return (
        "Stopped: a running tick ends after the write in hand, and ticks only settle what is in "
        "doubt until `meta-auto start`."
    )


def _only_admins(actor: Actor, deed: str) -> None:
    if not actor.is_admin:
        raise NotAllowed(
            f"{actor.name} may not {deed}.",
            remedy="Ask an admin (META_AUTO_ADMINS; without it, the owner of the state folder).",
        )
