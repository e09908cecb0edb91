"""The hold-out: a few campaigns are left alone, so that the rest can be measured against them.

Whether the program is worth anything can't be seen from its own actions: what it scales up did
well before, and what it cuts did badly, and both drift back to the average by themselves. So a
share of the campaigns (HOLDOUT_PCT) is withheld for 14 days at a time: what would have been
executed or suggested for them is recorded, with its reason, and not done. Which campaigns these
are follows from their ids and the day alone: nobody picks them, a tick run twice withholds the
same, and every campaign has its turn.

Whole campaigns, because ad sets of one campaign compete for its buyers. A hard stop is never
withheld: no measurement is worth a known loss.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from math import sqrt
from typing import Final

PERIOD: Final = timedelta(days=14)

#: Changing it would deal the campaigns anew.
_SALT: Final = "meta-auto/holdout/1"
_EPOCH: Final = datetime(2020, 1, 1, tzinfo=UTC)

#: Fewer on either side say nothing yet.
FEWEST: Final = 10


def held_until(campaign_id: str, share: Decimal, now: datetime) -> datetime | None:
    """The end of the campaign's hold-out period; None if it is not held out now.

    Each campaign's periods begin on a day of its own, so that not all change sides at once.
    """
    if share <= 0:
        return None
    offset = PERIOD * _fraction(campaign_id, "offset")
    number = (now - _EPOCH - offset) // PERIOD
    if _fraction(campaign_id, str(number)) >= share:
        return None
    return _EPOCH + offset + (number + 1) * PERIOD


def _fraction(campaign_id: str, of: str) -> float:
    """A number in 0..1 that depends on nothing else, and looks like chance."""
    digest = sha256(f"{_SALT}\0{campaign_id}\0{of}".encode()).digest()
    return int.from_bytes(digest[:8]) / 2.0**64


@dataclass(frozen=True, slots=True)
class Comparison:
    """What acting was worth against leaving alone: per unit of spend, with a 95 % interval."""

    treated: int
    withheld: int
    treated_mean: float | None
    withheld_mean: float | None
    difference: float | None  # treated less withheld; None while either side is too small
    interval: tuple[float, float] | None

    @property
    def is_telling(self) -> bool:
        """Whether the interval leaves zero out."""
        return self.interval is not None and (self.interval[0] > 0.0 or self.interval[1] < 0.0)


def compare(treated: Sequence[float], withheld: Sequence[float]) -> Comparison:
    """Welch's comparison of two means, from one number per campaign and period.

    Below ten on either side there is no interval: with so few its own width is unknown.
    """
    means = [sum(side) / len(side) if side else None for side in (treated, withheld)]
    counts = len(treated), len(withheld)
    if min(counts) < FEWEST or means[0] is None or means[1] is None:
        return Comparison(*counts, means[0], means[1], None, None)
    noise = [_variance(side) / len(side) for side in (treated, withheld)]
    freedom = (sum(noise) ** 2) / max(
        sum(one * one / (n - 1) for one, n in zip(noise, counts, strict=True)), 1e-300
    )
    difference = means[0] - means[1]
    reach = _t95(freedom) * sqrt(sum(noise))
    return Comparison(
        *counts, means[0], means[1], difference, (difference - reach, difference + reach)
    )


def _variance(numbers: Sequence[float]) -> float:
    mean = sum(numbers) / len(numbers)
    return sum((number - mean) ** 2 for number in numbers) / (len(numbers) - 1)


def _t95(freedom: float) -> float:
    """The 97.5 % point of Student's t: Cornish and Fisher's expansion, to 0.001 from nine on."""
    z = 1.959963984540054
    freedom = max(freedom, float(FEWEST - 1))
    first = (z**3 + z) / 4.0
    second = (5.0 * z**5 + 16.0 * z**3 + 3.0 * z) / 96.0
    third = (3.0 * z**7 + 19.0 * z**5 + 17.0 * z**3 - 15.0 * z) / 384.0
    return z + first / freedom + second / freedom**2 + third / freedom**3
