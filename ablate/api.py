"""The commands as functions: each checks what it is given, runs it into a store, and gives the results."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ablate.coordinator.run import execute
from ablate.events import Watch, silent
from ablate.plan.job import prepare_job
from ablate.plan.training import prepare_training_job
from ablate.recipe.document import Document
from ablate.recipe.from_flags import comparison
from ablate.recipe.recipe import Recipe, load_recipe, parse
from ablate.report.results import Results
from ablate.store.store import Store

DEFAULT_STORE = "ablate.db"


def run(
    recipe: str | Path | Recipe,
    *,
    overrides: Sequence[str] = (),
    data: str | None = None,
    store: str | Path = DEFAULT_STORE,
    limit: int | None = None,
    keep_going: bool = True,
    watch: Watch = silent,
) -> Results:
    """Runs a recipe, computing what the store does not have, and gives the rows of its tables.

    Args:
        recipe: a YAML file, or a checked :class:`Recipe`.
        overrides: ``a.b=c`` texts that change values of a recipe file.
        data: takes the place of the recipe's ``data``: ``auto``, ``embedded``, ``hub``, ``senteval:DIR``.
        store: a SQLite file or a SQLAlchemy URL; made where there is none.
        limit: evaluate the plan's first so many cells only.
        keep_going: a cell that fails is a row with the reason; otherwise what it raised goes up.
        watch: told how the run goes on.

    Raises:
        AblateError: a mistake in the recipe, the data, the model or the store, in one line.
    """
    if isinstance(recipe, Recipe):
        document = Document("recipe", recipe.model_dump(mode="json", by_alias=True))
        for override in overrides:
            document.override(override)
        if overrides:
            recipe = parse(document)
    else:
        recipe, document = load_recipe(recipe, overrides)
    job = prepare_job(recipe, document, data, limit)
    with Store(store) as opened:
        return Results.of(execute(job, opened, keep_going=keep_going, watch=watch))


def compare(
    scorers: str | Sequence[str],
    granularities: str | Sequence[str] = ("head", "neuron", "unstructured"),
    sparsities: str | Sequence[float | str] = (0.05, 0.1, 0.2),
    *,
    model: str | Path = "minilm",
    pooling: str | None = None,
    tasks: str | Sequence[str] = ("sts-dev",),
    seeds: str | Sequence[int] = (0, 1, 2),
    data: str | None = None,
    store: str | Path = DEFAULT_STORE,
    limit: int | None = None,
    keep_going: bool = True,
    watch: Watch = silent,
) -> Results:
    """Pits scorers against each other, as ``ablate compare`` does: every cell on every task, nothing held out.

    Args:
        sparsities: fractions removed, in [0, 1), or ``negative``.
        model: ``minilm``, a folder, or a Hub id as ``ID@REVISION``.
        tasks: tasks or groups of tasks.
        seeds: for the scorers that use one.
        data, store, limit, keep_going, watch: as for :func:`run`.

    Raises:
        AblateError: a mistake in what was given, the data, the model or the store, in one line.
    """
    recipe, document = comparison(scorers, granularities, sparsities, str(model), pooling, tasks, seeds)
    job = prepare_job(recipe, document, data, limit)
    with Store(store) as opened:
        return Results.of(execute(job, opened, keep_going=keep_going, watch=watch))


def train(
    recipe: str | Path,
    *,
    overrides: Sequence[str] = (),
    data: str | None = None,
    store: str | Path = DEFAULT_STORE,
    limit: int | None = None,
    keep_going: bool = True,
    watch: Watch = silent,
) -> Results:
    """Trains a recipe's cells in the ways of its ``train``, and the dense model as their control.

    Args, raises: as for :func:`ablate.run`.
    """
    job = prepare_training_job(*load_recipe(recipe, overrides), data, limit)
    with Store(store) as opened:
        return Results.of(execute(job, opened, keep_going=keep_going, watch=watch))
