"""Computes the layers below the first changed one once, for all cells that are evaluated on the same sentences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import MappingProxyType

import torch

from ablate.models.device import out_of_memory
from ablate.models.encode import Prepared, TokenBatch, encode
from ablate.models.masked import masked
from ablate.models.memory import room_to_record
from ablate.models.model import Model
from ablate.models.replay import Outputs, layers_replayed, recorded
from ablate.models.spec import Precision

DENSE: Mapping[str, torch.Tensor] = MappingProxyType({})
"""What the dense model keeps of the parameters: all of every one."""


@dataclass
class LowerLayers:
    """Encodes sentences under one mask after another, and keeps outputs of layers that no mask has changed so far.

    It relies on the weights being the same each time. The outputs that were used longest ago make room for others.

    prepared: the sentences.
    precision: in which the model runs; the caller sees to that.
    room: the most bytes that it keeps; by default what :func:`~ablate.models.memory.room_to_record` says when they are
        needed.
    base: what the model keeps from which the masks differ little; layers where a mask is like it are unchanged.
    """

    model: Model
    prepared: Prepared
    precision: Precision
    room: int | None = None
    base: Mapping[str, torch.Tensor] = field(default_factory=lambda: DENSE)
    _outputs: dict[int, Outputs] = field(default_factory=dict)
    """How many layers there are up to an output -> that output, for each batch. The last used is the last."""
    _batches: tuple[TokenBatch, ...] = ()
    """The batches that the outputs are of."""

    def encode(self, keep: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Embeds the sentences with the model without what ``keep`` removes, as :func:`ablate.models.encode.encode`.

        The result is the same bit for bit as if all layers had run.

        Raises:
            ModelError: another thread has the model.
            DeviceFull: the memory of the device is too small for one sentence.
        """
        changed = {name: kept for name, kept in keep.items() if not kept.all()}
        unchanged = unchanged_layers(self.model, differences(changed, self.base))
        with masked(self.model, changed):
            if unchanged in (0, len(self.model.architecture.layers)) or not self.model.replays:
                # There is nothing to save, or this is the base, such as the dense model, which is evaluated once.
                return encode(self.model, self.prepared)
            try:
                return self._encode(unchanged)
            except RuntimeError as error:
                if not out_of_memory(error):
                    raise
                # What is recorded takes memory too. The traceback holds the tensors of the failed pass.
                error.__traceback__ = None
                self._outputs.clear()
                return encode(self.model, self.prepared)

    def _encode(self, unchanged: int) -> torch.Tensor:
        """Encodes under the mask in force, which leaves this many of the lowest layers as they are."""
        if self._batches is not self.prepared.batches:  # they were halved
            self._outputs.clear()
            self._batches = self.prepared.batches
        known = max((count for count in self._outputs if count <= unchanged), default=0)
        outputs = self._outputs.pop(known, None)
        if outputs is not None:
            self._outputs[known] = outputs
        recording = known < unchanged and self._make_room()
        with ExitStack() as stack:
            new = stack.enter_context(recorded(self.model, unchanged - 1)) if recording else None
            replay = stack.enter_context(layers_replayed(self.model, known, outputs)) if known else None
            embeddings = encode(self.model, self.prepared, replay)
        # Halved again during the pass: then the outputs are of batches of both kinds.
        if new is not None and self._batches is self.prepared.batches:
            self._outputs[unchanged] = new
        return embeddings

    def _make_room(self) -> bool:
        """Whether one more layer can be recorded, after those that were used longest ago have made room."""
        width = self.model.weight(self.model.architecture.layers[0].ffn_out).shape[0]
        item = 4 if self.precision == "float32" else 2
        bytes_of_layer = self.prepared.tokens * width * item
        if self.room is None:
            self.room = room_to_record(self.model.device)
        if bytes_of_layer > self.room:
            return False
        while (len(self._outputs) + 1) * bytes_of_layer > self.room:
            del self._outputs[next(iter(self._outputs))]
        return True


def differences(keep: Mapping[str, torch.Tensor], base: Mapping[str, torch.Tensor]) -> set[str]:
    """The parameters of which one keeps something that the other removes."""
    return {name for name in keep.keys() | base.keys() if not _alike(keep.get(name), base.get(name))}


def _alike(one: torch.Tensor | None, other: torch.Tensor | None) -> bool:
    if one is None or other is None:
        kept = one if other is None else other
        return kept is None or bool(kept.all())
    return torch.equal(one, other)


def unchanged_layers(model: Model, names: Iterable[str]) -> int:
    """How many of the lowest layers have none of these parameters.

    It is 0 if one of them belongs to no layer, such as an embedding.
    """
    paths = [f"{layer.path}." for layer in model.architecture.layers]
    layer_of = (next((n for n, path in enumerate(paths) if name.startswith(path)), 0) for name in names)
    return min(layer_of, default=len(paths))
