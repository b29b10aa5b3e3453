"""Checks the settings in a model's config.json, before anything is built from them."""

from __future__ import annotations

import json
from typing import Any

from ablate.errors import ModelError, shortened
from ablate.models.architectures import family_of
from ablate.models.family import Family

_COUNTS = {
    **dict.fromkeys(("num_hidden_layers", "num_layers", "n_layers"), 200),
    **dict.fromkeys(("num_attention_heads", "num_key_value_heads", "num_heads", "n_heads", "head_dim", "d_kv"), 10_000),
    **dict.fromkeys(("hidden_size", "d_model", "dim"), 100_000),
    **dict.fromkeys(("intermediate_size", "hidden_dim", "d_ff", "max_position_embeddings", "vocab_size"), 10_000_000),
}
"""Settings of a config.json that size a model or count what it has, and the most of each: beyond any encoder there is.

transformers builds as much as a config asks for before it looks at the weights.
"""


def check_config(config: Any, name: str) -> Family:
    """The family that a config.json names. Refuses settings that it does not have.

    Args:
        config: the content of the file.
        name: the name of the model, for messages.

    Raises:
        ModelError: no registered family has the type, or a setting is not one that the family can have.
    """
    settings = config if isinstance(config, dict) else {}
    kind = settings.get("model_type")
    family = family_of(kind if isinstance(kind, str) else None, name)
    for setting in sorted(_COUNTS.keys() & settings.keys()):
        value, most = settings[setting], _COUNTS[setting]
        if value is not None and not (isinstance(value, int) and 0 < value <= most):
            above = f" and at most {most:,}" if isinstance(value, int) and value > most else ""
            raise ModelError(
                f"model '{name}': its config.json says `{setting}: {shortened(json.dumps(value))}`, and it must be a "
                f"whole number above 0{above}; save or download the model again"
            )
    positions = settings.get("position_embedding_type", "absolute")
    if positions not in ("absolute", None):
        # transformers 5 builds a model with absolute positions all the same.
        raise ModelError(
            f"model '{name}': its config.json says `position_embedding_type: {positions}`; this version of "
            "transformers supports `absolute` positions only"
        )
    if family.padding_offset and not isinstance(settings.get("pad_token_id", 1), int):
        raise ModelError(
            f"model '{name}': its config.json says `pad_token_id: {json.dumps(settings['pad_token_id'])}`, and a "
            f"{settings['model_type']} counts positions from it; set it to the id of the tokenizer's padding token"
        )
    return family
