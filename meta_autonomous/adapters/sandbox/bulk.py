"""Large synthetic accounts for benchmarks: many campaigns, weeks of rows, made in seconds.

The physics is lighter than the opening world's: orders are booked on the day of the click, and
all random numbers come from one stream.
"""

import random
import sqlite3
from datetime import datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from meta_autonomous.adapters.sandbox import changes, physics, scenario, stage, store
from meta_autonomous.adapters.sandbox.plan import (
    AdPlan,
    AdSetPlan,
    CampaignPlan,
    Draft,
    Values,
    account_values,
)
from meta_autonomous.adapters.sandbox.simulator import Sandbox
from meta_autonomous.adapters.sandbox.store import Node
from meta_autonomous.adapters.sandbox.vocabulary import offset

_ACCOUNT_ID: Final = 1_409_228_816_035_471
_ADS_PER_ADSET: Final = 5
_COUNTRIES: Final = ("ES", "FR", "DE", "IT", "PT")


def build_world(
    campaigns: int,
    ads_per_campaign: int,
    seed: int = 7,
    *,
    days: int = 35,
    currency: str = "USD",
    timezone: str = "Europe/Madrid",
    start: datetime | None = None,
    path: Path | None = None,
) -> Sandbox:
    """A sandbox with that many active campaigns and `days` days of history."""
    opening = start or scenario.OPENS_AT
    zone = ZoneInfo(timezone)

    def build(db: sqlite3.Connection) -> None:
        rng = random.Random(seed)
        account = account_values(
            _ACCOUNT_ID,
            name="Sandbox Megastore",
            currency=currency,
            zone=zone,
            zone_number=306,
            opening=int(opening.timestamp()),
        )
        unit = offset(currency)
        draft = Draft(_ACCOUNT_ID, zone=zone, per_unit=unit, opening=int(opening.timestamp()))
        store.set_setting(db, "seed", seed)
        store.set_setting(db, "now", int(opening.timestamp()))
        changes.create(db, [account], at=draft.at(days), actor=changes.PERSON)
        today = opening.astimezone(zone)
        added: dict[tuple[int, int, int], list[int]] = {}
        made: list[Values] = []
        for number in range(campaigns):
            made += draft.campaign(_plan(rng, number, ads_per_campaign, days))
        store.save(db, *(Node(effective="ACTIVE", **values) for values in made))
        for values in made:
            if values["kind"] == "ad":
                _live(rng, values, today, days, added)
        stage.write_rows(db, added)

    return Sandbox(path, seed=seed, start=opening, build=build)


def _plan(rng: random.Random, number: int, ads: int, days: int) -> CampaignPlan:
    budget = round(min(1_500.0, max(20.0, rng.lognormvariate(4.6, 0.8))), 2)
    groups = [range(ads)[at : at + _ADS_PER_ADSET] for at in range(0, ads, _ADS_PER_ADSET)]
    has_own_budgets = number % 3 == 0
    centre = rng.lognormvariate(0.5, 0.4)
    return CampaignPlan(
        name=f"Campaign {number:05d}",
        budget=None if has_own_budgets else budget,
        age=days + 5 + rng.random() * 200,
        countries={rng.choice(_COUNTRIES): 0.7, rng.choice(("BE", "NL", "AT")): 0.3},
        order_value=rng.uniform(15, 80),
        cpm=rng.uniform(5, 14),
        adsets=tuple(
            AdSetPlan(
                f"Ad set {number:05d}.{place}",
                share=1 / len(groups),
                budget=round(budget / len(groups), 2) if has_own_budgets else None,
                ads=tuple(
                    AdPlan(
                        f"Ad {number:05d}.{ad}",
                        1 / len(group),
                        centre * rng.lognormvariate(-0.1, 0.45),
                    )
                    for ad in group
                ),
            )
            for place, group in enumerate(groups)
        ),
    )


def _live(
    rng: random.Random,
    values: Values,
    today: datetime,
    days: int,
    added: dict[tuple[int, int, int], list[int]],
) -> None:
    """All of one ad's days, today's part included."""
    nature = values["hidden"]
    passed = sum(physics.PROFILE[: today.hour])
    owners = (
        (store.AD, values["id"]),
        (store.ADSET, values["adset"]),
        (store.CAMPAIGN, values["campaign"]),
        (store.ACCOUNT, values["account"]),
    )
    ordinal = today.date().toordinal()
    for age in range(days, -1, -1):
        part = 1.0 if age else passed
        spend = physics.whole(rng, nature["reference"] * part * rng.gauss(1.0, 0.12))
        if spend <= 0:
            continue
        impressions = physics.whole(rng, spend / nature["cpm"] * 1000)
        clicks = physics.whole(rng, impressions * nature["ctr"])
        luck = physics.around(rng, 1.0, 0.2)
        purchases = physics.poisson(rng, spend * nature["roas"] * luck / nature["order_value"])
        value = physics.whole(rng, purchases * nature["order_value"] * rng.uniform(0.8, 1.2))
        row = [spend, impressions, clicks, physics.whole(rng, clicks * 0.72), purchases, value, 0]
        for level, owner in owners:
            key = (level, owner, ordinal - age)
            if (sums := added.get(key)) is None:
                added[key] = row.copy()
            else:
                for index, amount in enumerate(row):
                    sums[index] += amount
