"""A model's folder, in the format of sentence-transformers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
from transformers import PreTrainedModel

from ablate.models.checkpoint import Checkpoint, find_checkpoint
from ablate.models.quiet import quiet
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
    with quiet():
        whole = _modules(find_checkpoint(spec), spec)
        first = whole[0]
        assert isinstance(first, Transformer)
        first.model = backbone
        if spec.max_length is not None:
            first.max_seq_length = spec.max_length
        whole.save_pretrained(str(folder), create_model_card=False, safe_serialization=True)


def _modules(checkpoint: Checkpoint, spec: ModelSpec) -> SentenceTransformer:
    options: dict[str, Any] = {"dtype": torch.float32, "use_safetensors": True}
    if checkpoint.modules and spec.pooling is None:
        return SentenceTransformer(
            str(checkpoint.folder),
            device="cpu",
            local_files_only=True,
            trust_remote_code=spec.trust_remote_code,
            model_kwargs=options,
        )
    transformer = Transformer(str(checkpoint.transformer), model_kwargs=options)
    if spec.pooling == "cls":
        # The first token through the backbone's own pooler is what transformers calls pooler_output.
        path = checkpoint.transformer
        transformer = Transformer(
            str(path),
            model_kwargs=options,
            modality_config={"text": {"method": "forward", "method_output_name": "pooler_output"}},
            module_output_name="sentence_embedding",
        )
        return SentenceTransformer(modules=[transformer], device="cpu")
    pooling = Pooling(transformer.get_embedding_dimension(), "mean" if spec.pooling == "mean" else "cls")
    return SentenceTransformer(modules=[transformer, pooling], device="cpu")


def size_of(folder: Path) -> int:
    """The bytes of the weights in a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*.safetensors"))


def plain(folder: Path) -> bool:
    """Whether the folder's model is of a type that transformers has itself."""
    return not str(json.loads((folder / "config.json").read_text())["model_type"]).startswith("ablate-")
