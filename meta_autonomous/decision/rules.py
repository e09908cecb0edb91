"""What a rule is, how rules judge an action, and the words in which they answer.

Every rule that concerns an action gives a verdict, also after another has refused it, so that a
person can be told the whole story. A rule that can't judge refuses: an unknown is never a yes.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from functools import partial
from typing import Final

from meta_autonomous.decision.context import Case, Evaluation
from meta_autonomous.domain.action import Action, ActionType, BudgetLeg, Route
from meta_autonomous.domain.entities import Entity, Status
from meta_autonomous.domain.performance import complete_days, roas, total
from meta_autonomous.domain.quantities import Currency, Money, Rates
from meta_autonomous.domain.verdict import Effect, Flip, Measure, Ruling, Verdict

EVERY_TYPE: Final = frozenset(ActionType)
ALL_BUT_PAUSE: Final = EVERY_TYPE - {ActionType.PAUSE}
BUDGET_CHANGES: Final = frozenset(
    {ActionType.SCALE_UP, ActionType.SCALE_DOWN, ActionType.REALLOCATE}
)
INCREASES: Final = frozenset({ActionType.SCALE_UP, ActionType.REALLOCATE})
INCREASES_AND_RESUME: Final = INCREASES | {ActionType.RESUME}

EVERY_ROUTE: Final = frozenset(Route)
ONLY_AUTO: Final = frozenset({Route.AUTO})

#: How far a moment may lie ahead of the trusted clock before the time is not to be believed.
CLOCK_SLACK: Final = timedelta(seconds=120)

Check = Callable[[Action, Case], Verdict]


@dataclass(frozen=True, slots=True)
class Rule:
    """One guard rail.

    `sentence` is what a blocked action's record stores: without numbers, so that it groups.
    `limits` are the settings that the rule obeys, as fields of `Limits`. `exempts_undo` marks the
    rules that only warn when a person puts back what an executed action replaced.
    """

    id: str
    sentence: str
    limits: tuple[str, ...]
    applies_to: frozenset[ActionType]
    routes: frozenset[Route]
    check: Check
    exempts_undo: bool = False

    def concerns(self, action: Action, case: Case) -> bool:
        return action.type in self.applies_to and case.route in self.routes

    def judge(self, action: Action, case: Case) -> Verdict:
        verdict = self.answer(partial(self.check, action, case))
        if self.exempts_undo and case.route is Route.UNDO and not verdict:
            return replace(
                verdict,
                ruling=Ruling.WARN,
                effect=Effect.NONE,
                allowed=None,
                flip=None,
                message=f"{verdict.message} An undo is exempt.",
            )
        return verdict

    def answer(self, question: Callable[[], Verdict]) -> Verdict:
        """What `question` answers, in this rule's name; a refusal when it can't be answered."""
        try:
            verdict = question()
        except NoRate as unpriced:
            told = f"It could not be checked: {unpriced}."
            verdict = blocks(None, None, told, flip=unpriced.flip)
        except Exception as odd:  # noqa: BLE001 - whatever went wrong, the action must not pass
            verdict = blocks(
                None, None, f"{self.id} could not be checked ({describe(odd)}): refused."
            )
        return replace(verdict, rule=self.id, sentence=self.sentence)


class NoRate(ValueError):
    """An amount is in a currency without a rate to USD; the text names the variable to set."""

    def __init__(self, currency: Currency) -> None:
        super().__init__(no_rate(currency))
        self.flip = priced(f"META_AUTO_FX_{currency}")


def priced(variable: str) -> Flip:
    return Flip(fact=variable, needed=None, words=f"with {variable} set")


def judge(rules: Iterable[Rule], action: Action, case: Case) -> tuple[Verdict, ...]:
    """The verdict of every rule that concerns the action, in the rules' order."""
    return tuple(rule.judge(action, case) for rule in rules if rule.concerns(action, case))


# --- answers ------------------------------------------------------------------------------------


def passes(observed: Measure, limit: Measure, message: str) -> Verdict:
    return _verdict(Ruling.PASS, Effect.NONE, observed, limit, message)


def warns(
    observed: Measure, limit: Measure, message: str, *, eligible_at: datetime | None = None
) -> Verdict:
    return replace(
        _verdict(Ruling.WARN, Effect.NONE, observed, limit, message), eligible_at=eligible_at
    )


