"""What a person settles by hand, because reading Meta back could not."""

from collections.abc import Sequence
from datetime import datetime

from meta_autonomous.domain.action import ActionStatus
from meta_autonomous.domain.exit_code import ExitCode
from meta_autonomous.domain.intent import Attempt, AttemptEvent, AttemptState, next_state
from meta_autonomous.operations.by_person import Handled, alone_with
from meta_autonomous.operations.hard_stop_alerts import follow_hard_stops
from meta_autonomous.operations.reconcile import conclude, doubt_alert, standing_of
from meta_autonomous.operations.world import World
from meta_autonomous.ports.errors import NotAllowed
from meta_autonomous.ports.records import ActionRecord, LedgerEvent


async def resolve(world: World, action_id: int, *, applied: bool, reason: str) -> Handled:
    """Record a person's word on every change of the action that waits for one. Writes nothing to
    Meta. Raises NotAllowed, NotFound, Busy, and PlatformError without a trusted time."""
    if not world.actor.is_admin or world.actor.is_service:
        raise NotAllowed(
            f"{world.actor.name} may not resolve actions.",
            remedy="Ask an admin, or be named in META_AUTO_ADMINS.",
        )
    record = world.store.action(action_id)
    with alone_with(world.store, record.account_id):
        return await _resolve(world, action_id, applied=applied, reason=reason)


async def _resolve(world: World, action_id: int, *, applied: bool, reason: str) -> Handled:
    store, who = world.store, world.actor.name
    record = store.action(action_id)
    waiting = [
        attempt
        for attempt in store.attempts_of(action_id)
        if attempt.state is AttemptState.NEEDS_HUMAN
    ]
    if not waiting:
        return _not_waiting(record)
    at = await world.platform.trusted_now()
    event = AttemptEvent.PERSON_SAYS_APPLIED if applied else AttemptEvent.PERSON_SAYS_NOT_APPLIED
    store.append(_word(record, waiting, event, at=at, who=who, why=reason))
    for attempt in waiting:
        store.record_event(attempt, event, at=at, detail=f"{who}: {reason}")
        store.clear_alert(doubt_alert(attempt), at=at, who=who)
    attempts = store.attempts_of(action_id)
    standing = standing_of(record, attempts)
    conclude(store, record, attempts, standing, expected=(record.status,), at=at, who=who)
    follow_hard_stops(store, at=at, who=who)
    return Handled(id=action_id, status=standing.status.value, message=standing.message)


def _word(
    record: ActionRecord,
    waiting: Sequence[Attempt],
    event: AttemptEvent,
    *,
    at: datetime,
    who: str,
    why: str,
) -> LedgerEvent:
    return LedgerEvent(
        event="optimization_resolved",
        who=who,
        at=at,
        entity_id=record.entity_id,
        action_id=record.id,
        tick_id=record.tick_id,
        why=why,
        before={attempt.change.entity_id: attempt.state.value for attempt in waiting},
        after={
            attempt.change.entity_id: next_state(attempt.state, event).value for attempt in waiting
        },
    )


def _not_waiting(record: ActionRecord) -> Handled:
    text = "It does not wait for a person's word: nothing was done."
    if record.status is ActionStatus.IN_DOUBT:
        text = (
            "Reading it back has not been given up yet: nothing was done. Wait for the next tick."
        )
    return Handled(
        id=record.id, status=record.status.value, message=text, exit_code=ExitCode.REFUSED
    )
