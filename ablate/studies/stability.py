"""Stability: how far contributions, removed units and scores depend on the calibration set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ablate.coordinator.mask_maker import MaskMaker
from ablate.coordinator.model_run import ModelRun
from ablate.coordinator.run import prepare_model_run
from ablate.data.calibration import Calibration
from ablate.errors import AblateError
from ablate.events import Event, Watch, silent
from ablate.granularities.units import Units
from ablate.plan.job import Job
from ablate.plan.manifest import manifest
from ablate.plan.plan import Cell, Plan, Step
from ablate.store.store import Store
from ablate.studies.agreement import agreement, place
from ablate.studies.probe import Probe, Prober, sample_of
from ablate.studies.seed_scores import seed_scores
from ablate.studies.variants import Variants, identity, variants
from ablate.timing import Timings


def stability(job: Job, store: Store, *, scores: bool = True, watch: Watch = silent) -> dict[str, Any]:
    """Measures what the recipe's ``stability`` asks for, of every scorer that looks at the calibration set.

    Args:
        scores: whether the cells of each calibration seed are evaluated on the screen tasks.

    Returns:
        The run's record, which the store has too: ``stability`` holds a dict for each model × scorer × granularity
        (docs/stability.md lists its keys), ``notes`` what was left out and why.

    Raises:
        AblateError: no scorer looks at a calibration set, one is too small, or data, model or store fail.
    """
    series = series_of(job.plan)
    notes: list[str] = []

    def note(text: str) -> None:
        if text not in notes:
            notes.append(text)
            watch(Event("note", text))

    for label in dict.fromkeys(c.only.label for c in job.plan.grid if c.only and c.only.scorer.slow):
        note(f"{label} is left out: it runs the model itself, which costs too much to repeat")
    sets = variants(job.recipe.calibration, job.recipe.stability, job.chosen.source, list(series), note)
    about = {**manifest(job), "study": "stability", "store": store.name, "notes": notes, "stability": []}
    about["run"] = store.begin_run(about)
    timings = Timings()
    for spec in job.recipe.model:
        model_run = prepare_model_run(job, spec, store, timings, watch)
        about["stability"] += _of_model(job, model_run, sets, series, about["run"], scores)
    about["timings"] = dict(timings.seconds)
    store.put_rows(about["run"], [], about)
    return about


def series_of(plan: Plan) -> dict[Step, list[Cell]]:
    """Cells of one step that share a scorer and a granularity, by a step that removes nothing; all are one shot.

    Raises:
        AblateError: there are none whose scorer looks at the calibration set.
    """
    series: dict[Step, list[Cell]] = {}
    for cell in plan.grid:
        if cell.only and cell.only.scorer.statistics() and not cell.only.scorer.slow:
            step = replace(cell.only, steps=1)
            nothing = replace(step, sparsities=((step.granularity, 0.0),), scope="global")
            series.setdefault(nothing, []).append(Cell((step,)))
    if not series:
        raise AblateError(
            "no scorer of the recipe's grid looks at a calibration set; list one that does, such as align"
        )
    return series


def _of_model(
    job: Job, model_run: ModelRun, sets: Variants, series: Mapping[Step, list[Cell]], run: str, scores: bool
) -> list[dict[str, Any]]:
    prober = Prober(model_run.model, model_run.store, job.recipe.tie_seed, series, model_run.masks.on_pass)
    model_runs = {identity(one): with_calibration(model_run, one) for one in sets.seeds.values() if scores}
    probes: dict[str, dict[Step, Probe]] = {}
    model_run.watch(Event("begin", "calibration sets", len(sets.all)))
    for key, calibration in sets.all.items():
        masks = model_runs[key].masks if key in model_runs else None

        def keep(cell: Cell, units: Units, masks: MaskMaker | None = masks) -> None:
            if masks is not None:
                masks.put(cell, units)

        with model_run.timings.measure("collect"):
            probes[key], cached = prober.probe(calibration, keep)
        text = f"seed {calibration.seed}, {len(calibration.pairs)} pairs in batches of {calibration.batch_size}"
        model_run.watch(Event("cell", text, cached=cached))
    every = [cell for cells in series.values() for cell in cells]
    gains = seed_scores(job, [model_runs[identity(one)] for one in sets.seeds.values()], every, run) if scores else {}
    entries = []
    for step, cells in series.items():
        of_step = {key: probe[step] for key, probe in probes.items()}
        units = prober.units(step)
        entries.append(
            {
                "model": model_run.model.name,
                "scorer": step.label,
                "granularity": step.granularity.name,
                "seed": step.seed,
                "units": units,
                "sampled": len(sample_of(units)),
                **agreement(of_step, cells, sets),
                "scores": [{**place(cell), **gains[cell]} for cell in cells if scores],
            }
        )
    return entries


def with_calibration(model_run: ModelRun, calibration: Calibration) -> ModelRun:
    """The model_run with another calibration set."""
    return replace(model_run, calibration=calibration, masks=model_run.masks.with_calibration(calibration))
