"""``ablate train``: a recipe made ready, its cells trained in every way, judged also against training alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from ablate.data.sources import expand
from ablate.distribution import pip_install
from ablate.errors import AblateError, DataError, RecipeError
from ablate.experiment.events import Watch, silent
from ablate.experiment.job import Job, check_splits, ready
from ablate.experiment.plan import Cell, Plan, Training
from ablate.experiment.recipe import Recipe, load_recipe
from ablate.experiment.yaml import Document
from ablate.models.spec import ModelSpec
from ablate.training.spec import Train
from ablate.training.texts import DEFAULT_SPLITS, Texts, read_texts

if TYPE_CHECKING:
    from ablate.experiment.masks import MaskMaker
    from ablate.report.results import Results
    from ablate.training.trained import Trainings


def train(
    recipe: str | Path,
    *,
    overrides: Sequence[str] = (),
    data: str | None = None,
    store: str | Path = "ablate.db",
    limit: int | None = None,
    keep_going: bool = True,
    watch: Watch = silent,
) -> Results:
    """Trains a recipe's cells in the ways of its ``train``, and the dense model as their control.

    Args, raises: as for :func:`ablate.run`.
    """
    from ablate.experiment.run import execute
    from ablate.experiment.store import Store

    job = ready_to_train(*load_recipe(recipe, overrides), data, limit)
    with Store(store) as opened:
        return execute(job, opened, keep_going=keep_going, watch=watch)


def ready_to_train(recipe: Recipe, document: Document, data: str | None = None, limit: int | None = None) -> Job:
    """As :func:`ablate.experiment.job.ready`, with each cell in every way and at every train seed.

    Raises:
        RecipeError, DataError: what is wrong, where, and what to do.
    """
    spec = recipe.train
    if spec is None:
        raise RecipeError(f"{document.place(())}: has no `train`; add `train: {{}}`, or use `ablate run`")
    job = ready(recipe, document, data, limit)
    _check(job, spec, document)
    texts = read_texts(spec, job.chosen.source)
    return replace(job, texts=texts, plan=in_every_way(job, spec, texts))


def in_every_way(job: Job, spec: Train, texts: Texts) -> Plan:
    """The plan's cells, each trained in every way, and the dense model trained."""
    from ablate.training.trained import settings

    tasks = job.load(choosing(job))

    def trained(cells: Sequence[Cell]) -> tuple[Cell, ...]:
        return tuple(
            replace(cell, training=Training(way, seed, settings(spec, texts, tasks, way)))
            for cell, way, seed in product(cells, spec.ways, spec.train_seeds)
        )

    alone = [Cell(training=Training("train", seed, settings(spec, texts, tasks))) for seed in spec.train_seeds]
    return replace(job.plan, grid=trained(job.plan.grid), explicit=(*alone, *trained(job.plan.explicit)))


def trainings(job: Job, texts: Texts, model: ModelSpec, masks: MaskMaker, watch: Watch) -> Trainings:
    """What trains the cells of one model."""
    from ablate.training.trained import Trainings

    assert job.recipe.train is not None
    later = [cell for cell in job.plan.cells if cell.training and cell.training.way in ("train-then-prune", "rewind")]
    cells = list(dict.fromkeys(cell.untrained for cell in later))
    return Trainings(masks, model, job.recipe.train, texts, job.load(choosing(job)), cells, watch)


def choosing(job: Job) -> list[str]:
    """The screen tasks that tell the best checkpoint."""
    return [name for name in job.screen if job.chooses(name)]


def _check(job: Job, spec: Train, document: Document) -> None:
    for package in ("accelerate", "datasets"):
        if find_spec(package) is None:
            raise AblateError(f"training needs {package}: {pip_install('train')}")
    if not choosing(job):
        raise RecipeError(f"{document.place(('screen',))}: no screen task can tell the best checkpoint; list sts-dev")
    for name in choosing(job):
        if job.split(name) == "test":
            raise RecipeError(
                f"{document.place(('screen',))}: '{name}' is a test set, which must not choose a checkpoint; "
                "list a dev set, and test sets under confirm"
            )
    if spec.splits is not None:
        check_splits(spec.splits, job.chosen, document, ("train", "splits"))
    elif spec.pairs is None and spec.sentences is None:
        try:
            expand(DEFAULT_SPLITS, job.chosen.source)
        except DataError as error:
            raise RecipeError(f"{document.place(('train',))}: {error}; or give train.sentences a file") from None
    if spec.precision != "float32":
        import torch

        if not torch.cuda.is_available():
            raise RecipeError(
                f"{document.place(('train', 'precision'))}: {spec.precision} needs a GPU, and there is none here; "
                "use precision: float32"
            )
    for cell in job.plan.cells if "gradual" in spec.ways else ():
        if cell.only is None or cell.only.sparsity == "negative":
            why = "a sequence of steps" if cell.only is None else "`negative`, which is no share of the units"
            raise RecipeError(
                f"{document.place(('train', 'ways'))}: gradual lets one sparsity grow, and '{cell}' is {why}; "
                "leave gradual out"
            )
