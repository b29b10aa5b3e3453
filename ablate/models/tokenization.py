"""Checks what a Transformer module asks of its tokenizer: ablate tokenizes by itself, and does so plainly."""

from __future__ import annotations

import json
from typing import Any

from sentence_transformers.sentence_transformer.modules import Transformer

from ablate.errors import ModelError

_FILE = "its sentence_bert_config.json"

# None of these changes the tokens of a single text, except how it is padded, which the attention mask takes out.
_PLAIN: dict[str, tuple[Any, ...]] = {
    "padding": (True, "longest", "max_length"),
    "truncation": (True, "longest_first", "only_first"),
    "add_special_tokens": (True,),
    "padding_side": ("left", "right", None),
    "return_tensors": ("pt",),
    "return_attention_mask": (True, None),
    "return_token_type_ids": (True, False, None),
    "verbose": (True, False),
}
NUMBERS = ("max_length", "pad_to_multiple_of")


def apply_processing(name: str, transformer: Transformer) -> None:
    """Puts what ``processing_kwargs`` say of lengths and sides into the tokenizer, where ablate reads them.

    Raises:
        ModelError: the module asks for more than plain tokenization, such as a chat template.
    """
    _check_modality(name, transformer)
    options = plain_options(name, transformer)
    tokenizer = transformer.tokenizer
    assert tokenizer is not None
    if options.get("max_length") is not None:
        tokenizer.model_max_length = options["max_length"]
    if options.get("padding_side") is not None:
        tokenizer.padding_side = options["padding_side"]


def plain_options(name: str, transformer: Transformer) -> dict[str, Any]:
    """The ``processing_kwargs`` with which texts are tokenized; those of other modalities have no effect.

    Raises:
        ModelError: one of them changes the tokens.
    """
    options: dict[str, Any] = {}
    # In the library, the later bucket wins. `logits_to_keep` is for language models, and is not the tokenizer's.
    for bucket in ("text", "common"):
        given: Any = transformer.processing_kwargs.get(bucket) or {}
        for key, value in given.items():
            if bucket == "text" and key == "logits_to_keep":
                continue
            whole = isinstance(value, int) and not isinstance(value, bool) and value > 0
            if not (key in NUMBERS and (value is None or whole)) and value not in _PLAIN.get(key, ()):
                raise ModelError(
                    f"model '{name}': {_FILE} asks for `processing_kwargs.{bucket}.{key}: {json.dumps(value)}`, which "
                    "is more than plain tokenization and not supported; remove it if the model does not need it"
                )
            options[key] = value
    return options


def _check_modality(name: str, transformer: Transformer) -> None:
    if transformer.transformer_task != "feature-extraction":
        raise ModelError(
            f"model '{name}': {_FILE} says `transformer_task: {transformer.transformer_task}`; only encoders "
            "(`feature-extraction`) are supported"
        )
    if "text" not in transformer.modality_config:
        raise ModelError(f"model '{name}': {_FILE} has no `modality_config.text`, so the model takes no plain text")
    if "message" in transformer.modality_config:
        raise ModelError(
            f"model '{name}': {_FILE} puts every text into a chat template (`modality_config.message`), which is not "
            "supported; remove that key if the model was trained on plain text"
        )
