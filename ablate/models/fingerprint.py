"""Hashes of models. Two models with equal weights, config and tokenizer have equal hashes, wherever they are stored."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from transformers import PreTrainedConfig, PreTrainedTokenizerFast

# Entries of a config that do not affect the float32 output of an encoder.
_VOLATILE = {"_name_or_path", "transformers_version", "architectures", "dtype", "torch_dtype", "use_cache"}


def model_hash(tensors: Mapping[str, Tensor], config: PreTrainedConfig, tokenizer: PreTrainedTokenizerFast) -> str:
    """sha256 of everything that affects an embedding, except pooling, prompt and maximum length.

    Args:
        tensors: name -> tensor, in any order.
        config: of the backbone.
        tokenizer: its padding and truncation settings do not count, since each call changes them.

    Returns:
        64 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(_json([name, str(tensor.dtype), list(tensor.shape)]))
        digest.update(tensor.detach().contiguous().numpy().data)
    digest.update(_json({k: v for k, v in config.to_diff_dict().items() if k not in _VOLATILE}))
    backend = json.loads(tokenizer.backend_tokenizer.to_str())
    del backend["padding"], backend["truncation"]
    digest.update(_json([backend, tokenizer.pad_token_id]))
    return digest.hexdigest()


def modules_fingerprint(modules: list[nn.Module], truncate_dim: int | None) -> str:
    """Describes how modules make an embedding of tokens, such as ``modules:Transformer+Pooling(mean)+Normalize``.

    Args:
        modules: those of a SentenceTransformer, the transformer first.
        truncate_dim: how many dimensions of the embedding are kept, or None for all.
    """
    parts = [type(modules[0]).__name__, *map(_describe, modules[1:])]
    if truncate_dim is not None:
        parts.append(f"Truncate({truncate_dim})")
    return "modules:" + "+".join(parts)


def _describe(module: nn.Module) -> str:
    get_config = getattr(module, "get_config_dict", None)
    config: dict[str, Any] = get_config() if callable(get_config) else {}
    name = type(module).__name__
    if not type(module).__module__.startswith("sentence_transformers."):
        # A module that comes with a model may compute anything, so its source code is part of the fingerprint.
        code = Path(inspect.getfile(type(module))).read_bytes()
        name += "@" + hashlib.sha256(code).hexdigest()[:12]
    if name == "Pooling" and config.get("include_prompt", True):
        # The dimension is left out, because the backbone determines it.
        mode = config["pooling_mode"]
        return f"Pooling({mode if isinstance(mode, str) else ','.join(mode)})"
    # `sentence_embedding` is the usual name of a module's input and output, which does not affect the embedding.
    values = ",".join(f"{k}={v}" for k, v in sorted(config.items()) if v != "sentence_embedding")
    return f"{name}({values})" if values else name


def _json(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, default=str).encode()
