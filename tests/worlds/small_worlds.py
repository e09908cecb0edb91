"""Small worlds, made by hand: one campaign that deserves more money, unless said otherwise."""

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from meta_autonomous.decision.limits import Limits, Scope
from tests.worlds.description import (
    AccountPlan,
    AdPlan,
    AdSetPlan,
    CampaignPlan,
    Settings,
    Step,
    Tick,
    World,
)

HOUR, DAY = 3_600, 86_400
ALL: Final = tuple(range(8))


TEN_OCLOCK: Final = datetime(2026, 3, 4, 10, 0, tzinfo=UTC)


def ads(*roas: float) -> tuple[AdPlan, ...]:
    return tuple(AdPlan(roas=one, weight=1.0) for one in roas)


def adset(*roas: float, budget: int | None = None, **changes: Any) -> AdSetPlan:
    known: dict[str, Any] = {"countries": ("ES",), "age_hours": 2_000}
    return AdSetPlan(ads=ads(*(roas or (3.2,))), budget=budget, **(known | changes))


def campaign(
    *adsets: AdSetPlan, budget: int | None = 50_000, roas: float = 3.2, **changes: Any
) -> CampaignPlan:
    known: dict[str, Any] = {"name": "Brand 00", "age_hours": 2_000, "pace": 0.95}
    held = adsets or (adset(roas),)
    return CampaignPlan(adsets=held, budget=budget, **(known | changes))


def a_world(
    *steps: Step,
    campaigns: Iterable[CampaignPlan] | None = None,
    accounts: tuple[AccountPlan, ...] = (),
    mode: str = "auto",
    start: datetime = TEN_OCLOCK,
    scope: Scope | None = None,
    freezes: tuple[tuple[int, int], ...] = (),
    **limits: Any,
) -> World:
    """One account with one campaign of 500 USD a day that deserves more, and one tick."""
    wide = {"max_daily_spend_usd": Decimal(1_000_000), "max_campaign_budget_usd": Decimal(100_000)}
    held = tuple(campaigns) if campaigns is not None else (campaign(),)
    return World(
        start=start,
        accounts=accounts or (AccountPlan("USD", "UTC", held),),
        rates=(),
        settings=Settings(
            limits=Limits(**(wide | limits)), scope=scope or Scope(), freezes=freezes
        ),
        mode=mode,
        steps=steps or (Tick(),),
    )


def named(name: str, **changes: Any) -> CampaignPlan:
    return campaign(name=name, **changes)


TWO_ACCOUNTS: Final = (
    AccountPlan("USD", "UTC", (campaign(),)),
    AccountPlan("USD", "UTC", (named("Sale 10", roas=1.8),)),
)
FAILING: Final = tuple(
    named(f"Sale 0{n}", roas=0.3 if n else 1.8, budget=30_000) for n in range(4)
)
MOVING: Final = campaign(
    adset(1.7, budget=40_000), adset(1.7, budget=40_000), adset(4.5, budget=40_000), budget=None
)
LOOSE: Final = {"min_age_hours": Decimal(0), "action_cooldown_hours": Decimal(0)}
