"""The commands as Python functions: each checks its arguments, runs the job and returns the results from the store."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from os import PathLike
from pathlib import Path
from typing import Any

from rich.console import Console
from sentence_transformers import SentenceTransformer

from ablate.coordinator.run import execute, prepare_model_run
from ablate.errors import AblateError
from ablate.events import Watch
from ablate.export.cell_choice import CellChoice
from ablate.export.choose import Needs
from ablate.export.choose import choose as work
from ablate.granularities.units import Units
from ablate.judge.of_model import of_model
from ablate.models.device import resolve
from ablate.models.precision import check_precision
from ablate.models.spec import Precision
from ablate.plan.job import Job, prepare_job
from ablate.plan.training import prepare_training_job
from ablate.plugins import registry
from ablate.progress.display import shown
from ablate.recipe.from_flags import comparison
from ablate.recipe.own_options import OwnFiles
from ablate.recipe.recipe import Recipe, load_recipe
from ablate.record import RunRecord
from ablate.report.results import Results
from ablate.report.unit_values import UnitValues
from ablate.store.store import Store
from ablate.timing import Timings

DEFAULT_STORE = "ablate.db"


def run(
    recipe: str | Path | Mapping[str, Any] | Recipe,
    *,
    overrides: Sequence[str] = (),
    data: str | None = None,
    store: str | Path = DEFAULT_STORE,
    limit: int | None = None,
    keep_going: bool = True,
    watch: Watch | None = None,
    device: str | None = None,
    precision: str | None = None,
    executor: str | None = None,
    jobs: int | None = None,
    dev: str | Path | None = None,
    test: str | Path | None = None,
) -> Results:
    """Runs a recipe and returns its results. Only what the store does not hold is computed.

    Args:
        recipe: a YAML file, a mapping of what such a file may have, or a checked :class:`Recipe`.
        overrides: values to change in the recipe, each as ``a.b=c``.
        data: replaces the recipe's ``data``: ``auto``, ``embedded``, ``hub`` or ``senteval:DIR``.
        store: a SQLite file or the URL of a PostgreSQL database; created if it does not exist.
        limit: evaluate only this many cells, the first of the plan.
        keep_going: if True, a cell that fails becomes a row with the reason. If False, its exception is raised.
        watch: called with each :class:`~ablate.events.Event` of the run. By default progress is shown in a terminal and
            in a notebook; ``watch=ablate.silent`` shows nothing.
        device: replaces the recipe's ``device``: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
        precision: replaces the recipe's ``precision``: ``float32``, ``bf16`` or ``fp16``.
        executor: replaces the recipe's ``executor``, such as ``processes``.
        jobs: in how many processes or workers cells are evaluated; without ``executor``, those of ``processes``.
        dev, test: files of your own, which replace the recipe's ``screen`` and ``confirm``.

    Raises:
        AblateError: a mistake in the recipe, the data, the model or the store. The message is one line.
    """
    files = _own(dev, test)
    checked, document = load_recipe(
        recipe, overrides, device=device, precision=precision, executor=executor, jobs=jobs, files=files
    )
    job = prepare_job(checked, document, data, limit)
    return _results(job, store, keep_going, watch)


def compare(
    scorers: str | Sequence[str],
    granularities: str | Sequence[str] = ("head", "neuron", "unstructured"),
    sparsities: str | Sequence[float | str] = (0.05, 0.1, 0.2),
    *,
    model: str | Path = "minilm",
    pooling: str | None = None,
    prompt: str | None = None,
    prompt_name: str | None = None,
    tasks: str | Sequence[str] | None = None,
    seeds: str | Sequence[int] = (0, 1, 2),
    data: str | None = None,
    store: str | Path = DEFAULT_STORE,
    limit: int | None = None,
    keep_going: bool = True,
    watch: Watch | None = None,
    device: str | None = None,
    precision: str | None = None,
    executor: str | None = None,
    jobs: int | None = None,
    files: Sequence[str] = (),
    dev: str | Path | None = None,
    test: str | Path | None = None,
) -> Results:
    """Compares scorers, as ``ablate compare`` does. Every cell is evaluated on every task.

    No task is held out, unless ``test`` is given.

    A list may also be given as one text, with its items separated by commas.

    Args:
        sparsities: fractions of the units that are removed, in [0, 1), or ``negative``.
        model: ``minilm``, a folder, or a Hub id as ``ID@REVISION``.
        prompt, prompt_name: text before each sentence, or the name of one of the model's own prompts.
        tasks: tasks or groups of tasks; ``sts-dev`` by default, unless there are own files that choose.
        seeds: for the scorers that use one.
        data, store, limit, keep_going, watch, device, precision, executor, jobs: as for :func:`run`.
        files: files of your own as further tasks, each as ``NAME=FILE`` or ``NAME=KIND:FILE``.
        dev: a file of your own as a further task. test: a file on which the best cells are confirmed.

    Raises:
        AblateError: a mistake in the arguments, the data, the model or the store. The message is one line.
    """
    recipe, document = comparison(
        scorers,
        granularities,
        sparsities,
        str(model),
        pooling,
        tasks,
        seeds,
        prompt=prompt,
        prompt_name=prompt_name,
        device=device,
        precision=precision,
        executor=executor,
        jobs=jobs,
        files=_own(dev, test, files),
    )
    job = prepare_job(recipe, document, data, limit)
    return _results(job, store, keep_going, watch)


def train(
    recipe: str | Path | Mapping[str, Any] | Recipe,
    *,
    overrides: Sequence[str] = (),
    data: str | None = None,
    store: str | Path = DEFAULT_STORE,
    limit: int | None = None,
    keep_going: bool = True,
    watch: Watch | None = None,
    device: str | None = None,
    precision: str | None = None,
    executor: str | None = None,
    jobs: int | None = None,
) -> Results:
    """Trains the cells of a recipe as its ``train`` says, and the dense model as a control.

    Arguments and exceptions are those of :func:`ablate.run`.
    """
    loaded = load_recipe(recipe, overrides, device=device, precision=precision, executor=executor, jobs=jobs)
    job = prepare_training_job(*loaded, data, limit)
    return _results(job, store, keep_going, watch)


def _own(dev: str | Path | None, test: str | Path | None, tasks: Sequence[str] = ()) -> OwnFiles:
    return OwnFiles(None if dev is None else Path(dev), None if test is None else Path(test), tuple(tasks))


def _results(job: Job, store: str | Path, keep_going: bool, watch: Watch | None) -> Results:
    with Store(store) as opened, _watching(watch) as show:
        return Results.of(execute(job, opened, keep_going=keep_going, watch=show))


def _watching(watch: Watch | None) -> AbstractContextManager[Watch]:
    """The watch that is given, or else one that shows progress in a terminal or in a notebook."""
    if watch is not None:
        return nullcontext(watch)
    return shown(Console(stderr=True), lines=False)


def scores(
    model: str | Path | SentenceTransformer,
    scorer: str | Mapping[str, Any],
    granularity: str | Mapping[str, Any],
    *,
    pooling: str | None = None,
    seed: int = 0,
    data: str | None = None,
    store: str | Path | None = None,
    watch: Watch | None = None,
    device: str | None = None,
) -> UnitValues:
    """The contributions of a model's units by one scorer, without a recipe.

    The calibration set is that of a recipe that says nothing of it.

    Args:
        model: ``minilm``, a folder, or ``ID@REVISION``; or a loaded model, of which a copy is scored in float32.
        scorer, granularity: names, or mappings with parameters as in a recipe, such as
            ``{"scorer": "align", "sign": "signed"}``.
        pooling: as for a recipe's model. seed: of a scorer that uses one.
        data, watch, device: as for :func:`run`.
        store: keeps contributions that take a pass over data, so that they are computed once; None for none.

    Returns:
        For each unit its contribution, float32, higher = keep, with its layer and its index within the layer.

    Raises:
        AblateError: what is wrong, and what to do.
    """
    called = {"scorers": "scorer", "granularities": "granularity", "seeds": "seed"}
    with (
        tempfile.TemporaryDirectory() as folder,
        Store(Path(folder, "scores.db") if store is None else store) as opened,
        _watching(watch) as show,
    ):
        recipe, document = comparison(
            [scorer], [granularity], [0.5], _named(model, folder), pooling, None, [seed], device=device, called=called
        )
        job = prepare_job(recipe, document, data)
        (step,) = job.plan.cells[0].steps
        model_run = prepare_model_run(job, recipe.model[0], opened, Timings(), show)
        values = model_run.masks.scores.of(step, Units())[step.granularity]
    return UnitValues.of(step.granularity, model_run.model, values)


def _named(model: object, folder: str) -> str:
    """The name of a model for a recipe. One that is loaded is written into the folder."""
    if isinstance(model, SentenceTransformer):
        copy = str(Path(folder, "model"))
        model.save_pretrained(copy, create_model_card=False)
        return copy
    if isinstance(model, str | PathLike):
        return str(model)
    raise AblateError(f"model: of type {type(model).__name__}; give a name, a folder or a SentenceTransformer")


def choose(
    results: RunRecord,
    *,
    within: float | None = None,
    faster: float | None = None,
    by: str | None = None,
    tasks: Sequence[str] = (),
    latency: bool = False,
    model: str | None = None,
    store: str | Path | None = None,
    device: str | None = None,
    precision: Precision = "float32",
    tell: Callable[[str], None] = lambda _: None,
) -> CellChoice:
    """Chooses a confirmed cell by what is needed, as ``ablate choose`` does.

    Parameters and file sizes are computed. Latencies are measured, in seconds to minutes, where ``faster``,
    ``by="latency"`` or ``latency`` asks for them, and kept in the store.

    Args:
        results: of a finished run, such as :func:`run` returns.
        within: at most so much worse than dense, in the unit of the scores, shown by the corrected bound; at least 0.
        faster: at least so many times as fast as dense, as measured.
        by: which of the cells that hold these limits: ``score`` (the highest bound), or the least ``parameters``,
            ``size`` or ``latency``. By default ``parameters``, and ``score`` without ``within``.
        tasks: confirmed tasks on each of which ``within`` has to hold; by default on the mean over all.
        latency: measure the cells on the front now.
        model: one of several models of the run.
        store: where the run is kept; by default where it was made.
        device, precision: of the measurement; by default the device of the run.
        tell: called with each line of progress, such as ``print``.

    Raises:
        AblateError: the run has confirmed no cell, or of several models none is named; or an argument is wrong.
    """
    if not isinstance(results, RunRecord):
        raise AblateError(f"results: of type {type(results).__name__}; give those that `ablate.run` returns")
    chosen_from = of_model(Results.of(results), model)
    needs = Needs.of(within, faster, by, tasks, latency)
    place = resolve(device or (results.about.recipe or {}).get("device", "auto"))
    check_precision(precision, place)
    name = str(results.about.store if store is None else store)
    with Store(name, create=False) as opened:
        choice = work(chosen_from, opened, registry(), needs, device=place, precision=precision, tell=tell)
    return CellChoice(chosen_from, choice, name, len(results.about.models) > 1)
