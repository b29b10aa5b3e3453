"""Encodes sentences fast: they are tokenized once, sorted by length, and batched up to a budget of tokens."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from ablate.data.items import Role
from ablate.models.device import DeviceFull, label, out_of_memory
from ablate.models.memory import token_budget as default_budget
from ablate.models.model import Model, Reader
from ablate.models.products import inference


@dataclass(frozen=True)
class TokenBatch:
    """A batch of sentences.

    rows: int64 [count], the positions of the sentences in the whole list.
    features: the input of ``Model.embed``, padded, on the model's device.
    role: of all its sentences, if the model reads texts of that role with a prompt of its own.
    """

    rows: Tensor
    features: Mapping[str, Tensor]
    role: Role | None = None


@dataclass
class Prepared:
    """Tokenized sentences, which can be encoded repeatedly with different weights of one model.

    sentences: how many.
    token_budget: the most tokens in a batch, padding included. A sentence that is longer has a batch of its own.
    batches: they become smaller if the memory of the device is full, see :meth:`halve`.
    """

    sentences: int
    token_budget: int
    batches: tuple[TokenBatch, ...]

    @property
    def tokens(self) -> int:
        """The tokens in all batches, padding included. The time to encode is about proportional to it."""
        return sum(batch.features["input_ids"].numel() for batch in self.batches)

    def halve(self, model: Model) -> bool:
        """Divides the same sentences into batches of at most half as many tokens as the largest one has.

        Returns:
            Whether there are smaller batches now; not if each batch has one sentence already.
        """
        if all(len(batch.rows) == 1 for batch in self.batches):
            return False
        largest = max(batch.features["input_ids"].numel() for batch in self.batches if len(batch.rows) > 1)
        by_role: dict[Role | None, tuple[list[list[int]], list[int]]] = {}
        for batch in self.batches:
            ids, rows = by_role.setdefault(batch.role, ([], []))
            counts = batch.features["attention_mask"].sum(1).cpu()
            ids += [row[: int(n)].tolist() for row, n in zip(batch.features["input_ids"].cpu(), counts, strict=True)]
            rows += batch.rows.tolist()
        self.token_budget = largest // 2
        # The old batches are released first.
        del batch
        self.batches = ()
        self.batches = tuple(
            part
            for role, (ids, rows) in by_role.items()
            for part in _batches(model, ids, rows, self.token_budget, role)
        )
        return True


def prepare(
    model: Model, sentences: Sequence[str], token_budget: int | None = None, roles: Sequence[Role | None] = ()
) -> Prepared:
    """Tokenizes each sentence once, and batches sentences of similar length.

    Args:
        sentences: any number, also 0. They should be distinct, since a repeated sentence is encoded again.
        token_budget: the most tokens in a batch; by default what :func:`~ablate.models.memory.token_budget` says.
        roles: of each sentence; empty if no sentence has one. A batch has one role, and only a model with ``readers``
            tells them apart.
    """
    budget = default_budget(model) if token_budget is None else token_budget
    by_role: dict[Role | None, list[int]] = {}
    for i, role in enumerate(roles or (None,) * len(sentences)):
        by_role.setdefault(role if role in model.readers else None, []).append(i)
    batches: list[TokenBatch] = []
    for role, rows in by_role.items():
        ids = _reader(model, role).tokenize([sentences[i] for i in rows])
        # A stable sort, so that the batches depend on nothing but the sentences.
        order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
        batches += _batches(model, [ids[i] for i in order], [rows[i] for i in order], budget, role)
    return Prepared(len(sentences), budget, tuple(batches))


def _reader(model: Model, role: Role | None) -> Model | Reader:
    return model if role is None else model.readers[role]


def _batches(
    model: Model, ids: Sequence[list[int]], rows: Sequence[int], token_budget: int, role: Role | None
) -> tuple[TokenBatch, ...]:
    """Batches of sentences in ascending order of their length. rows: the position of each in the whole list."""
    pad = _reader(model, role).pad
    # Tensors that are made in inference mode could not be used in a gradient pass later.
    with torch.inference_mode(False):
        return tuple(
            TokenBatch(torch.tensor(rows[a:b]), pad(list(ids[a:b])), role)
            for a, b in pairwise(batch_bounds([len(row) for row in ids], token_budget))
        )


def batch_bounds(lengths: Sequence[int], token_budget: int) -> list[int]:
    """Divides sentences into batches.

    Args:
        lengths: tokens of each sentence, ascending.

    Returns:
        ``bounds``, such that batch b holds the sentences ``bounds[b]:bounds[b + 1]``.
    """
    bounds = [0]
    for i, length in enumerate(lengths):
        if i > bounds[-1] and (i + 1 - bounds[-1]) * length > token_budget:
            bounds.append(i)
    if lengths:
        bounds.append(len(lengths))
    return bounds


def encode(model: Model, prepared: Prepared, on_batch: Callable[[int], None] | None = None) -> Tensor:
    """Embeds the sentences with the model's current weights and hooks.

    While another thread holds the model's guard, as under a mask, this waits. If the memory of the device is full, it
    halves the batches of ``prepared`` and tries again, down to one sentence; not with ``on_batch``, whose batches are
    those of the caller.

    Args:
        prepared: from :func:`prepare` with this model.
        on_batch: called with the number of each batch before the model runs on it.

    Returns:
        float32 [sentences, dim] on the CPU, in the order of the sentences, equal to ``SentenceTransformer.encode`` to
        1e-5. Normalized only if the model's own modules do so. An ordinary tensor, not an inference tensor.

    Raises:
        DeviceFull: the memory of the device is too small for one sentence.
    """
    assert not model.backbone.training, "dropout would be on"
    # Not under a mask that another thread has put on the model.
    with model.guard.hold(wait=True):
        while True:
            try:
                return _encode(model, prepared, on_batch)
            except RuntimeError as error:
                if on_batch is not None or not out_of_memory(error):
                    raise
                smaller_batches(model, prepared, error)


def smaller_batches(model: Model, prepared: Prepared, error: RuntimeError) -> None:
    """Halves the batches after an error that says that the memory of the device is full.

    Raises:
        DeviceFull: each batch has one sentence already.
    """
    # The error's traceback holds the frames of the failed pass, and with them its tensors.
    error.__traceback__ = None
    if model.device.type == "cuda":
        torch.cuda.empty_cache()
    if not prepared.halve(model):
        longest = max(batch.features["input_ids"].shape[1] for batch in prepared.batches)
        raise DeviceFull(
            f"the free memory of {label(model.device)} is too small for one sentence of {longest} tokens; end other "
            "programs there, use another device, or lower the model's max_length"
        ) from None


def _encode(model: Model, prepared: Prepared, on_batch: Callable[[int], None] | None) -> Tensor:
    with inference(model.device):
        parts = []
        # `on_batch` lets exact removal set the recorded outputs that this batch replays.
        for number, batch in enumerate(prepared.batches):
            if on_batch is not None:
                on_batch(number)
            parts.append(model.embed(batch.features))
        dim = parts[0].shape[1] if parts else model.embed(model.pad(model.tokenize([""]))).shape[1]
    # Copied out of inference mode: inference tensors cannot take part in a gradient computation later. And moved only
    # now, because a GPU computes while the program goes on, and a move waits for it.
    with torch.inference_mode(False), torch.no_grad():
        embeddings = torch.empty(prepared.sentences, dim)
        for batch, part in zip(prepared.batches, parts, strict=True):
            embeddings[batch.rows] = part.float().cpu()
    return embeddings
