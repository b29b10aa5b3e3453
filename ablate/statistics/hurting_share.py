"""What share of the units truly hurt? An estimate from noisy gains, not a count of significant ones.

A count of rejections says as much about the power of the test as about the units. Instead, the gain from removing unit
i, d_i with standard error s_i, is taken as d_i | θ_i ~ N(θ_i, s_i²) and θ_i ~ N(μ, τ²), with μ and τ by maximum
likelihood: the normal-normal empirical Bayes of Efron and Morris (1975). The share is the mean over units of
P(θ_i > 0 | d_i).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from ablate.statistics.arrays import Floats

_STEPS = np.concatenate([[0.0], np.geomspace(0.01, 3.0, 400)])
"""Where τ is looked for, in standard deviations of the gains: to 1.5 %."""


@dataclass(frozen=True)
class Share:
    """value: the share of units that truly hurt, in [0, 1]; low, high: its 95 % bootstrap interval over units and
        pairs.

    mean, sd: μ and τ, in the unit of the gains. With sd 0 noise alone explains how the units differ, and the share is 0
        or 1 by the sign of μ: then only the interval says whether that means anything.
    """

    value: float
    low: float
    high: float
    mean: float
    sd: float


def share(gains: Floats, errors: Floats, shifts: Floats, rng: np.random.Generator) -> Share:
    """The share of units whose true gain from removal is above 0.

    All gains are taken on the same pairs, so their errors have a part in common, which no draw of units shows. Each
    draw of the interval therefore takes units with replacement, fits anew, and moves all gains by what a bootstrap draw
    of the pairs moves them by together.

    Args:
        gains: [units], how much better the model is without each; at least 2 units.
        errors: [units], their standard errors, at least 0.
        shifts: [draws], how far the mean gain over the units lies from its own in each bootstrap draw of the pairs.

    Raises:
        ValueError: fewer than 2 units, no draws, or a number that is not finite.
    """
    if len(gains) < 2 or not len(shifts) or not all(np.isfinite(given).all() for given in (gains, errors, shifts)):
        raise ValueError("gains, errors and shifts must be finite, of at least 2 units and 1 draw")
    units, draws = len(gains), len(shifts)
    drawn = rng.multinomial(units, np.full(units, 1 / units), draws)
    counts = np.concatenate([np.ones((1, units)), drawn])
    means, sds = _fit(gains, errors, counts)
    by = np.concatenate([[0.0], shifts])[:, None]
    shares = (counts * above_zero(gains + by, errors, means[:, None] + by, sds[:, None])).sum(1) / units
    low, high = np.quantile(shares[1:], [0.025, 0.975])
    return Share(float(shares[0]), float(low), float(high), float(means[0]), float(sds[0]))


def above_zero(gains: Floats, errors: Floats, mean: Floats | float, sd: Floats | float) -> Floats:
    """P(θ_i > 0 | d_i) of each unit under θ ~ N(mean, sd²). Broadcasts; a unit without any doubt has 0 or 1."""
    noise, prior = np.square(errors), np.square(sd)
    total = noise + prior
    weight = np.divide(prior, total, out=np.ones(np.broadcast(total, gains).shape), where=total > 0)
    center = weight * gains + (1 - weight) * mean
    spread = np.sqrt(weight * noise)
    certain = np.where(center > 0, np.inf, -np.inf)
    return np.asarray(norm.cdf(np.divide(center, spread, out=certain, where=spread > 0)), np.float64)


def _fit(gains: Floats, errors: Floats, counts: Floats) -> tuple[Floats, Floats]:
    """μ and τ of highest likelihood, [draws] each, where unit i counts ``counts[d, i]`` times in draw d."""
    scale = float(np.std(gains))
    if scale == 0:
        return np.full(len(counts), gains[0]), np.zeros(len(counts))
    steps = _STEPS if (errors > 0).all() else _STEPS[1:]
    weights = 1 / (np.square(scale * steps)[:, None] + np.square(errors))
    total = counts @ weights.T
    means = counts @ (weights * gains).T / total
    # Twice the log-likelihood with μ at its best for each τ, up to a constant.
    likelihood = counts @ (np.log(weights) - weights * np.square(gains)).T + total * np.square(means)
    best = likelihood.argmax(1)
    rows = np.arange(len(counts))
    return means[rows, best], scale * steps[best]
