"""Loads a sentence encoder from a sentence-transformers or a transformers folder, or from the Hub."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Transformer
from transformers import AutoConfig, AutoTokenizer, PreTrainedModel

import ablate.models.pruned  # noqa: F401  # registers the types of exported models
from ablate.errors import ModelError
from ablate.models.assemble import from_modules, pooled, require_fast
from ablate.models.checkpoint import Checkpoint, find_checkpoint, weights_files
from ablate.models.device import CPU, full_means, label
from ablate.models.loading_report import converted, headers, remarks_on, require_weights, unused_weights
from ablate.models.model import Model
from ablate.models.prompts import Prompts, prompts_of
from ablate.models.quiet import quiet
from ablate.models.sentence_transformer import check_modules
from ablate.models.spec import ModelSpec
from ablate.models.tokenization import apply_processing


def load_model(spec: ModelSpec, device: torch.device = CPU) -> Model:
    """Loads a model in float32, in evaluation mode. Its hash does not depend on the device.

    Raises:
        ModelError: something is wrong with the model, with its files, or with what the spec asks for; or the device has
            no room for it.
    """
    model = _on_cpu(spec)
    with full_means(f"model '{spec.name}': does not fit into the free memory of {label(device)}; use another device"):
        model.network.to(device)
    return model


def _on_cpu(spec: ModelSpec) -> Model:
    checkpoint = find_checkpoint(spec)
    if not checkpoint.modules and spec.pooling is None:
        raise ModelError(
            f"model '{spec.name}': a bare transformers checkpoint does not say how to pool; "
            "add the `pooling` that it was trained with, such as `mean`, `cls_before_pooler` or `lasttoken`"
        )
    prompts = prompts_of(spec, checkpoint)
    backbone, missing, on_load = _backbone(checkpoint, spec)
    remarks = prompts.remarks + on_load
    if checkpoint.modules:
        return _from_modules(checkpoint, spec, prompts, missing, remarks)
    assert spec.pooling is not None
    with _one_line_errors(spec.name), quiet() as messages:
        tokenizer = AutoTokenizer.from_pretrained(  # nosec B615 # a folder, and local files only
            str(checkpoint.transformer), local_files_only=True, trust_remote_code=spec.trust_remote_code
        )
    _handle_missing(spec.name, backbone, missing, pooler=spec.pooling == "cls")
    fast = require_fast(spec.name, tokenizer)
    model = pooled(spec.name, backbone, fast, spec.pooling, prompts=prompts, max_length=spec.max_length)
    return replace(model, remarks=remarks + remarks_on((), messages), prompts=prompts.named)


def _backbone(checkpoint: Checkpoint, spec: ModelSpec) -> tuple[PreTrainedModel, set[str], tuple[str, ...]]:
    """The transformer, the names of the weights that its checkpoint lacks, and remarks on the load.

    transformers fills the weights that the checkpoint lacks with random values.
    """
    parts = (checkpoint.transformer, *(checkpoint.later if spec.pooling is None else ()))
    with _one_line_errors(spec.name), quiet() as messages:
        stored = headers(file for part in parts for file in weights_files(part, spec.name))
        require_weights(spec.name, stored, _planned(checkpoint, spec))
        model, info = checkpoint.family.loads_with.from_pretrained(
            str(checkpoint.transformer),
            dtype=torch.float32,
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=spec.trust_remote_code,
            output_loading_info=True,
            # `unused_weights` refuses mismatched weights by name. Without this, transformers only logs the names.
            ignore_mismatched_sizes=True,
        )
    # As sentence-transformers does: a decoder would keep what only the next token needs.
    model.config.use_cache = False
    unused = unused_weights(spec.name, model, info)
    remarks = converted(stored) + remarks_on(unused, messages)
    return model.eval(), set(info["missing_keys"]), remarks


def _planned(checkpoint: Checkpoint, spec: ModelSpec) -> int:
    """How many parameters the config describes."""
    config = AutoConfig.from_pretrained(  # nosec B615 # a folder, and local files only
        str(checkpoint.transformer), local_files_only=True, trust_remote_code=spec.trust_remote_code
    )
    make: Any = checkpoint.family.loads_with
    # On the device `meta`, tensors have a shape and no memory.
    with torch.device("meta"):
        if hasattr(make, "from_config"):  # the class that finds the one of the config
            planned = make.from_config(config, trust_remote_code=spec.trust_remote_code)
        else:
            planned = make(config)
    return sum(parameter.numel() for parameter in planned.parameters())


def _from_modules(
    checkpoint: Checkpoint, spec: ModelSpec, prompts: Prompts, missing: set[str], remarks: tuple[str, ...]
) -> Model:
    with _one_line_errors(spec.name), quiet() as messages:
        loaded = SentenceTransformer(
            str(checkpoint.folder),
            device="cpu",
            local_files_only=True,
            trust_remote_code=spec.trust_remote_code,
            model_kwargs={"dtype": torch.float32, "use_safetensors": True},
        ).eval()
    first = loaded[0]
    if not isinstance(first, Transformer) or not isinstance(first.model, PreTrainedModel):
        raise ModelError(f"model '{spec.name}': begins with a {type(first).__name__} module, not a Transformer")
    apply_processing(spec.name, first)
    if spec.pooling is None:
        check_modules(spec.name, loaded)
    own_pooler = "pooler_output" in (first.modality_config["text"]["method_output_name"] or ())
    needs_pooler = own_pooler if spec.pooling is None else spec.pooling == "cls"
    _handle_missing(spec.name, first.model, missing, pooler=needs_pooler)
    tokenizer = require_fast(spec.name, first.tokenizer)
    if spec.pooling is not None:
        model = pooled(spec.name, first.model, tokenizer, spec.pooling, prompts=prompts, max_length=spec.max_length)
    else:
        model = from_modules(
            spec.name, loaded, first.model, tokenizer, prompts, needs_pooler=needs_pooler, max_length=spec.max_length
        )
    return replace(
        model,
        remarks=tuple(dict.fromkeys(remarks + remarks_on((), messages))),
        prompts=prompts.named,
        similarity=str(loaded.similarity_fn_name or "cosine"),
    )


def _handle_missing(name: str, backbone: PreTrainedModel, missing: set[str], pooler: bool) -> None:
    """Refuses a model that would use random weights, and removes a random pooler that is not used.

    Args:
        missing: the names of the weights that the checkpoint lacks.
        pooler: whether the pooler is used.
    """
    used = sorted(key for key in missing if pooler or not key.startswith("pooler."))
    if used:
        remedy = "choose another pooling" if used[0].startswith("pooler.") else "save the whole encoder"
        raise ModelError(
            f"model '{name}': the checkpoint lacks {len(used)} of the weights in use, such as '{used[0]}', "
            f"which would be random; {remedy}"
        )
    if missing:
        backbone.register_module("pooler", None)


@contextmanager
def _one_line_errors(name: str) -> Iterator[None]:
    """Turns what the libraries raise about a broken folder into a ModelError of one line."""
    try:
        yield
    except ModelError:
        raise
    except Exception as error:  # tokenizers raises plain ones
        reason = (str(error).strip() or type(error).__name__).split("\n")[0]
        remedy = "its files may be truncated, or made by another program: save or download it again"
        raise ModelError(f"model '{name}': cannot be loaded: {reason}; {remedy}") from error
