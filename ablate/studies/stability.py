"""Stability: how much contributions, removed units and scores depend on the calibration set."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from ablate.coordinator.model_run import ModelRun
from ablate.coordinator.run import device_note, prepare_model_run
from ablate.data.calibration import Calibration
from ablate.errors import AblateError
from ablate.events import Event, Watch, silent
from ablate.plan.job import Job
from ablate.plan.plan import Cell, Plan, Step
from ablate.store.store import Store
from ablate.studies.calibration_agreement import batch_size_agreements, seed_agreement, size_agreements
from ablate.studies.computed import study_manifest_of
from ablate.studies.probe import OnMask, Probe, Prober, sample_of
from ablate.studies.records import to_dict
from ablate.studies.seed_scores import seed_scores
from ablate.studies.stability_record import CellScores, StabilityEntry, StabilityRecord
from ablate.studies.variants import Variants, identity, variants
from ablate.timing import Timings

Series = Mapping[Step, list[Cell]]
"""See :func:`series_of`."""


def stability(job: Job, store: Store, *, scores: bool = True, watch: Watch = silent) -> StabilityRecord:
    """Measures what the recipe's ``stability`` asks for, for every scorer that uses the calibration set.

    Args:
        scores: whether the cells of each calibration seed are evaluated on the screen tasks.

    Returns:
        The record of the run, which is also in the store.

    Raises:
        AblateError: no scorer uses a calibration set, a calibration set is too small, or data, model or store fail.
    """
    series = series_of(job.plan)
    notes: list[str] = []

    def note(text: str) -> None:
        if text not in notes:
            notes.append(text)
            watch(Event("note", text))

    for label in dict.fromkeys(cell.only.label for cell in job.plan.grid if cell.only and cell.only.scorer.slow):
        note(f"{label} is left out: it runs the model itself, which takes too long to repeat")
    sets = variants(job.recipe.calibration, job.recipe.stability, job.calibration_source, list(series), note)
    study_manifest = study_manifest_of(job, StabilityRecord.study, store.name)
    run = store.begin_run({**study_manifest, "notes": notes, "stability": []})
    watch(Event("note", f"device: {device_note(job)}"))
    timings = Timings()
    entries: list[StabilityEntry] = []
    with job.plan.executor.running():
        for spec in job.recipe.model:
            model_run = prepare_model_run(job, spec, store, timings, watch)
            entries += _of_model(job, model_run, sets, series, run, scores, note)
    record = StabilityRecord(study_manifest, tuple(notes), tuple(entries), run, dict(timings.seconds))
    store.put_rows(run, [], to_dict(record))
    return record


def series_of(plan: Plan) -> dict[Step, list[Cell]]:
    """The cells of the grid by scorer and granularity, each with ``steps: 1``.

    Returns:
        A step that removes nothing, which stands for the scorer and the granularity -> their cells.

    Raises:
        AblateError: no cell has a scorer that uses the calibration set.
    """
    series: dict[Step, list[Cell]] = {}
    for cell in plan.grid:
        if cell.only and cell.only.scorer.statistics() and not cell.only.scorer.slow:
            # With more steps, the later ones would score a model that is masked already.
            step = replace(cell.only, steps=1)
            nothing = replace(step, sparsities=((step.granularity, 0.0),), scope="global")
            series.setdefault(nothing, []).append(Cell((step,)))
    if not series:
        raise AblateError(
            "no scorer of the recipe's grid uses a calibration set without running the model itself; list one, such as "
            "align"
        )
    return series


def _of_model(
    job: Job,
    model_run: ModelRun,
    sets: Variants,
    series: Series,
    run: str,
    scores: bool,
    note: Callable[[str], None],
) -> list[StabilityEntry]:
    told, chunks = model_run.masks.scores.on_pass, model_run.chunks
    prober = Prober(model_run.model, model_run.store, job.recipe.tie_seed, series, told, chunks)
    # One for each calibration seed. Its cells are evaluated under the masks that the probes select.
    seeds = sets.seeds.values() if scores else ()
    model_runs = {identity(calibration): with_calibration(model_run, calibration) for calibration in seeds}
    probes = _probes(model_run, prober, sets, {key: of_seed.masks.put for key, of_seed in model_runs.items()})
    gains: dict[Cell, CellScores] = {}
    if scores:
        cells = [cell for of_step in series.values() for cell in of_step]
        # By seed, since two seeds may draw the same set.
        gains = seed_scores(job, [model_runs[identity(calibration)] for calibration in seeds], cells, run, note)
    return [
        _entry(
            model_run,
            step,
            prober.units(step),
            {key: by_step[step] for key, by_step in probes.items()},
            of_step,
            sets,
            gains,
        )
        for step, of_step in series.items()
    ]


def _probes(
    model_run: ModelRun, prober: Prober, sets: Variants, on_mask: Mapping[str, OnMask]
) -> dict[str, dict[Step, Probe]]:
    """Identity of the calibration set -> its probe of each series.

    Args:
        on_mask: identity of the calibration set -> the function that takes its masks.
    """
    probes: dict[str, dict[Step, Probe]] = {}
    model_run.watch(Event("begin", "calibration sets", len(sets.all)))
    for key, calibration in sets.all.items():
        with model_run.timings.measure("collect"):
            probes[key], cached = prober.probe(calibration, on_mask.get(key))
        text = f"seed {calibration.seed}, {len(calibration.pairs)} pairs in batches of {calibration.batch_size}"
        model_run.watch(Event("cell", text, cached=cached))
    return probes


def _entry(
    model_run: ModelRun,
    step: Step,
    units: int,
    probes: Mapping[str, Probe],
    cells: list[Cell],
    sets: Variants,
    scores: Mapping[Cell, CellScores],
) -> StabilityEntry:
    sizes, enough = size_agreements(probes, cells, sets)
    return StabilityEntry(
        model=model_run.model.name,
        scorer=step.label,
        granularity=step.granularity.name,
        seed=step.seed,
        units=units,
        sampled=len(sample_of(units)),
        seeds=seed_agreement(probes, cells, sets),
        sizes=sizes,
        enough=enough,
        batch_sizes=batch_size_agreements(probes, cells, sets),
        scores=tuple(scores[cell] for cell in cells if scores),
    )


def with_calibration(model_run: ModelRun, calibration: Calibration) -> ModelRun:
    """The same run of a model with another calibration set."""
    return replace(model_run, calibration=calibration, masks=model_run.masks.with_calibration(calibration))
