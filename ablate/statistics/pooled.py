"""Gains pooled over models, where models of one lineage count once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from ablate.statistics.arrays import Floats
from ablate.statistics.compare import Comparison, contrast


def over_lineages(values: Floats, lineages: Sequence[str]) -> Floats:
    """The mean over the models of each lineage, in the order in which lineages first appear.

    Args:
        values: float64 [..., models]. lineages: that of each model.

    Returns:
        float64 [..., lineages].
    """
    names = list(dict.fromkeys(lineages))
    members = [[place for place, one in enumerate(lineages) if one == name] for name in names]
    return np.stack([values[..., places].mean(axis=-1) for places in members], axis=-1)


def pooled_gain(gains: Floats, boots: Floats, lineages: Sequence[str]) -> Comparison:
    """The mean over lineages of the mean over the models of each, with its percentile interval.

    The models are taken as given: the interval is over pairs of the tasks, and says nothing of other models.

    Args:
        gains: float64 [models]. boots: float64 [draws, models], the gains on joint bootstrap draws: each row is of the
            same pairs for every model. NaN where a draw has no score.
        lineages: that of each model.

    Raises:
        Undefined: half of the draws or more lack the score of some model.
    """
    return contrast(float(over_lineages(gains, lineages).mean()), over_lineages(boots, lineages).mean(axis=1))


def held(lineages: Sequence[str], holds: Sequence[bool]) -> tuple[int, int, int]:
    """On how many models something holds; on every model of how many lineages; and on some but not all of how many.

    Args:
        lineages: that of each model. holds: of each model, whether it does.
    """
    of_lineage = Counter(lineages)
    with_it = Counter(name for name, one in zip(lineages, holds, strict=True) if one)
    every = sum(with_it[name] == count for name, count in of_lineage.items())
    return sum(holds), every, len(with_it) - every
