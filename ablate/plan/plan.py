"""A plan: the cells of a run, in which every plug-in is an object."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

from ablate.executors.base import Executor
from ablate.granularities.base import LAYER, Granularity
from ablate.recipe.document import Location
from ablate.recipe.recipe import Recipe
from ablate.recipe.search import Swap
from ablate.recipe.training import Way
from ablate.recipe.values import Scope, Sparsity
from ablate.scorers.base import Scorer
from ablate.scorers.statistics import ScorerStatistic

Control = Literal["matched", "flipped", "searched"]


@dataclass(frozen=True)
class Step:
    """One prune step: it removes the units of each granularity that ``scorer`` ranks lowest, in equal shares.

    sparsities: each granularity and its sparsity. Before each share, all of them are scored under the same mask in
        force.
    label: the scorer's name in tables.
    steps: the number of shares.
    seed: None unless the scorer uses one.
    search: how the mask is searched further after the last share; None if the scorer alone decides.
    """

    sparsities: tuple[tuple[Granularity, Sparsity], ...]
    scorer: Scorer
    label: str
    scope: Scope = "global"
    seed: int | None = None
    steps: int = 1
    search: Swap | None = None

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        # Kept, because cells are keys of many dicts, and those of plug-ins take long to hash.
        return hash((self.sparsities, self.scorer, self.label, self.scope, self.seed, self.steps, self.search))

    def __getstate__(self) -> dict[str, Any]:
        # Another process hashes texts otherwise.
        return {name: value for name, value in vars(self).items() if name != "_hash"}

    @property
    def granularities(self) -> tuple[Granularity, ...]:
        return tuple(granularity for granularity, _ in self.sparsities)

    @property
    def granularity(self) -> Granularity:
        """The granularity of a step that has only one.

        Raises:
            ValueError: the step has several.
        """
        (granularity,) = self.granularities
        return granularity

    @property
    def sparsity(self) -> Sparsity:
        """The sparsity of a step of one granularity.

        Raises:
            ValueError: the step has several.
        """
        ((_, sparsity),) = self.sparsities
        return sparsity

    @property
    def parts(self) -> tuple[Step, ...]:
        """The parts that can be scored separately: one for each granularity, unless the scorer scores them together."""
        if self.scorer.joint or len(self.sparsities) == 1:
            return (self,)
        return tuple(replace(self, sparsities=(sparsity,)) for sparsity in self.sparsities)

    @property
    def requests(self) -> list[tuple[Granularity, ScorerStatistic]]:
        """The statistics that the scorer declares, at each granularity."""
        return [(g, statistic) for g in self.granularities for statistic in self.scorer.statistics()]

    @property
    def members(self) -> tuple[Step, ...]:
        """The same step by each of the scorers that its scorer combines."""
        return tuple(replace(self, scorer=scorer) for scorer in self.scorer.members())

    def removed_after(self, share: int, units: Mapping[Granularity, int]) -> dict[Granularity, int | None]:
        """How many units of each granularity the step has removed after some of its shares; None for ``negative``.

        Args:
            share: from 1 to ``steps``.
            units: how many each granularity has in total.
        """
        # Rounded on the running total, so that the shares add up to exactly the sparsity.
        return {
            g: None if sparsity == "negative" else round(round(sparsity * units[g]) * share / self.steps)
            for g, sparsity in self.sparsities
        }

    def identity(self) -> dict[str, Any]:
        removed = [
            {"granularity": granularity.identity(), "min_keep": granularity.min_keep, "sparsity": sparsity}
            for granularity, sparsity in self.sparsities
        ]
        return {
            # A step of one granularity keeps the form, and so the keys, from when steps could not have several.
            **(removed[0] if len(removed) == 1 else {"granularities": removed}),
            "scorer": self.scorer.identity(),
            "scope": self.scope,
            "seed": self.seed,
            "steps": self.steps,
            # Steps without a search keep the keys that they had before there was one.
            **({"search": self.search.model_dump()} if self.search else {}),
        }

    @property
    def method(self) -> str:
        """What has chosen the units, in tables: the scorer's label, and the search if there was one."""
        return f"{self.label} {self.search}" if self.search else self.label

    @property
    def scored(self) -> str:
        """What is scored, and by what, where progress is displayed: ``head exact``."""
        return f"{'+'.join(granularity.name for granularity in self.granularities)} {self.label}"

    def __str__(self) -> str:
        asked = ("negative" if s == "negative" else f"{100 * s:g} %" for _, s in self.sparsities)
        details = [" + ".join(asked)]
        details += ["by layer"] if self.scope == "layer" else []
        details += [f"in {self.steps} steps"] if self.steps > 1 else []
        details += [f"seed {self.seed}"] if self.seed is not None else []
        details += [str(self.search)] if self.search else []
        return f"{self.scored} {' '.join(details)}"


