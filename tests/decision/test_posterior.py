"""The mixture posterior on log ROAS, against its published vectors and against scipy."""

from math import exp, inf, isfinite, log, log1p, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import brentq, minimize_scalar
from scipy.stats import norm

from meta_autonomous.decision.posterior import (
    DUD_SHIFT,
    DUD_SPREAD,
    STARTING_PRIOR,
    Evidence,
    Posterior,
    Prior,
    fit_prior,
    posterior_of,
    prob_ratio_at_least,
)

PRIOR = Prior(log(1.5), 0.6, 0.06)

evidence = st.builds(
    Evidence,
    orders_at_one=st.floats(1e-6, 1e5),
    orders=st.integers(0, 20_000),
    noise=st.floats(0.005, 2.0),
)
priors = st.builds(
    Prior, mu=st.floats(-2.0, 3.0), tau=st.floats(0.1, 1.5), pi=st.floats(0.005, 0.6)
)
thresholds = st.floats(1e-3, 1e3)


def normal(x: float, s: float) -> Posterior:
    """A posterior of one component."""
    return Posterior(1.0, x, s, x - 1.0, 1.0)


@pytest.mark.parametrize(
    ("entity", "x", "s", "below_0_9", "below_2"),
    [
        (Evidence(0, 0, 0.06), 0.405465, 0.600000, 0.1973, 0.6842),
        (Evidence(4.25, 0, 0.12), -0.373836, 0.477809, 0.7129, 0.9872),
        (Evidence(20, 16, 0.05), -0.074209, 0.291539, 0.4575, 0.9958),
        (Evidence(100, 80, 0.03), -0.155926, 0.197474, 0.6010, 1.0000),
        (Evidence(100, 240, 0.03), 0.835289, 0.174227, 0.0000, 0.2073),
    ],
)
def test_the_main_component_meets_the_reference_vectors(entity, x, s, below_0_9, below_2):
    found = posterior_of(entity, PRIOR)
    assert (found.x, found.s) == pytest.approx((x, s), abs=1e-6)
    alone = normal(found.x, found.s)
    assert alone.prob_below(0.9) == pytest.approx(below_0_9, abs=1e-4)
    assert alone.prob_below(2.0) == pytest.approx(below_2, abs=1e-4)


@pytest.mark.parametrize(
    ("entity", "gamma", "below_0_9", "below_2"),
    [
        (Evidence(0, 0, 0.06), 0.9400, 0.2307, 0.6990),
        (Evidence(4.25, 0, 0.12), 0.6420, 0.8062, 0.9913),
        (Evidence(20, 16, 0.05), 0.9479, 0.4706, 0.9959),
        (Evidence(100, 80, 0.03), 0.9484, 0.6092, 1.0000),
        (Evidence(100, 240, 0.03), 0.9867, 0.0000, 0.2077),
    ],
)
def test_the_mixture_meets_the_reference_vectors(entity, gamma, below_0_9, below_2):
    found = posterior_of(entity, PRIOR)
    assert found.gamma == pytest.approx(gamma, abs=1e-4)
    assert found.prob_below(0.9) == pytest.approx(below_0_9, abs=1e-4)
    assert found.prob_below(2.0) == pytest.approx(below_2, abs=1e-4)


@given(evidence, priors)
def test_each_mode_is_where_scipy_finds_the_maximum(entity, prior):
    e, n, noise = entity
    found = posterior_of(entity, prior)

    def loss(x: float, centre: float, spread: float) -> float:
        likelihood = n * x - (n + 1.0 / noise) * log1p(noise * e * exp(x))
        return (x - centre) ** 2 / (2.0 * spread**2) - likelihood

    for x, centre, spread in (
        (found.x, prior.mu, prior.tau),
        (found.x_dud, prior.mu - DUD_SHIFT, DUD_SPREAD),
    ):
        best = minimize_scalar(loss, (x - 1.0, x + 1.0), args=(centre, spread), tol=1e-12)
        assert loss(x, centre, spread) <= best.fun + 1e-9 * max(1.0, abs(best.fun))


@given(evidence, priors, thresholds, thresholds)
def test_a_probability_lies_in_0_to_1_and_grows_with_the_threshold(entity, prior, one, other):
    found = posterior_of(entity, prior)
    low, high = sorted((one, other))
    assert 0.0 <= found.prob_below(low) <= found.prob_below(high) + 1e-15
    assert found.prob_below(high) <= 1.0 + 1e-15
    assert found.prob_at_least(low) == pytest.approx(1.0 - found.prob_below(low), abs=1e-12)


