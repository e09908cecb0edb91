"""Scoring past probabilities: right ones are found right, and wrong ones wrong."""

import random
from datetime import date
from math import exp, log, sqrt

import numpy as np
import pytest
from scipy.special import gammainc
from scipy.stats import binomtest

from meta_autonomous.decision.calibration import (
    FEWEST_CLAIMS,
    Later,
    Scored,
    exact_interval,
    expected_orders,
    prob_seen_below,
    reliability,
    scored,
    share_of,
)
from meta_autonomous.decision.incomplete_gamma import gamma_below
from meta_autonomous.decision.posterior import Posterior

ON = date(2026, 3, 1)


def later(roas: float, orders: float = 40.0, *, days: int = 7) -> Later:
    """A week whose spend brings so many orders per unit of ROAS, each worth 50."""
    exposure = 50.0 * orders
    return Later(roas * exposure, exposure, orders, days, 1.0, 0.06)


def test_the_incomplete_gamma_function_is_scipys():
    rng = random.Random(1)
    for _ in range(3000):
        shape = 10 ** rng.uniform(-2, 3.5)
        x = shape * 10 ** rng.uniform(-2, 1.5)
        assert gamma_below(shape, x) == pytest.approx(gammainc(shape, x), abs=1e-10)
    assert gamma_below(2.0, 0.0) == 0.0
    assert gamma_below(1e-3, 1e-300) == pytest.approx(gammainc(1e-3, 1e-300), abs=1e-10)


def test_what_a_week_should_show_agrees_with_simulated_weeks():
    posterior = Posterior(0.9, log(1.1), 0.2, log(0.4), 0.4)
    week = later(1.0, 30.0)
    rng = np.random.default_rng(5)
    count = 400_000
    is_main = rng.random(count) < 0.9
    level = np.where(is_main, rng.normal(log(1.1), 0.2, count), rng.normal(log(0.4), 0.4, count))
    noise = sqrt((0.06 + 0.01) / 7 + 0.0025 * 7)
    rate = 30.0 * np.exp(level + rng.normal(-(noise**2) / 2, noise, count))
    orders = rng.poisson(rate)
    # Order values with a relative variance of one: the sum of n exponentials is a gamma variable.
    worth = np.where(orders > 0, rng.gamma(np.maximum(orders, 1), 1.0), 0.0)
    for threshold in (0.6, 0.9, 1.5):
        assert prob_seen_below(posterior, threshold, week) == pytest.approx(
            np.mean(worth / 30.0 < threshold), abs=0.012
        )


def test_a_week_with_very_many_orders_shows_nearly_the_level_itself():
    posterior = Posterior(1.0, log(1.2), 0.3, log(0.3), 1.0)
    found = prob_seen_below(posterior, 0.9, later(1.0, 1e6))
    assert found == pytest.approx(posterior.prob_below(0.9), abs=0.05)
    assert expected_orders(posterior, later(1.0, 10.0)) == pytest.approx(12.0 * exp(0.045))


def test_a_claim_is_answered_by_the_weeks_own_roas():
    posterior = Posterior(1.0, log(0.8), 0.2, log(0.3), 1.0)
    low, high = (scored("a", ON, posterior, 0.9, later(roas)) for roas in (0.89, 0.9))
    assert (low.came_true, high.came_true) == (True, False)
    assert low.claimed == posterior.prob_below(0.9)
    assert 0.5 < low.predicted < low.claimed


def simulated(*, overconfident: float = 1.0, count: int = 4000, seed: int = 3) -> list[Scored]:
    """Claims whose predicted probabilities are right, or too sure by a factor on the log odds."""
    rng = random.Random(seed)
    claims = []
    for place in range(count):
        truth = rng.random()
        odds = log(truth / (1.0 - truth)) * overconfident
        said = 1.0 / (1.0 + exp(-odds))
        claims.append(Scored(str(place), ON, said, said, rng.random() < truth))
    return claims


def test_right_probabilities_are_found_to_agree():
    agreeing = 0
    for seed in range(60):
        told = reliability(simulated(seed=seed, count=1000))
        assert told is not None
        agreeing += told.agrees is True
    assert agreeing >= 52  # 95 % of 60, less what chance takes


def test_the_error_by_luck_is_what_a_perfect_forecaster_shows():
    told = [reliability(simulated(seed=seed, count=1000)) for seed in range(40)]
    assert np.mean([one.error for one in told]) == pytest.approx(
        np.mean([one.error_by_luck for one in told]), rel=0.1
    )
    assert np.mean([one.brier for one in told]) == pytest.approx(
        np.mean([one.brier_if_right for one in told]), rel=0.03
    )


def test_probabilities_that_are_too_sure_are_found_out():
    told = reliability(simulated(overconfident=2.5))
    assert told is not None
    assert told.agrees is False
    assert told.error > 3 * told.error_by_luck
    assert told.brier > told.brier_if_right + 0.03


def test_few_claims_say_nothing():
    assert reliability([]) is None
    told = reliability(simulated(count=60))
    assert told is not None
    assert told.agrees is None
    wrong = [Scored("a", ON, 0.99, 0.99, came_true=False)] * (FEWEST_CLAIMS - 1)
    assert share_of(wrong).agrees is None
    assert share_of([*wrong, wrong[0]]).agrees is False


@pytest.mark.parametrize(("hits", "count"), [(0, 12), (7, 12), (300, 900), (12, 12)])
def test_the_interval_is_clopper_and_pearsons(hits, count):
    theirs = binomtest(hits, count).proportion_ci(0.95, method="exact")
    assert exact_interval(hits, count) == pytest.approx((theirs.low, theirs.high), abs=1e-9)
    assert exact_interval(0, 0) == (0.0, 1.0)


def test_shares_that_are_looked_at_together_have_wider_intervals():
    claims = simulated(count=200)
    alone, among = share_of(claims), share_of(claims, among=10)
    assert among.interval[0] < alone.interval[0]
    assert among.interval[1] > alone.interval[1]
