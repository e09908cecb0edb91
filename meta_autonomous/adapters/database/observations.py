"""What was read of an account, and when: entities as they changed, insights as they were seen."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import groupby, zip_longest
from operator import attrgetter, itemgetter
from typing import Any, Final, NamedTuple

from sqlalchemy import func, insert, select, update

from meta_autonomous.adapters.database import accounts, creatives, texts
from meta_autonomous.adapters.database.tables import (
    account_reads,
    activities,
    ad_parents,
    entity_snapshots,
    insights_seen,
)
from meta_autonomous.adapters.database.unit import Unit
from meta_autonomous.decision.booking import Reading, Restatements, restatements_from
from meta_autonomous.decision.later import SeenDays
from meta_autonomous.domain.day_table import DayTable
from meta_autonomous.domain.entities import AccountSnapshot, Ad, AdSet, Entity, Level
from meta_autonomous.domain.performance import NOTHING, DayFacts, Days

#: Two reads further apart than this leave a gap in what is known of budgets.
GAP: Final = timedelta(hours=24)
#: How far back restatements are looked at: Meta changes nothing after 28 days.
_RESTATED_DAYS: Final = 35

_ENTITY_COLUMNS: Final = (
    "account_id",
    "level",
    "campaign_id",
    "adset_id",
    "name",
    "status",
    "effective_status",
    "budget_kind",
    "budget_minor",
    "currency",
    "bid",
    "creative_id",
)


def record(unit: Unit, snapshot: AccountSnapshot, *, tick_id: str) -> None:
    """Write what a read found new; see `ports.Store.record_snapshot`."""
    account_id = snapshot.account.id
    row = accounts.row_of(unit, account_id)
    known_since = _known_since(snapshot, row)
    last_read_at = row.observed_at if row is not None else None
    _record_entities(unit, snapshot, last_read_at=last_read_at, tick_id=tick_id)
    is_baseline = row is None or row.baseline_at is None
    creatives.record(unit, snapshot, is_baseline=is_baseline, tick_id=tick_id)
    _record_activities(unit, snapshot)
    _record_days(unit, snapshot)
    _record_read(unit, snapshot)
    values: dict[str, Any] = {
        "observed_at": snapshot.observed_at,
        "known_since": known_since,
        "currency": snapshot.account.currency.code,
    }
    if is_baseline:
        values["baseline_at"] = snapshot.observed_at
    if row is None or row.restatements_on != snapshot.today:
        found = _restatements(unit, account_id, today=snapshot.today)
        values["restatements_on"] = snapshot.today
        values["restatements"] = texts.canonical({"seen": found.seen, "final": found.final})
    accounts.put(unit, account_id, values)


def record_past(unit: Unit, snapshot: AccountSnapshot) -> None:
    """See `ports.Store.record_past`."""
    _record_days(unit, snapshot)
    _record_read(unit, snapshot)


def _known_since(snapshot: AccountSnapshot, row: Any) -> datetime:
    """Since when the account's budgets are on record without a gap of a day."""
    is_on_record = row is not None and row.observed_at is not None and row.known_since is not None
    if is_on_record and snapshot.observed_at - row.observed_at <= GAP:
        since: datetime = row.known_since
        return since
    return _reaches_back_to(snapshot)


def _reaches_back_to(snapshot: AccountSnapshot) -> datetime:
    """The activity log, when it was read, tells of the day before."""
    has_log = snapshot.activities is not None
    return snapshot.observed_at - GAP if has_log else snapshot.observed_at


# --- entities -----------------------------------------------------------------------------------


def latest_entities(unit: Unit, account_id: str, *, since: datetime | None = None) -> list[Any]:
    """The latest row of each entity; with `since`, all in force after it, oldest first."""
    table = entity_snapshots
    of_account = select(table).where(
        table.c.platform == unit.platform, table.c.account_id == account_id
    )
    # Two queries without an order, each a search of the index: of one, SQLite makes a scan.
    found = list(unit.connection.execute(of_account.where(table.c.replaced_at.is_(None))))
    if since is not None:
        found += unit.connection.execute(of_account.where(table.c.replaced_at > since))
        found.sort(key=attrgetter("valid_from"))
    return found


