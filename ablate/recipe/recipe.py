"""A recipe: which scorers and granularities to compare, on which model and data, and how the cells are judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from os import PathLike
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from ablate.data.calibration import CalibrationSpec
from ablate.errors import RecipeError, suggest
from ablate.models.spec import ModelSpec, Precision
from ablate.recipe.controls import Controls
from ablate.recipe.document import Document, read
from ablate.recipe.entries import ExecutorEntry, Granularity, Scorer, StepEntry
from ablate.recipe.evaluate import Evaluate
from ablate.recipe.explain import check, shown
from ablate.recipe.near_duplicates import NearDuplicates
from ablate.recipe.own_options import OwnFiles, put_into
from ablate.recipe.studies import Prevalence, Stability
from ablate.recipe.training import Train
from ablate.recipe.values import Device, Dims, Scope, Seed, Sparsity, Steps, named, wrong

Margin = Annotated[float, Field(gt=0, allow_inf_nan=False, strict=True)]
DataWord = Literal["auto", "embedded", "hub", "senteval"]


Model = Annotated[ModelSpec, named("model", ModelSpec, "name")]
Executor = Annotated[ExecutorEntry, named("executor", ExecutorEntry, "name")]
Near = Annotated[NearDuplicates, named("near_duplicates", NearDuplicates, "action")]


class Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Statistics(Strict):
    """How the cells are judged.

    correction: Benjamini–Hochberg, Benjamini–Yekutieli or Holm, over the cells of a table.
    level: the significance level of every test. It does not change the intervals, which cover 95 %.
    margin, mean_margin: how much worse than dense still counts as harmless, in points, on a task and on a mean over
        tasks.
    margins: the margins of single tasks. A task whose unit is not points needs its own margin; without one it is never
        called harmless or harmful.
    resamples: how many resamples each bootstrap and each permutation test draws.
    statistics_seed: the seed of all resamples.
    """

    correction: Literal["bh", "by", "holm"] = "bh"
    level: Annotated[float, Field(gt=0, lt=0.5, strict=True)] = 0.05
    margin: Margin = 0.5
    mean_margin: Margin = 0.2
    margins: dict[str, Margin] = {}
    resamples: Annotated[int, Field(ge=100, le=1_000_000, strict=True)] = 2000
    statistics_seed: Seed = 0


class Confirm(Strict):
    """The tasks that report, and the cells that they report on: the best ones, or all."""

    tasks: Annotated[list[str], Field(min_length=1)]
    cells: Literal["best", "all"] = "best"


class SentEvalFolder(Strict):
    """A folder laid out as SentEval's ``data/downstream``."""

    senteval: Path


