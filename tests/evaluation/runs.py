"""Many accounts, judged: by the engine, by what is usual, and again every half hour."""

from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial

import numpy as np

from meta_autonomous.decision.roas_engine import LevelEstimates, estimate_level
from tests.evaluation.forecasters import NAIVE
from tests.evaluation.scores import STOP_AT, THRESHOLDS
from tests.evaluation.shops import HISTORY, TODAY, Settings, Shop, history, rows, shop

OURS = "this engine"

#: The plain settings: booking by conversion day, all settings away from the estimator's defaults;
#: and by impression day, centred on them, as the estimator was designed on.
PLAIN: Mapping[str, tuple[Settings, int]] = {
    "conversion-day booking": (Settings(), 560),
    "impression-day booking": (
        Settings(
            size=200,
            centre=(0.405, 0.35),
            spread=(0.3, 0.8),
            worth=(4.09, 0.5),
            day_noise=(0.1, 0.4),
            account_day_noise=0.10,
            drift=0.05,
            fast_weight=(0.4, 0.75),
            slow_days=(1.0, 3.5),
            changed=0.0,
            most_spend=5000.0,
            impression_day=True,
        ),
        420,
    ),
}
_BASE = PLAIN["conversion-day booking"][0]
STRESS: Mapping[str, tuple[Settings, int]] = {
    "accounts of 5 entities": (replace(_BASE, size=5), 2700),
    "accounts of 5, centre 0.8": (replace(_BASE, size=5, centre=(-0.223, 0.35)), 2700),
    "day shocks and drift twice": (
        replace(_BASE, day_noise=(0.3, 0.9), account_day_noise=0.24, drift=0.12),
        90,
    ),
    "larger orders come later": (replace(_BASE, larger_later=1.0), 90),
    "order value against ROAS": (replace(_BASE, worth_follows_roas=0.5), 90),
    "student-t3 ROAS": (replace(_BASE, student_t=True), 90),
    "delay of each entity its own": (replace(_BASE, slow_days_by_entity=0.6), 90),
    "slow orders on days 4 to 7": (replace(_BASE, tail=True), 90),
    "2 % orders 20 times as large": (replace(_BASE, huge=(0.02, 20.0)), 90),
    "no duds": (replace(_BASE, duds=0.0), 90),
    "no history of restatements": (replace(_BASE, has_history=False), 90),
    "budgets all changed": (replace(_BASE, changed=1.0), 90),
}

Judged = dict[str, tuple[np.ndarray, np.ndarray]]  # forecaster -> (claimed, truth)


def estimates(account: Shop, *, now: float) -> LevelEstimates:
    return estimate_level(
        rows(account, now=now),
        today=TODAY,
        first_day=TODAY.fromordinal(TODAY.toordinal() - HISTORY),
        restatements=history(account, now=now),
    )


def judged(seed: int, settings: Settings, *, with_naive: bool) -> Judged:
    """One account at an hour of its own: the entities that pass the data gate."""
    account = shop(seed, settings)
    now = account.last + np.random.default_rng(seed + 10**6).uniform(0.05, 1.0)
    facts = rows(account, now=now)
    level = estimate_level(
        facts,
        today=TODAY,
        first_day=TODAY.fromordinal(TODAY.toordinal() - HISTORY),
        restatements=history(account, now=now),
    )
    claimed: dict[str, list[list[float]]] = {name: [] for name in (OURS, *NAIVE)}
    truth = []
    for place, name in enumerate(account.names):
        estimate = level.estimates[name]
        if estimate.impressions < 1000 or estimate.spend_micros < 100_000_000:
            continue
        truth.append(account.roas[place, account.last])
        claimed[OURS].append([estimate.posterior.prob_below(t) for t in THRESHOLDS])
        if with_naive:
            days = np.array(
                [
                    facts[name].get(TODAY.fromordinal(TODAY.toordinal() - age), (0, 0, 0, 0))[:3]
                    for age in range(1, 8)
                ],
                dtype=float,
            )
            for told, forecast in NAIVE.items():
                claimed[told].append(forecast(days[:, 0], days[:, 1], days[:, 2], THRESHOLDS))
    return {
        name: (np.array(rows_of).reshape(-1, len(THRESHOLDS)), np.array(truth))
        for name, rows_of in claimed.items()
        if name == OURS or with_naive
    }


def pooled(
    settings: Settings, seeds: Iterable[int], *, with_naive: bool, workers: int
) -> list[Judged]:
    """Every account's judgement, in the order of the seeds."""
    work = partial(judged, settings=settings, with_naive=with_naive)
    if workers == 1:
        return [work(seed) for seed in seeds]
    with ProcessPoolExecutor(workers) as pool:
        return list(pool.map(work, seeds, chunksize=4))


def together(accounts: Iterable[Judged], forecaster: str) -> tuple[np.ndarray, np.ndarray]:
    """All accounts' claims and truths of one forecaster."""
    chosen = [account[forecaster] for account in accounts]
    return np.concatenate([c for c, _ in chosen]), np.concatenate([t for _, t in chosen])


# --- peeking ------------------------------------------------------------------------------------

LOOKS_PER_DAY = 48
DAYS_OF_LOOKS = 7

Stopped = list[tuple[float, float]]  # (probability said, true ROAS then) of each entity stopped


def peeked(seed: int, settings: Settings) -> tuple[Stopped, int, int]:
    """A week of looks, each entity stopped at its first crossing; and how many were bad all week,
    and how many of these were stopped.

    Booked by conversion day a complete day's row stands still, so that 48 looks of a day are one.
    """
    account = shop(seed, settings, later_days=DAYS_OF_LOOKS)
    first = account.last - DAYS_OF_LOOKS
    per_day = LOOKS_PER_DAY if settings.impression_day else 1
    stopped: dict[int, tuple[float, float]] = {}
    for look in range(DAYS_OF_LOOKS * per_day):
        now = first + (look + 0.5) / per_day
        level = estimates(account, now=now)
        for place, name in enumerate(account.names):
            estimate = level.estimates[name]
            if place in stopped or estimate.spend_micros < 100_000_000:
                continue
            probability = estimate.posterior.prob_below(0.9)
            if probability >= STOP_AT:
                stopped[place] = probability, account.roas[place, int(now)]
    bad = np.flatnonzero((account.roas[:, first : first + DAYS_OF_LOOKS] < 0.9).all(axis=1))
    return list(stopped.values()), len(bad), sum(int(place) in stopped for place in bad)


def peeked_pool(
    settings: Settings, seeds: Iterable[int], *, workers: int
) -> list[tuple[Stopped, int, int]]:
    work = partial(peeked, settings=settings)
    if workers == 1:
        return [work(seed) for seed in seeds]
    with ProcessPoolExecutor(workers) as pool:
        return list(pool.map(work, seeds))
