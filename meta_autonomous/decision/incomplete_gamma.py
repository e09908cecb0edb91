"""The regularised lower incomplete gamma function, without a heavy import."""

from math import exp, lgamma, log
from typing import Final

_CLOSE: Final = 1e-12
_TINY: Final = 1e-300


def gamma_below(shape: float, x: float) -> float:
    """P(shape, x): the probability that a gamma variable of that shape and scale 1 is below x.

    By its series below the mean, and by the continued fraction of the other tail above (DLMF
    8.11.4 and 8.9.2).
    """
    if x <= 0.0:
        return 0.0
    front = exp(shape * log(x) - x - lgamma(shape))
    if x < shape + 1.0:
        term = total = 1.0 / shape
        n = 0
        while term > total * _CLOSE:
            n += 1
            term *= x / (shape + n)
            total += term
        return min(front * total, 1.0)
    b = x + 1.0 - shape
    c = 1.0 / _TINY
    d = 1.0 / b
    fraction = d
    n = 0
    change = 0.0
    while abs(change - 1.0) > _CLOSE:
        n += 1
        a = n * (shape - n)
        b += 2.0
        d = 1.0 / _away_from_zero(a * d + b)
        c = _away_from_zero(b + a / c)
        change = c * d
        fraction *= change
    return max(1.0 - front * fraction, 0.0)


def _away_from_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
