"""A model as a SentenceTransformer, for training and export."""

from __future__ import annotations

from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Transformer
from torch import nn
from transformers import PreTrainedModel

from ablate.models.checkpoint import find_checkpoint
from ablate.models.pooling import LAYERS, pooling_modules
from ablate.models.prompts import set_prompt
from ablate.models.spec import ModelSpec


def sentence_transformer(spec: ModelSpec, prompt: str | None = None) -> SentenceTransformer:
    """The model with its own modules, or with a Transformer and the pooling that ``spec`` asks for.

    Args:
        prompt: what evaluation prepends to each sentence; it becomes the default prompt. None: the model's own prompts.

    Raises:
        ModelError: as :func:`~ablate.models.checkpoint.find_checkpoint` does.
    """
    checkpoint = find_checkpoint(spec)
    options: dict[str, Any] = {"dtype": torch.float32, "use_safetensors": True}
    if checkpoint.modules and spec.pooling is None:
        own = SentenceTransformer(
            str(checkpoint.folder),
            device="cpu",
            local_files_only=True,
            trust_remote_code=spec.trust_remote_code,
            model_kwargs=options,
        )
        if prompt is not None:
            set_prompt(own, prompt)
        return own
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
    assert spec.pooling is not None
    config = {"output_hidden_states": True} if spec.pooling in LAYERS else {}
    transformer = Transformer(path, model_kwargs=options, config_kwargs=config)
    layers = transformer.model.config.num_hidden_layers
    after = pooling_modules(spec.pooling, transformer.get_embedding_dimension(), layers)
    return SentenceTransformer(modules=[transformer, *after], device="cpu", **prompts)


def put_backbone(modules: SentenceTransformer, backbone: nn.Module) -> None:
    """Puts another backbone in place of a model's own, with as many outputs as its modules read. Changes its config."""
    transformer = modules[0]
    assert isinstance(transformer, Transformer)
    assert isinstance(backbone, PreTrainedModel)
    if getattr(transformer.model.config, "output_hidden_states", False):
        backbone.config.output_hidden_states = True
    transformer.model = backbone
