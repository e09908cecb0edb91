"""What became of each hard stop: its alert says how its pause stands, and ends with an undo."""

from datetime import datetime
from typing import Final

from meta_autonomous.domain.action import ActionStatus, ActionType, Outcome
from meta_autonomous.domain.entities import Level
from meta_autonomous.ports.records import ActionRecord, AlertRecord
from meta_autonomous.ports.store import Store
from meta_autonomous.ports.words import WORKER

PREFIX: Final = "hard_stop:"
_WAITS: Final = "It waits for a person's approval."
_IN_DOUBT: Final = "Whether the pause took effect is being settled."
_GOES_ON: Final = "It could not be paused, and goes on spending. Look at it."
_AT_FIRST: Final = {
    Outcome.EXECUTED: "It was paused automatically.",
    Outcome.QUEUED: _WAITS,
    Outcome.IN_DOUBT: _IN_DOUBT,
}
#: By status; a status that is not here leaves what the tick said of it.
_SINCE: Final = {
    ActionStatus.SUGGESTED: _WAITS,
    ActionStatus.EXECUTING: _IN_DOUBT,
    ActionStatus.IN_DOUBT: _IN_DOUBT,
    ActionStatus.FAILED: _GOES_ON,
    ActionStatus.EXPIRED: "Nobody decided on the pause in time, and it goes on spending.",
    ActionStatus.SUPERSEDED: "The suggested pause no longer stands: something changed since.",
}


def said_at_first(outcome: Outcome) -> str:
    """What the tick that finds the hard stop says it did about it."""
    return _AT_FIRST.get(outcome, _GOES_ON)


def hard_stop_message(*, reason: str, level: Level, entity_id: str, name: str, done: str) -> str:
    return f"{reason} ({level} {entity_id}, {name}). {done}"


def follow_hard_stops(store: Store, *, at: datetime, who: str) -> None:
    """Bring every open hard stop's alert up to its pause. Nobody is told anew by that."""
    for alert in store.open_alerts():
        if alert.entity_id is None or not alert.key.startswith(PREFIX):
            continue
        pause = _latest_pause(store, alert.entity_id)
        if pause is None:
            continue
        if pause.status is ActionStatus.UNDONE:
            store.clear_alert(alert.key, at=at, who=who)
        elif (done := _said_since(pause)) is not None:
            _say(store, alert, pause, done, who=who)


def _latest_pause(store: Store, entity_id: str) -> ActionRecord | None:
    pauses = [
        record
        for record in store.actions(entity_id=entity_id)
        if record.type is ActionType.PAUSE and record.is_hard_stop and record.undoes is None
    ]
    return max(pauses, key=lambda record: (record.last_seen_at, record.id), default=None)


def _said_since(pause: ActionRecord) -> str | None:
    if pause.status is ActionStatus.EXECUTED:
        at = f" at {pause.executed_at:%Y-%m-%d %H:%M} UTC" if pause.executed_at else ""
        by_itself = pause.decided_by in (None, WORKER)
        by = ", automatically" if by_itself else f", approved by {pause.decided_by}"
        return f"It was paused{at}{by}."
    if pause.status is ActionStatus.REJECTED:
        return f"{pause.decided_by or 'A person'} rejected the pause, and it goes on spending."
    return _SINCE.get(pause.status)


def _say(store: Store, alert: AlertRecord, pause: ActionRecord, done: str, *, who: str) -> None:
    message = hard_stop_message(
        reason=pause.reason,
        level=pause.level,
        entity_id=pause.entity_id,
        name=pause.entity_name,
        done=done,
    )
    if message != alert.message:
        # Of the time at which it was raised, so that its daily repetition keeps its hour.
        told = AlertRecord(
            key=alert.key,
            severity=alert.severity,
            message=message,
            raised_at=alert.raised_at,
            entity_id=alert.entity_id,
        )
        store.raise_alert(told, who=who)
