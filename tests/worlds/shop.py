"""The shop's advertising as it really is: entities, their whole past, and what they deliver.

This is the truth that the server answers from and that the witness judges by. It knows nothing of
the product. Times are whole seconds since 1970, money whole minor units.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Final
from zoneinfo import ZoneInfo

CAMPAIGN, ADSET, AD = "campaign", "adset", "ad"
DAY: Final = 86_400
#: Days of delivery that exist before a world begins.
PAST_DAYS: Final = 36
PERSON, SYSTEM = "person", "system"

_MINOR: Final = {"JPY": 1}


@dataclass(frozen=True, slots=True)
class Turn:
    """One change of one field, as it took effect."""

    at: int
    field: str  # budget, status, creative, review, name
    old: object
    new: object
    by: str
    deed: int  # the deed under way when it happened


@dataclass(slots=True)
class Delivered:
    """One ad's day."""

    spend: int = 0
    impressions: int = 0
    purchases: int = 0
    value: int = 0


@dataclass(slots=True, eq=False)
class Thing:
    """A campaign, an ad set or an ad. `budget` is None where another level holds it."""

    id: str
    level: str
    name: str
    account: "Account"
    parent: "Thing | None"
    created: int
    status: str = "ACTIVE"
    kind: str | None = None  # of budget: daily, lifetime
    budget: int | None = None
    ends: int | None = None
    countries: tuple[str, ...] = ()
    learning: bool = False
    creative: str = ""
    review: str | None = None
    roas: float = 0.0
    weight: float = 1.0
    pace: float = 0.9
    children: list["Thing"] = field(default_factory=list)
    past: list[Turn] = field(default_factory=list)
    days: dict[date, Delivered] = field(default_factory=dict)
    _owed: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])

    @property
    def campaign(self) -> "Thing":
        return self if self.parent is None else self.parent.campaign

    @property
    def lineage(self) -> "tuple[Thing, ...]":
        """Itself and its parents, the nearest first."""
        return (self,) if self.parent is None else (self, *self.parent.lineage)

    @property
    def ads(self) -> "list[Thing]":
        return [self] if self.level == AD else [ad for one in self.children for ad in one.ads]

    @property
    def effective_status(self) -> str:
        gone = ("ARCHIVED", "DELETED")
        for one in self.lineage:
            if one.status in gone:
                return one.status
        if self.status == "PAUSED":
            return "PAUSED"
        for parent in reversed(self.lineage[1:]):
            if parent.status == "PAUSED":
                return "CAMPAIGN_PAUSED" if parent.level == CAMPAIGN else "ADSET_PAUSED"
        return self.review or self.status

    def has_ended(self, at: int) -> bool:
        return self.ends is not None and self.ends <= at

    def can_spend(self, at: int) -> bool:
        """Nobody has stopped it or what is above it. What Meta thinks of it does not count."""
        return all(one.status == "ACTIVE" and not one.has_ended(at) for one in self.lineage)

    def delivers(self, at: int) -> bool:
        return self.can_spend(at) and all(
            one.review in (None, "WITH_ISSUES") for one in self.lineage
        )

    def held(self, at: int) -> int | None:
        """The budget in force at that moment, in the terms in which Meta holds it."""
        amount = self.budget
        for turn in reversed(self.past):
            if turn.field == "budget" and turn.at > at:
                amount = turn.old  # type: ignore[assignment]
        return amount

    def turns(self, *fields: str, after: int) -> list[Turn]:
        """Changes later than that moment, the oldest first."""
        return [turn for turn in self.past if turn.field in fields and turn.at > after]

    def total(self, first: date, last: date) -> Delivered:
        found = Delivered()
        for ad in self.ads:
            for day, row in ad.days.items():
                if first <= day <= last:
                    found.spend += row.spend
                    found.impressions += row.impressions
                    found.purchases += row.purchases
                    found.value += row.value
        return found

    @property
    def was_paused_by_the_system(self) -> bool:
        last = next((turn for turn in reversed(self.past) if turn.field == "status"), None)
        return last is not None and last.by == SYSTEM and last.new == "PAUSED"

    def sold_more(self, factor: int, *, days: int) -> None:
        """Orders of the latest days that are told only now."""
        for ad in self.ads:
            for day in sorted(ad.days)[-days:]:
                row = ad.days[day]
                more = max(row.purchases, 1) * (factor - 1)
                row.purchases += more
                row.value += more * self.account.order_value

    def spent_ever(self) -> int:
        return sum(row.spend for ad in self.ads for row in ad.days.values())