@given(evidence, priors)
def test_the_interval_leaves_5_percent_on_either_side(entity, prior):
    found = posterior_of(entity, prior)
    low, high = found.interval()
    assert 0.0 < low < high
    assert found.prob_below(low) == pytest.approx(0.05, abs=1e-7)
    assert found.prob_below(high) == pytest.approx(0.95, abs=1e-7)


def test_interval_and_mean_agree_with_root_finding_and_quadrature():
    found = posterior_of(Evidence(4.25, 0, 0.12), PRIOR)

    def density(x: float) -> float:
        return found.gamma * norm.pdf(x, found.x, found.s) + (1.0 - found.gamma) * norm.pdf(
            x, found.x_dud, found.s_dud
        )

    mean, _ = quad(lambda x: exp(x) * density(x), -12.0, 8.0)
    assert found.expected() == pytest.approx(mean, rel=1e-6)
    for quantile, probability in zip(found.interval(), (0.05, 0.95), strict=True):
        root = brentq(lambda t, p=probability: found.prob_below(t) - p, 1e-4, 50.0, xtol=1e-12)
        assert quantile == pytest.approx(root, rel=1e-6)


@pytest.mark.parametrize("threshold", [0.0, -1.0])
def test_a_roas_is_never_below_zero(threshold):
    found = posterior_of(Evidence(20, 16, 0.05), PRIOR)
    assert found.prob_below(threshold) == 0.0
    assert found.prob_at_least(threshold) == 1.0


def test_a_roas_is_always_below_infinity():
    found = posterior_of(Evidence(20, 16, 0.05), PRIOR)
    assert found.prob_below(inf) == 1.0
    assert found.prob_at_least(inf) == 0.0


@pytest.mark.parametrize("orders", [0, 7])
def test_without_exposure_the_prior_is_all_there_is_whatever_the_orders(orders):
    found = posterior_of(Evidence(0.0, orders, 0.06), PRIOR)
    assert found == Posterior(0.94, PRIOR.mu, PRIOR.tau, PRIOR.mu - DUD_SHIFT, DUD_SPREAD)


@pytest.mark.parametrize(
    "entity",
    [
        Evidence(1e-12, 1_000_000, 0.01),
        Evidence(1e-300, 10**9, 1e-4),
        Evidence(1e12, 0, 0.01),
        Evidence(1e12, 1, 16.0),
        Evidence(1e-12, 0, 16.0),
    ],
)
def test_absurd_evidence_gives_finite_numbers(entity):
    found = posterior_of(entity, PRIOR)
    assert all(isfinite(value) for value in (*found.interval(), found.expected(), found.gamma))
    assert 0.0 <= found.gamma <= 1.0
    assert found.s > 0.0


def test_a_mean_beyond_the_floats_saturates():
    assert isfinite(normal(900.0, 1.0).expected())


def test_ample_even_data_still_leave_tomorrow_uncertain():
    """The spread stays near 0.14, so that a threshold is passed only at some distance."""
    noise = 0.0725 / 7.0 + 0.0025 * 4.0

    def typical_at(roas: float) -> Posterior:
        entity = Evidence(50_000.0, round(50_000.0 * roas), noise)
        return posterior_of(entity, Prior(log(roas), 0.6, 0.06))

    assert typical_at(2.1).s == pytest.approx(0.14, abs=0.005)
    assert typical_at(0.825).prob_below(0.9) > 0.70 > typical_at(0.845).prob_below(0.9)
    assert typical_at(2.13).prob_at_least(2.0) > 0.65 > typical_at(2.10).prob_at_least(2.0)
    assert typical_at(2.22).prob_at_least(2.0) > 0.75 > typical_at(2.18).prob_at_least(2.0)


def test_the_ratio_of_two_single_components_follows_the_closed_form():
    best, worst = normal(log(3.0), 0.2), normal(log(1.4), 0.3)
    expected = norm.cdf((log(3.0) - log(1.4) - log(1.5)) / sqrt(0.2**2 + 0.3**2))
    assert prob_ratio_at_least(best, worst, 1.5) == pytest.approx(expected, abs=1e-12)


