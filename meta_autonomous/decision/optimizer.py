"""Which changes the numbers ask for, before any rule is asked (contract section 4, step 4).

Budgets live on the campaign or on its ad sets, never on an ad; pauses fit every level. An action
needs the point condition on the raw ROAS (what a manager sees in Ads Manager) and the posterior
probability of the same claim. For every entity looked at, the gates say why it got an action, or
why it got none.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, NamedTuple

from meta_autonomous.decision import wishes
from meta_autonomous.decision.candidates import passes
from meta_autonomous.decision.context import Evaluation, Situation
from meta_autonomous.decision.hard_stop import must_halt
from meta_autonomous.decision.limits import Limits
from meta_autonomous.decision.posterior import Posterior, prob_ratio_at_least
from meta_autonomous.decision.wishes import in_dollars, in_percent, two
from meta_autonomous.domain.action import SCALES, Action, ActionType, BudgetLeg
from meta_autonomous.domain.entities import AdSet, BudgetKind, Campaign, Entity, Status
from meta_autonomous.domain.quantities import Money
from meta_autonomous.domain.verdict import Verdict

LARGEST_STEP: Final = Decimal("0.50")
SMALLEST_STEP: Final = Decimal("0.01")
REALLOCATE_SHARE: Final = Decimal("0.20")
REALLOCATE_CONFIDENCE: Final = Decimal("0.75")
REALLOCATE_SIBLINGS: Final = 3
REVERSAL_WINDOW: Final = timedelta(days=7)
REJECTION_REST: Final = timedelta(hours=24)
WELL_SPENT: Final = Decimal("0.70")

#: The evaluation of a paused entity in the window of the decision that paused it, restated.
PauseWindow = Callable[[Entity], Evaluation | None]


@dataclass(slots=True)
class Wanted:
    """What one campaign's numbers ask for, and the gates of every entity of it.

    `replaced` are the scale actions that a reallocation stands in for; they come back when auto
    mode would execute one of them now.
    """

    actions: list[Action]
    replaced: list[Action]
    gates: dict[str, list[Verdict]]

    def say(self, entity: Entity, verdict: Verdict) -> None:
        self.gates.setdefault(entity.id, []).append(verdict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaigns:
    """How to look at one campaign: everything `want` needs beside the campaign itself."""

    situation: Situation
    now: datetime
    open_ids: frozenset[str]  # what may be acted on, itself and all above it
    pause_window: PauseWindow


def want(
    campaign: Campaign, limits: Limits, look: Campaigns, *, only_hard_stops: bool = False
) -> Wanted:
    """The actions that one candidate campaign's numbers ask for, at most one per entity."""
    wanted = Wanted(actions=[], replaced=[], gates={})
    paused = set(_want_pauses(campaign, limits, look, wanted, only_hard_stops=only_hard_stops))
    if only_hard_stops:
        return wanted
    for entity in _alive(campaign, look.situation, paused, wanted):
        if entity.id in paused or entity.id not in look.open_ids:
            continue
        if campaign.effective_status == Status.ACTIVE or entity.budget is None:
            _want_budget(entity, limits, look, wanted)
        else:
            wanted.say(entity, wishes.pause_or_nothing(campaign))
    if campaign.effective_status == Status.ACTIVE and campaign.id not in paused:
        _want_reallocation(campaign, limits, look, wanted, paused)
    return wanted


# --- pauses -------------------------------------------------------------------------------------


def is_hard_stop(evaluation: Evaluation | None, limits: Limits) -> bool:
    """Whether the evaluation alone says that the entity must halt."""
    if evaluation is None:
        return False
    sure = evaluation.prob_below(limits.hard_stop_roas)
    return must_halt(evaluation.roas, sure, evaluation.spend_usd, limits) is True


def has_minimum_data(evaluation: Evaluation | None, limits: Limits) -> bool:
    return (
        evaluation is not None
        and evaluation.spend_usd is not None
        and evaluation.spend_usd >= limits.min_spend_usd
        and evaluation.facts.impressions >= limits.min_impressions
    )


