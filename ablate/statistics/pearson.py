"""Pearson's correlation of values and gold scores, of many resamples at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.stats import pearsonr

from ablate.errors import Undefined
from ablate.statistics.arrays import Floats, Values
from ablate.statistics.metric import EQUAL_WITHIN, MIN_PAIRS, Statistic


class Pearson(Statistic):
    """Pearson's correlation, × 100.

    A swap exchanges standardized values: the cosines of two models differ in mean and spread, and the correlation of
    each does not depend on these.
    """

    def value(self, values: Values, gold: Floats) -> float:
        if len(gold) < MIN_PAIRS:
            raise Undefined(f"{len(gold)} pairs, fewer than {MIN_PAIRS}")
        for name, constant in (("gold scores", gold), ("similarities", values)):
            if float(np.ptp(constant)) <= EQUAL_WITHIN:
                raise Undefined(f"all {len(gold)} {name} are equal")
        return 100 * float(pearsonr(values.astype(np.float64), gold).statistic)

    def resampler(self, gold: Floats, counts: Floats) -> Callable[[Values], Floats]:
        y = _standardized(gold)
        number, means, squares = counts.sum(1), counts @ y, counts @ y**2

        def scores(values: Values) -> Floats:
            x = _standardized(values)
            sums = counts @ x
            covariance = counts @ (x * y) - sums * means / np.where(number > 0, number, 1)
            spread = (counts @ x**2 * number - sums**2) * (squares * number - means**2)
            # Of equal values rounding leaves a spread that is not 0.
            defined = (number >= MIN_PAIRS) & (spread > 1e-12 * number**4)
            scale = np.sqrt(np.where(defined, spread, np.nan)) / np.where(number > 0, number, 1)
            return np.asarray(100 * covariance / scale, np.float64)

        return scores

    def exchanged(self, a: Values, b: Values, gold: Floats, swaps: NDArray[np.bool_]) -> Floats:
        return self.exchanged_by_item(a, b, gold, swaps)[0]

    def exchanged_by_item(
        self, a: Values, b: Values, gold: Floats, swaps: NDArray[np.bool_]
    ) -> tuple[Floats, Floats | None]:
        one, two, y = (_standardized(each) for each in (a, b, gold))
        found = [_with_influence(np.where(swaps, *each), y) for each in ((two, one), (one, two))]
        influence = 100 * (found[0][1] - found[1][1])
        return 100 * (found[0][0] - found[1][0]), influence - influence.mean(1, keepdims=True)


def _standardized(values: NDArray[np.floating]) -> Floats:
    exact = values.astype(np.float64)
    spread = exact.std() if np.ptp(exact) > 0 else 1.0
    return np.asarray((exact - exact.mean()) / spread, np.float64)


def _with_influence(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """The correlation of each row of x [draws, n] with y [n], and what each item adds to it to first order."""
    centered = x - x.mean(1, keepdims=True)
    spread = np.sqrt((centered**2).mean(1, keepdims=True))
    z = centered / np.where(spread > 1e-9, spread, np.nan)
    correlation = (z * y).mean(1)
    return correlation, z * y - correlation[:, None] / 2 * (z**2 + y**2)


PEARSON = Pearson()
