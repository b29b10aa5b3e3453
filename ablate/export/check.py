"""Is an exported model the masked one? Asked of fresh processes, as its user would run it."""

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
model = SentenceTransformer(sys.argv[1], device="cpu", local_files_only=True)
print(json.dumps(model.encode(json.load(sys.stdin), show_progress_bar=False).tolist()))
"""
_ONNX = """
import json, sys
sys.modules["torch"] = sys.modules["ablate"] = None
{example}
print(json.dumps(embeddings.tolist()))
"""


def reloaded(folder: Path, sentences: Sequence[str]) -> Embeddings:
    """The embeddings that a user gets: by sentence-transformers, after the card's line if the folder needs one.

    Raises:
        AblateError: it does not load.
    """
    return _run(_CHECK.format(line="" if plain(folder) else IMPORT), str(folder), given=json.dumps(sentences))


def by_onnx_runtime(example: str) -> Embeddings:
    """The ``embeddings`` that the card's code leaves, where neither torch nor ablate can be imported.

    Raises:
        AblateError: it does not run.
    """
    return _run(_ONNX.format(example=example))


def difference(expected: Embeddings, given: Embeddings, most: float, what: str) -> float:
    """The largest difference of two components, relative to the largest component where that is above 1.

    Args:
        most: the largest difference allowed. what: the model that gave ``given``, named in the error message.

    Raises:
        AblateError: the difference is larger or NaN, or the shapes differ.
    """
    if expected.shape != given.shape:
        raise AblateError(f"{what} has embeddings of another shape than the masked model; nothing is left of it")
    largest = largest_difference(torch.from_numpy(expected), torch.from_numpy(given))
    if not largest <= most:
        raise AblateError(
            f"the embeddings of {what} differ from the masked model's by {largest:.1e}, more than {most:g}; "
            "nothing is left of it"
        )
    return largest


def _run(code: str, *arguments: str, given: str = "") -> Embeddings:
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise AblateError(f"the exported model does not load in a fresh process: {last}; nothing is left of it")
    return np.array(json.loads(done.stdout), np.float32)
