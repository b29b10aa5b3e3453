"""The share of units whose true effect is above a size, estimated from noisy effects.

A count of significant effects says as much about the power of the test as about the units. Instead, the true effects
are given a distribution with a point mass at 0 that is unimodal on either side of it (Stephens 2017), fitted to the
effects with their joint errors (:mod:`ablate.statistics.effect_prior`). A share is in the interval if the best
distribution with that share fits nearly as well as the best of all, by the likelihood-ratio test.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from ablate.statistics.arrays import Floats
from ablate.statistics.effect_prior import Mixture, histogram, noise_of, unimodal
from ablate.statistics.true_discoveries import CountAbove

WIDEST = 0.5
"""An interval that is wider than this tells nothing."""

_IN_INTERVAL = 0.98
"""The level at which a share is in the interval.

At 95 %, the interval held in 89 of 100 simulations of one truth: the limit of the test does not allow for weights that
are at 0, nor for units that are only nearly spread as assumed.
"""

_SHAPELESS = 0.8
"""The level where the shape is free; 80 %, because here a miss is what does harm."""

_COARSE = np.concatenate([[0.0, 0.02], np.arange(0.05, 0.96, 0.05), [0.98, 1.0]])
_FINE = 7


@dataclass(frozen=True)
class Share:
    """The share of units with a true effect above a size, in [0, 1].

    value: None where the data cannot tell it; ``reason`` says why, and is None where it is told.
    low, high: its 95 % interval.
    """

    value: float | None
    low: float
    high: float
    reason: str | None


def share_above(effects: Floats, draws: Floats, size: float, count: CountAbove) -> Share:
    """Estimates the share of units whose true effect is above ``size``.

    The fit is to a distribution, of which the units are a sample. So the interval is cut off where the bounds on the
    count of these units exclude a share.

    Args:
        effects: float64 [units], at least 2.
        draws: float64 [draws, units], all effects on each joint bootstrap draw; at least 2 draws.
        size: at least 0.
        count: the bounds on how many of the units have an effect above ``size``.

    Raises:
        ValueError: fewer than 2 units or draws, or a number that is not finite.
    """
    if min(draws.shape) < 2 or not np.isfinite(effects).all() or not np.isfinite(draws).all():
        raise ValueError("effects and draws must be finite, of at least 2 units and 2 draws")
    every = np.ones(len(effects), bool)
    least, most = count.at_least(every) / len(effects), count.at_most(every) / len(effects)
    if least == most:
        return Share(least, least, most, None)
    noise = noise_of(draws)
    best, value, mixture = unimodal(effects, noise, size).best(_drop(_IN_INTERVAL))
    low, high = _interval(mixture, best)
    if low > most or high < least or not _fits(histogram(effects, noise, size), value):
        return Share(None, least, most, "the effects are not spread around 0 as the estimate assumes")
    low, high = max(low, least), min(high, most)
    if high - low > WIDEST:
        return Share(None, low, high, "too few pairs for effects of this size")
    return Share(float(np.clip(value, low, high)), low, high, None)


def _interval(mixture: Mixture, best: float) -> tuple[float, float]:
    shares = _COARSE * mixture.above.max()
    likelihood = mixture.profile(shares)
    best = max(best, float(likelihood.max()))
    inside = np.flatnonzero(likelihood >= best - _drop(_IN_INTERVAL))
    if not len(inside):
        inside = np.array([likelihood.argmax()])

    def end(last: int, beyond: int) -> float:
        """The first share outside, on the way from the last of the grid that is inside to the next."""
        if not 0 <= beyond < len(shares):
            return float(beyond > 0)
        between = np.linspace(shares[last], shares[beyond], _FINE + 2)[1:]
        outside = mixture.profile(between) < best - _drop(_IN_INTERVAL)
        return float(between[outside.argmax()])

    return end(int(inside[0]), int(inside[0]) - 1), end(int(inside[-1]), int(inside[-1]) + 1)


def _fits(shapeless: Mixture, value: float) -> bool:
    """Whether the share is also possible where the distribution may have any shape."""
    best, _, shapeless = shapeless.best(_drop(_SHAPELESS))
    return float(shapeless.profile(np.array([value]))[0]) >= best - _drop(_SHAPELESS)


@cache
def _drop(level: float) -> float:
    """How much lower the log-likelihood of a share that is not excluded is at most."""
    # Imported here: reports of studies need the record, and scipy.stats takes half a second to import.
    from scipy.stats import chi2

    return float(chi2.ppf(level, 1)) / 2
