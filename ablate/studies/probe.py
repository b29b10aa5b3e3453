"""What one calibration set says of the units: the contributions of a sample, and which units of it are removed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ablate.coordinator.mask_maker import name_of
from ablate.data.calibration import Calibration
from ablate.engine.score import scores_key
from ablate.engine.select import select
from ablate.granularities.base import Granularity
from ablate.models.masked import Mask
from ablate.models.model import Model
from ablate.plan.plan import Cell, Step
from ablate.store.keys import digest
from ablate.store.store import Store, StoredMask
from ablate.studies.contributions import contributions

SAMPLE = 10_000
"""Where a granularity has more units, so many are compared: a seeded draw, the same for every calibration set."""

OnMask = Callable[[Cell, dict[str, Mask]], object]
"""Takes the mask of a cell, of all units, when it was computed: granularity -> bool [units], True = keep."""


@dataclass(frozen=True)
class Probe:
    """What one calibration set says of one series of cells.

    contributions: float32 [sampled units]. removed: for each cell, bool [sampled units], True = removed.
    """

    contributions: NDArray[np.float32]
    removed: Mapping[Cell, NDArray[np.bool_]]


def sample_of(units: int) -> NDArray[np.int64]:
    """The numbers of the units that are compared, int64 and rising. ``units``: how many there are."""
    if units <= SAMPLE:
        return np.arange(units)
    return np.sort(np.random.default_rng(0).choice(units, SAMPLE, replace=False))


@dataclass
class Prober:
    """Probes one model with any number of calibration sets; the store keeps each probe.

    series: see :func:`ablate.studies.stability.series_of`. on_pass: takes the name of each pass over a calibration set.
    """

    model: Model
    store: Store
    tie_seed: int
    series: Mapping[Step, Sequence[Cell]]
    on_pass: Callable[[str], None]

    def __post_init__(self) -> None:
        self._layers: dict[Granularity, NDArray[np.int64]] = {
            step.granularity: step.granularity.layers(self.model).numpy() for step in self.series
        }

    def units(self, step: Step) -> int:
        """Units of the step's granularity."""
        return len(self._layers[step.granularity])

    def probe(self, calibration: Calibration, on_mask: OnMask | None = None) -> tuple[dict[Step, Probe], bool]:
        """The probe of every series, and whether all of them were in the store.

        Args:
            on_mask: takes each mask that is computed; for probes from the store none is.

        Raises:
            AblateError: see :func:`ablate.studies.contributions.contributions`; or the store fails.
        """
        probes = {step: probe for step in self.series if (probe := self._stored(calibration, step)) is not None}
        missing = [step for step in self.series if step not in probes]
        if missing:
            for step, scores in contributions(self.model, calibration, missing, self.store, self.on_pass):
                probes[step] = self._reduce(calibration, step, scores, on_mask)
        return {step: probes[step] for step in self.series}, not missing

    def _key(self, calibration: Calibration, step: Step, cell: Cell | None = None) -> str:
        scores = scores_key(self.model, calibration, step, None)
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
            asked = cell.steps[0]
            count: int | Literal["negative"] = "negative"
            if asked.sparsity != "negative":
                count = round(asked.sparsity * len(scores))
            tie_seed = self.tie_seed if asked.seed is None else asked.seed
            least = step.granularity.min_keep
            mask = select(scores, layers, count, scope=asked.scope, min_keep=least, tie_seed=tie_seed)
            if on_mask is not None:
                on_mask(cell, {name_of(step.granularity): mask})
            removed[cell] = ~mask[sample]
            # Of the sample alone, with True = removed: no mask that a model could have, so it has no hash.
            stored = StoredMask("", {"sample": removed[cell]}, {})
            self.store.put_mask(self._key(calibration, step, cell), stored)
        probe = Probe(scores[sample], removed)
        self.store.put_scores(self._key(calibration, step), probe.contributions, {"scorer": step.label})
        return probe