def _record_entities(
    unit: Unit, snapshot: AccountSnapshot, *, last_read_at: datetime | None, tick_id: str
) -> None:
    latest = {row.entity_id: row for row in latest_entities(unit, snapshot.account.id)}
    at = unit.at(snapshot.observed_at)
    first_known = unit.at(_reaches_back_to(snapshot))
    read_before = unit.at(last_read_at) if last_read_at is not None else None
    new: list[tuple[Any, ...]] = []
    replaced: list[tuple[Any, ...]] = []
    for entity in snapshot.entities():
        seen = _entity_values(snapshot, entity)
        last = latest.get(entity.id)
        if last is None:
            new.append((entity.id, at, *seen, None, None, first_known, tick_id))
            continue
        if seen == _recorded_values(last):
            continue
        changed_at = last.creative_changed_at
        if isinstance(entity, Ad) and entity.creative_id != last.creative_id:
            changed_at = snapshot.observed_at
        last_at = unit.at(last.valid_from)
        since = unit.after(last_at, snapshot.observed_at)
        creative_at = unit.at(changed_at) if changed_at else None
        replaced.append((since, entity.id, last_at))
        new.append((entity.id, since, *seen, read_before, creative_at, since, tick_id))
    unit.update_many(entity_snapshots, ("replaced_at",), ("entity_id", "valid_from"), replaced)
    unit.insert_many(
        entity_snapshots,
        (
            "entity_id",
            "valid_from",
            *_ENTITY_COLUMNS,
            "changed_after",
            "creative_changed_at",
            "known_since",
            "tick_id",
        ),
        new,
    )


_recorded_values = attrgetter(*_ENTITY_COLUMNS)


def _entity_values(snapshot: AccountSnapshot, entity: Entity) -> tuple[Any, ...]:
    budget = entity.budget
    currency = budget.amount.currency if budget else snapshot.account.currency
    return (
        entity.account_id,
        entity.level.value,
        entity.campaign_id,
        _adset_id(entity),
        texts.clean(entity.name),
        entity.status,
        entity.effective_status,
        budget.kind.value if budget else None,
        budget.amount.minor if budget else None,
        currency.code,
        entity.bid,
        entity.creative_id if isinstance(entity, Ad) else None,
    )


def _adset_id(entity: Entity) -> str | None:
    match entity:
        case Ad(of_adset=adset_id):
            return adset_id
        case AdSet(id=adset_id):
            return adset_id
        case _:
            return None


# --- the activity log ---------------------------------------------------------------------------


def line_of_log(line: Any) -> tuple[str, datetime, str, str | None, str | None]:
    """What makes two lines of Meta's log the same one: a stored row, or an `Activity`."""
    second = line.at.replace(microsecond=0)
    return line.object_id, second, line.event_type, texts.clean(line.old), texts.clean(line.new)


def _record_activities(unit: Unit, snapshot: AccountSnapshot) -> None:
    """What was read of the log. It is read seldom, and only for the day before.

    Meta's log knows seconds, and several changes may fall into one: microseconds part them.
    """
    if not snapshot.activities:
        return
    table = activities
    earliest = min(activity.at for activity in snapshot.activities)
    rows = unit.connection.execute(
        select(table).where(
            table.c.platform == unit.platform,
            table.c.account_id == snapshot.account.id,
            table.c.at >= earliest,
        )
    ).all()
    on_record = {line_of_log(row) for row in rows}
    taken = {(row.object_id, row.at, row.event_type) for row in rows}
    for activity in reversed(snapshot.activities):  # the log tells the newest first
        line = line_of_log(activity)
        if line in on_record:
            continue
        on_record.add(line)
        at = activity.at
        while (activity.object_id, at, activity.event_type) in taken:
            at += timedelta(microseconds=1)
        taken.add((activity.object_id, at, activity.event_type))
        unit.connection.execute(
            insert(table).values(
                platform=unit.platform,
                account_id=snapshot.account.id,
                object_id=activity.object_id,
                at=at,
                event_type=activity.event_type,
                actor_id=activity.actor_id,
                application_id=activity.application_id,
                old=texts.clean(activity.old),
                new=texts.clean(activity.new),
            )
        )


# --- insights -----------------------------------------------------------------------------------


def stored_days(
    unit: Unit, account_id: str, *, since: date, until: date, as_of: datetime | None = None
) -> Mapping[str, Days]:
    """Rows by ad, both days included: the latest readings, or those that were at a moment."""
    found: dict[str, DayTable] = {}
    length = (until - since).days + 1
    days = _Days()
    for ad_id, stored, _, *facts in _readings(unit, account_id, since, until, as_of=as_of):
        if any(facts):
            table = found.get(ad_id)
            if table is None:
                table = found[ad_id] = DayTable(since, length)
            table.put(days[stored], DayFacts._make(facts))
    return found


def day_totals(unit: Unit, account_id: str, *, since: date) -> dict[date, tuple[int, int]]:
    """(spend, purchase value) in micros of every day that has readings, added up over the ads."""
    table = insights_seen
    rows = unit.connection.execute(
        select(table.c.day, func.sum(table.c.spend_micros), func.sum(table.c.value_micros))
        .where(
            table.c.platform == unit.platform,
            table.c.account_id == account_id,
            table.c.day >= since,
            table.c.replaced_at.is_(None),
        )
        .group_by(table.c.day)
    )
    return {day: (int(spend), int(value)) for day, spend, value in rows}


