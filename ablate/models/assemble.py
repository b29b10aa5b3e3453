"""Assembles a `Model` from a backbone, its tokenizer and its pooling."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, cast

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Transformer
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from ablate.data.items import Role
from ablate.errors import ModelError
from ablate.models.architectures import architecture_of, family_of_config
from ablate.models.fingerprint import model_hash, modules_fingerprint
from ablate.models.model import Encoding, Model, Reader
from ablate.models.pooling import LAYERS, Embed, embed_by, reads_layers
from ablate.models.prompts import NO_PROMPT, Prompts
from ablate.models.spec import Pooling


def require_fast(name: str, tokenizer: object) -> PreTrainedTokenizerFast:
    """The tokenizer, which must be a fast one, because only these can be hashed.

    Raises:
        ModelError: the tokenizer is not a fast one.
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
    prompts: Prompts = NO_PROMPT,
    max_length: int | None = None,
) -> Model:
    """A model of a backbone and a pooling. Its embeddings are not normalized.

    Args:
        backbone: float32, in evaluation mode.
        prompts: prepended to sentences; their tokens are pooled like all others.
        max_length: tokens; by default as many as both the tokenizer and the backbone allow.

    Raises:
        ModelError: the architecture is not supported, ``cls`` is given and there is no pooler, or ``max_length`` is too
            long.
    """
    if pooling == "cls" and getattr(backbone, "pooler", None) is None:
        raise ModelError(
            f"model '{name}': has no pooler, which `pooling: cls` needs; choose `cls_before_pooler` or `mean`"
        )

    tensors = _tensors(backbone, needs_pooler=pooling == "cls")
    length = _max_length(name, backbone, tokenizer, max_length)
    encoding = Encoding(pooling, prompts.plain, length, roles=prompts.roles)
    embed = embed_by(backbone, pooling)
    model = _assemble(name, backbone, tokenizer, embed, encoding, tensors, backbone)
    return replace(model, reads_layers=pooling in LAYERS)


def from_modules(
    name: str,
    loaded: SentenceTransformer,
    backbone: PreTrainedModel,
    tokenizer: PreTrainedTokenizerFast,
    prompts: Prompts,
    *,
    needs_pooler: bool,
    max_length: int | None,
) -> Model:
    """A model of all the modules of a SentenceTransformer, with the same embeddings as its ``encode``.

    Of texts with a role, they are those of its ``encode_query`` and ``encode_document``.

    Args:
        backbone, tokenizer: those of the first module.
        needs_pooler: whether the modules use the backbone's pooler.

    Raises:
        ModelError: the architecture is not supported, or ``max_length`` is too long.
    """
    transformer = loaded[0]
    assert isinstance(transformer, Transformer)

    def length_of(prompt: str) -> int:
        return int(loaded.preprocess([""], prompt=prompt)["prompt_length"]) if prompt else 0

    # A pooling module may exclude the prompt, and needs to know how many tokens to skip.
    extra: dict[str, Any] = {"prompt_length": length_of(prompts.plain)} if prompts.plain else {}
    lengths = {role: length_of(text) for role, text in prompts.roles}

    def embed(features: Mapping[str, Tensor]) -> Tensor:
        embeddings: Tensor = loaded({**extra, **features})["sentence_embedding"]
        return embeddings[:, : loaded.truncate_dim]

    modules = list(loaded)
    tensors = _tensors(backbone, needs_pooler)
    for i, module in enumerate(modules[1:], 1):
        tensors |= {f"modules.{i}.{key}": tensor for key, tensor in module.state_dict().items()}
    pooling = modules_fingerprint(modules, loaded.truncate_dim)
    length = _max_length(name, backbone, tokenizer, max_length, own=True)
    encoding = Encoding(pooling, prompts.plain, length, roles=prompts.roles)
    model = _assemble(name, backbone, tokenizer, embed, encoding, tensors, loaded, lengths)
    return replace(model, reads_layers=reads_layers(transformer))


def _tensors(backbone: PreTrainedModel, needs_pooler: bool) -> dict[str, Tensor]:
    """The weights of the backbone on which the embeddings depend, by name."""
    # Two checkpoints that differ only in an unused pooler must have the same hash.
    state = backbone.state_dict()
    return {key: tensor for key, tensor in state.items() if needs_pooler or not key.startswith("pooler.")}


