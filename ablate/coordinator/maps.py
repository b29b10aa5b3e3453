"""Where contributions are high and low, and how far each scorer ranks units as their exact removal does."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from ablate.coordinator.mask_maker import MaskMaker
from ablate.errors import FAILURES, StoreError
from ablate.plan.plan import Cell, Step
from ablate.scorers.oracle import Oracle

LARGEST = 1024
"""Units that a map shows at most: of heads, of layers, not of neurons."""

FEWEST = 5
"""Units or groups that a rank correlation needs."""

Contributions = NDArray[np.float32]


def maps(masks: MaskMaker, cells: Iterable[Cell]) -> list[dict[str, Any]]:
    """The dense model's contributions by every scorer of ``cells``, of granularities with few units.

    Returns:
        For each scorer and granularity ``model``, ``granularity``, ``scorer`` (its label), ``oracle`` (whether it is
        exact), ``layers`` and ``contributions`` (one number for each unit).
    """
    return [
        {
            "model": masks.model.name,
            "granularity": step.granularity.name,
            "scorer": step.label,
            "oracle": isinstance(step.scorer, Oracle),
            "layers": layers.tolist(),
            "contributions": [float(c) for c in contributions],
        }
        for step, layers, contributions in _each(masks, _steps(cells), LARGEST)
    ]


def agreement(masks: MaskMaker, cells: Iterable[Cell]) -> list[dict[str, Any]]:
    """Spearman's rank correlation of every scorer's contributions with those of every oracle of the same cells.

    Where the oracle removes groups of units, a scorer's contribution of a group is the sum over its units.

    Returns:
        For each pair ``model``, ``granularity``, ``oracle`` and ``scorer`` (labels), ``spearman`` (None where one
        of the two ranks nothing) and ``units`` (how many units or groups were ranked).
    """
    steps = _steps(cells)
    exact_of = {step.granularity for step in steps if isinstance(step.scorer, Oracle)}
    found = list(_each(masks, [step for step in steps if step.granularity in exact_of]))
    return [
        {
            "model": masks.model.name,
            "granularity": truth.granularity.name,
            "oracle": truth.label,
            "scorer": step.label,
            **_correlation(exact, contributions, layers),
        }
        for truth, layers, exact in found
        if isinstance(truth.scorer, Oracle)
        for step, _, contributions in found
        if step.granularity == truth.granularity and step != truth
    ]


def _steps(cells: Iterable[Cell]) -> list[Step]:
    """A first step of each scorer and granularity; of scorers that depend on a seed or on other granularities none."""
    first = [part for cell in cells if cell.steps for part in cell.steps[0].parts]
    alone = [part for part in first if not part.scorer.seeded and len(part.granularities) == 1]
    return list({(step.granularity.name, step.label): step for step in alone}.values())


def _each(
    masks: MaskMaker, steps: Iterable[Step], most: int | None = None
) -> Iterable[tuple[Step, NDArray[np.int64], Contributions]]:
    """The layers and contributions of each step's units; none of a plug-in that failed, whose cells say why.

    Args:
        most: leave out granularities with more units.
    """
    for step in steps:
        try:
            layers = masks.layers_of(step.granularity).numpy()
            scored = masks.contributions(step) if most is None or len(layers) <= most else None
        except StoreError:
            raise
        except FAILURES:
            continue
        if scored is not None:
            yield step, layers, scored[step.granularity]


def _correlation(exact: Contributions, scored: Contributions, layers: NDArray[np.int64]) -> dict[str, Any]:
    # The units of a group have one exact contribution, that of the group.
    _, group = np.unique(np.stack([layers, exact]), axis=1, return_inverse=True)
    sizes = np.bincount(group)
    removed = np.bincount(group, exact.astype(np.float64)) / sizes
    predicted = np.bincount(group, scored.astype(np.float64))
    ranked = len(sizes) >= FEWEST and bool(np.ptp(removed) and np.ptp(predicted))
    return {
        "spearman": float(spearmanr(removed, predicted).statistic) if ranked else None,
        "units": len(sizes),
    }
