"""Gathers the content of a report from the store."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ablate.errors import StoreError
from ablate.recipe.recipe import Recipe, load_recipe
from ablate.recipe.recorded import calibration_seed, recorded_recipe, relevant
from ablate.record import RunRecord
from ablate.report import prevalence_page, stability_page
from ablate.report.html.material import Material
from ablate.report.html.provenance import Origin
from ablate.report.table import Page
from ablate.store.store import RunInfo, Store
from ablate.studies.prevalence_record import PrevalenceRecord
from ablate.studies.records import R, from_dict
from ablate.studies.stability_record import StabilityRecord


def find_run(store: Store, target: str | None = None, overrides: Sequence[str] = ()) -> str | None:
    """The id of the run to report on; None for the newest run that has rows.

    Args:
        target: the id of a run; or a recipe file, for the newest run with rows of the recipe as it is now.
        overrides: ``a.b=c`` texts that change values of the recipe file.

    Raises:
        RecipeError: the recipe file is not valid.
        StoreError: no run of the recipe has rows, or the run of that id has none.
    """
    if target is None:
        return None
    runs = store.runs()
    if Path(target).suffix in (".yaml", ".yml") or Path(target).is_file():
        wanted, _ = load_recipe(target, overrides)
        ids = [run.id for run in runs if run.rows and _is(run.manifest.get("recipe"), wanted)]
        if not ids:
            changed = "with these values" if overrides else "as the file is now"
            raise StoreError(
                f"{store.name}: no run of {target}, {changed}, has rows; {_others(runs, target)}"
                f"give `ablate run {target}` first"
            )
        return ids[-1]
    if any(run.id == target and not run.rows and not run.manifest.get("study") for run in runs):
        raise StoreError(f"{store.name}: run {target} has no rows; finish it with the command that began it")
    return target


def _others(runs: Sequence[RunInfo], target: str) -> str:
    """What to do if other values of this recipe file were run."""
    words = [(run.id, (run.manifest.get("command") or "").split()) for run in runs if run.rows]
    ids = [run for run, command in words if target in command]
    return f"with other values it was run as {ids[-1]}: name that run, or add its --set; or " if ids else ""


def gather(store: Store, results: RunRecord) -> Material:
    """The rows of a run, what the store knows about it, and the newest studies of the same models and data.

    A study whose record cannot be read is missing, and its section says why.

    Raises:
        StoreError: the store fails.
    """
    runs = store.runs()
    info = next(run for run in runs if run.id == results.about.run)
    origin = Origin(info.id, info.started, info.finished, info.choice, info.chosen, store.reads())
    prevalence = _newest(store, runs, results, PrevalenceRecord, prevalence_page.page)
    stability = _newest(store, runs, results, StabilityRecord, stability_page.page)
    studies = {"prevalence": prevalence, "stability": stability}
    return Material(
        results,
        origin,
        prevalence=None if isinstance(prevalence, str) else prevalence,
        stability=None if isinstance(stability, str) else stability,
        companions=_companions(store, runs, results),
        unreadable={study: reason for study, reason in studies.items() if isinstance(reason, str)},
    )


def _companions(store: Store, runs: Sequence[RunInfo], results: RunRecord) -> tuple[RunRecord, ...]:
    """The newest whole run of the same recipe at each other calibration seed: more blocks to compare scorers in."""
    mine = results.about.recipe
    if mine is None:
        return ()
    found: dict[object, RunRecord] = {}
    for run in reversed(runs):
        recipe = run.manifest.get("recipe")
        if not isinstance(recipe, dict) or run.manifest.get("data") != results.about.data:
            continue
        if run.manifest.get("study") or not (run.rows and run.finished):
            continue
        seed = calibration_seed(recipe)
        if seed in (calibration_seed(mine), *found) or _with_seed(recipe, seed) != _with_seed(mine, seed):
            continue
        try:
            other = RunRecord.from_plain(store.rows(run.id), store.about(run.id))
        except ValueError:
            # An older ablate stored it; the comparison counts its blocks without it.
            continue
        if _extent(other) == _extent(results):
            found[seed] = other
    return tuple(found.values())


def _extent(results: RunRecord) -> tuple[object, ...]:
    """What a run has evaluated of its recipe, and on which models and pairs, as far as this depends on no seed.

    A run that broke off after its screen, or that was limited to a few cells, has the same recipe as a whole run.
    """
    hashes = results.about.hashes or {}
    return (
        {name: each.model for name, each in hashes.items()},
        {(row.stage, row.task, row.n) for row in results.rows if row.cell == "dense"},
        {
            (row.model, row.cell, row.scope, row.steps, row.seed, row.train_seed)
            for row in results.rows
            if row.stage == "screen" and row.control is None
        },
    )


def _with_seed(recipe: Mapping[str, Any], seed: object) -> dict[str, Any]:
    """The recipe at a calibration seed, as far as it decides cells and tasks."""
    return {**relevant(recipe), "calibration": {**(recipe.get("calibration") or {}), "calibration_seed": seed}}


def _newest(
    store: Store, runs: Sequence[RunInfo], results: RunRecord, kind: type[R], page: Callable[[R], Page]
) -> tuple[R, Page] | str | None:
    """The record of the newest finished study of the same models and data, and its page; or why it cannot be read."""
    wanted = [*results.about.models], results.about.data
    for run in reversed(runs):
        comparable = (run.manifest.get("models"), run.manifest.get("data")) == wanted
        # A study writes its record when it finishes.
        if run.manifest.get("study") == kind.study and run.finished and comparable:
            about = store.about(run.id)
            try:
                record = from_dict(kind, about)
            except StoreError as error:
                return str(error)
            return record, page(record)
    return None


def _is(stored: Any, wanted: Recipe) -> bool:
    """Whether the recipe of a record is this one."""
    # Compared after validation: a recipe that an older ablate recorded lacks fields that have a default since.
    try:
        return recorded_recipe(stored) == wanted
    except ValidationError:
        return False
