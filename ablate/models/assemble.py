"""Puts a backbone, its tokenizer and a way to pool together as a `Model`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from ablate.errors import ModelError
from ablate.models.architectures import architecture_of, usable_positions
from ablate.models.fingerprint import model_hash, modules_fingerprint
from ablate.models.model import Encoding, Model
from ablate.models.spec import Pooling

Embed = Callable[[Mapping[str, Tensor]], Tensor]


def fast(name: str, tokenizer: object) -> PreTrainedTokenizerFast:
    """The tokenizer, if it is of the kind that can be hashed.

    Raises:
        ModelError: it is not.
    """
    if not isinstance(tokenizer, PreTrainedTokenizerFast):
        kind = type(tokenizer).__name__
        raise ModelError(f"model '{name}': a {kind} is not a fast tokenizer; save it with a tokenizer.json")
    return tokenizer


def pooled(
    name: str,
    backbone: PreTrainedModel,
    tokenizer: PreTrainedTokenizerFast,
    pooling: Pooling,
    *,
    prompt: str = "",
    max_length: int | None = None,
) -> Model:
    """A model of a backbone and one pooling, not normalized.

    Args:
        backbone: float32, in evaluation mode.
        prompt: prepended to each sentence, and pooled over like the rest.
        max_length: tokens; by default as many as tokenizer and backbone allow.

    Raises:
        ModelError: an unsupported architecture, no pooler where one is asked for, or too long a ``max_length``.
    """
    if pooling == "cls" and getattr(backbone, "pooler", None) is None:
        raise ModelError(
            f"model '{name}': has no pooler, which `pooling: cls` needs; choose `cls_before_pooler` or `mean`"
        )

    def embed(features: Mapping[str, Tensor]) -> Tensor:
        output = backbone(**features)
        if pooling == "cls":
            return cast(Tensor, output.pooler_output)
        tokens: Tensor = output.last_hidden_state
        if pooling == "cls_before_pooler":
            return tokens[:, 0]
        mask = features["attention_mask"].unsqueeze(-1).to(tokens.dtype)
        return (tokens * mask).sum(1) / mask.sum(1)

    tensors = _tensors(backbone, needs_pooler=pooling == "cls")
    encoding = Encoding(pooling, prompt, _max_length(name, backbone, tokenizer, max_length))
    return _assemble(name, backbone, tokenizer, embed, encoding, tensors)


def own_modules(
    name: str,
    loaded: SentenceTransformer,
    backbone: PreTrainedModel,
    tokenizer: PreTrainedTokenizerFast,
    prompt: str,
    *,
    needs_pooler: bool,
    max_length: int | None,
) -> Model:
    """A model of all the modules of a SentenceTransformer; the embeddings are those of its ``encode``.

    Args:
        backbone, tokenizer: of its first module.
        needs_pooler: whether its modules use the backbone's pooler.

    Raises:
        ModelError: an unsupported architecture, or too long a ``max_length``.
    """
    extra: dict[str, Any] = {}
    if prompt:
        # How many tokens a pooling module that leaves out the prompt has to skip.
        extra["prompt_length"] = loaded.preprocess([""], prompt=prompt)["prompt_length"]

    def embed(features: Mapping[str, Tensor]) -> Tensor:
        embeddings: Tensor = loaded({**features, **extra})["sentence_embedding"]
        return embeddings[:, : loaded.truncate_dim]

    modules = list(loaded)
    tensors = _tensors(backbone, needs_pooler)
    for i, module in enumerate(modules[1:], 1):
        tensors |= {f"modules.{i}.{key}": tensor for key, tensor in module.state_dict().items()}
    pooling = modules_fingerprint(modules, loaded.truncate_dim)
    encoding = Encoding(pooling, prompt, _max_length(name, backbone, tokenizer, max_length))
    return _assemble(name, backbone, tokenizer, embed, encoding, tensors)


def _tensors(backbone: PreTrainedModel, needs_pooler: bool) -> dict[str, Tensor]:
    """What of the backbone's weights has a part in the embeddings."""
    state = backbone.state_dict()
    return {key: tensor for key, tensor in state.items() if needs_pooler or not key.startswith("pooler.")}


def _assemble(
    name: str,
    backbone: PreTrainedModel,
    tokenizer: PreTrainedTokenizerFast,
    embed: Embed,
    encoding: Encoding,
    tensors: Mapping[str, Tensor],
) -> Model:
    _check_tokenizer(name, backbone, tokenizer)
    other = sorted(k for k, t in tensors.items() if t.is_floating_point() and t.dtype != torch.float32)
    if other:
        raise ModelError(f"model '{name}': '{other[0]}' is {tensors[other[0]].dtype}, not float32")
    pad_id = tokenizer.pad_token_id

    def tokenize(sentences: list[str]) -> list[list[int]]:
        if not sentences:
            return []
        texts = [encoding.prompt + sentence for sentence in sentences]
        tokens = tokenizer(texts, truncation=True, max_length=encoding.max_length)
        return cast(list[list[int]], tokens["input_ids"])

    def pad(ids: list[list[int]]) -> dict[str, Tensor]:
        longest = max(map(len, ids))
        return {
            "input_ids": torch.tensor([row + [pad_id] * (longest - len(row)) for row in ids]),
            "attention_mask": torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in ids]),
        }

    return Model(
        name=name,
        hash=model_hash(tensors, backbone.config, tokenizer),
        backbone=backbone,
        architecture=architecture_of(backbone),
        encoding=encoding,
        embed=embed,
        tokenize=tokenize,
        pad=pad,
    )


def _check_tokenizer(name: str, backbone: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> None:
    rows = len(cast(Tensor, backbone.get_input_embeddings().weight))
    highest = max(tokenizer.get_vocab().values(), default=-1)
    if highest >= rows:
        raise ModelError(f"model '{name}': the tokenizer has token id {highest}, but there are {rows} embeddings")
    if tokenizer.pad_token_id is None:
        raise ModelError(f"model '{name}': the tokenizer has no padding token; set `pad_token` and save it again")
    if tokenizer.padding_side != "right" or tokenizer.truncation_side != "right":
        raise ModelError(f"model '{name}': the tokenizer pads or truncates on the left, which is not supported")


def _max_length(name: str, backbone: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, asked: int | None) -> int:
    usable = usable_positions(backbone.config)
    if asked is not None and asked > usable:
        raise ModelError(f"model '{name}': max_length {asked} is more than the {usable} tokens that it takes")
    return min(tokenizer.model_max_length, usable) if asked is None else asked