def _readings(
    unit: Unit, account_id: str, since: date, until: date, *, as_of: datetime | None = None
) -> Iterator[tuple[Any, ...]]:
    """Readings in force: (ad, day, seen at, the four facts), as the driver has them, for there
    are very many: one day's at a time."""
    mark = "?" if unit.is_sqlite else "%s"
    in_force, moments = "replaced_at IS NULL", []
    if as_of is not None:
        in_force = f"seen_at <= {mark} AND (replaced_at IS NULL OR replaced_at > {mark})"
        moments = [unit.at(as_of)] * 2
    for age in range((until - since).days + 1):
        rows = unit.connection.exec_driver_sql(
            "SELECT ad_id, day, seen_at, spend_micros, value_micros, purchases, impressions "  # noqa: S608
            f"FROM insights_seen WHERE platform = {mark} AND account_id = {mark} "
            f"AND day = {mark} AND {in_force}",
            (unit.platform, account_id, unit.on(since + timedelta(days=age)), *moments),
        )
        cursor: Any = rows.cursor
        found: list[tuple[Any, ...]] = cursor.fetchall()
        rows.close()
        yield from found


class _Days(dict[Any, date]):
    """Each day parsed once."""

    def __missing__(self, stored: Any) -> date:
        day = stored if isinstance(stored, date) else date.fromisoformat(stored)
        self[stored] = day
        return day


class _Reading(NamedTuple):
    """A row to be written, with the moment of the reading that it replaces. Driver values."""

    ad_id: str
    day: Any
    facts: tuple[int, ...]
    replaces: Any = None


def _record_days(unit: Unit, snapshot: AccountSnapshot) -> None:
    """Readings that differ from the latest. A row that is gone again is a reading of nothing."""
    read = snapshot.days.get(Level.AD)
    if read is None:
        return
    _record_parents(unit, snapshot)
    for age in range((snapshot.today - snapshot.first_day).days + 1):
        _record_day(unit, snapshot, read, snapshot.first_day + timedelta(days=age))


def _record_day(
    unit: Unit, snapshot: AccountSnapshot, read: Mapping[str, Days], day: date
) -> None:
    """One day's readings: an account has more of all days than should be in memory twice."""
    stored = unit.on(day)
    latest = {row[0]: row for row in _readings(unit, snapshot.account.id, day, day)}
    changed: list[_Reading] = []
    for ad_id, days in read.items():
        facts = days.get(day)
        if facts is None:
            continue
        last = latest.pop(ad_id, None)
        if last is None:
            changed.append(_Reading(ad_id, stored, facts))
        elif last[3:] != facts:
            changed.append(_Reading(ad_id, stored, facts, last[2]))
    if day not in snapshot.missing_days:
        for ad_id, _, seen_at, *facts_before in latest.values():
            if any(facts_before):
                changed.append(_Reading(ad_id, stored, NOTHING, seen_at))
    _write_days(unit, snapshot, changed)


def ad_parents_of(unit: Unit, account_id: str) -> dict[str, tuple[str, str]]:
    table = ad_parents
    rows = unit.connection.execute(
        select(table.c.ad_id, table.c.adset_id, table.c.campaign_id).where(
            table.c.platform == unit.platform, table.c.account_id == account_id
        )
    )
    return {ad_id: (adset_id, campaign_id) for ad_id, adset_id, campaign_id in rows}


def count_ads(unit: Unit, account_id: str) -> int:
    """See `ports.Store.count_ads`."""
    table = ad_parents
    query = select(func.count()).where(
        table.c.platform == unit.platform, table.c.account_id == account_id
    )
    return unit.connection.execute(query).scalar_one()


def _record_parents(unit: Unit, snapshot: AccountSnapshot) -> None:
    """Of ads that had no rows before. Meta moves no ad to another ad set."""
    account_id = snapshot.account.id
    known = ad_parents_of(unit, account_id)
    new = [
        (account_id, ad_id, *parents)
        for ad_id, parents in snapshot.ad_parents.items()
        if ad_id not in known
    ]
    columns = ("account_id", "ad_id", "adset_id", "campaign_id")
    unit.insert_many(ad_parents, columns, new)


def seen_days(unit: Unit, account_id: str, *, since: date) -> SeenDays:
    """See `ports.Store.seen_days`."""
    table = account_reads
    last = unit.connection.execute(
        select(func.max(table.c.last_day)).where(
            table.c.platform == unit.platform, table.c.account_id == account_id
        )
    ).scalar()
    if last is None:
        return SeenDays(days={}, parents={}, until=None)
    return SeenDays(
        days=stored_days(unit, account_id, since=since, until=last),
        parents=ad_parents_of(unit, account_id),
        until=last - timedelta(days=1),
    )


