"""Runs a job: screens the cells of a plan, chooses the best, confirms them, and judges all cells."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import chain

from ablate.coordinator.all_stages import all_stages
from ablate.coordinator.earlier_roles import earlier_roles
from ablate.coordinator.expected import expected
from ablate.coordinator.failed_models import FailedModels
from ablate.coordinator.maps import Maps
from ablate.coordinator.mask_maker import MaskMaker
from ablate.coordinator.model_run import ModelRun
from ablate.coordinator.model_runs import ModelRuns
from ablate.coordinator.near_duplicates import merged
from ablate.coordinator.on_workers import chunks_of
from ablate.coordinator.other_verdicts import other_verdicts
from ablate.coordinator.stages import StageRows
from ablate.coordinator.swap import Swaps
from ablate.engine.evaluator import Evaluator
from ablate.errors import ModelError, RecipeError
from ablate.events import Event, Watch, naming, silent
from ablate.interrupts import interruptible
from ablate.judge.against_training import judge_against_training
from ablate.judge.judge import judge
from ablate.judge.over_models import over_models
from ablate.models.device import label
from ablate.models.dropout import has_dropout
from ablate.models.encode import encode, prepare
from ablate.models.load import load_model
from ablate.models.model import Model
from ablate.models.spec import ModelSpec
from ablate.plan.job import Job
from ablate.plan.manifest import lineages_of, manifest, model_names
from ablate.record import JUDGMENT, RunAbout, RunRecord
from ablate.store.keys import parts_used
from ablate.store.store import Store
from ablate.tasks.loaded import Loaded
from ablate.timing import Timings


def execute(job: Job, store: Store, *, keep_going: bool = True, watch: Watch = silent) -> RunRecord:
    """Runs a job, and puts its record into an open store.

    If the run is interrupted, the rows of the finished stages are stored. They are judged when all stages are finished.
    """
    watch(Event("note", f"data: {job.chosen.source.label} ({job.chosen.why})"))
    for note in (f"device: {device_note(job)}", *job.tasks.notes):
        watch(Event("note", note))
    asked = manifest(job)
    roles = earlier_roles(job, store)
    for line in roles:
        watch(Event("note", line))
    run = store.begin_run({**asked.to_dict(), "store": store.name})
    about = replace(RunAbout.begun(asked, store.name, run), earlier_roles=roles or None)
    timings = Timings()
    # By model and stage, because a screen stage comes a second time when its chosen cells are known.
    finished: dict[tuple[str, str], StageRows] = {}
    judged: RunRecord | None = None
    failed = FailedModels(dict(zip(job.recipe.model, asked.models, strict=True)), keep_going, watch)
    try:
        with interruptible(), job.plan.executor.running():
            models = ModelRuns(
                job.recipe.model,
                lambda spec, first: _prepared(job, spec, store, timings, watch, keep_going, first),
                failed,
            )
            about = replace(about, **models.about())
            drawn = Maps()
            for stage in all_stages(job, store, run, models, failed, drawn):
                finished[stage.model, stage.name] = stage
            about = replace(
                about,
                maps=tuple(drawn.maps),
                agreement=tuple(drawn.agreement),
                removed=tuple(drawn.removed) or None,
                failed_models=failed.reasons or None,
            )
        record = _record(about, list(finished.values()), timings)
        judged = _judged(job, store, record, timings, watch) if record.rows else record
    finally:
        # Also if judging fails, so that an error there does not lose the rows.
        record = judged or _record(about, list(finished.values()), timings)
        if record.rows:
            _put(store, record)
    return record


def device_note(job: Job) -> str:
    """The device of a run, and why it is this one, if the recipe leaves the choice to ablate."""
    why = {"cpu": " (auto: there is no CUDA GPU that torch can use)"}.get(job.device.type, " (auto: the first GPU)")
    return label(job.device) + (why if job.recipe.device == "auto" else "")


def _record(about: RunAbout, stages: Sequence[StageRows], timings: Timings) -> RunRecord:
    """The record of the finished stages, not judged yet."""
    return RunRecord(
        [row for stage in stages for row in stage.rows],
        replace(
            about,
            panels={stage.name: stage.panels for stage in stages},
            deviations={task: deviation for stage in stages for task, deviation in stage.deviations.items()},
            precision_effects=_precision_effects(stages),
            racing={stage.model: stage.racing for stage in stages if stage.racing} or None,
            choosing=_chose(about, stages),
            cannot_choose=_cannot_choose(stages),
            near_duplicates=merged(stage.near for stage in stages),
            timings=dict(timings.seconds),
            cached=sum(stage.cached for stage in stages),
            computed=sum(stage.computed for stage in stages),
            failed=sum(stage.failed for stage in stages),
            draws_made=_total(stage.draws_made for stage in stages),
            draws_asked=_total(stage.draws_asked for stage in stages),
        ),
    )


def _cannot_choose(stages: Sequence[StageRows]) -> dict[str, dict[str, str]] | None:
    return {stage.model: stage.unfit for stage in stages if stage.unfit} or None


def _chose(about: RunAbout, stages: Sequence[StageRows]) -> tuple[str, ...] | None:
    """The tasks that chose, without those that could not for any model."""
    screened = [stage.unfit for stage in stages if stage.name == "screen"]
    if not screened or about.choosing is None:
        return about.choosing
    return tuple(name for name in about.choosing if not all(name in unfit for unfit in screened))


def _total(counts: Iterable[int | None]) -> int | None:
    """The sum of those that are known; None if none is."""
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _precision_effects(stages: Sequence[StageRows]) -> dict[str, dict[str, float]] | None:
    by_model: dict[str, dict[str, float]] = {}
    for stage in stages:
        if stage.precision_effects is not None:
            by_model.setdefault(stage.model, {}).update(stage.precision_effects)
    return by_model or None


def _judged(job: Job, store: Store, record: RunRecord, timings: Timings, watch: Watch) -> RunRecord:
    """The record with the evidence on its cells, also in its rows."""
    statistics = job.recipe.statistics
    with timings.measure("statistics"):
        judgement = judge(record, store, job.registry, statistics, watch)
        evidence = judgement.evidence
        found = RunRecord(judgement.rows, replace(record.about, evidence=tuple(evidence)))
        over = over_models(found, lineages_of(job.recipe.model), store, job.registry, statistics)
        if job.texts is not None:
            evidence += judge_against_training(record, store, job.registry, statistics)
    others = other_verdicts(store, record.about.run, evidence, len(record.about.models) > 1)
    about = replace(
        record.about,
        other_verdicts=others or None,
        evidence=tuple(evidence),
        over_models=over,
        judgment=JUDGMENT,
        statistics={**statistics.model_dump(mode="json"), "withheld": judgement.withheld},
        timings=dict(timings.seconds),
    )
    return RunRecord(judgement.rows, about)


def _put(store: Store, record: RunRecord) -> None:
    store.put_rows(record.about.run, [row.to_dict() for row in record.rows], record.about.to_dict())


def _prepared(
    job: Job, spec: ModelSpec, store: Store, timings: Timings, watch: Watch, keep_going: bool, first: bool
) -> ModelRun:
    """The model run of a job's model. Where somebody watches, the forecast of its run is told the first time."""
    model_run = prepare_model_run(job, spec, store, timings, watch, keep_going, remarks=first)
    if first and watch is not silent:
        for event in expected(job, model_run):
            model_run.watch(event)
    return model_run


