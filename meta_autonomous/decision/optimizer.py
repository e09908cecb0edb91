"""Which changes the numbers ask for, before any rule is asked (contract section 4, step 4).

Budgets live on the campaign or on its ad sets, never on an ad; pauses fit every level. An action
needs the point condition on the raw ROAS (what a manager sees in Ads Manager) and the posterior
probability of the same claim. For every entity looked at, the gates say why it got an action, or
why it got none.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from typing import Final, NamedTuple

from meta_autonomous.decision.candidates import passes, stops
from meta_autonomous.decision.context import Evaluation, Situation
from meta_autonomous.decision.hard_stop import must_halt
from meta_autonomous.decision.limits import Limits
from meta_autonomous.decision.posterior import Posterior, prob_ratio_at_least
from meta_autonomous.decision.rules import percent, waiting
from meta_autonomous.domain.action import SCALES, Action, ActionType, BudgetLeg
from meta_autonomous.domain.entities import AdSet, BudgetKind, Campaign, Entity, Status
from meta_autonomous.domain.quantities import Money
from meta_autonomous.domain.verdict import Effect, Flip, Ruling, Verdict

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
        if campaign.effective_status == Status.ACTIVE:
            _want_budget(entity, limits, look, wanted)
        else:
            wanted.say(entity, _pause_or_nothing(campaign))
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
        wanted.say(
            entity,
            stops(
                "wanted.children",
                observed=_two(_roas_of(good, situation)),
                limit=limits.hard_stop_roas,
                message=f"Not paused as a whole: the {_level(good)} {good.name!r} below it has "
                f"ROAS {_two(_roas_of(good, situation))}. What fails below it is paused instead.",
                flip=Flip(
                    fact="roas of what is below",
                    needed=limits.hard_stop_roas,
                    words=f"if nothing below it had a ROAS of {limits.hard_stop_roas} or more "
                    f"(the {_level(good)} {good.name!r} has {_two(_roas_of(good, situation))})",
                    would="be paused as a whole",
                ),
            ),
        )
    elif evaluation is not None and entity.id in look.open_ids:
        _say_why_spared(entity, evaluation, limits, wanted)
    for child in _children(entity, situation):
        yield from _want_pauses(child, limits, look, wanted, only_hard_stops=only_hard_stops)


def _say_why_spared(
    entity: Entity, evaluation: Evaluation, limits: Limits, wanted: Wanted
) -> None:
    """A ROAS that looks like a hard stop and is none: what is missing."""
    roas, limit = evaluation.roas, limits.hard_stop_roas
    if roas is None or roas >= limit:
        return
    sure, needed = evaluation.prob_below(limit), limits.hard_stop_confidence
    spent, least = evaluation.spend_usd, limits.min_spend_usd
    is_unsure, is_thin = sure is None or sure < needed, spent is None or spent < least
    if not (is_unsure or is_thin):
        return  # it is one, and something else keeps it from being paused
    why, wish = [], []
    if is_unsure:
        is_sure = (
            "how sure that is can't be told"
            if sure is None
            else f"that is {_percent(sure, short_of=needed)} sure"
        )
        why.append(f"{is_sure}, and {_percent(needed)} is needed")
        wish.append(
            f"{_percent(needed)} of confidence that its true ROAS is below {limit} (it is "
            f"{_percent(sure, short_of=needed)})"
        )
    if is_thin:
        why.append(f"it spent {_dollars(spent)}, and {_dollars(least)} is needed")
        wish.append(f"{_dollars(least)} of spend (there was {_dollars(spent)})")
    wanted.say(
        entity,
        stops(
            "wanted.pause",
            observed=sure if is_unsure else spent,
            limit=needed if is_unsure else least,
            message=f"Not paused: its ROAS of {_two(roas)} is below {limit}, but "
            f"{'; '.join(why)}.",
            flip=Flip(
                fact="confidence" if is_unsure else "spend_usd",
                needed=needed if is_unsure else least,
                words=f"with {' and '.join(wish)}",
                would="be paused",
            ),
        ),
    )


def _pause(entity: Entity, evaluation: Evaluation, limits: Limits, *, hard: bool) -> Action:
    threshold = limits.hard_stop_roas if hard else limits.pause_roas
    confidence = evaluation.prob_below(threshold)
    claim = (
        f"ROAS {_two(evaluation.roas)} over {len(evaluation.window)} days on "
        f"{_dollars(evaluation.spend_usd)} of spend, {_percent(confidence)} sure that the true "
        f"ROAS is below {threshold}"
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
        wanted.say(
            entity,
            stops(
                "wanted.resume",
                observed=None,
                limit=limits.resume_roas,
                message="Paused by this system; its window has no spend to judge it by.",
                flip=Flip(
                    fact="spend",
                    needed=None,
                    words="if something had been spent in that window",
                    would="be looked at again",
                ),
            ),
        )
        return wanted
    confidence = evaluation.prob_at_least(limits.resume_roas)
    needed = limits.min_action_confidence
    ready = (
        not is_hard_stop(evaluation, limits)
        and evaluation.roas >= limits.resume_roas
        and confidence is not None
        and confidence >= limits.min_action_confidence
    )
    told = (
        f"Paused by this system; restated, the window of that decision has ROAS "
        f"{_two(evaluation.roas)}, {_percent(confidence, short_of=needed)} sure that it is at "
        f"least {limits.resume_roas} ({_percent(needed)} needed)."
    )
    measured = _two(evaluation.roas)
    if not ready:
        flip = _with_roas(
            evaluation.roas, confidence, limits.resume_roas, limits.min_action_confidence
        )
        wanted.say(
            entity,
            stops(
                "wanted.resume",
                observed=measured,
                limit=limits.resume_roas,
                message=told,
                flip=replace(flip, would="be proposed to run again"),
            ),
        )
        return wanted
    wanted.say(
        entity,
        passes("wanted.resume", observed=measured, limit=limits.resume_roas, message=told),
    )
    action = Action(
        type=ActionType.RESUME,
        entity=entity,
        roas=evaluation.roas,
        expected_roas=evaluation.expected_roas,
        confidence=confidence,
        reason=f"Restated ROAS {_two(evaluation.roas)} in the window in which it was paused, "
        f"{_percent(confidence)} sure that it is at least {limits.resume_roas}",
        stake_usd=_daily_spend_usd(evaluation),
    )
    if not _rests_after_rejection(action, look, wanted):
        wanted.actions.append(action)
    return wanted


def _with_roas(
    roas: Decimal | None,
    sure: Decimal | None,
    threshold: Decimal,
    needed: Decimal,
    *,
    side: str = "at least",
) -> Flip:
    """The point condition and the probability, both: neither is enough."""
    return Flip(
        fact="roas",
        needed=threshold,
        words=f"with a ROAS of {side} {threshold}, {_percent(needed)} sure of it (it is "
        f"{_two(roas)}, {_percent(sure, short_of=needed)} sure)",
    )


# --- budgets ------------------------------------------------------------------------------------


def _want_budget(entity: Entity, limits: Limits, look: Campaigns, wanted: Wanted) -> None:
    """A scale action for one holder of a budget; for anything else, why there is none."""
    situation = look.situation
    if entity.budget is None:
        wanted.say(entity, _no_budget_here(entity, limits, situation))
        return
    current = entity.budget.daily(look.now)
    if current is None or current.minor <= 0:
        wanted.say(
            entity,
            stops(
                "wanted.budget",
                observed=None if current is None else current.plain(),
                limit=None,
                message="Its budget per day can't be told (a lifetime budget without an end, or "
                "past it), so it is left alone.",
                flip=Flip(
                    fact="budget",
                    needed=None,
                    words="with a daily budget, or a lifetime budget that has an end ahead",
                    would="be looked at",
                ),
            ),
        )
        return
    if entity.effective_status != Status.ACTIVE:
        wanted.say(entity, _pause_or_nothing(entity))
        return
    action = _scale(entity, current, limits, look, wanted)
    if action is not None and not _rests_after_rejection(action, look, wanted):
        wanted.actions.append(action)


def _pause_or_nothing(reported: Entity) -> Verdict:
    return stops(
        "wanted.status",
        observed=reported.effective_status,
        limit=Status.ACTIVE.value,
        message=f"Meta reports the {_level(reported)} {reported.name!r} "
        f"{reported.effective_status}: it may be paused, but no budget is changed.",
        flip=Flip(
            fact="effective_status",
            needed=Status.ACTIVE.value,
            words=f"once Meta reports the {_level(reported)} ACTIVE",
            would="be looked at for its budget",
        ),
    )


def _scale(
    entity: Entity, current: Money, limits: Limits, look: Campaigns, wanted: Wanted
) -> Action | None:
    evaluation = look.situation.evaluation(entity)
    if evaluation is None or evaluation.roas is None:
        wanted.say(
            entity,
            stops(
                "wanted.roas",
                observed=None,
                limit=None,
                message="No spend in the window, so it has no ROAS to act on.",
                flip=Flip(
                    fact="spend", needed=None, words="once it has spent", would="be looked at"
                ),
            ),
        )
        return None
    roas = evaluation.roas
    if limits.scale_down_roas < roas < limits.scale_up_roas:
        wanted.say(
            entity,
            stops(
                "wanted.roas",
                observed=_two(roas),
                limit=f"{limits.scale_down_roas}..{limits.scale_up_roas}",
                message=f"ROAS {_two(roas)} lies between {limits.scale_down_roas} (cut at or "
                f"below) and {limits.scale_up_roas} (raise at or above): nothing to change.",
                flip=_out_of_the_middle(entity, evaluation, limits, look),
            ),
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
            stops(
                "wanted.confidence",
                observed=confidence,
                limit=needed,
                message=f"ROAS {_two(roas)} asks for a {'raise' if up else 'cut'}, but it is only "
                f"{_percent(confidence, short_of=needed)} sure that the true ROAS is {side} "
                f"{threshold}; {_percent(needed)} is needed{_why_more(needed, limits, up=up)}.",
                flip=Flip(
                    fact="confidence",
                    needed=needed,
                    words=f"with {_percent(needed)} of confidence (it is "
                    f"{_percent(confidence, short_of=needed)})",
                    would="be raised" if up else "be cut",
                ),
                eligible_at=_turned_long_ago(entity, confidence, limits, look),
            ),
        )
        return None
    step = min(LARGEST_STEP, abs(roas / threshold - 1))
    step = max(SMALLEST_STEP, step)
    if up:
        proposed = current.times_down(1 + step)
    else:
        floor = min(look.situation.snapshot.account.min_daily_budget, current, key=_minor)
        proposed = max(current.times_up(1 - step), floor, key=_minor)
    if proposed == current:
        wanted.say(
            entity,
            stops(
                "wanted.budget",
                observed=current.plain(),
                limit=look.situation.snapshot.account.min_daily_budget.plain(),
                message=f"ROAS {_two(roas)} asks for a {'raise' if up else 'cut'}, but from "
                f"{current} there is no step left: it is at the account's minimum, or a step is "
                "less than the smallest unit.",
                flip=Flip(
                    fact="budget",
                    needed=None,
                    words=f"from a budget above {current}",
                    would="be raised" if up else "be cut",
                ),
            ),
        )
        return None
    wanted.say(
        entity,
        passes(
            "wanted.roas",
            observed=_two(roas),
            limit=threshold,
            message=f"ROAS {_two(roas)} is {side} {threshold}, {_percent(confidence)} sure.",
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
        reason=f"ROAS {_two(roas)} over {len(evaluation.window)} days on "
        f"{_dollars(evaluation.spend_usd)} of spend, {_percent(confidence)} sure that the true "
        f"ROAS is {side} {threshold}",
        stake_usd=abs(look.situation.usd(proposed - current) or Decimal(0)),
    )


def _out_of_the_middle(
    entity: Entity, evaluation: Evaluation, limits: Limits, look: Campaigns
) -> Flip:
    """Towards the nearer of both ends, with the confidence that it takes there."""
    roas = evaluation.roas or Decimal(0)
    down, up = limits.scale_down_roas, limits.scale_up_roas
    if up - roas <= roas - down:
        needed = _needed_confidence(entity, 1, limits, look)
        flip = _with_roas(roas, evaluation.prob_at_least(up), up, needed)
        return replace(flip, would="be raised")
    needed = _needed_confidence(entity, -1, limits, look)
    flip = _with_roas(roas, evaluation.prob_below(down), down, needed, side="at most")
    return replace(flip, would="be cut")


def _why_more(needed: Decimal, limits: Limits, *, up: bool) -> str:
    if needed == limits.min_action_confidence:
        return ""
    return f", since its last change was a {'cut' if up else 'raise'} within 7 days"


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
        wanted.say(
            entity,
            Verdict(
                rule="wanted.underspent",
                ruling=Ruling.WARN,
                effect=Effect.NONE,
                observed=(daily / budget).quantize(Decimal("0.01")),
                limit=WELL_SPENT,
                message=f"Only {_percent(daily / budget)} of its budget was spent per day: a "
                "higher budget may change nothing.",
            ),
        )


def _no_budget_here(entity: Entity, limits: Limits, situation: Situation) -> Verdict:
    holder = situation.snapshot.budget_holder(entity)
    if holder is None or holder.id == entity.id:
        where = "its budget lives on its ad sets"
    else:
        where = f"it spends the budget of its {_level(holder)} {holder.name!r}"
    more = ""
    if isinstance(entity, AdSet) and isinstance(holder, Campaign):
        more = " Under a campaign budget Meta itself moves money between ad sets."
    return stops(
        "wanted.level",
        observed=entity.level.value,
        limit=None,
        message=f"No budget of its own: {where}.{more}",
        flip=_to_be_paused(situation.evaluation(entity), limits),
    )


def _to_be_paused(evaluation: Evaluation | None, limits: Limits) -> Flip | None:
    """Nothing but a pause fits what has no budget; one that is near it is told by its own gate."""
    if evaluation is None or evaluation.roas is None or evaluation.roas < limits.hard_stop_roas:
        return None
    flip = _with_roas(
        evaluation.roas,
        evaluation.prob_below(limits.hard_stop_roas),
        limits.hard_stop_roas,
        limits.hard_stop_confidence,
        side="less than",
    )
    return replace(flip, would="be paused")


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
        f"Ad set {best.adset.name!r} (ROAS {_two(best.roas)}) against {worst.adset.name!r} (ROAS "
        f"{_two(worst.roas)}): {_percent(sure, short_of=needed)} sure that the one does at least "
        f"{limits.reallocate_ratio} times as well as the other; {_percent(needed)} is needed."
    )
    if sure < needed:
        flip = Flip(
            fact="confidence",
            needed=needed,
            words=f"with {_percent(needed)} of confidence that {best.adset.name!r} does so much "
            f"better (it is {_percent(sure, short_of=needed)})",
            would="give budget to it",
        )
        wanted.say(
            worst.adset,
            stops("wanted.reallocate", observed=sure, limit=needed, message=told, flip=flip),
        )
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
        wanted.say(
            worst.adset,
            stops(
                "wanted.budget",
                observed=donor.plain(),
                limit=minimum.plain(),
                message=f"From {donor} a day there is nothing to move: it is at the account's "
                "minimum, or the amount is less than the smallest unit.",
                flip=Flip(
                    fact="budget",
                    needed=None,
                    words=f"from a budget above {minimum}",
                    would="give budget away",
                ),
            ),
        )
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
            wanted.say(
                entity,
                stops(
                    "wanted.parent",
                    observed=over.id,
                    limit=None,
                    message=f"Nothing is done below the {_level(over)} {over.name!r}, which this "
                    "tick wants paused.",
                    flip=Flip(
                        fact="parent",
                        needed=None,
                        words=f"if the {_level(over)} {over.name!r} were not to be paused",
                        would="be judged by itself",
                    ),
                ),
            )
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
    wanted.say(
        action.entity,
        replace(
            stops(
                "wanted.rejected",
                observed=rejected_at.isoformat(timespec="seconds"),
                limit=24,
                message=f"A person rejected the {_SAID[action.type]} at "
                f"{rejected_at:%Y-%m-%d %H:%M} UTC; it isn't proposed again for 24 h.",
                flip=replace(
                    waiting(rejected_at + REJECTION_REST, "that is 24 h ago"),
                    would="be proposed again",
                ),
            ),
            eligible_at=rejected_at + REJECTION_REST,
        ),
    )
    return True


_SAID: Final = {
    ActionType.PAUSE: "pause",
    ActionType.SCALE_UP: "raise",
    ActionType.SCALE_DOWN: "cut",
    ActionType.REALLOCATE: "reallocation",
    ActionType.RESUME: "resumption",
}


def _level(entity: Entity) -> str:
    return "ad set" if entity.level == "adset" else str(entity.level)


def _roas_of(entity: Entity, situation: Situation) -> Decimal | None:
    evaluation = situation.evaluation(entity)
    return evaluation.roas if evaluation is not None else None


def _daily_spend_usd(evaluation: Evaluation) -> Decimal:
    days = len(evaluation.window)
    return (evaluation.spend_usd or Decimal(0)) / days if days else Decimal(0)


def _minor(money: Money) -> int:
    return money.minor


def _two(value: Decimal | None) -> Decimal | None:
    return None if value is None else value.quantize(Decimal("0.01"))


def _percent(value: Decimal | None, *, short_of: Decimal | None = None) -> str:
    """Whole points. Nothing is 100 % sure, and what falls short of a limit must not look as if it
    reached it."""
    if value is None:
        return "not at all"
    if value == round(value, 3):
        return percent(value)  # a limit, as it was set
    rounded = round(value, 2)
    hides_the_gap = short_of is not None and value < short_of <= rounded
    if hides_the_gap or value < 1 <= rounded:
        rounded = value.quantize(SMALLEST_STEP, ROUND_FLOOR)
    return percent(rounded)


def _dollars(value: Decimal | None) -> str:
    return "an amount in a currency without a rate" if value is None else f"${value:,.0f}"
