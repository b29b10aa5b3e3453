"""Computes one stored result again: finds its model, its mask, its task and its data, and evaluates as a run does."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple

import torch

from ablate.coordinator.on_workers import packed_masks
from ablate.data.items import Source
from ablate.data.sources import WORDS, resolve
from ablate.engine.evaluate import evaluate
from ablate.engine.evaluator import Evaluator
from ablate.engine.worker import THIS_PROCESS
from ablate.errors import AblateError, DataError, ModelError, StoreError
from ablate.executors.base import Evaluation, PackedMask, TaskToMeasure
from ablate.granularities.units import Units
from ablate.models.load import load_model
from ablate.models.spec import ModelSpec, Precision
from ablate.models.weights_file import WeightsFile
from ablate.plan.manifest import models_of
from ablate.plan.tasks import load_tasks, make_task
from ablate.plugins import Registry
from ablate.recipe.recipe import Recipe
from ablate.recipe.recorded import recorded_recipe
from ablate.record import RunAbout, RunRecord
from ablate.report.stored_cell import granularities_of
from ablate.store.keys import result_key, trained_model_hash
from ablate.store.store import Store
from ablate.tasks.loaded import Loaded
from ablate.tasks.result import Result


class Wanted(NamedTuple):
    """Where a stored result belongs: the run, model, cell, task and dim of a row that names it. key: of the cell."""

    run: str
    model: str
    cell: str
    key: str
    task: str
    dim: int | None = None


class Recomputing:
    """Computes results as runs do, in the precision of their runs, and keeps the last model that it loaded."""

    def __init__(self, store: Store, registry: Registry, device: torch.device) -> None:
        self._store, self._registry, self._device = store, registry, device
        self._run: tuple[str, RunAbout] | None = None
        self._evaluator: tuple[ModelSpec, Evaluator] | None = None
        self._refused: dict[ModelSpec, AblateError] = {}

    def result(self, wanted: Wanted, key: str) -> tuple[Loaded, Result]:
        """The result under a key, computed again, and its task.

        Raises:
            AblateError: something that the result was computed from is not at hand, or has changed; or it fails again.
        """
        about = self._about(wanted.run)
        recipe = recorded_recipe(about.recipe)
        spec = models_of(about, recipe)[wanted.model]
        evaluator = self._loaded(spec)
        model = evaluator.model
        if model.hash != (about.hashes or {})[wanted.model].model:
            raise ModelError(f"model '{spec.name}' has changed since the run")
        mask, packed, weights = self._masked(wanted, recipe)
        with_weights = model
        if weights is not None:
            with_weights = replace(model, hash=trained_model_hash(model, weights.sha256))
        source, loaded = self._task(
            wanted, recipe, about, lambda task: result_key(with_weights, mask, task, recipe.precision) == key
        )
        evaluation = Evaluation(
            cell=key,
            model=spec,
            model_hash=model.hash,
            encoding=model.encoding,
            mask=packed,
            tasks=(TaskToMeasure.of(loaded),),
            source=source,
            weights=weights,
            device=str(self._device),
            precision=recipe.precision,
        )
        with THIS_PROCESS.borrowing(spec, evaluator, [loaded], source):
            evaluated = evaluate(evaluation)
        if wanted.task in evaluated.failures:
            raise AblateError(evaluated.failures[wanted.task].reason)
        return loaded, evaluated.results[wanted.task]

    def precision(self, wanted: Wanted) -> Precision:
        """In which the result was evaluated.

        Raises:
            AblateError: the record of the run cannot be read.
        """
        return recorded_recipe(self._about(wanted.run).recipe).precision

    def _about(self, run: str) -> RunAbout:
        if self._run is None or self._run[0] != run:
            self._run = run, RunRecord.from_plain([], self._store.about(run)).about
        return self._run[1]

    def _loaded(self, spec: ModelSpec) -> Evaluator:
        if spec in self._refused:
            raise self._refused[spec]
        if self._evaluator is None or self._evaluator[0] != spec:
            self._evaluator = None  # before loading, since there may be no room for two models
            try:
                self._evaluator = spec, Evaluator(load_model(spec, self._device))
            except AblateError as error:
                self._refused[spec] = error
                raise
        return self._evaluator[1]

    def _task(
        self, wanted: Wanted, recipe: Recipe, about: RunAbout, is_right: Callable[[Loaded], bool]
    ) -> tuple[Source, Loaded]:
        """The task with the data that the key of the result was made of, and their source."""
        name = wanted.task
        task = make_task(self._registry, name, about.tasks or {})
        faults = []
        for source in _sources(recipe, about):
            try:
                (whole,) = load_tasks([task], source, self._registry)
            except DataError as error:
                faults.append(str(error))
                continue
            loaded = whole.at(wanted.dim)
            if is_right(loaded):
                return source, loaded
            faults.append(f"the data of '{name}' in '{source.label}', its version or the encoding are not the run's")
        raise DataError("; ".join(dict.fromkeys(faults)) or f"the data source '{about.data}' is not at hand")

    def _masked(self, wanted: Wanted, recipe: Recipe) -> tuple[str | None, tuple[PackedMask, ...], WeightsFile | None]:
        """The hash of a cell's mask, its packed bits, and its trained weights; of dense there is nothing."""
        if wanted.cell == "dense":
            return None, (), None
        keys = self._store.mask_keys(wanted.key)
        mask = self._store.get_mask(keys[0]) if keys else None
        if mask is None:
            raise StoreError(f"the store has no mask of '{wanted.cell}'")
        weights = None
        if mask.about.get("trained") is not None:
            weights = self._store.trained_file(mask.about["trained"])
            if weights is None:
                raise StoreError(f"the store has no trained weights of '{wanted.cell}'")
        units = Units.of(mask.units, granularities_of(recipe, self._registry))
        return mask.hash or None, packed_masks(units) if mask.hash else (), weights


def _sources(recipe: Recipe, about: RunAbout) -> Iterator[Source]:
    """The sources that the run may have read: the recipe's, then those of the words that `--data` takes.

    The record of a run has the label of its source and not its folder. A wrong source gives another key.
    """
    asked = recipe.data if isinstance(recipe.data, str) else {"senteval": str(recipe.data.senteval)}
    given = [asked, *(word for word in WORDS if ":" not in word)]
    for data in given:
        try:
            source = resolve(data, os.environ).source
        except DataError:
            continue
        if source.label == about.data:
            yield source
