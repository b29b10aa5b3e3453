"""A model's folder, in the format of sentence-transformers."""

from __future__ import annotations

import json
from pathlib import Path

from sentence_transformers.sentence_transformer.modules import Transformer
from transformers import PreTrainedModel

from ablate.models.quiet import quiet
from ablate.models.sentence_transformer import sentence_transformer
from ablate.models.spec import ModelSpec

IMPORT = "import ablate.models.pruned"
"""The line that a user needs before an uneven model loads."""


def write_model(spec: ModelSpec, backbone: PreTrainedModel, folder: Path) -> None:
    """Saves a model with another backbone: its tokenizer, its modules (or the pooling that ``spec`` asks for), prompts.

    Args:
        folder: need not exist.

    Raises:
        OSError: it cannot be written.
    """
    # The reports are not needed: the saved model is compared with the masked one.
    with quiet():
        whole = sentence_transformer(spec)
        first = whole[0]
        assert isinstance(first, Transformer)
        first.model = backbone
        if spec.max_length is not None:
            first.max_seq_length = spec.max_length
        whole.save_pretrained(str(folder), create_model_card=False, safe_serialization=True)


def size_of(folder: Path) -> int:
    """The bytes of the weights in a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*.safetensors"))


def plain(folder: Path) -> bool:
    """Whether the folder's model is of a type that transformers has itself."""
    return not str(json.loads((folder / "config.json").read_text())["model_type"]).startswith("ablate-")
