"""What the deeds need from the world, as Protocols, and the errors the world may answer with.

Errors are divided by what we know afterwards, not by technology:

    MetaAutoError                    expected; shown as one line with a remedy
    ├── ConfigError                  exit 78: key, what was given, what is allowed
    ├── NotAllowed                   exit 77: this person may not do this
    ├── RefusedByGuard               exit 3: refused, stale, already decided, not found
    ├── Busy                         exit 75: nothing can be worked now
    ├── StoreUnavailable             exit 1: database or disk
    └── PlatformError                a read of Meta failed: nothing was asked to change
        ├── Unreachable              network, 5xx, nonsense, deadline (exit 4)
        ├── Throttled                Meta said: later (left for the next tick)
        │   └── Penalised            ... because its rules were broken (alert)
        ├── AuthFailed               token or permission (exit 4, alert)
        ├── Gone                     the object does not exist, or is not ours to see
        └── BadAnswer                Meta answered, but not what the docs promise: read refused
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, Protocol

from meta_autonomous.decision.booking import Restatements
from meta_autonomous.decision.context import Memory
from meta_autonomous.decision.differences import Brief
from meta_autonomous.decision.later import SeenDays
from meta_autonomous.decision.money_at_commit import NO_MONEY, MoneyAtCommit
from meta_autonomous.decision.tick_case import TickCase
from meta_autonomous.domain.action import (
    FIRST_STATUSES,
    Action,
    ActionStatus,
    ActionType,
    Outcome,
)
from meta_autonomous.domain.condition import AccountFacts, OtherHands, TokenFacts
from meta_autonomous.domain.entities import AccountSnapshot, Activity, Entity, Level
from meta_autonomous.domain.intent import Attempt, AttemptEvent, Change
from meta_autonomous.domain.news import News
from meta_autonomous.domain.performance import Days
from meta_autonomous.domain.segment import Segment
from meta_autonomous.domain.verdict import Verdict

Json = Mapping[str, Any]

#: Who the program itself is, in the ledger and in `created_by` and `decided_by`.
WORKER: Final = "autonomous_worker"


class MetaAutoError(Exception):
    """An expected failure. `remedy` says what the reader can do next."""

    code = "error"

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


class ConfigError(MetaAutoError):
    code = "config"


class NotAllowed(MetaAutoError):
    code = "not_allowed"


class RefusedByGuard(MetaAutoError):
    code = "refused"


class NotFound(RefusedByGuard):
    code = "not_found"


class Busy(MetaAutoError):
    code = "busy"


class StoreUnavailable(MetaAutoError):
    code = "database"


class PlatformError(MetaAutoError):
    code = "meta"


class Unreachable(PlatformError):
    code = "unreachable"


class Throttled(PlatformError):
    """`until` is when Meta will answer again, as far as it said."""

    code = "throttled"

    def __init__(self, message: str, *, remedy: str = "", until: datetime | None = None) -> None:
        super().__init__(message, remedy=remedy)
        self.until = until


class Penalised(Throttled):
    """Meta has blocked the account for breaking its rules; insisting makes it worse."""

    code = "penalised"


class AuthFailed(PlatformError):
    code = "auth"


class Gone(PlatformError):
    code = "gone"


class BadAnswer(PlatformError):
    code = "bad_answer"


# --- the platform -------------------------------------------------------------------------------


class AnswerKind(StrEnum):
    """What we know after a write was asked for."""

    ACCEPTED = "accepted"  # 200 with success: true. Not yet proof
    REFUSED = "refused"  # a validation code of Meta's: nothing changed
    THROTTLED = "throttled"  # Meta took nothing: later
    NOT_SENT = "not_sent"  # nothing left this machine
    UNKNOWN = "unknown"  # anything else: it may have happened


class Throttle(StrEnum):
    """What a throttled write has to wait for."""

    ACCOUNT = "account"  # its quota: nothing else of the account fares better
    ENTITY = "entity"  # this one entity's own limit, which concerns nothing else
    PENALTY = "penalty"  # the account is blocked for breaking Meta's rules


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    kind: AnswerKind
    detail: str  # for people; never contains a token
    trace_id: str | None = None
    until: datetime | None = None  # throttled: when Meta will take writes again
    throttle: Throttle = Throttle.ACCOUNT


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadPlan:
    """How far back one read of an account goes: `days` complete days and today. On the account's
    day `complete_on` all of them were read already; then only the `recent_days` are, which can
    still change."""

    days: int
    window_days: int
    recent_days: int | None = None
    complete_on: date | None = None
    with_activities_since: datetime | None = None

    def days_on(self, today: date) -> int:
        """The complete days to read; `today` is the account's."""
        if self.recent_days is None or self.complete_on != today:
            return self.days
        return min(self.days, self.recent_days)


