"""A task: what a masked model is measured on."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ablate.data.items import ItemSet, Source
from ablate.errors import Undefined
from ablate.plugin import Plugin
from ablate.statistics.arrays import Floats, Values
from ablate.statistics.metric import Statistic


class Task(Plugin):
    """A measurement on one split of one data set.

    split: ``train``, ``dev`` or ``test``; only ``test`` counts as held out.
    metric, unit, higher_is_better: what a score is; every row of every table names them.
    range: the lowest and the highest score, in ``unit``, that there can be over all of its items; the contract tests
        hold a task to it. Endless where nothing is stated.
    chooses: whether it has a say in which cells are confirmed, where it is a screen task.
    """

    split: ClassVar[str]
    metric: ClassVar[str]
    unit: ClassVar[str]
    higher_is_better: ClassVar[bool] = True
    range: ClassVar[tuple[float, float]] = (-math.inf, math.inf)
    chooses: ClassVar[bool] = True

    def load(self, source: Source) -> ItemSet:
        """The items that it measures on: those of the source's data set of the task's own name.

        A task with data of its own overrides this.

        Raises:
            DataError: they are absent or malformed.
        """
        return source.load(self.name)

    @abstractmethod
    def measure(self, data: ItemSet, embeddings: Tensor) -> NDArray[np.float32]:
        """One value per item, from which every score and every test is computed.

        An item of several texts has one value: what is resampled is items, and two values of one triplet would count as
        two independent ones.

        Args:
            embeddings: float32 [sentences, dim], of ``data.sentences`` in that order.

        Returns:
            float32 [n], finite.
        """

    @abstractmethod
    def score(self, data: ItemSet, values: NDArray[np.float32], kept: NDArray[np.bool_]) -> float:
        """The score, in :attr:`unit`, over the items that ``kept`` (bool [n]) marks.

        Raises:
            Undefined: the score has no value on these items.
        """

    def statistic(self) -> Statistic:
        """How :meth:`score` comes from values and gold scores: what intervals and tests are computed by.

        By default it calls ``score`` for each of thousands of draws, with blank texts and subsets: a task whose
        score is a rank correlation or a mean gives ``SPEARMAN``, ``MEAN`` or ``LOG_MEAN`` of
        :mod:`ablate.statistics.metric` instead, which are fast.
        """
        return Scored(self)

    @classmethod
    def about(cls) -> dict[str, Any]:
        """The fields that describe a score in a row."""
        return {
            "split": cls.split,
            "metric": cls.metric,
            "unit": cls.unit,
            "higher_is_better": cls.higher_is_better,
        }


@dataclass(frozen=True)
class Scored(Statistic):
    """The slow way for a task that says nothing of its statistic: its ``score`` on every draw.

    The items that it is given have gold scores and values, but no texts and no subsets: they are blank pairs.
    """

    task: Task

    def value(self, values: Values, gold: Floats) -> float:
        n = len(gold)
        data = ItemSet(self.task.name, self.task.split, "", (("", ""),) * n, gold, ("",) * n)
        return self.task.score(data, values, np.ones(n, bool))

    def resampler(self, gold: Floats, counts: Floats) -> Callable[[Values], Floats]:
        picks = [np.repeat(np.arange(len(gold)), row.astype(np.intp)) for row in counts]
        return lambda values: np.array([self._or_nan(values[pick], gold[pick]) for pick in picks])

    def exchanged(self, a: Values, b: Values, gold: Floats, swaps: NDArray[np.bool_]) -> Floats:
        firsts = (self._or_nan(np.where(swap, b, a), gold) for swap in swaps)
        seconds = (self._or_nan(np.where(swap, a, b), gold) for swap in swaps)
        return np.array([first - second for first, second in zip(firsts, seconds, strict=True)])

    def _or_nan(self, values: Values, gold: Floats) -> float:
        try:
            return self.value(values, gold)
        except Undefined:
            return float("nan")
