"""Writes an exported model for ONNX Runtime: token ids in, sentence embeddings out, including pooling and modules."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from unittest.mock import patch

import torch
from sentence_transformers.sentence_transformer.modules import Pooling
from torch import Tensor, nn

from ablate.distribution import pip_install
from ablate.errors import AblateError
from ablate.models.load import load_model
from ablate.models.model import Model
from ablate.models.quiet import quiet
from ablate.models.spec import ModelSpec

FILE = "onnx/model.onnx"
CLOSE = 1e-4
"""Like :data:`ablate.models.materialize.CLOSE`, for ONNX Runtime, whose kernels round differently."""


class _WithPooling(nn.Module):
    def __init__(self, model: Model) -> None:
        super().__init__()
        self.backbone = model.backbone
        self._embed = model.embed

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        return self._embed({"input_ids": input_ids, "attention_mask": attention_mask})


def write_onnx(folder: Path) -> None:
    """Writes :data:`FILE` into an exported model's folder. It takes any number of sentences and tokens.

    Raises:
        AblateError: the extra ``onnx`` is not installed, or torch cannot export the model.
        OSError: the file cannot be written.
    """
    require_onnx()
    model = load_model(ModelSpec(name=str(folder)))
    # Two sentences of several tokens, because torch.export takes a dimension of size 1 for a constant.
    features = model.pad(model.tokenize(["A sentence.", "Another one, which is longer."]))
    inputs = ("input_ids", "attention_mask")
    sizes = {0: torch.export.Dim("batch", min=1), 1: torch.export.Dim("tokens", min=2, max=model.encoding.max_length)}
    (folder / FILE).parent.mkdir()
    # The library's own function branches on the values of the mask, which torch.export cannot follow.
    right_padded = patch.object(Pooling, "_exclude_prompt_from_mask", staticmethod(_without_prompt))
    with torch.no_grad(), quiet(), right_padded:
        try:
            torch.onnx.export(
                _WithPooling(model).eval(),
                tuple(features[name] for name in inputs),
                folder / FILE,
                dynamo=True,
                input_names=inputs,
                output_names=("sentence_embedding",),
                dynamic_shapes=dict.fromkeys(inputs, sizes),
                external_data=False,
                verbose=False,
            )
        except torch.onnx.OnnxExporterError as error:
            # The message has colors, and a thousand lines of which the first says what happened.
            reason = re.sub(r"\x1b\[\d+m", "", str(error)).split("\n")[0]
            raise AblateError(f"--onnx: torch cannot export this model ({reason}); export it without --onnx") from error


def _without_prompt(attention_mask: Tensor, prompt_length: int) -> Tensor:
    """The mask without the tokens of the prompt, of sequences that are padded on the right, as ablate pads."""
    positions = torch.arange(attention_mask.shape[1])
    return attention_mask * (positions >= prompt_length)


def require_onnx() -> None:
    """Checks that the extra ``onnx`` is installed.

    Raises:
        AblateError: one of its packages is missing.
    """
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise AblateError(f"--onnx needs the package '{error.name}'; run `{pip_install('onnx')}`") from None


def example(folder: str, model: Model, sentences: Sequence[str]) -> str:
    """Python code that needs only ONNX Runtime, tokenizers and numpy. It computes ``embeddings``, float32 [n, dim].

    Args:
        folder: the exported folder.
        model: the original model, which has the same tokenizer, prompt and maximum length.
    """
    # What the model itself pads a shorter sequence with.
    pad_id = model.pad([[0], [0, 0]])["input_ids"][0, 1].item()
    prompt = f"{model.encoding.prompt!r} + " if model.encoding.prompt else ""
    return "\n".join(
        (
            "import numpy as np",
            "import onnxruntime",
            "from tokenizers import Tokenizer",
            "",
            f"tokenizer = Tokenizer.from_file({f'{folder}/tokenizer.json'!r})",
            f"tokenizer.enable_truncation({model.encoding.max_length})",
            f"tokenizer.enable_padding(pad_id={pad_id})",
            f"session = onnxruntime.InferenceSession({f'{folder}/{FILE}'!r})",
            f"batch = tokenizer.encode_batch([{prompt}text for text in {list(sentences)!r}])",
            "ids = np.array([encoding.ids for encoding in batch])",
            "mask = np.array([encoding.attention_mask for encoding in batch])",
            'embeddings = session.run(None, {"input_ids": ids, "attention_mask": mask})[0]',
        )
    )
