"""When orders are booked, and so how much of them a window's spend can have brought by now.

Meta books web purchases on the day they happen (*conversion-day* booking, the rule since June
2025) and some others on the day of the impression that caused them (*impression-day* booking).

Under conversion-day booking a day's row is complete at once, but it holds orders that earlier
days paid for, and the day's own spend is still bringing orders later. Its exposure is therefore
the spend of the eight days up to it, each weighted by the share of orders that come that late.
Under impression-day booking a row holds exactly its own spend's orders, but they arrive for days
after it was first read; its exposure is its spend times the share that has been reported by now.

Which booking holds is seen in how an account's past days were restated. How late orders come
under conversion-day booking can't be seen there; it is learned from the way an entity's orders
follow the changes of its spend.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import pairwise
from math import exp, log
from typing import NamedTuple

from meta_autonomous.domain.performance import DayFacts

#: Orders are attributed to clicks of at most seven days before.
LONGEST_DELAY_DAYS = 7

Shares = tuple[float, ...]  # f_0..f_7: the share of its orders booked k days after the spend


class Booking(StrEnum):
    """The day on which an order is counted."""

    CONVERSION_DAY = "conversion_day"
    IMPRESSION_DAY = "impression_day"


# --- How late orders come ---------------------------------------------------------------------
#
# F(t), the share of orders within t days of the click, is a mixture of a fast exponential (an
# hour's mean) with weight w and a slow one (T days' mean), cut at seven days. Everything below is
# a mean over the click's time of day, taken at the middle of each quarter of an hour: Meta
# refreshes its insights every 15 minutes, and a coarser day would misplace the first hour's rush.

_FAST_RATE = 24.0  # per day
_QUARTER_HOURS = tuple((quarter + 0.5) / 96.0 for quarter in range(96))

_DEFAULT_FAST_WEIGHT = 0.57
_DEFAULT_SLOW_DAYS = 2.0

_FAST_WEIGHTS = (0.1, 0.25, 0.4, 0.57, 0.75, 0.9, 0.98)
_SLOW_DAYS = (1.0, 2.0, 4.0, 8.0)
_LOGIT_WEIGHT_SD = 1.2
_LOG_DAYS_SD = 0.7

#: Enough to learn one curve from, those with most orders first: in simulated accounts of 500
#: entities 100 taught it as well as all of them did.
MOST_ENTITIES_FOR_DELAY = 100

_OVERDISPERSION_PER_ORDER = 0.12
#: Keeps a day without recent spend possible, as a fraction of an average day's exposure.
_UNCAUSED = 1e-4


def _reported(rate: float, days: float) -> float:
    """One exponential's share within `days` of the click, flat outside the seven days."""
    return 1.0 - exp(-rate * min(max(days, 0.0), float(LONGEST_DELAY_DAYS)))


def _raw_shares(rate: float) -> Shares:
    """One exponential's share of orders on each day 0..7 after the spend; they sum to F_raw(7).

    The mean over the click's time u of F(k+1-u) - F(k-u). The exponential factors, so that one
    mean, of what is still to come when the click's own day ends, serves all days.
    """
    to_come = sum(exp(-rate * (1.0 - u)) for u in _QUARTER_HOURS) / len(_QUARTER_HOURS)
    after = [to_come * exp(-rate * k) for k in range(LONGEST_DELAY_DAYS)]
    between = [earlier - later for earlier, later in pairwise(after)]
    return (1.0 - to_come, *between, after[-1] - exp(-rate * LONGEST_DELAY_DAYS))


_FAST_SHARES = _raw_shares(_FAST_RATE)
_SLOW_SHARES = tuple(_raw_shares(1.0 / days) for days in _SLOW_DAYS)


def _mixed(fast_weight: float, slow_shares: Shares) -> Shares:
    raw = [
        fast_weight * fast + (1.0 - fast_weight) * slow
        for fast, slow in zip(_FAST_SHARES, slow_shares, strict=True)
    ]
    whole = sum(raw)
    return tuple(share / whole for share in raw)


def _logit(p: float) -> float:
    return log(p / (1.0 - p))


#: f_0..f_7 of an account of which nothing is known.
DEFAULT_DELAY: Shares = _mixed(
    _DEFAULT_FAST_WEIGHT, _SLOW_SHARES[_SLOW_DAYS.index(_DEFAULT_SLOW_DAYS)]
)


