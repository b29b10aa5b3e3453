"""The main job: a plan's cells screened, the best chosen, the choice confirmed; rows for the tables."""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ablate.data.calibration import calibrate
from ablate.experiment.choose import choose, mean_deltas
from ablate.experiment.evaluate import Loaded
from ablate.experiment.events import Event, Watch, silent
from ablate.experiment.executors import Executor
from ablate.experiment.job import Job, ready
from ablate.experiment.masks import MaskMaker
from ablate.experiment.plan import Cell
from ablate.experiment.recipe import Recipe, load_recipe
from ablate.experiment.rows import make_rows
from ablate.experiment.store import Store
from ablate.experiment.subject import Subject, load_tasks
from ablate.experiment.timing import Timings
from ablate.experiment.yaml import Document
from ablate.models.load import load_model
from ablate.models.spec import ModelSpec
from ablate.report.results import Results, Row

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
    else:
        recipe, document = load_recipe(recipe, overrides)
    job = ready(recipe, document, data, limit)
    with Store(store) as opened:
        return execute(job, opened, keep_going=keep_going, watch=watch)


def execute(job: Job, store: Store, *, keep_going: bool = True, watch: Watch = silent) -> Results:
    """Runs what :func:`ablate.experiment.job.ready` made, into an open store.

    The rows of what was finished are stored also when the run is interrupted.
    """
    watch(Event("note", f"data: {job.chosen.source.label} ({job.chosen.why})"))
    about = {**manifest(job), "store": store.name}
    about["run"] = run_id = store.begin_run(about)
    timings = Timings()
    stages: list[StageRows] = []
    try:
        subjects = [make_subject(job, spec, store, timings, watch, keep_going) for spec in job.recipe.model]
        if job.screen:
            for subject in subjects:
                stages.append(screen(job, subject))
        if job.confirm:
            picks = [pick(job, s, stages[i].rows if job.screen else []) for i, s in enumerate(subjects)]
            named = zip(subjects, picks, strict=True)
            store.record_choice(run_id, {s.model.name: {s.masks.key(c): str(c) for c in p} for s, p in named})
            for i, (subject, picked) in enumerate(zip(subjects, picks, strict=True)):
                for row in stages[i].rows if job.screen else []:
                    row["chosen"] = row["key"] in {subject.masks.key(cell)[:16] for cell in picked}
                stages.append(confirm(job, subject, picked, run_id))
    finally:
        rows = [row for stage in stages for row in stage.rows]
        about["timings"] = dict(timings.seconds)
        about["cached"] = sum(stage.cached for stage in stages)
        about["computed"] = sum(stage.computed for stage in stages)
        about["failed"] = sum(stage.failed for stage in stages)
        if rows:
            store.put_rows(run_id, rows, about)
    return Results(rows, about)


def make_subject(
    job: Job, spec: ModelSpec, store: Store, timings: Timings, watch: Watch, keep_going: bool = True
) -> Subject:
    """Loads a model and draws its calibration set."""
    with timings.measure("load"):
        model = load_model(spec)
        source = job.chosen.source
        calibration = calibrate(job.recipe.calibration, [source.load(name) for name in source.groups()["sts-train"]])
    executor = job.registry.get("executor", job.recipe.executor)()
    assert isinstance(executor, Executor)
    masks = MaskMaker(
        model,
        calibration,
        store,
        job.recipe.tie_seed,
        timings,
        lambda name: watch(Event("note", f"pass: {name}")),
    )
    return Subject(model, calibration, store, executor, timings, watch, masks, keep_going)


@dataclass(frozen=True)
class StageRows:
    """The rows of one model's stage, and how many of its cells came from where."""

    rows: list[Row]
    cached: int
    computed: int
    failed: int


def screen(job: Job, subject: Subject) -> StageRows:
    """Every cell of the plan on the screen tasks."""
    tasks = load_tasks(job.screen, job.chosen.source, job.registry, calibration_saw(job, subject))
    return _stage(job, subject, "screen", tasks, job.plan.cells, job.recipe.controls.screened, False)


