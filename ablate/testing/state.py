"""The state of a model, to check that code which borrows the model gives it back bit for bit."""

from __future__ import annotations

import pickle
import random
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from ablate.models.model import Model

_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


@dataclass(frozen=True)
class State:
    """Everything about a backbone that a borrower could change, and the global random states."""

    tensors: dict[str, Tensor]
    trainable: dict[str, bool]
    gradients: dict[str, Tensor | None]
    training: dict[str, bool]
    hooks: dict[str, int]
    random: dict[str, bytes]

    @classmethod
    def of(cls, model: Model) -> State:
        """A copy of the model's current state."""
        parameters = dict(model.backbone.named_parameters())
        modules = dict(model.backbone.named_modules())
        return cls(
            tensors={name: tensor.clone() for name, tensor in model.backbone.state_dict().items()},
            trainable={name: p.requires_grad for name, p in parameters.items()},
            gradients={name: None if p.grad is None else p.grad.clone() for name, p in parameters.items()},
            training={name: module.training for name, module in modules.items()},
            hooks={name: _hooks(module) for name, module in modules.items()},
            random={
                "torch": torch.get_rng_state().numpy().tobytes(),
                "numpy": pickle.dumps(np.random.get_state()),
                "random": pickle.dumps(random.getstate()),
            },
        )

    def changes(self, model: Model) -> list[str]:
        """The differences between this state and the model's current one, each in one line."""
        now = State.of(model)
        changes = [f"tensor '{name}' is gone or new" for name in sorted(self.tensors.keys() ^ now.tensors.keys())]
        changes += [
            f"the values of '{name}' changed"
            for name, before in self.tensors.items()
            if name in now.tensors and not same_bits(before, now.tensors[name])
        ]
        for before, after, what in (
            (self.trainable, now.trainable, "requires_grad"),
            (self.training, now.training, "the mode (train or eval)"),
            (self.hooks, now.hooks, "the number of hooks"),
        ):
            changes += [
                f"{what} of '{name}' changed: {before[name]} -> {after.get(name)}"
                for name in before
                if before[name] != after.get(name)
            ]
        changes += [
            f"'{name}' has another .grad than before"
            for name, gradient in self.gradients.items()
            if not _same_gradient(gradient, now.gradients.get(name))
        ]
        changes += [
            f"the global random state of {library} moved; draw from a generator of your own"
            for library, before in self.random.items()
            if before != now.random[library]
        ]
        return changes


def same_bits(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors are equal in type, shape and every bit: 0.0 and -0.0 differ, a NaN equals itself."""
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    # As bytes, because as numbers 0.0 equals -0.0, and a NaN does not equal itself.
    return torch.equal(a.contiguous().view(-1).view(torch.uint8), b.contiguous().view(-1).view(torch.uint8))


def _same_gradient(a: Tensor | None, b: Tensor | None) -> bool:
    if a is None or b is None:
        return a is b
    return same_bits(a, b)


def _hooks(module: nn.Module) -> int:
    return sum(len(getattr(module, name)) for name in _HOOKS)
