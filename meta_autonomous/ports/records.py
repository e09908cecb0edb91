"""What the store keeps and hands out: frozen rows, budgets as decimal text."""

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from meta_autonomous.domain.action import (
    FIRST_STATUSES,
    Action,
    ActionStatus,
    ActionType,
    Outcome,
)
from meta_autonomous.domain.entities import Level
from meta_autonomous.domain.verdict import Verdict
from meta_autonomous.ports.words import WORKER, Json

if TYPE_CHECKING:
    from meta_autonomous.decision.differences import Brief
    from meta_autonomous.decision.tick_case import TickCase


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

    @classmethod
    def of(cls, kept: Json) -> "TestedPolicy":
        """As it was stored. Raises KeyError or TypeError for anything else."""
        return cls(
            digest=kept["digest"], dead=tuple(kept["dead"]), accepted=tuple(kept["accepted"])
        )

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
    when a part of it was pruned, or is of a version that wrote it otherwise."""

    tick_id: str
    at: datetime
    is_backfilled: bool
    case: "TickCase | None"
    decided: "tuple[Brief, ...]"


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