class AdsPlatform(Protocol):
    """The one path to Meta (or to the sandbox, which is reached the same way)."""

    name: str  # "meta" or "sandbox"

    async def account_ids(self) -> tuple[str, ...]: ...

    async def trusted_now(self) -> datetime:
        """The platform's clock: its `Date` header plus what has elapsed since. Raises BadAnswer
        when there is no Date, or one more than 120 s from the local clock (Meta only)."""
        ...

    async def read_account(self, account_id: str, plan: ReadPlan) -> AccountSnapshot: ...

    async def read_entity(self, account_id: str, entity_id: str, level: Level) -> Entity: ...

    async def read_activities(
        self, account_id: str, *, since: datetime, entity_id: str | None = None
    ) -> tuple[Activity, ...]: ...

    async def write(self, change: Change) -> Answer:
        """Ask once, on a fresh connection. Never raises for what Meta or the network does."""
        ...

    def requests_made(self) -> int: ...

    def quota_used(self) -> Decimal:
        """The largest share of Meta's quotas that its answers told of; 1 is all of it."""
        ...

    async def token_facts(self) -> TokenFacts:
        """Until when the token holds, as far as Meta tells."""
        ...

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person should know of this run's answers, each once: an API version that ends."""
        ...

    @property
    def application_id(self) -> str | None:
        """Our app's id as the activity log names it; None when unknown."""
        ...


class Patient(Protocol):
    """The platform as `doctor` examines it. Reads only; raises PlatformError."""

    @property
    def warnings(self) -> tuple[str, ...]: ...

    async def trusted_now(self) -> datetime: ...

    async def token_facts(self) -> TokenFacts:
        """Raises AuthFailed for a token that is not taken."""
        ...

    async def permissions(self) -> frozenset[str] | None:
        """What the token may do, asked another way; None where that is not told."""
        ...

    async def account_facts(self, account_id: str) -> AccountFacts: ...

    async def other_hands(
        self, account_id: str, *, since: datetime, our_application_id: str | None
    ) -> OtherHands: ...


