"""The made-up ad account on which the guards are tried (see `selftest`).

As many campaigns as one tick evaluates, each at the cap of one campaign. The first has three ad
sets with budgets of their own: every made-up action is about them, or about the campaign that is
resumed. Under the defaults every rule passes each of these actions until something is put wrong.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, Self
from zoneinfo import ZoneInfo

from meta_autonomous.decision.context import (
    Case,
    EntityMemory,
    Evaluation,
    Memory,
    Situation,
    Totals,
)
from meta_autonomous.decision.geo import geography_of
from meta_autonomous.decision.limits import Limits, PolicyBook
from meta_autonomous.decision.posterior import Posterior
from meta_autonomous.decision.roas_engine import Estimate
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
    Status,
)
from meta_autonomous.domain.performance import DayFacts, complete_days
from meta_autonomous.domain.quantities import Currency, Money, Rates, micros

ACCOUNT_ID: Final = "selftest"
#: No campaign's budget is beyond this, whatever its cap says: a cap above it stops nothing.
MOST_USD_PER_CAMPAIGN: Final = Decimal(1_000_000)
_LEAST_USD_PER_CAMPAIGN: Final = Decimal(30)
#: So many campaigns are built; the rest of a larger account counts in the day's money alone.
_MOST_BUILT: Final = 100
_READ_DAYS: Final = 28
_IMPRESSIONS_PER_USD: Final = 100
_USD: Final = Currency("USD")
_SMALL_STEP: Final = Decimal("0.05")

SURE: Final = Decimal(1)
CREATIVE: Final = "creative-1"
FIRST, DONOR, RECEIVER, THIRD = "campaign-1", "adset-1", "adset-2", "adset-3"


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeUp:
    """The account in one state: a test changes one thing of it, by `having` or `replace`."""

    now: datetime
    limits: Limits
    book: PolicyBook
    situation: Situation
    totals: Totals
    count: int  # campaigns, the ones that are not built included
    case_facts: Mapping[str, Any] = field(default_factory=dict)

    # --- what is looked at ---

    def entity(self, entity_id: str) -> Entity:
        found = self.situation.snapshot.entity(entity_id)
        if found is None:
            raise LookupError(entity_id)
        return found

    @property
    def last_id(self) -> str:
        """The campaign that is resumed."""
        return list(self.situation.snapshot.campaigns)[-1]

    def case(self, route: Route) -> Case:
        return Case(
            now=self.now,
            route=route,
            limits=self.limits,
            book=self.book,
            situation=self.situation,
            totals=self.totals,
            **self.case_facts,
        )

    # --- what is put wrong ---

    def having(self, **facts: Any) -> Self:
        """With other facts of the situation (an outage, a geography)."""
        return replace(self, situation=replace(self.situation, **facts))

    def reading(self, **facts: Any) -> Self:
        """With another read of the account; its money is summed up anew."""
        snapshot = replace(self.situation.snapshot, **facts)
        changed = replace(self.situation, snapshot=snapshot)
        return replace(
            self, situation=changed, totals=_totals(changed, self.book, self.now, self.count)
        )

    def with_entities(self, *changed: Entity) -> Self:
        snapshot = self.situation.snapshot
        new = {entity.id: entity for entity in changed}
        return self.reading(
            campaigns={k: new.get(k, v) for k, v in snapshot.campaigns.items()},
            adsets={k: new.get(k, v) for k, v in snapshot.adsets.items()},
            ads={k: new.get(k, v) for k, v in snapshot.ads.items()},
        )

    def with_others_paused(self, *but: str) -> Self:
        """Nothing else of the account can deliver, now or in the part that is not built."""
        campaigns = self.situation.snapshot.campaigns.values()
        quiet = [replace(c, status=Status.PAUSED) for c in campaigns if c.id not in but]
        return replace(self, count=0).with_entities(*quiet)

    def with_room(self) -> Self:
        """The first campaign alone, at half its cap."""
        halved = [
            replace(adset, budget=_daily(adset.budget.amount.times_down(Decimal("0.5"))))
            for adset in self.situation.snapshot.adsets.values()
            if adset.budget is not None
        ]
        return self.with_others_paused(FIRST).with_entities(*halved)

    def remembering(self, entity_id: str, **facts: Any) -> Self:
        memory = self.situation.memory
        one = replace(memory.of(entity_id), **facts)
        return self.having(memory=replace(memory, entities={**memory.entities, entity_id: one}))

    def remembered(self, **facts: Any) -> Self:
        return self.having(memory=replace(self.situation.memory, **facts))

    def evaluated(self, entity_id: str, **facts: Any) -> Self:
        evaluations = dict(self.situation.evaluations)
        evaluations[entity_id] = replace(evaluations[entity_id], **facts)
        return self.having(evaluations=evaluations)

    # --- what is injected ---

    def move(self) -> Action:
        """A little budget from a worse ad set to a better one: no cap minds it."""
        donor, receiver = self.entity(DONOR), self.entity(RECEIVER)
        legs = (self._leg(donor, Decimal(0)), self._leg(receiver, Decimal(0)))
        return Action(
            type=ActionType.REALLOCATE, entity=donor, legs=legs, roas=Decimal(1), confidence=SURE
        ).moving(legs[0].current.times_up(_SMALL_STEP))

    def cut(self, by: Decimal = _SMALL_STEP, **changes: Any) -> Action:
        entity = self.entity(THIRD)
        action = Action(
            type=ActionType.SCALE_DOWN,
            entity=entity,
            legs=(self._leg(entity, -by),),
            roas=self.limits.scale_down_roas / 2,
            confidence=SURE,
        )
        return replace(action, **changes)

    def raise_(self, by: Decimal = _SMALL_STEP, **changes: Any) -> Action:
        entity = self.entity(RECEIVER)
        action = Action(
            type=ActionType.SCALE_UP,
            entity=entity,
            legs=(self._leg(entity, by),),
            roas=self.situation.evaluations[RECEIVER].roas,
            confidence=SURE,
        )
        return replace(action, **changes)

    def pause(self) -> Action:
        return Action(
            type=ActionType.PAUSE,
            entity=self.entity(THIRD),
            roas=self.limits.scale_down_roas / 2,
            confidence=SURE,
        )

    def resume(self) -> Action:
        roas = self.situation.evaluations[RECEIVER].roas
        entity = self.entity(self.last_id)
        return Action(type=ActionType.RESUME, entity=entity, roas=roas, confidence=SURE)

    def _leg(self, entity: Entity, change: Decimal) -> BudgetLeg:
        assert entity.budget is not None  # noqa: S101 - every ad set of the first campaign has one
        current = entity.budget.amount
        step = max(current.times_down(abs(change)), Money(1, _USD), key=lambda money: money.minor)
        proposed = current + step if change > 0 else current - step
        return BudgetLeg(entity=entity, current=current, proposed=proposed)


def made_up_account(
    limits: Limits, *, now: datetime, campaign_usd: Decimal, book: PolicyBook | None = None
) -> MadeUp:
    """MAX_CAMPAIGNS_PER_TICK campaigns at `campaign_usd` each, everything in order."""
    count = limits.max_campaigns_per_tick
    in_reach = min(max(campaign_usd, _LEAST_USD_PER_CAMPAIGN), MOST_USD_PER_CAMPAIGN)
    cap = Money.of_major(in_reach, _USD)
    snapshot = _snapshot(cap, now=now, built=min(count, _MOST_BUILT))
    policy = book or PolicyBook(limits=limits)
    situation = Situation(
        snapshot=snapshot,
        memory=Memory(
            entities={e.id: EntityMemory(budgets_known=True) for e in snapshot.entities()},
            approved_creatives=frozenset({CREATIVE}),
        ),
        evaluations=dict(_evaluations(snapshot, limits)),
        rates=Rates({}),
        purchases_28d=1000,
        geography=geography_of(snapshot, now),
    )
    return MadeUp(
        now=now,
        limits=limits,
        book=policy,
        situation=situation,
        totals=_totals(situation, policy, now, count),
        count=count,
    )


def _totals(situation: Situation, book: PolicyBook, now: datetime, count: int) -> Totals:
    """The day's money, with the campaigns that are not built."""
    totals = daily_spend_totals([situation], book=book, now=now)
    unbuilt = count - len(situation.snapshot.campaigns)
    if unbuilt <= 0:
        return totals
    first = sum((h.budget_usd for h in totals.holders.values()), Decimal(0))
    each = first / len(situation.snapshot.campaigns) * book.limits.daily_overspend_factor
    return replace(totals, projected_usd=totals.projected_usd + unbuilt * each)


