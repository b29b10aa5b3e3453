"""Makes the contributions of a model's units: looks up what the store has, computes the rest, and stores it."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import torch

from ablate.coordinator.on_workers import under
from ablate.coordinator.others import alone
from ablate.data.calibration import Calibration
from ablate.engine.collect import Collected, collect, waves
from ablate.engine.passes import passes_of
from ablate.engine.prune import Contributions
from ablate.engine.score import score
from ablate.errors import StoreError
from ablate.events import Event, Watch, silent
from ablate.granularities.base import Granularity
from ablate.granularities.units import Units
from ablate.interrupts import any_failure
from ablate.models.chunks import Chunks, InTurn
from ablate.models.masked import masked
from ablate.models.model import Model
from ablate.plan.plan import Step
from ablate.scorers.base import ScorerTasks
from ablate.store.keys import mask_hash, scores_key
from ablate.store.store import Store
from ablate.timing import Timings

ByGranularity = dict[Granularity, Contributions]

Removing = Mapping[Granularity, int | None]
"""How many units a step removes now of each granularity; None: all whose contribution is below 0."""


@dataclass
class ContributionMaker:
    """Makes the contributions of one model's units. Each is computed only once.

    tasks: for each task or group name that the cells' scorers give, the tasks with their data already loaded.
    watch: called with the progress of passes over the calibration set, and of slow scorers.
    chunks: where passes are made, and what slow scorers divide is done; by default in this process.
    """

    model: Model
    calibration: Calibration
    store: Store
    timings: Timings
    tasks: ScorerTasks = field(default_factory=dict)
    watch: Watch = silent
    chunks: Chunks | None = None
    _layers: dict[Granularity, torch.Tensor] = field(default_factory=dict, init=False)
    _keys: dict[Hashable, dict[Granularity, str]] = field(default_factory=dict, init=False)
    _collected: Collected = field(default_factory=Collected, init=False)
    """Statistics of the dense model, between :meth:`collect` and the scoring of the cells."""

    def keys(
        self, step: Step, in_force: str | None = None, remove: Removing | None = None
    ) -> Mapping[Granularity, str]:
        """The key of the contributions at each of a step's granularities.

        Args:
            in_force: hash of the mask in force, None for the dense model.
            remove: what the step removes now; by default its first share of the dense model's units.
        """
        remove = self._removing(step, remove)
        # Contributions serve all sparsities, so that many cells ask for the same keys.
        place = step.scorer, step.granularities, step.seed, in_force, tuple((remove or {}).items())
        if place not in self._keys:
            together = step.granularities if step.scorer.joint else ()
            model, calibration, tasks = self.model, self.calibration, self.tasks
            self._keys[place] = {
                g: scores_key(model, calibration, step.scorer, g, step.seed, in_force, tasks, together, remove)
                for g in step.granularities
            }
        return self._keys[place]

    def lacking(self, parts: Iterable[Step]) -> set[Step]:
        """Those of the parts whose contributions to the dense model are not all in the store."""
        keys = {part: set(self.keys(part).values()) for part in parts}
        present = self.store.scores_about(key for of_part in keys.values() for key in of_part).keys()
        return {part for part, of_part in keys.items() if not of_part <= present}

    def collect(self, parts: Sequence[Step]) -> None:
        """Collects what parts of first steps need, in as few passes as possible, and stores the contributions.

        Raises:
            AblateError: a batch is larger than the calibration set, or the store fails. Any other error is ignored
                here, and raised again when a cell that needs the pass is made.
        """
        lacking = list(parts)
        self._collected = Collected()
        requests = [request for part in lacking for request in part.requests]
        chunks = self.chunks or InTurn(self.model)
        for wave in waves(passes_of(requests, self.calibration), divides=chunks.divides):
            served = [request for of_pass in wave.values() for request in of_pass]
            with self.timings.measure("collect"), _left_to_the_cells():
                self._collected = collect(self.model, self.calibration, served, self.on_pass, self._collected, chunks)
            # Store now, so that an interrupted run loses no finished pass.
            for part in [part for part in lacking if self._collected.has(part.requests)]:
                lacking.remove(part)
                with _left_to_the_cells():
                    self.of(part, Units())

    def on_pass(self, name: str) -> None:
        """Says that a pass over the calibration set begins."""
        self.watch(Event("pass", f"pass: {name}"))

    def layers_of(self, granularity: Granularity) -> torch.Tensor:
        """int64 [units], each unit's layer."""
        if granularity not in self._layers:
            self._layers[granularity] = granularity.layers(self.model)
        return self._layers[granularity]

    def of_dense(self, step: Step, done: bool = False) -> ByGranularity | None:
        """The contributions of a step's units in the dense model; None if they need work that was not done.

        Args:
            done: whether it was. If the contributions are not stored, they were damaged, and are made again: maps need
                them, even if no mask does. A training is not repeated for a map.
        """
        if (done and not step.scorer.trains) or not _worth_storing(step):
            return self.of(step, Units())
        return self._stored(step, None, None)

    def of(self, step: Step, units: Units, remove: Removing | None = None) -> ByGranularity:
        """The contributions of a step's units under the masks in force: from the store, or scored now.

        Args:
            remove: what the step removes now; by default its first share of the dense model's units.
        """
        in_force = mask_hash(units.masks)
        contributions: ByGranularity = {}
        missing = []
        for part in step.parts:
            stored = self._stored(part, in_force, remove)
            if stored is None:
                missing.append(part)
            else:
                contributions |= stored
        if not missing:
            return contributions
        # Also of those that are not stored, so that a scorer that ends the process is known the next time.
        keys = [key for part in missing for key in self.keys(part, in_force, remove).values()]
        what = f"contributions of '{step.label}'"
        with alone(self.store, keys, what, lambda: len(self.store.scores_about(keys)) == len(keys)) as mine:
            if mine:
                return contributions | self._scored(missing, units, in_force, remove)
        return self.of(step, units, remove)

    def _removing(self, step: Step, remove: Removing | None) -> Removing | None:
        """How many units a targeted scorer is to remove, at the granularities of its step; None for other scorers."""
        if not step.scorer.targeted:
            return None
        if remove is None:
            return step.removed_after(1, {g: len(self.layers_of(g)) for g in step.granularities})
        return {granularity: remove[granularity] for granularity in step.granularities}

    def _stored(self, part: Step, in_force: str | None, remove: Removing | None) -> ByGranularity | None:
        if not _worth_storing(part):
            return None
        stored = {g: self.store.get_scores(key) for g, key in self.keys(part, in_force, remove).items()}
        present = {g: scores for g, scores in stored.items() if scores is not None}
        return present if len(present) == len(stored) else None

    def _scored(
        self, parts: Sequence[Step], units: Units, in_force: str | None, remove: Removing | None
    ) -> ByGranularity:
        """Collects statistics for all parts together, scores each part, and stores what took time to compute."""
        members = {part: [self.of(member, units, remove) for member in part.members] for part in parts}
        requests = [request for part in parts for request in part.requests]
        contributions: ByGranularity = {}
        chunks = under(self.chunks or InTurn(self.model), units)
        with masked(self.model, units.keep(self.model)):
            collected = self._collected
            # The statistics that were collected in advance are those of the dense model, and do not hold under a mask.
            if in_force is not None or not collected.has(requests):
                with self.timings.measure("collect"):
                    collected = collect(self.model, self.calibration, requests, self.on_pass, chunks=chunks)
            for part in parts:
                with self.timings.measure("score") as spent:
                    layers = {g: self.layers_of(g) for g in part.granularities}
                    left = {g: torch.from_numpy(units.left(self.model, g, len(of))) for g, of in layers.items()}
                    scored = score(
                        self.model,
                        self.calibration,
                        part,
                        collected,
                        layers,
                        left,
                        self.tasks,
                        self._removing(part, remove),
                        members[part],
                        _naming(part.scored, self.watch),
                        chunks,
                    )
                contributions |= scored
                for granularity, key in self.keys(part, in_force, remove).items() if _worth_storing(part) else ():
                    about = {"scorer": part.label, "granularity": granularity.name, "seconds": spent()}
                    self.store.put_scores(key, scored[granularity], about)
        return contributions


def _naming(scored: str, watch: Watch) -> Watch:
    """A watch that says of a training, and of removals, what they score."""
    return lambda event: watch(replace(event, of=scored) if event.kind == "fit" else event)


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
    except any_failure():
        return
