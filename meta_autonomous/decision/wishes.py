"""The gates `wanted.*`: why the numbers ask for nothing, or for less, and what would flip that.

Each function words one finding of the optimizer as a verdict; none decides anything.
"""

from dataclasses import replace
from datetime import datetime
from decimal import ROUND_FLOOR, Decimal
from typing import Final

from meta_autonomous.decision.candidates import stops
from meta_autonomous.decision.context import Evaluation, Situation
from meta_autonomous.decision.limits import Limits
from meta_autonomous.decision.rules import percent, waiting
from meta_autonomous.domain.action import ActionType
from meta_autonomous.domain.entities import AdSet, Campaign, Entity, Status
from meta_autonomous.domain.quantities import Money
from meta_autonomous.domain.verdict import Effect, Flip, Ruling, Verdict

# --- pauses -------------------------------------------------------------------------------------


def spared_for_a_child(good: Entity, roas: Decimal | None, limits: Limits) -> Verdict:
    """`good` is what earns its keep below."""
    who = f"the {level_of(good)} {good.name!r}"
    return stops(
        "wanted.children",
        observed=two(roas),
        limit=limits.hard_stop_roas,
        message=f"Not paused as a whole: {who} below it has ROAS {two(roas)}. What fails below it "
        "is paused instead.",
        flip=Flip(
            fact="roas of what is below",
            needed=limits.hard_stop_roas,
            words=f"if nothing below it had a ROAS of {limits.hard_stop_roas} or more ({who} has "
            f"{two(roas)})",
            would="be paused as a whole",
        ),
    )


def no_hard_stop(evaluation: Evaluation, limits: Limits) -> Verdict | None:
    """What is missing where a ROAS looks like a hard stop and is none. None if it looks like
    none."""
    roas, limit = evaluation.roas, limits.hard_stop_roas
    if roas is None or roas >= limit:
        return None
    sure, needed = evaluation.prob_below(limit), limits.hard_stop_confidence
    spent, least = evaluation.spend_usd, limits.min_spend_usd
    is_unsure, is_thin = sure is None or sure < needed, spent is None or spent < least
    why, wish = [], []
    if is_unsure:
        shown = in_percent(sure, short_of=needed)
        is_sure = f"it is only {shown} sure that the true one is"
        why.append(
            f"{is_sure if sure is not None else _UNTOLD}, and {in_percent(needed)} is needed"
        )
        wish.append(
            f"{in_percent(needed)} of confidence that its true ROAS is below {limit} (now {shown})"
        )
    if is_thin:
        why.append(f"it spent {in_dollars(spent)}, and {in_dollars(least)} is needed")
        wish.append(f"{in_dollars(least)} of spend (there was {in_dollars(spent)})")
    return stops(
        "wanted.pause",
        observed=sure if is_unsure else spent,
        limit=needed if is_unsure else least,
        message=f"Not paused: its ROAS of {two(roas)} is below {limit}, but {'; '.join(why)}.",
        flip=Flip(
            fact="confidence" if is_unsure else "spend_usd",
            needed=needed if is_unsure else least,
            words=f"with {' and '.join(wish)}",
            would="be paused",
        ),
    )


_UNTOLD: Final = "how sure that is can't be told"


def below_a_pause(over: Entity) -> Verdict:
    who = f"the {level_of(over)} {over.name!r}"
    return stops(
        "wanted.parent",
        observed=over.id,
        limit=None,
        message=f"Nothing is done below {who}, which this tick wants paused.",
        flip=Flip(
            fact="parent",
            needed=None,
            words=f"if {who} were not to be paused",
            would="be judged by itself",
        ),
    )


# --- resume -------------------------------------------------------------------------------------


def nothing_to_resume_by(limits: Limits) -> Verdict:
    return stops(
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
    )


def resume(evaluation: Evaluation, limits: Limits, *, ready: bool) -> Verdict:
    roas, needed = evaluation.roas, limits.min_action_confidence
    sure = evaluation.prob_at_least(limits.resume_roas)
    flip = with_roas(roas, sure, limits.resume_roas, needed, would="be proposed to run again")
    verdict = stops(
        "wanted.resume",
        observed=two(roas),
        limit=limits.resume_roas,
        message=f"Paused by this system; restated, the window of that decision has ROAS "
        f"{two(roas)}, {in_percent(sure, short_of=needed)} sure that it is at least "
        f"{limits.resume_roas} ({in_percent(needed)} needed).",
        flip=flip,
    )
    if not ready:
        return verdict
    return replace(verdict, ruling=Ruling.PASS, effect=Effect.NONE, flip=None)


