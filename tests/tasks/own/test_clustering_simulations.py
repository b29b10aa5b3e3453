"""Two models that are equally good differ in 5 of 100 tests, whatever they have in common and however k-means ends.

Each text is a class's mean and noise, of which both models share a part. The values are those of the task, and swaps
and resamples are those of the judge. docs/own-data.md has figures.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from ablate.data.clusters import ClusteredSet, in_sets
from ablate.statistics.compare import contrast, permutation_p
from ablate.statistics.resample import Joint, Judged
from ablate.tasks.loaded import Loaded, panel_of
from ablate.tasks.own import own_task

N = 600


def compared(random: np.random.Generator, classes: int, shared: float, sets: int) -> tuple[float, bool]:
    """The p of a difference between two equally good models, and whether its interval has 0."""
    given: dict[str, Any] = {"kind": "clustering", "sets": sets}
    task = own_task("t", given)(**given)
    gold = random.integers(classes, size=N)
    texts = tuple((f"t{i} {random.integers(1 << 40)}",) for i in range(N))
    data = ClusteredSet("t", "dev", "", texts, gold.astype(float), ("",) * N, in_sets(texts, sets, 0))
    common = random.normal(scale=0.6, size=(classes, 16))[gold] + shared * random.normal(size=(N, 16))
    apart = np.sqrt(1 - shared**2)
    a, b = (
        task.measure(data, torch.tensor(common + apart * random.normal(size=(N, 16)), dtype=torch.float32))
        for _ in range(2)
    )
    judged = Judged(panel_of(Loaded(task, data, np.ones(N, bool))), task.statistic())
    joint = Joint({"t": judged}, 400, int(random.integers(1 << 30)))
    swapped = joint.permute({"x": {"t": [(a, b)]}})["x"]["t"]
    assert swapped.studentized
    boots = joint.bootstrap({"t": {"a": a, "b": b}})["t"]
    compared = contrast(100 * float(a.mean(dtype=float) - b.mean(dtype=float)), boots["a"] - boots["b"])
    return permutation_p(swapped.observed, swapped.differences), compared.low <= 0 <= compared.high


def sizes(classes: int, shared: float, sets: int, times: int) -> tuple[float, float]:
    """The share of tests with p of at most 0.05, and the share of intervals that have 0."""
    random = np.random.default_rng([classes, sets, int(100 * shared)])
    found = [compared(random, classes, shared, sets) for _ in range(times)]
    return float(np.mean([p <= 0.05 for p, _ in found])), float(np.mean([covers for _, covers in found]))


@pytest.mark.slow
@pytest.mark.parametrize("sets", [10, 20])
@pytest.mark.parametrize("shared", [0.0, 0.95])
@pytest.mark.parametrize("classes", [4, 10])
def test_size(classes: int, shared: float, sets: int) -> None:
    size, coverage = sizes(classes, shared, sets, 120)
    # Three standard errors of a share of 0.05 in 120.
    assert size <= 0.05 + 0.06
    assert coverage >= 0.95 - 0.06
