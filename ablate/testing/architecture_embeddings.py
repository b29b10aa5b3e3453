"""Checks of a family's embeddings: they are those of sentence-transformers, whatever the padding and the length."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TypedDict

import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor
from transformers import PreTrainedModel

from ablate.errors import one_line
from ablate.interrupts import any_failure
from ablate.models.encode import encode, prepare
from ablate.models.family import Family
from ablate.models.load import load_model
from ablate.models.materialize import CLOSE, largest_difference
from ablate.models.model import Model
from ablate.models.quiet import quiet
from ablate.models.sizes import sizes_of
from ablate.models.spec import ModelSpec
from ablate.testing.contract import require
from ablate.testing.samples import sample_sentences
from ablate.testing.tiny import MAX_LENGTH, save_tiny, tiny_model


class Sizes(TypedDict):
    layers: int
    heads: int
    width: int
    neurons: int


SIZES: Sizes = {"layers": 3, "heads": 2, "width": 24, "neurons": 40}
"""Other sizes than those of ``tiny_model``, and all of them different."""


def check_sizes(family: Family, who: str) -> None:
    """Checks that ``layer_count`` and ``neuron_count`` name settings of the config, since a plan reads no weights."""
    with tempfile.TemporaryDirectory() as folder:
        sizes = sizes_of(ModelSpec(name=str(save_tiny(Path(folder) / "model", family.name, **SIZES))))
    asked, heads, neurons = SIZES["layers"], SIZES["heads"], SIZES["neurons"]
    for what, expected, found in (
        ("heads of each layer", (heads,) * asked, sizes.heads),
        ("neurons of each layer", (neurons,) * asked, sizes.neurons),
        ("width", SIZES["width"], sizes.width),
    ):
        require(
            expected == found,
            f"{who}: from the config of a tiny model the {what} are {found}, not {expected}; see `layers`, "
            "`layer_count` and `neuron_count`",
        )


def check_library(family: Family, who: str) -> None:
    """Checks that a saved model gives the embeddings of ``SentenceTransformer.encode``, in one batch and one by one."""
    sentences = list(sample_sentences(6))
    with tempfile.TemporaryDirectory() as parent:
        folder = save_tiny(Path(parent) / "model", family.name)
        model = load_model(ModelSpec(name=str(folder)))
        with quiet():
            loaded = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
            expected = loaded.encode(sentences, convert_to_tensor=True)
    require(
        model.architecture.family == family.name,
        f"{who}: a saved model is loaded as '{model.architecture.family}'",
    )
    for how, actual in (
        ("in one batch", encode(model, prepare(model, sentences))),
        ("one by one", torch.cat([encode(model, prepare(model, [sentence])) for sentence in sentences])),
    ):
        _require_close(expected, actual, f"{who}: embeddings {how} differ from those of sentence-transformers")


def check_padding(family: Family, who: str) -> None:
    """Checks that a sentence has the same embedding alone and beside longer ones.

    If the family is ``relative``, also with the padding on the left.
    """
    model = tiny_model(family.name)
    features = model.pad(model.tokenize(list(sample_sentences(6))))
    with torch.no_grad():
        alone = _one_by_one(model, features)
        _require_close(alone, model.embed(features), f"{who}: padding on the right changes embeddings")
        if family.relative:
            told = f"{who}: its `relative` is True, and padding on the left changes embeddings"
            _require_close(alone, model.embed(_shifted(features)), told)


def check_length(family: Family, who: str) -> None:
    """Checks that a model accepts as many tokens as :meth:`Family.positions` says."""
    model = tiny_model(family.name)
    assert isinstance(model.backbone, PreTrainedModel)
    most = family.positions(model.backbone.config)
    # `tiny_model` asks for MAX_LENGTH usable positions.
    require(most >= MAX_LENGTH, f"{who}: positions says {most} tokens for a tiny model that has {MAX_LENGTH}")
    longest = min(most, 2 * MAX_LENGTH)
    error = _error(model, longest)
    require(
        error is None,
        f"{who}: positions says {most} tokens, and a sentence of {longest} fails with {error}; see `padding_offset`",
    )
    if family.padding_offset:
        require(
            _error(model, most + 1) is not None,
            f"{who}: positions says {most} tokens, and a sentence of one more runs: its `padding_offset` is True, but "
            "positions are not numbered from the padding id + 1",
        )


def _error(model: Model, tokens: int) -> str | None:
    """What a sentence of so many tokens raises, in one line."""
    (ids,) = model.tokenize(["a"])
    try:
        with torch.no_grad():
            model.embed(model.pad([ids[:1] + ids[1:2] * (tokens - 2) + ids[-1:]]))
    except any_failure() as error:
        return one_line(error)
    return None


def _one_by_one(model: Model, features: dict[str, Tensor]) -> Tensor:
    lengths = features["attention_mask"].sum(1).tolist()
    rows = [
        model.embed({name: tensor[i : i + 1, : int(length)] for name, tensor in features.items()})
        for i, length in enumerate(lengths)
    ]
    return torch.cat(rows)


def _shifted(features: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same sentences with the padding on the left."""
    longest = features["attention_mask"].shape[1]
    shifts = (longest - features["attention_mask"].sum(1)).tolist()
    return {
        name: torch.stack([row.roll(int(shift)) for row, shift in zip(tensor, shifts, strict=True)])
        for name, tensor in features.items()
    }


def _require_close(expected: Tensor, actual: Tensor, told: str) -> None:
    largest = largest_difference(expected, actual)
    require(largest <= CLOSE, f"{told} by {largest:.1e}")
