"""Finds the cell to export in the store: its model, its mask and its rows. Reads no data set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ablate.coordinator.train import read_weights
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
    results: RunRecord, store: Store, registry: Registry, name: str, device: torch.device = CPU
) -> Exportable:
    """Finds a cell of a run and loads its model.

    Args:
        device: where the model runs, to be compared with the exported one.
        name: the cell as tables or rows call it, or its key or the beginning of it, as for `ablate diff`.

    Raises:
        AblateError: there is no such cell, it is dense, several cells have the name, its mask is not in the store, or
            the model has changed since the run.
    """
    cells = find(results, name)
    if len(cells) > 1:
        matches = ", ".join(f"'{cell}' ({key})" for key, cell in cells.items())
        raise AblateError(f"'{name}' matches {len(cells)} cells; name one by its key: {matches}")
    ((key, cell),) = cells.items()
    rows = [row for row in results.rows if row.key == key]
    if cell == "dense":
        raise AblateError("'dense' is the original model, so there is nothing to export; name another cell")
    keys = store.mask_keys(key)
    mask = store.get_mask(keys[0]) if keys else None
    if mask is None:
        reason = next((row.reason for row in rows if row.reason), "")
        raise StoreError(f"{store.name}: has no mask of '{cell}'{f' ({reason})' if reason else ''}; run it again")
    recipe = recorded_recipe(results.about.recipe)
    spec = models_of(results.about, recipe)[rows[0].model]
    model = load_model(spec, device)
    # The mask and the scores in the store belong to these weights alone.
    expected_hash = (results.about.hashes or {})[rows[0].model].model
    if model.hash != expected_hash:
        raise ModelError(
            f"model '{spec.name}' has changed since the run ({expected_hash[:12]}, now {model.hash[:12]}); run again"
        )
    # After the hash was checked, because trained weights change it.
    if mask.about.get("trained") is not None:
        put_in(model, read_weights(store, mask.about["trained"]))
    units = Units.of(mask.units, granularities_of(recipe, registry))
    draws = {row.draw for row in results.rows if row.control == "matched" and row.control_of == key}
    return Exportable(spec, model, rows, mask, units.keep(model), len(draws))


def granularities_of(recipe: Recipe, registry: Registry) -> list[Granularity]:
    """The granularities of a recipe's cells, of which a stored mask has only the names."""
    entries = [*recipe.granularities, *(e for cell in recipe.cells for step in cell for e in step.granularities)]
    return [registry.granularity_class(e.granularity)(**(e.model_extra or {})) for e in entries]
