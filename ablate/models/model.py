"""A loaded sentence encoder, in the form that the rest of ablate uses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

import torch
from torch import Tensor, nn

from ablate.models.guard import Guard


@dataclass(frozen=True)
class Layer:
    """The linear modules of an encoder layer, by their names in the backbone, and its heads.

    The weight of ``query`` is [heads × head_size, width], of ``attention_output`` [width, heads × head_size],
    of ``ffn_in`` [neurons, width] and of ``ffn_out`` [width, neurons].
    """

    query: str
    key: str
    value: str
    attention_output: str
    ffn_in: str
    ffn_out: str
    heads: int
    head_size: int

    @property
    def linears(self) -> tuple[str, ...]:
        """The six prunable modules, in the order of the data flow."""
        return self.query, self.key, self.value, self.attention_output, self.ffn_in, self.ffn_out

    @property
    def path(self) -> str:
        """The name of the layer's own module: the common beginning of the names of all six."""
        columns = zip(*(name.split(".") for name in self.linears), strict=False)
        return ".".join(parts[0] for parts in takewhile(lambda parts: len(set(parts)) == 1, columns))


@dataclass(frozen=True)
class Architecture:
    """Where a model keeps its heads and neurons. ``family`` is the config's ``model_type``."""

    family: str
    layers: tuple[Layer, ...]


@dataclass(frozen=True)
class Encoding:
    """The settings, besides the weights, on which embeddings depend. Part of every key of a result.

    pooling: a name, see :class:`~ablate.models.spec.ModelSpec`, or a fingerprint of the model's own modules.
    prompt: prepended to each sentence; usually empty.
    max_length: tokens, special ones included; longer sentences are truncated at the end.
    precision: of the scores; always ``float32``. A result that was evaluated in another one has it in its key.
    """

    pooling: str
    prompt: str
    max_length: int
    precision: str = "float32"

    def as_dict(self) -> dict[str, Any]:
        # Not `asdict`, whose copies take a third of the time to plan a large grid.
        return dict(vars(self))


@dataclass(frozen=True)
class Model:
    """An encoder with its tokenizer.

    name: as the recipe names it.
    hash: sha256 of weights, config and tokenizer.
    backbone: the transformer (evaluation mode, float32); the names in ``architecture`` are relative to it.
    embed: features (``input_ids``, ``attention_mask``, … each [batch, tokens]) -> embeddings [batch, dim],
        differentiable, **not** normalized unless the model's own modules do so.
    tokenize: sentences -> token ids of each, special tokens included, truncated, not padded.
    pad: token-id lists -> features for ``embed``, padded to the longest, on the model's device.
    network: everything that ``embed`` runs: the backbone, and the modules behind it.
    guard: held by the thread that changes the backbone; copies by ``dataclasses.replace`` share backbone and guard.
    reads_layers: whether ``embed`` uses the outputs of several layers, not of the last alone. If so, every pass runs
        all layers, see :mod:`ablate.models.replay`.
    remarks: what a user should know of how the model was loaded, one line each, such as weights that are not used.
    """

    name: str
    hash: str
    backbone: nn.Module
    architecture: Architecture
    encoding: Encoding
    embed: Callable[[Mapping[str, Tensor]], Tensor]
    tokenize: Callable[[list[str]], list[list[int]]]
    pad: Callable[[list[list[int]]], dict[str, Tensor]]
    network: nn.Module
    guard: Guard = field(default_factory=Guard, compare=False, repr=False)
    reads_layers: bool = False
    remarks: tuple[str, ...] = ()

    @property
    def device(self) -> torch.device:
        """The device that all its tensors are on."""
        return next(self.backbone.parameters()).device

    def weight(self, linear: str) -> nn.Parameter:
        """The weight matrix [out, in] of a linear module, by its name in the backbone."""
        parameter = self.backbone.get_submodule(linear).weight
        assert isinstance(parameter, nn.Parameter)
        return parameter