def _assemble(
    name: str,
    backbone: PreTrainedModel,
    tokenizer: PreTrainedTokenizerFast,
    embed: Embed,
    encoding: Encoding,
    tensors: Mapping[str, Tensor],
    network: nn.Module,
    prompt_lengths: Mapping[Role, int] | None = None,
) -> Model:
    """
    Args:
        prompt_lengths: of the prompts of roles, in tokens, if ``embed`` needs them.
    """
    _check_tokenizer(name, backbone, tokenizer)
    _check_values(name, tensors)
    pad_id = tokenizer.pad_token_id

    def tokenize_with(prompt: str) -> Callable[[list[str]], list[list[int]]]:
        def tokenize(sentences: list[str]) -> list[list[int]]:
            if not sentences:
                return []
            texts = [prompt + sentence for sentence in sentences]
            tokens = tokenizer(texts, truncation=True, max_length=encoding.max_length)
            return cast(list[list[int]], tokens["input_ids"])

        return tokenize

    def pad(ids: list[list[int]]) -> dict[str, Tensor]:
        longest = max(map(len, ids))
        features = {
            "input_ids": torch.tensor([row + [pad_id] * (longest - len(row)) for row in ids]),
            "attention_mask": torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in ids]),
        }
        return {key: tensor.to(backbone.device) for key, tensor in features.items()}

    def reader(role: Role, prompt: str) -> Reader:
        if prompt_lengths is None:
            return Reader(tokenize_with(prompt), pad)
        length = prompt_lengths[role]
        # As the library gives it to its modules, one for each text, which are all the same.
        return Reader(tokenize_with(prompt), lambda ids: {**pad(ids), "prompt_length": torch.full((len(ids),), length)})

    return Model(
        name=name,
        hash=model_hash(tensors, backbone.config, tokenizer),
        backbone=backbone,
        architecture=architecture_of(backbone),
        encoding=encoding,
        embed=embed,
        tokenize=tokenize_with(encoding.prompt),
        pad=pad,
        network=network,
        readers={role: reader(role, prompt) for role, prompt in encoding.roles},
    )


def _check_values(name: str, tensors: Mapping[str, Tensor]) -> None:
    not_float32 = sorted(k for k, t in tensors.items() if t.is_floating_point() and t.dtype != torch.float32)
    if not_float32:
        raise ModelError(f"model '{name}': '{not_float32[0]}' is {tensors[not_float32[0]].dtype}, not float32")
    for key, tensor in sorted(tensors.items()):
        # By its extremes, which are NaN if a value is. Without a copy, since the largest model fills the memory.
        if tensor.is_floating_point() and tensor.numel() and not torch.stack(tensor.aminmax()).isfinite().all():
            raise ModelError(
                f"model '{name}': weight '{key}' has values that are not finite; save or download the model again"
            )


def _check_tokenizer(name: str, backbone: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> None:
    rows = len(cast(Tensor, backbone.get_input_embeddings().weight))
    highest = max(tokenizer.get_vocab().values(), default=-1)
    # Otherwise the run would fail in the middle, at the first sentence that has such a token.
    if highest >= rows:
        raise ModelError(f"model '{name}': the tokenizer has token id {highest}, but there are {rows} embeddings")
    if tokenizer.pad_token_id is None:
        raise ModelError(f"model '{name}': the tokenizer has no padding token; set `pad_token` and save it again")
    if tokenizer.truncation_side != "right":
        raise ModelError(f"model '{name}': the tokenizer truncates on the left, which is not supported")
    # `pad` pads on the right, which gives the same embeddings if positions are relative.
    if tokenizer.padding_side != "right" and not family_of_config(backbone.config).relative:
        raise ModelError(
            f"model '{name}': the tokenizer pads on the left, which moves the absolute positions of a "
            f"{backbone.config.model_type}; set `padding_side: right` in its tokenizer_config.json"
        )


def _max_length(
    name: str, backbone: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, asked: int | None, *, own: bool = False
) -> int:
    """The most tokens of a sentence. own: whether the tokenizer's limit is what the model's folder says."""
    family = family_of_config(backbone.config)
    usable = family.positions(backbone.config)
    if asked is not None:
        if asked > usable and not family.relative:
            raise ModelError(
                f"model '{name}': max_length {asked} is more than the {usable} tokens that the model accepts"
            )
        return asked
    # Relative positions have no end. So the library takes what the folder says, and otherwise what the config says.
    return tokenizer.model_max_length if own and family.relative else min(tokenizer.model_max_length, usable)
