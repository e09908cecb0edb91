"""What a tick writes down: the account as read, and every decision with its reasons."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from itertools import chain
from typing import Any

from meta_autonomous.decision.candidates import binding
from meta_autonomous.decision.claim import claim_of
from meta_autonomous.decision.context import Evaluation, Situation
from meta_autonomous.decision.decide import Plan
from meta_autonomous.decision.differences import briefs
from meta_autonomous.decision.evaluate import evidence
from meta_autonomous.decision.granting import Decision
from meta_autonomous.decision.limits import Limits, PolicyBook
from meta_autonomous.decision.margin import break_even_roas
from meta_autonomous.decision.safety_spend import account_spend
from meta_autonomous.decision.tick_case import Circumstances, TickCase
from meta_autonomous.domain.entities import Entity
from meta_autonomous.domain.verdict import Verdict
from meta_autonomous.operations.observe import Observed, is_whole
from meta_autonomous.operations.shapes import base_shape, number
from meta_autonomous.operations.skipped import traces_of_skipped
from meta_autonomous.operations.world import World
from meta_autonomous.ports.records import NewAction, Trace

Verdicts = tuple[Verdict, ...]


def record_account(world: World, seen: Observed, *, tick_id: str) -> None:
    """The read itself, and what stands in for the account when it can't be read next time."""
    situation, snapshot = seen.situation, seen.situation.snapshot
    world.store.record_snapshot(seen.read, tick_id=tick_id)
    record = world.store.account(snapshot.account.id)
    until = record.blocked_until  # what only writes met, a read does not end
    day = account_spend(situation, world.book, snapshot.observed_at)
    world.store.save_account(
        replace(
            record,
            first_read_at=record.first_read_at or snapshot.observed_at,
            last_read_at=snapshot.observed_at,
            last_read_on=snapshot.today,
            last_full_read_on=snapshot.today if is_whole(seen.read) else record.last_full_read_on,
            projected_usd=None if day is None else day.projected_usd,
            budgets_usd=None if day is None else day.budgets_usd,
            currency=snapshot.account.currency.code,
            blocked_until=until if until and until > snapshot.observed_at else None,
            last_error=None,
        )
    )


def record_plan(
    world: World, plan: Plan, observed: Mapping[str, Observed], *, tick_id: str, at: datetime
) -> tuple[int, ...]:
    """Store every decision and every entity's trace; ids in the order of the plan's decisions."""
    ids: dict[int, int] = {}
    for account_id, seen in observed.items():
        mine = [
            n for n, decision in enumerate(plan.decisions) if decision.account_id == account_id
        ]
        intervals = _intervals(seen.situation)
        stored = world.store.record_decisions(
            account_id,
            [_new_action(plan.decisions[n], seen.situation, world.book) for n in mine],
            chain(
                _traces(plan, seen.situation, world.book, intervals),
                tuple(traces_of_skipped(world.store, seen.situation.snapshot)),
            ),
            _metrics(seen.situation, world.book, intervals),
            tick_id=tick_id,
            at=at,
        )
        ids.update(zip(mine, stored, strict=True))
    return tuple(ids[n] for n in range(len(plan.decisions)))


#: The 90 % interval of each entity that has an estimate: the dearest number to work out, and told
#: in its trace as well as in its metrics.
Intervals = Mapping[str, tuple[float, float]]


def _intervals(situation: Situation) -> Intervals:
    return {
        entity_id: evaluation.estimate.posterior.interval()
        for entity_id, evaluation in situation.evaluations.items()
        if evaluation.estimate is not None
    }


def record_case(
    world: World,
    plan: Plan,
    observed: Mapping[str, Observed],
    circumstances: Circumstances,
    *,
    tick_id: str,
    at: datetime,
) -> None:
    """All that the tick decided on, so that it can be decided again."""
    accounts = tuple(seen.case for seen in observed.values())
    decided = briefs(plan, (seen.situation for seen in observed.values()), world.book)
    case = TickCase(circumstances=circumstances, accounts=accounts)
    world.store.record_case(tick_id, case, decided, at=at)


def _new_action(decision: Decision, situation: Situation, book: PolicyBook) -> NewAction:
    action = decision.action
    limits = book.limits_of(action.entity, situation.snapshot)
    return NewAction(
        action=action,
        outcome=decision.outcome,
        status=decision.status,
        reason=decision.reason,
        verdicts=decision.verdicts,
        evidence={
            **evidence(situation, action.entity),
            **_claim_shape(decision, limits),
            **_break_even(limits),
            "base": base_shape(action),
        },
        is_urgent=decision.is_urgent,
        route=decision.route.value,
        amount_usd=decision.amount_usd,
        expires_at=decision.expires_at,
        unchanged_id=decision.unchanged_id,
    )


def _claim_shape(decision: Decision, limits: Limits) -> dict[str, Any]:
    """What the action's confidence is a probability of, so that time can tell (`calibration`)."""
    claim = claim_of(decision.action, limits)
    return {"claim": {"side": claim.side.value, "threshold": str(claim.threshold)}}


def _break_even(limits: Limits) -> dict[str, Any]:
    even = break_even_roas(limits.profit_margin)
    return {} if even is None else {"break_even_roas": f"{even:.2f}"}


def _traces(
    plan: Plan, situation: Situation, book: PolicyBook, intervals: Intervals
) -> Iterator[Trace]:
    decided = {
        entity_id: decision
        for decision in plan.decisions
        for entity_id in decision.action.entity_ids
    }
    for entity in situation.snapshot.entities():
        gates = plan.gates.get(entity.id, ())
        decision = decided.get(entity.id)
        yield Trace(
            entity_id=entity.id,
            level=entity.level,
            name=entity.name,
            campaign_id=entity.campaign_id,
            evidence=_summary(
                entity, situation, book.limits_of(entity, situation.snapshot), intervals
            ),
            was_evaluated=entity.id in plan.evaluated,
            **(_of_nothing(gates) if decision is None else _of_decision(gates, decision)),
        )


