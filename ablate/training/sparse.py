"""Keeps the weights that a mask removes at exactly zero while a trainer updates the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle
from transformers import TrainerCallback


class UnderMask(TrainerCallback):
    """Trains under a mask, which may lose more units on the way.

    What is removed has no gradient, so that it counts neither in the gradient's norm nor in the optimizer's state; and
    it is zero again after every step, whatever the optimizer.

    Args:
        backbone: the module that is trained. keep: parameter name -> bool tensor, True = keep; others are kept whole.
    """

    def __init__(self, backbone: nn.Module, keep: Mapping[str, Tensor]) -> None:
        self._parameters = dict(backbone.named_parameters())
        self._gone: dict[str, Tensor] = {}
        self._hooks: list[RemovableHandle] = []
        self.set(keep)

    def set(self, keep: Mapping[str, Tensor], optimizer: torch.optim.Optimizer | None = None) -> None:
        """Puts a mask in force: zeroes what it removes, in the weights and in what the optimizer remembers of them."""
        self.lift()
        self._gone = {name: ~kept for name, kept in keep.items() if not kept.all()}
        for name in self._gone:
            parameter = self._parameters[name]
            hook: RemovableHandle = parameter.register_post_accumulate_grad_hook(self._clear_gradient(name))  # type: ignore[no-untyped-call]
            self._hooks.append(hook)
            self._zero(name, parameter.data)
            for state in (optimizer.state.get(parameter, {}) if optimizer is not None else {}).values():
                if isinstance(state, Tensor) and state.shape == parameter.shape:
                    self._zero(name, state)

    def lift(self) -> None:
        """Removes every hook."""
        for hook in self._hooks:
            hook.remove()
        self._hooks = []

    def on_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        for name in self._gone:
            self._zero(name, self._parameters[name].data)

    def _clear_gradient(self, name: str) -> Callable[[Tensor], None]:
        def clear(parameter: Tensor) -> None:
            assert parameter.grad is not None
            self._zero(name, parameter.grad)

        return clear

    def _zero(self, name: str, tensor: Tensor) -> None:
        # Filled, not multiplied: an infinite gradient under loss scaling times zero would be NaN.
        gone = self._gone[name] = self._gone[name].to(tensor.device)
        tensor.masked_fill_(gone, 0.0)
