"""From a cell to its mask: score, select, and (in later steps) score again under the mask in force."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ablate.data.calibration import Calibration
from ablate.engine.collect import Collected, Request, collect, passes_of
from ablate.engine.score import ScorerTasks, data_key, score, scores_key
from ablate.engine.select import matched, select
from ablate.errors import FAILURES, StoreError
from ablate.executors.base import PackedMask
from ablate.granularities.base import Granularity
from ablate.models.masked import Mask, masked, merge, removed_parameters
from ablate.models.model import Model
from ablate.plan.plan import Cell, Step
from ablate.store.keys import digest, mask_hash
from ablate.store.store import Store, StoredMask
from ablate.timing import Timings


@dataclass
class MaskMaker:
    """Makes the masks of one model's cells, each once.

    on_pass: told of each pass over the calibration set.
    tasks: those behind the names that the cells' scorers give, read.
    """

    model: Model
    calibration: Calibration
    store: Store
    tie_seed: int
    timings: Timings
    on_pass: Callable[[str], None] = lambda _: None
    tasks: ScorerTasks = field(default_factory=dict)
    _layers: dict[Granularity, torch.Tensor] = field(default_factory=dict)
    _collected: Collected = field(default_factory=Collected)
    _granularities: dict[str, Granularity] = field(default_factory=dict)

    def key(self, cell: Cell) -> str:
        """The key of a cell: everything its mask depends on."""
        looks = [data_key(step.scorer, self.calibration, self.tasks) for step in cell.steps]
        return digest(
            {
                "stage": "mask",
                "model": self.model.hash,
                "encoding": self.model.encoding.as_dict(),
                "looks": looks,
                "cell": cell.identity(),
                "tie_seed": self.tie_seed if cell.steps else None,
            }
        )

    def scores_key(self, step: Step, in_force: str | None = None) -> str:
        """The key of a step's contributions. ``in_force``: the hash of the mask in force, None for the dense model."""
        return scores_key(self.model, self.calibration, step, in_force, self.tasks)

    def requests(self, cells: Iterable[Cell]) -> list[Request]:
        """What the first steps of all these cells need and the store lacks."""
        return [request for step in self._lacking(cells) for request in step.requests]

    def collect_for(self, cells: Iterable[Cell]) -> None:
        """Gathers what :meth:`requests` finds, in as few passes as possible, and stores the contributions at once.

        Raises:
            AblateError: a batch is larger than the calibration set, or the store fails. What else is raised is
                raised again for each cell that needs it.
        """
        lacking = self._lacking(cells)
        self._collected = Collected()
        requests = [request for step in lacking for request in step.requests]
        for served in passes_of(requests, self.calibration).values():
            with self.timings.measure("collect"), _left_to_the_cells():
                part = collect(self.model, self.calibration, served, self.on_pass, self._collected)
                self._collected.gradients.update(part.gradients)
                self._collected.norms.update(part.norms)
            # Not after the last pass alone: whatever breaks the run off then costs no pass that is done.
            for step in [step for step in lacking if self._collected.has(step.requests)]:
                lacking.remove(step)
                with _left_to_the_cells():
                    self._contributions(step, {})

    def _lacking(self, cells: Iterable[Cell]) -> list[Step]:
        """First steps, one for each contributions, that look at statistics and are not in the store."""
        steps = dict.fromkeys(c.steps[0] for c in self.missing(cells) if c.steps[0].scorer.statistics())
        by_key = {self.scores_key(step): step for step in steps}
        return [step for key, step in by_key.items() if self.store.scores_about(key) is None]

    def missing(self, cells: Iterable[Cell]) -> list[Cell]:
        """Those with at least one step whose mask is not in the store."""
        return [c for c in cells if c.steps and self.store.mask_about(self.key(c)) is None]

    def make(self, cell: Cell) -> StoredMask:
        """The cell's mask, from the store if it is there."""
        key = self.key(cell)
        stored = self.store.get_mask(key)
        if stored is None:
            units = self._draw(cell) if cell.control == "matched" else self._prune(cell, {})
            stored = self.put(cell, units)
        self.register_granularities(cell)
        return stored

    def put(self, cell: Cell, units: dict[str, Mask]) -> StoredMask:
        """Stores the mask that was made for a cell. ``units``: by the name that :func:`name_of` gives."""
        self.register_granularities(cell)
        stored = StoredMask(mask_hash(units) or "", units, self.about(cell, units))
        self.store.put_mask(self.key(cell), stored)
        return stored

    def register_granularities(self, cell: Cell) -> None:
        """Notes the granularities of a cell, which masks have by name alone."""
        for step in cell.steps:
            self._granularities[name_of(step.granularity)] = step.granularity

    def keep(self, units: dict[str, Mask]) -> dict[str, torch.Tensor]:
        """What masks of several granularities keep of the parameters (see :meth:`Granularity.keep`)."""
        granularities = self._granularities
        return merge([granularities[n].keep(self.model, torch.from_numpy(m)) for n, m in units.items()])

    def packed(self, units: dict[str, Mask]) -> tuple[PackedMask, ...]:
        """Masks of several granularities as an executor is given them."""
        return tuple(PackedMask.of(self._granularities[name], mask) for name, mask in units.items())

    def _draw(self, cell: Cell) -> dict[str, Mask]:
        assert cell.draw is not None
        chosen = self.make(Cell(cell.steps)).units
        drawn: dict[str, Mask] = {}
        earlier: dict[str, Mask] = {}
        for name in dict.fromkeys(name_of(step.granularity) for step in cell.steps):
            granularity, mask = self._granularities[name], chosen[name]
            layers = self.layers_of(granularity).numpy()
            # What goes with an earlier granularity's units, such as the weights of a head, is no draw of this one.
            among, own = self._kept(granularity, drawn), self._kept(granularity, earlier) & ~mask
            drawn[name] = (
                among & ~_as_many(own, among, layers, cell.draw) if drawn else matched(mask, layers, cell.draw)
            )
            earlier[name] = mask
        return drawn

    def grow(self, step: Step, fraction: float, units: dict[str, Mask]) -> dict[str, Mask]:
        """The mask in force, with more removed: so many in all that it is ``fraction`` of the step's sparsity."""
        assert step.sparsity != "negative"
        self.register_granularities(Cell((step,)))
        total = len(self.layers_of(step.granularity))
        more = round(fraction * step.sparsity * total) - (total - int(self._kept(step.granularity, units).sum()))
        share = replace(step, sparsity=max(more, 0) / total, steps=1)
        return self._prune(Cell((share,)), units)

    def _prune(self, cell: Cell, in_force: dict[str, Mask]) -> dict[str, Mask]:
        units = dict(in_force)
        self.register_granularities(cell)
        for step in cell.steps:
            name = name_of(step.granularity)
            layers = self.layers_of(step.granularity).numpy()
            before = self._kept(step.granularity, units)
            asked = 0 if step.sparsity == "negative" else round(step.sparsity * len(layers))
            gone, least = len(layers) - int(before.sum()), step.granularity.min_keep
            for share in range(1, step.steps + 1):
                contributions = self._contributions(step, units)
                count: Any = gone + round(asked * share / step.steps)
                if cell.control == "flipped":
                    if step.sparsity == "negative":
                        lowest = select(contributions, layers, "negative", min_keep=least, kept=before)
                        count = len(layers) - int(lowest.sum())
                    contributions = -contributions
                elif step.sparsity == "negative":
                    count = "negative"
                with self.timings.measure("mask"):
                    before = select(
                        contributions,
                        layers,
                        count,
                        scope=step.scope,
                        min_keep=least,
                        kept=before,
                        tie_seed=self.tie_seed if step.seed is None else step.seed,
                    )
                units[name] = before
        return units

    def _kept(self, granularity: Granularity, units: dict[str, Mask]) -> Mask:
        """The units that the masks in force have left, those of other granularities included."""
        if not units:
            return np.ones(len(self.layers_of(granularity)), bool)
        keep = self.keep(units)
        left = {
            name: keep.get(f"{name}.weight", torch.ones_like(self.model.weight(name), dtype=torch.bool)).float()
            for name in granularity.carriers(self.model)
        }
        mask: Mask = (granularity.reduce(self.model, left) > 0).numpy()
        return mask & units.get(name_of(granularity), mask)

    def contributions(self, step: Step) -> NDArray[np.float32] | None:
        """The contributions of a step's units in the dense model; None where that takes a pass not yet made."""
        if not step.requests and not step.scorer.slow:
            return self._contributions(step, {})
        return self.store.get_scores(self.scores_key(step))

    def _contributions(self, step: Step, units: dict[str, Mask]) -> NDArray[np.float32]:
        in_force = mask_hash(units)
        key = self.scores_key(step, in_force)
        requests = step.requests
        worth_storing = bool(requests) or step.scorer.slow
        stored = self.store.get_scores(key) if worth_storing else None
        if stored is not None:
            return stored
        with masked(self.model, self.keep(units)):
            collected = self._collected
            if in_force is not None or not collected.has(requests):
                with self.timings.measure("collect"):
                    collected = collect(self.model, self.calibration, requests, self.on_pass)
            with self.timings.measure("score") as spent:
                kept = torch.from_numpy(self._kept(step.granularity, units))
                layers = self.layers_of(step.granularity)
                contributions = score(self.model, self.calibration, step, layers, collected, kept, self.tasks)
        if worth_storing:
            about = {"scorer": step.label, "granularity": step.granularity.name, "seconds": spent()}
            self.store.put_scores(key, contributions, about)
        return contributions

    def layers_of(self, granularity: Granularity) -> torch.Tensor:
        """int64 [units], each unit's layer."""
        if granularity not in self._layers:
            self._layers[granularity] = granularity.layers(self.model)
        return self._layers[granularity]

    def about(self, cell: Cell, units: dict[str, Mask]) -> dict[str, Any]:
        """What rows say of a cell's mask."""
        one = next(iter(units.values())) if len(units) == 1 else None
        removed = None if one is None else len(one) - int(one.sum())
        return {
            "cell": str(cell),
            "units_total": None if one is None else len(one),
            "units_removed": removed,
            "sparsity_achieved": None if one is None or removed is None else removed / len(one),
            "params_removed": removed_parameters(self.keep(units)),
        }


def name_of(granularity: Granularity) -> str:
    """What masks call a granularity: its identity as JSON."""
    return json.dumps(granularity.identity(), sort_keys=True)


@contextmanager
def _left_to_the_cells() -> Iterator[None]:
    """Lets pass what a plug-in raises for all cells together: those that need it meet it again, and say why."""
    try:
        yield
    except StoreError:
        raise
    except FAILURES:
        return


def _as_many(own: Mask, among: Mask, layers: NDArray[np.int64], seed: int) -> Mask:
    """At random as many units of each layer as ``own`` has, out of ``among``."""
    generator = np.random.default_rng(seed)
    drawn = np.zeros(len(own), bool)
    for layer in range(int(layers[-1]) + 1):
        here = np.flatnonzero(among & (layers == layer))
        count = min(int(own[layers == layer].sum()), len(here))
        drawn[generator.choice(here, count, replace=False)] = True
    return drawn
