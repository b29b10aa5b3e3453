"""Trains a cell in one of the ways of training, and keeps its weights and its mask in the store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ablate.coordinator.mask_maker import MaskMaker
from ablate.engine.worker import THIS_PROCESS
from ablate.errors import StoreError
from ablate.events import Watch
from ablate.granularities.units import Units
from ablate.models.model import Model
from ablate.models.spec import ModelSpec
from ablate.models.weights import Weights, weighted, weights_hash
from ablate.models.weights_file import WeightsFile
from ablate.plan.job import Job
from ablate.plan.plan import Cell, Step
from ablate.plan.training_texts import Texts
from ablate.recipe.training import Train
from ablate.store.keys import mask_hash, trained_model_hash, training_key, training_settings
from ablate.store.records import StoredMask
from ablate.store.store import Store
from ablate.tasks.loaded import Loaded
from ablate.training.fit import fit
from ablate.training.gradual import Prune


@dataclass(frozen=True)
class Trained:
    """Trained weights.

    file: the file of the weights.
    model: the model that was trained, with the hash that it has with these weights.
    """

    file: WeightsFile
    model: Model

    @property
    def key(self) -> str:
        """The weights' key in the store."""
        return self.file.key


@dataclass
class Trainings:
    """Trains the cells of one model, each once, and keeps their weights and masks in the store.

    masks: makes the masks of the untrained model.
    tasks: the tasks that choose the best checkpoint.
    cells: the cells that are scored after training, without their training.
    """

    masks: MaskMaker
    model_spec: ModelSpec
    spec: Train
    texts: Texts
    tasks: Sequence[Loaded]
    cells: Sequence[Cell]
    watch: Watch
    _after: dict[str, MaskMaker] = field(default_factory=dict, init=False)
    """Mask makers of the trained dense model, by the key of its weights."""

    @property
    def store(self) -> Store:
        return self.masks.store

    def stored(self, cell: Cell) -> Trained | None:
        """A cell's weights, if the store has both the weights and the mask; otherwise None."""
        about = self.store.mask_about(self.masks.key(cell))
        return None if about is None else self._stored(about["trained"])

    def of(self, cell: Cell) -> Trained:
        """A cell's weights, which are trained now if necessary. Its mask is in the store afterwards.

        Raises:
            ValueError: the cell is not trained.
        """
        stored = self.stored(cell)
        if stored is not None:
            return stored
        if cell.training is None:
            raise ValueError(f"'{cell}' has no training")
        seed, name = cell.training.seed, str(cell)
        match cell.training.way:
            case "train":
                trained, units = self._fit(Units(), seed, name)
            case "prune-then-train":
                trained, units = self._fit(self.masks.make(cell.untrained).units, seed, name)
            case "gradual":
                trained, units = self._fit(Units(), seed, name, gradual=cell)
            case "train-then-prune":
                trained, units = self._pruned_after(cell, seed)
            case "rewind":
                trained, units = self._fit(self._pruned_after(cell, seed)[1], seed, name)
        self.masks.put(cell, units, {"trained": trained.key})
        return trained

    def _pruned_after(self, cell: Cell, seed: int) -> tuple[Trained, Units]:
        """The trained dense model, and the cell's mask by the contributions in it."""
        trained, _ = self._fit(Units(), seed, "dense, trained")
        masks = self._after.setdefault(trained.key, self.masks.for_model(trained.model))
        missing = masks.missing([cell.untrained])
        with weighted(self.masks.model, self._weights(trained) if missing else None):
            if missing:
                masks.collect_for(self.cells)
            return trained, masks.make(cell.untrained).units

    def _fit(self, units: Units, seed: int, name: str, gradual: Cell | None = None) -> tuple[Trained, Units]:
        """Trained weights, and the mask at the end of the training; from the store if it has them.

        Args:
            units: the mask that is in force from the start.
            gradual: the cell whose mask grows instead.
        """
        key = self._key(units, seed, gradual)
        finished = self._finished(key, units, gradual)
        if finished is None:
            with self.store.checkpoints(key) as folder:
                # Another process may have trained it while this one waited for the folder.
                finished = self._finished(key, units, gradual)
                if finished is None:
                    return self._train(key, folder, units, seed, name, gradual)
        # A process that ended after it had stored the weights has left them.
        self.store.remove_checkpoints(key)
        return finished

    def _train(
        self, key: str, folder: Path, units: Units, seed: int, name: str, gradual: Cell | None
    ) -> tuple[Trained, Units]:
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
                granularities=gradual.granularities if gradual else tuple(units.granularities.values()),
                prune=self._pruner(gradual.steps[0]) if gradual else None,
                watch=self.watch,
                name=name,
            )
        # The mask first, because storing the weights removes the checkpoints, and without its mask the training would
        # have to start again.
        if gradual:
            masks = fitted.units.masks
            self.store.put_mask(key, StoredMask(mask_hash(masks) or "", masks, {}))
        self.store.put_trained(key, {n: tensor.numpy() for n, tensor in fitted.weights.items()}, fitted.about)
        trained = self._stored(key)
        if trained is None:
            raise StoreError(f"{self.store.name}: lost the weights that were just trained; run `ablate train` again")
        return trained, fitted.units

    def _finished(self, key: str, units: Units, gradual: Cell | None) -> tuple[Trained, Units] | None:
        trained = self._stored(key)
        if trained is None or gradual is None:
            return None if trained is None else (trained, units)
        mask = self.store.get_mask(key)
        return None if mask is None else (trained, Units.of(mask.units, gradual.granularities))

    def _stored(self, key: str) -> Trained | None:
        file = self.store.trained_file(key)
        if file is None:
            return None
        model = replace(self.masks.model, hash=trained_model_hash(self.masks.model, file.sha256))
        return Trained(file, model)

    def _weights(self, trained: Trained) -> Weights:
        """The weights, read as an evaluation in this process reads them, so that they are in memory only once."""
        try:
            return THIS_PROCESS.weights(trained.file)
        except StoreError:
            # If the weights are damaged, the store deletes them when it reads them. The next run then trains again.
            self.store.get_trained(trained.key)
            raise

    def _pruner(self, step: Step) -> Prune:
        def prune(weights: Weights, fraction: float, units: Units) -> Units:
            with weighted(self.masks.model, weights):
                # Under a hash of its own, so that its contributions are not stored as those of the untrained model.
                current = self.masks.for_model(replace(self.masks.model, hash=weights_hash(weights)))
                return current.grow(step, fraction, units)

        return prune

    def _key(self, units: Units, seed: int, gradual: Cell | None) -> str:
        grows = self.masks.key(gradual) if gradual else None
        settings = training_settings(self.spec, self.texts.hash, self.tasks)
        return training_key(self.masks.model, mask_hash(units.masks), grows, settings, seed, self.tasks)


def trainings(job: Job, texts: Texts, model: ModelSpec, masks: MaskMaker, watch: Watch) -> Trainings:
    """The trainings of one model's cells."""
    assert job.recipe.train is not None
    later = [cell for cell in job.plan.cells if cell.training and cell.training.way in ("train-then-prune", "rewind")]
    cells = list(dict.fromkeys(cell.untrained for cell in later))
    return Trainings(masks, model, job.recipe.train, texts, job.load(job.choosing), cells, watch)
