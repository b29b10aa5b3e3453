"""Scores on halves of the pairs, against brute force."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from ablate.statistics.halves import on_halves
from ablate.statistics.metric import SPEARMAN
from ablate.statistics.resample import Judged
from tests.statistics.simulated import panel, rng


def test_halves_are_scored_as_brute_force_and_never_part_identical_pairs() -> None:
    random = rng(7)
    clusters = {"a": np.arange(20) % 15, "b": np.arange(12) + 5}
    golds = {task: random.normal(size=len(own)) for task, own in clusters.items()}
    values = {task: {"x": random.normal(size=len(own)).astype(np.float32)} for task, own in clusters.items()}
    tasks = {task: Judged(panel(task, golds[task], clusters[task]), SPEARMAN) for task in clusters}
    found = on_halves(tasks, values, ["x"], 8, rng(8))
    numbers = np.unique(np.concatenate(list(clusters.values())))
    halves = rng(8).random((8, len(numbers))).argsort(1) < len(numbers) // 2
    for split, half in enumerate(halves):
        for task, own in clusters.items():
            inside = half[np.searchsorted(numbers, own)]
            for side, members in enumerate((inside, ~inside)):
                expected = 100 * spearmanr(values[task]["x"][members], golds[task][members]).statistic
                assert found[task][side][split, 0] == pytest.approx(expected)