def expected_reported(age: int) -> float:
    """The share of an impression-day row's orders reported `age` days later, by default.

    Ticks run around the clock, so the row is taken to be read at noon.
    """
    w = _DEFAULT_FAST_WEIGHT
    slow = 1.0 / _DEFAULT_SLOW_DAYS

    def raw(days: float) -> float:
        return w * _reported(_FAST_RATE, days) + (1.0 - w) * _reported(slow, days)

    mean = sum(raw(age + 0.5 - u) for u in _QUARTER_HOURS) / len(_QUARTER_HOURS)
    return mean / raw(LONGEST_DELAY_DAYS)


def delayed_spend(spend: Sequence[float], delay: Shares) -> list[float]:
    """The exposure of each booking day but the first seven: its own spend and that of the seven
    days before it, by delay. In the unit of `spend`, which is oldest first."""
    f0, f1, f2, f3, f4, f5, f6, f7 = delay
    return [
        f0 * s0 + f1 * s1 + f2 * s2 + f3 * s3 + f4 * s4 + f5 * s5 + f6 * s6 + f7 * s7
        for s7, s6, s5, s4, s3, s2, s1, s0 in zip(
            spend,
            spend[1:],
            spend[2:],
            spend[3:],
            spend[4:],
            spend[5:],
            spend[6:],
            spend[7:],
            strict=False,
        )
    ]


class SpendAndOrders(NamedTuple):
    """One entity's days, oldest first, both of one length."""

    spend: Sequence[float]
    orders: Sequence[int]


def learn_delay(entities: Iterable[SpendAndOrders], booked: Sequence[int]) -> Shares:
    """f_0..f_7 of an account under conversion-day booking, from how orders follow spend.

    `booked` are the places of the days that count, each with seven known (or filled) days of spend
    before it. Each of 28 candidate curves is weighted by the multinomial likelihood of every
    entity's orders over its days, tempered for overdispersion, and by a prior around the default;
    the answer is their weighted mean. An entity whose spend never changes says nothing here.
    """
    log_weights = [
        -(((_logit(w) - _logit(_DEFAULT_FAST_WEIGHT)) / _LOGIT_WEIGHT_SD) ** 2) / 2.0
        - (log(days / _DEFAULT_SLOW_DAYS) / _LOG_DAYS_SD) ** 2 / 2.0
        for days in _SLOW_DAYS
        for w in _FAST_WEIGHTS
    ]
    for entity in entities:
        for candidate, likelihood in enumerate(_delay_likelihoods(entity, booked)):
            log_weights[candidate] += likelihood
    highest = max(log_weights)
    weights = [exp(weight - highest) for weight in log_weights]
    whole = sum(weights)
    candidates = [_mixed(w, slow) for slow in _SLOW_SHARES for w in _FAST_WEIGHTS]
    return tuple(
        sum(weight * shares[k] for weight, shares in zip(weights, candidates, strict=True)) / whole
        for k in range(LONGEST_DELAY_DAYS + 1)
    )


def _delay_likelihoods(entity: SpendAndOrders, booked: Sequence[int]) -> list[float]:
    """One entity's tempered log likelihood under each candidate; empty if it can't tell."""
    spend, orders = entity
    days = [day for day in booked if orders[day] > 0]
    recent = spend[booked[0] - LONGEST_DELAY_DAYS : booked[-1] + 1]
    if not days or min(recent) == max(recent):
        return []  # no orders to explain; or level spend, which every curve explains alike
    counts = [orders[day] for day in days]
    count = sum(counts)
    phi = 1.0 + _OVERDISPERSION_PER_ORDER * count / len(days)
    # Exposure is linear in the curve: each exponential's is computed once, and only mixed below.
    # The floor is linear too, so it is added here.
    fast, fast_total = _exposures_of(spend, booked, days, _FAST_SHARES)
    likelihoods = []
    for slow_shares in _SLOW_SHARES:
        slow, slow_total = _exposures_of(spend, booked, days, slow_shares)
        rows = [(n, b, a - b) for n, a, b in zip(counts, fast, slow, strict=True)]
        for w in _FAST_WEIGHTS:
            whole = slow_total + w * (fast_total - slow_total)
            if whole <= 0.0:  # orders, but no spend near any day that counts
                return []
            likelihood = sum([n * log(b + w * off) for n, b, off in rows])
            likelihoods.append((likelihood - count * log(whole)) / phi)
    return likelihoods


def _exposures_of(
    spend: Sequence[float], booked: Sequence[int], days: Sequence[int], shares: Shares
) -> tuple[list[float], float]:
    """The exposure, by one curve, of each of `days`, and of all booked days together."""
    first = LONGEST_DELAY_DAYS
    exposures = delayed_spend(spend, shares)
    whole = sum([exposures[day - first] for day in booked])
    floor = _UNCAUSED * whole / len(booked)
    return [exposures[day - first] + floor for day in days], whole


