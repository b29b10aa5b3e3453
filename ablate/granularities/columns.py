"""Removes columns of one linear module of a layer, in several ways in one pass.

Heads are columns of the attention output projection, and neurons of the second feed-forward matrix. What these columns
are multiplied with does not depend on which of them are removed. So it is recorded, and the modules before it in the
layer do not run again. A removed column is a zero in its input.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from ablate.models.encode import Prepared, TokenBatch, encode
from ablate.models.model import Layer, Model
from ablate.models.replay import (
    Outputs,
    Replay,
    StandIn,
    layers_replayed,
    repeated,
    replaced,
    run_until_stopped,
    stop,
)


@dataclass
class _Known:
    """What modules of a layer receive and return for each batch.

    attention_inputs: of the attention output projection. attended: what it returns, if it comes before the carrier.
    inputs: of the carrier.
    """

    attention_inputs: list[Tensor] = field(default_factory=list)
    attended: list[Tensor] = field(default_factory=list)
    inputs: list[Tensor] = field(default_factory=list)


def without_columns(
    model: Model, prepared: Prepared, number: int, below: Outputs | None, carrier: str, keep: Tensor
) -> Generator[Tensor]:
    """Embeddings without some input columns of ``carrier``, for each way to remove some of them.

    The model's query, key and value must be ``apart``, see :class:`~ablate.models.model.Architecture`.

    As many ways share a pass as fit into the token budget of ``prepared``. If that is one, the embeddings equal those
    of the masked model bit for bit; if it is more, to the rounding of float32.

    Args:
        number: of the layer that ``carrier`` is in.
        below: what the layer below returns for each batch; None for the first layer.
        carrier: the name of the attention output projection or of the second feed-forward matrix.
        keep: bool [ways, columns], at least one, True = keep.

    Yields:
        float32 [sentences, dim], in the order of ``keep``.
    """
    layer = model.architecture.layers[number]
    with layers_replayed(model, number, below) as replay:
        known = _known(model, prepared, layer, carrier, replay)
    largest = max((batch.features["input_ids"].numel() for batch in prepared.batches), default=1)
    for part in torch.split(keep.to(model.device), max(1, prepared.token_budget // largest)):
        copies = len(part)
        with (
            layers_replayed(model, number, below, copies) as lower,
            _fed(model, layer, carrier, known, part, lower) as replay,
        ):
            embeddings = encode(model, _copied(prepared, copies), replay)
        yield from embeddings.view(copies, prepared.sentences, -1)


def _known(model: Model, prepared: Prepared, layer: Layer, carrier: str, replay: Replay) -> _Known:
    known = _Known()
    projection, module = (model.backbone.get_submodule(name) for name in (layer.attention_output, carrier))

    def on_projection(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        known.attention_inputs.append(inputs[0])
        known.attended.append(output)

    def on_carrier(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        known.inputs.append(inputs[0])
        stop()

    handle = projection.register_forward_hook(on_projection)
    try:
        run_until_stopped(model, prepared, module.register_forward_pre_hook(on_carrier), replay)
    finally:
        handle.remove()
    return known


@contextmanager
def _fed(model: Model, layer: Layer, carrier: str, known: _Known, keep: Tensor, lower: Replay) -> Iterator[Replay]:
    """``carrier`` gets its recorded inputs, one copy for each way to remove columns; modules before it do not run.

    Attention and the activation still run, on the outputs of stand-ins, and their results are discarded. The saving is
    in the matrix products.
    """
    copies = len(keep)
    attention, attended, given = StandIn(), StandIn(), StandIn()
    first = carrier == layer.attention_output

    def replay(batch: int) -> None:
        lower(batch)
        inputs = known.inputs[batch]
        given.output = inputs.where(keep[:, None, None, :], 0.0).flatten(0, 1)
        attention.output = repeated((known.inputs if first else known.attention_inputs)[batch], copies)
        if not first:
            attended.output = repeated(known.attended[batch], copies)

    stand_ins = {rows.name: attention for rows in layer.query + layer.key_value}
    if not first:
        stand_ins |= {layer.attention_output: attended, **{rows.name: given for rows in layer.ffn_in}}
    handle = model.backbone.get_submodule(carrier).register_forward_pre_hook(lambda *_: (given.output,))
    try:
        with replaced(model, stand_ins):
            yield replay
    finally:
        handle.remove()


def _copied(prepared: Prepared, copies: int) -> Prepared:
    """Every batch with its sentences several times. The sentences of the second copy come after those of the first."""
    if copies == 1:
        return prepared
    batches = tuple(
        TokenBatch(
            torch.cat([batch.rows + copy * prepared.sentences for copy in range(copies)]),
            {name: repeated(tensor, copies) for name, tensor in batch.features.items()},
        )
        for batch in prepared.batches
    )
    return Prepared(prepared.sentences * copies, prepared.token_budget, batches)
