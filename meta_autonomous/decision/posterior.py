"""What is known of one entity's true ROAS: a posterior, and the prior that its siblings teach.

The model, on x = log ROAS. An entity whose orders are worth A each and whose exposure is E
expects ``e * exp(x)`` orders, with ``e = E / A`` the orders that a ROAS of one would bring. The
orders are negative binomial around that: their variance exceeds Poisson's by the relative
variance ``noise`` (order value, days, drift). The prior on x is a mixture: most entities stem
from a normal around the account's centre, a few are *duds* from a wide normal far below it.
Without the second component a good account's few bad entities would be shrunk into its good
ones, and never be stopped.

Each component's posterior is approximated by a normal at its mode (Laplace). Both log posteriors
are strictly concave, so the modes exist, are unique, and Newton's method finds them from anywhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import erfc, exp, log, log1p, sqrt
from typing import NamedTuple

#: How the duds differ from the rest: their centre below the account's, and their spread.
DUD_SHIFT = 1.2
DUD_SPREAD = 1.0

_EM_ROUNDS = 30
#: A prior for 2,000 entities is as good as one for all of them, and its cost stays bounded.
MOST_ENTITIES_FOR_PRIOR = 2000

#: The hyper-prior, as pseudo-entities added to what the account itself shows.
_CENTRE, _CENTRE_WEIGHT = log(1.5), 1.0
_SPREAD, _SPREAD_WEIGHT = 0.6, 8.0
_DUDS, _DUDS_WEIGHT = 0.06, 20.0

_LONGEST_STEP = 1.5
_MOST_STEPS = 60  # safety net only: three to eight are taken
_CONVERGED = 1e-5  # the step after this one would be about its square
_LARGEST_EXPONENT = 700.0  # exp() overflows just above
_SQRT2 = sqrt(2.0)

_Z95 = 1.6448536269514722  # 95 % point of the standard normal
_QUANTILE_TOLERANCE = 1e-10  # on log ROAS


class Evidence(NamedTuple):
    """What one entity's window says, before any prior."""

    orders_at_one: float  # e: orders that a true ROAS of 1.0 would have brought; > 0, or 0 if idle
    orders: int  # n: orders seen
    noise: float  # om: relative variance of the orders beyond Poisson's; > 0


class Prior(NamedTuple):
    """One account's and level's distribution of log ROAS."""

    mu: float  # centre of the main component
    tau: float  # its standard deviation
    pi: float  # share of duds


STARTING_PRIOR = Prior(_CENTRE, _SPREAD, _DUDS)


@dataclass(frozen=True, slots=True)
class Posterior:
    """What is known of one entity's true ROAS: two normals on its logarithm, and their weights."""

    gamma: float  # probability that the entity belongs to the main component
    x: float  # log ROAS if it does: mode ...
    s: float  # ... and standard deviation
    x_dud: float  # log ROAS if it is a dud
    s_dud: float

    def prob_below(self, threshold: float) -> float:
        """P(ROAS < threshold); 0.0 at and under zero, since a ROAS is positive."""
        if threshold <= 0.0:
            return 0.0
        point = log(threshold)
        return self.gamma * _below((point - self.x) / self.s) + (1.0 - self.gamma) * _below(
            (point - self.x_dud) / self.s_dud
        )

    def prob_at_least(self, threshold: float) -> float:
        """P(ROAS >= threshold): from the upper tail itself, so that it is exact when tiny."""
        if threshold <= 0.0:
            return 1.0
        point = log(threshold)
        return self.gamma * _below((self.x - point) / self.s) + (1.0 - self.gamma) * _below(
            (self.x_dud - point) / self.s_dud
        )

    def expected(self) -> float:
        """Posterior mean of the ROAS itself (not of its logarithm)."""
        return self.gamma * _exp(self.x + self.s * self.s / 2.0) + (1.0 - self.gamma) * _exp(
            self.x_dud + self.s_dud * self.s_dud / 2.0
        )

    def interval(self) -> tuple[float, float]:
        """The 5 % and 95 % points of the ROAS, which hold it with 90 % probability."""
        return _exp(self._log_quantile(0.05, -_Z95)), _exp(self._log_quantile(0.95, _Z95))

    def _log_quantile(self, probability: float, z: float) -> float:
        """The log ROAS under which `probability` lies, by bisection: a mixture has no inverse.

        `z` is the same point of the standard normal; the mixture's lies between its components'.
        """
        ends = (self.x + z * self.s, self.x_dud + z * self.s_dud)
        low, high = min(ends), max(ends)
        while high - low > _QUANTILE_TOLERANCE:
            middle = (low + high) / 2.0
            reached = self.gamma * _below((middle - self.x) / self.s) + (
                1.0 - self.gamma
            ) * _below((middle - self.x_dud) / self.s_dud)
            if reached < probability:
                low = middle
            else:
                high = middle
        return (low + high) / 2.0


def prob_ratio_at_least(best: Posterior, worst: Posterior, ratio: float) -> float:
    """P(ROAS of `best` >= `ratio` x ROAS of `worst`), the two being independent.

    The difference of two normals on log ROAS is normal: one term per pair of components.
    """
    if ratio <= 0.0:
        return 1.0
    margin = log(ratio)
    return sum(
        weight_best
        * weight_worst
        * _below((x_best - x_worst - margin) / sqrt(s_best * s_best + s_worst * s_worst))
        for weight_best, x_best, s_best in _components(best)
        for weight_worst, x_worst, s_worst in _components(worst)
    )


