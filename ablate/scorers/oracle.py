"""Exact removal: the most expensive scorer, and the truth with which the cheap scorers are compared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from math import ceil
from statistics import fmean
from typing import Annotated, ClassVar, Self

import numpy as np
import torch
from pydantic import BeforeValidator, Field, PrivateAttr
from torch import Tensor
from torch.nn.functional import normalize

from ablate.data.items import Role
from ablate.data.texts import Texts
from ablate.errors import PluginError, Undefined
from ablate.events import Event
from ablate.granularities.base import Granularity
from ablate.granularities.replay import divided, encodings, removals
from ablate.models.encode import encode, prepare
from ablate.models.losses import ALIGN, UNIFORM, Loss
from ablate.models.model import Model
from ablate.scorers.base import Scorer, View, Work
from ablate.scorers.examples import Batches
from ablate.scorers.statistics import ScorerStatistic
from ablate.tasks.base import WholeTask
from ablate.tasks.loaded import Loaded

_LOSSES = {loss.name: loss for loss in (ALIGN, UNIFORM)}


def _names(value: object) -> object:
    # Pydantic's strict mode accepts a list from JSON as a tuple, but not one that a validator has returned.
    return (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list) else value


class Oracle(Scorer):
    """Leave-one-out: what the removal of a unit, or of the group that it is in, really costs.

    On a loss, it is how much the mean over the calibration batches rises, which first-order scorers estimate. On tasks,
    it is how much the mean of their scores falls, in their unit; all items of these tasks then count as seen.
    """

    name: ClassVar[str] = "oracle"
    help: ClassVar[str] = "exact leave-one-out of each unit, or of each group of units"
    slow: ClassVar[bool] = True

    on: Annotated[tuple[str, ...], BeforeValidator(_names), Field(min_length=1)] = Field(
        ("sts-dev",), description="align or uniform: the loss; else train or dev tasks, or groups of them"
    )
    group: int = Field(1, ge=1, description="units of a layer that are removed together")
    by: str = Field("magnitude", description="the scorer that ranks the units of a layer before they are grouped")
    _ranker: Scorer | None = PrivateAttr(None)

    @property
    def signed(self) -> bool:
        return True

    @property
    def loss(self) -> Loss | None:
        return _LOSSES.get(self.on[0]) if len(self.on) == 1 else None

    def resolved(self, scorer_of: Callable[[str], Scorer]) -> Self:
        """The oracle with the scorer that ``by`` names as an object; itself if units are not grouped.

        Raises:
            PluginError: there is no such scorer, or it is slow itself.
        """
        if self.group == 1:
            return self
        ranker = scorer_of(self.by)
        if ranker.slow:
            raise PluginError(
                f"scorer 'oracle': by: '{self.by}' is not a cheap scorer; use one such as magnitude or align"
            )
        resolved = self.model_copy()
        # A private attribute, so that it is not part of the identity, and keys stay as they are.
        resolved._ranker = ranker
        return resolved

    @property
    def ranker(self) -> Scorer | None:
        """The scorer that ranks units before they are grouped; None if each unit is a group of its own.

        Raises:
            PluginError: units are grouped, and :meth:`resolved` was not called.
        """
        if self.group > 1 and self._ranker is None:
            raise PluginError(f"scorer 'oracle': by: '{self.by}' is not resolved; call `resolved` first")
        return self._ranker

    @property
    def calibrates(self) -> bool:
        # On tasks, only the ranker may look at the calibration set.
        return self.loss is not None or (self.ranker is not None and self.ranker.calibrates)

    @property
    def batches(self) -> tuple[Batches, ...]:
        return (Batches(self.loss.over),) if self.loss else ()

    def statistics(self) -> tuple[ScorerStatistic, ...]:
        return self.ranker.statistics() if self.ranker else ()

    def tasks(self) -> tuple[str, ...]:
        return () if self.loss else self.on

    def evaluations(self, units: int, layers: int) -> int:
        return 0 if self.loss else self._groups(units, layers)

    def work(self, units: int, layers: int) -> Work | None:
        groups = self._groups(units, layers)
        return Work(groups, encodings(groups, layers)) if groups else None

    def _groups(self, units: int, layers: int) -> int:
        # The last group of a layer may have fewer units.
        return units if self.group == 1 else layers * ceil(units / max(layers, 1) / self.group)

    def score(self, view: View) -> Tensor:
        # The order does not matter if each unit is a group of its own.
        ranking = self.ranker.score(view).cpu() if self.ranker else torch.zeros(len(view.layers))
        groups = group_by_rank(ranking, view.layers.cpu(), view.kept.cpu(), self.group)
        view.watch(Event("fit", f"removals of {view.granularity.name}, {', '.join(self.on)}", len(groups)))
        effects = self._of_loss(view, groups, self.loss) if self.loss else self._of_tasks(view, groups)
        contributions = torch.zeros(len(view.layers))
        for units, effect in zip(groups, effects, strict=True):
            contributions[units] = effect
        return contributions

    def _of_loss(self, view: View, groups: Sequence[Tensor], loss: Loss) -> list[float]:
        assert view.calibration is not None
        sentences, batches = _distinct([batch.sentences for batch in view.calibration.batches(loss.over)])
        return _rises(view, groups, _Texts(sentences), _MeanLoss(loss, batches))

    def _of_tasks(self, view: View, groups: Sequence[Tensor]) -> list[float]:
        tasks = tuple(view.tasks.values())
        texts = Texts.of((task.data for task in tasks), bool(view.model.readers))
        rows = [texts.rows(task.data) for task in tasks]
        return _rises(view, groups, _Texts(texts.sentences, texts.roles), _MeanCost(tasks, rows))


def _distinct(parts: Iterable[Sequence[str]]) -> tuple[list[str], list[list[int]]]:
    """The distinct sentences of several sequences, and for each sequence the positions of its sentences in them."""
    numbers: dict[str, int] = {}
    rows = [[numbers.setdefault(sentence, len(numbers)) for sentence in part] for part in parts]
    return list(numbers), rows


@dataclass(frozen=True)
class _Texts:
    """What is encoded. roles: one for each sentence, or none."""

    sentences: Sequence[str]
    roles: Sequence[Role | None] = ()


@dataclass(frozen=True)
class _MeanLoss:
    """The mean of a loss over batches. batches: for each, the rows of its sentences."""

    loss: Loss
    batches: Sequence[Sequence[int]]

    def __call__(self, embeddings: Tensor) -> float:
        unit = normalize(embeddings, dim=1)
        return fmean(float(self.loss.of(unit[rows])) for rows in self.batches)


@dataclass(frozen=True)
class _MeanCost:
    """The mean over tasks of their scores, negated where higher is better. rows: of each task's sentences."""

    tasks: Sequence[Loaded]
    rows: Sequence[Sequence[int]]

    def __call__(self, embeddings: Tensor) -> float:
        return fmean(_cost(task, embeddings[rows]) for task, rows in zip(self.tasks, self.rows, strict=True))


