"""A loaded sentence encoder, in the form that the rest of ablate uses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from ablate.data.items import Role
from ablate.models.guard import Guard


@dataclass(frozen=True)
class Rows:
    """Rows of a parameter that produce a layer's units. Each unit has an equal share of them, in the units' order.

    name: of a linear module, whose weight and bias have these rows, or of a parameter, in the backbone.
    start: the first row.
    count: how many there are.
    """

    name: str
    start: int
    count: int

    def parameters(self, backbone: nn.Module) -> tuple[str, ...]:
        """The names of the parameters that have these rows."""
        parent, _, own = self.name.rpartition(".")
        module = backbone.get_submodule(parent)
        if own in dict(module.named_parameters(recurse=False)):
            return (self.name,)
        linear = backbone.get_submodule(self.name)
        return tuple(f"{self.name}.{name}" for name, _ in linear.named_parameters(recurse=False))

    def spread(self, units: Tensor, rows: int) -> Tensor:
        """bool [rows] of the whole parameter from bool [units], True = keep. Rows of other units are kept."""
        kept = torch.ones(rows, dtype=torch.bool, device=units.device)
        kept[self.start : self.start + self.count] = units.repeat_interleave(self.count // len(units))
        return kept


@dataclass(frozen=True)
class Layer:
    """The linear modules of an encoder layer, by their names in the backbone, and what produces its units.

    The weight of ``attention_output`` is [width, heads × head_size], and that of ``ffn_out`` is [width, neurons].

    path: of the layer's own module.
    linears: the prunable modules, in the order of the data flow.
    query: what produces one query head alone.
    key_value: what produces one key/value head, which ``heads / groups`` query heads share.
    ffn_in: what produces one neuron; in a gated FFN there are two of them.
    groups: how many key/value heads there are; as many as ``heads`` unless queries are grouped.
    """

    path: str
    linears: tuple[str, ...]
    query: tuple[Rows, ...]
    key_value: tuple[Rows, ...]
    attention_output: str
    ffn_in: tuple[Rows, ...]
    ffn_out: str
    heads: int
    groups: int
    head_size: int


@dataclass(frozen=True)
class Architecture:
    """Where a model keeps its heads and neurons.

    family: the config's ``model_type``.
    layers: those with weights of their own. One whose weights are used in several places is listed once.
    in_order: whether each layer runs once, one after the other. Only then is there anything below a layer.
    apart: whether query, key and value are modules of their own that run once, on the layer's input.
    """

    family: str
    layers: tuple[Layer, ...]
    in_order: bool = True
    apart: bool = True


@dataclass(frozen=True)
class Encoding:
    """The settings, besides the weights, on which embeddings depend. Part of every key of a result.

    pooling: a name, see :class:`~ablate.models.spec.ModelSpec`, or a fingerprint of the model's own modules.
    prompt: prepended to each sentence; usually empty.
    max_length: tokens, special ones included; longer sentences are truncated at the end.
    precision: of the scores; always ``float32``. A result that was evaluated in another one has it in its key.
    roles: role -> what is prepended to texts of that role, in place of ``prompt``; empty if all texts get the same.
    """

    pooling: str
    prompt: str
    max_length: int
    precision: str = "float32"
    roles: tuple[tuple[Role, str], ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """What is in every key; that of a result on texts with roles has ``roles`` too."""
        # Not `asdict`, whose copies take a third of the time to plan a large grid.
        return {name: value for name, value in vars(self).items() if name != "roles"}


@dataclass(frozen=True)
class Reader:
    """How a model reads texts of one role. tokenize, pad: as those of :class:`Model`, with the prompt of the role."""

    tokenize: Callable[[list[str]], list[list[int]]]
    pad: Callable[[list[list[int]]], dict[str, Tensor]]


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
    readers: how it reads texts of each role; empty if it encodes all texts alike.
    prompts: those of its folder by name, of which ``encoding`` has what texts get; empty if the recipe chooses one.
    similarity: the similarity that its folder asks for, as sentence-transformers calls it (``cosine``, ``dot``).
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
    readers: Mapping[Role, Reader] = field(default_factory=dict, compare=False, repr=False)
    prompts: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)
    similarity: str = field(default="cosine", compare=False, repr=False)

    @property
    def replays(self) -> bool:
        """Whether a pass may replay recorded outputs of lower layers in place of running these layers."""
        return self.architecture.in_order and not self.reads_layers

    @property
    def device(self) -> torch.device:
        """The device that all its tensors are on."""
        return next(self.backbone.parameters()).device

    def weight(self, linear: str) -> nn.Parameter:
        """The weight matrix [out, in] of a linear module, by its name in the backbone."""
        parameter = self.backbone.get_submodule(linear).weight
        assert isinstance(parameter, nn.Parameter)
        return parameter