# --- budgets ------------------------------------------------------------------------------------


def no_budget_here(entity: Entity, limits: Limits, situation: Situation) -> Verdict:
    holder = situation.snapshot.budget_holder(entity)
    if holder is None or holder.id == entity.id:
        where = "its budget lives on its ad sets"
    else:
        where = f"it spends the budget of its {level_of(holder)} {holder.name!r}"
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
    limit = limits.hard_stop_roas
    if evaluation is None or evaluation.roas is None or evaluation.roas < limit:
        return None
    sure, needed = evaluation.prob_below(limit), limits.hard_stop_confidence
    return with_roas(evaluation.roas, sure, limit, needed, side="less than", would="be paused")


def untold_budget(current: Money | None) -> Verdict:
    return stops(
        "wanted.budget",
        observed=None if current is None else current.plain(),
        limit=None,
        message="Its budget per day can't be told (a lifetime budget without an end, or past it), "
        "so it is left alone.",
        flip=Flip(
            fact="budget",
            needed=None,
            words="with a daily budget, or a lifetime budget that has an end ahead",
            would="be looked at",
        ),
    )


def pause_or_nothing(reported: Entity) -> Verdict:
    return stops(
        "wanted.status",
        observed=reported.effective_status,
        limit=Status.ACTIVE.value,
        message=f"Meta reports the {level_of(reported)} {reported.name!r} "
        f"{reported.effective_status}: it may be paused, but no budget is changed.",
        flip=Flip(
            fact="effective_status",
            needed=Status.ACTIVE.value,
            words=f"once Meta reports the {level_of(reported)} ACTIVE",
            would="be looked at for its budget",
        ),
    )


NO_SPEND: Final = stops(
    "wanted.roas",
    observed=None,
    limit=None,
    message="No spend in the window, so it has no ROAS to act on.",
    flip=Flip(fact="spend", needed=None, words="once it has spent", would="be looked at"),
)


def in_the_middle(
    evaluation: Evaluation, limits: Limits, *, to_raise: Decimal, to_cut: Decimal
) -> Verdict:
    """Neither raised nor cut; `to_raise` and `to_cut` are the confidences that would take."""
    roas = evaluation.roas or Decimal(0)
    down, up = limits.scale_down_roas, limits.scale_up_roas
    if up - roas <= roas - down:  # towards the nearer end
        flip = with_roas(roas, evaluation.prob_at_least(up), up, to_raise, would=RAISED)
    else:
        sure = evaluation.prob_below(down)
        flip = with_roas(roas, sure, down, to_cut, side="at most", would=CUT)
    return stops(
        "wanted.roas",
        observed=two(roas),
        limit=f"{down}..{up}",
        message=f"ROAS {two(roas)} lies between {down} (cut at or below) and {up} (raise at or "
        "above): nothing to change.",
        flip=flip,
    )


RAISED, CUT = "be raised", "be cut"


def not_sure_enough(
    evaluation: Evaluation,
    claim: str,
    sure: Decimal | None,
    needed: Decimal,
    *,
    up: bool,
    turns: bool,
    eligible_at: datetime | None,
) -> Verdict:
    """`claim` is ``"at least 2.0"``; `turns` that it would turn back the last change."""
    wish = "raise" if up else "cut"
    since = f", since its last change was a {'cut' if up else 'raise'} within 7 days"
    words = f"once that is {in_percent(needed)} sure (now {in_percent(sure, short_of=needed)})"
    if eligible_at is not None:
        words += f", or {waiting(eligible_at, 'that change is 7 days old').words}"
    return stops(
        "wanted.confidence",
        observed=sure,
        limit=needed,
        message=f"ROAS {two(evaluation.roas)} asks for a {wish}, but it is only "
        f"{in_percent(sure, short_of=needed)} sure that the true ROAS is {claim}; "
        f"{in_percent(needed)} is needed{since if turns else ''}.",
        flip=Flip(
            fact="confidence",
            needed=needed,
            words=words,
            would=RAISED if up else CUT,
        ),
        eligible_at=eligible_at,
    )


