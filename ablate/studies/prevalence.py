"""Prevalence: how many units hurt, where they are, and how many can be removed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain

from ablate.coordinator.model_run import ModelRun
from ablate.coordinator.read_tasks import read_tasks
from ablate.coordinator.run import device_note, prepare_model_run
from ablate.data.calibration import calibrate, splits_of
from ablate.data.sources import expand
from ablate.errors import AblateError, RecipeError
from ablate.events import Event, Watch, silent
from ablate.granularities.base import Granularity
from ablate.plan.job import Job
from ablate.record import RunRecord, devices_note
from ablate.scorers.base import Scorer
from ablate.store.store import Store
from ablate.studies.computed import precision_notes, study_manifest_of
from ablate.studies.earlier import best, earlier, harmless
from ablate.studies.granularity_prevalence import GranularityPrevalence, measure
from ablate.studies.predicted import predict
from ablate.studies.prevalence_entry import entry_of, maps_of
from ablate.studies.prevalence_record import PrevalenceEntry, PrevalenceRecord
from ablate.studies.records import to_dict
from ablate.studies.removed import forecast, groups_of
from ablate.studies.stability import with_calibration
from ablate.tasks.base import NO_VALUES, Task, WholeTask
from ablate.tasks.loaded import Loaded
from ablate.timing import Timings

Done = Callable[[Sequence[PrevalenceEntry]], None]
"""Called with the entries of one model, one for each granularity."""


def _nothing(_: Sequence[PrevalenceEntry]) -> None:
    """Ignores the entries."""


def prevalence(job: Job, store: Store, *, watch: Watch = silent, done: Done = _nothing) -> PrevalenceRecord:
    """Measures the prevalence of each granularity in the recipe's grid, by exact removal on the screen tasks.

    Groups whose removal is found to improve the model are recorded as the run's choice. Only then are the confirm tasks
    read, without any item that calibration or choice has seen.

    Args:
        done: called as each model is measured, before units are confirmed.

    Returns:
        The record of the run, which is also in the store.

    Raises:
        AblateError: the recipe's ``prevalence`` is not valid, or data, model or store fail. Errors of plug-ins are
            raised as they are.
    """
    ranker, granularities, confirm = _ranker(job), _granularities(job), confirm_tasks(job)
    if not job.choosing:
        raise AblateError("screen: none of its tasks chooses units; add one such as sts-dev")
    for task in (*job.choosing, *confirm):
        if isinstance(task, WholeTask):
            raise AblateError(f"'{task.name}' has {NO_VALUES}, so that no unit is found by it; leave it out")
    calibration = calibrate(job.recipe.calibration, splits_of(job.recipe.calibration, job.calibration_source))
    study_manifest = study_manifest_of(job, PrevalenceRecord.study, store.name)
    run = store.begin_run({**study_manifest, "prevalence": [], "maps": []})
    for note in (f"device: {device_note(job)}", *job.tasks.notes):
        watch(Event("note", note))
    timings = Timings()
    tasks = read_tasks(job, store, run, job.choosing, calibration.seen, 0)
    with job.plan.executor.running():
        model_runs = (
            with_calibration(prepare_model_run(job, spec, store, timings, watch), calibration)
            for spec in job.recipe.model
        )
        measured, notes = _screened(job, model_runs, granularities, ranker, tasks, done, watch is not silent)
        # Before the confirm tasks are read, so that the record proves that they had no part in the choice.
        store.record_choice(run, {f"{one.model} {one.granularity}": one.found_names for one in measured})
        removals = sum(len(one.found) for one in measured)
        if confirm and removals:
            # All screen tasks count as seen: the found groups were chosen on them.
            seen = calibration.seen.union(*(task.data.pairs_seen() for task in tasks))
            confirming = read_tasks(job, store, run, confirm, seen, removals)
            measured = [one.confirm(job, confirming) for one in measured]
    earlier_run = earlier(job, store)
    if earlier_run is None:
        watch(
            Event(
                "note", "no finished run of this recipe in the store; `ablate run` shows which sparsities are harmless"
            )
        )
    record = PrevalenceRecord(
        manifest=study_manifest,
        prevalence=tuple(_entry(job, of_granularity, earlier_run) for of_granularity in measured),
        maps=tuple(contributions for of_granularity in measured for contributions in maps_of(of_granularity)),
        run=run,
        earlier=None if earlier_run is None else earlier_run.about.run,
        timings=dict(timings.seconds),
        notes=(*notes, *devices_note(chain.from_iterable(of_granularity.devices for of_granularity in measured))),
    )
    store.put_rows(run, [], to_dict(record))
    return record


def _screened(
    job: Job,
    model_runs: Iterable[ModelRun],
    granularities: Sequence[Granularity],
    ranker: Scorer,
    tasks: Sequence[Loaded],
    done: Done,
    watched: bool,
) -> tuple[list[GranularityPrevalence], list[str]]:
    """What is found on the screen tasks, model by model, and what is to be said of the precision."""
    measured: list[GranularityPrevalence] = []
    notes: list[str] = []
    for model_run in model_runs:
        of_model = _of_model(job, model_run, granularities, ranker, tasks, watched)
        done([entry_of(one) for one in of_model])
        measured += of_model
        notes += precision_notes(job, model_run, tasks)
    return measured, notes


def _of_model(
    job: Job,
    model_run: ModelRun,
    granularities: Sequence[Granularity],
    ranker: Scorer,
    tasks: Sequence[Loaded],
    watched: bool,
) -> list[GranularityPrevalence]:
    counts = job.recipe.prevalence.groups
    groups = {
        granularity: groups_of(model_run, granularity, counts.get(granularity.name), ranker)
        for granularity in granularities
    }
    for event in forecast(model_run, groups.values(), tasks) if watched else ():
        model_run.watch(event)
    predictions = predict(model_run, groups)
    measured = []
    for granularity in granularities:
        by_scorer = {scorer: predicted for (kind, scorer), predicted in predictions.items() if kind == granularity}
        measured.append(measure(job, model_run, groups[granularity], by_scorer, tasks))
    return measured


def _entry(job: Job, measured: GranularityPrevalence, earlier_run: RunRecord | None) -> PrevalenceEntry:
    if earlier_run is None:
        return entry_of(measured)
    place = measured.model, measured.granularity
    return entry_of(measured, harmless(job, earlier_run, *place), best(job, earlier_run, *place))


def _granularities(job: Job) -> list[Granularity]:
    granularities = list(dict.fromkeys(cell.only.granularity for cell in job.plan.grid if cell.only))
    if not granularities:
        raise RecipeError("granularities: the recipe has no grid; list at least one with scorers and sparsities")
    return granularities


def _ranker(job: Job) -> Scorer:
    """The scorer that ranks the units of a layer, which are then divided into groups."""
    name = job.recipe.prevalence.by
    scorer = job.registry.scorer(name)
    if scorer.slow or scorer.seeded or scorer.tasks():
        raise RecipeError(
            f"prevalence.by: '{name}' is slow, seeded or uses tasks, so it cannot rank units; use a scorer such as"
            " magnitude or align"
        )
    return scorer


def confirm_tasks(job: Job) -> tuple[Task, ...]:
    """The tasks that confirm the groups found on the screen tasks, with task groups replaced by their members.

    Raises:
        RecipeError: one of the tasks is a screen task.
    """
    source, confirm = job.chosen.source, job.recipe.prevalence.confirm
    if confirm is None:
        confirm = ["stsb", "sickr"]
        if not set(confirm) <= set(source.names()):
            confirm = ["sts"]
    names = list(expand(confirm, source))
    if choosing := [name for name in names if name in {task.name for task in job.tasks.screen}]:
        raise RecipeError(
            f"prevalence.confirm: {', '.join(choosing)} chooses units, and so cannot confirm them; name other tasks"
        )
    return job.make(names)
