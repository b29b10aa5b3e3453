"""Judges what transformers reports of a checkpoint: which weights do not fit the model, and which it did not use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from safetensors import safe_open
from transformers import PreTrainedModel

from ablate.errors import ModelError

_DTYPES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}
_OF_WEIGHTS = ("weight", "bias", "gamma", "beta")
"""The last parts of the names of weights. Others, such as ``position_ids``, may be whole numbers."""
_MARGIN = 10_000_000
"""How many parameters a config may describe that are nowhere, such as an unused pooler, of however small a model."""


def unused_weights(name: str, backbone: PreTrainedModel, info: Mapping[str, Any]) -> tuple[str, ...]:
    """The weights of a checkpoint that the model does not use, in order, such as those of a head for pretraining.

    Args:
        name: the name of the model, for the message.
        info: what ``from_pretrained`` gives with ``output_loading_info``.

    Raises:
        ModelError: a weight has another shape than the config says, or an unused weight belongs to the encoder, such as
            those of relative positions, of more layers than the config says, or of an adapter. Its scores would be
            those of another model.
    """
    if info["mismatched_keys"]:
        key, in_checkpoint, by_config = sorted(info["mismatched_keys"])[0]
        raise ModelError(
            f"model '{name}': weight '{key}' is {list(in_checkpoint)} in the checkpoint and {list(by_config)} by "
            "its config.json; they do not belong together"
        )
    unused = tuple(sorted(info["unexpected_keys"]))
    in_encoder = [key for key in unused if _is_of_encoder(key, backbone)]
    if in_encoder:
        raise ModelError(
            f"model '{name}': its checkpoint has {len(in_encoder)} weights of the encoder that the model built from "
            f"its config.json does not use, such as '{in_encoder[0]}'; the scores would be those of another model. "
            "Correct config.json, or load the model in its own library and save what it really uses"
        )
    return unused


@dataclass(frozen=True)
class Stored:
    """What the header of a safetensors file says of a tensor. dtype: as safetensors names it, such as ``F32``."""

    dtype: str
    elements: int


def headers(files: Iterable[Path]) -> dict[str, Stored]:
    """The tensors in safetensors files, by name. Their values are not read."""
    found = {}
    for file in files:
        with safe_open(file, framework="pt") as tensors:
            for name in tensors.keys():  # noqa: SIM118  # not a dict
                tensor = tensors.get_slice(name)
                found[name] = Stored(tensor.get_dtype(), prod(tensor.get_shape()))
    return found


def require_weights(name: str, stored: Mapping[str, Stored], planned: int) -> None:
    """Refuses files whose weights cannot be those of the model, before they are read.

    Args:
        name: the name of the model, for the message.
        stored: as :func:`headers` gives it.
        planned: how many parameters the config describes. transformers allocates all of them, also those that the
            files lack or have in another shape.

    Raises:
        ModelError: a weight is of whole numbers or of a type that is not supported, or the config describes far more
            parameters than there are.
    """
    for key, tensor in sorted(stored.items()):
        if key.rpartition(".")[2] in _OF_WEIGHTS and tensor.dtype not in _DTYPES:
            raise ModelError(
                f"model '{name}': weight '{key}' is of type {tensor.dtype}, and weights must be one of "
                f"{', '.join(_DTYPES)}; save the model in float32, and not quantized"
            )
    there = sum(tensor.elements for tensor in stored.values())
    if planned > 2 * there + _MARGIN:
        raise ModelError(
            f"model '{name}': its config.json describes {planned:,} parameters, and its weights have {there:,}; they "
            "do not belong together"
        )


def dtypes_of(stored: Mapping[str, Stored]) -> list[str]:
    """The types of tensors that are not of whole numbers, such as ``float32``, in order."""
    return sorted(_DTYPES[dtype] for dtype in {tensor.dtype for tensor in stored.values()} & _DTYPES.keys())


def converted(stored: Mapping[str, Stored]) -> tuple[str, ...]:
    """A remark if weights are stored in another type than float32, in which they are loaded."""
    others = [dtype for dtype in dtypes_of(stored) if dtype != "float32"]
    return (f"weights of the checkpoint are {' and '.join(others)}; they are converted to float32",) if others else ()


def remarks_on(unused: Iterable[str], messages: Iterable[str]) -> tuple[str, ...]:
    """What a user should know of how a model was loaded, one line each.

    Args:
        unused: names of weights.
        messages: what the libraries reported.
    """
    unused, remarks = tuple(unused), []
    if unused:
        remarks.append(f"{len(unused)} weights of the checkpoint are not used, such as '{unused[0]}'")
    # The report of a load is in `unused` and in the errors already.
    remarks += [" ".join(message.split()) for message in messages if "LOAD REPORT" not in message]
    return tuple(dict.fromkeys(remarks))


def _is_of_encoder(key: str, backbone: PreTrainedModel) -> bool:
    part = key.removeprefix(f"{backbone.base_model_prefix}.").split(".")[0]
    # A pooler that the model has no use for is no part of its encoder.
    return part in {name for name, _ in backbone.named_children()} - {"pooler"}
