"""Prevalence: how many units hurt, where they are, and how much can go."""

from __future__ import annotations

from collections.abc import Sequence

from ablate.coordinator.model_run import ModelRun
from ablate.coordinator.read_tasks import read_tasks
from ablate.coordinator.run import prepare_model_run
from ablate.data.calibration import calibrate, splits_of
from ablate.data.sources import expand
from ablate.errors import AblateError, PluginError, RecipeError
from ablate.events import Event, Watch, silent
from ablate.granularities.base import Granularity
from ablate.plan.job import Job
from ablate.plan.manifest import manifest
from ablate.record import RunRecord
from ablate.scorers.base import Scorer
from ablate.store.store import Store
from ablate.studies.earlier import best, earlier, harmless
from ablate.studies.granularity_prevalence import GranularityPrevalence, measure
from ablate.studies.predicted import predict
from ablate.studies.prevalence_entry import entry_of, maps_of
from ablate.studies.prevalence_record import PrevalenceEntry, PrevalenceRecord
from ablate.studies.records import to_dict
from ablate.studies.removed import groups_of
from ablate.studies.stability import with_calibration
from ablate.tasks.base import Task
from ablate.tasks.loaded import Loaded
from ablate.timing import Timings


def prevalence(job: Job, store: Store, *, watch: Watch = silent) -> PrevalenceRecord:
    """Answers the question for each granularity of the recipe's grid, by exact removal on its screen tasks.

    Units that are found to improve the model by going are recorded as the run's choice, and only then are the confirm
    tasks read, without any pair that calibration or choice has seen.

    Returns:
        The record of the run; the store has it too.

    Raises:
        AblateError: the recipe's ``prevalence`` is wrong, or data, model or store fail. What a plug-in raises goes up.
    """
    by, granularities, confirm = _ranker(job), _granularities(job), confirm_tasks(job)
    if not job.choosing:
        raise AblateError("screen: no task of it chooses units; add one such as sts-dev")
    calibration = calibrate(job.recipe.calibration, splits_of(job.recipe.calibration, job.chosen.source))
    asked = {**manifest(job), "study": PrevalenceRecord.study, "store": store.name}
    run = store.begin_run({**asked, "prevalence": [], "maps": []})
    timings = Timings()
    tasks = read_tasks(job, store, run, job.choosing, calibration.seen, 0)
    measured: list[GranularityPrevalence] = []
    for spec in job.recipe.model:
        model_run = with_calibration(prepare_model_run(job, spec, store, timings, watch), calibration)
        measured += _of_model(job, model_run, granularities, by, tasks)
    store.record_choice(run, {f"{one.model} {one.granularity}": one.found_names for one in measured})
    removals = sum(len(one.found) for one in measured)
    if confirm and removals:
        seen = calibration.seen.union(*(task.data.keys for task in tasks))
        confirming = read_tasks(job, store, run, confirm, seen, removals)
        measured = [one.confirm(job, confirming) for one in measured]
    before = earlier(job, store)
    if before is None:
        watch(
            Event("note", "no finished run of this recipe in the store: `ablate run` tells which sparsities do no harm")
        )
    record = PrevalenceRecord(
        manifest=asked,
        prevalence=tuple(_entry(job, one, before) for one in measured),
        maps=tuple(one for of_granularity in measured for one in maps_of(of_granularity)),
        run=run,
        earlier=None if before is None else before.about.get("run"),
        timings=dict(timings.seconds),
    )
    store.put_rows(run, [], to_dict(record))
    return record


def _of_model(
    job: Job, model_run: ModelRun, granularities: Sequence[Granularity], by: Scorer, tasks: Sequence[Loaded]
) -> list[GranularityPrevalence]:
    counts = job.recipe.prevalence.groups
    groups = {g: groups_of(model_run, g, counts.get(g.name), by) for g in granularities}
    predicted = predict(model_run, groups)
    return [
        measure(job, model_run, groups[g], {scorer: one for (of, scorer), one in predicted.items() if of == g}, tasks)
        for g in granularities
    ]


def _entry(job: Job, measured: GranularityPrevalence, before: RunRecord | None) -> PrevalenceEntry:
    if before is None:
        return entry_of(measured)
    place = measured.model, measured.granularity
    return entry_of(measured, harmless(job, before, *place), best(job, before, *place))


def _granularities(job: Job) -> list[Granularity]:
    granularities = list(dict.fromkeys(cell.only.granularity for cell in job.plan.grid if cell.only))
    if not granularities:
        raise RecipeError("granularities: the recipe has no grid; list at least one with scorers and sparsities")
    for name in job.recipe.prevalence.groups:
        try:
            job.registry.get("granularity", name)
        except PluginError as error:
            raise RecipeError(f"prevalence.groups: {error}") from None
    return granularities


def _ranker(job: Job) -> Scorer:
    """The scorer that ranks the units of a layer, which are then divided into groups."""
    name = job.recipe.prevalence.by
    try:
        scorer = job.registry.get("scorer", name)()
    except PluginError as error:
        raise RecipeError(f"prevalence.by: {error}") from None
    assert isinstance(scorer, Scorer)
    if scorer.slow or scorer.seeded or scorer.tasks():
        raise RecipeError(
            f"prevalence.by: '{name}' is no cheap scorer of one result; use one such as magnitude or align"
        )
    return scorer


def confirm_tasks(job: Job) -> tuple[Task, ...]:
    """The tasks that confirm what a recipe's screen tasks find, groups replaced by their members.

    Raises:
        RecipeError: one of them chooses units itself.
    """
    source, asked = job.chosen.source, job.recipe.prevalence.confirm
    if asked is None:
        asked = ["stsb", "sickr"]
        if not set(asked) <= set(source.names()):
            asked = ["sts"]
    names = list(expand(asked, source))
    if choosing := [name for name in names if name in {task.name for task in job.tasks.screen}]:
        text = f"{', '.join(choosing)} chooses units, and cannot confirm them; name others"
        raise RecipeError(f"prevalence.confirm: {text}")
    return job.make(names)
