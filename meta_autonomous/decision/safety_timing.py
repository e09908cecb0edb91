"""Safety rules about time: too young, too soon, too often, not now.

Where waiting alone helps, the verdict says until when.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, time, timedelta
from decimal import ROUND_CEILING, Decimal
from typing import Final

from meta_autonomous.decision.context import Case
from meta_autonomous.decision.rules import (
    blocks,
    defers,
    demotes,
    hours,
    in_hours,
    moment,
    named,
    passes,
    span,
    strictest,
    tidy,
    touched,
    waiting,
)
from meta_autonomous.domain.action import Action, BudgetLeg, Route
from meta_autonomous.domain.entities import Ad, BudgetKind, Entity
from meta_autonomous.domain.quantities import MICROS_PER_MAJOR, Money
from meta_autonomous.domain.verdict import Flip, Verdict

#: Meta blocks an ad set's budget for an hour after 4 changes within one; we stop one earlier.
MOST_SENT_PER_HOUR: Final = 3
#: A lowered budget must exceed what was already spent of it by a tenth (Meta refuses less).
ABOVE_SPENT: Final = Decimal("1.1")
#: A budget that Meta refused is not sent again by itself for so long.
REST_AFTER_REFUSAL: Final = timedelta(hours=6)
HUMAN_OVERRIDE: Final = timedelta(days=7)
_HOUR: Final = timedelta(hours=1)


# --- safety.embargo -----------------------------------------------------------------------------


def old_enough(
    created_at: datetime | None, *, now: datetime, embargo_hours: Decimal, what: str = "It"
) -> Verdict:
    if created_at is None:
        told = f"{what} has an unknown age; look at it in Ads Manager."
        return blocks(None, embargo_hours, told, flip=_AGE_KNOWN)
    age, embargo = now - created_at, span(embargo_hours)
    if age >= embargo and created_at <= now:
        return passes(in_hours(age), embargo_hours, f"{what} is {hours(age)} old.")
    eligible_at = created_at + embargo
    told = f"is only {hours(age)} old" if created_at <= now else "was created in the future"
    return blocks(
        in_hours(age),
        embargo_hours,
        f"{what} {told}; it is left alone for {hours(embargo)}, until {moment(eligible_at)}.",
        eligible_at=eligible_at,
        flip=waiting(eligible_at, f"it is {hours(embargo)} old"),
    )


_AGE_KNOWN: Final = Flip(
    fact="created_time", needed=None, words="once Meta tells when it was created"
)


def embargo(action: Action, case: Case) -> Verdict:
    """What is young has not shown anything yet. An ad is bound by its creative's embargo too."""
    return strictest(
        old_enough(
            entity.created_at,
            now=case.now,
            embargo_hours=_embargo_hours(entity, case),
            what=f"The {named(entity)}",
        )
        for entity in touched(action)
    )


def _embargo_hours(entity: Entity, case: Case) -> Decimal:
    if isinstance(entity, Ad):
        return max(case.limits.min_age_hours, case.limits.creative_embargo_hours)
    return case.limits.min_age_hours


# --- safety.cooldown ----------------------------------------------------------------------------


def rested(
    changed_at: datetime | None, *, now: datetime, cooldown_hours: Decimal, what: str, by: str = ""
) -> Verdict:
    if changed_at is None:
        return passes(None, cooldown_hours, f"No change of the {what} is on record.")
    elapsed, cooldown = now - changed_at, span(cooldown_hours)
    told = f"The {what} was changed{by} {hours(elapsed)} ago"
    if elapsed >= cooldown:
        return passes(in_hours(elapsed), cooldown_hours, f"{told}, longer than {hours(cooldown)}.")
    eligible_at = changed_at + cooldown
    return blocks(
        in_hours(elapsed),
        cooldown_hours,
        f"{told}; it rests for {hours(cooldown)}, until {moment(eligible_at)}.",
        eligible_at=eligible_at,
        flip=waiting(eligible_at, f"its rest of {hours(cooldown)} ends"),
    )


