"""Alignment and uniformity (Wang and Isola 2020) as tasks: what a mask does to the geometry of the embeddings."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import normalize

from ablate.data.calibration import POSITIVE_ABOVE
from ablate.data.items import ItemSet, Source
from ablate.errors import DataError
from ablate.models.losses import align_distances
from ablate.statistics.metric import LOG_MEAN, MEAN, Statistic
from ablate.tasks.base import Task

_BLOCK = 1 << 22
"""Distances in memory at a time, whatever the number of sentences: 16 MiB."""


class Geometry(Task):
    """A loss of the embeddings of STS-B, or of the source's own data set. Lower is better.

    It reports and never chooses: a loss is not the goal, and its unit is not that of a rank correlation.
    """

    unit: ClassVar[str] = "loss"
    higher_is_better: ClassVar[bool] = False
    chooses: ClassVar[bool] = False

    def score(self, data: ItemSet, values: NDArray[np.float32], kept: NDArray[np.bool_]) -> float:
        return self.statistic().value(values[kept], data.gold[kept])

    def _benchmark(self, source: Source) -> ItemSet:
        group = source.groups()["sts" if self.split == "test" else f"sts-{self.split}"]
        return replace(source.load("stsb" if "stsb" in group else group[0]), name=self.name, split=self.split)


class AlignTask(Geometry):
    """The mean of ``||f(x) - f(x+)||²`` over the pairs with gold strictly above 4, in [0, 4]."""

    metric: ClassVar[str] = "align loss"
    per_item: ClassVar[bool] = True
    range: ClassVar[tuple[float, float]] = (0, 4)

    def load(self, source: Source) -> ItemSet:
        """The positives.

        Raises:
            DataError: there are no positives, or the data set is absent or malformed.
        """
        benchmark = self._benchmark(source)
        positive = np.flatnonzero(benchmark.gold > POSITIVE_ABOVE)
        if not len(positive):
            raise DataError(f"task '{self.name}': no pair of '{source.label}' has gold above {POSITIVE_ABOVE:g}")
        return replace(
            benchmark,
            texts=tuple(benchmark.texts[i] for i in positive),
            gold=benchmark.gold[positive],
            subsets=tuple(benchmark.subsets[i] for i in positive),
        )

    def measure(self, data: ItemSet, embeddings: Tensor) -> NDArray[np.float32]:
        unit = normalize(embeddings, dim=1)
        left, right = (unit[rows] for rows in data.rows(2))
        distances: NDArray[np.float32] = align_distances(left, right).numpy()
        return distances

    def statistic(self) -> Statistic:
        return MEAN


class UniformTask(Geometry):
    """The log of the mean of ``exp(-2 ||f_i - f_j||²)`` over all pairs of distinct sentences, in [-8, 0].

    For each sentence, h_i is the mean over the other sentences; the mean of h is that over all pairs. The values are
    the jackknife pseudo-values ``2 h_i - mean(h)`` (Arvesen 1969, for U-statistics). Their mean is the same. Their
    spread is twice that of h, as it must be for a mean over *pairs*, where each sentence occurs in two places. So
    resampling sentences gives intervals of the right width, to first order.
    """

    metric: ClassVar[str] = "uniform loss"
    range: ClassVar[tuple[float, float]] = (-8, 0)

    def load(self, source: Source) -> ItemSet:
        """Each distinct sentence.

        Raises:
            DataError: there are fewer than two sentences, or the data set is absent or malformed.
        """
        benchmark = self._benchmark(source)
        sentences = benchmark.sentences
        if len(sentences) < 2:
            raise DataError(
                f"task '{self.name}': '{source.label}' has {len(sentences)} sentences, and the task needs 2"
            )
        n = len(sentences)
        return replace(benchmark, texts=tuple(zip(sentences)), gold=np.full(n, 5.0), subsets=("",) * n)

    def measure(self, data: ItemSet, embeddings: Tensor) -> NDArray[np.float32]:  # noqa: ARG002
        to_others = closeness(normalize(embeddings, dim=1))
        values: NDArray[np.float32] = (2 * to_others - to_others.mean()).float().numpy()
        return values

    def statistic(self) -> Statistic:
        return LOG_MEAN


def closeness(unit: Tensor) -> Tensor:
    """For each sentence, the mean of ``exp(-2 ||f_i - f_j||²)`` over the others, computed in blocks.

    Args:
        unit: L2-normalized, float [n, dim], n at least 2. Embeddings of zeros are at distance 0 from each other.

    Returns:
        float64 [n], each in (0, 1].
    """
    n = len(unit)
    # Not 2 - 2 f_i·f_j, which would be wrong for embeddings of zeros.
    squares = unit.square().sum(1)
    sums = torch.empty(n, dtype=torch.float64)
    rows = max(1, _BLOCK // n)
    for start in range(0, n, rows):
        block = slice(start, start + rows)
        # Rounding can make a squared distance slightly negative.
        squared = (squares[block, None] + squares - 2 * (unit[block] @ unit.T)).clamp_(min=0)
        close = squared.mul_(-2).exp_()
        close.diagonal(start).zero_()
        sums[block] = close.sum(1, dtype=torch.float64)
    return sums / (n - 1)


class AlignDev(AlignTask):
    name: ClassVar[str] = "align-dev"
    split: ClassVar[str] = "dev"
    help: ClassVar[str] = "align loss of the positive pairs, STS Benchmark dev (or the source's own)"


class AlignTest(AlignTask):
    name: ClassVar[str] = "align-test"
    split: ClassVar[str] = "test"
    help: ClassVar[str] = "align loss of the positive pairs, STS Benchmark test (or the source's own)"


class UniformDev(UniformTask):
    name: ClassVar[str] = "uniform-dev"
    split: ClassVar[str] = "dev"
    help: ClassVar[str] = "uniform loss of the distinct sentences, STS Benchmark dev (or the source's own)"


class UniformTest(UniformTask):
    name: ClassVar[str] = "uniform-test"
    split: ClassVar[str] = "test"
    help: ClassVar[str] = "uniform loss of the distinct sentences, STS Benchmark test (or the source's own)"


GEOMETRY_TASKS = (AlignDev, UniformDev, AlignTest, UniformTest)
