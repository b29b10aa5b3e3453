"""Prevalence: how many units hurt, where they are, and how much can go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ablate.coordinator.run import prepare_model_run
from ablate.data.calibration import calibrate, splits_of
from ablate.data.sources import expand
from ablate.errors import AblateError, PluginError, RecipeError
from ablate.events import Event, Watch, silent
from ablate.granularities.base import Granularity
from ablate.plan.job import Job
from ablate.plan.manifest import manifest
from ablate.scorers.base import Scorer
from ablate.store.store import Store
from ablate.studies.earlier import best, earlier, harmless
from ablate.studies.entry import entry_of, maps_of
from ablate.studies.granularity_prevalence import GranularityPrevalence
from ablate.studies.predicted import predict
from ablate.studies.removed import groups_of
from ablate.studies.stability import with_calibration
from ablate.tasks.base import Task
from ablate.tasks.loaded import Loaded
from ablate.timing import Timings


def prevalence(job: Job, store: Store, *, watch: Watch = silent) -> dict[str, Any]:
    """Answers the question for each granularity of the recipe's grid, by exact removal on its screen tasks.

    Units that are found to improve the model by going are recorded as the run's choice, and only then are the confirm
    tasks read, clean of every pair that calibration or choice has seen.

    Returns:
        The run's record, which the store has too: ``prevalence`` holds a dict for each model × granularity
        (docs/prevalence.md lists its keys), ``maps`` the contribution of every unit that was removed alone.

    Raises:
        AblateError: the recipe's ``prevalence`` is wrong, or data, model or store fail. What a plug-in raises goes up.
    """
    by, granularities, confirm = _ranker(job), _granularities(job), confirm_tasks(job)
    if not job.choosing:
        raise AblateError("screen: no task of it chooses units; add one such as sts-dev")
    calibration = calibrate(job.recipe.calibration, splits_of(job.recipe.calibration, job.chosen.source))
    about = {**manifest(job), "study": "prevalence", "store": store.name, "prevalence": [], "maps": []}
    run = about["run"] = store.begin_run(about)
    timings = Timings()
    tasks = _read(job, store, run, job.choosing, calibration.seen)
    parts: list[GranularityPrevalence] = []
    for spec in job.recipe.model:
        model_run = with_calibration(prepare_model_run(job, spec, store, timings, watch), calibration)
        counts = job.recipe.prevalence.groups
        groups = {g: groups_of(model_run, g, counts.get(g.name), by) for g in granularities}
        predicted = predict(model_run, groups)
        for granularity, own in groups.items():
            of_scorer = {name: found for (g, name), found in predicted.items() if g == granularity}
            parts.append(GranularityPrevalence.measured(job, model_run, own, of_scorer, tasks))
    store.record_choice(
        run, {f"{part.model} {part.granularity}": [part.groups.name(place) for place in part.found] for part in parts}
    )
    if confirm and any(part.found for part in parts):
        seen = calibration.seen.union(*(task.data.keys for task in tasks))
        fresh = _read(job, store, run, confirm, seen, sum(len(part.found) for part in parts))
        for part in parts:
            part.confirm(job, fresh)
    before = earlier(job, store)
    if before is None:
        watch(
            Event("note", "no finished run of this recipe in the store: `ablate run` tells which sparsities do no harm")
        )
    about["earlier"] = None if before is None else before.about.get("run")
    for part in parts:
        entry = entry_of(part)
        if before is not None:
            entry["harmless"] = harmless(job, before, part.model, part.granularity)
            entry["best"] = best(job, before, part.model, part.granularity)
        about["prevalence"].append(entry)
        about["maps"] += maps_of(part)
    about["timings"] = dict(timings.seconds)
    store.put_rows(run, [], about)
    return about


def _read(
    job: Job, store: Store, run: str, asked: Sequence[Task], seen: frozenset[tuple[str, str]], removals: int = 0
) -> list[Loaded]:
    """Reads tasks; that test sets are read is logged before."""
    store.record_reads(run, [task.name for task in asked if task.split == "test"], removals)
    return job.load(asked, seen)


def _granularities(job: Job) -> list[Granularity]:
    found = list(dict.fromkeys(cell.only.granularity for cell in job.plan.grid if cell.only))
    if not found:
        raise RecipeError("granularities: the recipe has no grid; list at least one with scorers and sparsities")
    for name in job.recipe.prevalence.groups:
        try:
            job.registry.get("granularity", name)
        except PluginError as error:
            raise RecipeError(f"prevalence.groups: {error}") from None
    return found


def _ranker(job: Job) -> Scorer:
    """The scorer that ranks units before they are cut into groups."""
    name = job.recipe.prevalence.by
    try:
        found = job.registry.get("scorer", name)()
    except PluginError as error:
        raise RecipeError(f"prevalence.by: {error}") from None
    assert isinstance(found, Scorer)
    if found.slow or found.seeded or found.tasks():
        raise RecipeError(
            f"prevalence.by: '{name}' is no cheap scorer of one result; use one such as magnitude or align"
        )
    return found


def confirm_tasks(job: Job) -> tuple[Task, ...]:
    """The tasks that confirm what a recipe's screen tasks find, groups replaced by their members.

    Raises:
        RecipeError: one chooses itself.
    """
    source, asked = job.chosen.source, job.recipe.prevalence.confirm
    if asked is None:
        asked = ["stsb", "sickr"]
        if not set(asked) <= set(source.names()):
            asked = ["sts"]
    names = list(expand(asked, source))
    if again := [name for name in names if name in {task.name for task in job.tasks.screen}]:
        raise RecipeError(f"prevalence.confirm: {', '.join(again)} chooses units, and cannot confirm them; name others")
    return job.make(names)
