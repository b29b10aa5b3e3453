"""Contributions: what a scorer makes of the statistics that were collected for it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from ablate.data.calibration import UNGRADED, Calibration, Over
from ablate.engine.collect import Collected
from ablate.errors import PluginError
from ablate.granularities.base import Granularity
from ablate.models.model import Model
from ablate.plan.plan import Step
from ablate.scorers.base import Scorer, View
from ablate.scorers.statistics import GradientContribution, InputNorm
from ablate.store.keys import digest

if TYPE_CHECKING:
    from ablate.tasks.loaded import Loaded

ScorerTasks = Mapping[str, "tuple[Loaded, ...]"]
"""The tasks behind each name that scorers give."""

NO_TASKS: ScorerTasks = MappingProxyType({})


def scores_key(
    model: Model,
    calibration: Calibration,
    step: Step,
    in_force: str | None,
    tasks: ScorerTasks = NO_TASKS,
) -> str:
    """The key of a step's contributions: all that they depend on, and nothing else.

    Args:
        tasks: those that the step's scorer names, read.
        in_force: hash of the mask already in force, None for the dense model.
    """
    return digest(
        {
            "stage": "scores",
            "model": model.hash,
            "encoding": model.encoding.as_dict(),
            "scorer": step.scorer.identity(),
            "granularity": step.granularity.identity(),
            **data_key(step.scorer, calibration, tasks),
            "mask": in_force,
            "seed": step.seed,
        }
    )


def data_key(scorer: Scorer, calibration: Calibration, tasks: ScorerTasks) -> dict[str, Any]:
    """The part of a key that says which data a scorer looks at.

    Args:
        tasks: at least those that it names.
    """
    looks = parts_used(scorer)
    found: dict[str, Any] = {"calibration": None if looks.isdisjoint(UNGRADED) else calibration.hash}
    if "graded" in looks:
        found["graded"] = calibration.graded_hash
    if scorer.tasks():
        found["tasks"] = {name: [task.data.hash for task in tasks[name]] for name in scorer.tasks()}
    return found


def parts_used(scorer: Scorer) -> frozenset[Over]:
    """The parts of the calibration set that a scorer looks at; of one that runs the model itself all but the gold."""
    declared = {s.loss.over if isinstance(s, GradientContribution) else "sentences" for s in scorer.statistics()}
    return frozenset(declared | set(UNGRADED if scorer.slow and scorer.calibrates else ()))


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