def prepare_model_run(
    job: Job,
    spec: ModelSpec,
    store: Store,
    timings: Timings,
    watch: Watch,
    keep_going: bool = True,
    *,
    remarks: bool = True,
) -> ModelRun:
    """Loads a model, and prepares what its cells need.

    Args:
        remarks: whether to say what is to be known of the model.
    """
    names = dict(zip(job.recipe.model, model_names(job.recipe.model), strict=True))
    watch(Event("load", names[spec]))
    with timings.measure("load"):
        model = replace(load_model(spec, job.device), name=names[spec])
        dim = _dim(job, model)
        _require_dropout(job, model)
    if len(names) > 1:
        watch = naming(model.name, watch)
    for remark in model.remarks if remarks else ():
        watch(Event("note", f"model '{model.name}': {remark}"))
    scorer_tasks = _scorer_tasks(job)
    trained_on = job.load(job.choosing) if job.texts is not None else []
    for loaded in (*chain(*scorer_tasks.values()), *trained_on):
        # Of the others a refusal is a failed row. These are looked at without rows.
        loaded.task.supports(model, loaded.data)
    evaluator = Evaluator(model)
    masks = MaskMaker(
        model,
        job.calibration,
        store,
        job.recipe.tie_seed,
        timings,
        scorer_tasks,
        watch,
        _swaps(job, evaluator, store, timings, watch),
        trained_on,
        chunks_of(job.plan.executor, spec, model, job.recipe.device),
    )
    model_run = ModelRun(
        spec,
        model,
        job.calibration,
        job.chosen.source,
        store,
        job.plan.executor,
        timings,
        watch,
        masks,
        evaluator,
        keep_going,
        device=job.recipe.device,
        precision=job.recipe.precision,
        dim=dim,
    )
    if job.texts is not None:
        from ablate.coordinator.train import trainings

        model_run.trainings = trainings(job, job.texts, spec, masks, watch)
    return model_run


