"""The regularised lower incomplete gamma function, without a heavy import."""

from math import exp, lgamma, log
from typing import Final

_CLOSE: Final = 1e-12
_TINY: Final = 1e-300
_MOST_TERMS: Final = 10_000


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
        for n in range(1, _MOST_TERMS):
            term *= x / (shape + n)
            total += term
            if term < total * _CLOSE:
                break
        return min(front * total, 1.0)
    b = x + 1.0 - shape
    c = 1.0 / _TINY
    d = 1.0 / b
    fraction = d
    for n in range(1, _MOST_TERMS):
        a = n * (shape - n)
        b += 2.0
        d = 1.0 / _away_from_zero(a * d + b)
        c = _away_from_zero(b + a / c)
        fraction *= c * d
        if abs(c * d - 1.0) < _CLOSE:
            break
    return max(1.0 - front * fraction, 0.0)


def _away_from_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
