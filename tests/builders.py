"""Accounts, entities, reads and cases in which every rule passes: a test names what matters to it.

The default world: one active campaign `c1` with 500.00 USD a day, its ad set `s1` for Spain and
that one's ad `a1`, all a month old, with ROAS 3 on 100.00 USD a day for four weeks and 50.00 USD
so far today. Rows of ad sets and campaigns add up from the rows below them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

from meta_autonomous.decision.context import (
    Case,
    EntityMemory,
    Evaluation,
    Memory,
    Situation,
    Totals,
)
from meta_autonomous.decision.limits import Limits, PolicyBook
from meta_autonomous.decision.safety_spend import daily_spend_totals
from meta_autonomous.domain.action import Action, ActionType, BudgetLeg, Route
from meta_autonomous.domain.entities import (
    Account,
    AccountSnapshot,
    Ad,
    AdSet,
    Budget,
    BudgetKind,
    Campaign,
    Entity,
    Level,
)
from meta_autonomous.domain.performance import NOTHING, DayFacts, Days, complete_days
from meta_autonomous.domain.quantities import Currency, Money, Rates, micros

#: A Wednesday, 13:00 in Madrid.
NOW = datetime(2026, 3, 11, 12, tzinfo=UTC)
TODAY = date(2026, 3, 11)
USD = Currency("USD")
ACCOUNT = "1001"

Amount = int | str | Decimal


def usd(amount: Amount, currency: str = "USD") -> Money:
    return Money.of_major(Decimal(amount), Currency(currency))


def daily(amount: Amount, currency: str = "USD") -> Budget:
    return Budget(BudgetKind.DAILY, usd(amount, currency))


def lifetime(total: Amount, *, remaining: Amount, days_left: Amount) -> Budget:
    ends_at = NOW + timedelta(days=float(Decimal(days_left)))
    return Budget(BudgetKind.LIFETIME, usd(total), usd(remaining), ends_at)


def an_account(account_id: str = ACCOUNT, **changes: Any) -> Account:
    currency = changes.pop("currency", USD)
    account = Account(
        id=account_id,
        name=f"account {account_id}",
        currency=currency,
        timezone=ZoneInfo("Europe/Madrid"),
        status=1,
        min_daily_budget=Money(currency.minor_per_major, currency),
    )
    return replace(account, **changes)


def a_campaign(
    entity_id: str = "c1", *, budget: Amount | Budget | None = 500, **changes: Any
) -> Campaign:
    return Campaign(**_common(entity_id, budget, changes))


def an_adset(
    entity_id: str = "s1",
    *,
    campaign: str = "c1",
    budget: Amount | Budget | None = None,
    countries: tuple[str, ...] | None = ("ES",),
    **changes: Any,
) -> AdSet:
    return AdSet(
        **{"learning": "SUCCESS"}
        | _common(entity_id, budget, changes)
        | {"of_campaign": campaign, "countries": countries}
    )


def an_ad(
    entity_id: str = "a1",
    *,
    campaign: str = "c1",
    adset: str = "s1",
    creative: str | None = "cr1",
    **changes: Any,
) -> Ad:
    return Ad(
        **_common(entity_id, None, changes),
        of_campaign=campaign,
        of_adset=adset,
        creative_id=creative,
    )


def _common(
    entity_id: str, budget: Amount | Budget | None, changes: dict[str, Any]
) -> dict[str, Any]:
    status = changes.pop("status", "ACTIVE")
    held = budget if isinstance(budget, Budget) or budget is None else daily(budget)
    return {
        "id": entity_id,
        "name": f"name of {entity_id}",
        "account_id": ACCOUNT,
        "status": status,
        "effective_status": status,
        "created_at": NOW - timedelta(days=30),
        "budget": held,
    } | changes


def a_day(
    spend: Amount = 100, roas: Amount = 3, *, purchases: int = 10, impressions: int = 5000
) -> DayFacts:
    spent = micros(Decimal(spend))
    return DayFacts(spent, int(spent * Decimal(roas)), purchases, impressions)


def days_like(
    each: DayFacts | None = None, *, today: DayFacts | None = None, count: int = 28
) -> Days:
    """`count` complete days like `each`, and today."""
    day = each if each is not None else a_day()
    days = dict.fromkeys(complete_days(TODAY, count), day)
    return days | {TODAY: today if today is not None else a_day(50)}


def a_snapshot(
    *entities: Entity,
    performance: Mapping[str, Days | DayFacts] | None = None,
    **changes: Any,
) -> AccountSnapshot:
    """A read of these entities, or of the default campaign with its ad set and ad.

    `performance` has one entity's days, or one day like which all were; whatever it leaves out
    adds up from below, and at the lowest level is as ever.
    """
    held = entities or (a_campaign(), an_adset(), an_ad())
    campaigns = {e.id: e for e in held if isinstance(e, Campaign)}
    adsets = {e.id: e for e in held if isinstance(e, AdSet)}
    ads = {e.id: e for e in held if isinstance(e, Ad)}
    given = {
        key: days_like(days) if isinstance(days, DayFacts) else days
        for key, days in (performance or {}).items()
    }
    of_ads = {key: given.get(key, days_like()) for key in ads}
    of_adsets = {
        key: given.get(key) or _sum([of_ads[a.id] for a in ads.values() if a.of_adset == key])
        for key in adsets
    }
    of_campaigns = {
        key: given.get(key)
        or _sum([of_adsets[s.id] for s in adsets.values() if s.of_campaign == key])
        for key in campaigns
    }
    strange = {key: days for key, days in given.items() if key not in {e.id for e in held}}
    snapshot = AccountSnapshot(
        account=changes.pop("account", an_account()),
        observed_at=NOW - timedelta(minutes=1),
        first_day=TODAY - timedelta(days=28),
        campaigns=campaigns,
        adsets=adsets,
        ads=ads,
        days={
            Level.CAMPAIGN: of_campaigns | strange,
            Level.ADSET: of_adsets,
            Level.AD: of_ads,
        },
    )
    return replace(snapshot, **changes)


def _sum(below: Iterable[Days]) -> Days:
    total: dict[date, DayFacts] = {}
    for days in below:
        for day, facts in days.items():
            total[day] = total.get(day, NOTHING).plus(facts)
    return total or days_like()


def a_memory(
    snapshot: AccountSnapshot,
    entities: Mapping[str, EntityMemory] | None = None,
    **changes: Any,
) -> Memory:
    """Every budget on record for 24 hours, every creative approved, nothing done lately."""
    known = {e.id: EntityMemory(budgets_known=True) for e in snapshot.entities()}
    memory = Memory(
        entities=known | dict(entities or {}),
        approved_creatives=frozenset(
            ad.creative_id for ad in snapshot.ads.values() if ad.creative_id is not None
        ),
    )
    return replace(memory, **changes)


def remembering(**facts: Any) -> EntityMemory:
    """One entity's record: its budgets known, and these facts."""
    return EntityMemory(**{"budgets_known": True} | facts)


