"""The mean of values that are the same for all items of a set, as of one clustering."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt

import numpy as np
from scipy.stats import norm, t

from ablate.statistics.arrays import Floats, Values
from ablate.statistics.compare import COVERAGE
from ablate.statistics.metric import Mean


class SetMean(Mean):
    """The mean × 100, where so few sets are resampled that a percentile interval of draws is too narrow.

    Draws vary about the mean by the factor that makes their interval that of Student's t: √(k / (k - 1)), since k
    resampled values have their variance with k in the denominator, times the ratio of the quantiles of t with k - 1
    degrees of freedom and of the normal distribution.

    Args:
        sets: k, at least 2.
    """

    def __init__(self, sets: int) -> None:
        super().__init__(scale=100)
        tail = (1 + COVERAGE) / 2
        self._stretch = sqrt(sets / (sets - 1)) * float(t.ppf(tail, sets - 1) / norm.ppf(tail))

    def resampler(self, gold: Floats, counts: Floats) -> Callable[[Values], Floats]:
        plain = super().resampler(gold, counts)

        def scores(values: Values) -> Floats:
            center = 100 * float(values.astype(np.float64).mean()) if len(values) else np.nan
            return np.asarray(center + self._stretch * (plain(values) - center), np.float64)

        return scores