@dataclass(slots=True, eq=False)
class Account:
    id: str
    currency: str
    zone: ZoneInfo
    minimum: int  # the smallest daily budget, minor units
    order_value: int  # minor units
    campaigns: list[Thing] = field(default_factory=list)
    tracks: bool = True  # False: the pixel is broken, purchases are not reported
    unreadable: bool = False

    @property
    def per_unit(self) -> int:
        return _MINOR.get(self.currency, 100)

    def day_of(self, at: int) -> date:
        return datetime.fromtimestamp(at, self.zone).date()

    def midnight_after(self, at: int) -> int:
        day = self.day_of(at) + timedelta(days=1)
        return int(datetime(day.year, day.month, day.day, tzinfo=self.zone).timestamp())

    def window(self, at: int, days: int) -> tuple[date, date]:
        """The complete days before the day of that moment."""
        today = self.day_of(at)
        return today - timedelta(days=days), today - timedelta(days=1)

    def things(self) -> Iterator[Thing]:
        for campaign in self.campaigns:
            yield campaign
        for campaign in self.campaigns:
            yield from campaign.children
        for campaign in self.campaigns:
            for adset in campaign.children:
                yield from adset.children

    def holders(self) -> Iterator[Thing]:
        return (one for one in self.things() if one.budget is not None)


@dataclass(slots=True)
class Shop:
    """All accounts, and the one clock of the world."""

    now: int
    accounts: list[Account] = field(default_factory=list)
    deed: int = 0
    _last_id: int = 120_000_000_000

    def new_id(self) -> str:
        self._last_id += 7
        return str(self._last_id)

    def moment(self, at: int | None = None) -> datetime:
        return datetime.fromtimestamp(self.now if at is None else at, UTC)

    def things(self) -> Iterator[Thing]:
        for account in self.accounts:
            yield from account.things()

    def find(self, entity_id: str) -> Thing | None:
        return next((one for one in self.things() if one.id == entity_id), None)

    def account(self, account_id: str) -> Account | None:
        return next((one for one in self.accounts if one.id == account_id), None)

    def set(self, thing: Thing, name: str, new: object, *, by: str) -> bool:
        """Change a field, with its line in the past. False when it stood so already."""
        old = getattr(thing, name)
        if old == new:
            return False
        setattr(thing, name, new)
        thing.past.append(Turn(self.now, name, old, new, by, self.deed))
        return True

    def pass_time(self, seconds: int) -> None:
        """Deliver until then, the account's days each for itself."""
        until = self.now + seconds
        for account in self.accounts:
            at = self.now
            while at < until:
                end = min(until, account.midnight_after(at))
                deliver(account, at, end)
                at = end
        self.now = until


def deliver(account: Account, start: int, end: int) -> None:
    """What is spent and bought between two moments of one day of the account."""
    day = account.day_of(start)
    for holder in list(account.holders()):
        ads = [ad for ad in holder.ads if ad.delivers(start)]
        whole = sum(ad.weight for ad in ads)
        daily = float(daily_equivalent(holder, start)) if ads else 0.0
        for ad in ads:
            spend = daily * holder.pace * (end - start) / DAY * ad.weight / whole
            _add(ad, account, day, spend)


def _add(ad: Thing, account: Account, day: date, spend: float) -> None:
    owed = ad._owed
    owed[0] += spend
    owed[1] += spend / account.per_unit * 100  # a CPM of 10 units
    owed[2] += spend * ad.roas / account.order_value
    row = ad.days.setdefault(day, Delivered())
    whole = [int(part) for part in owed]
    for index, part in enumerate(whole):
        owed[index] -= part
    row.spend += whole[0]
    row.impressions += whole[1]
    if account.tracks:
        row.purchases += whole[2]
        row.value += whole[2] * account.order_value


def daily_equivalent(holder: Thing, at: int, amount: int | None = None) -> Fraction:
    """The budget per day; of a lifetime budget what is left of it per day left."""
    held = holder.budget if amount is None else amount
    if held is None:
        return Fraction(0)
    if holder.kind == "daily" or holder.ends is None:
        return Fraction(held)
    left = holder.ends - at
    remaining = held - holder.spent_ever()
    return Fraction(max(remaining, 0) * DAY, left) if left > 0 else Fraction(0)


def live_through_the_past(shop: Shop) -> None:
    """Give every entity the days that it delivered before the world begins. What is to happen to
    it later has not happened yet: budgets and statuses stood as they stand now."""
    began = shop.now - PAST_DAYS * DAY
    for account in shop.accounts:
        at = account.midnight_after(began)
        while at < shop.now:
            end = min(shop.now, account.midnight_after(at))
            for holder in account.holders():
                _one_past_day(account, holder, at, end)
            at = end


def _one_past_day(account: Account, holder: Thing, at: int, end: int) -> None:
    ads = [
        ad for ad in holder.ads if ad.delivers(at) and max(one.created for one in ad.lineage) <= at
    ]
    whole = sum(ad.weight for ad in ads)
    held = holder.budget or 0
    daily = held / PAST_DAYS / 3 if holder.kind == "lifetime" else float(held)
    for ad in ads:
        spend = daily * holder.pace * (end - at) / DAY * ad.weight / whole
        _add(ad, account, account.day_of(at), spend)
