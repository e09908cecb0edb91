"""The persistent switches: mode, start and stop. Each change names who did it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from meta_autonomous.ports.errors import NotAllowed
from meta_autonomous.ports.people import Actor, System
from meta_autonomous.ports.records import LedgerEvent, TestedPolicy
from meta_autonomous.ports.store import Store

MODES: Final = ("suggest", "auto")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeChange:
    old_mode: str
    new_mode: str
    accepted: tuple[str, ...] = ()  # guards that can't fire, and need not
    success: bool = True

    @property
    def message(self) -> str:
        told = f"Mode is {self.new_mode} already."
        if self.old_mode != self.new_mode:
            told = f"Mode changed from {self.old_mode} to {self.new_mode}. "
            told += "Changes take effect on next tick."
        if self.accepted:
            told += f" Accepted although they can't fire: {', '.join(self.accepted)}."
        return told

    def to_json(self) -> dict[str, Any]:
        return {
            "success": self.success,
            "old_mode": self.old_mode,
            "new_mode": self.new_mode,
            "message": self.message,
            **({"accepted_guards": list(self.accepted)} if self.accepted else {}),
        }


def mode_in_force(store: Store, system: System) -> str:
    return store.runtime().mode or system.mode


def set_mode(
    store: Store,
    system: System,
    mode: str,
    *,
    actor: Actor,
    at: datetime,
    tested: TestedPolicy | None = None,
) -> ModeChange:
    """Takes effect on the next tick. `tested` is what `operations.selftest.require` found of the
    guards; without it the next tick in auto mode tries them."""
    _only_admins(actor, "change the mode")
    change = ModeChange(
        old_mode=mode_in_force(store, system),
        new_mode=mode,
        accepted=tested.accepted if tested is not None else (),
    )
    after: dict[str, Any] = {"mode": mode}
    if tested is not None:
        after |= {"tested_policy": tested.digest, "accepted_guards": list(tested.accepted)}
    store.set_mode(
        mode,
        event=LedgerEvent(
            event="mode_changed",
            who=actor.name,
            at=at,
            why=change.message,
            before={"mode": change.old_mode},
            after=after,
        ),
        tested=tested,
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
