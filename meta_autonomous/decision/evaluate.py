"""From one account's read and our records of it to its situation: windows, posteriors, outage."""

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Final

from meta_autonomous.decision.booking import Restatements
from meta_autonomous.decision.context import Evaluation, Memory, Situation
from meta_autonomous.decision.geo import geography_of
from meta_autonomous.decision.limits import Limits
from meta_autonomous.decision.outage import find_outage, outage_days
from meta_autonomous.decision.roas_engine import LevelEstimates, estimate_level
from meta_autonomous.domain.entities import AccountSnapshot, Entity, Level
from meta_autonomous.domain.performance import complete_days, roas, total
from meta_autonomous.domain.quantities import Rates

HISTORY_DAYS: Final = 28


def evaluate(
    snapshot: AccountSnapshot,
    memory: Memory,
    *,
    rates: Rates,
    limits: Limits,
    restatements: Restatements | None,
) -> Situation:
    """Everything that decisions need to know of one account, computed once."""
    today = snapshot.today
    excluded = outage_days(snapshot, restatements)
    evaluations: dict[str, Evaluation] = {}
    for level in Level:
        estimates = _estimates(
            snapshot,
            level,
            today,
            limits=limits,
            restatements=restatements,
            excluded=excluded,
        )
        for entity in _of_level(snapshot, level).values():
            evaluations[entity.id] = _evaluation(
                snapshot,
                entity,
                today,
                limits=limits,
                rates=rates,
                estimates=estimates,
                excluded=excluded,
            )
    return Situation(
        snapshot=snapshot,
        memory=memory,
        evaluations=evaluations,
        rates=rates,
        outage=find_outage(snapshot, restatements),
        purchases_28d=_purchases(snapshot),
        geography=geography_of(snapshot, snapshot.observed_at),
        outage_days=excluded,
    )


def pause_windows(
    situation: Situation, limits: Limits, restatements: Restatements | None
) -> Callable[[Entity], Evaluation | None]:
    """How to look at a paused entity in the window of its pause, with today's restated numbers.

    Computed only for the levels and days asked for: most ticks ask for none.
    """
    snapshot = situation.snapshot
    known: dict[tuple[Level, date], LevelEstimates] = {}

    def look(entity: Entity) -> Evaluation | None:
        paused_on = situation.memory.of(entity.id).paused_on
        if paused_on is None:
            return None
        key = (entity.level, paused_on)
        if key not in known:
            known[key] = _estimates(
                snapshot,
                entity.level,
                paused_on,
                limits=limits,
                restatements=restatements,
                excluded=situation.outage_days,
            )
        return _evaluation(
            snapshot,
            entity,
            paused_on,
            limits=limits,
            rates=situation.rates,
            estimates=known[key],
            excluded=situation.outage_days,
        )

    return look


def _estimates(
    snapshot: AccountSnapshot,
    level: Level,
    today: date,
    *,
    limits: Limits,
    restatements: Restatements | None,
    excluded: frozenset[date],
) -> LevelEstimates:
    return estimate_level(
        snapshot.telling_days(level),
        today=today,
        first_day=snapshot.first_day,
        window_days=limits.lookback_days,
        restatements=restatements,
        order_history_days=HISTORY_DAYS,
        excluded_days=excluded,
    )


def _evaluation(
    snapshot: AccountSnapshot,
    entity: Entity,
    today: date,
    *,
    limits: Limits,
    rates: Rates,
    estimates: LevelEstimates,
    excluded: frozenset[date],
) -> Evaluation:
    window = tuple(
        day for day in complete_days(today, limits.lookback_days) if day not in excluded
    )
    facts = total(snapshot.days_of(entity), window)
    return Evaluation(
        entity_id=entity.id,
        window=window,
        facts=facts,
        spend_usd=rates.usd_of_micros(facts.spend_micros, snapshot.account.currency),
        roas=roas(facts),
        estimate=estimates.estimates.get(entity.id),
        average_orders=_average_orders(entity.id, estimates),
    )


def _average_orders(entity_id: str, estimates: LevelEstimates) -> Decimal | None:
    if entity_id not in estimates.estimates:
        return None
    return Decimal(repr(round(estimates.average_orders(entity_id), 1)))


def _of_level(snapshot: AccountSnapshot, level: Level) -> Mapping[str, Entity]:
    by_level: Mapping[Level, Mapping[str, Entity]] = {
        Level.CAMPAIGN: snapshot.campaigns,
        Level.ADSET: snapshot.adsets,
        Level.AD: snapshot.ads,
    }
    return by_level[level]


def _purchases(snapshot: AccountSnapshot) -> int:
    """Purchases of the whole account in 28 days and today, archived and deleted ads included."""
    return sum(
        facts.purchases
        for days in snapshot.days.get(Level.AD, {}).values()
        for facts in days.values()
    )


def evidence(situation: Situation, entity: Entity) -> dict[str, object]:
    """What a person is shown to judge the decision by: days, exposure, the average ad."""
    evaluation = situation.evaluation(entity)
    if evaluation is None:
        return {}
    days = situation.snapshot.days_of(entity)
    shown: dict[str, object] = {
        "window": [day.isoformat() for day in evaluation.window],
        "spend_usd": None if evaluation.spend_usd is None else str(_cents(evaluation.spend_usd)),
        "impressions": evaluation.facts.impressions,
        "purchases": evaluation.facts.purchases,
        "days": [
            {
                "date": day.isoformat(),
                "spend": _major(facts.spend_micros),
                "purchase_value": _major(facts.value_micros),
                "purchases": facts.purchases,
                "impressions": facts.impressions,
            }
            for day in evaluation.window
            if (facts := days.get(day)) is not None
        ],
    }
    estimate = evaluation.estimate
    if estimate is not None:
        low, high = estimate.posterior.interval()
        shown["expected_roas"] = _four(estimate.posterior.expected())
        shown["interval"] = [_four(low), _four(high)]
        shown["exposure"] = _four(estimate.exposure)
        shown["orders_at_roas_1"] = _four(estimate.orders_at_one)
    if evaluation.average_orders is not None:
        shown["average_purchases"] = str(evaluation.average_orders)
    return shown


def _major(micros: int) -> str:
    return f"{Decimal(micros) / 1_000_000:.2f}"


def _cents(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.01"))


def _four(value: float) -> str:
    return f"{value:.4f}"