def blocks(
    observed: Measure,
    limit: Measure,
    message: str,
    *,
    allowed: Money | None = None,
    eligible_at: datetime | None = None,
    flip: Flip | None = None,
) -> Verdict:
    verdict = _verdict(Ruling.BLOCK, Effect.BLOCKS, observed, limit, message)
    return replace(verdict, allowed=allowed, eligible_at=eligible_at, flip=flip)


def defers(
    observed: Measure,
    limit: Measure,
    message: str,
    *,
    eligible_at: datetime | None = None,
    flip: Flip | None = None,
) -> Verdict:
    verdict = _verdict(Ruling.BLOCK, Effect.DEFERS, observed, limit, message)
    return replace(verdict, eligible_at=eligible_at, flip=flip)


def demotes(
    observed: Measure,
    limit: Measure,
    message: str,
    *,
    eligible_at: datetime | None = None,
    flip: Flip | None = None,
) -> Verdict:
    verdict = _verdict(Ruling.WARN, Effect.DEMOTES, observed, limit, message)
    return replace(verdict, eligible_at=eligible_at, flip=flip)


def strictest(verdicts: Iterable[Verdict]) -> Verdict:
    """The word that governs when one rule looks at several things: the first of the strictest.

    Waiting helps only if it helps against all of the strictest; then the longest wait counts. So
    it is with what would flip them: it takes all of it.
    """
    ordered = sorted(verdicts, key=_strictness, reverse=True)  # stable: the first stays first
    first = ordered[0]
    equals = [other for other in ordered if _strictness(other) == _strictness(first)]
    waits = [other.eligible_at for other in equals if other.eligible_at is not None]
    if waits and len(waits) == len(equals):
        longest = max(equals, key=lambda verdict: verdict.eligible_at or max(waits))
        return replace(first, eligible_at=max(waits), flip=longest.flip)
    return replace(first, eligible_at=None, flip=both([other.flip for other in equals]))


def both(flips: Sequence[Flip | None]) -> Flip | None:
    """The change that makes up for all of these; None when one of them is not known."""
    known = list(dict.fromkeys(flip for flip in flips if flip is not None))
    if not known or None in flips:
        return None
    return replace(known[0], words=" and ".join(flip.words for flip in known))


def waiting(until: datetime, why: str) -> Flip:
    """What time alone brings: ``"from 14:30 UTC on 3 March, when the freeze ends"``."""
    return Flip(
        fact="time",
        needed=until.isoformat(timespec="seconds"),
        words=f"from {clock(until)}, when {why}",
    )


def _verdict(
    ruling: Ruling, effect: Effect, observed: Measure, limit: Measure, message: str
) -> Verdict:
    # The rule's name is put on by Rule.answer, so that no check can misname itself.
    return Verdict(
        rule="", ruling=ruling, effect=effect, observed=observed, limit=limit, message=message
    )


def _strictness(verdict: Verdict) -> tuple[int, bool]:
    order = (Effect.NONE, Effect.DEMOTES, Effect.DEFERS, Effect.BLOCKS)
    return order.index(verdict.effect), verdict.ruling is not Ruling.PASS


# --- what rules measure -------------------------------------------------------------------------


def touched(action: Action) -> tuple[Entity, ...]:
    """The entities that the action changes: one, or a reallocation's two."""
    return tuple(leg.entity for leg in action.legs) or (action.entity,)


def raised(action: Action) -> tuple[Entity, ...]:
    """The entities that may spend more afterwards."""
    if action.type is ActionType.RESUME:
        return (action.entity,)
    return tuple(leg.entity for leg in action.increases)


def net_increase(action: Action) -> Money:
    """What the budgets of a budget change add up to, per day; negative when it lowers them."""
    first, *rest = (leg.proposed - leg.current for leg in action.legs)
    return sum(rest, start=first)


def seen(entity: Entity, case: Case) -> Evaluation:
    """What the window says of the entity.

    What the system itself paused is seen in the window of that decision, as restated since: it
    has delivered nothing in the present one.
    """
    paused_on = case.memory(entity).paused_on
    if entity.status == Status.PAUSED and paused_on is not None:
        days = complete_days(paused_on, case.limits.lookback_days)
        lost = case.situation.outage_days
        return _sums(entity, case, tuple(day for day in days if day not in lost))
    return case.evaluation(entity) or _sums(entity, case, window_of(case))