# --- What an account's own restatements show --------------------------------------------------

_SETTLED_DAYS = 8  # a day this old is final but for stragglers
_OLDEST_AGE = 28  # Meta changes nothing after
_BOOKING_AGES = 3
_COMPLETE_AT_ONCE = 0.90
_EXPECTATION_WEIGHT = 200.0  # orders that the expected share counts for


class Reading(NamedTuple):
    """One entity's row of one day, as it was read on a later (or the same) day."""

    entity_id: str
    on: date
    seen_on: date
    facts: DayFacts


@dataclass(frozen=True, slots=True)
class Restatements:
    """How many of an account's orders were there at each age of a day, and in the end.

    Position a - 1 is age a: the row of a day, read a days later. Only settled days count.
    """

    seen: tuple[int, ...] = ()
    final: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if len(self.seen) != len(self.final):
            raise ValueError("seen and final orders must cover the same ages")

    def booking(self) -> Booking:
        """Impression-day only if the account has shown that young days fill up later."""
        seen, final = sum(self.seen[:_BOOKING_AGES]), sum(self.final[:_BOOKING_AGES])
        if final <= 0 or seen >= _COMPLETE_AT_ONCE * final:
            return Booking.CONVERSION_DAY
        return Booking.IMPRESSION_DAY

    def completeness(self, age: int, expected: float) -> float:
        """The share of a row's orders that is there at `age`: the expected one, then the seen one.

        ``(200 expected + K) / (200 + R)`` with K orders seen at that age and R in the end.
        """
        seen, final = (
            (self.seen[age - 1], self.final[age - 1]) if age <= len(self.seen) else (0, 0)
        )
        return (_EXPECTATION_WEIGHT * expected + seen) / (_EXPECTATION_WEIGHT + final)


NO_RESTATEMENTS = Restatements()


def restatements_from(
    readings: Iterable[Reading],
    *,
    today: date,
    reads: Mapping[date, tuple[date, date]] | None = None,
) -> Restatements:
    """What an account's history of readings shows, at any one level.

    `reads` says for each date on which the account was read the first and last day that the read
    covered; with it, readings that changed nothing may be left out. Without it a read is taken to
    have covered a day if any entity has a reading of that day on that date; then give all of them.

    A row that a covering read did not have counts as no orders (it came into being later). Of
    several readings of one row on one date the last given counts. Days younger than 8 days, days
    never read again at 7 days or more, and readings after `today` are left out.
    """
    rows: dict[date, dict[str, dict[date, int]]] = defaultdict(lambda: defaultdict(dict))
    for entity_id, on, seen_on, facts in readings:
        if seen_on <= today and (today - on).days >= _SETTLED_DAYS:
            rows[on][entity_id][seen_on] = facts.purchases
    seen = [0] * _OLDEST_AGE
    final = [0] * _OLDEST_AGE
    for on, entities in rows.items():
        dates = _reads_of(on, entities.values(), reads, today)
        if not dates or (dates[-1] - on).days < _SETTLED_DAYS - 1:
            continue
        for history in entities.values():
            last = history[max(history)]
            # The last date is the final reading itself, and would only agree with itself.
            for read_on, purchases in _as_seen(history, dates[:-1]):
                age = (read_on - on).days
                if 1 <= age <= _OLDEST_AGE:
                    seen[age - 1] += purchases
                    final[age - 1] += last
    return Restatements(tuple(seen), tuple(final))


def _reads_of(
    on: date,
    histories: Iterable[Mapping[date, int]],
    reads: Mapping[date, tuple[date, date]] | None,
    today: date,
) -> list[date]:
    """The dates on which a day was read, oldest first."""
    if reads is None:
        return sorted({seen_on for history in histories for seen_on in history})
    return sorted(
        read_on
        for read_on, (first, last) in reads.items()
        if first <= on <= last <= read_on <= today
    )


def _as_seen(history: Mapping[date, int], dates: Iterable[date]) -> Iterable[tuple[date, int]]:
    """A row's orders as the read on each date (oldest first) had them; 0 before it had a row."""
    changes = sorted(history.items())
    purchases = passed = 0
    for read_on in dates:
        while passed < len(changes) and changes[passed][0] <= read_on:
            purchases = changes[passed][1]
            passed += 1
        yield read_on, purchases
