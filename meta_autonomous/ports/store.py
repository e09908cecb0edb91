"""The memory of the program: every deed is a transaction that commits whole or not at all."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol

from meta_autonomous.decision.booking import Restatements
from meta_autonomous.decision.context import Memory
from meta_autonomous.decision.differences import Brief
from meta_autonomous.decision.later import SeenDays
from meta_autonomous.decision.money_at_commit import NO_MONEY, MoneyAtCommit
from meta_autonomous.decision.tick_case import TickCase
from meta_autonomous.domain.action import (
    ActionStatus,
)
from meta_autonomous.domain.entities import AccountSnapshot, Level
from meta_autonomous.domain.intent import Attempt, AttemptEvent, Change
from meta_autonomous.domain.performance import Days
from meta_autonomous.domain.segment import Segment
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
from meta_autonomous.ports.words import Json


class Store(Protocol):
    """The database. Every method is one transaction, committed when it returns, unless it says
    otherwise; each writes its ledger entries in that same transaction. Nothing here does HTTP.
    All of it concerns one platform, given at construction. Raises StoreUnavailable."""

    # runtime switches, policy, ticks
    def runtime(self) -> Runtime: ...
    def set_mode(
        self, mode: str, *, event: LedgerEvent, tested: TestedPolicy | None = None
    ) -> None: ...
    def record_tested(self, tested: TestedPolicy) -> None:
        """What a tick found of the guards of a policy that was not tested yet."""
        ...

    def set_started(self, *, is_started: bool, event: LedgerEvent) -> None: ...
    def record_policy(self, digest: str, policy: Json, *, at: datetime, who: str) -> bool:
        """Store the effective policy when its digest differs from the last; the ledger event
        `policy_changed` names what changed. True when it did."""
        ...

    def begin_tick(self, tick_id: str, *, at: datetime, mode: str) -> None: ...
    def finish_tick(self, tick_id: str, *, at: datetime, report: Json) -> None: ...
    def last_tick(self) -> Json | None: ...
    def ticks_since(self, at: datetime) -> tuple[Json, ...]: ...
    def latest_time(self) -> datetime | None:
        """The latest trusted time on record: that of the ledger's last entry which bears Meta's
        clock."""
        ...

    # reads and what they leave
    def account(self, account_id: str) -> AccountRecord: ...
    def save_account(self, record: AccountRecord) -> None: ...
    def record_snapshot(self, snapshot: AccountSnapshot, *, tick_id: str) -> None:
        """Entity rows that changed, creatives newly seen (baseline on the first complete read of
        the account), insights as seen (only rows that differ from the latest reading)."""
        ...

    def stored_days(self, account_id: str, *, since: date, until: date) -> Mapping[str, Days]:
        """Latest known rows by ad id, both days included."""
        ...

    def day_totals(self, account_id: str, *, since: date) -> Mapping[date, tuple[int, int]]:
        """Spend and purchase value of the whole account, in micros, by the latest readings."""
        ...

    def ad_parents(self, account_id: str) -> Mapping[str, tuple[str, str]]:
        """The ad set and the campaign of every ad that ever had rows."""
        ...

    def count_ads(self, account_id: str) -> int:
        """How many ads ever had rows."""
        ...

    def seen_days(self, account_id: str, *, since: date) -> SeenDays:
        """The latest readings from that day on."""
        ...

    def record_past(self, snapshot: AccountSnapshot) -> None:
        """Insights only, of a read that reaches further back than a tick's: what a tick makes of
        an account's first read (its baseline) is left to the tick."""
        ...

    # cases, to be decided again
    def record_case(
        self, tick_id: str, case: TickCase, decided: Sequence[Brief], *, at: datetime
    ) -> None:
        """All that a tick decided on, and what it decided; the same tick again replaces it."""
        ...

    def record_past_case(self, case: TickCase, decided: Sequence[Brief], *, at: datetime) -> None:
        """The case of a past moment of which nothing was recorded; marked as such. The same
        moment again replaces it."""
        ...

    def recorded_ticks(self, *, since: datetime) -> Iterator[RecordedTick]:
        """The oldest first, past cases among them. Read tick by tick, not in one transaction."""
        ...

    def first_case_at(self) -> datetime | None:
        """The first tick that was recorded when it happened."""
        ...

    def restatements(self, account_id: str, *, today: date) -> Restatements | None: ...
    def accounts(self) -> tuple[AccountRecord, ...]: ...
    def past_estimates(self, account_id: str) -> tuple[PastEstimate, ...]:
        """Of each entity and day the last estimate that was told, the oldest day first."""
        ...

    def entity_states(self, account_id: str) -> tuple[EntityState, ...]:
        """Every state on record, each entity's oldest first."""
        ...

    def memory(
        self, snapshot: AccountSnapshot, *, now: datetime, our_application_id: str | None
    ) -> Memory:
        """What is on record of the account's entities. Call before `record_snapshot` of the same
        read, so that a change by someone else shows as the difference between the two; the
        snapshot's activities, when it has them, tell of changes before our first record."""
        ...

    def reserved_usd(self) -> Mapping[str, Decimal]:
        """Extra USD per day of every approved, executing or in-doubt increase, by entity id."""
        ...

    # decisions
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
        """Ids in the order of `decisions`. A distinct action has one row: seen again it is
        refreshed, and a ledger event is written only when its verdict changed. A new suggestion
        supersedes another pending one on the same entity."""
        ...

    def trace(self, entity_id: str) -> tuple[Trace, Json] | None:
        """The last trace of an entity and the tick it is from."""
        ...

    def traces(self, *, level: Level | None = None) -> tuple[Trace, ...]:
        """The last trace of every entity, campaigns first, each level by name."""
        ...

    # suggestions and history
    def action(self, action_id: int) -> ActionRecord: ...  # raises NotFound
    def actions(
        self,
        *,
        statuses: Sequence[ActionStatus] | None = None,
        entity_id: str | None = None,
        since: datetime | None = None,
        tick_id: str | None = None,
    ) -> tuple[ActionRecord, ...]: ...
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
        """Conditional update; False when the action no longer stands in an expected status."""
        ...

    def expire(self, *, now: datetime) -> int: ...

    # execution (reliability section 1)
    def commit_intent(
        self,
        action_id: int,
        change: Change,
        *,
        at: datetime,
        who: str,
        money: MoneyAtCommit = NO_MONEY,
    ) -> Attempt:
        """The write-ahead record, in one transaction: the action goes from `approved` to
        `executing` (the second leg of a reallocation finds it there already) and gets an open
        attempt. Raises RefusedByGuard when the action is neither, has expired, its entity has an
        open attempt, this action already has an attempt on that entity which is open or took
        effect (one intent is sent once), the system was stopped, or `money` does not fit under
        the daily cap any more, with what other accounts and hosts have booked meanwhile."""
        ...

    def record_event(
        self,
        attempt: Attempt,
        event: AttemptEvent,
        *,
        at: datetime,
        detail: str,
        blocked_until: datetime | None = None,
    ) -> Attempt:
        """Move the attempt by `next_state` from the state that the caller knows. An answer puts
        `effect_at` forward to `at`, never back; UNREADABLE adds one to `unsettled_reads`.
        `blocked_until` is when Meta will take another budget for the entity, where it said so.
        Raises RefusedByGuard when another process moved it first."""
        ...

    def attempts_of(self, action_id: int) -> tuple[Attempt, ...]:
        """Every attempt of one action, open and settled, the oldest first."""
        ...

    def open_attempts(self, account_id: str | None = None) -> tuple[Attempt, ...]: ...
    def unfinished_actions(self, account_id: str | None = None) -> tuple[ActionRecord, ...]:
        """Actions that are approved, executing or in doubt. Under the account's lock, one that is
        approved, or has no open attempt, was left so by a process that died."""
        ...

    def supersede_others(self, entity_ids: Sequence[str], *, keep: int, at: datetime) -> None: ...

    # creatives
    def creatives(self, account_id: str | None = None) -> tuple[CreativeRecord, ...]: ...
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
        """Approve or reject a creative, seen or not yet seen. Its status before, if it had one;
        when that is the wanted one already, nothing is written."""
        ...

    # alerts
    def raise_alert(self, alert: AlertRecord, *, who: str) -> bool: ...
    def clear_alert(self, key: str, *, at: datetime, who: str) -> bool: ...
    def acknowledge_alert(self, key: str, *, who: str, at: datetime) -> bool: ...
    def open_alerts(self) -> tuple[AlertRecord, ...]: ...

    # the ledger
    def append(self, event: LedgerEvent) -> None: ...
    def ledger(
        self, *, since: datetime | None = None, limit: int = 100
    ) -> tuple[LedgerEntry, ...]: ...
    def ledger_lines(self, *, since: datetime | None = None) -> Iterator[LedgerLine]:
        """Every entry as stored, oldest first and without a gap, from the first that is not older
        than `since`. Read page by page, not in one transaction: entries are only ever added."""
        ...

    def verify_ledger(self, *, expect: str | None = None) -> LedgerCheck: ...
    def ledger_head(self) -> str:
        """Of the last entry: SEQ:HASH, to be noted elsewhere."""
        ...

    def segments(self) -> tuple[Segment, ...]:
        """Months of the ledger that were sealed, the oldest first."""
        ...

    # locks: released by death, never by a clock
    def account_lock(
        self, account_id: str, *, wait_seconds: float = 0.0
    ) -> AbstractContextManager[bool]: ...
