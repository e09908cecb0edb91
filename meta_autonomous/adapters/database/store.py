"""`ports.Store` over a database: each method is one transaction of one platform."""

import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Final, Self

from sqlalchemy import Engine

from meta_autonomous.adapters.database import (
    accounts,
    actions,
    alerts,
    attempts,
    case_files,
    creatives,
    hindsight,
    ledger,
    ledger_proof,
    locks,
    memory,
    observations,
    retention,
    schema,
    segments,
    switches,
)
from meta_autonomous.adapters.database import decisions as decision_rows
from meta_autonomous.adapters.database import traces as trace_rows
from meta_autonomous.adapters.database.engine import (
    WRITES,
    Site,
    check_file,
    create_file,
    expected_errors,
    open_engine,
)
from meta_autonomous.adapters.database.unit import Unit
from meta_autonomous.decision.booking import Restatements
from meta_autonomous.decision.context import Memory
from meta_autonomous.decision.differences import Brief
from meta_autonomous.decision.later import SeenDays
from meta_autonomous.decision.money_at_commit import NO_MONEY, MoneyAtCommit
from meta_autonomous.decision.tick_case import TickCase
from meta_autonomous.domain.action import ActionStatus
from meta_autonomous.domain.entities import AccountSnapshot, Level
from meta_autonomous.domain.intent import Attempt, AttemptEvent, Change
from meta_autonomous.domain.performance import Days
from meta_autonomous.domain.segment import Month, Segment
from meta_autonomous.ports.errors import Busy, ConfigError, StoreUnavailable
from meta_autonomous.ports.records import (
    AccountRecord,
    ActionRecord,
    AlertRecord,
    CreativeRecord,
    EntityState,
    LedgerCheck,
    LedgerEntry,
    LedgerEvent,
    LedgerLine,
    NewAction,
    PastEstimate,
    RecordedTick,
    Runtime,
    TestedPolicy,
    Trace,
)
from meta_autonomous.ports.words import WORKER, Json

#: The lock that whoever works an account shares, and that an upgrade of the tables wants alone.
_TABLES: Final = "tables"
_UPGRADE_WAITS: Final = 30.0