def _write_days(unit: Unit, snapshot: AccountSnapshot, changed: Sequence[_Reading]) -> None:
    account_id = snapshot.account.id
    at, seen_on = unit.at(snapshot.observed_at), unit.on(snapshot.today)
    keys = ("account_id", "day", "ad_id", "seen_at")
    new: list[tuple[Any, ...]] = []
    replaced: list[tuple[Any, ...]] = []
    rewritten: list[tuple[Any, ...]] = []
    for ad_id, day, facts, last in changed:
        if last is None:
            new.append((account_id, day, ad_id, at, seen_on, *facts))
        elif day == seen_on:
            # Today's numbers grow with every read; only where they stood last is kept.
            rewritten.append((*facts, account_id, day, ad_id, last))
        else:
            seen_at = unit.after(last, snapshot.observed_at)
            replaced.append((seen_at, account_id, day, ad_id, last))
            new.append((account_id, day, ad_id, seen_at, seen_on, *facts))
    unit.update_many(insights_seen, DayFacts._fields, keys, rewritten)
    unit.update_many(insights_seen, ("replaced_at",), keys, replaced)
    unit.insert_many(insights_seen, (*keys, "seen_on", *DayFacts._fields), new)


# --- which days were read when, and what restatements that shows --------------------------------


def _record_read(unit: Unit, snapshot: AccountSnapshot) -> None:
    """The widest read of each day. A day missing from a read is in no read's span."""
    if Level.AD not in snapshot.days:
        return
    table = account_reads
    covered = [day for day in snapshot.missing_days if day >= snapshot.first_day]
    first_day = max(covered) + timedelta(days=1) if covered else snapshot.first_day
    today = snapshot.today
    where = (
        table.c.platform == unit.platform,
        table.c.account_id == snapshot.account.id,
        table.c.read_on == today,
    )
    known = unit.connection.execute(select(table.c.first_day).where(*where)).scalar_one_or_none()
    if known is None:
        unit.connection.execute(
            insert(table).values(
                platform=unit.platform,
                account_id=snapshot.account.id,
                read_on=today,
                first_day=min(first_day, today),
                last_day=today,
            )
        )
    elif first_day < known:
        unit.connection.execute(update(table).where(*where).values(first_day=first_day))


def restatements(unit: Unit, account_id: str, *, today: date) -> Restatements | None:
    """How the account's past days were restated; None when it was never read.

    It is worked out at the first read of each day and kept: only settled days count in it.
    """
    row = accounts.row_of(unit, account_id)
    if row is None or row.observed_at is None:
        return None
    if row.restatements is not None and abs((today - row.restatements_on).days) <= 1:
        kept = texts.parsed(row.restatements)
        return Restatements(tuple(kept["seen"]), tuple(kept["final"]))
    return _restatements(unit, account_id, today=today)


def _restatements(unit: Unit, account_id: str, *, today: date) -> Restatements:
    """Day by day, so that only one day's readings are in memory at a time."""
    since = today - timedelta(days=_RESTATED_DAYS)
    reads = _reads(unit, account_id, since)
    found = Restatements()
    if len(reads) < 2:  # noqa: PLR2004 - one read has nothing to be compared with
        return found
    mark = "?" if unit.is_sqlite else "%s"
    rows = unit.connection.exec_driver_sql(
        "SELECT day, ad_id, seen_on, spend_micros, value_micros, purchases, impressions "  # noqa: S608
        f"FROM insights_seen WHERE platform = {mark} AND account_id = {mark} "
        f"AND day BETWEEN {mark} AND {mark} ORDER BY day, ad_id, seen_at",
        (unit.platform, account_id, unit.on(since), unit.on(today)),
    )
    cursor: Any = rows.cursor
    days = _Days()
    for day, of_day in groupby(cursor, itemgetter(0)):
        readings = [
            Reading(ad_id, days[day], days[seen_on], DayFacts._make(facts))
            for ad_id, of_ad in groupby(of_day, itemgetter(1))
            for _, _, seen_on, *facts in _with_orders(of_ad)
        ]
        found = _sum(found, restatements_from(readings, today=today, reads=reads))
    rows.close()
    return found


def _reads(unit: Unit, account_id: str, since: date) -> dict[date, tuple[date, date]]:
    table = account_reads
    query = select(table).where(
        table.c.platform == unit.platform,
        table.c.account_id == account_id,
        table.c.read_on >= since,
    )
    return {row.read_on: (row.first_day, row.last_day) for row in unit.connection.execute(query)}


def _with_orders(readings: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """One ad's day, if it ever had an order: the others say nothing, and are most."""
    found = list(readings)
    return found if any(reading[5] for reading in found) else []


def _sum(one: Restatements, other: Restatements) -> Restatements:
    return Restatements(
        tuple(map(sum, zip_longest(one.seen, other.seen, fillvalue=0))),
        tuple(map(sum, zip_longest(one.final, other.final, fillvalue=0))),
    )
