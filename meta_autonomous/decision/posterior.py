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
from math import erfc, exp, log, sqrt, tanh
from typing import NamedTuple

from meta_autonomous.decision.sampling import evenly_spaced

#: How the duds differ from the rest: their centre below the account's, and their spread.
DUD_SHIFT = 1.2
DUD_SPREAD = 1.0

#: A prior for 2,000 entities is as good as one for all of them, and its cost stays bounded.
MOST_ENTITIES_FOR_PRIOR = 2000
#: The first rounds only lead into the neighbourhood, for which a part is enough.
_ENTITIES_OF_FIRST_ROUNDS = 200
_FIRST_ROUNDS, _LAST_ROUNDS = 26, 4

#: The hyper-prior, as pseudo-entities added to what the account itself shows.
_CENTRE, _CENTRE_WEIGHT = log(1.5), 1.0
_SPREAD, _SPREAD_WEIGHT = 0.6, 8.0
_DUDS, _DUDS_WEIGHT = 0.06, 20.0

_LONGEST_STEP = 1.5
_MOST_STEPS = 60  # safety net only: two are usual
_NEAR = 0.5  # a step from where the curve is known well enough to bend the next one
_CONVERGED = 5e-3  # what such a step leaves undone is about a millionth
_SMALL_STEP = 0.1  # between two rounds of the prior; a longer one is taken to its end
_LARGEST_EXPONENT = 700.0  # exp() overflows just above
_LARGEST = 1e260
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


class Posterior(NamedTuple):
    """What is known of one entity's true ROAS: two normals on its logarithm, and their weights.

    A tuple, because an account may have a hundred thousand.
    """

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
    return posteriors_of([evidence], prior)[0]


def posteriors_of(evidence: Sequence[Evidence], prior: Prior) -> list[Posterior]:
    """Each entity's posterior, in their order; the prior itself where there was no exposure."""
    mu, tau, pi = prior
    # Orders without exposure (a late refund's sibling, an organic order booked to a paused ad)
    # say nothing on what its spend brings, and would pull x to infinity.
    unknown = Posterior(1.0 - pi, mu, tau, mu - DUD_SHIFT, DUD_SPREAD)
    centre = mu - DUD_SHIFT
    spread, dud_spread = tau * tau, DUD_SPREAD * DUD_SPREAD
    facts: list[_Facts] = []
    near: list[float] = []
    near_dud: list[float] = []
    for e, n, noise in evidence:
        if e > 0.0:
            facts.append((n, n + 1.0 / noise, noise * e))
            # What the orders alone say, and how surely: with the prior's share it is near a mode.
            seen = log(min((n + 0.5) / e, _LARGEST))
            doubt = noise + 1.0 / (n + 0.5)
            near.append(mu + (seen - mu) * spread / (spread + doubt))
            near_dud.append(centre + (seen - centre) * dud_spread / (dud_spread + doubt))
    main = _tops(facts, near, mu, tau)
    duds = _tops(facts, near_dud, centre, DUD_SPREAD)
    odds = pi / (1.0 - pi)
    known = iter(
        [
            Posterior(
                1.0 / (1.0 + odds * _exp(dud - height)),
                x,
                sqrt(variance),
                x_dud,
                sqrt(variance_dud),
            )
            for (x, variance, height), (x_dud, variance_dud, dud) in zip(main, duds, strict=True)
        ]
    )
    return [next(known) if entity[0] > 0.0 else unknown for entity in evidence]


def fit_prior(evidence: Sequence[Evidence]) -> Prior:
    """The prior that a level's entities share: 30 rounds of expectation-maximisation.

    Entities without exposure must be left out: they return the prior that they were given, and
    an account full of them would stop halfway to its own. The order of `evidence` decides the
    subsamples, so give it sorted by entity id. Without evidence the starting prior comes back.

    An account of more than 200 entities takes its first 26 rounds with 200 of them, which lead
    near its prior, and the last four with up to 2,000.
    """
    few = evenly_spaced(evidence, _ENTITIES_OF_FIRST_ROUNDS)
    most = evenly_spaced(evidence, MOST_ENTITIES_FOR_PRIOR)
    if len(few) == len(most):
        return _maximised(most, STARTING_PRIOR, _FIRST_ROUNDS + _LAST_ROUNDS)
    near = _maximised(few, STARTING_PRIOR, _FIRST_ROUNDS)
    return _maximised(most, near, _LAST_ROUNDS)


#: An entity's evidence as its likelihood needs it: n, n + 1/om, om e.
_Facts = tuple[int, float, float]
#: Where one component's posterior has its top: log ROAS, its variance, and the logarithm of
#: Laplace's evidence for the component, less what both components have in common.
_Top = tuple[float, float, float]


