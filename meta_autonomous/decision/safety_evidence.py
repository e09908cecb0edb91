"""Safety rules about evidence: enough of it, sane, whole, and out of the learning phase."""

from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal
from typing import Final

from meta_autonomous.decision.context import Case
from meta_autonomous.decision.limits import Limits
from meta_autonomous.decision.rules import (
    CLOCK_SLACK,
    NoRate,
    blocks,
    demotes,
    dollars,
    hours,
    in_hours,
    listed,
    named,
    net_increase,
    number,
    passes,
    percent,
    seen,
    strictest,
    tidy,
    touched,
    warns,
    window_of,
)
from meta_autonomous.domain.action import Action, ActionType, BudgetLeg, Route
from meta_autonomous.domain.entities import AdSet, Campaign, Entity
from meta_autonomous.domain.performance import total
from meta_autonomous.domain.verdict import Flip, Measure, Verdict

#: A read older than this says nothing of now.
LONGEST_READ_AGE: Final = timedelta(hours=24)
_SUSPICIOUS_ROAS: Final = Decimal("0.5")
_SUSPICIOUS_CONFIDENCE: Final = Decimal("0.9")
#: A campaign learns when learning ad sets carried more than this share of its spend.
LEARNING_SHARE: Final = Decimal("0.5")


# --- safety.minimum_data ------------------------------------------------------------------------


def enough_data(
    impressions: Decimal, spend_usd: Decimal, limits: Limits, *, what: str = "It"
) -> Verdict:
    told = f"{what} had {impressions:,f} impressions and {dollars(spend_usd)} of spend"
    seldom_seen = impressions < limits.min_impressions
    spent_little = spend_usd < limits.min_spend_usd
    lacks = [f"{limits.min_impressions:,f} impressions"] if seldom_seen else []
    lacks += [f"{dollars(limits.min_spend_usd)} of spend"] if spent_little else []
    if lacks:
        needed = limits.min_impressions if seldom_seen else limits.min_spend_usd
        return blocks(
            tidy(impressions if seldom_seen else spend_usd),
            needed,
            f"{told}; it takes {' and '.join(lacks)}.",
            flip=Flip(
                fact="impressions" if seldom_seen else "spend_usd",
                needed=needed,
                words=f"with at least {' and '.join(lacks)} in the window",
            ),
        )
    return passes(tidy(spend_usd), limits.min_spend_usd, f"{told} in the window.")


def minimum_data(action: Action, case: Case) -> Verdict:
    """A few impressions prove nothing."""
    return strictest(_data_of(entity, case) for entity in touched(action))


def _data_of(entity: Entity, case: Case) -> Verdict:
    evidence = seen(entity, case)
    if evidence.spend_usd is None:
        raise NoRate(case.snapshot.account.currency)
    return enough_data(
        Decimal(evidence.facts.impressions),
        evidence.spend_usd,
        case.limits,
        what=f"The {named(entity)}",
    )


# --- safety.sanity ------------------------------------------------------------------------------


def possible_roas(roas: Decimal | None) -> Verdict:
    if roas is None or not roas.is_finite() or roas < 0:
        return blocks(_shown(roas), 0, f"The ROAS is {_told(roas)}; nothing is decided on that.")
    return passes(tidy(roas), 0, f"ROAS {number(roas)} can be.")


def sane_roas(roas: Decimal | None, confidence: Decimal | None) -> Verdict:
    """ROAS and confidence are numbers that can be; None is an unknown, and no number."""
    possible = possible_roas(roas)
    if roas is None or not possible:
        return possible
    if confidence is None or not confidence.is_finite() or not 0 <= confidence <= 1:
        told = f"The confidence is {_told(confidence)}, not a probability between 0 and 1."
        return blocks(_shown(confidence), 1, told)
    told = f"ROAS {number(roas)} with confidence {percent(confidence)}"
    if roas < _SUSPICIOUS_ROAS and confidence >= _SUSPICIOUS_CONFIDENCE:
        told += " is very low and very sure; check that purchases are still tracked."
        return warns(tidy(roas), _SUSPICIOUS_ROAS, told)
    return passes(tidy(roas), 0, f"{told} can be.")


def sanity(action: Action, case: Case) -> Verdict:
    """Numbers that can't be, or a read that isn't whole, decide nothing."""
    is_persons_pause = action.type is ActionType.PAUSE and (
        case.is_manual_pause or case.route is Route.UNDO
    )
    if is_persons_pause:
        return passes(None, None, "A person asked for the pause; it rests on no numbers.")
    return strictest([_read_is_whole(action, case), _direction(action), *_numbers(action, case)])


def _numbers(action: Action, case: Case) -> Iterable[Verdict]:
    currency = case.snapshot.account.currency
    if case.situation.rates.rate(currency) is None:
        missing = NoRate(currency)
        yield blocks(None, None, f"{missing}.", flip=missing.flip)
    if case.route is not Route.UNDO:  # an undo claims nothing
        yield sane_roas(action.roas, action.confidence)
    for entity in touched(action):
        oddity = case.snapshot.skipped.get(entity.id)
        if oddity is not None and case.route is not Route.UNDO:
            yield blocks(None, None, f"The {named(entity)} could not be read whole: {oddity}.")
        measured = seen(entity, case).roas
        if measured is not None:
            yield possible_roas(measured)