def _of_nothing(gates: Verdicts) -> dict[str, Any]:
    """Nothing was wanted: the gates say why."""
    return {"decision": "none", "gates": gates, **_binding(gates)}


def _of_decision(gates: Verdicts, decision: Decision) -> dict[str, Any]:
    """The numbers asked for an action, and the rules judged it: what binds it, if anything does,
    is one of theirs. The gates that another wish of the same entity met stay in the list."""
    told = (*gates, *(verdict for verdict in decision.verdicts if verdict not in gates))
    word = f"{decision.action.type}: {decision.outcome}"
    return {"decision": word, "gates": told, **_binding(decision.verdicts)}


def _binding(verdicts: Verdicts) -> dict[str, Any]:
    stopping = [verdict for verdict in verdicts if binding(verdict)]
    waits = [verdict.eligible_at for verdict in stopping if verdict.eligible_at is not None]
    return {
        "first_binding": stopping[0].rule if stopping else None,
        "eligible_again_at": max(waits) if waits else None,
    }


def _summary(
    entity: Entity, situation: Situation, limits: Limits, intervals: Intervals
) -> dict[str, Any]:
    """The few numbers that say how the entity stands, for lists."""
    evaluation = situation.evaluation(entity)
    daily = entity.budget.daily(situation.snapshot.observed_at) if entity.budget else None
    interval = intervals.get(entity.id)
    low, high = (None, None) if interval is None else interval
    return {
        "account_id": situation.snapshot.account.id,
        "status": entity.effective_status,
        "budget": None if daily is None else daily.plain(),
        "currency": situation.snapshot.account.currency.code,
        "spend_usd": None
        if evaluation is None or evaluation.spend_usd is None
        else f"{evaluation.spend_usd:.2f}",
        "purchases": 0 if evaluation is None else evaluation.facts.purchases,
        "break_even_roas": number(break_even_roas(limits.profit_margin)),
        "roas": None if evaluation is None else number(evaluation.roas),
        "expected_roas": None if evaluation is None else number(evaluation.expected_roas),
        "roas_low": None if low is None else round(low, 6),
        "roas_high": None if high is None else round(high, 6),
        "confidence": None if evaluation is None else number(_confidence(evaluation, limits)),
        **({} if evaluation is None else _belief(evaluation, limits, interval)),
    }


def _belief(
    evaluation: Evaluation, limits: Limits, interval: tuple[float, float] | None
) -> dict[str, Any]:
    """What the estimator believes, in the few values that `explain` says in words."""
    belief: dict[str, Any] = {
        "window_days": len(evaluation.window),
        "impressions": evaluation.facts.impressions,
    }
    if evaluation.roas is not None and interval is not None:
        belief["claim"] = _claim(evaluation.roas, limits)
        belief["interval"] = [round(end, 2) for end in interval]
        belief["average_purchases"] = number(evaluation.average_orders)
    return belief


def _claim(roas: Decimal, limits: Limits) -> str:
    """Where the raw ROAS lies: `_confidence` is how sure it is that the true one lies there."""
    if roas < limits.hard_stop_roas:
        return f"below {limits.hard_stop_roas}"
    if roas <= limits.scale_down_roas:
        return f"at most {limits.scale_down_roas}"
    if roas >= limits.scale_up_roas:
        return f"at least {limits.scale_up_roas}"
    return f"between {limits.scale_down_roas} and {limits.scale_up_roas}"


def _metrics(
    situation: Situation, book: PolicyBook, intervals: Intervals
) -> Iterator[dict[str, Any]]:
    """One row per entity with spend in the window, for ``meta_roas_metrics``."""
    snapshot = situation.snapshot
    for entity in snapshot.entities():
        evaluation = situation.evaluation(entity)
        if evaluation is None or evaluation.estimate is None or not evaluation.facts.spend_micros:
            continue
        low, high = intervals[entity.id]
        limits = book.limits_of(entity, snapshot)
        yield {
            "account_id": snapshot.account.id,
            "entity_id": entity.id,
            "level": entity.level.value,
            "campaign_id": entity.campaign_id,
            "window_since": evaluation.window[0].isoformat() if evaluation.window else None,
            "window_until": evaluation.window[-1].isoformat() if evaluation.window else None,
            "currency": snapshot.account.currency.code,
            "spend_micros": evaluation.facts.spend_micros,
            "revenue_micros": evaluation.facts.value_micros,
            "conversions": evaluation.facts.purchases,
            "impressions": evaluation.facts.impressions,
            "actual_roas": number(evaluation.roas),
            "expected_roas": number(evaluation.expected_roas),
            "roas_low": round(low, 6),
            "roas_high": round(high, 6),
            "confidence_score": number(_confidence(evaluation, limits)),
            "posterior": [f"{number:.5f}" for number in evaluation.estimate.posterior],
        }


def _confidence(evaluation: Evaluation, limits: Limits) -> Decimal | None:
    """How sure it is that the true ROAS is where the raw one lies: below, between or above."""
    roas = evaluation.roas
    below_cut = evaluation.prob_below(limits.scale_down_roas)
    below_raise = evaluation.prob_below(limits.scale_up_roas)
    if roas is None or below_cut is None or below_raise is None:
        return None
    if roas < limits.hard_stop_roas:
        return evaluation.prob_below(limits.hard_stop_roas)
    if roas <= limits.scale_down_roas:
        return below_cut
    if roas >= limits.scale_up_roas:
        return 1 - below_raise
    return below_raise - below_cut
