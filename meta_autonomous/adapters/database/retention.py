"""What may leave the database, and how it leaves: sealed months of the ledger, and old rows.

Kept whatever their age: every action that was ever executed, failed, in doubt or undone, with its
attempts (so that it can be explained and undone), every suggestion and approval that is open,
policies, creative approvals, and the latest row of whatever is kept by changes. Of the rest,
rows go that nothing asks for any more which concerns a moment after `end`: a tick of that
moment, replayed, still finds all that it looked at.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Table, and_, delete, func, select, update

from meta_autonomous.adapters.database import case_files, ledger, segments
from meta_autonomous.adapters.database.tables import (
    account_reads,
    activities,
    alerts,
    attempts,
    entity_snapshots,
    entity_traces,
    insights_seen,
    ledger_segments,
    meta_roas_metrics,
    optimization_actions,
    ticks,
)
from meta_autonomous.adapters.database.tables import case_files as cases
from meta_autonomous.adapters.database.tables import ledger as entries
from meta_autonomous.adapters.database.unit import Unit
from meta_autonomous.domain.action import ActionStatus
from meta_autonomous.domain.segment import Month, Segment
from meta_autonomous.ports.errors import StoreUnavailable
from meta_autonomous.ports.records import LedgerEvent

#: How far back a tick looks: 35 days of restatements, 30 of attempts, 28 of insights; and a day's
#: difference of time zones.
LOOKS_BACK: Final = timedelta(days=37)

_NEVER_SENT: Final = (
    ActionStatus.BLOCKED,
    ActionStatus.DEFERRED,
    ActionStatus.REJECTED,
    ActionStatus.EXPIRED,
    ActionStatus.SUPERSEDED,
)


# --- the ledger ---------------------------------------------------------------------------------


def months_before(unit: Unit, end: datetime) -> tuple[Month, ...]:
    """See `operations.prune.Records`. A month ends before the first entry that is not older than
    its end: a clock that went back a little leaves no hole in the numbers."""
    sealed = segments.known(unit)
    first = sealed[-1].last + 1 if sealed else 1
    oldest = unit.connection.execute(
        select(entries.c.at).where(entries.c.platform == unit.platform, entries.c.seq == first)
    ).scalar_one_or_none()
    found: list[Month] = []
    if oldest is None:
        return ()
    starts = oldest.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    while (ends := _next_month(starts)) <= end.astimezone(UTC):
        last = _last_before(unit, ends)
        if last >= first:
            previous = entry_before(unit, first)[1]
            found.append(Month(month=f"{starts:%Y-%m}", first=first, last=last, previous=previous))
            first = last + 1
        starts = ends
    return tuple(found)


def _next_month(start: datetime) -> datetime:
    return (start + timedelta(days=31)).replace(day=1)


def _last_before(unit: Unit, moment: datetime) -> int:
    """Number of the last entry before the first that is not older."""
    later = select(func.min(entries.c.seq)).where(
        entries.c.platform == unit.platform, entries.c.at >= moment
    )
    first = unit.connection.execute(later).scalar_one()
    return ledger.head(unit)[0] if first is None else int(first) - 1


def entry_before(unit: Unit, first: int) -> tuple[int, str]:
    """Number and hash of the entry before this one, in the ledger or sealed."""
    floor = segments.floor(unit)
    if first <= floor[0] + 1:
        return floor
    found = unit.connection.execute(
        select(entries.c.hash).where(
            entries.c.platform == unit.platform, entries.c.seq == first - 1
        )
    ).scalar_one()
    return first - 1, found


def seal(unit: Unit, segment: Segment, *, at: datetime, who: str) -> None:
    segments.note(unit, segment, at=at, who=who)
    ledger.append(
        unit,
        LedgerEvent(
            event="segment_sealed",
            who=who,
            at=at,
            why=f"entries {segment.first} to {segment.last}, of {segment.month}, are archived",
            after={
                "month": segment.month,
                "first": segment.first,
                "last": segment.last,
                "count": segment.count,
                "previous": segment.previous,
                "head": segment.head,
                "sha256": segment.sha256,
                "file": segment.file,
            },
        ),
    )


def remove_sealed(unit: Unit, segment: Segment, *, at: datetime, who: str) -> int:
    table = ledger_segments
    unit.connection.execute(
        update(table)
        .where(table.c.platform == unit.platform, table.c.first_seq == segment.first)
        .values(removed_at=at)
    )
    removed = unit.connection.execute(
        delete(entries).where(
            entries.c.platform == unit.platform,
            entries.c.seq.between(segment.first, segment.last),
        )
    ).rowcount
    if removed != segment.count:  # raising takes all of it back
        raise StoreUnavailable(
            f"{removed} entries of {segment.month} were found instead of {segment.count}",
            remedy="run `meta-auto ledger verify`",
        )
    ledger.append(
        unit,
        LedgerEvent(
            event="pruned",
            who=who,
            at=at,
            why=f"entries {segment.first} to {segment.last} of the ledger are in {segment.file}",
            after={
                "month": segment.month,
                "first": segment.first,
                "last": segment.last,
                "sha256": segment.sha256,
            },
        ),
    )
    return removed


# --- rows ---------------------------------------------------------------------------------------


def count_stale(unit: Unit, end: datetime) -> Mapping[str, int]:
    return {
        table.name: int(
            unit.connection.execute(
                select(func.count()).select_from(table).where(condition)
            ).scalar_one()
        )
        for table, condition in _stale(unit, end)
    }


def remove_stale(unit: Unit, end: datetime, *, at: datetime, who: str) -> Mapping[str, int]:
    removed = {
        table.name: unit.connection.execute(delete(table).where(condition)).rowcount
        for table, condition in _stale(unit, end)
    }
    if any(removed.values()):
        ledger.append(
            unit,
            LedgerEvent(
                event="pruned",
                who=who,
                at=at,
                why=f"rows that nothing after {end:%Y-%m-%d} asks for",
                after={"end": end, "rows": {name: n for name, n in removed.items() if n}},
            ),
        )
    return removed


def _stale(unit: Unit, end: datetime) -> Iterator[tuple[Table, ColumnElement[bool]]]:
    """Each table, and which of its rows may go. In this order: traces go after their ticks."""
    looked_at = end - LOOKS_BACK
    for table, condition in (
        (ticks, and_(ticks.c.started_at < end, ticks.c.tick_id != _last_tick(unit))),
        (entity_traces, _left_out(unit, end)),
        (meta_roas_metrics, meta_roas_metrics.c.replaced_at < end),
        (entity_snapshots, entity_snapshots.c.replaced_at < looked_at),
        (insights_seen, insights_seen.c.day < looked_at.date()),
        (account_reads, account_reads.c.read_on < looked_at.date()),
        (activities, activities.c.at < looked_at),
        (cases, case_files.older_than(end)),
        (alerts, alerts.c.cleared_at < end),
        (optimization_actions, _never_sent(looked_at)),
    ):
        yield table, and_(table.c.platform == unit.platform, condition)


def _last_tick(unit: Unit) -> Any:
    """`status` and the alerts ask for it, however long ago it was."""
    last = (
        select(ticks.c.tick_id)
        .where(ticks.c.platform == unit.platform, ticks.c.completed_at.is_not(None))
        .order_by(ticks.c.started_at.desc())
        .limit(1)
    )
    return func.coalesce(last.scalar_subquery(), "")


def _left_out(unit: Unit, end: datetime) -> ColumnElement[bool]:
    """Traces of entities that no tick since has had."""
    table, kept = entity_traces, ticks.alias()
    still = select(kept.c.tick_id).where(
        kept.c.platform == unit.platform, kept.c.started_at >= end
    )
    return and_(
        table.c.last_tick_id.is_not(None), table.c.at < end, table.c.last_tick_id.not_in(still)
    )


def _never_sent(end: datetime) -> ColumnElement[bool]:
    table = optimization_actions
    was_tried = select(attempts.c.id).where(attempts.c.action_id == table.c.id).exists()
    return and_(
        table.c.status.in_(_NEVER_SENT),
        table.c.last_seen_at < end,
        func.coalesce(table.c.decided_at, table.c.last_seen_at) < end,
        ~was_tried,
    )
