"""Stability: how far contributions, removed units and scores depend on the calibration set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ablate.coordinator.mask_maker import MaskMaker
from ablate.coordinator.model_run import ModelRun
from ablate.coordinator.run import prepare_model_run
from ablate.data.calibration import Calibration
from ablate.errors import AblateError
from ablate.events import Event, Watch, silent
from ablate.plan.job import Job
from ablate.plan.manifest import manifest
from ablate.plan.plan import Cell, Plan, Step
from ablate.store.store import Store
from ablate.studies.calibration_agreement import batch_size_agreements, seed_agreement, size_agreements
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
        The record of the run; the store has it too.

    Raises:
        AblateError: no scorer uses a calibration set, a calibration set is too small, or data, model or store fail.
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
    asked = {**manifest(job), "study": StabilityRecord.study, "store": store.name}
    run = store.begin_run({**asked, "notes": notes, "stability": []})
    timings = Timings()
    entries: list[StabilityEntry] = []
    for spec in job.recipe.model:
        model_run = prepare_model_run(job, spec, store, timings, watch)
        entries += _of_model(job, model_run, sets, series, run, scores)
    record = StabilityRecord(asked, tuple(notes), tuple(entries), run, dict(timings.seconds))
    store.put_rows(run, [], to_dict(record))
    return record


def series_of(plan: Plan) -> dict[Step, list[Cell]]:
    """The cells of one step, one shot each, by scorer and granularity.

    Returns:
        A step that stands for the scorer and the granularity, and removes nothing -> their cells.

    Raises:
        AblateError: no cell has a scorer that uses the calibration set.
    """
    series: dict[Step, list[Cell]] = {}
    for cell in plan.grid:
        if cell.only and cell.only.scorer.statistics() and not cell.only.scorer.slow:
            step = replace(cell.only, steps=1)
            series.setdefault(replace(step, sparsity=0.0, scope="global"), []).append(Cell((step,)))
    if not series:
        raise AblateError(
            "no scorer of the recipe's grid looks at a calibration set; list one that does, such as align"
        )
    return series


def _of_model(
    job: Job, model_run: ModelRun, sets: Variants, series: Series, run: str, scores: bool
) -> list[StabilityEntry]:
    prober = Prober(model_run.model, model_run.store, job.recipe.tie_seed, series, model_run.masks.on_pass)
    # One for each calibration seed: its cells are evaluated with the masks that the probes select.
    model_runs = {identity(one): with_calibration(model_run, one) for one in sets.seeds.values() if scores}
    probes = _probes(model_run, prober, sets, {key: one.masks.put for key, one in model_runs.items()})
    cells = [cell for of_step in series.values() for cell in of_step]
    gains = seed_scores(job, [model_runs[identity(one)] for one in sets.seeds.values()], cells, run) if scores else {}
    return [
        _entry(model_run, step, prober.units(step), {key: of[step] for key, of in probes.items()}, own, sets, gains)
        for step, own in series.items()
    ]


def _probes(
    model_run: ModelRun, prober: Prober, sets: Variants, on_mask: Mapping[str, OnMask]
) -> dict[str, dict[Step, Probe]]:
    """What each calibration set makes of every series, by the identity of the set.

    Args:
        on_mask: by the identity of the set, what takes its masks.
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
    """The same model with another calibration set."""
    own = model_run.masks
    masks = MaskMaker(own.model, calibration, own.store, own.tie_seed, own.timings, own.on_pass)
    return replace(model_run, calibration=calibration, masks=masks)
