"""Scores on random halves of the items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ablate.statistics.arrays import Floats, Values
from ablate.statistics.resample import Judged


def on_halves(
    tasks: Mapping[str, Judged],
    values: Mapping[str, Mapping[str, Values]],
    keys: Sequence[str],
    splits: int,
    rng: np.random.Generator,
) -> dict[str, tuple[Floats, Floats]]:
    """Splits the items at random, identical ones of all tasks always together, and scores both halves.

    Args:
        values: task -> key -> float32 [items of the task's panel].
        keys: what to score.

    Returns:
        For each task the scores on either half, float64 [splits, keys] each; NaN where a half has no score.
    """
    _, clusters = np.unique(np.concatenate([one.panel.cluster for one in tasks.values()]), return_inverse=True)
    ends = np.cumsum([len(one.panel) for one in tasks.values()])
    count = int(clusters.max()) + 1
    first = rng.random((splits, count)).argsort(1) < count // 2
    found = {}
    for (task, one), members in zip(tasks.items(), np.split(clusters, ends[:-1]), strict=True):
        both = np.concatenate([first[:, members], ~first[:, members]]).astype(np.float64)
        score = one.statistic.resampler(one.panel.gold, both)
        scores = np.stack([score(values[task][key]) for key in keys], axis=1)
        found[task] = scores[:splits], scores[splits:]
    return found
