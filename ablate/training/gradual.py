"""Prunes while a model trains: a little more each time, by contributions scored anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn
from transformers import TrainerCallback, TrainerState

from ablate.models.masked import Mask
from ablate.models.weights import Weights
from ablate.training.checkpoints import KeepMask
from ablate.training.sparse import UnderMask

Prune = Callable[[Weights, float, dict[str, Mask]], dict[str, Mask]]
"""Current weights, the fraction of the final sparsity, the mask in force -> the mask that is to be in force."""


class Gradual(TrainerCallback):
    """Args: schedule: step -> fraction. keep_of: a mask's units -> what they keep of each parameter."""

    def __init__(
        self,
        backbone: nn.Module,
        schedule: Mapping[int, float],
        prune: Prune,
        keep_of: Callable[[dict[str, Mask]], dict[str, Tensor]],
        under: UnderMask,
        mask: KeepMask,
    ) -> None:
        self._backbone, self._schedule, self._prune, self._keep_of = backbone, schedule, prune, keep_of
        self._under, self._mask = under, mask

    def on_step_end(self, args: Any, state: TrainerState, control: Any, optimizer: Any = None, **kwargs: Any) -> None:
        fraction = self._schedule.get(state.global_step)
        if fraction is None:
            return
        current = {name: parameter.detach().cpu() for name, parameter in self._backbone.named_parameters()}
        self._mask.units = self._prune(current, fraction, self._mask.units)
        self._under.set(self._keep_of(self._mask.units), getattr(optimizer, "optimizer", optimizer))
