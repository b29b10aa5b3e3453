"""How token embeddings become one embedding of a sentence, for a checkpoint that does not say or a spec that overrides.

``max``, ``lasttoken`` and ``weightedmean`` are those of sentence-transformers, and run in its own module.
``avg_first_last`` and ``avg_top2`` are SimCSE's: the mean over tokens of the average of two layers' outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import torch
from sentence_transformers.sentence_transformer import modules
from sentence_transformers.sentence_transformer.modules import Transformer
from torch import Tensor, nn
from transformers import PreTrainedModel

from ablate.models.spec import Pooling

Embed = Callable[[Mapping[str, Tensor]], Tensor]

LIBRARY = ("max", "lasttoken", "weightedmean")
"""The modes that only the module of sentence-transformers computes."""

# The output of the embeddings is number 0. SimCSE took it for the first layer until January 2022 (its issue 133).
LAYERS: dict[str, tuple[int, int]] = {"avg_first_last": (1, -1), "avg_top2": (-2, -1)}
"""The modes that average two layers -> the numbers of these layers' outputs in ``hidden_states``."""


def embed_by(backbone: PreTrainedModel, pooling: Pooling) -> Embed:
    """The function from features, padded on the right, to embeddings [batch, width], which are not normalized."""
    library = modules.Pooling(1, cast(Any, pooling)) if pooling in LIBRARY else None
    pair = LAYERS.get(pooling)

    def embed(features: Mapping[str, Tensor]) -> Tensor:
        output = backbone(**features, **({"output_hidden_states": True} if pair else {}))
        if pooling == "cls":
            return cast(Tensor, output.pooler_output)
        if pooling == "cls_before_pooler":
            return cast(Tensor, output.last_hidden_state[:, 0])
        mask = features["attention_mask"]
        if pair:
            one, other = (_accurate(output.hidden_states[number]) for number in pair)
            return _mean((one + other) / 2, mask)
        tokens = _accurate(output.last_hidden_state)
        if library is None:
            return _mean(tokens, mask)
        pooled = library({"token_embeddings": tokens, "attention_mask": mask})
        return cast(Tensor, pooled["sentence_embedding"])

    return embed


def pooling_modules(pooling: Pooling, width: int, layers: int) -> list[nn.Module]:
    """The modules of sentence-transformers that do the same after a Transformer module; not for ``cls``.

    Those of :data:`LAYERS` need a backbone whose config has ``output_hidden_states: true``.

    Args:
        width: of the token embeddings.
        layers: how many the backbone has.
    """
    if pooling not in LAYERS:
        mode = "cls" if pooling == "cls_before_pooler" else pooling
        return [modules.Pooling(width, cast(Any, mode))]
    numbers = [number % (layers + 1) for number in LAYERS[pooling]]
    start = min(numbers)
    weights = torch.zeros(layers + 1 - start)
    for number in numbers:
        weights[number - start] += 1
    average = modules.WeightedLayerPooling(width, layers, start, nn.Parameter(weights))
    return [average, modules.Pooling(width, "mean")]


def reads_layers(transformer: Transformer) -> bool:
    """Whether a Transformer module hands on the outputs of several layers of its backbone, not of the last alone."""
    names = transformer.modality_config["text"]["method_output_name"]
    return bool(getattr(transformer.model.config, "output_hidden_states", False)) or "hidden_states" in (names or ())


def _accurate(tokens: Tensor) -> Tensor:
    # bf16 has no odd integers above 256, and a sum over tokens would lose most of its digits.
    return tokens.float() if tokens.dtype.itemsize < 4 else tokens


def _mean(tokens: Tensor, attention_mask: Tensor) -> Tensor:
    mask = attention_mask.unsqueeze(-1).to(tokens.dtype)
    return (tokens * mask).sum(1) / mask.sum(1)
