"""Makes the masks of a model's cells: looks up what the store has, computes the rest, and stores it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import torch

from ablate.data.calibration import Calibration
from ablate.engine.collect import Collected, collect
from ablate.engine.draw import Groups, redrawn
from ablate.engine.passes import Request, passes_of
from ablate.engine.prune import Contributions, Pruner
from ablate.engine.score import score
from ablate.errors import FAILURES, StoreError
from ablate.granularities.base import Granularity
from ablate.granularities.units import Units
from ablate.models.masked import masked, removed_parameters
from ablate.models.model import Model
from ablate.plan.plan import Cell, Step
from ablate.scorers.base import ScorerTasks
from ablate.store.keys import mask_hash, mask_key, scores_key
from ablate.store.store import Store, StoredMask
from ablate.timing import Timings

NOTHING_MORE: Mapping[str, str | float | None] = MappingProxyType({})

ByGranularity = dict[Granularity, Contributions]


@dataclass(frozen=True)
class CellMask:
    """A cell's mask. hash: of its bits; empty if nothing is removed. about: what rows say about it."""

    hash: str
    units: Units
    about: Mapping[str, object]


@dataclass
class MaskMaker:
    """Makes the masks of one model's cells. Each is made only once.

    on_pass: given the name of each pass over the calibration set before it begins.
    tasks: for each task or group name that the cells' scorers give, the tasks with their data already loaded.
    """

    model: Model
    calibration: Calibration
    store: Store
    tie_seed: int
    timings: Timings
    on_pass: Callable[[str], None] = lambda _: None
    tasks: ScorerTasks = field(default_factory=dict)
    _layers: dict[Granularity, torch.Tensor] = field(default_factory=dict, init=False)
    _alike: dict[Granularity, Groups] = field(default_factory=dict, init=False)
    _keys: dict[Cell, str] = field(default_factory=dict, init=False)
    _scores_keys: dict[Hashable, dict[Granularity, str]] = field(default_factory=dict, init=False)
    _collected: Collected = field(default_factory=Collected, init=False)
    """Statistics of the dense model, between :meth:`collect_for` and the scoring of the cells."""

    def for_model(self, model: Model) -> MaskMaker:
        """The same mask maker for another model, or for one with other weights."""
        return replace(self, model=model)

    def with_calibration(self, calibration: Calibration) -> MaskMaker:
        """The same mask maker with another calibration set."""
        return replace(self, calibration=calibration)

    def key(self, cell: Cell) -> str:
        """The key of a cell, under which its mask is stored."""
        if cell not in self._keys:
            scorers = [step.scorer for step in cell.steps]
            arguments = self.model, self.calibration, scorers, cell.identity(), self.tie_seed, self.tasks
            self._keys[cell] = mask_key(*arguments)
        return self._keys[cell]

    def scores_keys(self, step: Step, in_force: str | None = None) -> Mapping[Granularity, str]:
        """The key of the contributions at each of a step's granularities.

        Args:
            in_force: hash of the mask in force, None for the dense model.
        """
        # Contributions serve all sparsities, so that many cells ask for the same keys.
        place = step.scorer, step.granularities, step.seed, in_force
        if place not in self._scores_keys:
            together = step.granularities if step.scorer.joint else ()
            model, calibration, tasks = self.model, self.calibration, self.tasks
            self._scores_keys[place] = {
                g: scores_key(model, calibration, step.scorer, g, step.seed, in_force, tasks, together)
                for g in step.granularities
            }
        return self._scores_keys[place]

    def requests(self, cells: Iterable[Cell]) -> list[Request]:
        """What the first steps of these cells need, without what the store already has."""
        return [request for part in self._lacking(cells) for request in part.requests]

    def collect_for(self, cells: Iterable[Cell]) -> None:
        """Collects what :meth:`requests` returns, in as few passes as possible, and stores the contributions.

        Raises:
            AblateError: a batch is larger than the calibration set, or the store fails. Any other error is ignored
                here, and raised again when a cell that needs the pass is made.
        """
        lacking = self._lacking(cells)
        self._collected = Collected()
        requests = [request for part in lacking for request in part.requests]
        for served in passes_of(requests, self.calibration).values():
            with self.timings.measure("collect"), _left_to_the_cells():
                self._collected = collect(self.model, self.calibration, served, self.on_pass, self._collected)
            # Store after each pass, so that an interrupted run loses no finished pass.
            for part in [part for part in lacking if self._collected.has(part.requests)]:
                lacking.remove(part)
                with _left_to_the_cells():
                    self._contributions(part, Units())

    def _lacking(self, cells: Iterable[Cell]) -> list[Step]:
        """The parts of first steps that need statistics and whose contributions are not in the store, each once."""
        # The contributions first: they are few, and if all are stored, no mask is looked up.
        parts = {
            cell: [part for part in cell.steps[0].parts if part.scorer.statistics()] for cell in cells if cell.steps
        }
        keys = {part: set(self.scores_keys(part).values()) for of_cell in parts.values() for part in of_cell}
        present = self.store.scores_about(key for of_part in keys.values() for key in of_part).keys()
        lacking = {cell: [part for part in of_cell if not keys[part] <= present] for cell, of_cell in parts.items()}
        missing = self.missing(cell for cell, of_cell in lacking.items() if of_cell)
        return list({frozenset(keys[part]): part for cell in missing for part in lacking[cell]}.values())

    def missing(self, cells: Iterable[Cell]) -> list[Cell]:
        """The cells that have at least one step and no mask in the store yet."""
        keys = {cell: self.key(cell) for cell in cells if cell.steps}
        present = self.store.masks_about(keys.values())
        return [cell for cell, key in keys.items() if key not in present]

    def stored(self, cell: Cell) -> CellMask | None:
        """The cell's mask in the store; None if it is not there, or if it was damaged and is now deleted."""
        stored = self.store.get_mask(self.key(cell))
        return (
            None if stored is None else CellMask(stored.hash, Units.of(stored.units, cell.granularities), stored.about)
        )

    def make(self, cell: Cell) -> CellMask:
        """The cell's mask, from the store if it is there."""
        stored = self.stored(cell)
        if stored is not None:
            return stored
        if cell.draw is not None:
            chosen = self.make(Cell(cell.steps)).units
            drawn = self._pruner.draw(chosen, cell.draw)
            return self.put(cell, drawn, _of_draw(cell, chosen, drawn))
        return self.put(cell, self._pruner.prune(cell.steps, Units(), flipped=cell.control == "flipped"))

    def put(self, cell: Cell, units: Units, more: Mapping[str, str | float | None] = NOTHING_MORE) -> CellMask:
        """Stores the mask of a cell. ``more``: what else rows or later runs need to know of it."""
        about = {**self._about(cell, units), **more}
        mask = StoredMask(mask_hash(units.masks) or "", units.masks, about)
        self.store.put_mask(self.key(cell), mask)
        return CellMask(mask.hash, units, about)

    def grow(self, step: Step, fraction: float, units: Units) -> Units:
        """The masks in force with more units removed; see :meth:`Pruner.grow`."""
        return self._pruner.grow(step, fraction, units)

    @property
    def _pruner(self) -> Pruner:
        return Pruner(self.model, self.layers_of, self._contributions, self.tie_seed, self.timings, self._alike_of)

    def _alike_of(self, granularity: Granularity) -> Groups:
        if granularity not in self._alike:
            self._alike[granularity] = Groups.of(granularity.alike(self.model).numpy())
        return self._alike[granularity]

    def layers_of(self, granularity: Granularity) -> torch.Tensor:
        """int64 [units], each unit's layer."""
        if granularity not in self._layers:
            self._layers[granularity] = granularity.layers(self.model)
        return self._layers[granularity]

    def contributions(self, step: Step) -> ByGranularity | None:
        """The contributions of a step's units in the dense model; None if they need a pass that was not made.

        The pass is made again if this process found its contributions damaged: maps need them, even if no mask does.
        """
        if not _worth_storing(step):
            return self._contributions(step, Units())
        stored = self._stored(step, None)
        if stored is None and not self.store.damaged.isdisjoint(self.scores_keys(step).values()):
            return self._contributions(step, Units())
        return stored

    def _contributions(self, step: Step, units: Units) -> ByGranularity:
        """The contributions of a step's units under the masks in force: from the store, or scored now."""
        in_force = mask_hash(units.masks)
        contributions: ByGranularity = {}
        missing = []
        for part in step.parts:
            stored = self._stored(part, in_force)
            if stored is None:
                missing.append(part)
            else:
                contributions |= stored
        return contributions | self._scored(missing, units, in_force) if missing else contributions

    def _stored(self, part: Step, in_force: str | None) -> ByGranularity | None:
        if not _worth_storing(part):
            return None
        stored = {g: self.store.get_scores(key) for g, key in self.scores_keys(part, in_force).items()}
        present = {g: scores for g, scores in stored.items() if scores is not None}
        return present if len(present) == len(stored) else None

    def _scored(self, parts: Sequence[Step], units: Units, in_force: str | None) -> ByGranularity:
        """Collects statistics for all parts together, scores each part, and stores what took time to compute."""
        requests = [request for part in parts for request in part.requests]
        contributions: ByGranularity = {}
        with masked(self.model, units.keep(self.model)):
            collected = self._collected
            # The statistics that were collected in advance are those of the dense model, and do not hold under a mask.
            if in_force is not None or not collected.has(requests):
                with self.timings.measure("collect"):
                    collected = collect(self.model, self.calibration, requests, self.on_pass)
            for part in parts:
                with self.timings.measure("score") as spent:
                    layers = {g: self.layers_of(g) for g in part.granularities}
                    left = {g: torch.from_numpy(units.left(self.model, g, len(of))) for g, of in layers.items()}
                    scored = score(self.model, self.calibration, part, collected, layers, left, self.tasks)
                contributions |= scored
                for granularity, key in self.scores_keys(part, in_force).items() if _worth_storing(part) else ():
                    about = {"scorer": part.label, "granularity": granularity.name, "seconds": spent()}
                    self.store.put_scores(key, scored[granularity], about)
        return contributions

    def _about(self, cell: Cell, units: Units) -> dict[str, str | int | float | None]:
        if not units.masks:
            return {"cell": str(cell), "units_removed": 0, "sparsity_achieved": 0.0, "params_removed": 0}
        masks = list(units.masks.values())
        # Units of several granularities cannot be added up.
        total = len(masks[0]) if len(masks) == 1 else None
        removed = None if total is None else total - int(masks[0].sum())
        return {
            "cell": str(cell),
            "units_total": total,
            "units_removed": removed,
            "sparsity_achieved": None if total is None or removed is None else removed / total,
            "params_removed": removed_parameters(units.keep(self.model)),
        }


def _of_draw(cell: Cell, chosen: Units, drawn: Units) -> dict[str, str | float | None]:
    """What rows say of a random draw: by what it is matched, and the share of the cell's units that it keeps."""
    removed = sum(int((~mask).sum()) for mask in chosen.masks.values())
    kept = sum(redrawn(mask, drawn.masks[name]) for name, mask in chosen.masks.items())
    return {"matching": cell.matching, "redrawn": kept / removed if removed else None}


def _worth_storing(step: Step) -> bool:
    """Whether contributions take a pass over data. Others are computed faster than they are read from the store."""
    return bool(step.requests) or step.scorer.slow


@contextmanager
def _left_to_the_cells() -> Iterator[None]:
    """Ignores a plug-in's error in work that cells share. Each cell that needs the work raises and reports it later."""
    try:
        yield
    except StoreError:
        raise
    except FAILURES:
        return