def pick(job: Job, subject: Subject, screened: Sequence[Row]) -> tuple[Cell, ...]:
    """The cells to confirm, by the rows of the screen stage alone."""
    plan, confirms = job.plan, job.recipe.confirm
    if confirms is None or confirms.cells == "all":
        return plan.cells
    means = mean_deltas(screened, job.recipe.overlap)
    keys = {cell: subject.masks.key(cell)[:16] for cell in plan.cells}
    return choose(plan, {cell: means[key] for cell, key in keys.items() if key in means})


def confirm(job: Job, subject: Subject, picked: Sequence[Cell], run_id: str) -> StageRows:
    """The picked cells and their controls on the confirm tasks, clean of what calibration and choice have seen."""
    source, registry, controls = job.chosen.source, job.registry, job.recipe.controls
    seen = set(calibration_saw(job, subject))
    for task in load_tasks(job.screen, source, registry, frozenset()):
        seen.update(task.data.keys)
    tasks = load_tasks(job.confirm, source, registry, frozenset(seen))
    test_sets = [task.name for task in tasks if task.task.split == "test"]
    subject.store.record_reads(run_id, test_sets, len(picked))
    return _stage(job, subject, "confirm", tasks, picked, controls.matched, controls.flipped)


def calibration_saw(job: Job, subject: Subject) -> frozenset[tuple[str, str]]:
    """The pairs that the run's scorers have looked at; none if no scorer looks at any."""
    scorers = [step.scorer for cell in job.plan.cells for step in cell.steps]
    looks = any(scorer.statistics() or scorer.slow for scorer in scorers)
    return subject.calibration.seen if looks else frozenset()


def _stage(
    job: Job,
    subject: Subject,
    name: str,
    tasks: list[Loaded],
    cells: Sequence[Cell],
    matched: int,
    flipped: bool,
) -> StageRows:
    belongs = controls_of(cells, matched, flipped, job.recipe.controls.control_seed)
    dense, *outcomes = subject.outcomes(name, [*cells, *belongs], tasks)
    fixed = {
        "model": subject.model.name,
        "data": job.chosen.source.label,
        "params_total": sum(p.numel() for p in subject.model.backbone.parameters()),
        "stage": name,
        "chosen": name == "confirm",
    }
    key = subject.masks.key
    rows = make_rows(fixed, tasks, dense, outcomes, {key(control): key(cell) for control, cell in belongs.items()})
    everything = [dense, *outcomes]
    failed = sum(bool(outcome.failures) for outcome in everything)
    cached = sum(outcome.cached for outcome in everything)
    return StageRows(rows, cached, len(everything) - cached - failed, failed)


def controls_of(cells: Sequence[Cell], matched: int, flipped: bool, seed: int) -> dict[Cell, Cell]:
    """Each control, and the cell that it belongs to. Cells of a seeded scorer are controls already."""
    belongs = {}
    for cell in cells:
        if any(step.scorer.seeded for step in cell.steps):
            continue
        for draw in range(seed, seed + matched):
            belongs[cell.as_control("matched", draw)] = cell
        if flipped:
            belongs[cell.as_control("flipped")] = cell
    return belongs


def manifest(job: Job) -> dict[str, Any]:
    """What a run is, for its record: what was asked, of what, with which versions."""
    tests = [name for name in job.screen if job.split(name) == "test"]
    packages = ("ablate", "torch", "transformers", "sentence-transformers", "scipy")
    return {
        "models": [spec.name for spec in job.recipe.model],
        "data": job.chosen.source.label,
        "data_why": job.chosen.why,
        "screen": list(job.screen),
        "confirm": list(job.confirm),
        "overlap": job.recipe.overlap,
        "exploratory": bool(tests),
        "command": " ".join(sys.argv),
        "recipe": job.recipe.model_dump(mode="json", by_alias=True),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in packages}},
    }
