"""Keeps the weights that a mask removes at exactly zero while a trainer updates the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle
from transformers import TrainerCallback


class EnforceMask(TrainerCallback):
    """Enforces a mask during training. The mask may be replaced on the way, see :meth:`set_mask`.

    Removed weights get a zero gradient, so that they affect neither the norm of the gradient nor the state of the
    optimizer. They are also set to zero after every step, because weight decay or momentum may move them.

    Args:
        backbone: the module that is trained.
        keep: parameter name -> bool tensor of the parameter's shape, True = keep. Other parameters are kept whole.
    """

    def __init__(self, backbone: nn.Module, keep: Mapping[str, Tensor]) -> None:
        self._parameters = dict(backbone.named_parameters())
        self._removed: dict[str, Tensor] = {}
        self._hooks: list[RemovableHandle] = []
        self.set_mask(keep)

    def set_mask(self, keep: Mapping[str, Tensor], optimizer: torch.optim.Optimizer | None = None) -> None:
        """Replaces the mask: zeroes what the new one removes, in the weights and in the state of the optimizer."""
        self.remove_hooks()
        self._removed = {name: ~kept for name, kept in keep.items() if not kept.all()}
        for name in self._removed:
            parameter = self._parameters[name]
            hook: RemovableHandle = parameter.register_post_accumulate_grad_hook(self._clear_gradient(name))  # type: ignore[no-untyped-call]
            self._hooks.append(hook)
            self._zero(name, parameter.data)
            for state in (optimizer.state.get(parameter, {}) if optimizer is not None else {}).values():
                if isinstance(state, Tensor) and state.shape == parameter.shape:
                    self._zero(name, state)

    def remove_hooks(self) -> None:
        """Removes every hook from the parameters."""
        for hook in self._hooks:
            hook.remove()
        self._hooks = []

    def on_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        for name in self._removed:
            self._zero(name, self._parameters[name].data)

    def _clear_gradient(self, name: str) -> Callable[[Tensor], None]:
        def clear(parameter: Tensor) -> None:
            assert parameter.grad is not None
            self._zero(name, parameter.grad)

        return clear

    def _zero(self, name: str, tensor: Tensor) -> None:
        removed = self._removed[name] = self._removed[name].to(tensor.device)
        # Not a multiplication by 0: loss scaling may make a gradient infinite, and infinity times 0 is NaN.
        tensor.masked_fill_(removed, 0.0)
