"""Two models that are equally good differ in 5 of 100 tests, where the score is a mean over items of a bounded value.

That is so of nDCG, MRR and recall of queries, of the accuracy of triplets, and of the share of MTEB's classifiers that
get a text right. Of a query the value is mostly 0 or 1, and of another in between; both models share most of it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from ablate.data.items import ItemSet
from ablate.statistics.compare import contrast, permutation_p
from ablate.statistics.resample import Joint, Judged
from ablate.tasks.loaded import Loaded, panel_of
from ablate.tasks.own import own_task

Values = NDArray[np.float32]


def of_ranks(ranks: NDArray[np.intp]) -> Values:
    """nDCG@10 of queries with one relevant document at these ranks."""
    return np.where(ranks <= 10, 1 / np.log2(ranks + 1), 0).astype(np.float32)


def ndcg(random: np.random.Generator, hardness: NDArray[np.float64]) -> Values:
    return of_ranks(1 + random.geometric(1 / (1 + np.exp(2 * hardness))))


def accuracy(random: np.random.Generator, hardness: NDArray[np.float64]) -> Values:
    return (random.uniform(size=len(hardness)) < 1 / (1 + np.exp(3 * hardness - 2))).astype(np.float32)


def share(random: np.random.Generator, hardness: NDArray[np.float64]) -> Values:
    return (random.binomial(10, 1 / (1 + np.exp(3 * hardness))) / 10).astype(np.float32)


def sizes(value: Callable[..., Values], n: int, times: int) -> tuple[float, float]:
    """The share of tests with p of at most 0.05, and the share of intervals that have 0."""
    random = np.random.default_rng(n)
    task = own_task("t", {"kind": "triplets"})(kind="triplets")
    found = []
    for _ in range(times):
        texts = tuple((f"a{i} {random.integers(1 << 40)}", f"p{i}", f"n{i}") for i in range(n))
        data = ItemSet("t", "dev", "", texts, np.zeros(n), ("",) * n)
        hardness = random.normal(size=n)
        a, b = value(random, hardness), value(random, hardness)
        joint = Joint({"t": Judged(panel_of(Loaded(task, data, np.ones(n, bool))), task.statistic())}, 400, 1)
        swapped = joint.permute({"x": {"t": [(a, b)]}})["x"]["t"]
        boots = joint.bootstrap({"t": {"a": a, "b": b}})["t"]
        interval = contrast(100 * float(a.mean(dtype=float) - b.mean(dtype=float)), boots["a"] - boots["b"])
        found.append((permutation_p(swapped.observed, swapped.differences), interval.low <= 0 <= interval.high))
    return float(np.mean([p <= 0.05 for p, _ in found])), float(np.mean([covers for _, covers in found]))


@pytest.mark.slow
@pytest.mark.parametrize("n", [50, 300])
@pytest.mark.parametrize("value", [ndcg, accuracy, share])
def test_size(value: Callable[..., Values], n: int) -> None:
    size, coverage = sizes(value, n, 600)
    # Three standard errors of a share of 0.05 in 600. Percentile intervals of 50 items cover 93 of 100.
    assert size <= 0.05 + 0.027
    assert coverage >= (0.93 if n == 50 else 0.95) - 0.027


if __name__ == "__main__":
    for kind in (ndcg, accuracy, share):
        found = [figure for n in (50, 100) for figure in sizes(kind, n, 2000)]
        print(f"| {kind.__name__} |", " | ".join(f"{100 * figure:.1f} %" for figure in found), "|")