def _models(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


def _data(value: Any) -> Any:
    words = DataWord.__args__  # type: ignore[attr-defined]
    if isinstance(value, dict | SentEvalFolder) or value in words:
        return value
    if not isinstance(value, str):
        raise wrong(f"data is one of {', '.join(words)}, or {{senteval: DIR}}, not {shown(value)}")
    word, _, folder = value.partition(":")
    if word == "senteval" and folder:
        return {"senteval": folder}
    raise wrong(f"unknown source {shown(value)}; {suggest(word, words)}")


def _confirm(value: Any) -> Any:
    if value == "all":
        return {"tasks": ["sts"], "cells": "all"}
    if value is None or isinstance(value, dict | Confirm):
        return value
    if isinstance(value, list):
        return {"tasks": value}
    raise wrong(f"confirm is a list of tasks, {{tasks: [...], cells: all}}, or `all`, not {shown(value)}")


class Recipe(Strict):
    """A grid of cells, explicit cells in addition to it, and the tasks that choose and report.

    The grid is every scorer × granularity × sparsity × scope, and × seed for scorers that use one. Every cell is
    evaluated on the ``screen`` tasks. Dense, the best cell of each scorer × granularity, every explicit cell, and their
    controls are evaluated on the ``confirm`` tasks. ``tasks`` sets parameters of a task, or of all tasks of a group.
    With ``overlap: drop``, verdicts use scores without the pairs that calibration or choice has seen. ``train`` is for
    `ablate train`.

    device: where the model runs: ``auto`` (the first CUDA GPU, else the CPU), ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
    precision: in which cells are evaluated: ``float32``, ``bf16`` or ``fp16``. Contributions are always computed in
        float32. Results of another precision have keys of their own.
    near_duplicates: ``report`` if a task is on an own file and the recipe does not say, else ``ignore``.
    truncate_dims: every task also measures the first so many components of the embeddings (Matryoshka). Cells are
        scored and chosen by all components.
    """

    model: Annotated[
        list[Model],
        Field(min_length=1),
        BeforeValidator(_models, json_schema_input_type=str | ModelSpec | list[str | ModelSpec]),
    ]
    data: Annotated[
        DataWord | SentEvalFolder, BeforeValidator(_data, json_schema_input_type=DataWord | SentEvalFolder)
    ] = "auto"
    calibration: CalibrationSpec = CalibrationSpec()
    scorers: list[Scorer] = []
    granularities: list[Granularity] = []
    sparsities: list[Sparsity] = []
    scopes: Annotated[list[Scope], Field(min_length=1)] = ["global"]
    seeds: Annotated[list[Seed], Field(min_length=1)] = [0]
    steps: Steps = 1
    tie_seed: Seed = 0
    cells: list[Annotated[list[StepEntry], Field(min_length=1)]] = []
    controls: Controls = Controls()
    screen: list[str] = ["sts-dev"]
    confirm: Annotated[
        Confirm | None,
        BeforeValidator(_confirm, json_schema_input_type=Confirm | list[str] | Literal["all"] | None),
    ] = None
    tasks: dict[str, dict[str, Any]] = {}
    overlap: Literal["drop", "keep"] = "drop"
    near_duplicates: Near | None = None
    statistics: Statistics = Statistics()
    executor: Executor = ExecutorEntry(name="in-process")
    device: Device = "auto"
    precision: Precision = "float32"
    truncate_dims: Dims = []
    evaluate: Evaluate = Evaluate()
    stability: Stability = Stability()
    prevalence: Prevalence = Prevalence()
    train: Train | None = None

    @model_serializer(mode="wrap")
    def _as_before_dims(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # A recipe without them is recorded as by an ablate that had none, so that runs of both are of one recipe.
        return {n: value for n, value in plain(self).items() if n not in ("truncate_dims", "near_duplicates") or value}

    @model_validator(mode="after")
    def _not_empty(self) -> Recipe:
        if self.overlap == "keep" and self.near_duplicates and self.near_duplicates.action == "drop":
            raise wrong("near_duplicates: drop needs overlap: drop, which leaves equal items out", "near_duplicates")
        lacking = [n for n in ("scorers", "granularities", "sparsities") if not getattr(self, n)]
        if lacking and (len(lacking) < 3 or not self.cells):
            raise wrong(f"empty grid: no {' and no '.join(lacking)}; list at least one of each", lacking[0])
        if not self.screen and self.confirm is None:
            raise wrong("nothing to measure: no screen and no confirm tasks; list at least one", "screen")
        if not self.screen and self.confirm is not None and self.confirm.cells == "best":
            raise wrong(
                "no screen tasks to choose the best cells on; list some, or confirm {tasks: [...], cells: all}",
                "screen",
            )
        return self


def load_recipe(
    recipe: str | Path | Mapping[str, Any] | Recipe,
    overrides: Sequence[str] = (),
    *,
    device: str | None = None,
    precision: str | None = None,
    executor: str | None = None,
    jobs: int | None = None,
    files: OwnFiles | None = None,
) -> tuple[Recipe, Document]:
    """Reads and checks a recipe.

    Args:
        recipe: a YAML file, a mapping of what such a file may have, or a recipe that is checked already.
        overrides: ``a.b=c`` texts; c is read as YAML.
        device, precision, executor, jobs: replace those of the recipe, as the arguments of these names do.
        files: replace its tasks, as ``dev`` and ``test`` do.

    Returns:
        The recipe, and the document with the place of each of its values.

    Raises:
        RecipeError: ``file:line:col: what is wrong; what to do``. Of a mapping, the keys stand for the place.
        DataError: one of the files is malformed.
    """
    document = _document(recipe)
    for override in overrides:
        document.override(override)
    document.set_options(device=device, precision=precision, executor=executor, jobs=jobs)
    if files is not None:
        put_into(document, files)
    return parse(document), document


def _document(recipe: object) -> Document:
    if isinstance(recipe, Recipe):
        return Document("recipe", recipe.model_dump(mode="json", by_alias=True))
    if isinstance(recipe, Mapping):
        # A copy, since what replaces values does so in place.
        return Document("recipe", deepcopy(dict(recipe)))
    if isinstance(recipe, str | PathLike):
        return read(Path(recipe))
    raise RecipeError(f"recipe: of type {type(recipe).__name__}; give a YAML file, a mapping or a Recipe")


def parse(document: Document) -> Recipe:
    """Checks the form of a recipe. Names and parameters of plug-ins are checked by the plan.

    Raises:
        RecipeError: something is wrong; with its place and the closest valid name.
    """
    return check(Recipe, document.plain(), document)
