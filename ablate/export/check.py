"""Checks that an exported model equals the masked one, in fresh processes that load it as a user would."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ablate.errors import AblateError
from ablate.export.folder import IMPORT, plain
from ablate.models.materialize import largest_difference

Embeddings = NDArray[np.float32]

_CHECK = """
import json, sys
{line}
from sentence_transformers import SentenceTransformer
import torch
# As in ablate: float32 without TF32.
torch.set_float32_matmul_precision("highest")
model = SentenceTransformer(sys.argv[1], device=sys.argv[2], local_files_only=True)
print(json.dumps(model.encode(json.load(sys.stdin), show_progress_bar=False).tolist()))
"""
# With None in sys.modules, an import of the package fails. So the code is proved to work without torch and ablate.
_ONNX = """
import json, sys
sys.modules["torch"] = sys.modules["ablate"] = None
{example}
print(json.dumps(embeddings.tolist()))
"""


def reloaded(folder: Path, sentences: Sequence[str], device: torch.device) -> Embeddings:
    """The embeddings that sentence-transformers gives, after the card's import if the folder needs it.

    Args:
        device: that of the model with which they are compared.

    Raises:
        AblateError: the folder does not load.
    """
    code = _CHECK.format(line="" if plain(folder) else IMPORT)
    return _run(code, str(folder), str(device), given=json.dumps(sentences))


def by_onnx_runtime(example: str) -> Embeddings:
    """The ``embeddings`` that the card's code computes where neither torch nor ablate can be imported.

    Raises:
        AblateError: the code fails.
    """
    return _run(_ONNX.format(example=example))


def difference(expected: Embeddings, actual: Embeddings, tolerance: float, what: str) -> float:
    """The largest difference of a component, by :func:`~ablate.models.materialize.largest_difference`.

    Args:
        tolerance: the largest difference allowed.
        what: the model that gave ``actual``, for the error message.

    Raises:
        AblateError: the difference is larger or NaN, or the shapes differ.
    """
    if expected.shape != actual.shape:
        raise AblateError(f"the embeddings of {what} have another shape than the masked model's; nothing was written")
    largest = largest_difference(torch.from_numpy(expected), torch.from_numpy(actual))
    # Not `largest > tolerance`, which is false for NaN.
    if not largest <= tolerance:
        raise AblateError(
            f"the embeddings of {what} differ from the masked model's by {largest:.1e}, more than {tolerance:g}; "
            "nothing was written"
        )
    return largest


def _run(code: str, *arguments: str, given: str = "") -> Embeddings:
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    if done.returncode:
        # The last line of a traceback is the error itself.
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise AblateError(f"the exported model does not load in a fresh process: {last}; nothing was written")
    return np.array(json.loads(done.stdout), np.float32)