def _snapshot(cap: Money, *, now: datetime, built: int) -> AccountSnapshot:
    third = cap.times_down(Decimal(1) / 3)
    budgets = {DONOR: third, RECEIVER: third, THIRD: cap - third - third}
    common: dict[str, Any] = {
        "account_id": ACCOUNT_ID,
        "status": Status.ACTIVE,
        "effective_status": Status.ACTIVE,
        "created_at": now - timedelta(days=400),
    }
    ids = [f"campaign-{number}" for number in range(1, built + 1)]
    campaigns = {
        key: Campaign(
            id=key,
            name=f"made-up {key}",
            objective="OUTCOME_SALES",
            budget=None if key == FIRST else _daily(cap),
            **common,
        )
        for key in ids
    }
    adsets = {
        key: AdSet(
            id=key,
            name=f"made-up {key}",
            of_campaign=FIRST,
            countries=("ES",),
            learning="SUCCESS",
            budget=_daily(budget),
            **common,
        )
        for key, budget in budgets.items()
    }
    ads = {
        f"ad-of-{key}": Ad(
            id=f"ad-of-{key}",
            name=f"made-up ad of {key}",
            of_campaign=FIRST,
            of_adset=key,
            creative_id=CREATIVE,
            **common,
        )
        for key in budgets
    }
    account = Account(
        id=ACCOUNT_ID,
        name="made-up account",
        currency=_USD,
        timezone=ZoneInfo("UTC"),
        status=1,
        min_daily_budget=Money(1, _USD),
    )
    yesterday = complete_days(account.day_of(now), 1)[0]

    def spending(ids: Iterable[str]) -> dict[str, dict[Any, DayFacts]]:
        spent = {key: micros(budgets.get(key, cap).major) for key in ids}
        return {key: {yesterday: DayFacts(each, each, 100, 10_000)} for key, each in spent.items()}

    return AccountSnapshot(
        account=account,
        observed_at=now,
        first_day=account.day_of(now) - timedelta(days=_READ_DAYS),
        campaigns=campaigns,
        adsets=adsets,
        ads=ads,
        days={Level.CAMPAIGN: spending(campaigns), Level.ADSET: spending(adsets)},
    )