def _read_is_whole(action: Action, case: Case) -> Verdict:
    snapshot = case.snapshot
    age = case.now - snapshot.observed_at
    if age > LONGEST_READ_AGE or age < -CLOCK_SLACK:
        when = f"{hours(age)} ago" if age > LONGEST_READ_AGE else f"{hours(-age)} in the future"
        told = f"The account was read {when}; read it again (run a tick)."
        return blocks(in_hours(age), in_hours(LONGEST_READ_AGE), told, flip=_FRESH_READ)
    needed = {snapshot.today, *window_of(case)}
    for entity in touched(action):
        needed.update(seen(entity, case).window)
    missing = sorted(
        day for day in needed if day in snapshot.missing_days or day < snapshot.first_day
    )
    if missing:
        told = f"The read lacks {listed(day.isoformat() for day in missing)}; read it again."
        return blocks(len(missing), 0, told, flip=_WHOLE_READ)
    return passes(
        in_hours(age), in_hours(LONGEST_READ_AGE), f"The read is whole and {hours(age)} old."
    )


_FRESH_READ: Final = Flip(fact="read", needed=None, words="after a fresh read (run a tick)")
_WHOLE_READ: Final = Flip(fact="missing_days", needed=0, words="with a read that has these days")


def _direction(action: Action) -> Verdict:
    """A scale-up raises, a scale-down lowers, a reallocation keeps the total."""
    ups = [leg.is_increase for leg in action.legs]
    downs = [leg.proposed < leg.current for leg in action.legs]
    wanted = {
        ActionType.SCALE_UP: ups == [True],
        ActionType.SCALE_DOWN: downs == [True],
        ActionType.REALLOCATE: ups == [False, True] and net_increase(action).minor == 0,
    }
    if not wanted.get(action.type, True):
        return blocks(None, None, f"The budgets do not do what a {action.type} does.")
    return passes(None, None, "The budgets go where the action says.")


def _shown(value: Decimal | None) -> Measure:
    """A number as one; what is none, in words: JSON has no other for it."""
    return tidy(value) if value is not None and value.is_finite() else _told(value)


def _told(value: Decimal | None) -> str:
    return "unknown" if value is None else str(value)


# --- safety.learning_phase ----------------------------------------------------------------------


def learning_phase(action: Action, case: Case) -> Verdict:
    """A significant change while Meta still learns starts the learning over."""
    return strictest(_learning(leg, case) for leg in action.legs)


def _learning(leg: BudgetLeg, case: Case) -> Verdict:
    share = _learning_share(leg.entity, case)
    observed, limit = tidy(share), LEARNING_SHARE
    if share <= LEARNING_SHARE:
        return passes(observed, limit, f"The {named(leg.entity)} is not learning.")
    told = f"The {named(leg.entity)} is in its learning phase"
    if isinstance(leg.entity, Campaign):
        told += f" (learning ad sets carried {percent(share)} of its spend)"
    if leg.is_increase and case.limits.block_increase_while_learning:
        told += "; its budget is not raised before it has learned."
        return blocks(observed, limit, told, flip=_LEARNED)
    return warns(observed, limit, f"{told}; the change may start it over.")


_LEARNED: Final = Flip(
    fact="learning_share",
    needed=LEARNING_SHARE,
    words="once it has left the learning phase, or with BLOCK_INCREASE_WHILE_LEARNING=false",
)


def _learning_share(entity: Entity, case: Case) -> Decimal:
    """1 or 0 for an ad set; for a campaign what learning ad sets carried of its spend."""
    if isinstance(entity, AdSet):
        return Decimal(entity.is_learning)
    window = window_of(case)
    spend = {
        adset: max(total(case.snapshot.days_of(adset), window).spend_micros, 0)
        for adset in case.snapshot.adsets_of(entity.id)
    }
    whole = max(total(case.snapshot.days_of(entity), window).spend_micros, sum(spend.values()))
    learning = sum(micros for adset, micros in spend.items() if adset.is_learning)
    return Decimal(learning) / whole if whole > 0 else Decimal(0)


# --- safety.tracking_outage ---------------------------------------------------------------------


def tracking_outage(_action: Action, case: Case) -> Verdict:
    """While tracking is broken every ad looks bad: a person decides."""
    outage = case.situation.outage
    if outage is None:
        return passes(None, None, "Purchases are as many as the account's history lets expect.")
    return demotes(
        outage.seen_purchases,
        tidy(outage.expected_purchases),
        f"{outage.seen_purchases} purchases on {listed(day.isoformat() for day in outage.days)}, "
        f"where {outage.expected_purchases:,f} were to be expected: tracking seems broken (by "
        f"chance that happens on one day in {1 / outage.false_alarm_rate:,.0f}). Check the pixel; "
        "meanwhile a person decides.",
        flip=Flip(
            fact="purchases",
            needed=tidy(outage.expected_purchases),
            words=f"once purchases are tracked again ({outage.expected_purchases:,f} were to be "
            f"expected, {outage.seen_purchases} came)",
        ),
    )
