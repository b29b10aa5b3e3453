"""A model as a SentenceTransformer, for training and export."""

from __future__ import annotations

from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

from ablate.models.checkpoint import find_checkpoint
from ablate.models.spec import ModelSpec


def sentence_transformer(spec: ModelSpec, prompt: str = "") -> SentenceTransformer:
    """The model with its own modules, or with a Transformer and the pooling that ``spec`` asks for.

    Args:
        prompt: what evaluation prepends to each sentence. Modules of the model's own have it already.

    Raises:
        ModelError: as :func:`~ablate.models.checkpoint.find_checkpoint` does.
    """
    checkpoint = find_checkpoint(spec)
    options: dict[str, Any] = {"dtype": torch.float32, "use_safetensors": True}
    if checkpoint.modules and spec.pooling is None:
        return SentenceTransformer(
            str(checkpoint.folder),
            device="cpu",
            local_files_only=True,
            trust_remote_code=spec.trust_remote_code,
            model_kwargs=options,
        )
    path = str(checkpoint.transformer)
    prompts: dict[str, Any] = {"prompts": {"default": prompt}, "default_prompt_name": "default"} if prompt else {}
    if spec.pooling == "cls":
        # `cls` is the first token through the backbone's own pooler, which transformers returns as pooler_output.
        transformer = Transformer(
            path,
            model_kwargs=options,
            modality_config={"text": {"method": "forward", "method_output_name": "pooler_output"}},
            module_output_name="sentence_embedding",
        )
        return SentenceTransformer(modules=[transformer], device="cpu", **prompts)
    transformer = Transformer(path, model_kwargs=options)
    pooling = Pooling(transformer.get_embedding_dimension(), "mean" if spec.pooling == "mean" else "cls")
    return SentenceTransformer(modules=[transformer, pooling], device="cpu", **prompts)
