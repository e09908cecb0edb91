"""Draws worlds.

Everything comes from one source of random numbers, so that a seed names a world for ever, and
hypothesis, which brings its own source, can shrink one that fails. What is drawn is meant to live
near the limits: budgets just under a cap, waits just short of a cooldown.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Final, TypeVar

from meta_autonomous.decision.limits import Limits, Override, Scope
from meta_autonomous.domain.action import ActionType
from tests.worlds.description import (
    DAY,
    HOUR,
    MINUTE,
    AccountPlan,
    AdPlan,
    AdSetPlan,
    Approve,
    ApproveCreatives,
    CampaignPlan,
    EditBudget,
    EditStatus,
    LateOrders,
    NewCreative,
    Reconfigure,
    Reject,
    SetMode,
    Settings,
    Step,
    Switch,
    Tick,
    Undo,
    Wait,
    World,
)
from tests.worlds.graph import Mishap

T = TypeVar("T")

_ROAS: Final = (0.25, 0.6, 0.8, 1.0, 1.3, 1.45, 1.8, 2.2, 2.6, 3.2, 4.5)
_BUDGETS: Final = (9_000, 20_000, 50_000, 110_000, 250_000)
_COUNTRIES: Final = (("ES",), ("ES",), ("FR",), ("ES", "FR"), ("DE", "IT"), ("ES", "PT", "FR"))
_WAITS: Final = (
    *(10 * MINUTE, 30 * MINUTE, 30 * MINUTE, 59 * MINUTE, 2 * HOUR, 5 * HOUR, 11 * HOUR),
    *(DAY - 1, DAY, DAY, DAY + 1, 25 * HOUR, 25 * HOUR, 30 * HOUR, 2 * DAY, 3 * DAY),
)
_START: Final = datetime(2026, 3, 2, 0, 0, tzinfo=UTC)
_MISHAPS: Final = tuple(Mishap)


def draw_world(dice: Random) -> World:
    rates = {"EUR": "1.08", "JPY": "0.0066"}
    if dice.random() < 0.03:
        del rates["EUR"]
    accounts = tuple(_account(dice, place) for place in range(2 if dice.random() < 0.35 else 1))
    settings = _settings(dice, accounts)
    return World(
        start=_START + timedelta(hours=dice.randrange(48), minutes=dice.randrange(60)),
        accounts=accounts,
        rates=tuple(rates.items()),
        settings=settings,
        mode="auto" if dice.random() < 0.6 else "suggest",
        steps=_script(dice, settings),
    )


def _one(dice: Random, choices: Sequence[T]) -> T:
    return choices[dice.randrange(len(choices))]


def _account(dice: Random, place: int) -> AccountPlan:
    currency = _one(dice, ("USD", "USD", "USD", "EUR", "JPY"))
    unit = {"JPY": 1.5}.get(currency, 1.0)
    return AccountPlan(
        currency=currency,
        zone=_one(dice, ("Europe/Madrid", "America/Los_Angeles", "UTC", "Asia/Tokyo")),
        campaigns=tuple(
            _campaign(dice, f"{_one(dice, ('Brand', 'Sale', 'Test'))} {place}{number}", unit)
            for number in range(_one(dice, (1, 1, 2, 3)))
        ),
        tracks=dice.random() > 0.02,
    )


def _campaign(dice: Random, name: str, unit: float) -> CampaignPlan:
    shape = dice.random()
    budget = round(_one(dice, _BUDGETS) * unit * (0.5 + dice.random()))
    roas = _one(dice, _ROAS)
    holds = "adsets" if shape < 0.55 else "campaign" if shape < 0.83 else "lifetime"
    count = _one(dice, (1, 2, 3, 3)) if holds == "adsets" else _one(dice, (1, 2))
    returns = [_one(dice, _ROAS) if dice.random() < 0.35 else roas for _ in range(count)]
    if count == 3 and dice.random() < 0.4:  # what a reallocation is for
        returns = [1.7, 1.7, _one(dice, (2.6, 3.2, 4.5))]
    age = _one(dice, (20, 47, 48, 49, 300, 700, 2_000, 2_000, 2_000, 2_000))
    days_left = _one(dice, (0.7, 1.03, 1.5, 6.0, 20.0)) if holds == "lifetime" else None
    return CampaignPlan(
        name=name,
        adsets=tuple(
            _adset(dice, roas, budget // count if holds == "adsets" else None, age)
            for roas in returns
        ),
        age_hours=age,
        pace=_one(dice, (0.4, 0.8, 0.95, 1.0, 1.1)),
        budget=None if holds == "adsets" else budget * (20 if days_left else 1),
        days_left=days_left,
        status="PAUSED" if dice.random() < 0.04 else "ACTIVE",
    )


def _adset(dice: Random, roas: float, budget: int | None, age: int) -> AdSetPlan:
    return AdSetPlan(
        ads=tuple(
            AdPlan(
                roas=_one(dice, _ROAS) if dice.random() < 0.2 else roas,
                weight=0.5 + dice.random(),
                review=_one(dice, ("PENDING_REVIEW", "DISAPPROVED"))
                if dice.random() < 0.03
                else None,
            )
            for _ in range(_one(dice, (1, 1, 2)))
        ),
        countries=_one(dice, _COUNTRIES),
        budget=None if budget is None else max(500, round(budget * (0.6 + 0.8 * dice.random()))),
        age_hours=min(age, 40) if dice.random() < 0.05 else age,
        status="PAUSED" if dice.random() < 0.04 else "ACTIVE",
        learning=dice.random() < 0.06,
    )


def _usd_a_day(account: AccountPlan) -> dict[str, float]:
    rate = {"EUR": 1.08, "JPY": 0.66}.get(account.currency, 1.0) / 100
    return {
        campaign.name: rate
        * (
            sum(adset.budget or 0 for adset in campaign.adsets)
            if campaign.budget is None
            else campaign.budget / (20 if campaign.days_left else 1)
        )
        for campaign in account.campaigns
    }


def _settings(dice: Random, accounts: Sequence[AccountPlan]) -> Settings:
    budgets = {name: usd for account in accounts for name, usd in _usd_a_day(account).items()}
    whole, largest = sum(budgets.values()), max(budgets.values())
    most = _one(dice, ("0.20", "0.20", "0.05", "0.10", "0.35"))
    limits = Limits(
        max_daily_change_pct=Decimal(most),
        max_auto_change_pct=min(
            Decimal(_one(dice, ("0.10", "0.10", "0.05", "0.20"))), Decimal(most)
        ),
        max_daily_spend_usd=_near(dice, whole, Decimal(1_000_000)),
        max_campaign_budget_usd=_near(dice, largest, Decimal(100_000)),
        min_impressions=Decimal(_one(dice, (0, 1_000, 1_000, 1_000, 1_000, 20_000))),
        min_spend_usd=_evidence(dice, 7 * min(budgets.values())),
        min_age_hours=Decimal(_one(dice, (0, 24, 48, 48, 72))),
        creative_embargo_hours=Decimal(_one(dice, (0, 48, 48, 96))),
        action_cooldown_hours=Decimal(_one(dice, (0, 0, 1, 6, 24, 24, 24, 48))),
        min_auto_confidence=Decimal(_one(dice, ("0.65", "0.75", "0.75", "0.95"))),
        reversal_confidence=Decimal(_one(dice, ("0.65", "0.85"))),
        hard_stop_roas=Decimal(_one(dice, ("0.9", "0.9", "0.5", "1.2"))),
        daily_overspend_factor=Decimal(_one(dice, ("1.0", "1.0", "1.25", "1.75"))),
        min_spain_percentage=Decimal(_one(dice, ("0", "0", "0.35"))),
        max_single_country_pct=Decimal(_one(dice, ("1", "1", "1", "0.70"))),
        max_actions_per_tick=_one(dice, (50, 50, 50, 1, 2)),
        max_campaigns_per_tick=_one(dice, (100, 100, 1)),
        hard_stop_executes_in_suggest=dice.random() < 0.15,
        block_increase_while_learning=dice.random() < 0.85,
        require_human_approval_creatives=dice.random() < 0.85,
        auto_action_types=_one(dice, _AUTO_TYPES),
    )
    return Settings(
        limits=limits,
        overrides=_overrides(dice, limits),
        scope=_scope(dice, sorted(budgets)),
        freezes=((dice.randrange(60), 60 + dice.randrange(60)),) if dice.random() < 0.12 else (),
    )


_EVERY_AUTO: Final = frozenset({ActionType.PAUSE, ActionType.SCALE_UP, ActionType.SCALE_DOWN})
_AUTO_TYPES: Final = (
    *(_EVERY_AUTO,) * 6,
    _EVERY_AUTO - {ActionType.PAUSE},
    _EVERY_AUTO - {ActionType.SCALE_UP},
    _EVERY_AUTO - {ActionType.SCALE_DOWN},
)


def _near(dice: Random, amount: float, far: Decimal) -> Decimal:
    """A cap that binds, or one that is far away."""
    roll = dice.random()
    if roll < 0.7:
        return far
    room = 1.0 + 0.15 * dice.random() if roll < 0.92 else 0.9 + 0.7 * dice.random()
    return Decimal(round(amount * room, 2)).quantize(Decimal("0.01"))


def _evidence(dice: Random, week: float) -> Decimal:
    """What a week must have spent: the default, or about as much as the smallest campaign did."""
    if dice.random() < 0.75:
        return Decimal(_one(dice, (0, 100, 100, 100)))
    return Decimal(round(week * (0.4 + 0.7 * dice.random())))


def _overrides(dice: Random, limits: Limits) -> tuple[Override, ...]:
    if dice.random() > 0.15:
        return ()
    values = {
        "max_daily_change_pct": Decimal(_one(dice, ("0.03", "0.5"))),
        "action_cooldown_hours": Decimal(_one(dice, (2, 72))),
    }
    return (
        Override(
            values=values,
            match=_one(dice, ("Brand*", "Sale*", "*0")),
            allow_looser=dice.random() < 0.3,
        ),
    )


def _scope(dice: Random, names: Sequence[str]) -> Scope:
    roll = dice.random()
    if roll < 0.06:
        return Scope(exclude=(_one(dice, names),))
    if roll < 0.12:
        return Scope(include=("Brand*", "Sale*"), exclude=("*1",))
    return Scope()


def _script(dice: Random, settings: Settings) -> tuple[Step, ...]:
    steps: list[Step] = []
    for _ in range(_one(dice, (2, 3, 3, 4))):
        steps += _scene(dice, settings)
    return tuple(steps)


def _scene(dice: Random, settings: Settings) -> list[Step]:
    """What people do meanwhile, a tick, what people do about it, and time."""
    steps: list[Step] = []
    if dice.random() < 0.35:
        steps += _meanwhile(dice, settings)
    now = _tick(dice)
    steps.append(now)
    if now.mishaps and dice.random() < 0.7:  # how it goes on while the outcome is open
        steps += [Wait(_one(dice, (5 * MINUTE, 14 * MINUTE, 15 * MINUTE, 16 * MINUTE))), Tick()]
    if dice.random() < 0.45:
        steps.append(_answer(dice))
    if dice.random() < 0.2:
        steps.append(_answer(dice))
    if dice.random() < 0.1:
        steps.append(LateOrders(_one(dice, (4, 8))))
    steps.append(Wait(_one(dice, _WAITS)))
    return steps


def _meanwhile(dice: Random, settings: Settings) -> list[Step]:
    """Something that people do, each as often as it stands here."""
    place = dice.randrange(12)
    deeds = {
        50: lambda: _edits(dice, place),
        12: lambda: [EditStatus(place, _one(dice, ("PAUSED", "ACTIVE", "ACTIVE", "ARCHIVED")))],
        10: lambda: [
            NewCreative(place, _one(dice, (None, None, "PENDING_REVIEW", "DISAPPROVED")))
        ],
        5: lambda: [ApproveCreatives()],
        4: lambda: [LateOrders(_one(dice, (3, 6, 10)))],
        8: lambda: [SetMode(_one(dice, ("auto", "suggest")))],
        6: lambda: [Switch(dice.random() < 0.6)],
        7: lambda: [_reconfigure(dice, settings)],
    }
    return dice.choices(list(deeds.values()), list(deeds))[0]()


def _edits(dice: Random, place: int) -> list[Step]:
    edits: list[Step] = [EditBudget(place, _one(dice, (0.3, 0.5, 0.8, 0.9, 1.1, 1.3, 2.0, 3.0)))]
    if dice.random() < 0.5:
        edits.append(Wait(_one(dice, (5 * MINUTE, 30 * MINUTE, 6 * HOUR, 23 * HOUR))))
    if dice.random() < 0.3:
        edits.append(EditBudget(place, _one(dice, (0.5, 1.0 / 1.3, 2.0))))
    return edits


def _reconfigure(dice: Random, settings: Settings) -> Step:
    changed = replace(
        settings.limits,
        max_daily_change_pct=Decimal(_one(dice, ("0.10", "0.20"))),
        max_auto_change_pct=Decimal("0.10"),
        action_cooldown_hours=Decimal(_one(dice, (0, 24))),
    )
    return Reconfigure(replace(settings, limits=changed, scope=_scope(dice, ("Brand 00",))))


def _tick(dice: Random) -> Tick:
    roll = dice.random()
    if roll < 0.22:
        return Tick(mishaps=tuple(_one(dice, (None, *_MISHAPS)) for _ in range(2)))
    if roll < 0.28:
        return Tick(meddles=_one(dice, (0.7, 1.05, 1.5)))
    if roll < 0.34:
        return Tick(unreadable=dice.randrange(2))
    return Tick(dry_run=roll > 0.98)


def _answer(dice: Random) -> Step:
    roll = dice.random()
    if roll < 0.62:
        every = tuple(range(8))
        return Approve(
            every if dice.random() < 0.6 else (dice.randrange(4),),
            dice.random() if dice.random() < 0.2 else None,
            (_one(dice, _MISHAPS),) if dice.random() < 0.08 else (),
        )
    if roll < 0.72:
        return Reject(dice.randrange(4))
    return Undo(_one(dice, (1, 1, 2, 5)))
