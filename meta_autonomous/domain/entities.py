"""Ad account, campaign, ad set and ad, as one read of Meta found them.

Status words are Meta's own text, because Meta adds new ones: code compares with the members of
`Status` and treats every other word as "not known to be active".
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final, Self
from zoneinfo import ZoneInfo

from meta_autonomous.domain.day_table import added_up, joined
from meta_autonomous.domain.performance import NOTHING, DayFacts, Days, total
from meta_autonomous.domain.quantities import Currency, Money

#: Account states in which ads can run: ACTIVE, PENDING_SETTLEMENT, IN_GRACE_PERIOD.
DELIVERING_ACCOUNT_STATUSES: Final = frozenset({1, 8, 9})
#: Objectives measured by purchases: sales and its legacy names.
SALES_OBJECTIVES: Final = frozenset({"OUTCOME_SALES", "CONVERSIONS", "PRODUCT_CATALOG_SALES"})
#: Optimisation goals under which an ad set can be bought for purchases or their value.
PURCHASE_GOALS: Final = frozenset({"OFFSITE_CONVERSIONS", "VALUE"})
#: Promoted-object events that are a purchase. An ad set that names another event is not measured.
PURCHASE_EVENTS: Final = frozenset({"PURCHASE"})
LEGACY_ADVANTAGE: Final = frozenset({"AUTOMATED_SHOPPING_ADS", "SMART_APP_PROMOTION"})
_DAY_SECONDS: Final = 86_400


class Level(StrEnum):
    CAMPAIGN = "campaign"
    ADSET = "adset"
    AD = "ad"


class Status(StrEnum):
    """Configured and effective statuses that this program knows."""

    ACTIVE = "ACTIVE"
    PAUSED = "PAUSED"
    ARCHIVED = "ARCHIVED"
    DELETED = "DELETED"
    IN_PROCESS = "IN_PROCESS"
    WITH_ISSUES = "WITH_ISSUES"
    CAMPAIGN_PAUSED = "CAMPAIGN_PAUSED"
    ADSET_PAUSED = "ADSET_PAUSED"
    PENDING_REVIEW = "PENDING_REVIEW"
    DISAPPROVED = "DISAPPROVED"
    PREAPPROVED = "PREAPPROVED"
    PENDING_BILLING_INFO = "PENDING_BILLING_INFO"


class BudgetKind(StrEnum):
    DAILY = "daily"
    LIFETIME = "lifetime"


@dataclass(frozen=True, slots=True)
class Budget:
    """A budget as Meta holds it. A lifetime budget knows what is left of it and when it ends."""

    kind: BudgetKind
    amount: Money
    remaining: Money | None = None
    ends_at: datetime | None = None

    def daily(self, now: datetime) -> Money | None:
        """The budget per day: the amount, or what is left of a lifetime budget per day left."""
        if self.kind is BudgetKind.DAILY:
            return self.amount
        seconds = self._seconds_left(now)
        if seconds is None or self.remaining is None:
            return None
        return Money(self.remaining.minor * _DAY_SECONDS // seconds, self.remaining.currency)

    def amount_for(self, daily: Money, now: datetime) -> Money | None:
        """The amount to send so that the budget per day becomes `daily`: spent + daily x days,
        rounded towards the present amount."""
        if self.kind is BudgetKind.DAILY:
            return daily
        seconds = self._seconds_left(now)
        if seconds is None or self.remaining is None:
            return None
        spent = self.amount - self.remaining
        lower, rest = divmod(daily.minor * seconds, _DAY_SECONDS)
        is_cut = lower < self.remaining.minor
        return spent + Money(lower + (1 if is_cut and rest else 0), daily.currency)

    def days_left(self, now: datetime) -> Decimal | None:
        """Days until the end, as a fraction; None without an end or past it."""
        seconds = self._seconds_left(now)
        return None if seconds is None else Decimal(seconds) / _DAY_SECONDS

    def _seconds_left(self, now: datetime) -> int | None:
        if self.ends_at is None or self.ends_at <= now:
            return None
        return (self.ends_at - now) // timedelta(seconds=1) or None


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An ad account. `id` has no ``act_`` prefix. Its days are days of `timezone`."""

    id: str
    name: str
    currency: Currency
    timezone: ZoneInfo
    status: int
    min_daily_budget: Money

    @property
    def can_deliver(self) -> bool:
        return self.status in DELIVERING_ACCOUNT_STATUSES

    def day_of(self, at: datetime) -> date:
        return at.astimezone(self.timezone).date()


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """What campaigns, ad sets and ads have in common. `created_at` is None when Meta sent none."""

    id: str
    name: str
    account_id: str
    status: str
    effective_status: str
    created_at: datetime | None
    budget: Budget | None = None
    bid: str | None = None

    @property
    def level(self) -> Level:
        raise TypeError("an Entity is a Campaign, an AdSet or an Ad")

    @property
    def campaign_id(self) -> str:
        raise TypeError("an Entity is a Campaign, an AdSet or an Ad")

    @property
    def parent_id(self) -> str | None:
        raise TypeError("an Entity is a Campaign, an AdSet or an Ad")

    @property
    def is_active(self) -> bool:
        """Can deliver now, as far as statuses tell: its own and its parents'."""
        return self.effective_status in (Status.ACTIVE, Status.WITH_ISSUES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign(Entity):
    objective: str | None = None
    smart_promotion_type: str | None = None
    has_budget_schedule: bool = False
    stops_at: datetime | None = None

    @property
    def level(self) -> Level:
        return Level.CAMPAIGN

    @property
    def campaign_id(self) -> str:
        return self.id

    @property
    def parent_id(self) -> str | None:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class AdSet(Entity):
    """An ad set. `countries` is None when its targeting names none (regions, worldwide)."""

    of_campaign: str
    optimization_goal: str | None = None
    purchase_event: str | None = None
    countries: tuple[str, ...] | None = None
    learning: str | None = None
    has_budget_schedule: bool = False
    ends_at: datetime | None = None

    @property
    def level(self) -> Level:
        return Level.ADSET

    @property
    def campaign_id(self) -> str:
        return self.of_campaign

    @property
    def parent_id(self) -> str | None:
        return self.of_campaign

    @property
    def is_learning(self) -> bool:
        return self.learning == "LEARNING"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ad(Entity):
    """`has_review_feedback`: Meta's review objects to something. Under a paused parent that alone
    tells it, for the effective status then speaks of the pause."""

    of_campaign: str
    of_adset: str
    creative_id: str | None = None
    has_review_feedback: bool = False

    @property
    def level(self) -> Level:
        return Level.AD

    @property
    def campaign_id(self) -> str:
        return self.of_campaign

    @property
    def parent_id(self) -> str | None:
        return self.of_adset


@dataclass(frozen=True, slots=True)
class Activity:
    """One line of the account's activity log: who changed what, and to which value."""

    object_id: str
    event_type: str
    at: datetime
    actor_id: str | None
    application_id: str | None
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadHolder:
    """A campaign or ad set that could not be understood, and may spend a budget of its own all the
    same. `budget` is None where not even that could be read, `campaign_id` likewise."""

    campaign_id: str | None
    budget: Budget | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSnapshot:
    """All that one complete read of an ad account knows. Nothing in it is a guess.

    `days` holds each entity's rows by level; rows of archived and deleted entities are in it too,
    under ids that stand in none of the entity mappings. `first_day` is the first covered day.
    `countries` is each ad set's delivered spend by country over the window, in micros.
    `ad_parents` names the ad set and the campaign of every ad that has rows.
    `activities` is None when the log was not read or could not be. `skipped` names what could not
    be understood: an entity that then stands in no mapping, or one that does (its budget and spend
    count) but of which not all is known. `unread` are those in no mapping that may hold a budget.
    """

    account: Account
    observed_at: datetime
    first_day: date
    campaigns: Mapping[str, Campaign]
    adsets: Mapping[str, AdSet]
    ads: Mapping[str, Ad]
    days: Mapping[Level, Mapping[str, Days]]
    countries: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    ad_parents: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    governed_by_rules: frozenset[str] = frozenset()
    activities: tuple[Activity, ...] | None = None
    missing_days: frozenset[date] = frozenset()
    unlisted: frozenset[str] = frozenset()  # parents of what delivers that no list has: not whole
    skipped: Mapping[str, str] = field(default_factory=dict)  # entity id -> what was odd about it
    unread: Mapping[str, UnreadHolder] = field(default_factory=dict)
    _children: Mapping[str, tuple[str, ...]] = field(init=False, repr=False, compare=False)
    _spends: dict[tuple[date, ...], int] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )

    def __post_init__(self) -> None:
        children: dict[str, list[str]] = {}
        for adset in self.adsets.values():
            children.setdefault(adset.of_campaign, []).append(adset.id)
        for ad in self.ads.values():
            children.setdefault(ad.of_adset, []).append(ad.id)
        frozen = {parent: tuple(sorted(ids)) for parent, ids in children.items()}
        object.__setattr__(self, "_children", frozen)

    @property
    def today(self) -> date:
        return self.account.day_of(self.observed_at)

    def with_days_before(
        self, first_day: date, ad_days: Mapping[str, Days], parents: Mapping[str, tuple[str, str]]
    ) -> Self:
        """This read, reaching back to `first_day` by the rows of an earlier one: `ad_days` by ad,
        none of them of a day that this read covers itself."""
        read = self.days.get(Level.AD, {})
        all_days = {
            ad_id: joined((ad_days.get(ad_id, {}), read.get(ad_id, {})), first_day, self.today)
            for ad_id in (*ad_days, *(ad_id for ad_id in read if ad_id not in ad_days))
        }
        all_parents = {**parents, **self.ad_parents}
        return replace(
            self,
            first_day=first_day,
            days=days_by_level(all_days, all_parents),
            ad_parents={ad_id: all_parents[ad_id] for ad_id in all_days if ad_id in all_parents},
        )

    def entity(self, entity_id: str) -> Entity | None:
        return (
            self.campaigns.get(entity_id) or self.adsets.get(entity_id) or self.ads.get(entity_id)
        )

    def entities(self) -> tuple[Entity, ...]:
        """Every campaign, ad set and ad, in that order."""
        return (*self.campaigns.values(), *self.adsets.values(), *self.ads.values())

    def adsets_of(self, campaign_id: str) -> tuple[AdSet, ...]:
        return tuple(self.adsets[child] for child in self._children.get(campaign_id, ()))

    def ads_of(self, adset_id: str) -> tuple[Ad, ...]:
        return tuple(self.ads[child] for child in self._children.get(adset_id, ()))

    def ads_under(self, entity: Entity) -> tuple[Ad, ...]:
        match entity:
            case Ad():
                return (entity,)
            case AdSet():
                return self.ads_of(entity.id)
            case _:
                adsets = self.adsets_of(entity.id)
                return tuple(ad for adset in adsets for ad in self.ads_of(adset.id))

    def campaign_name_of(self, entity: Entity) -> str:
        """Its own name where the campaign is not listed."""
        campaign = self.campaigns.get(entity.campaign_id)
        return campaign.name if campaign is not None else entity.name

    def parents_of(self, entity: Entity) -> tuple[Entity, ...]:
        """From the nearest parent up to the campaign."""
        chain: list[Entity] = []
        parent_id = entity.parent_id
        while parent_id is not None:
            parent = self.entity(parent_id)
            if parent is None:
                break
            chain.append(parent)
            parent_id = parent.parent_id
        return tuple(chain)

    def budget_holder(self, entity: Entity) -> Entity | None:
        """The campaign or ad set whose budget the entity spends; None when neither has one."""
        for holder in (entity, *self.parents_of(entity)):
            if holder.budget is not None:
                return holder
        return None

    def days_of(self, entity: Entity) -> Days:
        return self.days.get(entity.level, {}).get(entity.id, {})

    def telling_days(self, level: Level) -> Mapping[str, Days]:
        """Each entity's rows, but of those of which not all is known: one could learn only wrong
        things from them."""
        of_level = self.days.get(level, {})
        if not self.skipped:
            return of_level
        return {one: days for one, days in of_level.items() if one not in self.skipped}

    def spend_on(self, days: tuple[date, ...]) -> int:
        """The whole account's spend in micros; added up once for each window."""
        if days not in self._spends:
            self._spends[days] = sum(
                total(of_campaign, days).spend_micros
                for of_campaign in self.days.get(Level.CAMPAIGN, {}).values()
            )
        return self._spends[days]

    def spent_today(self, entity: Entity) -> DayFacts:
        return self.days_of(entity).get(self.today, NOTHING)

    def spent_today_unread(self, holder_id: str) -> DayFacts:
        return self._days_unread(holder_id).get(self.today, NOTHING)

    def most_spent_unread(self, holder_id: str) -> int:
        """In micros, on any one day."""
        days = self._days_unread(holder_id).values()
        return max((facts.spend_micros for facts in days), default=0)

    def _days_unread(self, holder_id: str) -> Days:
        """Of one of `unread`: a campaign or an ad set."""
        of_level = (self.days.get(level, {}) for level in (Level.CAMPAIGN, Level.ADSET))
        return next((days[holder_id] for days in of_level if holder_id in days), {})


def days_by_level(
    ad_days: Mapping[str, Days], parents: Mapping[str, tuple[str, str]]
) -> Mapping[Level, Mapping[str, Days]]:
    """Rows of ads, added up for the ad set and the campaign that each belongs to."""
    of_pair: dict[tuple[str, str], list[Days]] = {}
    for ad_id, days in ad_days.items():
        of_pair.setdefault(parents[ad_id], []).append(days)
    adsets: dict[str, list[Days]] = {}
    campaigns: dict[str, list[Days]] = {}
    for (adset_id, campaign_id), parts in of_pair.items():
        days = added_up(parts)
        adsets.setdefault(adset_id, []).append(days)
        campaigns.setdefault(campaign_id, []).append(days)
    return {
        Level.CAMPAIGN: {above: added_up(parts) for above, parts in campaigns.items()},
        Level.ADSET: {above: added_up(parts) for above, parts in adsets.items()},
        Level.AD: ad_days,
    }
