"""A model as a SentenceTransformer, for training and export."""

from __future__ import annotations

from typing import Any, cast

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Transformer
from torch import nn
from transformers import PreTrainedModel

from ablate.errors import ModelError
from ablate.models.checkpoint import find_checkpoint
from ablate.models.pooling import LAYERS, pooling_modules
from ablate.models.prompts import set_prompt
from ablate.models.spec import ModelSpec
from ablate.models.spec import Pooling as PoolingMode
from ablate.models.tokenization import NUMBERS, apply_processing

TOKENS = "token_embeddings"
"""What the library's modules call the embeddings of tokens."""


def sentence_transformer(spec: ModelSpec, prompt: str | None = None) -> SentenceTransformer:
    """The model with its own modules, or with a Transformer and the pooling that ``spec`` asks for.

    Args:
        prompt: what evaluation prepends to each sentence; it becomes the default prompt. None: the model's own prompts.

    Raises:
        ModelError: as :func:`~ablate.models.checkpoint.find_checkpoint` does.
    """
    checkpoint = find_checkpoint(spec)
    options: dict[str, Any] = {"dtype": torch.float32, "use_safetensors": True}
    if not checkpoint.modules:
        assert spec.pooling is not None
        transformer = Transformer(str(checkpoint.transformer), model_kwargs=options)
        return _with_pooling(transformer, spec.pooling, prompt, {})
    own = SentenceTransformer(
        str(checkpoint.folder),
        device="cpu",
        local_files_only=True,
        trust_remote_code=spec.trust_remote_code,
        model_kwargs=options,
    )
    first = own[0]
    assert isinstance(first, Transformer)
    _move_options(spec.name, first)
    if spec.pooling is not None:
        return _with_pooling(first, spec.pooling, prompt, {name: text or "" for name, text in own.prompts.items()})
    if prompt is not None:
        set_prompt(own, prompt)
    return own


def check_modules(name: str, loaded: SentenceTransformer) -> None:
    """Refuses modules that make no embedding of a sentence, or one that depends on the other sentences of its batch.

    Raises:
        ModelError: there is such a module.
    """
    ours = [module for module in loaded if type(module).__module__.startswith("sentence_transformers.")]
    kinds = {type(module).__name__ for module in ours}
    if "CNN" in kinds:
        raise ModelError(
            f"model '{name}': its CNN module reads the padding beside a sentence, so that an embedding depends on the "
            "other sentences of its batch; this is not supported"
        )
    if "LSTM" in kinds:
        raise ModelError(
            f"model '{name}': its LSTM module needs the lengths of the sentences, which a Transformer module does not "
            "hand on; sentence-transformers cannot run it either"
        )
    pools = "Pooling" in kinds or getattr(loaded[0], "module_output_name", None) == "sentence_embedding"
    # What a module with code of its own makes is not known.
    if not pools and len(ours) == len(loaded):
        raise ModelError(
            f"model '{name}': none of its modules makes one embedding of the tokens; add the `pooling` that it was "
            "trained with"
        )


def _with_pooling(
    transformer: Transformer, pooling: PoolingMode, prompt: str | None, named: dict[str, str]
) -> SentenceTransformer:
    """A Transformer module with a pooling in place of what came after it. named: the model's own prompts."""
    output, name = ("pooler_output", "sentence_embedding") if pooling == "cls" else ("last_hidden_state", TOKENS)
    # Of a tokenizer with a chat template, the library would by itself put every text into the template.
    transformer.modality_config = {"text": {"method": "forward", "method_output_name": output}}
    transformer.module_output_name = name
    transformer.input_formatter.supported_modalities = ["text"]
    config = transformer.model.config
    after: list[nn.Module] = []
    if pooling in LAYERS:
        config.output_hidden_states = True
    if pooling != "cls":
        after = pooling_modules(pooling, transformer.get_embedding_dimension(), config.num_hidden_layers)
    made = SentenceTransformer(modules=[transformer, *after], device="cpu", prompts=dict(named), local_files_only=True)
    set_prompt(made, prompt or "")
    return made


def _move_options(name: str, transformer: Transformer) -> None:
    """Moves a length from the ``processing_kwargs`` to the tokenizer, because there it would override any other.

    Padding to a multiple goes with it: the tokenizer refuses it for a length that is no multiple.
    """
    apply_processing(name, transformer)
    for given in transformer.processing_kwargs.values():
        for key in NUMBERS:
            cast(dict[str, Any], given).pop(key, None)


def put_backbone(modules: SentenceTransformer, backbone: nn.Module) -> None:
    """Puts another backbone in place of a model's own, with as many outputs as its modules read. Changes its config."""
    transformer = modules[0]
    assert isinstance(transformer, Transformer)
    assert isinstance(backbone, PreTrainedModel)
    if getattr(transformer.model.config, "output_hidden_states", False):
        backbone.config.output_hidden_states = True
    transformer.model = backbone