def no_step_left(roas: Decimal, current: Money, minimum: Money, *, up: bool) -> Verdict:
    return stops(
        "wanted.budget",
        observed=current.plain(),
        limit=minimum.plain(),
        message=f"ROAS {two(roas)} asks for a {'raise' if up else 'cut'}, but from {current} "
        f"there is no step left: it is less than one percent above the account's minimum of "
        f"{minimum}, or a step is less than the smallest unit.",
        flip=Flip(
            fact="budget",
            needed=None,
            words=f"from a budget above {current}",
            would=RAISED if up else CUT,
        ),
    )


def underspent(share: Decimal, well_spent: Decimal) -> Verdict:
    return Verdict(
        rule="wanted.underspent",
        ruling=Ruling.WARN,
        effect=Effect.NONE,
        observed=two(share),
        limit=well_spent,
        message=f"Only {in_percent(share, short_of=well_spent)} of its budget was spent per day: "
        "a higher budget may change nothing.",
    )


# --- reallocation -------------------------------------------------------------------------------


def too_alike(best: Entity, told: str, sure: Decimal, needed: Decimal) -> Verdict:
    return stops(
        "wanted.reallocate",
        observed=sure,
        limit=needed,
        message=told,
        flip=Flip(
            fact="confidence",
            needed=needed,
            words=f"with {in_percent(needed)} of confidence that {best.name!r} does so much "
            f"better (it is {in_percent(sure, short_of=needed)})",
            would="give budget to it",
        ),
    )


def nothing_to_move(donor: Money, minimum: Money) -> Verdict:
    return stops(
        "wanted.budget",
        observed=donor.plain(),
        limit=minimum.plain(),
        message=f"From {donor} a day there is nothing to move: it is at the account's minimum, or "
        "the amount is less than the smallest unit.",
        flip=Flip(
            fact="budget",
            needed=None,
            words=f"from a budget above {minimum}",
            would="give budget away",
        ),
    )


# --- a person's no ------------------------------------------------------------------------------


def rejected(kind: ActionType, at: datetime, until: datetime) -> Verdict:
    again = waiting(until, "that is 24 h ago")
    return stops(
        "wanted.rejected",
        observed=at.isoformat(timespec="seconds"),
        limit=24,
        message=f"A person rejected the {_SAID[kind]} at {at:%Y-%m-%d %H:%M} UTC; it isn't "
        "proposed again for 24 h.",
        eligible_at=until,
        flip=replace(again, would="be proposed again"),
    )


_SAID: Final = {
    ActionType.PAUSE: "pause",
    ActionType.SCALE_UP: "raise",
    ActionType.SCALE_DOWN: "cut",
    ActionType.REALLOCATE: "reallocation",
    ActionType.RESUME: "resumption",
}


# --- words --------------------------------------------------------------------------------------


def with_roas(
    roas: Decimal | None,
    sure: Decimal | None,
    threshold: Decimal,
    needed: Decimal,
    *,
    side: str = "at least",
    would: str = "",
) -> Flip:
    """The point condition and the probability, both: neither is enough."""
    return Flip(
        fact="roas",
        needed=threshold,
        words=f"with a ROAS of {side} {threshold}, {in_percent(needed)} sure of it (it is "
        f"{two(roas)}, {in_percent(sure, short_of=needed)} sure)",
        would=would,
    )


def level_of(entity: Entity) -> str:
    return "ad set" if entity.level == "adset" else str(entity.level)


def two(value: Decimal | None) -> Decimal | None:
    return None if value is None else value.quantize(_HUNDREDTH)


def in_percent(value: Decimal | None, *, short_of: Decimal | None = None) -> str:
    """Whole points. Nothing is 100 % sure, and what falls short of a limit must not look as if it
    reached it."""
    if value is None:
        return "not at all"
    if value == round(value, 3):
        return percent(value)  # a limit, as it was set
    rounded = round(value, 2)
    hides_the_gap = short_of is not None and value < short_of <= rounded
    if hides_the_gap or value < 1 <= rounded:
        rounded = value.quantize(_HUNDREDTH, ROUND_FLOOR)
    return percent(rounded)


def in_dollars(value: Decimal | None) -> str:
    return "an amount in a currency without a rate" if value is None else f"${value:,.0f}"


_HUNDREDTH: Final = Decimal("0.01")
