"""Maps of every scorer's contributions, their rank correlation with exact removal, and the layers of removed units."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from ablate.coordinator.mask_maker import MaskMaker
from ablate.coordinator.rows import short
from ablate.engine.prune import Contributions
from ablate.errors import StoreError
from ablate.interrupts import any_failure
from ablate.plan.plan import Cell, Step
from ablate.record import ContributionMap, OracleAgreement, RemovedByLayer
from ablate.scorers.oracle import Oracle

LARGEST = 1024
"""The most units that a map may have. Heads and layers have fewer, neurons have more."""

FEWEST = 5
"""The fewest units or groups for a rank correlation."""


@dataclass
class Maps:
    """What is known of the units of all models of a run, each added once its cells are evaluated."""

    maps: list[ContributionMap] = field(default_factory=list)
    agreement: list[OracleAgreement] = field(default_factory=list)
    removed: list[RemovedByLayer] = field(default_factory=list)

    def add(self, masks: MaskMaker, cells: Sequence[Cell]) -> None:
        """Adds those of one model."""
        self.maps += maps(masks, cells)
        self.agreement += agreement(masks, cells)

    def add_removed(self, masks: MaskMaker, cells: Iterable[Cell]) -> None:
        """Adds where the units are that these cells remove."""
        self.removed += [one for cell in cells if cell.training is None for one in removed(masks, cell)]


def maps(masks: MaskMaker, cells: Iterable[Cell]) -> list[ContributionMap]:
    """The dense model's contributions by every scorer of ``cells``, for granularities with few units."""
    return [
        ContributionMap(
            masks.model.name,
            step.granularity.name,
            step.label,
            isinstance(step.scorer, Oracle),
            tuple(layers.tolist()),
            tuple(map(float, contributions)),
        )
        for step, layers, contributions in _each(masks, _steps(masks, cells), LARGEST)
    ]


def agreement(masks: MaskMaker, cells: Iterable[Cell]) -> list[OracleAgreement]:
    """Spearman's rank correlation of every scorer's contributions with those of every oracle of the same cells.

    If the oracle removes groups of units, a scorer's contribution for a group is the sum over its units.
    """
    steps = _steps(masks, cells)
    exact_of = {step.granularity for step in steps if isinstance(step.scorer, Oracle)}
    known = list(_each(masks, {step: done for step, done in steps.items() if step.granularity in exact_of}))
    return [
        OracleAgreement(
            masks.model.name,
            truth.granularity.name,
            truth.label,
            step.label,
            *correlation(exact, contributions, layers),
        )
        for truth, layers, exact in known
        if isinstance(truth.scorer, Oracle)
        for step, _, contributions in known
        if step.granularity == truth.granularity and step != truth
    ]


def removed(masks: MaskMaker, cell: Cell) -> list[RemovedByLayer]:
    """In which layers the units are that a cell removes, for each granularity; none if its mask is not stored."""
    stored = masks.stored(cell)
    if stored is None:
        return []
    found = []
    for name, mask in stored.units.masks.items():
        granularity = stored.units.granularities[name]
        layers = masks.scores.layers_of(granularity).numpy()
        every = np.bincount(layers)
        gone = np.bincount(layers[~mask], minlength=len(every))
        counts = tuple(gone.tolist()), tuple(every.tolist())
        found.append(RemovedByLayer(masks.model.name, short(masks.key(cell)), granularity.name, *counts))
    return found


def _steps(masks: MaskMaker, cells: Iterable[Cell]) -> dict[Step, bool]:
    """A first step for each scorer and granularity, except for scorers that use a seed or score several together.

    Returns:
        Step -> whether its contributions to the dense model were made: a mask that is stored was made from them.
    """
    cells = list(cells)
    lack = set(masks.missing(cells))
    steps: dict[tuple[str, str], Step] = {}
    done: set[tuple[str, str]] = set()
    for cell in cells:
        for part in cell.steps[0].parts if cell.steps else ():
            if not part.scorer.seeded and len(part.granularities) == 1:
                key = part.granularity.name, part.label
                steps[key] = part
                # A cell that is trained has the contributions in the trained model.
                if cell.training is None and cell not in lack:
                    done.add(key)
    return {step: key in done for key, step in steps.items()}


def _each(
    masks: MaskMaker, steps: Mapping[Step, bool], most: int | None = None
) -> Iterable[tuple[Step, NDArray[np.int64], Contributions]]:
    """The layers and contributions of each step's units. A failing plug-in is left out; its cells give the reason.

    Args:
        steps: what :func:`_steps` returns. most: leave out granularities with more units.
    """
    for step, done in steps.items():
        try:
            layers = masks.scores.layers_of(step.granularity).numpy()
            scored = masks.scores.of_dense(step, done) if most is None or len(layers) <= most else None
        except StoreError:
            raise
        except any_failure():
            continue
        if scored is not None:
            yield step, layers, scored[step.granularity]


def correlation(exact: Contributions, scored: Contributions, layers: NDArray[np.int64]) -> tuple[float | None, int]:
    """Spearman's rank correlation (None if one of the two ranks nothing), and how many units or groups it ranks."""
    # The units of a group have the same exact contribution, that of the group, which identifies the group.
    _, group = np.unique(np.stack([layers, exact]), axis=1, return_inverse=True)
    sizes = np.bincount(group)
    removed = np.bincount(group, exact.astype(np.float64)) / sizes
    predicted = np.bincount(group, scored.astype(np.float64))
    ranked = len(sizes) >= FEWEST and bool(np.ptp(removed) and np.ptp(predicted))
    return float(spearmanr(removed, predicted).statistic) if ranked else None, len(sizes)
