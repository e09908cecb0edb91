"""How delivery and buying behave: pure functions of seeded random numbers.

Shapes, not measurements: an intraday curve with an evening peak, returns that diminish with
spend, orders that follow clicks by an hour or by days.
"""

import math
import random
from collections.abc import Mapping, Sequence
from typing import Final

_HOURLY: Final = (
    *(1.6, 1.0, 0.7, 0.6, 0.6, 0.9, 1.8, 3.0, 4.0, 4.6, 4.9, 5.1),
    *(5.3, 5.4, 5.2, 5.0, 5.0, 5.3, 5.8, 6.5, 7.2, 7.3, 6.0, 3.6),
)
#: Share of a day's delivery in each local hour.
PROFILE: Final = tuple(weight / sum(_HOURLY) for weight in _HOURLY)

#: Spending twice as much on the same people buys less than twice the orders: ROAS ~ spend^-0.25.
RETURNS: Final = -0.25
LEARNING_EFFICIENCY: Final = 0.9
#: A budget edit beyond this share restarts the learning phase (Meta publishes no number).
SIGNIFICANT_EDIT: Final = 0.30
LEARNING_CONVERSIONS: Final = 50
LEARNING_SECONDS: Final = 7 * 86_400

QUICK_SHARE: Final = 0.57  # of orders come within about an hour of the click
QUICK_SECONDS: Final = 3_600.0
SLOW_SECONDS: Final = 2 * 86_400.0
LONGEST_DELAY: Final = 7 * 86_400.0

_POISSON_IS_NORMAL: Final = 40.0


def draws(seed: int, *key: object) -> random.Random:
    """Random numbers for one purpose. Each purpose has its own, so that an edit of one ad, or
    more orders on a day, changes nobody else's luck."""
    return random.Random(f"{seed}:{':'.join(map(str, key))}")


def around(rng: random.Random, mean: float, sigma: float) -> float:
    """Log-normal with the given mean."""
    return mean * math.exp(rng.gauss(0.0, sigma) - sigma * sigma / 2)


def whole(rng: random.Random, amount: float) -> int:
    """An integer whose expectation is `amount`: small hourly amounts must not round to nothing."""
    floor = math.floor(amount)
    return floor + (rng.random() < amount - floor)


def poisson(rng: random.Random, mean: float) -> int:
    if mean <= 0:
        return 0
    if mean > _POISSON_IS_NORMAL:
        return max(0, round(rng.gauss(mean, math.sqrt(mean))))
    limit, count, product = math.exp(-mean), 0, rng.random()
    while product > limit:
        count += 1
        product *= rng.random()
    return count


def order_delay(rng: random.Random) -> float:
    """Seconds from click to order."""
    mean = QUICK_SECONDS if rng.random() < QUICK_SHARE else SLOW_SECONDS
    while (delay := rng.expovariate(1 / mean)) > LONGEST_DELAY:
        pass
    return delay


def diminished(spend: float, reference: float) -> float:
    """The factor on ROAS at a daily spend, against the spend at which ROAS was set."""
    if spend <= 0 or reference <= 0:
        return 1.0
    return float(min(1.35, max(0.5, (spend / reference) ** RETURNS)))


def split(total: int, shares: Mapping[str, float]) -> dict[str, int]:
    """Divide whole units by shares; the parts sum to `total` exactly (largest remainder)."""
    weight = sum(shares.values())
    exact = {name: total * share / weight for name, share in shares.items()}
    parts = {name: math.floor(part) for name, part in exact.items()}
    left = total - sum(parts.values())
    for name in sorted(exact, key=lambda name: (parts[name] - exact[name], name))[:left]:
        parts[name] += 1
    return parts


def mass(hours: Sequence[tuple[int, float]]) -> float:
    """Profile share of (local hour, fraction of it) pairs."""
    return sum(PROFILE[hour] * fraction for hour, fraction in hours)
