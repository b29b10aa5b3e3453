"""Exact removal of groups of units, each on every task, out of the store where it has been done before."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ablate.coordinator.mask_maker import name_of
from ablate.coordinator.model_run import ModelRun
from ablate.engine.evaluate import result_key
from ablate.engine.evaluator import Embedded
from ablate.engine.score import scores_key
from ablate.errors import AblateError
from ablate.events import Event
from ablate.granularities.base import Granularity
from ablate.granularities.replay import removals
from ablate.plan.plan import Step
from ablate.scorers.base import Scorer
from ablate.scorers.oracle import group_by_rank
from ablate.store.keys import mask_hash
from ablate.store.store import Result
from ablate.studies.contributions import contributions
from ablate.tasks.loaded import Loaded

MOST = 2000
"""Groups of one granularity: beyond, exact removal takes days where it need not."""

TaskResults = dict[str, Result]
"""By task."""


@dataclass(frozen=True)
class Groups:
    """Units that are removed together: ``units`` int64 [any] of each group, all in the layer that ``layers`` says."""

    granularity: Granularity
    layers: tuple[int, ...]
    units: tuple[Tensor, ...]

    def __len__(self) -> int:
        return len(self.units)

    @property
    def alone(self) -> bool:
        """Whether each unit is a group of its own, in the order of the units."""
        return all(len(units) == 1 for units in self.units)

    def name(self, place: int) -> str:
        """``layer 2 head 5``, or ``layer 2 neuron group 7``: all numbered from 0, within the layer."""
        layer = self.layers[place]
        kind = self.granularity.name if self.alone else f"{self.granularity.name} group"
        return f"layer {layer} {kind} {place - self.layers.index(layer)}"


def groups_of(model_run: ModelRun, granularity: Granularity, count: int | None, by: Scorer) -> Groups:
    """Cuts each layer's units, ranked by a scorer, into ``count`` groups; None: each unit is one.

    Raises:
        AblateError: there would be more than :data:`MOST`.
    """
    layers = granularity.layers(model_run.model)
    size = 1 if count is None else -(-int(layers.bincount().max()) // count)
    if len(layers) > MOST * size:
        raise AblateError(
            f"{len(layers):,} {granularity.name} units in groups of {size} are too many to remove one by one; "
            f"set prevalence.groups.{granularity.name} to groups a layer, such as 48"
        )
    if size == 1:
        return Groups(granularity, tuple(layers.tolist()), tuple(torch.arange(len(layers))[:, None]))
    step = Step(granularity, by, by.name, "global", 0.0, None, 1)
    ((_, ranking),) = contributions(
        model_run.model, model_run.calibration, [step], model_run.store, model_run.masks.on_pass
    )
    if by.statistics():
        model_run.store.put_scores(scores_key(model_run.model, model_run.calibration, step, None), ranking, {})
    units = group_by_rank(torch.from_numpy(ranking), layers, torch.ones(len(layers), dtype=torch.bool), size)
    return Groups(granularity, tuple(int(layers[group[0]]) for group in units), tuple(units))


def remove(
    model_run: ModelRun, groups: Groups, which: Sequence[int], tasks: Sequence[Loaded], stage: str
) -> tuple[TaskResults, dict[int, TaskResults]]:
    """The results of the dense model, and of the model without each of ``which`` groups, in their order.

    Each group's results are in the store before the next group is begun, under the keys that cells of the same mask
    have.

    Raises:
        AblateError: the store fails. What a plug-in's task raises goes up.
    """
    model, store = model_run.model, model_run.store
    masks: dict[int | None, str | None] = {None: None}
    masks |= {place: _hash(groups, groups.units[place]) for place in which}
    keys = {place: {task.name: result_key(model, mask, task) for task in tasks} for place, mask in masks.items()}
    wanted = [key for of_tasks in keys.values() for key in of_tasks.values()]
    stored = store.get_results(wanted)
    found = {
        place: {name: stored[key] for name, key in of_tasks.items()}
        for place, of_tasks in keys.items()
        if all(key in stored for key in of_tasks.values())
    }
    missing = [place for place in which if place not in found]
    model_run.watch(Event("begin", stage, len(which)))
    for place in which:
        if place in found:
            model_run.watch(Event("cell", f"group {place}", cached=True))
    positions, prepared = model_run.evaluator.prepared(tasks) if len(found) < len(keys) else ({}, None)

    def keep(place: int | None, embedded: Embedded) -> None:
        found[place] = {task.name: embedded.measure(task) for task in tasks}
        store.put_results({keys[place][name]: result for name, result in found[place].items()})

    with model_run.timings.measure("encode"):
        if None not in found:
            keep(None, model_run.evaluator.embed({}, tasks))
        if missing and prepared is not None:
            total = sum(len(task.data.sentences) for task in tasks)
            begun = time.perf_counter()
            with closing(removals(model, prepared, groups.granularity, [groups.units[p] for p in missing])) as removed:
                for number, embeddings in removed:
                    keep(missing[number], Embedded(embeddings, positions, (time.perf_counter() - begun) / total))
                    model_run.watch(Event("cell", f"group {missing[number]}"))
                    begun = time.perf_counter()
    return found[None], {place: found[place] for place in which}


def _hash(groups: Groups, units: Tensor) -> str | None:
    mask = np.ones(sum(map(len, groups.units)), bool)
    mask[units.numpy()] = False
    return mask_hash({name_of(groups.granularity): mask})
