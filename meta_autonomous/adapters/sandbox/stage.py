"""What delivers at a moment, read once for many steps, and the rows that the steps add up to."""

import sqlite3
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from meta_autonomous.adapters.sandbox import store
from meta_autonomous.adapters.sandbox.store import Node

HOUR: Final = 3_600

#: spend, impressions, clicks, link_clicks, purchases, value, leads
Row = list[int]
_Pending = dict[int, dict[int, list[int]]]  # hour -> ad -> [purchases, value]


@dataclass(frozen=True, slots=True)
class Ad:
    """One delivering ad's nature. `roas` holds at the daily spend `reference`."""

    id: int
    adset: int
    weight: float
    roas: float
    order_value: float
    order_sigma: float
    noise: float
    cpm: float
    ctr: float
    reference: float
    cost_per_lead: float | None


@dataclass(frozen=True, slots=True)
class Holder:
    """A budget with the ads that share it. Amounts are minor units."""

    id: int
    daily: float | None
    lifetime: float | None
    ends_at: int | None
    capacity: float
    weekend_factor: float
    ads: tuple[Ad, ...]


@dataclass(slots=True)
class Stage:
    """One account between two events: who can deliver, and what the steps add up to."""

    seed: int
    account: int
    zone: ZoneInfo
    holders: tuple[Holder, ...]
    parents: dict[int, tuple[int, int]]  # ad -> (ad set, campaign), inactive ones too
    spent: dict[tuple[int, int], int]  # (holder, day) -> minor units
    spent_before: dict[int, int]  # lifetime holder -> minor units before the first day
    learning: dict[int, Node]  # ad sets in the learning phase
    pending: _Pending
    added: dict[tuple[int, int, int], Row] = field(default_factory=dict)
    learned: dict[int, Node] = field(default_factory=dict)
    days: dict[int, int] = field(default_factory=dict)

    def day_of(self, hour: int) -> int:
        """The account's day (ordinal) in which a UTC hour lies."""
        if (day := self.days.get(hour)) is None:
            day = datetime.fromtimestamp(hour * HOUR, self.zone).date().toordinal()
            self.days[hour] = day
        return day

    def add(self, ad: int, day: int, row: Row) -> None:
        adset, campaign = self.parents[ad]
        for key in (
            (store.AD, ad, day),
            (store.ADSET, adset, day),
            (store.CAMPAIGN, campaign, day),
            (store.ACCOUNT, self.account, day),
        ):
            if (sums := self.added.get(key)) is None:
                self.added[key] = row.copy()
            else:
                for index, amount in enumerate(row):
                    sums[index] += amount


def load(db: sqlite3.Connection, account: Node, start: int) -> Stage:
    zone = ZoneInfo(account.fields["timezone_name"])
    today = datetime.fromtimestamp(start, zone).date().toordinal()
    parents = {
        ad: (adset, campaign)
        for ad, adset, campaign in db.execute(
            "SELECT id, adset, campaign FROM entity WHERE account = ? AND kind = 'ad'",
            (account.id,),
        )
    }
    running = "account = ? AND effective IN ('ACTIVE', 'WITH_ISSUES') AND kind = ?"
    campaigns = {one.id: one for one in store.nodes(db, running, (account.id, "campaign"))}
    adsets = {one.id: one for one in store.nodes(db, running, (account.id, "adset"))}
    can_run = account.fields["account_status"] in (1, 8, 9)
    ads: dict[int, list[Ad]] = {}
    for one in store.nodes(db, running, (account.id, "ad")) if can_run else ():
        campaign, adset = campaigns.get(one.campaign or 0), adsets.get(one.adset or 0)
        if campaign is None or adset is None:
            continue
        holder = campaign if _has_budget(campaign) else adset
        ads.setdefault(holder.id, []).append(_ad(one))
    holders = tuple(
        _holder({**campaigns, **adsets}[holder_id], tuple(group))
        for holder_id, group in ads.items()
    )
    spent = {
        (entity, today): spend
        for entity, spend in db.execute(
            "SELECT entity, spend FROM delivery WHERE level IN (?, ?) AND day = ?",
            (store.CAMPAIGN, store.ADSET, today),
        )
    }
    spent_before = {
        holder.id: db.execute(
            "SELECT COALESCE(SUM(spend), 0) FROM delivery WHERE level IN (?, ?) AND entity = ? "
            "AND day < ?",
            (store.CAMPAIGN, store.ADSET, holder.id, today),
        ).fetchone()[0]
        for holder in holders
        if holder.lifetime is not None
    }
    pending: _Pending = {}
    for hour, ad, purchases, value in db.execute("SELECT hour, ad, purchases, value FROM booking"):
        if ad in parents:
            pending.setdefault(hour, {})[ad] = [purchases, value]
    learning = {
        one.id: one
        for one in store.nodes(db, "account = ? AND kind = 'adset'", (account.id,))
        if one.fields.get("learning_stage_info", {}).get("status") == "LEARNING"
    }
    return Stage(
        seed=store.setting(db, "seed"),
        account=account.id,
        zone=zone,
        holders=holders,
        parents=parents,
        spent=spent,
        spent_before=spent_before,
        learning=learning,
        pending=pending,
    )


def flush(db: sqlite3.Connection, stage: Stage) -> None:
    write_rows(db, stage.added)
    db.execute(
        "DELETE FROM booking WHERE ad IN "
        "(SELECT id FROM entity WHERE account = ? AND kind = 'ad')",
        (stage.account,),
    )
    db.executemany(
        "INSERT INTO booking VALUES (?, ?, ?, ?)",
        [
            (hour, ad, purchases, value)
            for hour, orders in stage.pending.items()
            for ad, (purchases, value) in orders.items()
        ],
    )
    store.save(db, *stage.learned.values())


def write_rows(db: sqlite3.Connection, added: dict[tuple[int, int, int], Row]) -> None:
    """Add amounts to delivery rows keyed by (level, entity, day)."""
    db.executemany(
        "INSERT INTO delivery VALUES (?,?,?,?,?,?,?,?,?,?) "
        "ON CONFLICT (level, entity, day) DO UPDATE SET "
        "spend = spend + excluded.spend, impressions = impressions + excluded.impressions, "
        "clicks = clicks + excluded.clicks, link_clicks = link_clicks + excluded.link_clicks, "
        "purchases = purchases + excluded.purchases, value = value + excluded.value, "
        "leads = leads + excluded.leads",
        [(*key, *row) for key, row in added.items()],
    )


def _ad(one: Node) -> Ad:
    nature = one.hidden
    return Ad(
        id=one.id,
        adset=one.adset or 0,
        weight=nature["weight"],
        roas=nature["roas"],
        order_value=nature["order_value"],
        order_sigma=nature.get("order_sigma", 0.6),
        noise=nature.get("noise", 0.15),
        cpm=nature["cpm"],
        ctr=nature["ctr"],
        reference=nature["reference"],
        cost_per_lead=nature.get("cost_per_lead"),
    )


def _holder(one: Node, ads: tuple[Ad, ...]) -> Holder:
    return Holder(
        id=one.id,
        daily=one.fields.get("daily_budget"),
        lifetime=one.fields.get("lifetime_budget"),
        ends_at=one.hidden.get("ends_at"),
        capacity=one.hidden.get("capacity", float("inf")),
        weekend_factor=one.hidden.get("weekend_factor", 1.0),
        ads=ads,
    )


def _has_budget(one: Node) -> bool:
    return bool(one.fields.get("daily_budget") or one.fields.get("lifetime_budget"))