def _cost(task: Loaded, embeddings: Tensor) -> float:
    """A task's score, negated where higher is better."""
    try:
        if isinstance(task.task, WholeTask):
            score = task.task.whole(task.data, embeddings)
        else:
            values = task.task.measure(task.data, embeddings)
            score = task.task.score(task.data, values, np.ones(len(values), bool))
    except Undefined as reason:
        raise PluginError(f"scorer 'oracle': {task.name} has no score after a unit is removed: {reason}") from None
    return -score if task.task.higher_is_better else score


@dataclass(frozen=True)
class _Removals:
    """Groups to remove, one after another. cost: of the embeddings of the texts."""

    granularity: Granularity
    groups: Sequence[Tensor]
    texts: _Texts
    cost: Callable[[Tensor], float]


def _rises(view: View, groups: Sequence[Tensor], texts: _Texts, cost: Callable[[Tensor], float]) -> list[float]:
    """How much the cost rises when each group is removed, in their order."""
    if not view.divides:
        of_all = dict[int, float]()
        for number, rise in _each_rise(view.model, _Removals(view.granularity, groups, texts, cost)):
            of_all[number] = rise
            view.watch(Event("step", ""))
        return [of_all[number] for number in range(len(groups))]
    layers = view.layers.cpu()
    chunks = divided([int(layers[group[0]]) for group in groups], True)
    given = [_Removals(view.granularity, [groups[number] for number in of], texts, cost) for of in chunks]

    def done(position: int) -> None:
        for _ in chunks[position]:
            view.watch(Event("step", ""))

    rises = view.map(_rises_of, given, done)
    by_group = {
        number: rise for of, made in zip(chunks, rises, strict=True) for number, rise in zip(of, made, strict=True)
    }
    return [by_group[number] for number in range(len(groups))]


def _rises_of(model: Model, given: _Removals) -> list[float]:
    rises = dict(_each_rise(model, given))
    return [rises[group] for group in range(len(given.groups))]


def _each_rise(model: Model, given: _Removals) -> Iterator[tuple[int, float]]:
    """The number of each group, and how much the cost rises without it."""
    prepared = prepare(model, given.texts.sentences, roles=given.texts.roles)
    before = given.cost(encode(model, prepared))
    with closing(removals(model, prepared, given.granularity, given.groups)) as removed:
        for group, embeddings in removed:
            yield group, given.cost(embeddings) - before


def group_by_rank(ranking: Tensor, layers: Tensor, kept: Tensor, size: int) -> list[Tensor]:
    """Divides the units of each layer into groups of neighbors in the ranking.

    Args:
        ranking: float [units], on the CPU like the others.
        layers: int64 [units].
        kept: bool [units]; units that are False are in no group.
        size: units in a group; the last group of a layer may have fewer.

    Returns:
        The unit numbers of each group, lowest ranked first, layer by layer.
    """
    groups: list[Tensor] = []
    for layer in range(int(layers[-1]) + 1):
        units = (kept & (layers == layer)).nonzero().flatten()
        order = units[ranking[units].argsort(stable=True)]
        groups += [order[start : start + size] for start in range(0, len(order), size)]
    return groups
