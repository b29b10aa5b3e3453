"""Prunes a model in steps while it trains, each time by newly computed contributions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn
from transformers import TrainerCallback, TrainerState

from ablate.granularities.units import Units
from ablate.models.model import Model
from ablate.models.weights import Weights
from ablate.training.checkpoints import SaveMask
from ablate.training.enforce_mask import EnforceMask

Prune = Callable[[Weights, float, Units], Units]
"""Current weights, fraction of the final sparsity, mask in force -> the next mask."""


class GradualPruning(TrainerCallback):
    """Replaces the mask after the steps of a schedule.

    Args:
        model: the model whose units the mask has.
        backbone: the copy of its backbone that is trained.
        schedule: training step -> fraction of the final sparsity, see :func:`ablate.recipe.schedule.cubic`.
        enforce: enforces the mask in force.
        save: saves the mask in force.
    """

    def __init__(
        self,
        model: Model,
        backbone: nn.Module,
        schedule: Mapping[int, float],
        prune: Prune,
        enforce: EnforceMask,
        save: SaveMask,
    ) -> None:
        self._model, self._backbone, self._schedule, self._prune = model, backbone, schedule, prune
        self._enforce, self._save = enforce, save

    def on_step_end(self, args: Any, state: TrainerState, control: Any, optimizer: Any = None, **kwargs: Any) -> None:
        fraction = self._schedule.get(state.global_step)
        if fraction is None:
            return
        current = {name: parameter.detach().cpu() for name, parameter in self._backbone.named_parameters()}
        self._save.units = self._prune(current, fraction, self._save.units)
        # Accelerate may wrap the optimizer; the state of its moments belongs to the inner one.
        self._enforce.set_mask(self._save.units.keep(self._model), getattr(optimizer, "optimizer", optimizer))