def cooldown(action: Action, case: Case) -> Verdict:
    """A change is left to show its effect before the next one, whoever made it."""
    return strictest(
        rested(
            at,
            now=case.now,
            cooldown_hours=case.limits.action_cooldown_hours,
            what=named(entity),
            by=by,
        )
        for entity in touched(action)
        for at, by in _changes(entity, case)
    )


def _changes(entity: Entity, case: Case) -> Sequence[tuple[datetime | None, str]]:
    memory = case.memory(entity)
    foreign = memory.foreign_change or "its budget, status or bid"
    return (
        (memory.last_executed_at, " by this system"),
        (memory.foreign_change_at, f" by someone else ({foreign})"),
    )


# --- safety.platform_pace -----------------------------------------------------------------------


def platform_pace(action: Action, case: Case) -> Verdict:
    """What Meta would refuse now is not sent; it waits for a later tick."""
    return strictest(
        ask(leg, case) for leg in action.legs for ask in (_INCREASE if leg.is_increase else _CUT)
    )


def _blocked_by_meta(leg: BudgetLeg, case: Case) -> Verdict:
    """Others change budgets too, so Meta may count four changes where we sent fewer."""
    until = case.memory(leg.entity).budget_blocked_until
    if until is None or until <= case.now:
        return passes(None, None, f"Meta takes budgets for the {named(leg.entity)}.")
    return defers(
        moment(case.now),
        moment(until),
        f"The budget of the {named(leg.entity)} was changed too often within the hour, and Meta "
        f"takes no other one; wait until {moment(until)}.",
        eligible_at=until,
        flip=waiting(until, "Meta takes another budget"),
    )


def _refused_by_meta(leg: BudgetLeg, case: Case) -> Verdict:
    """Asked again every tick, Meta would say no every tick. A person may try at any time."""
    at = case.memory(leg.entity).budget_refused_at
    if at is None or case.route is not Route.AUTO or case.now - at >= REST_AFTER_REFUSAL:
        return passes(None, None, f"Meta has not refused a budget of the {named(leg.entity)}.")
    until = at + REST_AFTER_REFUSAL
    return defers(
        moment(at),
        in_hours(REST_AFTER_REFUSAL),
        f"Meta refused a budget of the {named(leg.entity)} at {moment(at)} (`meta-auto actions "
        f"list --entity {leg.entity.id}` says why); it is tried again at {moment(until)}, or once "
        "somebody has changed it.",
        eligible_at=until,
        flip=waiting(until, f"the refusal is {in_hours(REST_AFTER_REFUSAL)} h old"),
    )


def _sent_too_often(leg: BudgetLeg, case: Case) -> Verdict:
    sent = sorted(at for at in case.memory(leg.entity).budget_sent_at if case.now - at < _HOUR)
    told = f"The budget of the {named(leg.entity)} was sent {len(sent)} times within the hour"
    if len(sent) < MOST_SENT_PER_HOUR:
        return passes(len(sent), MOST_SENT_PER_HOUR, f"{told}.")
    eligible_at = sent[len(sent) - MOST_SENT_PER_HOUR] + _HOUR
    return defers(
        len(sent),
        MOST_SENT_PER_HOUR,
        f"{told}, and Meta blocks it after 4; wait until {moment(eligible_at)}.",
        eligible_at=eligible_at,
        flip=waiting(eligible_at, "the hour of its last budgets is over"),
    )