class Database:
    """The store of one platform. Opens nothing before its first use.

    `read_only` is for what must not write (a dry run): every writing method then raises
    StoreUnavailable. Nothing here creates a database but `create_or_check`.
    """

    def __init__(self, url: str, *, platform: str, read_only: bool = False) -> None:
        self._site = Site(url)
        self._platform = platform
        self._read_only = read_only
        self._opened: Engine | None = None
        self._session_locks: locks.SessionLocks | None = None  # PostgreSQL's
        self._tables = locks.Shared(
            lambda wait: self._lock(_TABLES, wait_seconds=wait, is_shared=True)
        )

    @classmethod
    def in_memory(cls, platform: str) -> Self:
        """A database that is gone with the process: a dry run's, where there is no other."""
        database = cls("sqlite://", platform=platform)
        database.create_or_check()
        return database

    # --- the database itself ---------------------------------------------------------------------

    @property
    def location(self) -> str:
        """Where it is, without a password."""
        return self._site.shown

    @property
    def path(self) -> Path | None:
        """SQLite's file."""
        return self._site.path

    def exists(self) -> bool:
        """Whether there is a database with tables of ours. Creates nothing."""
        path = self._site.path
        if path is not None and (not path.exists() or path.stat().st_size == 0):
            return False
        return self.revision() is not None

    def revision(self) -> str | None:
        with self._reading() as unit:
            return schema.revision(unit.connection)

    def check(self) -> None:
        """Raise ConfigError unless there is a database of today's schema."""
        found = self.revision() if self.exists() else None
        if found is None:
            raise ConfigError(
                f"there is no database yet: {self.location}",
                remedy="run `meta-auto init`, or one `meta-auto tick`",
            )
        schema.check(found)

    def create_or_check(self) -> None:
        """Create a missing database; raise ConfigError on another schema than today's."""
        if self.exists():
            self.check()
            return
        if self._site.path is not None:
            create_file(self._site.path)
        with self._writing(locks_head=False) as unit:
            schema.lock(unit.connection)
            found = schema.revision(unit.connection)
            if found is None:
                schema.create(unit.connection)
            else:  # another process was first
                schema.check(found)

    def upgrade(self) -> bool:
        """Create a missing database, migrate an older one; True when something was done."""
        if not self.exists():
            self.create_or_check()
            return True
        found = self.revision()
        if found == schema.HEAD:
            return False
        if found not in schema.REVISIONS:
            self.check()
        with self._lock(_TABLES, wait_seconds=_UPGRADE_WAITS) as is_alone:
            if not is_alone:
                raise Busy(
                    f"the database is being worked with: {self.location}",
                    remedy="Try again when that tick or approval has ended.",
                )
            with self._writing(locks_head=False) as unit:
                schema.lock(unit.connection)
                found = schema.revision(unit.connection)
                if found in schema.REVISIONS:
                    schema.migrate(unit.connection)
                elif found is not None:  # a newer program was first
                    schema.check(found)
        return True

    def backup(self, target: Path) -> None:
        """An online copy of a SQLite database, readable by its owner only.

        It gets its name when it is whole: half a copy never looks like a backup.
        """
        if self._site.path is None:
            raise ConfigError("only a SQLite file is backed up here", remedy="use pg_dump")
        if target.exists():
            raise ConfigError(f"{target} exists already", remedy="name a new file")
        beside = target.with_name(f".{target.name}.{os.getpid()}")
        create_file(beside)
        with expected_errors(target), self._engine.connect() as connection:
            source = connection.connection.driver_connection
            assert isinstance(source, sqlite3.Connection)  # noqa: S101 - for the type checker
            try:
                with closing(sqlite3.connect(beside)) as copy:
                    source.backup(copy)
                beside.rename(target)
            finally:
                beside.unlink(missing_ok=True)

    def open(self, *, create: bool) -> None:
        """Make it ready for use: a missing database is created, or a ConfigError."""
        if create:
            self.create_or_check()
        else:
            self.check()

    def close(self) -> None:
        if self._opened is not None:
            self._opened.dispose()
            self._opened = None

    @property
    def _engine(self) -> Engine:
        if self._opened is None:
            if self._site.path is not None and self._site.path.exists():
                check_file(self._site.path, read_only=self._read_only)
            self._opened = open_engine(self._site, read_only=self._read_only)
        return self._opened

    # --- transactions ----------------------------------------------------------------------------

    @contextmanager
    def _reading(self) -> Iterator[Unit]:
        """A view of one moment, however many queries it takes."""
        isolation = {} if self._site.is_sqlite else {"isolation_level": "REPEATABLE READ"}
        with (
            expected_errors(self.location),
            self._engine.connect().execution_options(**isolation) as connection,
            connection.begin(),
        ):
            yield Unit(connection, self._platform)

    @contextmanager
    def _writing(self, *, locks_head: bool = True) -> Iterator[Unit]:
        """One writer at a time: by BEGIN IMMEDIATE, or by the ledger's head."""
        if self._read_only:
            raise StoreUnavailable(
                f"the database was opened for reading only: {self.location}",
                remedy="run it without --dry-run",
            )
        with (
            expected_errors(self.location),
            self._engine.connect().execution_options(**{WRITES: True}) as connection,
            connection.begin(),
        ):
            unit = Unit(connection, self._platform)
            if locks_head and not self._site.is_sqlite:
                ledger.lock(unit)
            yield unit

    @contextmanager
    def _writing_under_lock(self, account_id: str) -> Iterator[Unit]:
        """On the session that holds the account's lock, where there is one."""
        held = self._session_locks
        session = held.session_of(self._lock_name(account_id)) if held is not None else None
        if session is None:
            with self._writing() as unit:
                yield unit
            return
        with expected_errors(self.location), session.begin():
            unit = Unit(session, self._platform)
            ledger.lock(unit)
            yield unit

    # --- switches, policy, ticks -----------------------------------------------------------------

    def runtime(self) -> Runtime:
        with self._reading() as unit:
            return switches.runtime(unit)

    def set_mode(
        self, mode: str, *, event: LedgerEvent, tested: TestedPolicy | None = None
    ) -> None:
        with self._writing() as unit:
            switches.set_switch(unit, event, mode=mode)
            if tested is not None:
                switches.record_tested(unit, tested)

    def record_tested(self, tested: TestedPolicy) -> None:
        with self._writing() as unit:
            switches.record_tested(unit, tested)

    def set_started(self, *, is_started: bool, event: LedgerEvent) -> None:
        with self._writing() as unit:
            switches.set_switch(unit, event, is_started=is_started)

    def record_policy(self, digest: str, policy: Json, *, at: datetime, who: str) -> bool:
        with self._writing() as unit:
            return switches.record_policy(unit, digest, policy, at=at, who=who)

    def begin_tick(self, tick_id: str, *, at: datetime, mode: str) -> None:
        with self._writing() as unit:
            switches.begin_tick(unit, tick_id, at=at, mode=mode)

    def finish_tick(self, tick_id: str, *, at: datetime, report: Json) -> None:
        with self._writing() as unit:
            switches.finish_tick(unit, tick_id, at=at, report=report, who=WORKER)

    def last_tick(self) -> Json | None:
        with self._reading() as unit:
            return switches.last_tick(unit)

    def ticks_since(self, at: datetime) -> tuple[Json, ...]:
        with self._reading() as unit:
            return switches.ticks_since(unit, at)

    def latest_time(self) -> datetime | None:
        with self._reading() as unit:
            return ledger.latest_time(unit)

    # --- reads and what they leave ---------------------------------------------------------------

    def account(self, account_id: str) -> AccountRecord:
        with self._reading() as unit:
            return accounts.read(unit, account_id)

    def accounts(self) -> tuple[AccountRecord, ...]:
        """Every account on record."""
        with self._reading() as unit:
            return accounts.known(unit)

    def save_account(self, record: AccountRecord) -> None:
        with self._writing() as unit:
            accounts.save(unit, record)

    def record_snapshot(self, snapshot: AccountSnapshot, *, tick_id: str) -> None:
        with self._writing() as unit:
            observations.record(unit, snapshot, tick_id=tick_id)

    def stored_days(
        self, account_id: str, *, since: date, until: date, as_of: datetime | None = None
    ) -> Mapping[str, Days]:
        with self._reading() as unit:
            return observations.stored_days(
                unit, account_id, since=since, until=until, as_of=as_of
            )

    def day_totals(self, account_id: str, *, since: date) -> Mapping[date, tuple[int, int]]:
        with self._reading() as unit:
            return observations.day_totals(unit, account_id, since=since)

    def ad_parents(self, account_id: str) -> Mapping[str, tuple[str, str]]:
        with self._reading() as unit:
            return observations.ad_parents_of(unit, account_id)

    def count_ads(self, account_id: str) -> int:
        with self._reading() as unit:
            return observations.count_ads(unit, account_id)

    def seen_days(self, account_id: str, *, since: date) -> SeenDays:
        with self._reading() as unit:
            return observations.seen_days(unit, account_id, since=since)

    def record_past(self, snapshot: AccountSnapshot) -> None:
        with self._writing() as unit:
            observations.record_past(unit, snapshot)

    def record_case(
        self, tick_id: str, case: TickCase, decided: Sequence[Brief], *, at: datetime
    ) -> None:
        with self._writing() as unit:
            case_files.record(unit, tick_id, case, decided, at=at)

    def record_past_case(self, case: TickCase, decided: Sequence[Brief], *, at: datetime) -> None:
        with self._writing() as unit:
            case_files.record(unit, case_files.backfill_id(at), case, decided, at=at)

    def first_case_at(self) -> datetime | None:
        with self._reading() as unit:
            return case_files.first_at(unit)

    def recorded_ticks(self, *, since: datetime) -> Iterator[RecordedTick]:
        with self._reading() as unit:
            ticks = case_files.ticks_since(unit, since)
        bases: case_files.Bases = {}
        for tick_id, at in ticks:
            with self._reading() as unit:
                found = case_files.one(unit, tick_id, at, bases)
            yield found

    def restatements(self, account_id: str, *, today: date) -> Restatements | None:
        with self._reading() as unit:
            return observations.restatements(unit, account_id, today=today)

    def past_estimates(self, account_id: str) -> tuple[PastEstimate, ...]:
        with self._reading() as unit:
            return hindsight.past_estimates(unit, account_id)

    def entity_states(self, account_id: str) -> tuple[EntityState, ...]:
        with self._reading() as unit:
            return hindsight.entity_states(unit, account_id)

    def memory(
        self, snapshot: AccountSnapshot, *, now: datetime, our_application_id: str | None
    ) -> Memory:
        with self._reading() as unit:
            return memory.build(unit, snapshot, now=now, our_application_id=our_application_id)

    def reserved_usd(self) -> Mapping[str, Decimal]:
        with self._reading() as unit:
            return actions.reserved_usd(unit)

    # --- decisions -------------------------------------------------------------------------------

    def record_decisions(
        self,
        account_id: str,
        decisions: Sequence[NewAction],
        traces: Iterable[Trace],
        metrics: Iterable[Json],
        *,
        tick_id: str,
        at: datetime,
    ) -> tuple[int, ...]:
        with self._writing() as unit:
            ids = decision_rows.record(unit, account_id, decisions, tick_id=tick_id, at=at)
            trace_rows.record(unit, account_id, traces, tick_id=tick_id, at=at)
            trace_rows.record_metrics(unit, account_id, metrics, tick_id=tick_id, at=at)
            return ids

    def trace(self, entity_id: str) -> tuple[Trace, Json] | None:
        with self._reading() as unit:
            return trace_rows.one(unit, entity_id)

    def traces(self, *, level: Level | None = None) -> tuple[Trace, ...]:
        with self._reading() as unit:
            return trace_rows.listed(unit, level=level)

    # --- suggestions and history -----------------------------------------------------------------

    def action(self, action_id: int) -> ActionRecord:
        with self._reading() as unit:
            return actions.one(unit, action_id)

    def actions(
        self,
        *,
        statuses: Sequence[ActionStatus] | None = None,
        entity_id: str | None = None,
        since: datetime | None = None,
        tick_id: str | None = None,
    ) -> tuple[ActionRecord, ...]:
        with self._reading() as unit:
            return actions.listed(
                unit, statuses=statuses, entity_id=entity_id, since=since, tick_id=tick_id
            )

    def move(
        self,
        action_id: int,
        *,
        expected: Sequence[ActionStatus],
        to: ActionStatus,
        at: datetime,
        who: str,
        event: str | None,
        message: str = "",
        before: Json | None = None,
        after: Json | None = None,
    ) -> bool:
        with self._writing() as unit:
            return actions.move(
                unit,
                action_id,
                expected=expected,
                to=to,
                at=at,
                who=who,
                event=event,
                message=message,
                before=before,
                after=after,
            )

    def expire(self, *, now: datetime) -> int:
        with self._writing() as unit:
            return actions.expire(unit, now=now)

    # --- execution -------------------------------------------------------------------------------

    def commit_intent(
        self,
        action_id: int,
        change: Change,
        *,
        at: datetime,
        who: str,
        money: MoneyAtCommit = NO_MONEY,
    ) -> Attempt:
        with self._writing_under_lock(change.account_id) as unit:
            return attempts.commit_intent(
                unit,
                action_id,
                change,
                at=at,
                who=who,
                money=money,
            )

    def record_event(
        self,
        attempt: Attempt,
        event: AttemptEvent,
        *,
        at: datetime,
        detail: str,
        blocked_until: datetime | None = None,
    ) -> Attempt:
        with self._writing() as unit:
            return attempts.record_event(
                unit, attempt, event, at=at, detail=detail, blocked_until=blocked_until
            )

    def open_attempts(self, account_id: str | None = None) -> tuple[Attempt, ...]:
        with self._reading() as unit:
            return attempts.open_attempts(unit, account_id)

    def attempts_of(self, action_id: int) -> tuple[Attempt, ...]:
        with self._reading() as unit:
            return attempts.of_action(unit, action_id)

    def unfinished_actions(self, account_id: str | None = None) -> tuple[ActionRecord, ...]:
        with self._reading() as unit:
            return attempts.unfinished(unit, account_id)

    def supersede_others(self, entity_ids: Sequence[str], *, keep: int, at: datetime) -> None:
        with self._writing() as unit:
            actions.supersede_others(unit, entity_ids, keep=keep, at=at)

    # --- creatives -------------------------------------------------------------------------------

    def creatives(self, account_id: str | None = None) -> tuple[CreativeRecord, ...]:
        with self._reading() as unit:
            return creatives.listed(unit, account_id=account_id)

    def decide_creative(
        self,
        creative_id: str,
        *,
        account_id: str,
        is_approved: bool,
        at: datetime,
        who: str,
        why: str = "",
    ) -> str | None:
        with self._writing() as unit:
            return creatives.decide(
                unit,
                creative_id,
                account_id=account_id,
                is_approved=is_approved,
                at=at,
                who=who,
                why=why,
            )

    # --- alerts ----------------------------------------------------------------------------------

    def raise_alert(self, alert: AlertRecord, *, who: str) -> bool:
        with self._writing() as unit:
            return alerts.raise_alert(unit, alert, who=who)

    def clear_alert(self, key: str, *, at: datetime, who: str) -> bool:
        with self._writing() as unit:
            return alerts.clear(unit, key, at=at, who=who)

    def acknowledge_alert(self, key: str, *, who: str, at: datetime) -> bool:
        with self._writing() as unit:
            return alerts.acknowledge(unit, key, who=who, at=at)

    def open_alerts(self) -> tuple[AlertRecord, ...]:
        with self._reading() as unit:
            return alerts.standing(unit)

    # --- the ledger ------------------------------------------------------------------------------

    def append(self, event: LedgerEvent) -> None:
        with self._writing() as unit:
            ledger.append(unit, event)

    def ledger(
        self, *, since: datetime | None = None, limit: int = 100
    ) -> tuple[LedgerEntry, ...]:
        with self._reading() as unit:
            return ledger.entries(unit, since=since, limit=limit)

    def ledger_lines(self, *, since: datetime | None = None) -> Iterator[LedgerLine]:
        with self._reading() as unit:
            after = ledger.before(unit, since)
        while after is not None:
            with self._reading() as unit:
                page = ledger.lines(unit, after=after)
            yield from page
            after = (page[-1].seq, page[-1].hash) if page else None

    def verify_ledger(self, *, expect: str | None = None) -> LedgerCheck:
        with self._reading() as unit:
            return ledger_proof.verify(unit, expect=expect)

    def ledger_head(self) -> str:
        with self._reading() as unit:
            seq, hash_ = ledger.head(unit)
            return f"{seq}:{hash_}"

    # --- retention: `operations.prune.Records` ------------------------------------------------

    def prune_lock(self) -> AbstractContextManager[bool]:
        # PostgreSQL frees a lock shortly after its session has ended, not with it.
        return self._locked("prune", 2.0)

    def segments(self) -> tuple[Segment, ...]:
        with self._reading() as unit:
            return segments.known(unit)

    def months_before(self, end: datetime) -> tuple[Month, ...]:
        with self._reading() as unit:
            return retention.months_before(unit, end)

    def lines_between(self, first: int, last: int) -> Iterator[LedgerLine]:
        with self._reading() as unit:
            after = retention.entry_before(unit, first)
        while after[0] < last:
            with self._reading() as unit:
                page = ledger.lines(unit, after=after, until=last)
            if not page:
                return
            yield from page
            after = (page[-1].seq, page[-1].hash)

    def seal(self, segment: Segment, *, at: datetime, who: str) -> None:
        with self._writing() as unit:
            retention.seal(unit, segment, at=at, who=who)

    def remove_sealed(self, segment: Segment, *, at: datetime, who: str) -> int:
        with self._writing() as unit:
            return retention.remove_sealed(unit, segment, at=at, who=who)

    def count_stale(self, end: datetime) -> Mapping[str, int]:
        with self._reading() as unit:
            return retention.count_stale(unit, end)

    def remove_stale(self, end: datetime, *, at: datetime, who: str) -> Mapping[str, int]:
        with self._writing() as unit:
            return retention.remove_stale(unit, end, at=at, who=who)

    # --- locks -----------------------------------------------------------------------------------

    def account_lock(
        self, account_id: str, *, wait_seconds: float = 0.0
    ) -> AbstractContextManager[bool]:
        """Yields whether this process works the account alone now, with tables that stay as they
        are meanwhile. Raises ConfigError when they were upgraded just before."""
        return self._locked(account_id, wait_seconds)

    @contextmanager
    def _locked(self, account_id: str, wait_seconds: float) -> Iterator[bool]:
        if self._read_only or (self._site.path is None and self._site.is_sqlite):
            yield True  # it writes nothing, or nobody else can see the database
            return
        with self._tables.held(wait_seconds=wait_seconds, once=self.check) as are_ours:
            if not are_ours:  # an upgrade is at work
                yield False
                return
            with self._lock(self._lock_name(account_id), wait_seconds=wait_seconds) as is_got:
                yield is_got

    def _lock(
        self, name: str, *, wait_seconds: float, is_shared: bool = False
    ) -> AbstractContextManager[bool]:
        path = self._site.path
        if path is not None:
            folder = path.parent / "locks"
            return locks.file_lock(folder, name, wait_seconds=wait_seconds, is_shared=is_shared)
        if self._session_locks is None:
            self._session_locks = locks.SessionLocks(self._engine, self.location)
        return self._session_locks.lock(name, wait_seconds=wait_seconds, is_shared=is_shared)

    def _lock_name(self, account_id: str) -> str:
        return f"{self._platform}-{account_id}"
