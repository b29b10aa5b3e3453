"""What a recipe names: scorers, granularities, the executor, and the prune steps of explicit cells."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

from ablate.errors import suggest
from ablate.recipe.search import Swap
from ablate.recipe.values import Label, Scope, Seed, Sparsity, Steps, distinct, named


class ScorerEntry(BaseModel):
    """A scorer by name, with its parameters as further keys. ``label`` distinguishes two entries of one scorer.

    granularities: those of the grid at which it is used; None for all.
    """

    model_config = ConfigDict(frozen=True, extra="allow")
    scorer: str
    label: Label | None = None
    granularities: Annotated[list[str], Field(min_length=1), BeforeValidator(distinct())] | None = None

    @model_serializer(mode="wrap")
    def _as_without_granularities(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # Recorded as by an ablate without this key, so that runs of both are of one recipe.
        return {name: value for name, value in plain(self).items() if name != "granularities" or value is not None}


class GranularityEntry(BaseModel):
    """A granularity by name, with its parameters as further keys."""

    model_config = ConfigDict(frozen=True, extra="allow")
    granularity: str


class ExecutorEntry(BaseModel):
    """An executor by name, with its parameters as further keys."""

    model_config = ConfigDict(frozen=True, extra="allow")
    name: str


Scorer = Annotated[ScorerEntry, named("scorer", ScorerEntry)]
Granularity = Annotated[GranularityEntry, named("granularity", GranularityEntry)]
Search = Annotated[Swap, named("search", Swap, "name")]


class StepEntry(BaseModel):
    """One prune step of an explicit cell.

    granularity: one, or a list of several that are scored together, under the same mask in force.
    sparsity: one for every granularity, or one for each by its name: ``{head: 0.2, neuron: 0.1}``.
    search: ``swap``: after the scorer, removed units are swapped for kept ones as long as the screen tasks gain.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    granularity: Granularity | Annotated[list[Granularity], Field(min_length=1)]
    scorer: Scorer
    sparsity: Sparsity | dict[str, Sparsity]
    scope: Scope = "global"
    seed: Seed | None = None
    steps: Steps = 1
    search: Search | None = None

    @model_serializer(mode="wrap")
    def _as_before_searches(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # A step without a search is recorded as by an ablate that had none, so that runs of both are of one recipe.
        return {name: value for name, value in plain(self).items() if name != "search" or value is not None}

    @property
    def granularities(self) -> list[GranularityEntry]:
        return self.granularity if isinstance(self.granularity, list) else [self.granularity]

    @property
    def sparsities(self) -> list[Sparsity]:
        """The sparsity of each of :attr:`granularities`."""
        sparsity = self.sparsity
        return [sparsity[e.granularity] if isinstance(sparsity, dict) else sparsity for e in self.granularities]

    def sparsity_fault(self) -> tuple[tuple[str, ...], str] | None:
        """What is wrong if there is not one sparsity for each granularity: where in the step, and the message."""
        names = [entry.granularity for entry in self.granularities]
        given = self.sparsity if isinstance(self.sparsity, dict) else dict.fromkeys(names)
        for name in given:
            if name not in names:
                text = f"'{name}' is not one of the step's granularities; {suggest(name, names)}"
                return ("sparsity", name), text
        for name in names:
            if names.count(name) > 1:
                return ("granularity",), f"'{name}' is listed twice in granularity; list it once"
            if name not in given:
                return ("sparsity",), f"sparsity has no '{name}'; add it"
        return None
