"""What a rule may know when it judges one action: the case.

All of it is read beforehand; a rule computes, it never looks anything up. Times are aware UTC and
trusted (the platform's clock). Amounts in USD are Decimals in dollars.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Self

from meta_autonomous.decision.geo import Geography
from meta_autonomous.decision.limits import Limits, PolicyBook
from meta_autonomous.decision.roas_engine import Estimate
from meta_autonomous.domain.action import Action, ActionType, Route
from meta_autonomous.domain.entities import AccountSnapshot, Entity
from meta_autonomous.domain.performance import DayFacts
from meta_autonomous.domain.quantities import Money, Rates


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingSuggestion:
    """A suggestion that still waits for a person."""

    action_id: int
    type: ActionType
    base: Money | None
    proposed: Money | None
    moved: Money | None = None  # a reallocation's amount
    entity_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityMemory:
    """What our own records say of one entity's past. The default is: nothing on record.

    `budgets_24h` are the budgets per day in force at any time within the last 24 hours, as far as
    known, the present one not included. `budgets_known` is True when the records reach back 24
    hours (or the account's activity log did); otherwise the present budget is the only base.
    """

    last_executed_at: datetime | None = None
    foreign_change_at: datetime | None = None  # own budget, configured status or bid, by others
    foreign_change: str | None = None  # what it was, in words
    budgets_24h: tuple[Money, ...] = ()
    budgets_known: bool = False
    last_direction: int = 0  # +1 the last executed scale was up, -1 down, 0 none
    last_direction_at: datetime | None = None
    reversed_at: Mapping[ActionType, datetime] = field(default_factory=dict)  # undone by a person
    rejected_at: Mapping[ActionType, datetime] = field(default_factory=dict)
    in_doubt_since: datetime | None = None
    budget_sent_at: tuple[datetime, ...] = ()  # our budget writes of the last hour
    budget_blocked_until: datetime | None = None  # Meta said: no other budget until then
    budget_refused_at: datetime | None = None  # Meta refused one, and it stands as it stood then
    paused_by_us_at: datetime | None = None
    paused_on: date | None = None  # "today" of the pause decision, whose window resume looks at
    pending: PendingSuggestion | None = None
    creative_changed_at: datetime | None = None  # ads: the last change of the creative we saw
    last_evaluated_at: datetime | None = None


NO_MEMORY = EntityMemory()


@dataclass(frozen=True, slots=True, kw_only=True)
class AutomaticPause:
    """An automatic pause of the last 24 hours, for the blast radius."""

    entity_id: str
    campaign_id: str
    adset_id: str | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What our own records say of one account's past."""

    entities: Mapping[str, EntityMemory] = field(default_factory=dict)
    approved_creatives: frozenset[str] = frozenset()  # by a person, or as baseline
    rejected_creatives: frozenset[str] = frozenset()
    automatic_pauses: tuple[AutomaticPause, ...] = ()  # executed or open, last 24 hours
    last_budgets: Mapping[str, Money] = field(default_factory=dict)  # of what is unread now

    def of(self, entity_id: str) -> EntityMemory:
        return self.entities.get(entity_id, NO_MEMORY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """One entity's window: what it delivered, and what that says of its true ROAS."""

    entity_id: str
    window: tuple[date, ...]
    facts: DayFacts
    spend_usd: Decimal | None  # None: no rate for the currency
    roas: Decimal | None  # raw value / spend; None without spend
    estimate: Estimate | None  # None: nothing to estimate from
    average_orders: Decimal | None = None  # what the account's average one would have brought

    def prob_below(self, threshold: Decimal) -> Decimal | None:
        """P(true ROAS < threshold), six places; None without an estimate."""
        if self.estimate is None:
            return None
        return _probability(self.estimate.posterior.prob_below(float(threshold)))

    def prob_at_least(self, threshold: Decimal) -> Decimal | None:
        if self.estimate is None:
            return None
        return _probability(self.estimate.posterior.prob_at_least(float(threshold)))

    @property
    def expected_roas(self) -> Decimal | None:
        if self.estimate is None:
            return None
        return _probability(self.estimate.posterior.expected())


def _probability(value: float) -> Decimal:
    return Decimal(repr(round(value, 6)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """Purchases of the latest complete days are impossibly low for the spend: tracking broke."""

    days: tuple[date, ...]
    expected_purchases: Decimal
    seen_purchases: int
    probability: Decimal  # of so few purchases, were tracking whole
    false_alarm_rate: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """One account as this tick found it: the read, our records, and what was computed of both."""

    snapshot: AccountSnapshot
    memory: Memory
    evaluations: Mapping[str, Evaluation]
    rates: Rates
    outage: Outage | None = None
    purchases_28d: int = 0
    geography: Geography | None = None  # computed by the rules that need it, when not given
    outage_days: frozenset[date] = frozenset()  # they leave every window

    def evaluation(self, entity: Entity) -> Evaluation | None:
        return self.evaluations.get(entity.id)

    def usd(self, money: Money) -> Decimal | None:
        return self.rates.usd(money)

    def usd_of_micros(self, amount: int) -> Decimal | None:
        return self.rates.usd_of_micros(amount, self.snapshot.account.currency)


@dataclass(frozen=True, slots=True, kw_only=True)
class HolderSpend:
    """One budget holder (campaign or ad set with a budget of its own), in USD, today."""

    budget_usd: Decimal  # per day
    spent_usd: Decimal  # so far today
    counts: bool  # it can deliver today, so its whole budget counts in the projection


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Money of all accounts together, today, with everything that was granted before.

    `spent_usd`: spend so far of everything. `projected_usd`: the projected day by contract
    section 5 (`safety.daily_spend`), before any grant. `unpriced` names accounts that could
    neither be read nor stood in for, and currencies without a rate: while there are any,
    increases are blocked. `granted_usd` is what each entity may spend per day beyond its present
    budget by what was granted (this tick, or open elsewhere); never negative.
    """

    spent_usd: Decimal = Decimal(0)
    stand_in_usd: Decimal = Decimal(0)  # the part of it that stands in for unread accounts
    projected_usd: Decimal = Decimal(0)
    holders: Mapping[str, HolderSpend] = field(default_factory=dict)
    unpriced: tuple[str, ...] = ()
    granted_usd: Mapping[str, Decimal] = field(default_factory=dict)

    @property
    def seen_usd(self) -> Decimal:
        """What was really seen to be spent today; the accounts that were read, no more."""
        return self.spent_usd - self.stand_in_usd

    def granting(self, extra_usd: Mapping[str, Decimal]) -> Self:
        merged = dict(self.granted_usd)
        for entity_id, extra in extra_usd.items():
            merged[entity_id] = merged.get(entity_id, Decimal(0)) + max(extra, Decimal(0))
        return replace(self, granted_usd=merged)

    def granted_elsewhere(self, *entity_ids: str) -> Decimal:
        """What was granted to everything but these entities."""
        return sum(
            (extra for key, extra in self.granted_usd.items() if key not in entity_ids),
            Decimal(0),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One action's circumstances, for the rules."""

    now: datetime
    route: Route
    limits: Limits  # in force for this entity, overrides applied
    book: PolicyBook
    situation: Situation
    totals: Totals
    granted_pauses: tuple[AutomaticPause, ...] = ()  # automatic pauses granted this tick
    granted_geo: tuple[Action, ...] = ()  # increases granted this tick in this account
    geography_ahead: Geography | None = None  # with all that is done before; None: as it is
    is_manual_pause: bool = False  # a pause that a person asked for

    @property
    def snapshot(self) -> AccountSnapshot:
        return self.situation.snapshot

    def memory(self, entity: Entity) -> EntityMemory:
        return self.situation.memory.of(entity.id)

    def evaluation(self, entity: Entity) -> Evaluation | None:
        return self.situation.evaluation(entity)
