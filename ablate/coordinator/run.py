"""The main job: a plan's cells screened, the best chosen, the choice confirmed; rows for the tables."""

from __future__ import annotations

from dataclasses import replace

from ablate.coordinator.maps import agreement, maps
from ablate.coordinator.mask_maker import MaskMaker
from ablate.coordinator.model_run import ModelRun
from ablate.coordinator.stages import StageRows, confirm, pick, screen, short
from ablate.data.calibration import NOTHING, Calibration, calibrate, splits_of
from ablate.engine.evaluator import Evaluator
from ablate.engine.score import parts_used
from ablate.events import Event, Watch, silent
from ablate.judge.against_training import judge_against_training
from ablate.judge.judge import judge
from ablate.models.load import load_model
from ablate.models.spec import ModelSpec
from ablate.plan.job import Job
from ablate.plan.manifest import manifest, model_names
from ablate.record import RunRecord
from ablate.store.store import Store
from ablate.tasks.loaded import Loaded
from ablate.timing import Timings


def execute(job: Job, store: Store, *, keep_going: bool = True, watch: Watch = silent) -> RunRecord:
    """Runs what :func:`ablate.plan.job.prepare_job` made, into an open store.

    The rows of the stages that were finished are stored also when the run is interrupted; they are judged when all are.
    """
    watch(Event("note", f"data: {job.chosen.source.label} ({job.chosen.why})"))
    about = {**manifest(job), "store": store.name}
    about["run"] = store.begin_run(about)
    timings = Timings()
    stages: list[StageRows] = []
    try:
        model_runs = [prepare_model_run(job, spec, store, timings, watch, keep_going) for spec in job.recipe.model]
        about["hashes"] = {s.model.name: {"model": s.model.hash, "calibration": s.calibration.hash} for s in model_runs}
        _run_stages(job, store, about["run"], model_runs, stages)
        about["maps"] = [found for model_run in model_runs for found in maps(model_run.masks, job.plan.cells)]
        about["agreement"] = [found for model_run in model_runs for found in agreement(model_run.masks, job.plan.cells)]
    finally:
        rows = [row for stage in stages for row in stage.rows]
        about["panels"] = {stage.name: stage.panels for stage in stages}
        about["timings"] = dict(timings.seconds)
        about["cached"] = sum(stage.cached for stage in stages)
        about["computed"] = sum(stage.computed for stage in stages)
        about["failed"] = sum(stage.failed for stage in stages)
        if rows:
            store.put_rows(about["run"], rows, about)
    results = RunRecord(rows, about)
    if rows:
        with timings.measure("statistics"):
            about["evidence"], withheld = judge(results, store, job.registry, job.recipe.statistics)
            if job.texts is not None:
                about["evidence"] += judge_against_training(results, store, job.registry, job.recipe.statistics)
        about["statistics"] = {**job.recipe.statistics.model_dump(mode="json"), "withheld": withheld}
        about["timings"] = dict(timings.seconds)
        store.put_rows(about["run"], rows, about)
    return results


def _run_stages(job: Job, store: Store, run_id: str, model_runs: list[ModelRun], stages: list[StageRows]) -> None:
    """Adds to ``stages`` as each is finished: every model is screened, the choice recorded, every model confirmed."""
    if job.tasks.screen:
        for model_run in model_runs:
            stages.append(screen(job, model_run, run_id))
    if not job.tasks.confirm:
        return
    screened = [stage.rows for stage in stages] or [[] for _ in model_runs]
    picks = [pick(job, model_run, rows) for model_run, rows in zip(model_runs, screened, strict=True)]
    choice = {}
    for model_run, rows, picked in zip(model_runs, screened, picks, strict=True):
        names = {model_run.masks.key(cell): str(cell) for cell in picked}
        choice[model_run.model.name] = names
        chosen = {short(key) for key in names}
        for row in rows:
            row["chosen"] = row["key"] in chosen
    store.record_choice(run_id, choice)
    for model_run, picked in zip(model_runs, picks, strict=True):
        stages.append(confirm(job, model_run, run_id, picked))


def prepare_model_run(
    job: Job, spec: ModelSpec, store: Store, timings: Timings, watch: Watch, keep_going: bool = True
) -> ModelRun:
    """Loads a model and draws its calibration set."""
    names = dict(zip(job.recipe.model, model_names(job.recipe.model), strict=True))
    with timings.measure("load"):
        model = replace(load_model(spec), name=names[spec])
        calibration = _calibration(job)
    masks = MaskMaker(
        model,
        calibration,
        store,
        job.recipe.tie_seed,
        timings,
        lambda name: watch(Event("note", f"pass: {name}")),
        _scorer_tasks(job),
    )
    model_run = ModelRun(
        spec,
        model,
        calibration,
        job.chosen.source,
        store,
        job.executor,
        timings,
        watch,
        masks,
        Evaluator(model),
        keep_going,
        job.recipe.evaluate.materialize,
    )
    if job.texts is not None:
        from ablate.coordinator.train import trainings

        model_run.trainings = trainings(job, job.texts, spec, masks, watch)
    return model_run


def _calibration(job: Job) -> Calibration:
    """The calibration set, drawn only if a scorer looks at it: others need no train split, and see no pair."""
    scorers = job.plan.scorers
    if not any(scorer.calibrates for scorer in scorers):
        return NOTHING
    spec = job.recipe.calibration
    return calibrate(spec, splits_of(spec, job.chosen.source), frozenset().union(*map(parts_used, scorers)))


def _scorer_tasks(job: Job) -> dict[str, tuple[Loaded, ...]]:
    """The tasks behind each name that a scorer of the plan gives, each read once."""
    members = dict.fromkeys(task for tasks in job.tasks.scorers.values() for task in tasks)
    read = {loaded.task: loaded for loaded in job.load(members)}
    return {name: tuple(read[task] for task in tasks) for name, tasks in job.tasks.scorers.items()}
