"""Scores values on random halves of the items."""

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
    """Splits the pairs into random halves many times, and scores both halves of each split.

    Identical pairs, also of different tasks, are always in the same half.

    Args:
        values: task -> key -> float32 [pairs of the task's panel].
        keys: the keys of the values to score.

    Returns:
        task -> the scores on the first and on the second half, float64 [splits, keys] each; NaN where a half has no
        score.
    """
    _, clusters = np.unique(np.concatenate([judged.panel.cluster for judged in tasks.values()]), return_inverse=True)
    ends = np.cumsum([len(judged.panel) for judged in tasks.values()])
    count = int(clusters.max()) + 1
    # Each row of the argsort is a random permutation, so the clusters with the lower numbers are a random half.
    first = rng.random((splits, count)).argsort(1) < count // 2
    halves = {}
    for (task, judged), members in zip(tasks.items(), np.split(clusters, ends[:-1]), strict=True):
        # A half is a resample in which each pair counts once or not at all.
        counts = np.concatenate([first[:, members], ~first[:, members]]).astype(np.float64)
        score = judged.statistic.resampler(judged.panel.gold, counts)
        scores = np.stack([score(values[task][key]) for key in keys], axis=1)
        halves[task] = scores[:splits], scores[splits:]
    return halves
