"""Exports a cell: writes the smaller model, loads it in a fresh process, and keeps it only if it equals the cell's."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from torch import nn

from ablate.data.embedded import Embedded
from ablate.errors import AblateError, ModelError
from ablate.export.card import card
from ablate.export.check import by_onnx_runtime, difference, reloaded
from ablate.export.folder import original_weights, plain, size_of, write_model
from ablate.export.measure import compare
from ablate.export.onnx import CLOSE as ONNX_CLOSE
from ablate.export.onnx import example, require_onnx, write_onnx
from ablate.export.origin import Given, origin_of
from ablate.export.record import Exported, Onnx
from ablate.export.results import write_results
from ablate.export.smaller import smaller
from ablate.export.without_places import command_without_places, without_places
from ablate.files import is_folder
from ablate.granularities.units import plain_name_of
from ablate.models.device import label
from ablate.models.encode import encode, prepare
from ablate.models.masked import masked, removed_parameters
from ablate.models.materialize import CLOSE
from ablate.models.spec import ModelSpec, Precision
from ablate.plan.manifest import versions
from ablate.plugins import registry
from ablate.record import RunRecord
from ablate.report.stored_cell import Exportable

SENTENCES = 256
"""How many sentences the check and the measurement embed."""

MANIFEST = "ablate.json"

NOTHING = Given()
"""The card says what the original's card says."""


def export(
    chosen: Exportable,
    results: RunRecord,
    folder: Path,
    *,
    onnx: bool = False,
    costs: bool = True,
    precision: Precision = "float32",
    given: Given = NOTHING,
    tell: Callable[[str], None] = lambda _: None,
) -> Exported:
    """Writes a cell's model.

    Args:
        folder: must not exist. It is written completely or not at all.
        onnx: also write an ONNX model.
        costs: measure speed, latency, operations and memory, and those of the dense model, on the device of the model.
        precision: in which the costs are measured. The exported weights are float32.
        given: what the card says of the license, the language and the original model in place of that model's card.
        tell: called with each line of progress.

    Raises:
        AblateError: the folder exists or cannot be written, or the exported model gives different embeddings.
    """
    check_target(folder)
    if onnx:
        require_onnx()
    try:
        # In the parent of the target, and so on the same file system, where a rename is atomic.
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as scratch:
            made = Path(scratch) / "model"
            exported = _write(chosen, results, made, folder, onnx, costs, precision, given, tell)
            made.rename(folder)
    except (OSError, SafetensorError) as error:
        raise AblateError(
            f"--output {folder}: cannot be written ({getattr(error, 'strerror', None) or error}); nothing was written"
        ) from None
    return exported


def check_target(folder: Path) -> None:
    """Refuses a folder that exists or whose parent does not.

    Raises:
        AblateError: the folder exists, or its parent does not.
    """
    # A link that is broken is there too. pathlib raises an error for a name that is too long.
    if os.path.lexists(folder):
        raise AblateError(f"--output {folder}: already exists; name another folder, or move it away")
    if not os.path.isdir(folder.parent):
        raise AblateError(f"--output {folder}: there is no folder {folder.parent}; make it first")


def _write(
    chosen: Exportable,
    results: RunRecord,
    made: Path,
    folder: Path,
    onnx: bool,
    costs: bool,
    precision: Precision,
    given: Given,
    tell: Callable[[str], None],
) -> Exported:
    device = chosen.model.device
    # Written from the CPU, on which every machine can load it.
    backbone = smaller(chosen.model, chosen.keep)
    nn.Module.to(backbone, "cpu")
    write_model(chosen.spec, chosen.model.encoding.prompt, backbone, made)
    tell("written; loading it in a fresh process")
    short = Embedded().load("synthetic").sentences[:SENTENCES]
    # The last one is so long that every model has to truncate it.
    sentences = (*short, " ".join(short))
    with masked(chosen.model, chosen.keep):
        expected = encode(chosen.model, prepare(chosen.model, sentences)).numpy()
    largest = difference(expected, reloaded(made, sentences, device), CLOSE, "the exported model")
    onnx_record = None
    if onnx:
        tell("writing and checking the ONNX model")
        write_onnx(made)
        by_onnx = by_onnx_runtime(example(str(made), chosen.model, sentences))
        shown_example = example(folder.name, chosen.model, ["A sentence.", "Another one."])
        onnx_record = Onnx(difference(expected, by_onnx, ONNX_CLOSE, "the ONNX model"), shown_example)
    dense = cost = None
    if costs:
        tell("measuring it beside the dense model")
        dense, cost = compare([chosen.spec, ModelSpec(name=str(made))], short, device, precision)
    parameters = sum(parameter.numel() for parameter in backbone.parameters())
    dense_parameters = sum(parameter.numel() for parameter in chosen.model.backbone.parameters())
    exported = Exported(
        folder=folder,
        cell=chosen.name,
        origin=origin_of(chosen.spec, given),
        units=tuple((plain_name_of(name), int((~kept).sum()), len(kept)) for name, kept in chosen.mask.units.items()),
        rows=chosen.rows,
        about=results.about,
        difference=largest,
        plain=plain(made),
        size=size_of(made),
        original=original_weights(chosen.spec),
        parameters=parameters,
        # What the mask removes and what was physically removed differ by the weights that are stored as zeros.
        zeros=removed_parameters(chosen.keep) - (dense_parameters - parameters),
        onnx=onnx_record,
        dense=dense,
        cost=cost,
        confirmed_by=chosen.confirmed_by,
        measured_on=f"{label(device)} in {precision}",
        draws=chosen.draws,
    )
    (made / MANIFEST).write_text(json.dumps(_manifest(chosen, exported), indent=2) + "\n", encoding="utf-8")
    (made / "README.md").write_text(card(exported), encoding="utf-8")
    write_results(folder.name, chosen.rows, results.about, registry(), made, tell)
    return exported


def _manifest(chosen: Exportable, exported: Exported) -> Any:
    """What traces the model. It is published with it, so it names no place of this machine."""
    about = exported.about.to_dict()
    about["command"] = exported.about.command and command_without_places(exported.about.command)
    manifest = {
        "format": 1,
        "cell": exported.cell,
        "key": exported.rows[0].key,
        "mask": chosen.mask.hash,
        "model": {**chosen.spec.model_dump(mode="json"), "hash": chosen.model.hash},
        "pooling": chosen.model.encoding.as_dict(),
        "run": {
            name: about.get(name) for name in ("run", "command", "data", "recipe", "training", "versions", "hashes")
        },
        "exported_with": versions(),
        "difference": exported.difference,
        "parameters": exported.parameters,
        "zeros": exported.zeros,
        "bytes": exported.size,
        "original": asdict(exported.original),
        "onnx": None if exported.onnx is None else exported.onnx.difference,
        "dense": None if exported.dense is None else asdict(exported.dense),
        "cost": None if exported.cost is None else asdict(exported.cost),
        "measured_on": exported.measured_on,
        "rows": [row.to_dict() for row in exported.rows],
    }
    return without_places(manifest)


def load(folder: str | Path) -> Any:
    """The exported model in a folder, as a ``SentenceTransformer``.

    Raises:
        ModelError: there is no such folder, or it has no model.
    """
    from sentence_transformers import SentenceTransformer

    import ablate.models.pruned  # noqa: F401  # registers the model types
    from ablate.models.checkpoint import find_checkpoint

    if not is_folder(Path(folder)):
        raise ModelError(f"'{folder}': no such folder; name one that `ablate export` wrote")
    find_checkpoint(ModelSpec(name=str(folder)))
    return SentenceTransformer(str(folder), local_files_only=True)
