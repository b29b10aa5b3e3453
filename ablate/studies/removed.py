"""Evaluates the model without each group of units on every task, by exact removal or from the store."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from math import ceil

import numpy as np
import torch
from torch import Tensor

from ablate.coordinator.model_run import ModelRun
from ablate.coordinator.speed import probed
from ablate.coordinator.tokens import task_tokens
from ablate.engine.evaluator import Embeddings, Evaluator
from ablate.errors import AblateError
from ablate.events import Event
from ablate.granularities.base import Granularity
from ablate.granularities.replay import divided, encodings, removals
from ablate.granularities.units import name_of
from ablate.models.device import label
from ablate.models.model import Model
from ablate.models.precision import in_precision
from ablate.models.spec import Precision
from ablate.plan.plan import Step
from ablate.scorers.base import Scorer
from ablate.scorers.oracle import group_by_rank
from ablate.store.keys import mask_hash, result_key, scores_key
from ablate.store.store import Result, Store
from ablate.studies.contributions import contributions
from ablate.tasks.loaded import Loaded

MOST = 2000
"""The most groups of one granularity. With more, exact removal takes days."""

TaskResults = dict[str, Result]
"""Task -> its result."""


@dataclass(frozen=True)
class Groups:
    """Groups of units that are removed together, in the order of their layers.

    layers: the layer of each group.
    units: for each group, the numbers of its units in the granularity, int64.
    """

    granularity: Granularity
    layers: tuple[int, ...]
    units: tuple[Tensor, ...]

    def __len__(self) -> int:
        return len(self.units)

    @property
    def stage(self) -> str:
        """The name of the stage that removes them all, where progress is displayed."""
        return f"{self.granularity.name} groups"

    @property
    def alone(self) -> bool:
        """Whether each unit is a group by itself; the groups are then in the order of the units."""
        return all(len(units) == 1 for units in self.units)

    def name(self, place: int) -> str:
        """``layer 2 head 5`` or ``layer 2 neuron group 7``. Layers are numbered from 0, and so are units in a layer."""
        layer = self.layers[place]
        kind = self.granularity.name if self.alone else f"{self.granularity.name} group"
        return f"layer {layer} {kind} {place - self.layers.index(layer)}"


def groups_of(model_run: ModelRun, granularity: Granularity, count: int | None, by: Scorer) -> Groups:
    """Divides the units of each layer, ranked by a scorer, into groups of neighbors.

    Args:
        count: how many groups the largest layer has. If None, each unit is a group by itself, and nothing is ranked.
        by: the scorer that ranks.

    Raises:
        AblateError: there would be more than :data:`MOST` groups.
    """
    layers = granularity.layers(model_run.model)
    size = 1 if count is None else ceil(int(layers.bincount().max()) / count)
    if len(layers) > MOST * size:
        raise AblateError(
            f"{len(layers):,} {granularity.name} units in groups of {size} are too many to remove one by one; "
            f"set prevalence.groups.{granularity.name} to a number of groups in each layer, such as 48"
        )
    if size == 1:
        return Groups(granularity, tuple(layers.tolist()), tuple(torch.arange(len(layers))[:, None]))
    step = Step(((granularity, 0.0),), by, by.name)
    ((_, ranking),) = contributions(
        model_run.model,
        model_run.calibration,
        [step],
        model_run.store,
        model_run.masks.scores.on_pass,
        model_run.chunks,
    )
    # Contributions without statistics are computed faster than they are read.
    if by.statistics():
        model_run.store.put_scores(scores_key(model_run.model, model_run.calibration, by, granularity), ranking, {})
    units = group_by_rank(torch.from_numpy(ranking), layers, torch.ones(len(layers), dtype=torch.bool), size)
    return Groups(granularity, tuple(int(layers[group[0]]) for group in units), tuple(units))


def forecast(model_run: ModelRun, groups: Iterable[Groups], tasks: Sequence[Loaded]) -> Iterator[Event]:
    """How long the removal of the groups that are not stored may take, at each granularity, by a probe of a second."""
    to_do = []
    for of in groups:
        stored = _stored(model_run.store, _keys(model_run, of, range(len(of)), tasks))
        to_do.append((of, sum(place not in stored for place in range(len(of)))))
    if not any(count for _, count in to_do):
        return
    seconds = probed(model_run, tasks) * task_tokens(model_run, tasks)
    for of, count in to_do:
        if count:
            of_layers = encodings(count, max(of.layers) + 1)
            yield Event("forecast", "", count, part=of.stage, seconds=seconds * of_layers)


def remove(
    model_run: ModelRun, groups: Groups, which: Sequence[int], tasks: Sequence[Loaded], stage: str
) -> tuple[TaskResults, dict[int, TaskResults]]:
    """The results of the dense model, and those of the model without each of the groups ``which``.

    The results of a group are stored under the keys of cells with the same mask: before the next group begins, or with
    those of its chunk, if the executor's workers do chunks.

    Raises:
        AblateError: the store fails. Errors of a plug-in's task are raised as they are.
    """
    store = model_run.store
    keys = _keys(model_run, groups, which, tasks)
    # Group -> results; None stands for the dense model.
    results = _stored(store, keys)
    missing = [place for place in which if place not in results]
    model_run.watch(Event("begin", stage, len(which), part=stage))
    for place in which:
        if place in results:
            model_run.watch(Event("cell", f"group {place}", cached=True))

    def keep(place: int | None, of_place: TaskResults) -> None:
        results[place] = of_place
        store.put_results({keys[place][name]: result for name, result in of_place.items()})

    with model_run.timings.measure("encode"):
        if None not in results:
            embedded = model_run.evaluator.embed({}, tasks, precision=model_run.precision)
            keep(None, {task.name: embedded.measure(task) for task in tasks})
        for place, of_place in _removed(model_run, groups, missing, tasks):
            keep(place, of_place)
            model_run.watch(Event("cell", f"group {place}"))
    return results[None], {place: results[place] for place in which}


@dataclass(frozen=True)
class _Removals:
    """Groups to remove one after another, and the tasks to measure then. units: those of each group, int64."""

    granularity: Granularity
    units: Sequence[Tensor]
    tasks: Sequence[Loaded]
    precision: Precision


def _removed(
    model_run: ModelRun, groups: Groups, missing: Sequence[int], tasks: Sequence[Loaded]
) -> Iterator[tuple[int, TaskResults]]:
    """The results without each of the groups, in any order."""
    if not missing:
        return
    chunks = divided([groups.layers[place] for place in missing], model_run.chunks.divides)
    places = [[missing[number] for number in of] for of in chunks]
    given = [
        _Removals(groups.granularity, [groups.units[place] for place in of], tasks, model_run.precision)
        for of in places
    ]
    if not model_run.chunks.divides:
        # Closed also after an error, so that the model gets its layers back at once.
        with closing(_each(model_run.evaluator, given[0])) as each:
            for number, of_group in each:
                yield places[0][number], of_group
        return
    for position, made in model_run.chunks.map(_all, given, model_run.precision):
        for number, of_group in made:
            yield places[position][number], of_group


def _all(model: Model, given: _Removals) -> list[tuple[int, TaskResults]]:
    return list(_each(Evaluator(model), given))


def _each(evaluator: Evaluator, given: _Removals) -> Generator[tuple[int, TaskResults]]:
    """The number of each group and the results without it, layer by layer."""
    model, tasks = evaluator.model, given.tasks
    texts, prepared = evaluator.prepared(tasks)
    total = sum(len(task.data.sentences) for task in tasks)
    started, device = time.perf_counter(), label(model.device)
    with (
        in_precision(model, given.precision),
        closing(removals(model, prepared, given.granularity, given.units)) as removed,
    ):
        for number, embeddings in removed:
            embedded = Embeddings(embeddings, texts, (time.perf_counter() - started) / total, device)
            yield number, {task.name: embedded.measure(task) for task in tasks}
            started = time.perf_counter()


def _keys(
    model_run: ModelRun, groups: Groups, which: Sequence[int], tasks: Sequence[Loaded]
) -> dict[int | None, dict[str, str]]:
    """Group -> task -> the store's key of the result. None stands for the dense model."""
    masks: dict[int | None, str | None] = {None: None}
    masks |= {place: _hash(groups, groups.units[place]) for place in which}
    return {
        place: {task.name: result_key(model_run.model, mask, task, model_run.precision) for task in tasks}
        for place, mask in masks.items()
    }


def _stored(store: Store, keys: Mapping[int | None, Mapping[str, str]]) -> dict[int | None, TaskResults]:
    """The results of the groups that have a result on every task in the store."""
    stored = store.get_results([key for by_task in keys.values() for key in by_task.values()])
    return {
        place: {name: stored[key] for name, key in by_task.items()}
        for place, by_task in keys.items()
        if all(key in stored for key in by_task.values())
    }


def _hash(groups: Groups, units: Tensor) -> str | None:
    """The hash of the mask that removes ``units`` and nothing else."""
    mask = np.ones(sum(map(len, groups.units)), bool)
    mask[units.numpy()] = False
    return mask_hash({name_of(groups.granularity): mask})
