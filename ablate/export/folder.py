"""Writes the folder of an exported model, in the format of sentence-transformers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from transformers import PreTrainedModel

from ablate.models.architectures import PRUNED_PREFIX
from ablate.models.checkpoint import find_checkpoint, weights_files
from ablate.models.loading_report import dtypes_of, headers
from ablate.models.quiet import quiet
from ablate.models.sentence_transformer import put_backbone, sentence_transformer
from ablate.models.spec import ModelSpec

IMPORT = "import ablate.models.pruned"
"""The line that a user runs first if the layers of the exported model differ in their heads or neurons."""


@dataclass(frozen=True)
class Weights:
    """Weights on disk. bytes: their size. dtype: ``float32``, ``float16``, or several, separated by commas."""

    bytes: int
    dtype: str


def write_model(spec: ModelSpec, prompt: str, backbone: PreTrainedModel, folder: Path) -> None:
    """Saves the model of ``spec`` with another backbone in place of its own.

    The folder has the model's tokenizer, its modules (or the pooling that ``spec`` asks for) and its prompts.

    Args:
        prompt: what evaluation prepends to each sentence.
        folder: need not exist.

    Raises:
        OSError: the folder cannot be written.
    """
    # The reports are not needed: the saved model is compared with the masked one.
    with quiet():
        modules = sentence_transformer(spec, prompt)
        put_backbone(modules, backbone)
        if spec.max_length is not None:
            modules.max_seq_length = spec.max_length
        # No model card by the library: ablate writes its own, with the scores and the costs.
        modules.save_pretrained(str(folder), create_model_card=False, safe_serialization=True)


def size_of(folder: Path) -> int:
    """The bytes of the weights in a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*.safetensors"))


def original_weights(spec: ModelSpec) -> Weights:
    """The weights of a model's own folder."""
    checkpoint = find_checkpoint(spec)
    dtypes = dtypes_of(headers(weights_files(checkpoint.transformer, spec.name)))
    return Weights(size_of(checkpoint.folder), ", ".join(dtypes))


def plain(folder: Path) -> bool:
    """Whether transformers can load the folder's model without ablate."""
    return not str(json.loads((folder / "config.json").read_text())["model_type"]).startswith(PRUNED_PREFIX)
