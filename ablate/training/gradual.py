"""Prunes while a model trains: a little more each time, by contributions scored anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn
from transformers import TrainerCallback, TrainerState

from ablate.granularities.units import Units
from ablate.models.model import Model
from ablate.models.weights import Weights
from ablate.training.checkpoints import KeepMask
from ablate.training.sparse import UnderMask

Prune = Callable[[Weights, float, Units], Units]
"""Current weights, the fraction of the final sparsity, the mask in force -> the mask that is to be in force."""


class Gradual(TrainerCallback):
    """Lets a mask grow.

    Args:
        model: whose units the mask has. backbone: the copy of its backbone that is trained.
        schedule: training step after which to prune -> fraction of the final sparsity that is then removed.
        under: puts a mask in force. mask: keeps it with the checkpoints.
    """

    def __init__(
        self,
        model: Model,
        backbone: nn.Module,
        schedule: Mapping[int, float],
        prune: Prune,
        under: UnderMask,
        mask: KeepMask,
    ) -> None:
        self._model, self._backbone, self._schedule, self._prune = model, backbone, schedule, prune
        self._under, self._mask = under, mask

    def on_step_end(self, args: Any, state: TrainerState, control: Any, optimizer: Any = None, **kwargs: Any) -> None:
        fraction = self._schedule.get(state.global_step)
        if fraction is None:
            return
        current = {name: parameter.detach().cpu() for name, parameter in self._backbone.named_parameters()}
        self._mask.units = self._prune(current, fraction, self._mask.units)
        self._under.set(self._mask.units.keep(self._model), getattr(optimizer, "optimizer", optimizer))