def _is_weak(evaluation: Evaluation | None, limits: Limits) -> bool:
    """ROAS < PAUSE_ROAS with minimum data and the confidence of any action."""
    if evaluation is None or evaluation.roas is None or not has_minimum_data(evaluation, limits):
        return False
    sure = evaluation.prob_below(limits.pause_roas)
    return (
        evaluation.roas < limits.pause_roas
        and sure is not None
        and sure >= limits.min_action_confidence
    )


def _want_pauses(
    entity: Entity, limits: Limits, look: Campaigns, wanted: Wanted, *, only_hard_stops: bool
) -> Iterator[str]:
    """Pause the entity, or else its failing children; yields the ids that get a pause.

    A parent is spared as long as anything active below it, with minimum data, earns its keep.
    """
    situation = look.situation
    evaluation = situation.evaluation(entity)
    hard = is_hard_stop(evaluation, limits)
    failing = hard or (not only_hard_stops and _is_weak(evaluation, limits))
    if failing and entity.id in look.open_ids:
        good = _earning_child(entity, limits, situation)
        if good is None:
            assert evaluation is not None  # noqa: S101 - failing implies an evaluation
            action = _pause(entity, evaluation, limits, hard=hard)
            if not _rests_after_rejection(action, look, wanted):
                wanted.actions.append(action)
                yield entity.id
            return
        wanted.say(entity, wishes.spared_for_a_child(good, _roas_of(good, situation), limits))
    elif evaluation is not None and entity.id in look.open_ids:
        missing = wishes.no_hard_stop(evaluation, limits)
        if missing is not None:
            wanted.say(entity, missing)
    for child in _children(entity, situation):
        yield from _want_pauses(child, limits, look, wanted, only_hard_stops=only_hard_stops)


def _pause(entity: Entity, evaluation: Evaluation, limits: Limits, *, hard: bool) -> Action:
    threshold = limits.hard_stop_roas if hard else limits.pause_roas
    confidence = evaluation.prob_below(threshold)
    claim = (
        f"ROAS {two(evaluation.roas)} over {len(evaluation.window)} days on "
        f"{in_dollars(evaluation.spend_usd)} of spend, {in_percent(confidence)} sure that the "
        f"true ROAS is below {threshold}"
    )
    return Action(
        type=ActionType.PAUSE,
        entity=entity,
        roas=evaluation.roas,
        expected_roas=evaluation.expected_roas,
        confidence=confidence,
        reason=f"HARD STOP: {claim}" if hard else claim,
        is_hard_stop=hard,
        stake_usd=_daily_spend_usd(evaluation),
    )


def _earning_child(entity: Entity, limits: Limits, situation: Situation) -> Entity | None:
    """The first active descendant with minimum data and a ROAS of at least HARD_STOP_ROAS."""
    for child in _children(entity, situation):
        if not child.is_active:
            continue
        evaluation = situation.evaluation(child)
        if (
            evaluation is not None
            and has_minimum_data(evaluation, limits)
            and evaluation.roas is not None
            and evaluation.roas >= limits.hard_stop_roas
        ):
            return child
        below = _earning_child(child, limits, situation)
        if below is not None:
            return below
    return None


# --- resume -------------------------------------------------------------------------------------


