"""Contributions: what a scorer makes of the statistics that were collected for it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ablate.data.calibration import Calibration
from ablate.errors import PluginError
from ablate.experiment.collect import Collected
from ablate.experiment.plan import Step
from ablate.granularities.base import Granularity
from ablate.models.model import Model
from ablate.scorers.base import GradientContribution, InputNorm, Scorer, View


def digest(content: Mapping[str, Any]) -> str:
    """sha256 of a mapping's canonical JSON: every key of the store is one."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, allow_nan=False).encode()).hexdigest()


def scores_key(model: Model, calibration: Calibration, step: Step, in_force: str | None) -> str:
    """The key of a step's contributions: all that they depend on, and nothing else.

    Args:
        in_force: hash of the mask already in force, None for the dense model.
    """
    looks = bool(step.scorer.statistics()) or step.scorer.slow
    return digest(
        {
            "stage": "scores",
            "model": model.hash,
            "encoding": model.encoding.as_dict(),
            "scorer": step.scorer.identity(),
            "granularity": step.granularity.identity(),
            "calibration": calibration.hash if looks else None,
            "mask": in_force,
            "seed": step.seed,
        }
    )


def view_of(
    model: Model,
    calibration: Calibration,
    scorer: Scorer,
    granularity: Granularity,
    layers: torch.Tensor,
    collected: Collected,
    seed: int,
) -> View:
    """What a scorer may look at: the statistics that it declared, and no others."""
    declared = scorer.statistics()
    gradients = {s: collected.gradients[granularity, s] for s in declared if isinstance(s, GradientContribution)}
    norms = {s: collected.norms[s] for s in declared if isinstance(s, InputNorm)}
    generator = torch.Generator().manual_seed(seed)
    asked = calibration if scorer.slow else None
    return View(model, granularity, layers, gradients, norms, generator, asked)


def score(
    model: Model, calibration: Calibration, step: Step, layers: torch.Tensor, collected: Collected
) -> NDArray[np.float32]:
    """The contributions of a step's units under the mask in force, checked against the scorer's contract.

    Returns:
        [units], finite; higher = keep.

    Raises:
        PluginError: the scorer gives another shape, or a contribution that is not finite.
    """
    granularity, scorer = step.granularity, step.scorer
    view = view_of(model, calibration, scorer, granularity, layers, collected, step.seed or 0)
    contributions = scorer.score(view).detach()
    if contributions.shape != layers.shape:
        raise PluginError(
            f"scorer '{step.label}' gave {list(contributions.shape)} contributions for {len(layers)} "
            f"{granularity.name} units"
        )
    array: NDArray[np.float32] = contributions.float().numpy()
    if not np.isfinite(array).all():
        bad = int((~np.isfinite(array)).sum())
        raise PluginError(f"scorer '{step.label}' gave {bad} {granularity.name} contributions that are not finite")
    return array