# --- the store ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEvent:
    """One line of the audit trail. `body` holds strings, whole numbers, bools and nesting only."""

    event: str
    who: str
    at: datetime
    entity_id: str | None = None
    action_id: int | None = None
    tick_id: str | None = None
    why: str = ""
    before: Json | None = None
    after: Json | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    seq: int
    hash: str
    event: LedgerEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerLine:
    """One entry as it is stored, for a proof elsewhere: the text that was hashed, untouched. What
    is no UTF-8 in it stands as lone surrogates."""

    seq: int
    previous: str  # the stored hash of the entry before
    hash: str
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerCheck:
    ok: bool
    entries: int
    head: str | None  # "SEQ:HASH"
    first_broken: int | None
    message: str = ""
    starts_after: str | None = None  # "SEQ:HASH" of the last entry that was moved to the archive
    archived: int = 0  # entries that were checked there


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionRecord:
    """One row of ``optimization_actions``, as the commands show it. Budgets are decimal text."""

    id: int
    status: ActionStatus
    type: ActionType
    level: Level
    entity_id: str
    entity_name: str
    campaign_id: str
    ad_id: str | None
    account_id: str
    currency: str
    current_budget: str | None
    proposed_budget: str | None
    change_pct: Decimal | None
    amount_usd: Decimal | None
    roas: Decimal | None
    expected_roas: Decimal | None
    confidence: Decimal | None
    reason: str
    is_urgent: bool
    is_hard_stop: bool
    route: str
    legs: tuple[Json, ...]  # {entity_id, entity_name, current_budget, proposed_budget}
    verdicts: tuple[Json, ...]
    evidence: Json
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime | None
    decided_at: datetime | None
    decided_by: str | None
    executed_at: datetime | None
    tick_id: str | None
    undoes: int | None
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAction:
    """A decision to be recorded: one distinct action with the verdicts on it."""

    action: Action
    outcome: Outcome
    status: ActionStatus
    reason: str  # what `optimization_actions.reason` holds
    verdicts: tuple[Verdict, ...]
    evidence: Json
    is_urgent: bool
    route: str
    amount_usd: Decimal | None
    expires_at: datetime | None
    unchanged_id: int | None = None  # the pending suggestion that this is again
    created_by: str = WORKER
    undoes: int | None = None

    def __post_init__(self) -> None:
        if self.status not in FIRST_STATUSES:
            raise ValueError(f"no action begins as {self.status}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """Why the tick did what it did, or nothing, for one entity (`explain`)."""

    entity_id: str
    level: Level
    name: str
    campaign_id: str
    decision: str
    first_binding: str | None
    eligible_again_at: datetime | None
    gates: tuple[Verdict, ...]
    evidence: Json = field(default_factory=dict)
    was_evaluated: bool = False  # a campaign that had its full turn in this tick


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRecord:
    """What the last ticks left of one account: its stand-in when unreadable, its throttle."""

    account_id: str
    first_read_at: datetime | None = None
    last_read_at: datetime | None = None
    last_read_on: date | None = None  # the account's day of the last read
    last_full_read_on: date | None = None  # ... of the last read of 28 days
    projected_usd: Decimal | None = None
    budgets_usd: Decimal | None = None
    currency: str | None = None
    blocked_until: datetime | None = None
    last_error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreativeUse:
    """An ad that runs a creative, as the last read found it."""

    ad_id: str
    name: str
    campaign_id: str
    status: str  # effective, Meta's word


@dataclass(frozen=True, slots=True, kw_only=True)
class CreativeRecord:
    """A creative and who approved it: `status` is approved, rejected or pending, `source`
    baseline (in use at the account's first read), person, or seen (nobody decided yet)."""

    creative_id: str
    account_id: str
    status: str
    source: str
    first_seen_at: datetime
    decided_at: datetime | None = None
    decided_by: str | None = None
    ads: tuple[CreativeUse, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRecord:
    key: str
    severity: str
    message: str
    raised_at: datetime
    cleared_at: datetime | None = None
    acknowledged_by: str | None = None
    entity_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TestedPolicy:
    """The policy whose guards were tried last: which can't fire, and which of them a person
    accepted so."""

    digest: str
    dead: tuple[str, ...] = ()
    accepted: tuple[str, ...] = ()

    __test__ = False  # pytest collects by name

    @property
    def unaccepted(self) -> tuple[str, ...]:
        return tuple(guard for guard in self.dead if guard not in self.accepted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """Persistent switches that commands set: the stored mode wins over the configured one."""

    mode: str | None = None
    is_started: bool = True
    changed_by: str | None = None
    changed_at: datetime | None = None
    tested: TestedPolicy | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedTick:
    """One tick as it was: all it decided on, and its decisions. Of a past day that was read later
    the case is as known then, and the decisions are what would have been decided. `case` is None
    when a part of it was pruned."""

    tick_id: str
    at: datetime
    is_backfilled: bool
    case: TickCase | None
    decided: tuple[Brief, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PastEstimate:
    """What the program held of one entity's true ROAS on one day of the past."""

    entity_id: str
    level: Level
    window_until: date  # the last day it was told from; the day of the claim is the next
    created_at: datetime
    spend: Decimal  # of the window, major units of `currency`
    impressions: int
    currency: str
    posterior: tuple[float, ...]  # see decision/posterior.py


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityState:
    """One entity as reads found it from `valid_from` on, until its next state."""

    entity_id: str
    level: Level
    campaign_id: str
    adset_id: str | None
    valid_from: datetime
    status: str  # configured
    effective_status: str
    budget_minor: int | None


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

    def ad_parents(self, account_id: str) -> Mapping[str, tuple[str, str]]:
        """The ad set and the campaign of every ad that ever had rows."""
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


class Notifier(Protocol):
    """The way to people. Never raises: a failing notifier never fails a tick. What a target did
    not take is kept, and sent to it with the next news."""

    async def send(self, news: News) -> bool:
        """Tell it to every target, in one message each. True when all of them took it."""
        ...

    async def catch_up(self) -> bool:
        """There is no news: send what was not taken before, if anything."""
        ...


class Signal(StrEnum):
    """What a dead man's switch is told of a tick."""

    START = "start"
    SUCCESS = "success"
    FAIL = "fail"


class Watch(Protocol):
    """Who watches the program from outside. Never raises, and never fails a tick."""

    async def signal(self, signal: Signal) -> None: ...

    def show(self, metrics: str) -> None:
        """Replace what the monitoring reads."""
        ...

    async def failed(self, *, exit_code: int, at: datetime) -> None:
        """A tick ended by an error, before it could measure anything."""
        ...


Clock = Callable[[], datetime]


# --- who and how --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who runs this command, from the real uid (or sudo's caller under the service account)."""

    name: str
    is_admin: bool = False
    is_manager: bool = False  # admins are managers too
    is_service: bool = False  # the service may tick, never approve


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """How the program runs, beside the limits it obeys."""

    platform: str = "sandbox"
    is_enabled: bool = True
    mode: str = "suggest"  # as configured; the stored mode wins over it
    interval_seconds: int = 1800
    settle_seconds: int = 900
    account_ids: tuple[str, ...] = ()  # empty: every account the platform lists (sandbox only)
    policy: Json = field(default_factory=dict)  # the effective values, for the record
    policy_digest: str = ""
