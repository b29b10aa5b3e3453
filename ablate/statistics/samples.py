"""How the mean over sets varies beyond the pairs of these sets: over sets, and over pairs that share sentences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.stats import sem, t

from ablate.errors import Undefined
from ablate.statistics.arrays import Floats
from ablate.statistics.compare import COVERAGE
from ablate.statistics.resample import Judged

FEWEST_SETS = 3
"""Sets without which nothing is said of other sets."""

_SAME = 1e-9
"""Deltas whose standard error is below this count as equal."""


def over_sets(deltas: Floats) -> tuple[float, float]:
    """The 95 % interval of the mean delta, by Student's t, as if the sets were a random sample of sets.

    Args:
        deltas: float64 [k], the delta on each set.

    Raises:
        Undefined: there are fewer than :data:`FEWEST_SETS` sets, or all have the same delta.
    """
    k = len(deltas)
    if k < FEWEST_SETS:
        raise Undefined(f"{k} sets, and an interval over sets needs {FEWEST_SETS}")
    error = float(sem(deltas))
    if error <= _SAME:
        raise Undefined(f"all {k} sets have the same delta")
    low, high = t.interval(COVERAGE, k - 1, float(np.mean(deltas)), error)
    return float(low), float(high)


def by_component(tasks: Mapping[str, Judged]) -> dict[str, Judged]:
    """The tasks with the components of items that share a sentence in place of their clusters.

    Items are connected if they compare a common text, also across tasks, and so are the items that are connected to the
    same item. Resampling clusters then resamples components.

    Raises:
        Undefined: a panel was stored without sentences, or fewer than two components can be resampled.
    """
    sentences = []
    for name, judged in tasks.items():
        if judged.panel.sentences is None:
            raise Undefined(f"the pairs of {name} were stored by an older ablate, without what sentences they share")
        sentences.append(judged.panel.sentences)
    found = components(sentences)
    if len(np.unique(np.concatenate(found))) < 2:
        raise Undefined("all pairs are connected by sentences that they share")
    return {
        name: replace(judged, panel=replace(judged.panel, cluster=own))
        for (name, judged), own in zip(tasks.items(), found, strict=True)
    }


def components(sentences: list[NDArray[np.int64]]) -> list[NDArray[np.int64]]:
    """The number of each item's component, from 0.

    Args:
        sentences: of each task int64 [n, most], the texts of its items.
    """
    _, numbers = np.unique(np.concatenate([of_task.ravel() for of_task in sentences]), return_inverse=True)
    ends = np.cumsum([of_task.size for of_task in sentences])
    rows = [part.reshape(one.shape) for one, part in zip(sentences, np.split(numbers, ends[:-1]), strict=True)]
    # An edge from the first text of each item to each of its texts.
    first = np.concatenate([np.broadcast_to(row[:, :1], row.shape).ravel() for row in rows])
    count = int(numbers.max(initial=-1)) + 1
    edges = coo_array((np.ones(len(first), bool), (first, numbers)), (count, count))
    _, label = connected_components(edges, directed=False)
    return [label[row[:, 0]].astype(np.int64) for row in rows]
