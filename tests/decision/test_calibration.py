"""Do the probabilities come true? Simulated accounts whose true ROAS is known.

The small version of `python -m tests.evaluation`. The accounts' settings stand away from the
estimator's defaults (centre, spread, delay, daily noise, drift), lest one hand's guess confirm the
other's. With five thousand entities even a perfect forecaster shows an error of about 0.01; the
bounds lie at twice that. Leaving out the delay, the noise beyond Poisson's, or what the account
teaches the prior breaks at least one.
"""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from meta_autonomous.decision.roas_engine import estimate_level
from tests.evaluation.forecasters import NAIVE
from tests.evaluation.runs import OURS, PLAIN, STRESS, estimates, judged, peeked, together
from tests.evaluation.scores import THRESHOLDS, scores
from tests.evaluation.shops import HISTORY, TODAY, history, rows, shop

pytestmark = pytest.mark.slow

CONVERSION_DAY = PLAIN["conversion-day booking"][0]
IMPRESSION_DAY = PLAIN["impression-day booking"][0]


@pytest.fixture(scope="module")
def accounts():
    return [judged(seed, CONVERSION_DAY, with_naive=True) for seed in range(40)]


@pytest.fixture(scope="module")
def ours(accounts):
    return scores(*together(accounts, OURS))


@pytest.mark.parametrize("place", range(4), ids=map(str, THRESHOLDS))
def test_a_claimed_probability_comes_true_as_often_as_it_says(ours, place):
    assert ours.count > 4000
    assert ours.errors[place] < 0.022


def test_the_probabilities_are_sharp_and_not_only_honest(ours):
    assert ours.log < 0.275
    assert ours.brier < 0.09


def test_hard_stops_are_wrong_about_as_often_as_they_admit(ours):
    assert ours.false_stops == pytest.approx(ours.claimed, abs=0.04)
    assert ours.false_stops < 0.14
    assert ours.missed < 0.45


@pytest.mark.parametrize("forecaster", NAIVE)
def test_what_is_usually_done_fails_here(accounts, ours, forecaster):
    """The measure can tell."""
    naive = scores(*together(accounts, forecaster))
    assert max(naive.errors) > 4 * max(ours.errors)
    assert naive.log > ours.log + 0.15


def test_restatements_keep_impression_day_accounts_calibrated():
    corrected = [judged(seed, IMPRESSION_DAY, with_naive=False) for seed in range(100, 125)]
    unaware = [
        judged(seed, replace(IMPRESSION_DAY, has_history=False), with_naive=False)
        for seed in range(100, 125)
    ]
    told, missed = (scores(*together(one, OURS)) for one in (corrected, unaware))
    assert max(told.errors) < 0.03
    assert max(missed.errors) > 2 * max(told.errors)


@pytest.mark.parametrize(
    "name", ["day shocks and drift twice", "slow orders on days 4 to 7", "budgets all changed"]
)
def test_under_stress_the_error_grows_but_little(name):
    settings, _ = STRESS[name]
    told = scores(
        *together([judged(seed, settings, with_naive=False) for seed in range(200, 225)], OURS)
    )
    assert max(told.errors) < 0.06  # the goal is 0.045 on three times as many entities


def test_accounts_of_five_entities_are_calibrated_too():
    settings, _ = STRESS["accounts of 5 entities"]
    told = scores(
        *together([judged(seed, settings, with_naive=False) for seed in range(300, 900)], OURS)
    )
    assert max(told.errors) < 0.05


def test_looking_again_and_again_does_not_make_hard_stops_dishonest():
    found = [peeked(seed, CONVERSION_DAY) for seed in range(400, 425)]
    stops = [stop for account, _, _ in found for stop in account]
    false = np.mean([roas >= 0.9 for _, roas in stops])
    assert len(stops) > 300
    assert false == pytest.approx(np.mean([1 - said for said, _ in stops]), abs=0.06)


def test_nine_intervals_of_ten_hold_the_truth():
    inside = []
    for seed in range(20):
        account = shop(seed, CONVERSION_DAY)
        level = estimates(account, now=account.last + 0.5)
        for place, name in enumerate(account.names):
            estimate = level.estimates[name]
            if estimate.spend_micros >= 100_000_000:
                low, high = estimate.posterior.interval()
                inside.append(low <= account.roas[place, account.last] <= high)
    assert 0.85 < np.mean(inside) < 0.94


def test_the_best_and_worst_of_many_are_not_believed():
    """Raw, the lowest tenth looks far worse than it is; the estimate is near the truth."""
    found = []
    for seed in range(20):
        account = shop(seed, CONVERSION_DAY)
        level = estimates(account, now=account.last + 0.5)
        for place, name in enumerate(account.names):
            estimate = level.estimates[name]
            if estimate.spend_micros >= 100_000_000:
                raw, ours = float(estimate.actual_roas), estimate.posterior.expected()
                found.append((raw, ours, account.roas[place, account.last]))
    tenth = len(found) // 10
    worst = sorted(found, key=lambda one: one[1])[:tenth]
    truth = np.mean([one[2] for one in worst])
    assert np.mean([one[1] for one in worst]) == pytest.approx(truth, rel=0.1)
    raw_worst = sorted(found, key=lambda one: one[0])[:tenth]
    raw_truth = np.mean([one[2] for one in raw_worst])
    assert np.mean([one[0] for one in raw_worst]) < 0.75 * raw_truth


def test_the_delay_of_slow_and_fast_accounts_is_learned():
    distances = []
    for seed in range(12):
        account = shop(seed, replace(CONVERSION_DAY, size=300))
        later = account.seen.astype(int) - account.day
        truth = np.bincount(np.minimum(later, 7), minlength=8) / len(later)
        level = estimate_level(
            rows(account, now=account.last + 0.5),
            today=TODAY,
            first_day=TODAY - timedelta(days=HISTORY),
            restatements=history(account, now=account.last + 0.5),
        )
        distances.append(np.abs(np.array(level.delay) - truth).sum() / 2)
    assert np.mean(distances) < 0.07
