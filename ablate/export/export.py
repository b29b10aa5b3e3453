"""Exports a cell: writes the smaller model, loads it in a fresh process, and keeps it only if it is the same."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError

from ablate.data.embedded import Embedded
from ablate.errors import AblateError
from ablate.experiment.manifest import versions
from ablate.experiment.mask import masked, removed_parameters
from ablate.export.cell import Exportable
from ablate.export.folder import IMPORT, plain, size_of, write_model
from ablate.export.measure import Cost, compare
from ablate.export.onnx import CLOSE as ONNX_CLOSE
from ablate.export.onnx import example, require_onnx, write_onnx
from ablate.export.smaller import smaller
from ablate.models.encode import encode, prepare
from ablate.models.spec import ModelSpec
from ablate.report.exported import card
from ablate.report.results import Results, Row

CLOSE = 1e-5
"""How far an embedding may be from the masked model's, relative to its largest component where that is above 1."""

SENTENCES = 256
MANIFEST = "ablate.json"

_CHECK = """
import json, sys
{line}
from sentence_transformers import SentenceTransformer
model = SentenceTransformer(sys.argv[1], device="cpu", local_files_only=True)
print(json.dumps(model.encode(json.load(sys.stdin), show_progress_bar=False).tolist()))
"""


@dataclass(frozen=True)
class Onnx:
    """The ONNX model. difference: as that of the folder, by ONNX Runtime in a process without torch and ablate."""

    difference: float
    example: str


@dataclass(frozen=True)
class Exported:
    """A folder that was written, and how it stands to the dense model.

    difference: the largest between an embedding's component and the masked model's, as :data:`CLOSE` has it.
    plain: it loads without ablate. size: bytes of weights. zeros: weights that are there and zero by the mask.
    onnx: None where none was asked for.
    dense, cost: None where nothing was measured.
    """

    folder: Path
    cell: str
    rows: list[Row]
    about: dict[str, Any]
    difference: float
    plain: bool
    size: int
    parameters: int
    zeros: int
    onnx: Onnx | None
    dense: Cost | None
    cost: Cost | None


def export(
    chosen: Exportable,
    results: Results,
    folder: Path,
    *,
    onnx: bool = False,
    costs: bool = True,
    tell: Callable[[str], None] = lambda _: None,
) -> Exported:
    """Writes a cell's model.

    Args:
        folder: must not exist; it appears whole or not at all.
        onnx: write an ONNX model beside.
        costs: measure speed, latency, operations and memory beside the dense model.
        tell: told what goes on, one line at a time.

    Raises:
        AblateError: the folder exists or cannot be written, or the model in it gives other embeddings.
    """
    check_target(folder)
    if onnx:
        require_onnx()
    try:
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as scratch:
            made = Path(scratch) / "model"
            exported = _write(chosen, results, made, folder, onnx, costs, tell)
            made.rename(folder)
    except (OSError, SafetensorError) as error:
        raise AblateError(
            f"--output {folder}: cannot be written ({getattr(error, 'strerror', None) or error}); nothing is left of it"
        ) from None
    return exported


def check_target(folder: Path) -> None:
    """Refuses a folder that is there, or cannot be.

    Raises:
        AblateError: it exists, or the one that it is to be in does not.
    """
    if folder.exists() or folder.is_symlink():
        raise AblateError(f"--output {folder}: exists already; name another folder, or move it away")
    if not folder.parent.is_dir():
        raise AblateError(f"--output {folder}: there is no folder {folder.parent}; make it first")