def _require_dropout(job: Job, model: Model) -> None:
    """Refuses a model without dropout where dropout has to make positive pairs of single sentences.

    Both members of a pair would have the same embedding, and the contributions would be zeros.

    Raises:
        ModelError: the calibration, or training, needs dropout.
    """
    calibrates = job.calibration.dropout and any("pairs" in parts_used(scorer) for scorer in job.plan.scorers)
    trains = job.texts is not None and not job.texts.supervised
    if (calibrates or trains) and not has_dropout(model):
        setting = "`calibration.positives: dropout`" if calibrates else "training on single sentences"
        remedy = "`calibration.positives: {file: PAIRS.tsv}`" if calibrates else "`train.pairs: PAIRS.tsv`"
        raise ModelError(
            f"model '{model.name}': has no dropout, so that {setting} makes no positive pairs; give pairs with {remedy}"
        )


def _dim(job: Job, model: Model) -> int | None:
    """How many components the embeddings have; None if the recipe does not ask for fewer.

    Raises:
        RecipeError: it asks for more.
    """
    asked = job.recipe.truncate_dims
    if not asked:
        return None
    # Of a sentence, because modules behind the backbone may change it, and so may the model's own `truncate_dim`.
    dim = encode(model, prepare(model, ["How long is it?"])).shape[1]
    if max(asked) > dim:
        raise RecipeError(
            f"truncate_dims: {max(asked)} is more than the {dim} components of the embeddings of model "
            f"'{model.name}'; list numbers of at most {dim}"
        )
    return dim


def _swaps(job: Job, evaluator: Evaluator, store: Store, timings: Timings, watch: Watch) -> Swaps | None:
    """What searches masks, on all items of the screen tasks that choose; None if no cell has a search."""
    if not any(cell.searches for cell in job.plan.cells):
        return None
    return Swaps(job.load(job.choosing, faults=True), job.registry, evaluator, store, timings, watch)


def _scorer_tasks(job: Job) -> dict[str, tuple[Loaded, ...]]:
    """The name of a task or group that a scorer of the plan gives -> its tasks. Each task is loaded only once."""
    members = dict.fromkeys(task for tasks in job.tasks.scorers.values() for task in tasks)
    loaded_of = {loaded.task: loaded for loaded in job.load(members)}
    return {name: tuple(loaded_of[task] for task in tasks) for name, tasks in job.tasks.scorers.items()}
