"""A job whose cells are trained, each in every way of the recipe's ``train``, with the dense model as their control."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from itertools import product

import torch

from ablate.data.sources import expand
from ablate.distribution import pip_install
from ablate.errors import AblateError, DataError, RecipeError
from ablate.plan.job import Job, prepare_job
from ablate.plan.placed import placed
from ablate.plan.plan import Cell, Plan, Training
from ablate.plan.tasks import check_splits
from ablate.plan.training_texts import DEFAULT_SPLITS, Texts, read_texts
from ablate.recipe.document import Document
from ablate.recipe.recipe import Recipe
from ablate.recipe.training import Train
from ablate.store.keys import training_settings


def prepare_training_job(recipe: Recipe, document: Document, data: str | None = None, limit: int | None = None) -> Job:
    """As :func:`ablate.plan.job.prepare_job`, with each cell in every way of training and with every train seed.

    Raises:
        RecipeError, DataError: what is wrong, where, and what to do.
    """
    spec = recipe.train
    if spec is None:
        raise RecipeError(f"{document.place(())}: has no `train`; add `train: {{}}`, or use `ablate run`")
    job = prepare_job(recipe, document, data, limit)
    _check(job, spec, document)
    named = next((key for key in ("sentences", "pairs") if getattr(spec, key) is not None), "splits")
    with placed(document, ("train", named)):
        texts = read_texts(spec, job.chosen.source)
    return replace(job, texts=texts, plan=in_every_way(job, spec, texts))


def in_every_way(job: Job, spec: Train, texts: Texts) -> Plan:
    """The plan's cells, each trained in every way, and the trained dense model."""
    tasks = job.load(job.choosing)

    def trained(cells: Sequence[Cell]) -> tuple[Cell, ...]:
        return tuple(
            replace(cell, training=Training(way, seed, training_settings(spec, texts.hash, tasks, way)))
            for cell, way, seed in product(cells, spec.ways, spec.train_seeds)
        )

    settings = training_settings(spec, texts.hash, tasks)
    alone = [Cell(training=Training("train", seed, settings)) for seed in spec.train_seeds]
    return replace(job.plan, grid=trained(job.plan.grid), explicit=(*alone, *trained(job.plan.explicit)))


def _check(job: Job, spec: Train, document: Document) -> None:
    for package in ("accelerate", "datasets"):
        if find_spec(package) is None:
            raise AblateError(f"training needs {package}: {pip_install('train')}")
    if not job.choosing:
        raise RecipeError(f"{document.place(('screen',))}: no screen task can choose the best checkpoint; list sts-dev")
    for task in job.choosing:
        if task.split == "test":
            raise RecipeError(
                f"{document.place(('screen',))}: '{task.name}' is a test set, which must not choose a checkpoint; "
                "list a dev set, and test sets under confirm"
            )
    if spec.splits is not None:
        check_splits(spec.splits, job.chosen, document, ("train", "splits"))
    elif spec.pairs is None and spec.sentences is None:
        try:
            expand(DEFAULT_SPLITS, job.chosen.source)
        except DataError as error:
            raise RecipeError(f"{document.place(('train',))}: {error}; or give train.sentences a file") from None
    if spec.precision != "float32" and job.device.type != "cuda":
        where = "there is none here" if not torch.cuda.is_available() else f"the device is {job.device}"
        raise RecipeError(
            f"{document.place(('train', 'precision'))}: {spec.precision} needs a GPU, and {where}; "
            "use precision: float32"
        )
    for i, sequence in enumerate(job.recipe.cells):
        for j, entry in enumerate(sequence):
            if entry.search:
                raise RecipeError(
                    f"{document.place(('cells', i, j, 'search'))}: masks of trained cells are not searched; leave out "
                    "search, or use `ablate run`"
                )
    # The schedule raises one number. A sequence has several, and `negative` is none.
    for cell in job.plan.cells if "gradual" in spec.ways else ():
        is_sequence = len(cell.steps) > 1
        if is_sequence or any(sparsity == "negative" for _, sparsity in cell.steps[0].sparsities):
            what = "a sequence of steps" if is_sequence else "`negative`, which is not a share of the units"
            raise RecipeError(
                f"{document.place(('train', 'ways'))}: gradual increases one sparsity, and '{cell}' is {what}; "
                "leave gradual out"
            )