def an_evaluation(
    entity_id: str = "c1",
    *,
    roas: Amount | None = 3,
    prob_below: float | None = None,
    spend: Amount | None = 700,
    impressions: int = 35_000,
) -> Evaluation:
    """A window's finding; `prob_below` is the posterior's answer to every threshold."""
    spent = Decimal(spend) if spend is not None else Decimal(0)
    ratio = Decimal(roas) if roas is not None else None
    value = spent * ratio if ratio is not None and ratio.is_finite() else Decimal(0)
    believed: Any = None
    if prob_below is not None:
        believed = SimpleNamespace(
            posterior=SimpleNamespace(
                prob_below=lambda _: prob_below,
                prob_at_least=lambda _: 1 - prob_below,
                expected=lambda: float(ratio or 0),
            )
        )
    return Evaluation(
        entity_id=entity_id,
        window=complete_days(TODAY, 7),
        facts=DayFacts(micros(spent), micros(value), 70, impressions),
        spend_usd=None if spend is None else spent,
        roas=ratio,
        estimate=believed,
    )


def a_situation(
    snapshot: AccountSnapshot | None = None,
    *,
    memory: Memory | Mapping[str, EntityMemory] | None = None,
    evaluations: Iterable[Evaluation] = (),
    rates: Mapping[str, Amount] | None = None,
    **changes: Any,
) -> Situation:
    read = snapshot if snapshot is not None else a_snapshot()
    return Situation(
        snapshot=read,
        memory=memory if isinstance(memory, Memory) else a_memory(read, memory),
        evaluations={found.entity_id: found for found in evaluations},
        rates=Rates({code: Decimal(rate) for code, rate in (rates or {}).items()}),
        **changes,
    )