def posterior_of(evidence: Evidence, prior: Prior) -> Posterior:
    """The posterior of one entity; the prior itself when it had no exposure."""
    mu, tau, pi = prior
    if evidence.orders_at_one <= 0.0:
        # Orders without exposure (a late refund's sibling, an organic order booked to a paused
        # ad) say nothing on what its spend brings, and would pull x to infinity.
        return Posterior(1.0 - pi, mu, tau, mu - DUD_SHIFT, DUD_SPREAD)
    x, s, main = _mode(evidence, mu, tau, mu)
    x_dud, s_dud, dud = _mode(evidence, mu - DUD_SHIFT, DUD_SPREAD, x)
    return Posterior(_membership(pi, main, dud), x, s, x_dud, s_dud)


def fit_prior(evidence: Sequence[Evidence]) -> Prior:
    """The prior that a level's entities share: 30 rounds of expectation-maximisation.

    Entities without exposure must be left out: they return the prior that they were given, and
    an account full of them would stop halfway to its own. The order of `evidence` decides the
    subsample, so give it sorted by entity id. Without evidence the starting prior comes back.
    """
    sample = _spread_over(evidence, MOST_ENTITIES_FOR_PRIOR)
    count = len(sample)
    mu, tau, pi = STARTING_PRIOR
    modes = [mu] * count  # a round begins where the last one ended: one or two steps each
    dud_modes = [mu - DUD_SHIFT] * count
    for _ in range(_EM_ROUNDS):
        members = members_x = 0.0
        weights: list[float] = []
        spreads: list[float] = []
        for i, entity in enumerate(sample):
            x, s, main = _mode(entity, mu, tau, modes[i])
            dud_modes[i], _, dud = _mode(entity, mu - DUD_SHIFT, DUD_SPREAD, dud_modes[i])
            modes[i] = x
            gamma = _membership(pi, main, dud)
            weights.append(gamma)
            spreads.append(s)
            members += gamma
            members_x += gamma * x
        mu = (members_x + _CENTRE_WEIGHT * _CENTRE) / (members + _CENTRE_WEIGHT)
        scatter = sum(
            gamma * ((x - mu) * (x - mu) + s * s)
            for gamma, x, s in zip(weights, modes, spreads, strict=True)
        )
        tau = sqrt(
            (scatter + _SPREAD_WEIGHT * _SPREAD * _SPREAD) / (members + _SPREAD_WEIGHT),
        )
        pi = (count - members + _DUDS_WEIGHT * _DUDS) / (count + _DUDS_WEIGHT)
    return Prior(mu, tau, pi)


def _mode(
    evidence: Evidence, centre: float, spread: float, start: float
) -> tuple[float, float, float]:
    """Mode and standard deviation of log ROAS under one normal prior, and the log evidence for it.

    Maximises ``n x - (n + 1/om) log(1 + om e exp x) - (x - centre)^2 / (2 spread^2)``. The log
    evidence (Laplace) leaves out what both components have in common.
    """
    e, n, noise = evidence
    weight = n + 1.0 / noise
    scale = noise * e
    precision = 1.0 / (spread * spread)
    x = start
    for _ in range(_MOST_STEPS):
        m = scale * exp(x)
        share = m / (1.0 + m)
        step = (n - weight * share - (x - centre) * precision) / (
            weight * share / (1.0 + m) + precision
        )
        # Far from the mode the curve is nearly straight, and a full step would leave for nowhere.
        if step > _LONGEST_STEP:
            x += _LONGEST_STEP
        elif step < -_LONGEST_STEP:
            x -= _LONGEST_STEP
        else:
            x += step
            if -_CONVERGED < step < _CONVERGED:
                break
    m = scale * exp(x)
    variance = 1.0 / (weight * m / ((1.0 + m) * (1.0 + m)) + precision)
    off = x - centre
    log_evidence = (
        n * x - weight * log1p(m) - off * off * precision / 2.0 + log(variance * precision) / 2.0
    )
    return x, sqrt(variance), log_evidence


def _membership(pi: float, main: float, dud: float) -> float:
    """The posterior probability of the main component, from both log evidences."""
    return 1.0 / (1.0 + pi / (1.0 - pi) * _exp(dud - main))


def _components(posterior: Posterior) -> tuple[tuple[float, float, float], ...]:
    return (
        (posterior.gamma, posterior.x, posterior.s),
        (1.0 - posterior.gamma, posterior.x_dud, posterior.s_dud),
    )


def _spread_over(evidence: Sequence[Evidence], most: int) -> Sequence[Evidence]:
    """At most `most` of them, evenly spaced.

    Ids grow with time, so equal steps over sorted ids take old and new entities alike; and no
    chance is involved, so that the same account gives the same prior.
    """
    count = len(evidence)
    if count <= most:
        return evidence
    return [evidence[i * count // most] for i in range(most)]


def _below(z: float) -> float:
    """The standard normal distribution function, accurate in both tails."""
    return 0.5 * erfc(-z / _SQRT2)


def _exp(exponent: float) -> float:
    """exp() that saturates (about 1e304) where the real one raises OverflowError."""
    return exp(exponent) if exponent < _LARGEST_EXPONENT else exp(_LARGEST_EXPONENT)