def want_resume(entity: Entity, limits: Limits, look: Campaigns) -> Wanted:
    """Take back our own pause when its window, restated, says that it was wrong."""
    wanted = Wanted(actions=[], replaced=[], gates={})
    evaluation = look.pause_window(entity)
    if evaluation is None or evaluation.roas is None:
        wanted.say(entity, wishes.nothing_to_resume_by(limits))
        return wanted
    confidence = evaluation.prob_at_least(limits.resume_roas)
    ready = (
        not is_hard_stop(evaluation, limits)
        and evaluation.roas >= limits.resume_roas
        and confidence is not None
        and confidence >= limits.min_action_confidence
    )
    wanted.say(entity, wishes.resume(evaluation, limits, ready=ready))
    if not ready:
        return wanted
    action = Action(
        type=ActionType.RESUME,
        entity=entity,
        roas=evaluation.roas,
        expected_roas=evaluation.expected_roas,
        confidence=confidence,
        reason=f"Restated ROAS {two(evaluation.roas)} in the window in which it was paused, "
        f"{in_percent(confidence)} sure that it is at least {limits.resume_roas}",
        stake_usd=_daily_spend_usd(evaluation),
    )
    if not _rests_after_rejection(action, look, wanted):
        wanted.actions.append(action)
    return wanted


# --- budgets ------------------------------------------------------------------------------------


def _want_budget(entity: Entity, limits: Limits, look: Campaigns, wanted: Wanted) -> None:
    """A scale action for one holder of a budget; for anything else, why there is none."""
    situation = look.situation
    if entity.budget is None:
        wanted.say(entity, wishes.no_budget_here(entity, limits, situation))
        return
    current = entity.budget.daily(look.now)
    if current is None or current.minor <= 0:
        wanted.say(entity, wishes.untold_budget(current))
        return
    if entity.effective_status != Status.ACTIVE:
        wanted.say(entity, wishes.pause_or_nothing(entity))
        return
    action = _scale(entity, current, limits, look, wanted)
    if action is not None and not _rests_after_rejection(action, look, wanted):
        wanted.actions.append(action)


def _scale(
    entity: Entity, current: Money, limits: Limits, look: Campaigns, wanted: Wanted
) -> Action | None:
    evaluation = look.situation.evaluation(entity)
    if evaluation is None or evaluation.roas is None:
        wanted.say(entity, wishes.NO_SPEND)
        return None
    roas = evaluation.roas
    if limits.scale_down_roas < roas < limits.scale_up_roas:
        to_raise, to_cut = (_needed_confidence(entity, way, limits, look) for way in (1, -1))
        wanted.say(
            entity,
            wishes.in_the_middle(evaluation, limits, to_raise=to_raise, to_cut=to_cut),
        )
        return None
    up = roas >= limits.scale_up_roas
    threshold = limits.scale_up_roas if up else limits.scale_down_roas
    confidence = evaluation.prob_at_least(threshold) if up else evaluation.prob_below(threshold)
    side = "at least" if up else "at most"
    needed = _needed_confidence(entity, 1 if up else -1, limits, look)
    if confidence is None or confidence < needed:
        wanted.say(
            entity,
            wishes.not_sure_enough(
                evaluation,
                f"{side} {threshold}",
                confidence,
                needed,
                up=up,
                turns=needed != limits.min_action_confidence,
                eligible_at=_turned_long_ago(entity, confidence, limits, look),
            ),
        )
        return None
    # A threshold of 0 is infinitely far from any ROAS but itself.
    step = min(LARGEST_STEP, abs(roas / threshold - 1)) if threshold else LARGEST_STEP
    step = max(SMALLEST_STEP, step)
    minimum = look.situation.snapshot.account.min_daily_budget
    if up:
        proposed = current.times_down(1 + step)
    else:
        proposed = max(current.times_up(1 - step), _lowest(current, minimum), key=_minor)
    if proposed == current:
        wanted.say(entity, wishes.no_step_left(roas, current, minimum, up=up))
        return None
    wanted.say(
        entity,
        passes(
            "wanted.roas",
            observed=two(roas),
            limit=threshold,
            message=f"ROAS {two(roas)} is {side} {threshold}, {in_percent(confidence)} sure.",
        ),
    )
    if up:
        _warn_if_underspent(entity, current, evaluation, look, wanted)
    leg = BudgetLeg(entity=entity, current=current, proposed=proposed)
    return Action(
        type=ActionType.SCALE_UP if up else ActionType.SCALE_DOWN,
        entity=entity,
        legs=(leg,),
        roas=roas,
        expected_roas=evaluation.expected_roas,
        confidence=confidence,
        reason=f"ROAS {two(roas)} over {len(evaluation.window)} days on "
        f"{in_dollars(evaluation.spend_usd)} of spend, {in_percent(confidence)} sure that the "
        f"true ROAS is {side} {threshold}",
        stake_usd=abs(look.situation.usd(proposed - current) or Decimal(0)),
    )