def _daily(amount: Money) -> Budget:
    return Budget(BudgetKind.DAILY, amount)


def _evaluations(snapshot: AccountSnapshot, limits: Limits) -> Iterable[tuple[str, Evaluation]]:
    """A window in which every action is justified."""
    worse = max(limits.hard_stop_roas, Decimal(1))
    better = max(worse * limits.reallocate_ratio, limits.scale_up_roas) * 2
    roas = {DONOR: worse, THIRD: limits.scale_down_roas / 2}
    window = complete_days(snapshot.today, limits.lookback_days)
    for entity in (*snapshot.campaigns.values(), *snapshot.adsets.values()):
        (facts,) = snapshot.days_of(entity).values()
        spend_usd = Decimal(facts.spend_micros) / 1_000_000 * len(window)
        yield entity.id, evaluation(entity.id, roas.get(entity.id, better), spend_usd, window)


def evaluation(
    entity_id: str, roas: Decimal, spend_usd: Decimal, window: tuple[Any, ...]
) -> Evaluation:
    facts = DayFacts(
        spend_micros=micros(spend_usd),
        value_micros=micros(spend_usd * roas),
        purchases=1000,
        impressions=int(spend_usd * _IMPRESSIONS_PER_USD),
    )
    return Evaluation(
        entity_id=entity_id,
        window=window,
        facts=facts,
        spend_usd=spend_usd,
        roas=roas,
        estimate=None,
    )


def hopeless(found: Evaluation) -> Evaluation:
    """The same spend without a single purchase, and no doubt about it."""
    spent = found.facts.spend_micros
    estimate = Estimate(
        entity_id=found.entity_id,
        spend_micros=spent,
        value_micros=0,
        purchases=0,
        impressions=found.facts.impressions,
        exposure=spent // 1_000_000,
        orders_at_one=spent // 1_000_000,
        lag_adjusted_roas=0,
        posterior=Posterior(gamma=1, x=-40, s=1, x_dud=-40, s_dud=1),
    )
    facts = found.facts._replace(value_micros=0, purchases=0)
    return replace(found, facts=facts, roas=Decimal(0), estimate=estimate)