def _write(
    chosen: Exportable,
    results: Results,
    made: Path,
    folder: Path,
    onnx: bool,
    costs: bool,
    tell: Callable[[str], None],
) -> Exported:
    backbone = smaller(chosen.model, chosen.keep)
    write_model(chosen.spec, backbone, made)
    tell("written; loading it in a fresh process")
    short = Embedded().load("synthetic").sentences[:SENTENCES]
    # One that every model has to truncate.
    sentences = (*short, " ".join(short))
    with masked(chosen.model, chosen.keep):
        expected = encode(chosen.model, prepare(chosen.model, sentences)).numpy()
    difference = _difference(expected, _reloaded(made, sentences))
    if difference > CLOSE:
        raise AblateError(
            f"the exported model's embeddings differ from the masked model's by {difference:.1e}, more than {CLOSE:g}; "
            "nothing is left of it"
        )
    second = None
    if onnx:
        tell("writing and trying the ONNX model")
        second = _onnx(chosen, made, sentences, expected)
    dense = cost = None
    if costs:
        tell("measuring it beside the dense model")
        dense, cost = compare([chosen.spec, ModelSpec(name=str(made))], short)
    parameters = sum(parameter.numel() for parameter in backbone.parameters())
    before = sum(parameter.numel() for parameter in chosen.model.backbone.parameters())
    exported = Exported(
        folder,
        chosen.name,
        chosen.rows,
        results.about,
        difference,
        plain(made),
        size_of(made),
        parameters,
        removed_parameters(chosen.keep) - (before - parameters),
        second,
        dense,
        cost,
    )
    (made / MANIFEST).write_text(json.dumps(_manifest(chosen, exported), indent=2) + "\n", encoding="utf-8")
    (made / "README.md").write_text(card(exported), encoding="utf-8")
    return exported


def _reloaded(folder: Path, sentences: tuple[str, ...]) -> np.ndarray:
    """The embeddings that a user gets: a fresh process, sentence-transformers, and the card's line if it needs one."""
    code = _CHECK.format(line="" if plain(folder) else IMPORT)
    return _run(["-c", code, str(folder)], json.dumps(sentences))


def _onnx(chosen: Exportable, made: Path, sentences: tuple[str, ...], expected: np.ndarray) -> Onnx:
    write_onnx(made)
    code = "import json, sys\nsys.modules['torch'] = sys.modules['ablate'] = None\n"
    code += example(str(made), chosen.model, sentences) + "\nprint(json.dumps(embeddings.tolist()))"
    difference = _difference(expected, _run(["-c", code], ""))
    if difference > ONNX_CLOSE:
        raise AblateError(
            f"the ONNX model's embeddings differ from the masked model's by {difference:.1e}, "
            f"more than {ONNX_CLOSE:g}; nothing is left of it"
        )
    return Onnx(difference, example("PATH OF THIS FOLDER", chosen.model, ["A sentence.", "Another one."]))


def _run(arguments: list[str], given: str) -> np.ndarray:
    """The embeddings that a fresh Python process prints."""
    done = subprocess.run([sys.executable, *arguments], input=given, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise AblateError(f"the exported model does not load in a fresh process: {last}; nothing is left of it")
    return np.array(json.loads(done.stdout), np.float32)


def _difference(expected: np.ndarray, found: np.ndarray) -> float:
    if expected.shape != found.shape:
        return float("inf")
    return float(np.abs(expected - found).max() / max(1.0, float(np.abs(expected).max())))


def _manifest(chosen: Exportable, exported: Exported) -> dict[str, Any]:
    about = exported.about
    return {
        "format": 1,
        "cell": exported.cell,
        "key": exported.rows[0]["key"],
        "mask": chosen.mask.hash,
        "model": {**chosen.spec.model_dump(mode="json"), "hash": chosen.model.hash},
        "pooling": chosen.model.encoding.as_dict(),
        "run": {name: about.get(name) for name in ("run", "command", "data", "recipe", "versions", "hashes")},
        "exported_with": versions(),
        "difference": exported.difference,
        "parameters": exported.parameters,
        "zeros": exported.zeros,
        "bytes": exported.size,
        "onnx": None if exported.onnx is None else exported.onnx.difference,
        "dense": None if exported.dense is None else asdict(exported.dense),
        "cost": None if exported.cost is None else asdict(exported.cost),
        "rows": exported.rows,
    }


def load(folder: str | Path) -> Any:
    """The exported model in a folder, as a ``SentenceTransformer``.

    Raises:
        ModelError: it is no model's folder.
    """
    from sentence_transformers import SentenceTransformer

    import ablate.models.pruned  # noqa: F401  # registers the model types
    from ablate.models.checkpoint import find_checkpoint

    find_checkpoint(ModelSpec(name=str(folder)))
    return SentenceTransformer(str(folder), local_files_only=True)
