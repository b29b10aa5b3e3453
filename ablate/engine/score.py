"""Contributions: what a scorer makes of the statistics that were collected for it."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from ablate.data.calibration import Calibration
from ablate.engine.collect import Collected
from ablate.errors import PluginError
from ablate.granularities.base import Granularity
from ablate.models.model import Model
from ablate.plan.plan import Step
from ablate.scorers.base import NO_TASKS, Scorer, ScorerTasks, View
from ablate.scorers.statistics import GradientContribution, InputNorm


def view_of(
    model: Model,
    calibration: Calibration,
    scorer: Scorer,
    granularity: Granularity,
    layers: torch.Tensor,
    collected: Collected,
    seed: int,
    kept: torch.Tensor | None = None,
    tasks: ScorerTasks = NO_TASKS,
) -> View:
    """What a scorer may look at: the statistics that it declared, the tasks that it named, and no others.

    Args:
        kept: bool [units], those that the mask in force has left; all by default.
    """
    declared = scorer.statistics()
    gradients = {s: collected.gradients[granularity, s] for s in declared if isinstance(s, GradientContribution)}
    norms = {s: collected.norms[s] for s in declared if isinstance(s, InputNorm)}
    generator = torch.Generator().manual_seed(seed)
    left = torch.ones(len(layers), dtype=torch.bool) if kept is None else kept
    if not scorer.slow:
        return View(model, granularity, layers, gradients, norms, generator, left)
    named = {task.name: task for name in scorer.tasks() for task in tasks[name]}
    return View(model, granularity, layers, gradients, norms, generator, left, calibration, named)


def score(
    model: Model,
    calibration: Calibration,
    step: Step,
    layers: torch.Tensor,
    collected: Collected,
    kept: torch.Tensor | None = None,
    tasks: ScorerTasks = NO_TASKS,
) -> NDArray[np.float32]:
    """The contributions of a step's units under the mask in force, checked against the scorer's contract.

    Returns:
        [units], finite; higher = keep.

    Raises:
        PluginError: the scorer gives another shape, type or device, or a contribution that is not finite.
    """
    granularity, scorer = step.granularity, step.scorer
    view = view_of(model, calibration, scorer, granularity, layers, collected, step.seed or 0, kept, tasks)
    contributions: object = scorer.score(view)
    if not isinstance(contributions, torch.Tensor):
        raise PluginError(f"scorer '{step.label}' gave a {type(contributions).__name__}, not a tensor")
    if contributions.shape != layers.shape:
        raise PluginError(
            f"scorer '{step.label}' gave {list(contributions.shape)} contributions for {len(layers)} "
            f"{granularity.name} units"
        )
    if contributions.dtype != torch.float32 or contributions.device.type != "cpu":
        raise PluginError(
            f"scorer '{step.label}' gave {contributions.dtype} on {contributions.device.type}, not torch.float32 on cpu"
        )
    array: NDArray[np.float32] = contributions.detach().numpy()
    if not np.isfinite(array).all():
        bad = int((~np.isfinite(array)).sum())
        raise PluginError(f"scorer '{step.label}' gave {bad} {granularity.name} contributions that are not finite")
    return array
