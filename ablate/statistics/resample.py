"""Joint draws over the tasks of a stage: bootstrap counts and permutation swaps of whole clusters.

Items with the same key are one cluster, also across tasks, since their values move together: most pairs of STS-B are
in STS12 to STS16 too. A bootstrap draw takes, from each stratum (a subset of a task), as many clusters as the stratum
has, with replacement (Efron and Tibshirani 1993, chapter 8). A cluster belongs to the stratum of its first item. Every
cell sees the same draws, so that every comparison is paired.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ablate.statistics.arrays import Floats, Values
from ablate.statistics.metric import Statistic
from ablate.statistics.panel import Panel

CHUNK = 100
"""Draws in memory at a time. Another number would change which draws a seed gives."""


@dataclass(frozen=True)
class Judged:
    """A task as it is judged: the items that decide, and how a score is computed from their values."""

    panel: Panel
    statistic: Statistic


@dataclass(frozen=True)
class Joint:
    """Tasks that are judged together.

    tasks: by name.
    draws, seed: the number of draws, and their seed.
    """

    tasks: Mapping[str, Judged]
    draws: int
    seed: int

    def bootstrap(self, values: Mapping[str, Mapping[str, Values]]) -> dict[str, dict[str, Floats]]:
        """Scores on every draw: task -> key -> float64 [draws], NaN where a draw has no score.

        Args:
            values: task -> any key -> float32 [items of the task's panel].
        """
        scores = {task: {key: np.empty(self.draws) for key in values[task]} for task in values}
        # The bootstrap and the permutations have separate streams, so that neither depends on how much the other draws.
        for part, counts in self._counts(np.random.default_rng([self.seed, 0])):
            for task, by_key in scores.items():
                judged = self.tasks[task]
                resampler = judged.statistic.resampler(judged.panel.gold, counts[:, self._members[task]])
                for key, drawn in by_key.items():
                    drawn[part] = resampler(values[task][key])
        return scores

    def permute(
        self, pairs: Mapping[str, Mapping[str, Sequence[tuple[Values, Values]]]]
    ) -> dict[str, dict[str, Floats]]:
        """Differences of scores after random swaps: name -> task -> float64 [draws], the mean over the pairs given.

        Args:
            pairs: any name -> task -> the values of both models; one pair for each seed.
        """
        differences = {name: {task: np.zeros(self.draws) for task in by_task} for name, by_task in pairs.items()}
        for part, swaps in self._swaps(np.random.default_rng([self.seed, 1])):
            for task, judged in self.tasks.items():
                task_swaps = swaps[:, self._members[task]]
                gold, exchanged = judged.panel.gold, judged.statistic.exchanged
                for name, by_task in pairs.items():
                    if task in by_task:
                        swapped = [exchanged(a, b, gold, task_swaps) for a, b in by_task[task]]
                        differences[name][task][part] = np.mean(swapped, axis=0)
        return differences

    @cached_property
    def _clusters(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """The cluster of every item of all tasks, task by task, and the position of each cluster's first item."""
        numbers = np.concatenate([judged.panel.cluster for judged in self.tasks.values()])
        _, first, cluster = np.unique(numbers, return_index=True, return_inverse=True)
        return cluster, first

    @cached_property
    def _members(self) -> dict[str, NDArray[np.intp]]:
        """The cluster of every item of each task."""
        ends = np.cumsum([len(judged.panel) for judged in self.tasks.values()])
        return dict(zip(self.tasks, np.split(self._clusters[0], ends[:-1]), strict=True))

    @cached_property
    def _strata(self) -> list[NDArray[np.intp]]:
        """The clusters of each stratum."""
        pairs = [(i, s) for i, judged in enumerate(self.tasks.values()) for s in judged.panel.stratum.tolist()]
        _, stratum = np.unique(np.array(pairs, np.int64).reshape(-1, 2)[self._clusters[1]], axis=0, return_inverse=True)
        return [np.flatnonzero(stratum == number) for number in range(stratum.max(initial=-1) + 1)]

    def _counts(self, rng: np.random.Generator) -> Iterator[tuple[slice, Floats]]:
        for part, size in self._parts():
            counts = np.empty((size, len(self._clusters[1])))
            for clusters in self._strata:
                k = len(clusters)
                # Draw d uses the numbers from k * d on, so that a single bincount counts the clusters of all draws.
                drawn = rng.integers(k, size=(size, k)) + k * np.arange(size)[:, None]
                counts[:, clusters] = np.bincount(drawn.ravel(), minlength=size * k).reshape(size, k)
            yield part, counts

    def _swaps(self, rng: np.random.Generator) -> Iterator[tuple[slice, NDArray[np.bool_]]]:
        for part, size in self._parts():
            yield part, rng.random((size, len(self._clusters[1]))) < 0.5

    def _parts(self) -> Iterator[tuple[slice, int]]:
        for start in range(0, self.draws, CHUNK):
            size = min(CHUNK, self.draws - start)
            yield slice(start, start + size), size
