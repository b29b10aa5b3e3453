"""The smallest gain that a single test would show, from the values of dense and of one other model."""

from __future__ import annotations

from dataclasses import dataclass

from ablate.statistics.arrays import Values
from ablate.statistics.compare import contrast
from ablate.statistics.power import smallest_gain
from ablate.statistics.resample import Joint, Judged

_TASK, _DENSE, _OTHER = "task", "dense", "other"


@dataclass(frozen=True)
class OneTest:
    """A test without correction and without matched draws.

    se: the paired standard error of the difference of both scores. gain: the true gain that is shown in 80 % of samples
    of items, in the unit of the score; None if none is.
    """

    se: float
    gain: float | None


def one_test(judged: Judged, dense: Values, other: Values, draws: int, seed: int, level: float) -> OneTest:
    """Measures how far two scores on the same items vary together, by the bootstrap over clusters.

    Args:
        dense, other: float32 [items of the panel]. Higher scores are better.
        draws: of the bootstrap, and of the permutation test that is foreseen. seed: theirs.
        level: of the two-sided test.

    Raises:
        Undefined: half of the bootstrap draws or more have no score.
    """
    scores = Joint({_TASK: judged}, draws, seed).bootstrap({_TASK: {_DENSE: dense, _OTHER: other}})[_TASK]
    boots = scores[_OTHER] - scores[_DENSE]
    statistic, gold = judged.statistic, judged.panel.gold
    found = contrast(statistic.value(other, gold) - statistic.value(dense, gold), boots)
    return OneTest(found.se, smallest_gain(boots, found.se, draws, level))