def _above_spent(leg: BudgetLeg, case: Case) -> Verdict:
    """Amounts in micros: a daily budget against today, a lifetime one against all it spent."""
    budget = leg.entity.budget
    if budget is None:
        raise ValueError(f"the {named(leg.entity)} has no budget of its own")
    if budget.kind is BudgetKind.LIFETIME:
        sent = budget.amount_for(leg.proposed, case.now)
        if sent is None or budget.remaining is None:
            raise ValueError("what is left of the lifetime budget is unknown")
        spent = (budget.amount - budget.remaining).major * MICROS_PER_MAJOR
        eligible_at = None
    else:
        sent = leg.proposed
        spent = Decimal(case.snapshot.spent_today(leg.entity).spend_micros)
        eligible_at = _next_midnight(case)
    ratio = sent.major * MICROS_PER_MAJOR / spent if spent > 0 else None
    if ratio is None or sent.major * MICROS_PER_MAJOR >= spent * ABOVE_SPENT:
        observed = None if ratio is None else tidy(ratio)
        return passes(observed, ABOVE_SPENT, f"{sent} leaves room above what was already spent.")
    return defers(
        tidy(ratio),
        ABOVE_SPENT,
        f"{sent} is under 110 % of the {spent / MICROS_PER_MAJOR:,.2f} {sent.currency} that were "
        "already spent of it, which Meta refuses; pause it, or wait for its next day.",
        eligible_at=eligible_at,
        flip=_next_day(eligible_at) if eligible_at is not None else _shallower(leg, spent),
    )


#: What is told of a budget that may be sent: the first of these. An increase can't fall under what
#: was spent.
_INCREASE: Final = (_sent_too_often, _blocked_by_meta, _refused_by_meta)
_CUT: Final = (_above_spent, *_INCREASE)


def _next_day(midnight: datetime) -> Flip:
    return waiting(midnight, "its next day begins")


def _shallower(leg: BudgetLeg, spent_micros: Decimal) -> Flip:
    """A lifetime budget must stay above what it ever spent; time does not help it."""
    currency = leg.current.currency
    least = Money.of_major(
        spent_micros * ABOVE_SPENT / MICROS_PER_MAJOR, currency, rounding=ROUND_CEILING
    )
    return Flip(fact="lifetime_budget", needed=least.plain(), words=f"with {least} or more in all")


def _next_midnight(case: Case) -> datetime:
    account = case.snapshot.account
    tomorrow = account.day_of(case.now) + timedelta(days=1)
    return datetime.combine(tomorrow, time(), account.timezone).astimezone(case.now.tzinfo)


# --- auto.human_override, limits.freeze ---------------------------------------------------------


def human_override(action: Action, case: Case) -> Verdict:
    """Whoever took an action back is asked the next time."""
    verdicts = [
        _overridden(at, what, entity, case)
        for entity in touched(action)
        for at, what in _overrides(action, entity, case)
    ]
    if not verdicts:
        return passes(None, in_hours(HUMAN_OVERRIDE), "No person took such an action back lately.")
    return strictest(verdicts)


def _overrides(action: Action, entity: Entity, case: Case) -> Iterable[tuple[datetime, str]]:
    memory = case.memory(entity)
    for record, what in ((memory.reversed_at, "reversed"), (memory.rejected_at, "rejected")):
        if action.type in record:
            yield record[action.type], what


def _overridden(at: datetime, what: str, entity: Entity, case: Case) -> Verdict:
    elapsed, until = case.now - at, at + HUMAN_OVERRIDE
    told = f"A person {what} such an action on the {named(entity)} {hours(elapsed)} ago"
    if elapsed >= HUMAN_OVERRIDE:
        return passes(in_hours(elapsed), in_hours(HUMAN_OVERRIDE), f"{told}.")
    return demotes(
        in_hours(elapsed),
        in_hours(HUMAN_OVERRIDE),
        f"{told}; until {moment(until)} a person decides.",
        eligible_at=until,
        flip=waiting(until, "that is 7 days ago"),
    )


def freeze(_action: Action, case: Case) -> Verdict:
    """Inside a freeze window budgets stay as they are."""
    window = case.book.freeze_at(case.now)
    if window is None:
        return passes(None, None, "No freeze window is open.")
    return blocks(
        moment(case.now),
        moment(window.ends_at),
        f"Budgets are frozen until {moment(window.ends_at)}: {window.reason}.",
        eligible_at=window.ends_at,
        flip=waiting(window.ends_at, "the freeze ends"),
    )
