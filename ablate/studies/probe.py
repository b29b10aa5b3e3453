"""Probes of a calibration set: the contributions of a sample of units, and which units of the sample are removed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ablate.data.calibration import Calibration
from ablate.engine.select import select
from ablate.granularities.base import Granularity
from ablate.granularities.units import Units
from ablate.models.chunks import Chunks
from ablate.models.model import Model
from ablate.plan.plan import Cell, Step
from ablate.store.keys import digest, scores_key
from ablate.store.store import Store, StoredMask
from ablate.studies.contributions import contributions

SAMPLE = 10_000
"""The most units that are compared. Of a larger granularity, a seeded sample is, the same for every calibration set."""

OnMask = Callable[[Cell, Units], object]
"""Called with a cell and its mask of all units, as soon as the mask was computed."""


@dataclass(frozen=True)
class Probe:
    """The contributions and masks of one series of cells with one calibration set.

    contributions: float32 [sampled units].
    removed: for each cell, bool [sampled units], True = removed.
    """

    contributions: NDArray[np.float32]
    removed: Mapping[Cell, NDArray[np.bool_]]


def sample_of(units: int) -> NDArray[np.int64]:
    """The numbers of the units that are compared, int64, ascending.

    Args:
        units: how many units the granularity has.
    """
    if units <= SAMPLE:
        return np.arange(units)
    return np.sort(np.random.default_rng(0).choice(units, SAMPLE, replace=False))


@dataclass
class Prober:
    """Probes one model with any number of calibration sets. The store keeps each probe.

    series: see :func:`ablate.studies.stability.series_of`.
    on_pass: called with the name of each pass over a calibration set.
    chunks: where passes are made; by default in this process.
    """

    model: Model
    store: Store
    tie_seed: int
    series: Mapping[Step, Sequence[Cell]]
    on_pass: Callable[[str], None]
    chunks: Chunks | None = None

    def __post_init__(self) -> None:
        self._layers: dict[Granularity, NDArray[np.int64]] = {
            step.granularity: step.granularity.layers(self.model).numpy() for step in self.series
        }

    def units(self, step: Step) -> int:
        """How many units the step's granularity has."""
        return len(self._layers[step.granularity])

    def probe(self, calibration: Calibration, on_mask: OnMask | None = None) -> tuple[dict[Step, Probe], bool]:
        """The probe of each series, and whether all of them were in the store.

        Args:
            on_mask: called with each mask that is computed. It is not called for probes from the store.

        Raises:
            AblateError: see :func:`ablate.studies.contributions.contributions`; or the store fails.
        """
        probes = {step: probe for step in self.series if (probe := self._stored(calibration, step)) is not None}
        missing = [step for step in self.series if step not in probes]
        if missing:
            arguments = self.model, calibration, missing, self.store, self.on_pass, self.chunks
            for step, scores in contributions(*arguments):
                probes[step] = self._reduce(calibration, step, scores, on_mask)
        return {step: probes[step] for step in self.series}, not missing

    def _key(self, calibration: Calibration, step: Step, cell: Cell | None = None) -> str:
        # The size of the sample is part of the key, since stored probes of another sample would not fit.
        scores = scores_key(self.model, calibration, step.scorer, step.granularity, step.seed)
        tie_seed = None if cell is None else self.tie_seed
        removed = None if cell is None else cell.identity()
        return digest({"stage": "probe", "sample": SAMPLE, "scores": scores, "cell": removed, "tie_seed": tie_seed})

    def _stored(self, calibration: Calibration, step: Step) -> Probe | None:
        scores = self.store.get_scores(self._key(calibration, step))
        masks = {cell: self.store.get_mask(self._key(calibration, step, cell)) for cell in self.series[step]}
        removed = {cell: mask.units["sample"] for cell, mask in masks.items() if mask is not None}
        return None if scores is None or len(removed) < len(masks) else Probe(scores, removed)

    def _reduce(
        self, calibration: Calibration, step: Step, scores: NDArray[np.float32], on_mask: OnMask | None
    ) -> Probe:
        layers, sample = self._layers[step.granularity], sample_of(len(scores))
        removed: dict[Cell, NDArray[np.bool_]] = {}
        for cell in self.series[step]:
            cell_step = cell.steps[0]
            count: int | Literal["negative"] = "negative"
            if cell_step.sparsity != "negative":
                count = round(cell_step.sparsity * len(scores))
            tie_seed = self.tie_seed if cell_step.seed is None else cell_step.seed
            min_keep = step.granularity.min_keep
            # Selected from all units, since the ranks of a sample would remove others.
            mask = select(scores, layers, count, scope=cell_step.scope, min_keep=min_keep, tie_seed=tie_seed)
            if on_mask is not None:
                on_mask(cell, Units().with_mask(step.granularity, mask))
            removed[cell] = ~mask[sample]
            # Without a hash, because this is not the mask of a model: it covers the sample, and True means removed.
            stored = StoredMask("", {"sample": removed[cell]}, {})
            self.store.put_mask(self._key(calibration, step, cell), stored)
        probe = Probe(scores[sample], removed)
        self.store.put_scores(self._key(calibration, step), probe.contributions, {"scorer": step.label})
        return probe
