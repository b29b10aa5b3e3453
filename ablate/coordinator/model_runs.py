"""The model runs of a job. Small models stay loaded. Of large ones there is one at a time."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ablate.coordinator.failed_models import FailedModels
from ablate.coordinator.model_run import ModelRun
from ablate.errors import ModelError
from ablate.models.device import label
from ablate.models.spec import ModelSpec
from ablate.record import ModelHashes

KEPT_BYTES = 4 * 2**30
"""The most bytes of the weights that stay loaded together. A study of 100 models would need hundreds of gigabytes."""

Prepare = Callable[[ModelSpec, bool], ModelRun]
"""Loads the model of a specification. The flag says whether it is the first time, so that remarks are made once."""


@dataclass(frozen=True)
class _Known:
    """What the record of a run says of a model."""

    name: str
    hashes: ModelHashes
    remarks: tuple[str, ...]
    device: str
    dim: int | None

    @classmethod
    def of(cls, model_run: ModelRun) -> _Known:
        model = model_run.model
        hashes = ModelHashes(model=model.hash, calibration=model_run.calibration.hash)
        return cls(model.name, hashes, model.remarks, label(model.device), model_run.dim)


class ModelRuns:
    """Loads every model once, so that a fault in one of them is found before cells are evaluated.

    Models stay loaded, in the order of the recipe, as long as their weights together have at most :data:`KEPT_BYTES`,
    and a single model does anyway. Another one is loaded again by each call of :meth:`of`. One that fails is left out.
    """

    def __init__(self, specs: Sequence[ModelSpec], prepare: Prepare, failed: FailedModels) -> None:
        self._prepare = prepare
        self._known: dict[ModelSpec, _Known] = {}
        self._kept: dict[ModelSpec, ModelRun] = {}
        room = KEPT_BYTES
        for spec in specs:
            with failed.sparing_others(spec):
                model_run = self._load(spec)
                self._known[spec] = _Known.of(model_run)
                size = sum(parameter.nbytes for parameter in model_run.model.network.parameters())
                if size <= room or len(specs) == 1:
                    room -= size
                    self._kept[spec] = model_run
                del model_run  # before the next one is loaded

    def of(self, spec: ModelSpec) -> ModelRun:
        """The model run of a specification. Its caller forgets it before it asks for the next one.

        Raises:
            ModelError: the files of the model have changed since the run began.
        """
        kept = self._kept.get(spec)
        if kept is not None:
            return kept
        again, known = self._load(spec), self._known[spec]
        if again.model.hash != known.hashes.model:
            raise ModelError(
                f"model '{known.name}' is not the one that the run began with ({known.hashes.model[:12]}, now "
                f"{again.model.hash[:12]}); run again"
            )
        return again

    def _load(self, spec: ModelSpec) -> ModelRun:
        if self._known:
            gc.collect()  # modules refer to each other in circles, and the last model would stay in memory for a while
        return self._prepare(spec, spec not in self._known)

    def about(self) -> dict[str, Any]:
        """What the record of the run says of the models: fields of :class:`~ablate.record.RunAbout`."""
        known = self._known.values()
        return {
            "hashes": {one.name: one.hashes for one in known},
            "remarks": {one.name: one.remarks for one in known if one.remarks},
            "devices": {one.name: one.device for one in known},
            "dims": {one.name: one.dim for one in known if one.dim is not None} or None,
        }
