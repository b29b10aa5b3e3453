"""The base class of tasks. A task measures a masked model on a data set."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ablate.data.items import ItemSet, Source
from ablate.errors import PluginError, Undefined
from ablate.plugin import Plugin
from ablate.statistics.arrays import Floats, Values
from ablate.statistics.metric import Statistic

if TYPE_CHECKING:
    from ablate.models.model import Model


class Task(Plugin):
    """A measurement on one split of one data set.

    split: ``train``, ``dev`` or ``test``; only ``test`` counts as held out.
    metric, unit, higher_is_better: what a score means; every row of every table has them.
    range: the lowest and the highest possible score over all items, in ``unit``; unbounded by default. The contract
        tests check it.
    chooses: whether the task, as a screen task, helps to choose the cells to confirm.
    per_item: whether the value of an item depends on the embeddings of its own texts alone, so that the values on parts
        of the items, put together, are those on all of them. Only such a task can be raced (``evaluate.racing``). The
        contract tests check it.
    family: what tasks have in common whose sentences come from one source, so that a gain on one of them says little
        about other data than a gain on the next; empty if the task is a family of its own.
    """

    split: ClassVar[str]
    metric: ClassVar[str]
    unit: ClassVar[str]
    higher_is_better: ClassVar[bool] = True
    range: ClassVar[tuple[float, float]] = (-math.inf, math.inf)
    chooses: ClassVar[bool] = True
    per_item: ClassVar[bool] = False
    family: ClassVar[str] = ""

    def load(self, source: Source) -> ItemSet:
        """Reads the items to measure on: by default, the source's data set of the same name as the task.

        A task with data of its own overrides this.

        Raises:
            DataError: the items are absent or malformed.
        """
        return source.load(self.name)

    def supports(self, model: Model, data: ItemSet) -> None:
        """Refuses a model on which the score would not be what the task promises; by default none.

        For example, a model may have a prompt for the task that ablate does not give it.

        Raises:
            PluginError: the reason, and what to do.
        """

    @abstractmethod
    def measure(self, data: ItemSet, embeddings: Tensor) -> NDArray[np.float32]:
        """One value per item, from which every score and every test is computed.

        An item of several texts has one value too: items are resampled, and two values of one triplet would count as
        independent.

        Args:
            embeddings: float32 [sentences, dim], in the order of ``data.sentences``.

        Returns:
            float32 [n], finite.
        """

    @abstractmethod
    def score(self, data: ItemSet, values: NDArray[np.float32], kept: NDArray[np.bool_]) -> float:
        """The score, in :attr:`unit`, over the items that ``kept`` (bool [n]) marks.

        Raises:
            Undefined: there is no score on these items.
        """

    def statistic(self) -> Statistic:
        """How :meth:`score` is computed from values and gold scores, for intervals and tests.

        By default this calls ``score`` for each of thousands of draws, with blank texts and subsets. A task whose score
        is a rank correlation or a mean returns ``SPEARMAN``, ``MEAN`` or ``LOG_MEAN`` of
        :mod:`ablate.statistics.metric` instead, which are fast.
        """
        return ResampledScore(self)


class WholeTask(Task):
    """A task that gives all its items together one score, and no item a value.

    It has scores and deltas, and may choose. It has no interval, no test and no verdict.
    """

    @abstractmethod
    def whole(self, data: ItemSet, embeddings: Tensor) -> float:
        """The score, in :attr:`unit`; the arguments are those of :meth:`measure`.

        Raises:
            Undefined: there is no score.
        """

    def measure(self, data: ItemSet, embeddings: Tensor) -> NDArray[np.float32]:  # noqa: ARG002
        raise PluginError(f"task '{self.name}' has no value of each item")

    def score(self, data: ItemSet, values: NDArray[np.float32], kept: NDArray[np.bool_]) -> float:  # noqa: ARG002
        raise PluginError(f"task '{self.name}' has no value of each item")


NO_VALUES = "no value of each item, so that there is no interval, no test and no verdict"
"""Why a :class:`WholeTask` has no evidence."""


@dataclass(frozen=True)
class ResampledScore(Statistic):
    """The statistic of a task that does not define one: it calls the task's ``score`` on every draw, which is slow.

    The items that ``score`` gets have gold scores and values, but no texts and no subsets: they are blank pairs.
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