def _sums(entity: Entity, case: Case, window: tuple[date, ...]) -> Evaluation:
    """The read's bare sums, without an estimate."""
    facts = total(case.snapshot.days_of(entity), window)
    currency = case.snapshot.account.currency
    return Evaluation(
        entity_id=entity.id,
        window=window,
        facts=facts,
        spend_usd=case.situation.rates.usd_of_micros(facts.spend_micros, currency),
        roas=roas(facts),
        estimate=None,
    )


def window_of(case: Case) -> tuple[date, ...]:
    return complete_days(case.snapshot.today, case.limits.lookback_days)


def usd_of(case: Case, money: Money) -> Decimal:
    """Raises NoRate when the currency has none."""
    usd = case.situation.usd(money)
    if usd is None:
        raise NoRate(money.currency)
    return usd


def no_rate(currency: Currency) -> str:
    return f"{currency} has no rate to USD; set META_AUTO_FX_{currency}"


def largest_within(usd: Decimal, currency: Currency, rates: Rates) -> Money:
    """The largest whole amount of a currency that is worth no more than `usd`; not below zero."""
    rate = rates.rate(currency)
    if rate is None:
        raise NoRate(currency)
    amount = Money.of_major(max(usd, Decimal(0)) / rate, currency)
    # A quotient is rounded to 28 digits, perhaps upwards over the last minor unit.
    while amount.minor > 0 and amount.major * rate > usd:
        amount = Money(amount.minor - 1, currency)
    return amount


def towards_current(leg: BudgetLeg, reachable: Decimal) -> Money:
    """A number of minor units made whole, rounded towards the leg's current budget."""
    if leg.is_increase:
        return Money(int(reachable), leg.current.currency)
    return Money(int(reachable.to_integral_value(ROUND_CEILING)), leg.current.currency)


def span(in_hours: Decimal) -> timedelta:
    """A setting in hours as a duration, to the microsecond."""
    return timedelta(microseconds=int(in_hours * 3_600_000_000))


# --- words --------------------------------------------------------------------------------------


def tidy(value: Decimal) -> Decimal:
    """A measured ratio for people and JSON: six places at most, no trailing zeros."""
    return Decimal(number(value, places=6))


def number(value: Decimal, *, places: int = 4) -> str:
    """``"2"``, ``"0.75"``: a ratio in a sentence."""
    rounded = round(value, places)
    return f"{rounded.normalize():f}" if rounded else "0"


def percent(fraction: Decimal, *, signed: bool = False) -> str:
    return f"{'+' if signed and fraction > 0 else ''}{number(fraction * 100, places=2)} %"


def ceiling(usd: Decimal) -> Decimal:
    """The next whole dollar: a cap that somebody would set."""
    return usd.to_integral_value(ROUND_CEILING)


def upwards(fraction: Decimal) -> Decimal:
    """A share, rounded up to a hundredth of a percent: as a limit, it allows what was measured."""
    return fraction.quantize(Decimal("0.0001"), ROUND_CEILING)


def dollars(usd: Decimal) -> str:
    return f"{usd:,.2f} USD"


def in_hours(duration: timedelta) -> Decimal:
    """What lies ahead by no more than two clocks may differ is no time ago, never less."""
    if -CLOCK_SLACK <= duration < timedelta(0):
        duration = timedelta(0)
    return tidy(Decimal(duration // timedelta(seconds=36)) / 100)


def hours(duration: timedelta) -> str:
    return f"{in_hours(duration):f} h"


def clock(at: datetime) -> str:
    """``"14:30 UTC on 3 March"``: a time as one says it."""
    return f"{at:%H:%M} UTC on {at.day} {_MONTHS[at.month - 1]}"


#: Not by strftime: its names follow the machine's locale.
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


def moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def named(entity: Entity) -> str:
    level = "ad set" if entity.level == "adset" else str(entity.level)
    return f"{level} {entity.name!r} ({entity.id})"


def listed(names: Iterable[str], *, most: int = 3) -> str:
    """A few names, and how many more there are."""
    every = list(names)
    rest = f" and {len(every) - most} more" if len(every) > most else ""
    return ", ".join(every[:most]) + rest


def describe(odd: Exception) -> str:
    return " ".join(f"{type(odd).__name__}: {odd}".split())
