"""Average precision of values as a ranking of items labeled 0 or 1, of many resamples at once.

AP = sum over distinct values, from the highest, of (recall there - recall before) × precision there, as scikit-learn
has it: items with equal values are one step. A resample only changes how often each item counts, so that one sort
serves all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from ablate.errors import Undefined
from ablate.statistics.arrays import Floats, Values
from ablate.statistics.metric import Statistic
from ablate.statistics.spearman import Ties, levels

_ELEMENTS = 30_000
"""Of the arrays worked on at a time."""


class AveragePrecision(Statistic):
    """Average precision, × 100. Gold is 1 for items that should rank high, and 0 for others.

    A swap exchanges places within each model's distribution, as for Spearman: cosines of two models are on two scales.
    """

    def value(self, values: Values, gold: Floats) -> float:
        if not len(gold) or float(np.ptp(gold)) == 0:
            raise Undefined(f"all {len(gold)} labels are equal" if len(gold) else "no items")
        return float(self.resampled(values, gold, np.ones((1, len(gold))))[0])

    def resampler(self, gold: Floats, counts: Floats) -> Callable[[Values], Floats]:
        def scores(values: Values) -> Floats:
            ties, found = Ties.of(-values), np.empty(len(counts))
            for part in _parts(*counts.shape):
                found[part] = _steps(ties.sums(counts[part]), ties.sums(counts[part] * gold))[0]
            return 100 * found

        return scores

    def exchanged(self, a: Values, b: Values, gold: Floats, swaps: NDArray[np.bool_]) -> Floats:
        return self.exchanged_by_item(a, b, gold, swaps)[0]

    def exchanged_by_item(
        self, a: Values, b: Values, gold: Floats, swaps: NDArray[np.bool_]
    ) -> tuple[Floats, Floats | None]:
        n = len(gold)
        both, labels = Ties.of(-np.concatenate([levels(a), levels(b)])), np.concatenate([gold, gold])
        tie = np.empty(2 * n, np.intp)
        tie[both.order] = both.members
        differences, influences = np.empty(len(swaps)), np.empty(swaps.shape)
        for part in _parts(len(swaps), 2 * n):
            # Of the values of both models side by side, each draw counts n for a', and the others for b'.
            first = np.concatenate([~swaps[part], swaps[part]], axis=1)
            one, two = (_by_value(both, tie, labels, counts.astype(np.float64)) for counts in (first, ~first))
            differences[part] = one[0] - two[0]
            each = np.where(first, one[1], -two[1])
            influences[part] = each[:, :n] + each[:, n:]
        return 100 * differences, 100 * (influences - influences.mean(1, keepdims=True))


def _steps(total: Floats, positive: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """AP [draws]; and the precision at each tie, and how many items and positives are up to it, [draws, ties]."""
    above, positive_above = np.cumsum(total, axis=1), np.cumsum(positive, axis=1)
    precision = positive_above / np.where(above > 0, above, 1)
    positives, items = positive_above[:, -1], above[:, -1]
    defined = (positives > 0) & (positives < items)
    ap = np.einsum("dt,dt->d", positive, precision) / np.where(defined, positives, np.nan)
    return ap, precision, above, positive_above


def _by_value(ties: Ties, tie: NDArray[np.intp], labels: Floats, counts: Floats) -> tuple[Floats, Floats]:
    """AP [draws], and n × its derivative by each value's count, [draws, values].

    With T and P the items and positives from the top down to a tie, and p the positives of the tie,
    AP = (sum of p P / T) / P_all. A count more adds the precision at its tie, if it is positive, and changes P and T at
    its tie and all below.
    """
    positive = ties.sums(counts * labels)
    ap, precision, above, positive_above = _steps(ties.sums(counts), positive)
    share = positive / np.where(above > 0, above, 1)
    gained, lost = (_below(each)[:, tie] for each in (share, share * precision))
    items, positives = above[:, -1:], positive_above[:, -1:]
    scale = items / np.where(positives > 0, positives, np.nan)
    return ap, scale * (labels * (precision[:, tie] - ap[:, None] + gained) - lost)


def _below(each: Floats) -> Floats:
    """The sum over a tie and all ties below it: [draws, ties]."""
    return np.asarray(np.cumsum(each[:, ::-1], axis=1)[:, ::-1], np.float64)


def _parts(draws: int, n: int) -> Iterator[slice]:
    size = max(1, _ELEMENTS // max(n, 1))
    return (slice(start, start + size) for start in range(0, draws, size))


AVERAGE_PRECISION = AveragePrecision()
