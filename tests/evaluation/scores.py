"""How a forecaster did: calibration error, Brier and log score, and its hard stops."""

from dataclasses import dataclass

import numpy as np

THRESHOLDS = (0.8, 0.9, 1.5, 2.0)
STOP_AT = 0.70
_STOP = THRESHOLDS.index(0.9)


@dataclass(frozen=True)
class Scores:
    """`stops` is None where nothing was stopped."""

    count: int
    errors: tuple[float, ...]  # expected calibration error at each threshold
    brier: float  # at 0.9, as the log score
    log: float
    false_stops: float  # share of hard stops whose true ROAS is 0.9 or more
    claimed: float  # ... as the probabilities themselves had it
    missed: float  # share of the truly bad that were not stopped


def calibration_error(claimed: np.ndarray, came_true: np.ndarray) -> float:
    """Over ten equal bins."""
    bins = np.minimum((claimed * 10).astype(int), 9)
    return float(
        sum(
            abs(claimed[bins == b].mean() - came_true[bins == b].mean()) * np.mean(bins == b)
            for b in np.unique(bins)
        )
    )


def scores(claimed: np.ndarray, roas: np.ndarray) -> Scores:
    """`claimed`: (entity, threshold) probabilities below; `roas`: the truth."""
    bad = roas < 0.9
    stop = claimed[:, _STOP]
    is_stopped = stop >= STOP_AT
    of_truth = np.clip(np.where(bad, stop, 1 - stop), 0.001, None)
    stopped = max(int(is_stopped.sum()), 1)
    return Scores(
        count=len(roas),
        errors=tuple(
            calibration_error(claimed[:, place], roas < threshold)
            for place, threshold in enumerate(THRESHOLDS)
        ),
        brier=float(np.mean((stop - bad) ** 2)),
        log=float(-np.mean(np.log(of_truth))),
        false_stops=float((is_stopped & ~bad).sum() / stopped),
        claimed=float((1 - stop)[is_stopped].sum() / stopped),
        missed=float(np.mean(~is_stopped[bad])) if bad.any() else 0.0,
    )
