"""The exported model for ONNX Runtime: token ids in, sentence embeddings out, pooling and modules included."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from ablate.distribution import pip_install
from ablate.errors import AblateError
from ablate.models.load import load_model
from ablate.models.model import Model
from ablate.models.quiet import quiet
from ablate.models.spec import ModelSpec

FILE = "onnx/model.onnx"
CLOSE = 1e-4
"""As :data:`ablate.models.materialize.CLOSE`, for ONNX Runtime."""


class _Whole(nn.Module):
    def __init__(self, model: Model) -> None:
        super().__init__()
        self.backbone = model.backbone
        self._embed = model.embed

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        return self._embed({"input_ids": input_ids, "attention_mask": attention_mask})


def write_onnx(folder: Path) -> None:
    """Writes :data:`FILE` into an exported model's folder; any number of sentences and tokens goes in.

    Raises:
        AblateError: the extra ``onnx`` is not installed.
        OSError: the file cannot be written.
    """
    require_onnx()
    model = load_model(ModelSpec(name=str(folder)))
    # Two sentences of some words: what is traced must not be taken for a constant 1.
    features = model.pad(model.tokenize(["A sentence.", "Another one, which is longer."]))
    inputs = ("input_ids", "attention_mask")
    sizes = {0: torch.export.Dim("batch", min=1), 1: torch.export.Dim("tokens", min=2, max=model.encoding.max_length)}
    (folder / FILE).parent.mkdir()
    with torch.no_grad(), quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            _Whole(model).eval(),
            tuple(features[name] for name in inputs),
            folder / FILE,
            dynamo=True,
            input_names=inputs,
            output_names=("sentence_embedding",),
            dynamic_shapes=dict.fromkeys(inputs, sizes),
            external_data=False,
            verbose=False,
        )


def require_onnx() -> None:
    """Checks that the extra is there.

    Raises:
        AblateError: it is not.
    """
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise AblateError(f"--onnx needs the package '{error.name}'; run `{pip_install('onnx')}`") from None


def example(folder: str, model: Model, sentences: Sequence[str]) -> str:
    """Python code that needs ONNX Runtime, tokenizers and numpy alone; it leaves ``embeddings``, float32 [n, dim].

    Args:
        folder: where the model lies. model: of which it was made.
    """
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
            "ids = np.array([one.ids for one in batch])",
            "mask = np.array([one.attention_mask for one in batch])",
            'embeddings = session.run(None, {"input_ids": ids, "attention_mask": mask})[0]',
        )
    )