def _lowest(current: Money, minimum: Money) -> Money:
    """How far a cut may go: to the account's minimum, or nowhere when that is less than one
    percent away."""
    return current if current.times_up(1 - SMALLEST_STEP) < minimum else minimum


def _turned_long_ago(
    entity: Entity, confidence: Decimal | None, limits: Limits, look: Campaigns
) -> datetime | None:
    """When waiting alone is enough: the last change of the other direction is 7 days old then."""
    if confidence is None or confidence < limits.min_action_confidence:
        return None
    last = look.situation.memory.of(entity.id).last_direction_at
    return None if last is None else last + REVERSAL_WINDOW


def _needed_confidence(entity: Entity, direction: int, limits: Limits, look: Campaigns) -> Decimal:
    """More is needed to turn round within 7 days than to go on in the same direction."""
    memory = look.situation.memory.of(entity.id)
    turned = memory.last_direction == -direction and memory.last_direction_at is not None
    if turned and look.now - memory.last_direction_at < REVERSAL_WINDOW:  # type: ignore[operator]
        return max(limits.reversal_confidence, limits.min_action_confidence)
    return limits.min_action_confidence


def _warn_if_underspent(
    entity: Entity, current: Money, evaluation: Evaluation, look: Campaigns, wanted: Wanted
) -> None:
    daily = _daily_spend_usd(evaluation)
    budget = look.situation.usd(current)
    if budget and daily < budget * WELL_SPENT:
        wanted.say(entity, wishes.underspent(daily / budget, WELL_SPENT))


# --- reallocation -------------------------------------------------------------------------------


class _Sibling(NamedTuple):
    """An ad set among those that are compared; by ROAS, and by id where that is the same."""

    roas: Decimal
    id: str
    adset: AdSet
    budget: Money
    seen: Evaluation
    posterior: Posterior


def _want_reallocation(
    campaign: Campaign, limits: Limits, look: Campaigns, wanted: Wanted, paused: set[str]
) -> None:
    """Move money from the worst to the best of at least three siblings with own budgets."""
    situation = look.situation
    siblings = [
        (adset, adset.budget.amount)
        for adset in situation.snapshot.adsets_of(campaign.id)
        if adset.budget is not None
        and adset.budget.kind is BudgetKind.DAILY
        and adset.effective_status == Status.ACTIVE
        and adset.id not in paused
        and adset.id in look.open_ids
    ]
    if campaign.budget is not None or len(siblings) < REALLOCATE_SIBLINGS:
        return
    ranked = [
        _Sibling(seen.roas, adset.id, adset, budget, seen, seen.estimate.posterior)
        for adset, budget in siblings
        if (seen := situation.evaluation(adset)) is not None
        and seen.roas is not None
        and seen.estimate is not None
        and has_minimum_data(seen, limits)
    ]
    if len(ranked) < 2:  # noqa: PLR2004 - a pair
        return
    worst, best = min(ranked), max(ranked)
    if best.roas < limits.reallocate_ratio * worst.roas:
        return
    raw = prob_ratio_at_least(best.posterior, worst.posterior, float(limits.reallocate_ratio))
    sure = Decimal(repr(round(raw, 6)))
    # Lowering what was just raised, or the other way round, is a reversal here as well.
    needed = max(
        REALLOCATE_CONFIDENCE,
        _needed_confidence(worst.adset, -1, limits, look),
        _needed_confidence(best.adset, 1, limits, look),
    )
    told = (
        f"Ad set {best.adset.name!r} (ROAS {two(best.roas)}) against {worst.adset.name!r} (ROAS "
        f"{two(worst.roas)}): {in_percent(sure, short_of=needed)} sure that the one does at least "
        f"{limits.reallocate_ratio} times as well as the other; {in_percent(needed)} is needed."
    )
    if sure < needed:
        wanted.say(worst.adset, wishes.too_alike(best.adset, told, sure, needed))
        return
    verdict = passes("wanted.reallocate", observed=sure, limit=needed, message=told)
    wanted.say(worst.adset, verdict)
    action = _move(worst, best, look, wanted, sure=sure, why=verdict.message)
    if action is None or _rests_after_rejection(action, look, wanted):
        return
    wanted.say(best.adset, verdict)
    taken = {worst.id, best.id}
    wanted.replaced = [
        old for old in wanted.actions if old.type in SCALES and old.entity.id in taken
    ]
    wanted.actions = [old for old in wanted.actions if old not in wanted.replaced]
    wanted.actions.append(action)


