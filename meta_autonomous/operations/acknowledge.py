"""A person takes note of an alert: it is repeated no more, and stands until it is over."""

from collections.abc import Sequence
from datetime import datetime

from meta_autonomous.domain.exit_code import ExitCode
from meta_autonomous.domain.likeness import nearest
from meta_autonomous.domain.text import advised
from meta_autonomous.operations.by_person import Handled, only_managers
from meta_autonomous.ports.people import Actor
from meta_autonomous.ports.store import Store


def acknowledge(store: Store, keys: Sequence[str], *, actor: Actor, at: datetime) -> list[Handled]:
    only_managers(actor, "acknowledge alerts")
    handled = []
    for key in dict.fromkeys(keys):
        if store.acknowledge_alert(key, who=actor.name, at=at):
            text = "Acknowledged: it is repeated no more."
            handled.append(Handled(id=key, status="acknowledged", message=text))
        else:
            handled.append(_refused(store, key))
    return handled


def _refused(store: Store, key: str) -> Handled:
    open_alerts = store.open_alerts()
    near = nearest(key, [alert.key for alert in open_alerts])
    none = f"No such alert is open; {near}".rstrip("; ")
    status, text = "not_found", advised(none, "See `meta-auto alerts list`.")
    for alert in open_alerts:
        if alert.key == key:
            status, text = "acknowledged", f"Acknowledged already by {alert.acknowledged_by}."
    return Handled(id=key, status=status, message=text, exit_code=ExitCode.REFUSED)
