"""Predicts from first-order contributions how many units of each layer hurt, and how much each group contributes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ablate.coordinator.model_run import ModelRun
from ablate.granularities.base import Granularity
from ablate.plan.plan import Step
from ablate.scorers.align import Align
from ablate.scorers.base import Scorer
from ablate.scorers.uniform import Uniform
from ablate.store.keys import digest, scores_key
from ablate.studies.contributions import contributions
from ablate.studies.removed import Groups

SCORERS: tuple[Scorer, ...] = (Align(sign="signed"), Uniform(sign="signed"))


@dataclass(frozen=True)
class Predicted:
    """The predictions of one scorer for one granularity.

    below: float32 [layers], how many units of each layer have a contribution below 0.
    sums: float32 [groups], the sum of the contributions of each group's units.
    """

    below: NDArray[np.float32]
    sums: NDArray[np.float32]


def predict(model_run: ModelRun, groups: Mapping[Granularity, Groups]) -> dict[tuple[Granularity, str], Predicted]:
    """The predictions of :data:`SCORERS`, by granularity and scorer name.

    Predictions that the store lacks are computed in two passes over the calibration set, and stored.

    Raises:
        AblateError: the calibration set is smaller than a batch, or the store fails.
    """
    model, calibration, store = model_run.model, model_run.calibration, model_run.store
    steps = [Step(((granularity, 0.0),), scorer, scorer.name) for granularity in groups for scorer in SCORERS]
    keys = {
        step: digest(
            {
                "stage": "predicted",
                "scores": scores_key(model, calibration, step.scorer, step.granularity, step.seed),
                "groups": _hash(groups[step.granularity]),
            }
        )
        for step in steps
    }
    arrays = {step: array for step in steps if (array := store.get_scores(keys[step])) is not None}
    missing = [step for step in steps if step not in arrays]
    if missing:
        with model_run.timings.measure("collect"):
            told = model_run.masks.scores.on_pass
            for step, scores in contributions(model, calibration, missing, store, told, model_run.chunks):
                layers = step.granularity.layers(model).numpy()
                below = np.bincount(layers[scores < 0], minlength=int(layers[-1]) + 1)
                # In float64, because a group may have hundreds of thousands of weights.
                sums = [scores[units.numpy()].sum(dtype=np.float64) for units in groups[step.granularity].units]
                # Joined, because the store keeps one array under a key.
                arrays[step] = np.concatenate([below, sums]).astype(np.float32)
                store.put_scores(keys[step], arrays[step], {"scorer": step.label})
    predicted = {}
    for step in steps:
        count = len(groups[step.granularity])
        predicted[step.granularity, step.label] = Predicted(arrays[step][:-count], arrays[step][-count:])
    return predicted


def _hash(groups: Groups) -> str:
    """A hash of the units of each group."""
    hashed = hashlib.sha256()
    for units in groups.units:
        # With its length in front, so that other groups of the same units have another hash.
        hashed.update(f"{len(units)} ".encode() + units.numpy().tobytes())
    return hashed.hexdigest()
