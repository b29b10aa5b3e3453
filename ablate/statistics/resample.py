"""Joint draws over the tasks of a stage: bootstrap counts and permutation swaps of whole clusters.

Items with the same key are one cluster, also across tasks, since their values move together: most pairs of STS-B are
in STS12 to STS16 too. A bootstrap draw takes, from each stratum (a subset of a task), as many clusters as the stratum
has, with replacement (Efron and Tibshirani 1993, chapter 8). A cluster belongs to the stratum of its first item. Every
cell sees the same draws, so that every comparison is paired.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ablate.statistics.arrays import Floats, Values
from ablate.statistics.compare import studentized
from ablate.statistics.metric import Statistic
from ablate.statistics.panel import Panel

CHUNK = 100
"""Draws in memory at a time. Another number would change which draws a seed gives."""


@dataclass(frozen=True)
class Judged:
    """A task as it is judged: the items that decide, and how a score is computed from their values.

    family: its family of sets; empty if it is a family of its own.
    """

    panel: Panel
    statistic: Statistic
    family: str = ""


@dataclass(frozen=True)
class Swapped:
    """Differences of scores after random swaps, float64 [draws], and ``observed``, the one without any.

    studentized: whether each stands divided by its own standard error, as it does where every statistic says what
    each item adds to it.
    """

    observed: float
    differences: Floats
    studentized: bool


class _ByCluster(NamedTuple):
    """The clusters of one task, the order that brings the items of each together, and where each begins in it."""

    clusters: NDArray[np.intp]
    order: NDArray[np.intp]
    starts: NDArray[np.intp]

    @classmethod
    def of(cls, members: NDArray[np.intp]) -> _ByCluster:
        order = np.argsort(members, kind="stable")
        clusters, starts = np.unique(members[order], return_index=True)
        return cls(clusters, order, starts)

    def sums(self, items: Floats) -> Floats:
        """From [draws, items] to [draws, clusters]."""
        ordered = np.take(items, self.order, axis=1)
        if len(self.starts) == len(self.order):
            return ordered
        return np.asarray(np.add.reduceat(ordered, self.starts, axis=1), np.float64)


class _Making(NamedTuple):
    """Differences and their standard errors in the making, [1 + draws]."""

    differences: Floats
    errors: Floats

    @classmethod
    def of(cls, draws: int) -> _Making:
        return cls(np.zeros(1 + draws), np.zeros(1 + draws))

    def put(self, part: slice, differences: Floats, by_cluster: Floats) -> None:
        self.differences[part] = differences
        self.errors[part] = np.sqrt(np.einsum("dc,dc->d", by_cluster, by_cluster))

    def swapped(self) -> Swapped:
        # A draw without a score has no standard error either.
        scored = ~np.isnan(self.differences)
        known = not np.isnan(self.errors[scored]).any()
        values = studentized(self.differences, self.errors) if known else self.differences
        return Swapped(float(values[0]), values[1:], known)


@dataclass(frozen=True)
class Joint:
    """Tasks that are judged together.

    tasks: by name.
    draws, seed: the number of draws, and their seed.
    advance: called after each :data:`CHUNK` of draws, by :meth:`bootstrap` and :meth:`permute`.
    """

    tasks: Mapping[str, Judged]
    draws: int
    seed: int
    advance: Callable[[], None] = lambda: None

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
    ) -> dict[str, dict[str, Swapped]]:
        """What random swaps make of differences of scores: name -> task -> the mean over the pairs given; and under
        the name ``""`` of a task, the mean over the tasks.

        Args:
            pairs: any name -> task -> the values of both models; one pair for each seed.
        """
        found = {name: {task: _Making.of(self.draws) for task in (*of, "")} for name, of in pairs.items()}
        for part, swaps in self._swaps(np.random.default_rng([self.seed, 1])):
            for name, of in pairs.items():
                mean, of_clusters = np.zeros(len(swaps)), np.zeros(swaps.shape)
                for task, both in of.items():
                    difference, by_cluster = self._exchanged(task, both, swaps)
                    found[name][task].put(part, difference, by_cluster)
                    mean += difference / len(of)
                    of_clusters[:, self._by_cluster[task].clusters] += by_cluster / len(of)
                found[name][""].put(part, mean, of_clusters)
        return {name: {task: made.swapped() for task, made in of.items()} for name, of in found.items()}

    def _exchanged(
        self, task: str, pairs: Sequence[tuple[Values, Values]], swaps: NDArray[np.bool_]
    ) -> tuple[Floats, Floats]:
        """The mean difference after each swap, [draws], and what each of the task's clusters adds to it, [draws,
        clusters]; NaN where the statistic does not say."""
        judged, members = self.tasks[task], self._members[task]
        own = np.take(swaps, members, axis=1)
        each = [judged.statistic.exchanged_by_item(a, b, judged.panel.gold, own) for a, b in pairs]
        difference = np.asarray(np.mean([one for one, _ in each], axis=0), np.float64)
        influences = [np.full(own.shape, np.nan) if one is None else one for _, one in each]
        by_cluster = self._by_cluster[task].sums(sum(influences[1:], influences[0]))
        by_cluster /= len(each) * len(members)
        return difference, by_cluster

    @cached_property
    def _by_cluster(self) -> dict[str, _ByCluster]:
        return {task: _ByCluster.of(members) for task, members in self._members.items()}

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
        """First none at all, then those of each draw."""
        yield slice(0, 1), np.zeros((1, len(self._clusters[1])), bool)
        for part, size in self._parts():
            yield slice(part.start + 1, part.stop + 1), rng.random((size, len(self._clusters[1]))) < 0.5

    def _parts(self) -> Iterator[tuple[slice, int]]:
        for start in range(0, self.draws, CHUNK):
            size = min(CHUNK, self.draws - start)
            yield slice(start, start + size), size
            self.advance()
