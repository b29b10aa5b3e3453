"""The main job: a plan's cells screened, the best chosen, the choice confirmed; rows for the tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ablate.data.calibration import NOTHING, Calibration, calibrate, splits_of
from ablate.experiment.added import added
from ablate.experiment.comparison import comparison
from ablate.experiment.evaluate import Loaded
from ablate.experiment.events import Event, Watch, silent
from ablate.experiment.executors import Executor
from ablate.experiment.job import Job, ready
from ablate.experiment.judge import judge
from ablate.experiment.manifest import manifest, model_names
from ablate.experiment.maps import agreement, maps
from ablate.experiment.masks import MaskMaker
from ablate.experiment.recipe import Recipe, load_recipe, parse
from ablate.experiment.score import looks_over
from ablate.experiment.stages import StageRows, confirm, pick, screen, short
from ablate.experiment.store import Store
from ablate.experiment.subject import Subject
from ablate.experiment.timing import Timings
from ablate.experiment.yaml import Document
from ablate.models.load import load_model
from ablate.models.spec import ModelSpec
from ablate.report.results import Results

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
    job = ready(recipe, document, data, limit)
    with Store(store) as opened:
        return execute(job, opened, keep_going=keep_going, watch=watch)


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
    job = ready(recipe, document, data, limit)
    with Store(store) as opened:
        return execute(job, opened, keep_going=keep_going, watch=watch)


def execute(job: Job, store: Store, *, keep_going: bool = True, watch: Watch = silent) -> Results:
    """Runs what :func:`ablate.experiment.job.ready` made, into an open store.

    The rows of the stages that were finished are stored also when the run is interrupted; they are judged when all are.
    """
    watch(Event("note", f"data: {job.chosen.source.label} ({job.chosen.why})"))
    about = {**manifest(job), "store": store.name}
    about["run"] = store.begin_run(about)
    timings = Timings()
    stages: list[StageRows] = []
    try:
        subjects = [make_subject(job, spec, store, timings, watch, keep_going) for spec in job.recipe.model]
        about["hashes"] = {s.model.name: {"model": s.model.hash, "calibration": s.calibration.hash} for s in subjects}
        _run_stages(job, store, about["run"], subjects, stages)
        about["maps"] = [found for subject in subjects for found in maps(subject.masks, job.plan.cells)]
        about["agreement"] = [found for subject in subjects for found in agreement(subject.masks, job.plan.cells)]
    finally:
        rows = [row for stage in stages for row in stage.rows]
        about["panels"] = {stage.name: stage.panels for stage in stages}
        about["timings"] = dict(timings.seconds)
        about["cached"] = sum(stage.cached for stage in stages)
        about["computed"] = sum(stage.computed for stage in stages)
        about["failed"] = sum(stage.failed for stage in stages)
        if rows:
            store.put_rows(about["run"], rows, about)
    results = Results(rows, about)
    if rows:
        with timings.measure("statistics"):
            about["evidence"], withheld = judge(results, store, job.registry, job.recipe.statistics)
            if job.texts is not None:
                about["evidence"] += added(results, store, job.registry, job.recipe.statistics)
        about["statistics"] = {**job.recipe.statistics.model_dump(mode="json"), "withheld": withheld}
        about["timings"] = dict(timings.seconds)
        store.put_rows(about["run"], rows, about)
    return results


def _run_stages(job: Job, store: Store, run_id: str, subjects: list[Subject], stages: list[StageRows]) -> None:
    """Adds to ``stages`` as each is finished: every model is screened, the choice recorded, every model confirmed."""
    if job.screen:
        for subject in subjects:
            stages.append(screen(job, subject, run_id))
    if not job.confirm:
        return
    screened = [stage.rows for stage in stages] or [[] for _ in subjects]
    picks = [pick(job, subject, rows) for subject, rows in zip(subjects, screened, strict=True)]
    choice = {}
    for subject, rows, picked in zip(subjects, screened, picks, strict=True):
        names = {subject.masks.key(cell): str(cell) for cell in picked}
        choice[subject.model.name] = names
        chosen = {short(key) for key in names}
        for row in rows:
            row["chosen"] = row["key"] in chosen
    store.record_choice(run_id, choice)
    for subject, picked in zip(subjects, picks, strict=True):
        stages.append(confirm(job, subject, run_id, picked))


def make_subject(
    job: Job, spec: ModelSpec, store: Store, timings: Timings, watch: Watch, keep_going: bool = True
) -> Subject:
    """Loads a model and draws its calibration set."""
    names = dict(zip(job.recipe.model, model_names(job.recipe.model), strict=True))
    with timings.measure("load"):
        model = replace(load_model(spec), name=names[spec])
        calibration = _calibration(job)
    executor = job.registry.get("executor", job.recipe.executor)()
    assert isinstance(executor, Executor)
    masks = MaskMaker(
        model,
        calibration,
        store,
        job.recipe.tie_seed,
        timings,
        lambda name: watch(Event("note", f"pass: {name}")),
        _looked_at(job),
    )
    subject = Subject(
        model, calibration, store, executor, timings, watch, masks, keep_going, job.recipe.evaluate.materialize
    )
    if job.texts is not None:
        from ablate.training.job import trainings

        subject.trainings = trainings(job, job.texts, spec, masks, watch)
    return subject


def _calibration(job: Job) -> Calibration:
    """The calibration set, drawn only if a scorer looks at it: others need no train split, and see no pair."""
    scorers = job.plan.scorers
    if not any(scorer.calibrates for scorer in scorers):
        return NOTHING
    spec = job.recipe.calibration
    return calibrate(spec, splits_of(spec, job.chosen.source), frozenset().union(*map(looks_over, scorers)))


def _looked_at(job: Job) -> dict[str, tuple[Loaded, ...]]:
    """The tasks behind each name that a scorer of the plan gives, each read once."""
    members = dict.fromkeys(task for tasks in job.looked_at.values() for task in tasks)
    read = {task.name: task for task in job.load(members)}
    return {name: tuple(read[task] for task in tasks) for name, tasks in job.looked_at.items()}
