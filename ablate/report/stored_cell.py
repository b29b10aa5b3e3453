"""Finds the cell to export in the store: its model, its mask and its rows. Reads no data set."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ablate.coordinator.trained_weights import read_weights
from ablate.errors import AblateError, ModelError, StoreError
from ablate.granularities.base import Granularity
from ablate.granularities.units import Units
from ablate.judge.difference import find
from ablate.models.device import CPU
from ablate.models.load import load_model
from ablate.models.model import Model
from ablate.models.spec import ModelSpec
from ablate.models.weights import put_in
from ablate.plan.manifest import models_of
from ablate.plugins import Registry
from ablate.recipe.recipe import Recipe
from ablate.recipe.recorded import recorded_recipe
from ablate.record import Row, RunRecord
from ablate.store.records import StoredMask
from ablate.store.store import Store


@dataclass(frozen=True)
class Exportable:
    """A cell with its model.

    model: without the mask; if the cell was trained, with its trained weights.
    rows: of the cell, one for each stage and task.
    keep: parameter name -> bool tensor, True = keep.
    draws: how many matched draws the cell has in its run.
    confirmed_by: the run that confirmed the cell, if the rows' own run has not.
    """

    spec: ModelSpec
    model: Model
    rows: list[Row]
    mask: StoredMask
    keep: Mapping[str, Tensor]
    draws: int
    confirmed_by: str | None = None

    @property
    def name(self) -> str:
        return self.rows[0].cell


def exportable(
    results: RunRecord,
    store: Store,
    registry: Registry,
    name: str,
    device: torch.device = CPU,
    beside: Exportable | None = None,
) -> Exportable:
    """Finds a cell of a run and loads its model.

    Args:
        device: where the model runs, to be compared with the exported one.
        name: the cell as tables or rows call it, or its key or the beginning of it, as for `ablate diff`.
        beside: another cell of the same run, model and device. Untrained cells share their model.

    Raises:
        AblateError: there is no such cell, it is dense, several cells have the name, its mask is not in the store, or
            the model has changed since the run.
    """
    row = only(results, name)
    mask = stored_mask(results, store, row)
    recipe = recorded_recipe(results.about.recipe)
    spec = spec_of(results, row.model)
    trained = mask.about.get("trained")
    shared = beside is not None and trained is None and beside.mask.about.get("trained") is None
    model = beside.model if beside is not None and shared else loaded(results, row.model, spec, device)
    # After the hash was checked, because trained weights change it.
    if trained is not None:
        put_in(model, read_weights(store, trained))
    units = Units.of(mask.units, granularities_of(recipe, registry))
    of_model = [other for other in results.rows if other.model == row.model]
    rows = [other for other in of_model if other.key == row.key]
    draws = {other.draw for other in of_model if other.control == "matched" and other.control_of == row.key}
    return Exportable(spec, model, rows, mask, units.keep(model), len(draws))


def only(results: RunRecord, name: str) -> Row:
    """A row of the only cell of this name.

    Raises:
        AblateError: there is no such cell, it is dense, or several cells or models have the name.
    """
    rows = find(results, name)
    if rows[0].cell == "dense":
        raise AblateError("'dense' is the original model, so there is nothing to export; name another cell")
    models = list(dict.fromkeys(row.model for row in rows))
    if len(models) > 1:
        options = " or ".join(f"--model {shlex.quote(model)}" for model in models)
        raise AblateError(f"'{name}' is a cell of {len(models)} models; add {options}")
    if len(rows) > 1:
        cells = [row.cell for row in rows]
        matches = ", ".join(f"'{_told_apart(row, cells)}' ({row.key})" for row in rows)
        raise AblateError(f"'{name}' matches {len(rows)} cells; name one by its key: {matches}")
    return rows[0]


def _told_apart(row: Row, cells: Sequence[str]) -> str:
    """The cell's text, with its train seed if others have the same text."""
    return f"{row.cell}, train seed {row.train_seed}" if cells.count(row.cell) > 1 else row.cell


def stored_mask(results: RunRecord, store: Store, row: Row) -> StoredMask:
    """The mask of a cell.

    Raises:
        StoreError: the store does not have it.
    """
    keys = store.mask_keys(row.key)
    mask = store.get_mask(keys[0]) if keys else None
    if mask is None:
        reason = next((other.reason for other in results.rows if other.key == row.key and other.reason), "")
        raise StoreError(f"{store.name}: has no mask of '{row.cell}'{f' ({reason})' if reason else ''}; run it again")
    return mask


def spec_of(results: RunRecord, model: str) -> ModelSpec:
    """What a run's recipe says of one of its models, by its name in rows."""
    return models_of(results.about, recorded_recipe(results.about.recipe))[model]


def loaded(results: RunRecord, name: str, spec: ModelSpec, device: torch.device = CPU) -> Model:
    """One of a run's models.

    Args:
        name: in rows.

    Raises:
        ModelError: it cannot be loaded, or has changed since the run.
    """
    model = load_model(spec, device)
    # The mask and the scores in the store belong to these weights alone.
    expected_hash = (results.about.hashes or {})[name].model
    if model.hash != expected_hash:
        raise ModelError(
            f"model '{spec.name}' has changed since the run ({expected_hash[:12]}, now {model.hash[:12]}); run again"
        )
    return model


def granularities_of(recipe: Recipe, registry: Registry) -> list[Granularity]:
    """The granularities of a recipe's cells, of which a stored mask has only the names."""
    entries = [*recipe.granularities, *(e for cell in recipe.cells for step in cell for e in step.granularities)]
    return [registry.granularity_class(e.granularity)(**(e.model_extra or {})) for e in entries]
