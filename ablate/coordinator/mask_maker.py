"""Makes the masks of a model's cells: looks up what the store has, computes the rest, and stores it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType

from ablate.coordinator.contribution_maker import ContributionMaker
from ablate.coordinator.others import EndedProcesses, alone
from ablate.coordinator.swap import Swaps
from ablate.data.calibration import Calibration
from ablate.engine.draw import Groups, redrawn
from ablate.engine.passes import Request
from ablate.engine.prune import Pruner
from ablate.engine.search import Ranked
from ablate.events import Watch, silent
from ablate.granularities.base import Granularity
from ablate.granularities.units import Units
from ablate.models.chunks import Chunks
from ablate.models.masked import removed_parameters
from ablate.models.model import Model
from ablate.plan.plan import Cell, Step
from ablate.scorers.base import ScorerTasks
from ablate.store.keys import digest, mask_hash, mask_key
from ablate.store.store import Store, StoredMask
from ablate.tasks.loaded import Loaded
from ablate.timing import Timings

NOTHING_MORE: Mapping[str, str | float | None] = MappingProxyType({})


@dataclass(frozen=True)
class CellMask:
    """A cell's mask. hash: of its bits; empty if nothing is removed. about: what rows say about it."""

    hash: str
    units: Units
    about: Mapping[str, object]


@dataclass
class MaskMaker:
    """Makes the masks of one model's cells. Each is made only once.

    tasks: for each task or group name that the cells' scorers give, the tasks with their data already loaded.
    watch: called with the progress of passes over the calibration set, and of slow scorers.
    swaps: searches the masks of steps with a search; None if the plan has none.
    trained_on: the tasks that choose the best checkpoint of each training; none if no cell is trained.
    chunks: where scorers' work is done; by default in this process.
    scores: makes the contributions.
    """

    model: Model
    calibration: Calibration
    store: Store
    tie_seed: int
    timings: Timings
    tasks: ScorerTasks = field(default_factory=dict)
    watch: Watch = silent
    swaps: Swaps | None = None
    trained_on: Sequence[Loaded] = ()
    chunks: Chunks | None = None
    scores: ContributionMaker = field(init=False)
    _alike: dict[Granularity, Groups] = field(default_factory=dict, init=False)
    _keys: dict[Cell, str] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        arguments = self.model, self.calibration, self.store, self.timings, self.tasks, self.watch, self.chunks
        self.scores = ContributionMaker(*arguments)

    def for_model(self, model: Model) -> MaskMaker:
        """The same mask maker for another model, or for one with other weights. It does not search.

        It works in this process: other processes have the weights that the run began with.
        """
        return replace(self, model=model, swaps=None, chunks=None)

    def with_calibration(self, calibration: Calibration) -> MaskMaker:
        """The same mask maker with another calibration set."""
        return replace(self, calibration=calibration)

    def search_without(self, unfit: Collection[str]) -> None:
        """From now on, masks are searched without these tasks, which cannot choose."""
        if unfit and self.swaps is not None:
            self.swaps = self.swaps.without(unfit)
            self._keys.clear()  # those of searched masks have the tasks

    def key(self, cell: Cell) -> str:
        """The key of a cell, under which its mask is stored."""
        if cell not in self._keys:
            scorers = [step.scorer for step in cell.steps]
            arguments = self.model, self.calibration, scorers, cell.identity(), self.tie_seed, self.tasks
            search = self.swaps.key() if self.swaps and cell.searches else None
            self._keys[cell] = mask_key(*arguments, search, self.trained_on if cell.training else ())
        return self._keys[cell]

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
        if not lacking:
            return
        keys = sorted(key for part in lacking for key in self.scores.keys(part).values())
        # A key of its own, because if a pass ends the process, none of the contributions is to blame yet.
        together = digest({"pass for": keys})
        with (
            suppress(EndedProcesses),
            alone(self.store, [together], "", lambda: not self.scores.lacking(lacking)) as mine,
        ):
            if mine:
                absent = self.scores.lacking(lacking)  # another run may have stored some while this one waited
                self.scores.collect([part for part in lacking if part in absent])

    def _lacking(self, cells: Iterable[Cell]) -> list[Step]:
        """The parts of first steps that need statistics and whose contributions are not in the store, each once."""
        # The contributions first: they are few, and if all are stored, no mask is looked up.
        parts = {
            cell: [part for part in cell.steps[0].parts if part.scorer.statistics()] for cell in cells if cell.steps
        }
        absent = self.scores.lacking(part for of_cell in parts.values() for part in of_cell)
        lacking = {cell: [part for part in of_cell if part in absent] for cell, of_cell in parts.items()}
        missing = self.missing(cell for cell, of_cell in lacking.items() if of_cell)
        keys = {part: frozenset(self.scores.keys(part).values()) for cell in missing for part in lacking[cell]}
        return list({keys[part]: part for cell in missing for part in lacking[cell]}.values())

    def scored(self, cell: Cell) -> int | None:
        """How many masks the searches of a cell's steps scored; None if it has none, or its mask is not stored yet."""
        about = self.store.mask_about(self.key(cell)) if cell.searches and not cell.control else None
        # A step whose border has no units to swap scores none.
        return None if about is None else int(about.get("evaluations", 0))

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
        key = self.key(cell)
        # Claimed, so that a plug-in that ends the process while it makes the mask is known the next time.
        with alone(self.store, [key], "this mask", lambda: self.store.mask_about(key) is not None) as mine:
            if mine:
                return self._made(cell)
        return self.make(cell)

    def _made(self, cell: Cell) -> CellMask:
        if cell.draw is not None:
            chosen = self.make(Cell(cell.steps)).units
            drawn = self._pruner.draw(chosen, cell.draw)
            return self.put(cell, drawn, _of_draw(cell, chosen, drawn))
        found: dict[str, int] = {}
        pruner = replace(self._pruner, search=partial(self._searched, found))
        return self.put(cell, pruner.prune(cell.steps, Units(), flipped=cell.control == "flipped"), found)

    def put(self, cell: Cell, units: Units, more: Mapping[str, str | float | None] = NOTHING_MORE) -> CellMask:
        """Stores the mask of a cell. ``more``: what else rows or later runs need to know of it."""
        about = {**self._about(cell, units), **more}
        mask = StoredMask(mask_hash(units.masks) or "", units.masks, about)
        self.store.put_mask(self.key(cell), mask)
        return CellMask(mask.hash, units, about)

    def _searched(self, found: dict[str, int], step: Step, units: Units, ranked: Sequence[Ranked]) -> Units:
        """The masks that a step's search finds. What rows say of it is added to ``found``."""
        if self.swaps is None:
            raise ValueError(f"'{step}': masks of this model are not searched")
        units, of_step = self.swaps.search(step, units, ranked)
        found |= {name: found.get(name, 0) + number for name, number in of_step.items()}
        return units

    def grow(self, step: Step, fraction: float, units: Units) -> Units:
        """The masks in force with more units removed; see :meth:`Pruner.grow`."""
        return self._pruner.grow(step, fraction, units)

    @property
    def _pruner(self) -> Pruner:
        return Pruner(self.model, self.scores.layers_of, self.scores.of, self.tie_seed, self.timings, self._alike_of)

    def _alike_of(self, granularity: Granularity) -> Groups:
        if granularity not in self._alike:
            self._alike[granularity] = Groups.of(granularity.alike(self.model).numpy())
        return self._alike[granularity]

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
