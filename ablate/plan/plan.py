"""From a recipe to cells: every plug-in resolved and checked, before any weights load."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from typing import Any, Literal

from ablate.errors import FAILURES, PluginError, RecipeError, one_line
from ablate.granularities.base import Granularity
from ablate.plugin import Plugin
from ablate.plugins import Registry
from ablate.recipe.document import Document, Location
from ablate.recipe.explain import check
from ablate.recipe.recipe import GranularityEntry, Recipe, ScorerEntry, StepEntry
from ablate.recipe.training import Way
from ablate.recipe.values import Sparsity
from ablate.scorers.base import Scorer
from ablate.scorers.statistics import ScorerStatistic, refuse_per_example

Control = Literal["matched", "flipped"]


@dataclass(frozen=True)
class Step:
    """One prune step: the ``sparsity`` of ``granularity`` units that ``scorer`` ranks lowest go, in ``steps`` shares.

    label: what tables call the scorer.
    seed: None unless the scorer uses one.
    """

    granularity: Granularity
    scorer: Scorer
    label: str
    scope: Literal["global", "layer"]
    sparsity: float | Literal["negative"]
    seed: int | None
    steps: int

    @property
    def requests(self) -> list[tuple[Granularity, ScorerStatistic]]:
        """What its scorer looks at, at its granularity."""
        return [(self.granularity, statistic) for statistic in self.scorer.statistics()]

    def identity(self) -> dict[str, Any]:
        return {
            "granularity": self.granularity.identity(),
            "min_keep": self.granularity.min_keep,
            "scorer": self.scorer.identity(),
            "scope": self.scope,
            "sparsity": self.sparsity,
            "seed": self.seed,
            "steps": self.steps,
        }

    def __str__(self) -> str:
        asked = "negative" if self.sparsity == "negative" else f"{100 * self.sparsity:g} %"
        details = [asked]
        details += ["by layer"] if self.scope == "layer" else []
        details += [f"in {self.steps} steps"] if self.steps > 1 else []
        details += [f"seed {self.seed}"] if self.seed is not None else []
        return f"{self.granularity.name} {self.label} {' '.join(details)}"


@dataclass(frozen=True)
class Training:
    """How a cell is trained. settings: a digest of all that is the same for every cell of the recipe.

    way: one of :data:`ablate.recipe.training.WAYS`; or ``train``: the dense model trained, with no prune steps at all.
    """

    way: Way | Literal["train"]
    seed: int
    settings: str


@dataclass(frozen=True)
class Cell:
    """A sequence of prune steps; none at all is the dense model.

    control: None, or how the cell departs from its steps; ``draw`` is the seed of a ``matched`` control.
    training: None where the model's weights stay as they came.
    """

    steps: tuple[Step, ...] = ()
    control: Control | None = None
    draw: int | None = None
    training: Training | None = None

    @property
    def only(self) -> Step | None:
        """The step, where there is just one."""
        return self.steps[0] if len(self.steps) == 1 else None

    @property
    def rivals(self) -> tuple[str, ...] | None:
        """Scorer label, granularity and way of training of a grid cell: of the cells that share them, one is chosen."""
        if self.only is None:
            return None
        return (self.only.label, self.only.granularity.name, *([self.training.way] if self.training else []))

    @property
    def untrained(self) -> Cell:
        return replace(self, training=None)

    def identity(self) -> dict[str, Any]:
        steps = [step.identity() for step in self.steps]
        trained = {"training": asdict(self.training)} if self.training else {}
        return {"steps": steps, "control": self.control, "draw": self.draw, **trained}

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
    """The cells of a recipe, without dense and without controls: those of the grid, then the explicit ones."""

    recipe: Recipe
    grid: tuple[Cell, ...]
    explicit: tuple[Cell, ...]

    @property
    def cells(self) -> tuple[Cell, ...]:
        return self.grid + self.explicit

    @property
    def scorers(self) -> tuple[Scorer, ...]:
        """Each scorer of the cells, once."""
        return tuple(dict.fromkeys(step.scorer for cell in self.cells for step in cell.steps))

    def limited(self, count: int | None) -> Plan:
        """The plan's first ``count`` cells."""
        grid = self.grid[:count]
        left = None if count is None else count - len(grid)
        return replace(self, grid=grid, explicit=self.explicit[:left])


