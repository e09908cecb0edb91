"""What only absence can show: a tick that doesn't run can't raise its own alarm.

Run on a timer of its own. It needs the database alone and asks Meta nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from meta_autonomous.domain.intent import AttemptState
from meta_autonomous.domain.news import News
from meta_autonomous.operations.reconcile import doubt_alert
from meta_autonomous.ports.people import Notifier, System
from meta_autonomous.ports.records import AlertRecord, LedgerCheck
from meta_autonomous.ports.store import Store
from meta_autonomous.ports.words import WORKER

NO_TICKS: Final = "no_ticks"
LEDGER_BROKEN: Final = "ledger_broken"
#: No tick for so long is no longer a delay; with long intervals it is three of them.
AT_LEAST_SILENT: Final = timedelta(hours=2)
INTERVALS_SILENT: Final = 3
DOUBT_LASTS: Final = timedelta(hours=1)
#: More entries than people write within that time while no tick runs.
_MANY: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """The alerts that stand, and those of them that people are to be told of now."""

    standing: tuple[AlertRecord, ...]
    new: tuple[AlertRecord, ...]


def check_alerts(store: Store, system: System, *, now: datetime) -> Checked:
    """Raise what is new, clear what is over. `now` is the local clock; on the sandbox its own."""
    ledger = store.verify_ledger()
    present = tuple(_present(store, system, ledger, now))
    new = tuple(alert for alert in present if store.raise_alert(alert, who=WORKER))
    # What reading settles, or a person, is cleared there.
    for key in {NO_TICKS, LEDGER_BROKEN} - {alert.key for alert in present}:
        store.clear_alert(key, at=now, who=WORKER)
    return Checked(standing=store.open_alerts(), new=new)


async def tell(checked: Checked, notifier: Notifier, *, platform: str) -> bool:
    """One message with all that is new; without news, what could not be told before."""
    if not checked.new:
        return await notifier.catch_up()
    return await notifier.send(
        News(
            platform=platform,
            about="alerts check",
            alerts=tuple(alert.message for alert in checked.new),
            is_urgent=True,
        )
    )


def _present(
    store: Store, system: System, ledger: LedgerCheck, now: datetime
) -> Iterator[AlertRecord]:
    if not ledger.ok:
        yield AlertRecord(
            key=LEDGER_BROKEN,
            severity="critical",
            message=f"The audit trail is broken: {ledger.message}. Keep a copy of the database as "
            "it is, and look with `meta-auto ledger verify`.",
            raised_at=now,
        )
    if system.is_enabled and store.runtime().is_started:
        limit = max(AT_LEAST_SILENT, INTERVALS_SILENT * timedelta(seconds=system.interval_seconds))
        since = _silent_since(store, ledger, now, limit)
        if since is not None and now - since > limit:
            yield AlertRecord(
                key=NO_TICKS,
                severity="critical",
                message=f"No tick has completed since {since:%Y-%m-%d %H:%M} UTC; one is due "
                f"every {system.interval_seconds // 60} minutes. Look at the timer and its log, "
                "or run `meta-auto tick`.",
                raised_at=now,
            )
    yield from _unsettled(store, now)


def _silent_since(
    store: Store, ledger: LedgerCheck, now: datetime, limit: timedelta
) -> datetime | None:
    """Since when a tick is missing; None where nothing tells of a beginning."""
    last = store.last_tick()
    completed = None if last is None else str(last["tick_completed_at"])
    since = None if completed is None else datetime.fromisoformat(completed)
    if since is not None and now - since <= limit:
        return since
    if not ledger.ok:  # its entries say nothing
        return since
    recent = store.ledger(since=now - limit, limit=_MANY)
    started = [entry.event.at for entry in recent if entry.event.event == "system_started"]
    if started:
        return max(started)
    return since if since is not None else _begun(store)


def _begun(store: Store) -> datetime | None:
    """When the first entry was written: what is left of a first tick that died."""
    entries = store.ledger(limit=_MANY)
    return entries[0].event.at if entries else None


def _unsettled(store: Store, now: datetime) -> Iterator[AlertRecord]:
    """A doubt lives as long as no tick can read; what a tick gave to a person has its alert."""
    for attempt in store.open_attempts():
        if attempt.state is AttemptState.NEEDS_HUMAN or now - attempt.effect_at <= DOUBT_LASTS:
            continue
        change = attempt.change
        yield AlertRecord(
            key=doubt_alert(attempt),
            severity="critical",
            message=f"Action {attempt.action_id} has been in doubt since "
            f"{attempt.effect_at:%Y-%m-%d %H:%M} UTC: {change.field} of {change.level} "
            f"{change.entity_id} should be {change.new}, and no tick could read it back since. "
            "Nothing else is sent to it meanwhile.",
            raised_at=now,
            entity_id=change.entity_id,
        )