@dataclass(frozen=True)
class Training:
    """How a cell is trained.

    way: one of :data:`ablate.recipe.training.WAYS`; or ``train``: the dense model is trained, without prune steps.
    settings: a digest of everything that is the same for all cells of the recipe.
    """

    way: Way | Literal["train"]
    seed: int
    settings: str


@dataclass(frozen=True)
class Cell:
    """A sequence of prune steps. Without steps, it is the dense model.

    control: None, or how the cell differs from its steps.
    draw: the seed of a random mask, of a ``matched`` or ``searched`` control; None for every other cell.
    training: None if the model keeps its weights.
    """

    steps: tuple[Step, ...] = ()
    control: Control | None = None
    draw: int | None = None
    training: Training | None = None

    @property
    def only(self) -> Step | None:
        """The step of a cell that has only one, of one granularity; otherwise None."""
        single = len(self.steps) == 1 and len(self.steps[0].sparsities) == 1
        return self.steps[0] if single else None

    @property
    def granularities(self) -> tuple[Granularity, ...]:
        """The granularities of all its steps, each once."""
        return tuple(dict.fromkeys(granularity for step in self.steps for granularity in step.granularities))

    @property
    def searches(self) -> bool:
        """Whether a step searches its mask on the screen tasks."""
        return any(step.search for step in self.steps)

    @property
    def rivals(self) -> tuple[str, ...] | None:
        """Scorer label, granularity and way of training of a grid cell. Of the cells that share them, one is chosen."""
        if self.only is None:
            return None
        return (self.only.label, self.only.granularity.name, *([self.training.way] if self.training else []))

    @property
    def seedless(self) -> tuple[Hashable, ...]:
        """What cells have in common that differ only in their seeds, so that they are judged together."""
        way = self.training.way if self.training else None
        return (*(replace(step, seed=None) for step in self.steps), self.control, self.draw, way)

    @property
    def untrained(self) -> Cell:
        return self if self.training is None else replace(self, training=None)

    @property
    def matching(self) -> str | None:
        """By what a random draw is matched, at each granularity where that is more than the layer; otherwise None."""
        if self.draw is None:
            return None
        more = {g.name: g.matching for g in self.granularities if g.matching != LAYER}
        return "; ".join(f"{name}: {matching}" for name, matching in more.items()) or None

    def identity(self) -> dict[str, Any]:
        steps = [step.identity() for step in self.steps]
        trained = {"training": asdict(self.training)} if self.training else {}
        # Draws that are matched by layer alone keep the keys that they had before there were others.
        matching = {"matching": self.matching} if self.matching else {}
        return {"steps": steps, "control": self.control, "draw": self.draw, **matching, **trained}

    def as_control(self, control: Control, draw: int | None = None) -> Cell:
        return replace(self, control=control, draw=draw)

    def __str__(self) -> str:
        steps = " > ".join(map(str, self.steps)) or "dense"
        if self.training:
            steps += ", trained" if self.training.way == "train" else f", {self.training.way}"
        draw = "" if self.draw is None else f" {self.draw}"
        return f"{steps} ({self.control}{draw})" if self.control else steps


DENSE = Cell()


@dataclass(frozen=True)
class Plan:
    """The cells of a recipe, without dense and controls: first those of the grid, then the explicit ones.

    executor: where they are evaluated.
    places: where the recipe names each scorer first.
    """

    recipe: Recipe
    grid: tuple[Cell, ...]
    explicit: tuple[Cell, ...]
    executor: Executor
    places: Mapping[Scorer, Location] = field(default_factory=dict, compare=False)

    @property
    def cells(self) -> tuple[Cell, ...]:
        return self.grid + self.explicit

    @property
    def scorers(self) -> tuple[Scorer, ...]:
        """The scorers of the cells, each once."""
        return tuple(dict.fromkeys(step.scorer for cell in self.cells for step in cell.steps))

    def limited(self, count: int | None) -> Plan:
        """The plan's first ``count`` cells."""
        grid = self.grid[:count]
        rest = None if count is None else count - len(grid)
        return replace(self, grid=grid, explicit=self.explicit[:rest])
