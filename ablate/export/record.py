"""The record of an export that is written and checked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ablate.export.measure import Cost
from ablate.record import Row, RunAbout


@dataclass(frozen=True)
class Onnx:
    """The ONNX model. difference: as that of the folder, by ONNX Runtime in a process without torch and ablate."""

    difference: float
    example: str


@dataclass(frozen=True)
class Exported:
    """A folder that was written, and how it stands to the dense model.

    difference: from the masked model's embeddings, by :func:`~ablate.models.materialize.largest_difference`.
    plain: it loads without ablate. size: bytes of weights. zeros: weights that are there and zero by the mask.
    onnx: None where none was asked for.
    dense, cost: None where nothing was measured.
    """

    folder: Path
    cell: str
    rows: list[Row]
    about: RunAbout
    difference: float
    plain: bool
    size: int
    parameters: int
    zeros: int
    onnx: Onnx | None
    dense: Cost | None
    cost: Cost | None
