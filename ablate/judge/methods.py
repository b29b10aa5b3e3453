"""Compares scorers as methods: mean ranks, Friedman's test and Nemenyi's critical difference.

J. Demšar, Statistical comparisons of classifiers over multiple data sets, JMLR 7 (2006), 1-30. His blocks are data sets
on which each method was trained anew. A scorer makes one mask for all tasks, so that tasks share its luck; here a block
is a model and a calibration seed, for which every scorer makes a mask of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from math import isfinite, sqrt

import numpy as np

from ablate.judge.blocks import FEWEST_METHODS, Block, Columns, Stratum, Withheld, strata
from ablate.judge.effects import Measure
from ablate.record import RunRecord
from ablate.statistics.correction import adjust

LEVEL = 0.05
FEWEST_BLOCKS = 5
"""With three blocks, 0.05 is reached only if all agree on the whole order of three scorers, and with two never."""


@dataclass(frozen=True)
class MethodComparison:
    """The scorers of one granularity at one sparsity, best mean rank first.

    blocks: in each, the methods are ranked against each other. tasks: a gain is a mean over them.
    gains: [blocks][methods], Δ of the method's cell, above 0 = better than dense.
    mean_ranks: 1 = best; equal methods share the mean of their ranks.
    repeated: scorers that are left out, because two of their blocks have the same mask.
    chi_square: Friedman's test that all methods are alike, k - 1 degrees of freedom, corrected for ties.
    p: of this test, corrected over all comparisons of the measure by Holm.
    critical_difference: mean ranks that differ by less are not distinguished (Nemenyi, at :data:`LEVEL`).
    """

    stratum: Stratum
    measure: Measure
    methods: tuple[str, ...]
    blocks: tuple[Block, ...]
    tasks: tuple[str, ...]
    gains: tuple[tuple[float, ...], ...]
    mean_ranks: tuple[float, ...]
    repeated: tuple[str, ...]
    chi_square: float
    p: float
    critical_difference: float

    def alike(self, method: int) -> tuple[str, ...]:
        """Other methods that are not distinguished from this one: all, unless Friedman's test finds a difference."""
        return tuple(
            name
            for other, name in enumerate(self.methods)
            if other != method
            and (self.p > LEVEL or abs(self.mean_ranks[other] - self.mean_ranks[method]) < self.critical_difference)
        )


def compare_methods(*runs: RunRecord) -> list[MethodComparison | Withheld]:
    """Compares the scorers at each granularity and sparsity, by the cells that the confirm tasks judged.

    A method's value in a block is the Δ of its cell (mean over tasks and seeds), on the pairs that decide. A comparison
    is withheld if nothing was confirmed, fewer than three scorers have cells at the same sparsity or masks of their own
    in each block, a value is missing, or there are so few blocks that the test could not tell scorers apart.

    Args:
        runs: of one recipe, with the calibration seed of each.
    """
    found: list[MethodComparison | Withheld] = []
    by_measure: dict[Measure | None, list[Columns]] = {}
    for one in strata(runs):
        if isinstance(one, Withheld):
            found.append(one)
        else:
            by_measure.setdefault(one.measure, []).append(one)
    for family in by_measure.values():
        found += compared(family)
    return found


def compared(family: Sequence[Columns]) -> list[MethodComparison | Withheld]:
    """The comparisons of one measure, their p corrected together (Holm)."""
    found = [_tested(one, len(family)) for one in family]
    made = [one.p for one in found if isinstance(one, MethodComparison)]
    corrected = iter(adjust(made, "holm"))
    return [replace(one, p=next(corrected)) if isinstance(one, MethodComparison) else one for one in found]


def rank(gains: Sequence[Sequence[float]]) -> tuple[float, ...]:
    """The mean rank of each method over the blocks, 1 = the highest gain. Equal gains share the mean of their ranks."""
    from scipy.stats import rankdata

    return tuple(rankdata(-np.asarray(gains, float), axis=1).mean(axis=0).tolist())


def fewest_blocks(methods: int, comparisons: int) -> int:
    """With fewer blocks, Friedman's test cannot reach :data:`LEVEL`, or hardly.

    If all blocks agree on the whole order of k methods, its statistic is N (k - 1), the highest there is. Corrected
    over the comparisons, its p must be at most the level.
    """
    from scipy.stats import chi2

    least = float(chi2.isf(LEVEL / comparisons, methods - 1)) / (methods - 1)
    return max(FEWEST_BLOCKS, int(np.ceil(least)))


@cache  # the quantile takes a tenth of a second
def critical_difference(methods: int, blocks: int) -> float:
    """Nemenyi's critical difference of two mean ranks at :data:`LEVEL` (Demšar 2006, section 3.2.2)."""
    from scipy.stats import studentized_range

    return (
        float(studentized_range.ppf(1 - LEVEL, methods, np.inf)) / sqrt(2) * sqrt(methods * (methods + 1) / 6 / blocks)
    )


def _tested(one: Columns, comparisons: int) -> MethodComparison | Withheld:
    needed = fewest_blocks(len(one.gains), comparisons)
    if len(one.blocks) < needed:
        return Withheld(one.stratum, one.measure, _too_few(len(one.blocks), needed))
    values = tuple(zip(*one.gains.values(), strict=True))
    # The statistic would be 0 / 0.
    if all(len(set(block)) == 1 for block in values):
        return Withheld(one.stratum, one.measure, "all scorers gain the same in every block")
    statistic, p = friedman(one.gains)
    ranks = dict(zip(one.gains, rank(values), strict=True))
    methods = tuple(sorted(one.gains, key=ranks.__getitem__))
    return MethodComparison(
        stratum=one.stratum,
        measure=one.measure,
        methods=methods,
        blocks=one.blocks,
        tasks=one.tasks,
        gains=tuple(zip(*(one.gains[method] for method in methods), strict=True)),
        mean_ranks=tuple(ranks[method] for method in methods),
        repeated=one.repeated,
        chi_square=statistic,
        p=p,
        critical_difference=critical_difference(len(methods), len(one.blocks)),
    )


def friedman(gains: Mapping[str, Sequence[float]]) -> tuple[float, float]:
    """Friedman's χ² and p, not corrected; of at least :data:`FEWEST_METHODS`, which are not alike in every block."""
    from scipy.stats import friedmanchisquare

    assert len(gains) >= FEWEST_METHODS
    statistic, p = map(float, friedmanchisquare(*gains.values()))
    assert isfinite(statistic)
    return statistic, p


def _too_few(blocks: int, needed: int) -> str:
    stand = "1 block stands" if blocks == 1 else f"{blocks} blocks stand"
    return (
        f"{stand} behind each scorer, and a test takes {needed}; a block is a model with a calibration seed, since the"
        " tasks of one share a scorer's mask"
    )
