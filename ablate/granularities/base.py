"""A granularity: which units a model has, and which weights go with each."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ablate.models.model import Layer, Model, Rows
from ablate.plugin import Plugin

LAYER = "layer"
"""What the matched draws of a cell have in common with it, unless the granularity says more."""


class Granularity(Plugin):
    """A kind of unit. Units are numbered 0 … units-1, layer by layer.

    min_keep: units that every layer keeps, whatever the sparsity.
    matching: by what :meth:`alike` groups units, in words for tables. It is part of the keys of matched draws, so
        change it whenever :meth:`alike` groups them otherwise.
    """

    matching: ClassVar[str] = LAYER

    min_keep: int = Field(default=1, ge=0, description="units that every layer keeps")

    @abstractmethod
    def layers(self, model: Model) -> Tensor:
        """int64 [units], on the CPU: the encoder layer that each unit is in, from 0; non-decreasing."""

    def alike(self, model: Model) -> Tensor:
        """int64 [units], on the CPU: the group of each unit, by default its layer.

        A matched draw removes as many units of each group as the cell does. A group must not have units of two layers.
        """
        return self.layers(model)

    @abstractmethod
    def carriers(self, model: Model) -> tuple[str, ...]:
        """The linear modules (names within the backbone) whose weights carry the units' output."""

    @abstractmethod
    def reduce(self, model: Model, values: Mapping[str, Tensor]) -> Tensor:
        """Sums a value per weight into a value per unit.

        Args:
            values: for each of :meth:`carriers`, a tensor of its weight's shape, all on one device.

        Returns:
            float32 [units], on the device of the values: for each unit the sum over the weights that carry its output.
        """

    @abstractmethod
    def keep(self, model: Model, mask: Tensor) -> dict[str, Tensor]:
        """Which parameters a mask keeps.

        Args:
            mask: bool [units], on the CPU, True = keep.

        Returns:
            For each parameter (name within the backbone) that loses something, a bool tensor of its shape, on the CPU
            or on the model's device, True = keep. Removing exactly the False ones is what materializing the mask would
            do.
        """

    def identity(self) -> dict[str, Any]:
        # min_keep limits which units may be chosen, and does not change what the units are.
        identity = super().identity()
        identity["parameters"].pop("min_keep")
        return identity


class ColumnGranularity(Granularity):
    """Units whose output is carried by input columns of one linear module in each layer: heads and neurons.

    Such a unit has an exact mask variable for each example, which ``sign: absolute-example`` needs.
    """

    version: ClassVar[int] = 1

    @abstractmethod
    def carrier(self, layer: Layer) -> str:
        """The layer's linear module whose input columns carry the units."""

    @abstractmethod
    def count(self, model: Model, layer: Layer) -> int:
        """The number of units in this layer. Each has an equal share of the carrier's columns."""

    @abstractmethod
    def producers(self, layer: Layer) -> tuple[Rows, ...]:
        """The rows of other parameters that serve nothing but the units' columns."""

    def carriers(self, model: Model) -> tuple[str, ...]:
        return tuple(self.carrier(layer) for layer in model.architecture.layers)

    def layers(self, model: Model) -> Tensor:
        counts = torch.tensor([self.count(model, layer) for layer in model.architecture.layers])
        return torch.repeat_interleave(torch.arange(len(counts)), counts)

    def reduce(self, model: Model, values: Mapping[str, Tensor]) -> Tensor:
        return self.reduce_columns(model, {name: value.sum(0, keepdim=True) for name, value in values.items()})[0]

    def reduce_columns(self, model: Model, values: Mapping[str, Tensor]) -> Tensor:
        """Sums values per example and carrier column, [examples, columns] for each carrier, into [examples, units]."""
        parts = [
            _shares(values[self.carrier(layer)], self.count(model, layer)).sum(2) for layer in model.architecture.layers
        ]
        return torch.cat(parts, 1)

    def columns(self, model: Model, values: Tensor) -> dict[str, Tensor]:
        """A value per unit, [units], as one per column of each carrier, [in_features], by the carriers' names."""
        counts = [self.count(model, layer) for layer in model.architecture.layers]
        return {
            name: units.repeat_interleave(model.weight(name).shape[1] // len(units))
            for name, units in zip(self.carriers(model), torch.split(values, counts), strict=True)
        }

    def keep(self, model: Model, mask: Tensor) -> dict[str, Tensor]:
        kept: dict[str, Tensor] = {}
        for layer, columns in zip(model.architecture.layers, self.columns(model, mask).values(), strict=True):
            if columns.all():
                continue
            kept[f"{self.carrier(layer)}.weight"] = columns.expand(model.weight(self.carrier(layer)).shape)
            # Without its columns, what produces a unit has no effect. It is removed too, so that counting the removed
            # parameters gives what materializing would remove.
            units = columns[:: len(columns) // self.count(model, layer)]
            for rows in self.producers(layer):
                for name in rows.parameters(model.backbone):
                    parameter = model.backbone.get_parameter(name)
                    row = rows.spread(units, len(parameter)).view(-1, *[1] * (parameter.dim() - 1))
                    # A module may hold the rows of several producers.
                    kept[name] = row.expand(parameter.shape) & kept.get(name, row.new_ones(()))
        return kept


def _shares(columns: Tensor, count: int) -> Tensor:
    """[examples, columns] as [examples, count, columns of one unit]."""
    return columns.reshape(len(columns), count, columns.shape[1] // count)
