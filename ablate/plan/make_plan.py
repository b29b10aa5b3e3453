"""Makes the plan of a recipe. Every plug-in is resolved and checked, before any weights load."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import product

from ablate.errors import PluginError, RecipeError, one_line, suggest
from ablate.executors.base import Executor
from ablate.granularities.base import Granularity
from ablate.interrupts import any_failure
from ablate.plan.plan import Cell, Plan, Step
from ablate.plugins import Registry
from ablate.recipe.document import Document, Location
from ablate.recipe.entries import ExecutorEntry, GranularityEntry, ScorerEntry, StepEntry
from ablate.recipe.explain import check
from ablate.recipe.recipe import Recipe
from ablate.recipe.values import Sparsity
from ablate.scorers.base import Scorer
from ablate.scorers.examples import Batches
from ablate.scorers.statistics import ScorerStatistic

CELLS = 500_000
"""The most cells of a plan. As many take a minute and some gigabytes to list."""
DRAWS = 2_000_000
"""The most matched draws of a plan that has draws for every cell."""


def make_plan(recipe: Recipe, document: Document, registry: Registry) -> Plan:
    """Resolves every plug-in that a recipe names, checks its parameters, and lays out the cells.

    Raises:
        RecipeError: a name or parameter is unknown, a value is wrong, two scorers have the same label, or a scorer does
            not support a granularity or a sparsity. The message has the place.
    """
    resolve = _Resolver(document, registry)
    scorers = [resolve.scorer(entry, ("scorers", i)) for i, entry in enumerate(recipe.scorers)]
    granularities = [resolve.granularity(entry, ("granularities", i)) for i, entry in enumerate(recipe.granularities)]
    resolve.unique("scorers", [label for _, label in scorers], "list it once, or give one of them a label of its own")
    resolve.unique("granularities", [g.name for g in granularities], "list it once")
    resolve.limited(recipe, [g.name for g in granularities])
    resolve.studied(recipe)
    executor = resolve.executor(recipe.executor)
    resolve.bounded(recipe, [scorer for scorer, _ in scorers])
    grid = []
    for granularity, (i, (scorer, label)), (j, sparsity), scope in product(
        granularities, enumerate(scorers), enumerate(recipe.sparsities), recipe.scopes
    ):
        if granularity.name not in (recipe.scorers[i].granularities or [granularity.name]):
            continue
        resolve.scores(scorer, granularity, ("scorers", i))
        resolve.fits(scorer, label, sparsity, recipe.steps, ("sparsities", j), ("scorers", i))
        # A scorer without a seed would give the same cell for every seed.
        for seed in recipe.seeds if scorer.seeded else [None]:
            step = Step(((granularity, sparsity),), scorer, label, scope, seed, recipe.steps)
            grid.append(Cell((step,)))
    explicit = [
        Cell(tuple(resolve.step(entry, ("cells", i, j)) for j, entry in enumerate(sequence)))
        for i, sequence in enumerate(recipe.cells)
    ]
    return Plan(recipe, tuple(dict.fromkeys(grid)), tuple(dict.fromkeys(explicit)), executor, resolve.places)


@dataclass(frozen=True)
class _Resolver:
    """Turns the entries of one recipe into plug-in objects. An error names the place in the recipe.

    places: where the recipe names each scorer first.
    """

    document: Document
    registry: Registry
    places: dict[Scorer, Location] = field(default_factory=dict)

    def error(self, location: Location, text: str) -> RecipeError:
        return RecipeError(f"{self.document.place(location)}: {text}")

    @contextmanager
    def placed(self, location: Location) -> Iterator[None]:
        """Adds the place to the error of a look-up or a plug-in."""
        try:
            yield
        except PluginError as error:
            raise self.error(location, str(error)) from None

    def scorer(self, entry: ScorerEntry, location: Location) -> tuple[Scorer, str]:
        """A scorer and its label."""
        with self.placed((*location, "scorer")):
            kind = self.registry.scorer_class(entry.scorer)
        parameters = dict(entry.model_extra or {})
        scorer = check(kind, parameters, self.document, location, f"scorer '{entry.scorer}'", ("label",))
        with self.placed(location):
            scorer = scorer.resolved(self.registry.scorer)
        self.declares(scorer, location)
        self.places.setdefault(scorer, location)
        return scorer, entry.label or entry.scorer

    def declares(self, scorer: Scorer, location: Location) -> None:
        """Refuses a scorer whose declarations fail or are malformed, because the plan depends on them."""
        try:
            declared = (*scorer.statistics(), *scorer.batches, scorer.signed, scorer.calibrates, *scorer.tasks())
        except any_failure() as error:  # a plug-in's code may raise anything
            blame = self.registry.blame(scorer)
            text = f"scorer '{scorer.name}' fails to say what it needs: {one_line(error)}{blame}"
            raise self.error(location, text) from error
        if not all(isinstance(needed, ScorerStatistic | Batches | bool | str) for needed in declared):
            wrong = f"scorer '{scorer.name}' declares something that is not a statistic, a name of a task or a bool"
            raise self.error(location, wrong + self.registry.blame(scorer))

    def granularity(self, entry: GranularityEntry, location: Location) -> Granularity:
        with self.placed((*location, "granularity")):
            kind = self.registry.granularity_class(entry.granularity)
        parameters = dict(entry.model_extra or {})
        return check(kind, parameters, self.document, location, f"granularity '{entry.granularity}'")

    def executor(self, entry: ExecutorEntry) -> Executor:
        with self.placed(("executor", "name")):
            kind = self.registry.executor_class(entry.name)
        parameters = dict(entry.model_extra or {})
        return check(kind, parameters, self.document, ("executor",), f"executor '{entry.name}'")

    def step(self, entry: StepEntry, location: Location) -> Step:
        scorer, label = self.scorer(entry.scorer, (*location, "scorer"))
        if entry.scorer.granularities is not None:
            text = "`granularities` of a scorer is for the grid; leave it out, the step has a granularity of its own"
            raise self.error((*location, "scorer", "granularities"), text)
        sparsities = []
        # All of them first, so that a misspelled granularity is not compared with the keys of `sparsity`.
        granularities = [
            self.granularity(named, (*location, "granularity", *((i,) if isinstance(entry.granularity, list) else ())))
            for i, named in enumerate(entry.granularities)
        ]
        if fault := entry.sparsity_fault():
            raise self.error((*location, *fault[0]), fault[1])
        for granularity, named, sparsity in zip(granularities, entry.granularities, entry.sparsities, strict=True):
            in_mapping = (named.granularity,) if isinstance(entry.sparsity, dict) else ()
            self.scores(scorer, granularity, (*location, "scorer"))
            at = (*location, "sparsity", *in_mapping)
            self.fits(scorer, label, sparsity, entry.steps, at, (*location, "scorer"))
            sparsities.append((granularity, sparsity))
        if entry.seed is not None and not scorer.seeded:
            raise self.error((*location, "seed"), f"scorer '{label}' uses no seed; leave it out")
        if entry.search is not None and scorer.seeded:
            raise self.error((*location, "search"), f"'{label}' is a control, drawn at random; leave out search")
        seed = (entry.seed or 0) if scorer.seeded else None
        return Step(tuple(sparsities), scorer, label, entry.scope, seed, entry.steps, entry.search)

    def scores(self, scorer: Scorer, granularity: Granularity, location: Location) -> None:
        """Refuses a granularity that the scorer does not support."""
        with self.placed((*location, "sign")):
            scorer.supports(granularity)

    def fits(
        self, scorer: Scorer, label: str, sparsity: Sparsity, steps: int, location: Location, other: Location
    ) -> None:
        """Refuses a sparsity that the scorer does not support. ``other``: the place of the scorer."""
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

    def limited(self, recipe: Recipe, names: Sequence[str]) -> None:
        """Refuses a scorer's ``granularities`` that are not in the grid's."""
        for i, entry in enumerate(recipe.scorers):
            for j, name in enumerate(entry.granularities or ()):
                if name not in names:
                    text = f"'{name}' is not one of the recipe's granularities; {suggest(name, names)}"
                    raise self.error(("scorers", i, "granularities", j), text)

    def studied(self, recipe: Recipe) -> None:
        """Refuses names for ``ablate prevalence`` that the recipe gives and no plug-in has, whatever the command."""
        given = recipe.prevalence.model_fields_set
        for name in recipe.prevalence.groups if "groups" in given else ():
            with self.placed(("prevalence", "groups", name)):
                self.registry.granularity_class(name)
        if "by" in given:
            with self.placed(("prevalence", "by")):
                self.registry.scorer_class(recipe.prevalence.by)

    def bounded(self, recipe: Recipe, scorers: Sequence[Scorer]) -> None:
        """Refuses more cells and draws than a computer can list."""
        each = len(recipe.granularities) * len(recipe.sparsities) * len(recipe.scopes)
        cells = each * sum(len(recipe.seeds) if scorer.seeded else 1 for scorer in scorers) + len(recipe.cells)
        if cells > CELLS:
            longest = max(
                ("scorers", "granularities", "sparsities", "seeds"), key=lambda key: len(getattr(recipe, key))
            )
            raise self.error((longest,), f"the grid has {cells:,} cells, and may have {CELLS:,}; shorten {longest}")
        everywhere = recipe.confirm is not None and recipe.confirm.cells == "all"
        for key in ("screened", *(("matched",) if everywhere else ())):
            draws = cells * getattr(recipe.controls, key)
            if draws > DRAWS:
                text = f"{draws:,} draws for {cells:,} cells, and there may be {DRAWS:,}; ask for fewer"
                raise self.error(("controls", key), text)

    def unique(self, key: str, names: Sequence[str], remedy: str) -> None:
        for i, name in enumerate(names):
            if name in names[:i]:
                raise self.error((key, i), f"'{name}' is listed twice in {key}; {remedy}")