def a_case(
    snapshot: AccountSnapshot | None = None,
    *,
    situation: Situation | None = None,
    memory: Memory | Mapping[str, EntityMemory] | None = None,
    evaluations: Iterable[Evaluation] = (),
    rates: Mapping[str, Amount] | None = None,
    limits: Limits | None = None,
    book: PolicyBook | None = None,
    totals: Totals | None = None,
    granted_usd: Mapping[str, Decimal] | None = None,
    **changes: Any,
) -> Case:
    """A case for a person's decision; the day's totals are those of this one account."""
    if situation is None:
        situation = a_situation(snapshot, memory=memory, evaluations=evaluations, rates=rates)
    chosen = limits if limits is not None else Limits()
    policy = book if book is not None else PolicyBook(limits=chosen)
    now = changes.pop("now", NOW)
    if totals is None:
        totals = daily_spend_totals([situation], book=policy, now=now, granted_usd=granted_usd)
    return Case(
        now=now,
        route=changes.pop("route", Route.PERSON),
        limits=chosen,
        book=policy,
        situation=situation,
        totals=totals,
        **changes,
    )


def a_leg(entity: Entity, to: Amount | Money, *, now: datetime = NOW) -> BudgetLeg:
    current = entity.budget.daily(now) if entity.budget is not None else None
    if current is None:
        current = usd(0)
    proposed = to if isinstance(to, Money) else usd(to, current.currency.code)
    return BudgetLeg(entity=entity, current=current, proposed=proposed)


def a_scale_up(entity: Entity | None = None, to: Amount | Money = 550, **changes: Any) -> Action:
    return _scale(ActionType.SCALE_UP, entity, to, {"roas": Decimal(3)} | changes)


def a_scale_down(entity: Entity | None = None, to: Amount | Money = 450, **changes: Any) -> Action:
    return _scale(ActionType.SCALE_DOWN, entity, to, {"roas": Decimal("1.2")} | changes)


def _scale(
    kind: ActionType, entity: Entity | None, to: Amount | Money, changes: dict[str, Any]
) -> Action:
    held = entity if entity is not None else a_campaign()
    confidence = changes.pop("confidence", Decimal("0.85"))
    return Action(
        type=kind, entity=held, legs=(a_leg(held, to),), confidence=confidence, **changes
    )


def a_reallocation(donor: Entity, receiver: Entity, amount: Amount = 10, **changes: Any) -> Action:
    action = Action(
        type=ActionType.REALLOCATE,
        entity=donor,
        legs=(a_leg(donor, 0), a_leg(receiver, 0)),
        **{"roas": Decimal(1), "confidence": Decimal("0.85")} | changes,
    )
    return action.moving(usd(amount))


def a_pause(entity: Entity | None = None, **changes: Any) -> Action:
    return Action(
        type=ActionType.PAUSE,
        entity=entity if entity is not None else a_campaign(),
        **{"roas": Decimal("0.7"), "confidence": Decimal("0.8")} | changes,
    )


def a_resume(entity: Entity | None = None, **changes: Any) -> Action:
    return Action(
        type=ActionType.RESUME,
        entity=entity if entity is not None else a_campaign(status="PAUSED"),
        **{"roas": Decimal(3), "confidence": Decimal("0.85")} | changes,
    )