def make_plan(recipe: Recipe, document: Document, registry: Registry) -> Plan:
    """Resolves every plug-in that a recipe names, checks its parameters, and lays out the cells.

    Raises:
        RecipeError: an unknown name or parameter, a wrong value, two scorers of one label, or a granularity or a
            sparsity that the scorer cannot have; with its place.
    """
    resolve = _Resolver(document, registry)
    scorers = [resolve.scorer(entry, ("scorers", i)) for i, entry in enumerate(recipe.scorers)]
    granularities = [resolve.granularity(entry, ("granularities", i)) for i, entry in enumerate(recipe.granularities)]
    resolve.unique("scorers", [label for _, label in scorers], "list it once, or give one of them a label of its own")
    resolve.unique("granularities", [g.name for g in granularities], "list it once")
    resolve.known("executor", recipe.executor, ("executor",))
    grid = []
    for granularity, (i, (scorer, label)), (j, sparsity), scope in product(
        granularities, enumerate(scorers), enumerate(recipe.sparsities), recipe.scopes
    ):
        resolve.scores(scorer, granularity, ("scorers", i))
        resolve.fits(scorer, label, sparsity, recipe.steps, ("sparsities", j), ("scorers", i))
        for seed in recipe.seeds if scorer.seeded else [None]:
            step = Step(granularity, scorer, label, scope, sparsity, seed, recipe.steps)
            grid.append(Cell((step,)))
    explicit = [
        Cell(tuple(resolve.step(entry, ("cells", i, j)) for j, entry in enumerate(sequence)))
        for i, sequence in enumerate(recipe.cells)
    ]
    return Plan(recipe, tuple(dict.fromkeys(grid)), tuple(dict.fromkeys(explicit)))


@dataclass(frozen=True)
class _Resolver:
    document: Document
    registry: Registry

    def error(self, location: Location, text: str) -> RecipeError:
        return RecipeError(f"{self.document.place(location)}: {text}")

    def known(self, kind: str, name: str, location: Location) -> type[Plugin]:
        try:
            return self.registry.get(kind, name)
        except PluginError as error:
            raise self.error(location, str(error)) from None

    def plugin(self, kind: str, name: str, parameters: dict[str, Any], location: Location) -> Plugin:
        plugin = self.known(kind, name, (*location, kind))
        return check(plugin, parameters, self.document, location, f"{kind} '{name}'")

    def scorer(self, entry: ScorerEntry, location: Location) -> tuple[Scorer, str]:
        scorer = self.plugin("scorer", entry.scorer, dict(entry.model_extra or {}), location)
        assert isinstance(scorer, Scorer)
        try:
            scorer = scorer.resolved(self.registry.scorer)
        except PluginError as error:
            raise self.error(location, str(error)) from None
        self.declares(scorer, location)
        return scorer, entry.label or entry.scorer

    def declares(self, scorer: Scorer, location: Location) -> None:
        """What a scorer says of itself decides what is planned: one that fails to say it is refused here."""
        try:
            declared = (*scorer.statistics(), scorer.signed, scorer.calibrates, *scorer.tasks())
        except FAILURES as error:  # a plug-in's may raise anything
            blame = self.registry.blame(scorer)
            text = f"scorer '{scorer.name}' fails to say what it needs: {one_line(error)}{blame}"
            raise self.error(location, text) from error
        if not all(isinstance(one, ScorerStatistic | bool | str) for one in declared):
            wrong = f"scorer '{scorer.name}' asks for what is no statistic, no task's name or no bool"
            raise self.error(location, wrong + self.registry.blame(scorer))

    def granularity(self, entry: GranularityEntry, location: Location) -> Granularity:
        found = self.plugin("granularity", entry.granularity, dict(entry.model_extra or {}), location)
        assert isinstance(found, Granularity)
        return found

    def step(self, entry: StepEntry, location: Location) -> Step:
        scorer, label = self.scorer(entry.scorer, (*location, "scorer"))
        granularity = self.granularity(entry.granularity, (*location, "granularity"))
        self.scores(scorer, granularity, (*location, "scorer"))
        self.fits(scorer, label, entry.sparsity, entry.steps, (*location, "sparsity"), (*location, "scorer"))
        if entry.seed is not None and not scorer.seeded:
            raise self.error((*location, "seed"), f"scorer '{label}' uses no seed; leave it out")
        seed = (entry.seed or 0) if scorer.seeded else None
        return Step(granularity, scorer, label, entry.scope, entry.sparsity, seed, entry.steps)

    def scores(self, scorer: Scorer, granularity: Granularity, location: Location) -> None:
        for statistic in scorer.statistics():
            try:
                refuse_per_example(granularity, statistic)
            except PluginError as error:
                raise self.error((*location, "sign"), str(error)) from None

    def fits(
        self, scorer: Scorer, label: str, sparsity: Sparsity, steps: int, location: Location, other: Location
    ) -> None:
        if sparsity != "negative":
            return
        if not scorer.signed:
            raise self.error(
                location,
                f"`negative` removes units with a contribution below 0, which scorer '{label}' "
                f"({self.document.place(other)}) never gives; use a number, or a signed scorer (sign: signed)",
            )
        if steps > 1:
            raise self.error(location, "`negative` has no equal shares to take in steps; use steps: 1")

    def unique(self, key: str, names: Sequence[str], remedy: str) -> None:
        for i, name in enumerate(names):
            if name in names[:i]:
                raise self.error((key, i), f"'{name}' stands twice in {key}; {remedy}")
