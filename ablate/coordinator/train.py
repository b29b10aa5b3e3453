"""From a cell to its trained weights and its mask: the ways of training, each on one line of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from ablate.coordinator.mask_maker import MaskMaker
from ablate.engine.worker import THIS_PROCESS
from ablate.errors import StoreError
from ablate.events import Watch
from ablate.models.masked import Mask
from ablate.models.model import Model
from ablate.models.spec import ModelSpec
from ablate.models.weights import Weights, WeightsFile, weighted, weights_hash
from ablate.plan.job import Job
from ablate.plan.plan import Cell
from ablate.plan.training import settings
from ablate.plan.training_texts import Texts
from ablate.recipe.training import Train
from ablate.store.keys import digest, mask_hash
from ablate.store.records import StoredMask
from ablate.store.store import Store
from ablate.tasks.loaded import Loaded
from ablate.training.fit import fit
from ablate.training.gradual import Prune

Units = dict[str, Mask]
NOTHING_REMOVED: Mapping[str, Any] = {"units_removed": 0, "sparsity_achieved": 0.0, "params_removed": 0}


@dataclass(frozen=True)
class Trained:
    """A model that was trained. file: its weights. model: what it was made of, with the hash that it has with them."""

    file: WeightsFile
    model: Model

    @property
    def key(self) -> str:
        """The weights' key in the store."""
        return self.file.key


@dataclass
class Trainings:
    """Trains the cells of one model, each once, and keeps weights and masks in the store.

    masks: of the model as it came. tasks: those that choose the best checkpoint.
    cells: those that are scored after their training, without it.
    """

    masks: MaskMaker
    model_spec: ModelSpec
    spec: Train
    texts: Texts
    tasks: Sequence[Loaded]
    cells: Sequence[Cell]
    watch: Watch
    _after: dict[str, MaskMaker] = field(default_factory=dict)

    @property
    def store(self) -> Store:
        return self.masks.store

    def stored(self, cell: Cell) -> Trained | None:
        """What the store has of a cell, trained and masked; None if it lacks something."""
        about = self.store.mask_about(self.masks.key(cell))
        return None if about is None else self._stored(about["trained"])

    def of(self, cell: Cell) -> Trained:
        """A cell's weights, trained now if need be; its mask is in the store afterwards."""
        finished = self.stored(cell)
        if finished is not None:
            return finished
        assert cell.training is not None
        seed, name = cell.training.seed, str(cell)
        self.masks.register_granularities(cell)
        match cell.training.way:
            case "train":
                trained, units = self._fit({}, seed, name)
            case "prune-then-train":
                trained, units = self._fit(self.masks.make(cell.untrained).units, seed, name)
            case "gradual":
                trained, units = self._fit({}, seed, name, gradual=cell)
            case "train-then-prune":
                trained, units = self._pruned_after(cell)
            case "rewind":
                trained, units = self._fit(self._pruned_after(cell)[1], seed, name)
        about = self.masks.about(cell, units) if units else NOTHING_REMOVED
        mask = StoredMask(mask_hash(units) or "", units, {"cell": name, **about, "trained": trained.key})
        self.store.put_mask(self.masks.key(cell), mask)
        return trained

    def _pruned_after(self, cell: Cell) -> tuple[Trained, Units]:
        """The dense model trained, and the cell's mask by its contributions."""
        assert cell.training is not None
        trained, _ = self._fit({}, cell.training.seed, "dense, trained")
        maker = self._after.setdefault(trained.key, self._masks(trained.model))
        missing = maker.missing([cell.untrained])
        with weighted(self.masks.model, self._weights(trained) if missing else None):
            if missing:
                maker.collect_for(self.cells)
            return trained, maker.make(cell.untrained).units

    def _masks(self, model: Model) -> MaskMaker:
        ours = self.masks
        return MaskMaker(model, ours.calibration, ours.store, ours.tie_seed, ours.timings, ours.on_pass, ours.tasks)

    def _fit(self, units: Units, seed: int, name: str, gradual: Cell | None = None) -> tuple[Trained, Units]:
        """Trains under a mask from the start, or with one that grows; and the mask at the end."""
        key = self._key(units, seed, gradual)
        finished = self._finished(key, units, gradual)
        if finished is not None:
            return finished
        with self.store.checkpoints(key) as folder:
            # Another process may have trained it meanwhile.
            finished = self._finished(key, units, gradual)
            if finished is not None:
                return finished
            with self.masks.timings.measure("train"):
                fitted = fit(
                    self.masks.model,
                    self.model_spec,
                    self.spec,
                    self.texts,
                    self.tasks,
                    seed,
                    folder,
                    units=units,
                    keep_of=self.masks.keep,
                    prune=self._pruner(gradual) if gradual else None,
                    watch=self.watch,
                    name=name,
                )
            if gradual:
                self.store.put_mask(key, StoredMask(mask_hash(fitted.units) or "", fitted.units, {}))
            self.store.put_trained(key, {n: tensor.numpy() for n, tensor in fitted.weights.items()}, fitted.about)
        trained = self._stored(key)
        assert trained is not None
        return trained, fitted.units

    def _finished(self, key: str, units: Units, gradual: Cell | None) -> tuple[Trained, Units] | None:
        trained = self._stored(key)
        mask = self.store.get_mask(key) if trained and gradual else None
        if trained is None or (gradual and mask is None):
            return None
        return trained, mask.units if mask else units

    def _stored(self, key: str) -> Trained | None:
        file = self.store.trained_file(key)
        if file is None:
            return None
        model = replace(self.masks.model, hash=digest({"model": self.masks.model.hash, "weights": file.sha256}))
        return Trained(file, model)

    def _weights(self, trained: Trained) -> Weights:
        """The weights, read as evaluations in this process read them, so that both share one copy."""
        try:
            return THIS_PROCESS.weights(trained.file)
        except StoreError:
            self.store.get_trained(trained.key)  # forgets them if they are damaged, so that the next run trains again
            raise

    def _pruner(self, cell: Cell) -> Prune:
        step = cell.only
        assert step is not None

        def prune(weights: Weights, fraction: float, units: Units) -> Units:
            with weighted(self.masks.model, weights):
                current = self._masks(replace(self.masks.model, hash=weights_hash(weights)))
                return current.grow(step, fraction, units)

        return prune

    def _key(self, units: Units, seed: int, gradual: Cell | None) -> str:
        return digest(
            {
                "stage": "train",
                "model": self.masks.model.hash,
                "encoding": self.masks.model.encoding.as_dict(),
                "mask": mask_hash(units),
                "gradual": self.masks.key(gradual) if gradual else None,
                "settings": settings(self.spec, self.texts, self.tasks),
                "seed": seed,
            }
        )


def read_weights(store: Store, key: str) -> dict[str, Tensor]:
    """Trained weights out of a store.

    Raises:
        StoreError: they are not there, or damaged.
    """
    arrays = store.get_trained(key)
    if arrays is None:
        raise StoreError(f"{store.name}: the trained weights are not there; run `ablate train` again")
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def trainings(job: Job, texts: Texts, model: ModelSpec, masks: MaskMaker, watch: Watch) -> Trainings:
    """What trains the cells of one model."""
    assert job.recipe.train is not None
    later = [cell for cell in job.plan.cells if cell.training and cell.training.way in ("train-then-prune", "rewind")]
    cells = list(dict.fromkeys(cell.untrained for cell in later))
    return Trainings(masks, model, job.recipe.train, texts, job.load(job.choosing), cells, watch)
