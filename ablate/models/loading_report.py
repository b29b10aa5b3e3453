"""Judges what transformers reports of a checkpoint: which weights do not fit the model, and which it did not use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from safetensors import safe_open
from transformers import PreTrainedModel

from ablate.errors import ModelError

_DTYPES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}


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


def dtypes_of(files: Iterable[Path]) -> list[str]:
    """The types of the tensors in safetensors files, such as ``float32``, in order. Only the headers are read."""
    found = set()
    for file in files:
        with safe_open(file, framework="pt") as tensors:
            found |= {tensors.get_slice(name).get_dtype() for name in tensors.keys()}  # noqa: SIM118  # not a dict
    return sorted(_DTYPES[dtype] for dtype in found & _DTYPES.keys())


def converted(files: Iterable[Path]) -> tuple[str, ...]:
    """A remark if weights are stored in another type than float32, in which they are loaded."""
    others = [dtype for dtype in dtypes_of(files) if dtype != "float32"]
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