def _move(
    worst: _Sibling, best: _Sibling, look: Campaigns, wanted: Wanted, *, sure: Decimal, why: str
) -> Action | None:
    """The amount grows with the confidence, up to a fifth of the smaller budget."""
    donor, receiver = worst.budget, best.budget
    weight = (sure - Decimal("0.65")) / Decimal("0.35")
    minimum = look.situation.snapshot.account.min_daily_budget
    wished = min(donor, receiver, key=_minor).times_down(REALLOCATE_SHARE * weight)
    amount = min(wished, donor - minimum, key=_minor)
    if amount.minor < 1:
        wanted.say(worst.adset, wishes.nothing_to_move(donor, minimum))
        return None
    return Action(
        type=ActionType.REALLOCATE,
        entity=worst.adset,
        legs=(
            BudgetLeg(entity=worst.adset, current=donor, proposed=donor - amount),
            BudgetLeg(entity=best.adset, current=receiver, proposed=receiver + amount),
        ),
        roas=worst.roas,
        expected_roas=worst.seen.expected_roas,
        confidence=sure,
        reason=why,
        stake_usd=look.situation.usd(amount) or Decimal(0),
    )


# --- small things -------------------------------------------------------------------------------


def _children(entity: Entity, situation: Situation) -> tuple[Entity, ...]:
    match entity:
        case Campaign():
            return situation.snapshot.adsets_of(entity.id)
        case AdSet():
            return situation.snapshot.ads_of(entity.id)
        case _:
            return ()


def _alive(
    campaign: Campaign, situation: Situation, paused: set[str], wanted: Wanted
) -> Iterator[Entity]:
    """The campaign and everything below it that nothing above is being paused for."""

    def walk(entity: Entity, over: Entity | None) -> Iterator[Entity]:
        if over is None:
            yield entity
        else:
            wanted.say(entity, wishes.below_a_pause(over))
        nearest = over or (entity if entity.id in paused else None)
        for child in _children(entity, situation):
            yield from walk(child, nearest)

    return walk(campaign, None)


def _rests_after_rejection(action: Action, look: Campaigns, wanted: Wanted) -> bool:
    """A person's no stands for 24 hours."""
    memory = look.situation.memory.of(action.entity.id)
    rejected_at = memory.rejected_at.get(action.type)
    if rejected_at is None or look.now - rejected_at >= REJECTION_REST:
        return False
    until = rejected_at + REJECTION_REST
    wanted.say(action.entity, wishes.rejected(action.type, rejected_at, until))
    return True


def _roas_of(entity: Entity, situation: Situation) -> Decimal | None:
    evaluation = situation.evaluation(entity)
    return evaluation.roas if evaluation is not None else None


def _daily_spend_usd(evaluation: Evaluation) -> Decimal:
    days = len(evaluation.window)
    return (evaluation.spend_usd or Decimal(0)) / days if days else Decimal(0)


def _minor(money: Money) -> int:
    return money.minor
