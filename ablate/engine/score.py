"""Calls a scorer with the statistics that were collected for it, and checks its contributions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ablate.data.calibration import Calibration
from ablate.engine.collect import Collected
from ablate.errors import PluginError
from ablate.events import Watch, silent
from ablate.granularities.base import Granularity
from ablate.models.chunks import Chunks
from ablate.models.model import Model
from ablate.plan.plan import Step
from ablate.scorers.base import NO_TASKS, Scorer, ScorerTasks, View
from ablate.scorers.statistics import GradientContribution, InputNorm
from ablate.surroundings import restored


def score(
    model: Model,
    calibration: Calibration,
    step: Step,
    collected: Collected,
    layers: Mapping[Granularity, Tensor],
    kept: Mapping[Granularity, Tensor] | None = None,
    tasks: ScorerTasks = NO_TASKS,
    remove: Mapping[Granularity, int | None] | None = None,
    members: Sequence[Mapping[Granularity, NDArray[np.float32]]] = (),
    watch: Watch = silent,
    chunks: Chunks | None = None,
) -> dict[Granularity, NDArray[np.float32]]:
    """The contributions of a step's units under the mask in force, checked against the scorer's contract.

    Args:
        collected: at least what the scorer declares, gathered under the mask in force.
        layers: for each of the step's granularities int64 [units], each unit's layer.
        kept: for each of them bool [units], the units that are left under the mask in force; all by default.
        tasks: at least those that the scorer names, loaded.
        remove: for a targeted scorer, how many units the step removes now at each granularity.
        members: the contributions of each of the step's members.
        watch: called with the progress of a slow scorer.
        chunks: where the work is done that a slow scorer divides; by default in this process.

    Returns:
        For each of the step's granularities [units], finite; higher = keep.

    Raises:
        PluginError: the contributions have a wrong shape or type, are not finite, or are missing for a granularity.
    """
    kept = kept or {g: torch.ones(len(unit_layers), dtype=torch.bool) for g, unit_layers in layers.items()}
    views = {
        g: replace(
            view_of(model, calibration, step.scorer, g, layers[g], collected, step.seed or 0, kept[g], tasks),
            remove=None if remove is None else remove[g],
            members=tuple(torch.from_numpy(member[g]).to(model.device) for member in members),
            watch=watch,
            chunks=chunks,
        )
        for g in step.granularities
    }
    with restored():
        scored: object = step.scorer.score_together(views)
    if not isinstance(scored, Mapping) or scored.keys() != views.keys():
        names = " and ".join(granularity.name for granularity in views)
        raise PluginError(f"scorer '{step.label}' does not give the contributions of {names}, and of nothing else")
    return {g: _checked(scored[g], step.label, g, layers[g]) for g in views}


def view_of(
    model: Model,
    calibration: Calibration,
    scorer: Scorer,
    granularity: Granularity,
    layers: Tensor,
    collected: Collected,
    seed: int,
    kept: Tensor | None = None,
    tasks: ScorerTasks = NO_TASKS,
) -> View:
    """What a scorer may look at: only the statistics that it declared and the tasks that it named.

    All tensors are on the model's device; see :class:`View`.

    Args:
        kept: bool [units], the units that are left under the mask in force; all by default.
    """
    declared = scorer.statistics()
    device = model.device
    gradients = {
        s: collected.gradients[granularity, s].to(device) for s in declared if isinstance(s, GradientContribution)
    }
    norms = {
        s: {name: norm.to(device) for name, norm in collected.norms[s].items()}
        for s in declared
        if isinstance(s, InputNorm)
    }
    generator = torch.Generator().manual_seed(seed)
    left = (torch.ones(len(layers), dtype=torch.bool) if kept is None else kept).to(device)
    layers = layers.to(device)
    if not scorer.slow:
        return View(model, granularity, layers, gradients, norms, generator, left)
    named = {task.name: task for name in scorer.tasks() for task in tasks[name]}
    return View(model, granularity, layers, gradients, norms, generator, left, calibration, named)


def _checked(contributions: object, scorer: str, granularity: Granularity, layers: Tensor) -> NDArray[np.float32]:
    """A scorer's contributions as an array. They are refused unless each unit has one."""
    if not isinstance(contributions, Tensor):
        raise PluginError(f"scorer '{scorer}' gave a {type(contributions).__name__}, not a tensor")
    if contributions.shape != layers.shape:
        raise PluginError(
            f"scorer '{scorer}' gave {list(contributions.shape)} contributions for {len(layers)} "
            f"{granularity.name} units"
        )
    if contributions.dtype != torch.float32:
        raise PluginError(f"scorer '{scorer}' gave {contributions.dtype}, not torch.float32")
    if contributions.is_meta:
        raise PluginError(f"scorer '{scorer}' gave a tensor on the device meta, which has no values")
    array: NDArray[np.float32] = contributions.detach().cpu().numpy()
    if not np.isfinite(array).all():
        bad = int((~np.isfinite(array)).sum())
        raise PluginError(f"scorer '{scorer}' gave {bad} {granularity.name} contributions that are not finite")
    return array
