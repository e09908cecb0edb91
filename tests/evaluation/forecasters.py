"""What is usually done instead: P(true ROAS < threshold) from the raw days of a window."""

from collections.abc import Callable, Sequence
from math import erfc, sqrt

import numpy as np

Forecast = Callable[[np.ndarray, np.ndarray, np.ndarray, Sequence[float]], list[float]]


def _sided(confidence: float, roas: float, thresholds: Sequence[float]) -> list[float]:
    """A heuristic confidence has no side: it is taken to mean the one that the raw ROAS is on."""
    return [confidence if roas < threshold else 1 - confidence for threshold in thresholds]


def conversions_over_50(
    spend: np.ndarray, value: np.ndarray, orders: np.ndarray, thresholds: Sequence[float]
) -> list[float]:
    return _sided(min(1.0, orders.sum() / 50), value.sum() / spend.sum(), thresholds)


def spend_over_1000(
    spend: np.ndarray,
    value: np.ndarray,
    orders: np.ndarray,
    thresholds: Sequence[float],
) -> list[float]:
    return _sided(min(1.0, spend.sum() / 1000), value.sum() / spend.sum(), thresholds)


def delta_method(
    spend: np.ndarray,
    value: np.ndarray,
    orders: np.ndarray,
    thresholds: Sequence[float],
) -> list[float]:
    """The textbook's ratio estimator: a normal around value / spend, from how days scatter."""
    days = len(spend)
    roas = value.sum() / spend.sum()
    error = sqrt(((value - roas * spend) ** 2).sum() * days / max(days - 1, 1)) / spend.sum()
    if error == 0.0:
        return _sided(1.0, roas, thresholds)
    return [0.5 * erfc((roas - threshold) / error / sqrt(2)) for threshold in thresholds]


def day_bootstrap(
    spend: np.ndarray,
    value: np.ndarray,
    orders: np.ndarray,
    thresholds: Sequence[float],
) -> list[float]:
    rng = np.random.default_rng(len(spend))
    drawn = rng.integers(len(spend), size=(200, len(spend)))
    resampled = value[drawn].sum(axis=1) / np.maximum(spend[drawn].sum(axis=1), 1e-9)
    return [float(np.mean(resampled < threshold)) for threshold in thresholds]


NAIVE: dict[str, Forecast] = {
    "conversions / 50": conversions_over_50,
    "spend / 1000": spend_over_1000,
    "delta method": delta_method,
    "day bootstrap": day_bootstrap,
}
