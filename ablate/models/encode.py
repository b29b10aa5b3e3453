"""Sentences to embeddings, fast: tokenized once, sorted by length, in batches filled to a token budget."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from ablate.models.model import Model

# MiniLM takes the same processor time at 512, 1024 and 2048 tokens (STS-B dev, within 2 %), and longer at 8192.
TOKEN_BUDGET = 2048


@dataclass(frozen=True)
class TokenBatch:
    """rows: int64 [count], the positions of the sentences. features: what ``Model.embed`` takes, padded."""

    rows: Tensor
    features: Mapping[str, Tensor]


@dataclass(frozen=True)
class Prepared:
    """Tokenized sentences, ready to encode again and again with different weights of the same model.

    sentences: how many.
    tokens: how many with padding, over all batches; encoding time grows about in proportion.
    """

    sentences: int
    tokens: int
    batches: tuple[TokenBatch, ...]


def prepare(model: Model, sentences: Sequence[str], token_budget: int = TOKEN_BUDGET) -> Prepared:
    """Tokenizes each sentence once and batches sentences of like length.

    Args:
        sentences: any number, also none; distinct, or work is done twice.
        token_budget: tokens in a batch with padding (longest × count). A longer sentence is a batch of its own.
    """
    ids = model.tokenize(list(sentences))
    # Stable, so that the batches follow from the sentences alone.
    order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
    with torch.inference_mode(False):
        batches = tuple(
            TokenBatch(torch.tensor(order[a:b]), model.pad([ids[i] for i in order[a:b]]))
            for a, b in pairwise(batch_bounds([len(ids[i]) for i in order], token_budget))
        )
    return Prepared(len(ids), sum(batch.features["input_ids"].numel() for batch in batches), batches)


def batch_bounds(lengths: Sequence[int], token_budget: int) -> list[int]:
    """Cuts ascending ``lengths`` (tokens) into batches; batch b is ``bounds[b]:bounds[b + 1]``."""
    bounds = [0]
    for i, length in enumerate(lengths):
        if i > bounds[-1] and (i + 1 - bounds[-1]) * length > token_budget:
            bounds.append(i)
    if lengths:
        bounds.append(len(lengths))
    return bounds


def encode(model: Model, prepared: Prepared, on_batch: Callable[[int], None] = lambda _: None) -> Tensor:
    """Embeds the sentences with the model's present weights and hooks.

    Args:
        prepared: from :func:`prepare` with this model.
        on_batch: told the number of each batch before the model sees it.

    Returns:
        float32 [sentences, dim], in the order of the sentences, normalized only if the model's own modules do
        so: equal to ``SentenceTransformer.encode`` to 1e-5. An ordinary tensor, not an inference tensor.
    """
    assert not model.backbone.training, "dropout would be on"
    with torch.inference_mode():
        parts = []
        for number, batch in enumerate(prepared.batches):
            on_batch(number)
            parts.append(model.embed(batch.features))
        dim = parts[0].shape[1] if parts else model.embed(model.pad(model.tokenize([""]))).shape[1]
    with torch.inference_mode(False), torch.no_grad():
        embeddings = torch.empty(prepared.sentences, dim)
        for batch, part in zip(prepared.batches, parts, strict=True):
            embeddings[batch.rows] = part
    return embeddings
