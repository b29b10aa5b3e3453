"""The share of units that truly hurt, estimated from noisy gains.

A count of significant gains says as much about the power of the test as about the units. The estimate is therefore
the normal-normal empirical Bayes of Efron and Morris (1975). Removing unit i gains d_i, with standard error s_i:
d_i | θ_i ~ N(θ_i, s_i²) and θ_i ~ N(μ, τ²), where μ and τ maximize the likelihood. The share is the mean over units of
P(θ_i > 0 | d_i).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from ablate.statistics.arrays import Floats

_STEPS = np.concatenate([[0.0], np.geomspace(0.01, 3.0, 400)])
"""The grid of τ, in standard deviations of the gains; neighbors differ by 1.5 %."""


@dataclass(frozen=True)
class Share:
    """The share of units that truly hurt.

    value: in [0, 1]. low, high: its 95 % bootstrap interval over units and pairs.
    mean, sd: μ and τ, in the unit of the gains. If sd is 0, noise alone explains how the units differ. The share is
        then 0 or 1, by the sign of μ, and only the interval says whether that means anything.
    """

    value: float
    low: float
    high: float
    mean: float
    sd: float


def share(gains: Floats, errors: Floats, shifts: Floats, rng: np.random.Generator) -> Share:
    """The share of units whose true gain from removal is above 0.

    All gains are measured on the same pairs, so their errors have a common part, which resampling units does not show.
    Each draw of the interval therefore resamples units, fits μ and τ again, and shifts all gains by what one bootstrap
    draw of the pairs shifts their mean by.

    Args:
        gains: float64 [units], how much better the model is without each unit; at least 2 units.
        errors: float64 [units], standard errors of the gains, at least 0.
        shifts: float64 [draws], how far each bootstrap draw of the pairs shifts the mean gain over the units.

    Raises:
        ValueError: fewer than 2 units, no draws, or a number that is not finite.
    """
    if len(gains) < 2 or not len(shifts) or not all(np.isfinite(array).all() for array in (gains, errors, shifts)):
        raise ValueError("gains, errors and shifts must be finite, of at least 2 units and 1 draw")
    units, draws = len(gains), len(shifts)
    # Row 0 is the units as they are; each other row is a bootstrap draw of units, with its shift of the gains.
    drawn = rng.multinomial(units, np.full(units, 1 / units), draws)
    counts = np.concatenate([np.ones((1, units)), drawn])
    means, sds = _fit(gains, errors, counts)
    shift = np.concatenate([[0.0], shifts])[:, None]
    shares = (counts * above_zero(gains + shift, errors, means[:, None] + shift, sds[:, None])).sum(1) / units
    low, high = np.quantile(shares[1:], [0.025, 0.975])
    return Share(float(shares[0]), float(low), float(high), float(means[0]), float(sds[0]))


def above_zero(gains: Floats, errors: Floats, mean: Floats | float, sd: Floats | float) -> Floats:
    """P(θ_i > 0 | d_i) of each unit, for θ_i ~ N(mean, sd²). It is 0 or 1 where the error or sd is 0.

    The arguments are broadcast.
    """
    noise, prior = np.square(errors), np.square(sd)
    total = noise + prior
    weight = np.divide(prior, total, out=np.ones(np.broadcast(total, gains).shape), where=total > 0)
    center = weight * gains + (1 - weight) * mean
    spread = np.sqrt(weight * noise)
    certain = np.where(center > 0, np.inf, -np.inf)
    return np.asarray(norm.cdf(np.divide(center, spread, out=certain, where=spread > 0)), np.float64)


def _fit(gains: Floats, errors: Floats, counts: Floats) -> tuple[Floats, Floats]:
    """The μ and τ that maximize the likelihood, [draws] each; unit i counts ``counts[d, i]`` times in draw d."""
    scale = float(np.std(gains))
    if scale == 0:
        return np.full(len(counts), gains[0]), np.zeros(len(counts))
    # At τ = 0 a unit without error would have infinite weight.
    steps = _STEPS if (errors > 0).all() else _STEPS[1:]
    weights = 1 / (np.square(scale * steps)[:, None] + np.square(errors))
    total = counts @ weights.T
    means = counts @ (weights * gains).T / total
    # Twice the log-likelihood, up to a constant, with the best μ for each τ.
    likelihood = counts @ (np.log(weights) - weights * np.square(gains)).T + total * np.square(means)
    best = likelihood.argmax(1)
    rows = np.arange(len(counts))
    return means[rows, best], scale * steps[best]
