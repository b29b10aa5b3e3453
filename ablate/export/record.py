"""The record of an export, after the folder was written and checked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ablate.export.folder import Weights
from ablate.export.measure import Cost
from ablate.export.origin import Origin
from ablate.record import Row, RunAbout


@dataclass(frozen=True)
class Onnx:
    """The ONNX model.

    difference: like that of the folder, but computed by ONNX Runtime in a process without torch and ablate.
    example: the card's code.
    """

    difference: float
    example: str


@dataclass(frozen=True)
class Exported:
    """An exported folder, with its scores and its costs.

    origin: the original model, for the card.
    units: of each granularity, how many the mask removes, and of how many.
    difference: from the masked model's embeddings, by :func:`~ablate.models.materialize.largest_difference`.
    plain: whether it loads without ablate.
    size: bytes of weights.
    original: the weights of the original model.
    zeros: how many weights the mask removes that are stored as zeros.
    onnx: None if no ONNX model was asked for.
    confirmed_by: the run that confirmed the cell, if the rows' own run has not.
    dense, cost: None if nothing was measured.
    measured_on: the device and the precision of the costs, such as ``cpu in float32``.
    draws: how many matched draws the cell has in its run.
    """

    folder: Path
    cell: str
    origin: Origin
    units: tuple[tuple[str, int, int], ...]
    rows: list[Row]
    about: RunAbout
    difference: float
    plain: bool
    size: int
    original: Weights
    parameters: int
    zeros: int
    onnx: Onnx | None
    dense: Cost | None
    cost: Cost | None
    confirmed_by: str | None = None
    measured_on: str = "cpu in float32"
    draws: int = 0