def _maximised(sample: Sequence[Evidence], prior: Prior, rounds: int) -> Prior:
    """The prior after so many rounds."""
    mu, tau, pi = prior
    facts = [(n, n + 1.0 / noise, noise * e) for e, n, noise in sample]
    main: list[_Top] = [(mu, 0.0, 0.0)] * len(facts)
    duds: list[_Top] = [(mu - DUD_SHIFT, 0.0, 0.0)] * len(facts)
    for _ in range(rounds):
        main = _moved(facts, main, mu, tau)
        duds = _moved(facts, duds, mu - DUD_SHIFT, DUD_SPREAD)
        odds = log(pi / (1.0 - pi))
        gammas = [  # 1 / (1 + exp(…)), which could overflow
            0.5 - 0.5 * tanh((odds + dud - height) / 2.0)
            for (_, _, height), (_, _, dud) in zip(main, duds, strict=True)
        ]
        members = sum(gammas)
        members_x = sum([gamma * x for gamma, (x, _, _) in zip(gammas, main, strict=True)])
        mu = (members_x + _CENTRE_WEIGHT * _CENTRE) / (members + _CENTRE_WEIGHT)
        scatter = 0.0
        for gamma, (x, variance, _) in zip(gammas, main, strict=True):
            off = x - mu
            scatter += gamma * (off * off + variance)
        tau = sqrt((scatter + _SPREAD_WEIGHT * _SPREAD * _SPREAD) / (members + _SPREAD_WEIGHT))
        pi = (len(facts) - members + _DUDS_WEIGHT * _DUDS) / (len(facts) + _DUDS_WEIGHT)
    return Prior(mu, tau, pi)


def _moved(
    sample: Sequence[_Facts], tops: Sequence[_Top], centre: float, spread: float
) -> list[_Top]:
    """Each entity's top after a round of the prior, from where it was before.

    A round moves the prior a little, so that one Newton step takes each top after it. What that
    step misses is of the second order, and the next round makes it good.
    """
    precision = 1.0 / (spread * spread)
    normed = log(precision) / 2.0
    moved: list[_Top] = []
    for facts, (x, _, _) in zip(sample, tops, strict=True):
        n, weight, scale = facts
        m = scale * exp(x)
        whole = 1.0 + m
        share = weight * m / whole
        off = x - centre
        slope = n - share - off * precision
        curve = share / whole + precision
        step = slope / curve
        if -_SMALL_STEP < step < _SMALL_STEP:
            height = n * x - weight * log(whole) - (off * off * precision + log(curve)) / 2.0
            moved.append((x + step, 1.0 / curve, height + slope * step / 2.0 + normed))
        else:
            moved += _tops((facts,), (x,), centre, spread)
    return moved


def _tops(
    sample: Sequence[_Facts],
    starts: Sequence[float],
    centre: float,
    spread: float,
) -> list[_Top]:
    """Each entity's top under one normal prior, by Newton's method from its start.

    Maximises ``n x - (n + 1/om) log(1 + om e exp x) - (x - centre)^2 / (2 spread^2)``. What the
    last step still changes is allowed for by the third derivative.
    """
    precision = 1.0 / (spread * spread)
    normed = log(precision) / 2.0
    tops: list[_Top] = []
    for (n, weight, scale), start in zip(sample, starts, strict=True):
        x = start
        steps = 0
        while True:
            m = scale * exp(x)
            whole = 1.0 + m
            share = weight * m / whole
            bend = share / whole
            off = x - centre
            slope = n - share - off * precision
            curve = bend + precision
            step = slope / curve
            turn = bend * (1.0 - m) / whole
            steps += 1
            if -_CONVERGED < step < _CONVERGED or steps == _MOST_STEPS:
                break
            # Far from the mode the curve is nearly straight, and a full step would leave for
            # nowhere; near it, it bends as the third derivative says.
            if -_NEAR < step < _NEAR:
                x += step / (1.0 + step * turn / (2.0 * curve))
            else:
                x += min(max(step, -_LONGEST_STEP), _LONGEST_STEP)
        height = n * x - weight * log(whole) - (off * off * precision + log(curve)) / 2.0
        tops.append(
            (
                x + step / (1.0 + step * turn / (2.0 * curve)),
                1.0 / (curve + turn * step),
                height + slope * step / 2.0 + normed,
            )
        )
    return tops


def _components(posterior: Posterior) -> tuple[tuple[float, float, float], ...]:
    return (
        (posterior.gamma, posterior.x, posterior.s),
        (1.0 - posterior.gamma, posterior.x_dud, posterior.s_dud),
    )


def _below(z: float) -> float:
    """The standard normal distribution function, accurate in both tails."""
    return 0.5 * erfc(-z / _SQRT2)


def _exp(exponent: float) -> float:
    """exp() that saturates (about 1e304) where the real one raises OverflowError."""
    return exp(exponent) if exponent < _LARGEST_EXPONENT else exp(_LARGEST_EXPONENT)
