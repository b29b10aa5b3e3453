"""A statistic: how a score is computed from values, for one set of items or for many resamples of it at once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from ablate.errors import Undefined
from ablate.statistics.arrays import Floats, Values
from ablate.statistics.spearman import correlate, exchange, levels, weigh

MIN_PAIRS = 3

EQUAL_WITHIN = 1e-6
"""If all values are this close they count as equal: cosines of equal embeddings differ by float32 rounding."""


class Statistic(ABC):
    """Computes scores from values, float32 [n], and gold scores, float64 [n]. A draw without a score is NaN."""

    @abstractmethod
    def value(self, values: Values, gold: Floats) -> float:
        """The score over all the given items.

        Raises:
            Undefined: there is no score on these items.
        """

    @abstractmethod
    def resampler(self, gold: Floats, counts: Floats) -> Callable[[Values], Floats]:
        """A function from values to float64 [draws]: the scores if draw d had item i ``counts[d, i]`` times.

        Args:
            counts: float64 [draws, n], whole numbers.
        """

    @abstractmethod
    def exchanged(self, a: Values, b: Values, gold: Floats, swaps: NDArray[np.bool_]) -> Floats:
        """float64 [draws]: score(a') - score(b') after a and b are swapped where ``swaps`` [draws, n] is True."""

    def exchanged_by_item(
        self, a: Values, b: Values, gold: Floats, swaps: NDArray[np.bool_]
    ) -> tuple[Floats, Floats | None]:
        """:meth:`exchanged`, and to first order what each item adds to each difference, float64 [draws, n].

        The second has mean 0 over the items of a draw, and the variance of the difference is that of its mean. It lets
        the test divide each difference by its own standard error; where it is None, as here, the test cannot.
        """
        return self.exchanged(a, b, gold, swaps), None

    def resampled(self, values: Values, gold: Floats, counts: Floats) -> Floats:
        """float64 [draws]: the scores of one model, by :meth:`resampler`."""
        return self.resampler(gold, counts)(values)


class Spearman(Statistic):
    """Spearman's rank correlation of values and gold scores, × 100.

    A swap exchanges places within each model's distribution (:func:`~ablate.statistics.spearman.levels`), not values:
    removing units shifts the scale of all cosines, and values from two scales would rank apart whatever their items.
    """

    def value(self, values: Values, gold: Floats) -> float:
        if len(gold) < MIN_PAIRS:
            raise Undefined(f"{len(gold)} pairs, fewer than {MIN_PAIRS}")
        for name, constant in (("gold scores", gold), ("similarities", values)):
            if float(np.ptp(constant)) <= EQUAL_WITHIN:
                raise Undefined(f"all {len(gold)} {name} are equal")
        return 100 * float(spearmanr(values, gold).statistic)

    def resampler(self, gold: Floats, counts: Floats) -> Callable[[Values], Floats]:
        weighted = weigh(gold, counts)
        return lambda values: 100 * correlate(values, weighted)

    def exchanged(self, a: Values, b: Values, gold: Floats, swaps: NDArray[np.bool_]) -> Floats:
        return self.exchanged_by_item(a, b, gold, swaps)[0]

    def exchanged_by_item(
        self, a: Values, b: Values, gold: Floats, swaps: NDArray[np.bool_]
    ) -> tuple[Floats, Floats | None]:
        found = exchange(levels(a), levels(b), gold, swaps)
        for one in found:
            one *= 100
        return found


class Mean(Statistic):
    """The plain mean of the values, or its natural logarithm."""

    def __init__(self, log: bool = False, scale: float = 1.0) -> None:
        self._log, self._scale = log, scale

    def value(self, values: Values, gold: Floats) -> float:
        if not len(gold):
            raise Undefined("no items")
        # float64, because a float32 sum of thousands of values depends on their order.
        score = float(self._finish(np.array([values.astype(np.float64).mean()]))[0])
        if np.isnan(score):
            raise Undefined(f"the mean of {len(gold)} values is not positive, and has no logarithm")
        return score

    def resampler(self, gold: Floats, counts: Floats) -> Callable[[Values], Floats]:  # noqa: ARG002
        number = counts.sum(1)
        return lambda values: self._finish(
            np.divide(counts @ values.astype(np.float64), number, out=np.full(len(number), np.nan), where=number > 0)
        )

    def exchanged(self, a: Values, b: Values, gold: Floats, swaps: NDArray[np.bool_]) -> Floats:  # noqa: ARG002
        one, two = self._exchanged_means(a, b, swaps)
        return np.asarray(self._finish(one) - self._finish(two), np.float64)

    def exchanged_by_item(
        self, a: Values, b: Values, gold: Floats, swaps: NDArray[np.bool_]
    ) -> tuple[Floats, Floats | None]:
        means = self._exchanged_means(a, b, swaps)
        # The derivative of the logarithm of a mean is 1 / mean; where that has none, neither has the difference.
        slopes = [1 / np.where(mean > 0, mean, np.nan) if self._log else np.ones(len(mean)) for mean in means]
        one, two = (np.where(swaps, *both).astype(np.float64) for both in ((b, a), (a, b)))
        influence = self._scale * (slopes[0][:, None] * one - slopes[1][:, None] * two)
        return self.exchanged(a, b, gold, swaps), influence - influence.mean(1, keepdims=True)

    def _exchanged_means(self, a: Values, b: Values, swaps: NDArray[np.bool_]) -> tuple[Floats, Floats]:
        first = swaps @ (b.astype(np.float64) - a) / len(a)
        return a.astype(np.float64).mean() + first, b.astype(np.float64).mean() - first

    def _finish(self, means: Floats) -> Floats:
        if self._log:
            means = np.log(means, out=np.full(len(means), np.nan), where=means > 0)
        return np.asarray(self._scale * means, np.float64)


SPEARMAN = Spearman()
MEAN = Mean()
LOG_MEAN = Mean(log=True)
