"""What first-order contributions predict: how many units of each layer hurt, and how much each group contributes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ablate.coordinator.model_run import ModelRun
from ablate.engine.score import scores_key
from ablate.granularities.base import Granularity
from ablate.plan.plan import Step
from ablate.scorers.align import Align
from ablate.scorers.base import Scorer
from ablate.scorers.uniform import Uniform
from ablate.store.keys import digest
from ablate.studies.contributions import contributions
from ablate.studies.removed import Groups

SCORERS: tuple[Scorer, ...] = (Align(sign="signed"), Uniform(sign="signed"))


@dataclass(frozen=True)
class Predicted:
    """What one scorer predicts of one granularity.

    below: float32 [layers], how many units of each layer have a contribution below 0.
    sums: float32 [groups], the contributions of each group's units, summed.
    """

    below: NDArray[np.float32]
    sums: NDArray[np.float32]


def predict(model_run: ModelRun, groups: Mapping[Granularity, Groups]) -> dict[tuple[Granularity, str], Predicted]:
    """The predictions of :data:`SCORERS`, by granularity and scorer name.

    All that the store lacks is computed in two passes over the calibration set, and stored.

    Raises:
        AblateError: the calibration set is smaller than a batch, or the store fails.
    """
    model, calibration, store = model_run.model, model_run.calibration, model_run.store
    wanted = [Step(g, scorer, scorer.name, "global", 0.0, None, 1) for g in groups for scorer in SCORERS]
    keys = {
        step: digest(
            {
                "stage": "predicted",
                "scores": scores_key(model, calibration, step, None),
                "groups": _hash(groups[step.granularity]),
            }
        )
        for step in wanted
    }
    arrays = {step: array for step in wanted if (array := store.get_scores(keys[step])) is not None}
    missing = [step for step in wanted if step not in arrays]
    if missing:
        with model_run.timings.measure("collect"):
            for step, scores in contributions(model, calibration, missing, store, model_run.masks.on_pass):
                layers = step.granularity.layers(model).numpy()
                below = np.bincount(layers[scores < 0], minlength=int(layers[-1]) + 1)
                sums = [scores[units.numpy()].sum(dtype=np.float64) for units in groups[step.granularity].units]
                # The store keeps one array: both parts, one after the other.
                arrays[step] = np.concatenate([below, sums]).astype(np.float32)
                store.put_scores(keys[step], arrays[step], {"scorer": step.label})
    predicted = {}
    for step in wanted:
        count = len(groups[step.granularity])
        predicted[step.granularity, step.label] = Predicted(arrays[step][:-count], arrays[step][-count:])
    return predicted


def _hash(groups: Groups) -> str:
    """The same for the same units in the same groups."""
    hashed = hashlib.sha256()
    for units in groups.units:
        hashed.update(f"{len(units)} ".encode() + units.numpy().tobytes())
    return hashed.hexdigest()
