"""Whole encoder layers, and their attention and FFN blocks, as units."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import ClassVar, NamedTuple

import torch
from pydantic import Field
from torch import Tensor

from ablate.plugin_api import Granularity, Layer, Model, Rows, hookimpl

ablate_api = 3


class Unit(NamedTuple):
    """carriers: the output projections of its blocks. producers: the rows that serve nothing but these."""

    carriers: tuple[str, ...]
    producers: tuple[Rows, ...]


class Blocks(Granularity):
    """Units of whole blocks. Of a block that is removed the bias of its output projection stays, and adds as before.

    That is as with heads and neurons: all heads of a layer removed are its attention block removed.
    """

    min_keep: int = Field(default=0, ge=0, description="units that every layer keeps")

    @abstractmethod
    def split(self, layer: Layer) -> tuple[Unit, ...]:
        """The layer's units, in the order of the data flow."""

    def units(self, model: Model) -> list[Unit]:
        return [unit for layer in model.architecture.layers for unit in self.split(layer)]

    def layers(self, model: Model) -> Tensor:
        counts = torch.tensor([len(self.split(layer)) for layer in model.architecture.layers])
        return torch.repeat_interleave(torch.arange(len(counts)), counts)

    def carriers(self, model: Model) -> tuple[str, ...]:
        return tuple(name for unit in self.units(model) for name in unit.carriers)

    def reduce(self, model: Model, values: Mapping[str, Tensor]) -> Tensor:
        sums = [torch.stack([values[name].sum() for name in unit.carriers]).sum() for unit in self.units(model)]
        return torch.stack(sums)

    def keep(self, model: Model, mask: Tensor) -> dict[str, Tensor]:
        kept: dict[str, Tensor] = {}
        for unit, stays in zip(self.units(model), mask.tolist(), strict=True):
            if stays:
                continue
            produced = [name for rows in unit.producers for name in rows.parameters(model.backbone)]
            for name in (*(f"{carrier}.weight" for carrier in unit.carriers), *produced):
                kept[name] = torch.zeros_like(model.backbone.get_parameter(name), dtype=torch.bool)
        return kept


class EncoderLayer(Blocks):
    """A layer: its attention and its FFN block together, one unit a layer."""

    name: ClassVar[str] = "layer"
    help: ClassVar[str] = "whole encoder layers: attention and FFN block together"

    def split(self, layer: Layer) -> tuple[Unit, ...]:
        attention, ffn = _blocks(layer)
        return (Unit(attention.carriers + ffn.carriers, attention.producers + ffn.producers),)


class Block(Blocks):
    """A layer's attention block or its FFN block, two units a layer."""

    name: ClassVar[str] = "block"
    help: ClassVar[str] = "whole attention blocks and whole FFN blocks"

    def split(self, layer: Layer) -> tuple[Unit, ...]:
        return _blocks(layer)


def _blocks(layer: Layer) -> tuple[Unit, Unit]:
    attention = Unit((layer.attention_output,), layer.query + layer.key_value)
    return attention, Unit((layer.ffn_out,), layer.ffn_in)


@hookimpl
def ablate_register_granularities(register: Callable[[type[Granularity]], None]) -> None:
    for granularity in (EncoderLayer, Block):
        register(granularity)