def test_the_ratio_of_two_mixtures_agrees_with_integration():
    best = posterior_of(Evidence(30, 90, 0.05), PRIOR)
    worst = posterior_of(Evidence(4.25, 0, 0.12), PRIOR)

    def integrand(x: float) -> float:
        density = worst.gamma * norm.pdf(x, worst.x, worst.s) + (1.0 - worst.gamma) * norm.pdf(
            x, worst.x_dud, worst.s_dud
        )
        return density * best.prob_at_least(1.5 * exp(x))

    expected, _ = quad(integrand, -12.0, 8.0)
    assert prob_ratio_at_least(best, worst, 1.5) == pytest.approx(expected, abs=1e-7)


@given(evidence, evidence, priors, st.floats(0.01, 100.0))
def test_a_ratio_one_way_and_its_inverse_the_other_way_are_certain_together(a, b, prior, ratio):
    one, other = posterior_of(a, prior), posterior_of(b, prior)
    both = prob_ratio_at_least(one, other, ratio) + prob_ratio_at_least(other, one, 1.0 / ratio)
    assert both == pytest.approx(1.0, abs=1e-9)


def test_any_ratio_is_at_least_zero():
    same = normal(0.0, 0.3)
    assert prob_ratio_at_least(same, same, 0.0) == 1.0
    assert prob_ratio_at_least(same, same, 1.0) == pytest.approx(0.5)
    assert prob_ratio_at_least(same, same, inf) == 0.0


def test_an_account_without_evidence_keeps_the_starting_prior():
    assert fit_prior([]) == pytest.approx(STARTING_PRIOR, abs=1e-12)


def test_many_entities_teach_the_prior_their_centre_and_spread():
    centre, spread = log(2.6), 0.3
    entities = [
        Evidence(400.0, round(400.0 * exp(centre + spread * norm.ppf((i + 0.5) / 400))), 0.02)
        for i in range(400)
    ]
    prior = fit_prior(entities)
    assert prior.mu == pytest.approx(centre, abs=0.03)
    assert prior.tau == pytest.approx(spread, abs=0.05)
    assert prior.pi < 0.06


def test_duds_are_told_from_the_rest_and_keep_their_low_roas():
    good = [Evidence(200.0, 600 + 10 * (i % 21 - 10), 0.02) for i in range(180)]
    duds = [Evidence(200.0, 40, 0.02) for _ in range(20)]
    prior = fit_prior(good + duds)
    assert prior.mu == pytest.approx(log(3.0), abs=0.05)
    assert prior.pi == pytest.approx(0.1, abs=0.04)
    dud = posterior_of(duds[0], prior)
    assert dud.gamma < 0.01
    assert dud.expected() == pytest.approx(0.2, abs=0.06)


def test_a_prior_for_very_many_entities_comes_from_an_even_sample_of_them():
    entities = [Evidence(20.0, i % 60, 0.05) for i in range(10_000)]
    known = [5 * i for i in range(2000)]
    changed = [
        entity if i % 5 == 0 or i in known else Evidence(1.0, 5000, 0.05)
        for i, entity in enumerate(entities)
    ]
    assert fit_prior(entities) == fit_prior(changed)


@pytest.mark.parametrize(("entities", "off"), [(40, 1e-4), (200, 1e-4), (1000, 0.03)])
def test_the_prior_is_where_thirty_plain_rounds_end(entities, off):
    """A large account's, of which most rounds see a part, nearly."""
    evidence = [
        Evidence(size, round(size * exp(0.4 + 0.7 * norm.ppf(u))), 0.05)
        for i in range(entities)
        for size, u in [(3.0 + i * 7 % 90, ((i * 61) % entities + 0.5) / entities)]
    ]
    patient = STARTING_PRIOR
    for _ in range(30):
        patient = one_plain_round(evidence, patient)
    assert fit_prior(evidence) == pytest.approx(patient, abs=off)


def one_plain_round(evidence: list[Evidence], prior: Prior) -> Prior:
    """Expectation-maximisation as it is written down, each mode found anew."""
    count = len(evidence)
    found = [posterior_of(entity, prior) for entity in evidence]
    members = sum(one.gamma for one in found)
    mu = (sum(one.gamma * one.x for one in found) + log(1.5)) / (members + 1.0)
    scatter = sum(one.gamma * ((one.x - mu) ** 2 + one.s**2) for one in found)
    return Prior(
        mu,
        sqrt((scatter + 8.0 * 0.36) / (members + 8.0)),
        (count - members + 20.0 * 0.06) / (count + 20.0),
    )
