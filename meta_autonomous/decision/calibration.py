"""Did past probabilities come true? Scored against what the later days showed once final.

A probability here is about an entity's *true* ROAS, its level, which nobody ever sees. What can be
seen is the ROAS of the week that followed, and a week has luck of its own: of ads that truly stand
at 0.85 a good part show more than 0.9 in any one week. So a claim is not held against that week as
if the week were the truth. For each claim the program works out, from the posterior it had then
and from the spend that followed, how probable it was that the later week would show a ROAS below
the threshold: the *predicted* probability. That is a statement about data, and the data answer it
with yes or no. If posteriors are too sure, or lean to one side, predicted and observed part. What
is added to the posterior is only how a week scatters around a level: the luck of single orders
(Poisson), of their values, of days, and the level's slow drift.

The later week begins with the day of the claim, which its own window did not contain. Its ROAS is
value over exposure: spend, with the delay of orders allowed for, as for the claim itself. It ends
early where the entity's own budget or status changed, since that is another ad then; with fewer
than three days left the claim is set aside (*changed*), and so is one whose spend would bring less
than two orders at its expected ROAS (*too little*). Setting aside leaves what the program acted on
underrepresented; the counts are told.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from math import exp, lgamma, log, log1p, pi, sqrt
from typing import Final, NamedTuple

from meta_autonomous.decision.incomplete_gamma import gamma_below
from meta_autonomous.decision.posterior import Posterior

LATER_DAYS: Final = 7
FEWEST_DAYS: Final = 3
FEWEST_ORDERS: Final = 2.0
#: Days after which nothing is expected to change any more; a day younger is not final.
SETTLED_DAYS: Final = 8
#: Below that many claims a share says too little.
FEWEST_CLAIMS: Final = 30
BINS: Final = 10

_CONFIDENCE: Final = 0.95
_DAY_NOISE: Final = 0.01  # the account's own day, beside the entity's
_DRIFT_PER_DAY: Final = 0.0025
#: The points of the standard normal at which a posterior is taken, and their weights.
_POINTS: Final = tuple(step * 0.25 for step in range(-16, 17))
_DENSITIES: Final = tuple(exp(-z * z / 2.0) for z in _POINTS)
_WEIGHTS: Final = tuple(density / sum(_DENSITIES) for density in _DENSITIES)


class Later(NamedTuple):
    """What the days after a claim brought, once final."""

    value: float  # major units
    exposure: float  # spend whose orders these days hold, major units; > 0
    orders_at_one: float  # orders that a true ROAS of 1.0 would have brought; > 0
    days: int
    order_variance: float  # cv2: relative variance of one order's value
    day_noise: float  # variance of the log order rate from day to day

    @property
    def roas(self) -> float:
        return self.value / self.exposure


class Scored(NamedTuple):
    """One claim and its answer, always told as "below the threshold"."""

    entity_id: str
    on: date
    claimed: float  # P(true ROAS < threshold), as it was said then
    predicted: float  # P(the later days show a ROAS < threshold)
    came_true: bool


def scored(
    entity_id: str, on: date, posterior: Posterior, threshold: float, later: Later
) -> Scored:
    return Scored(
        entity_id,
        on,
        posterior.prob_below(threshold),
        prob_seen_below(posterior, threshold, later),
        later.roas < threshold,
    )


def expected_orders(posterior: Posterior, later: Later) -> float:
    """How many orders the later days should bring, by what was known at the claim."""
    return later.orders_at_one * posterior.expected()


def prob_seen_below(posterior: Posterior, threshold: float, later: Later) -> float:
    """P(value / exposure of the later days < threshold), given the posterior of the claim.

    Given a true ROAS R the value is taken as gamma with mean R x exposure, and with the relative
    variance ``(1 + cv2) / orders + (s_day2 + .01) / days + .0025 x (days + 7) / 2``: single
    orders, days, and the drift from the claim's window to these days.
    """
    own = later.day_noise + _DAY_NOISE
    apart = _DRIFT_PER_DAY * (later.days + 7) / 2.0
    noise = own / later.days + apart
    return sum(
        weight * share * _seen_below(exp(x + s * z), threshold, later, noise)
        for weight, x, s in (
            (posterior.gamma, posterior.x, posterior.s),
            (1.0 - posterior.gamma, posterior.x_dud, posterior.s_dud),
        )
        for z, share in zip(_POINTS, _WEIGHTS, strict=True)
    )


def _seen_below(roas: float, threshold: float, later: Later, noise: float) -> float:
    orders = later.orders_at_one * roas
    shape = 1.0 / ((1.0 + later.order_variance) / orders + noise)
    return gamma_below(shape, shape * threshold / roas)


# --- tables -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Share:
    """Claims that belong together: how often they should have come true, and did."""

    count: int
    claimed: float  # mean P(true ROAS < threshold)
    predicted: float  # mean P(seen below)
    observed: float  # share that was seen below
    interval: tuple[float, float]  # of the observed share

    @property
    def agrees(self) -> bool | None:
        """None: too few to say."""
        if self.count < FEWEST_CLAIMS:
            return None
        low, high = self.interval
        return low <= self.predicted <= high


class Bin(NamedTuple):
    """The claims whose predicted probability lies in low..high."""

    low: float
    high: float
    share: Share


@dataclass(frozen=True, slots=True)
class Reliability:
    """How the probabilities about one threshold came out."""

    count: int
    brier: float
    brier_if_right: float  # what it would be on average if every predicted probability were right
    error: float  # expected calibration error over ten equal bins
    error_by_luck: float  # what a perfect forecaster would show of it with so many claims
    bins: tuple[Bin, ...]

    @property
    def agrees(self) -> bool | None:
        """Whether every bin with enough claims holds what was predicted. None: none has enough."""
        said = [one.share.agrees for one in self.bins if one.share.agrees is not None]
        return all(said) if said else None


def share_of(claims: Sequence[Scored], *, among: int = 1) -> Share:
    """Raises ZeroDivisionError without claims. `among`: how many shares are looked at together;
    their intervals are widened so that all of them hold with 95 %."""
    count = len(claims)
    hits = sum(claim.came_true for claim in claims)
    return Share(
        count,
        sum(claim.claimed for claim in claims) / count,
        sum(claim.predicted for claim in claims) / count,
        hits / count,
        exact_interval(hits, count, 1.0 - (1.0 - _CONFIDENCE) / among),
    )


def telling_bins(claims: Iterable[Scored]) -> int:
    """How many bins of a reliability table have enough claims to be held against anything."""
    return sum(len(group) >= FEWEST_CLAIMS for group in _by_bin(claims).values())


def _by_bin(claims: Iterable[Scored]) -> dict[int, list[Scored]]:
    grouped: dict[int, list[Scored]] = {}
    for claim in claims:
        grouped.setdefault(min(int(claim.predicted * BINS), BINS - 1), []).append(claim)
    return grouped


def reliability(claims: Iterable[Scored], *, among: int | None = None) -> Reliability | None:
    """None without claims. `among`: as for `share_of`; without it the bins of this table."""
    told = list(claims)
    if not told:
        return None
    count = len(told)
    grouped = _by_bin(told)
    together = max(telling_bins(told) if among is None else among, 1)
    bins = tuple(
        Bin(place / BINS, (place + 1) / BINS, share_of(grouped[place], among=together))
        for place in sorted(grouped)
    )
    doubt = {
        place: sum(claim.predicted * (1.0 - claim.predicted) for claim in group)
        for place, group in grouped.items()
    }
    return Reliability(
        count=count,
        brier=sum((claim.predicted - claim.came_true) ** 2 for claim in told) / count,
        brier_if_right=sum(doubt.values()) / count,
        error=sum(one.share.count * abs(one.share.predicted - one.share.observed) for one in bins)
        / count,
        # The mean of the absolute value of a normal deviation is its deviation x sqrt(2 / pi).
        error_by_luck=sqrt(2.0 / pi) * sum(sqrt(one) for one in doubt.values()) / count,
        bins=bins,
    )


def exact_interval(hits: int, count: int, confidence: float = _CONFIDENCE) -> tuple[float, float]:
    """Clopper and Pearson's interval of a share. Far out, where many intervals are to hold
    together, Wilson's is too narrow: it leaves the truth out twice as often as it says."""
    if count == 0:
        return 0.0, 1.0
    outside = (1.0 - confidence) / 2.0
    return _lowest(hits, count, outside), 1.0 - _lowest(count - hits, count, outside)


def _lowest(hits: int, count: int, outside: float) -> float:
    """The probability at which so many hits, or more, are as rare as `outside`."""
    low, high = 0.0, hits / count
    for _ in range(50 if hits else 0):
        middle = (low + high) / 2.0
        if _at_least(hits, count, middle) < outside:
            low = middle
        else:
            high = middle
    return low


def _at_least(hits: int, count: int, share: float) -> float:
    """The binomial's upper tail; `share` is in 0..hits / count, so that its terms only shrink."""
    ways = lgamma(count + 1) - lgamma(hits + 1) - lgamma(count - hits + 1)
    term = exp(ways + hits * log(share) + (count - hits) * log1p(-share))
    tail = term
    for number in range(hits, count):
        term *= (count - number) / (number + 1) * share / (1.0 - share)
        tail += term
        if term < tail * 1e-12:
            break
    return tail
