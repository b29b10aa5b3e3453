"""The cell that is to be exported, found in the store: its model, its mask and its rows. No data set is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from ablate.coordinator.train import read_weights
from ablate.errors import AblateError, ModelError, StoreError
from ablate.granularities.base import Granularity
from ablate.granularities.units import Units
from ablate.judge.difference import find
from ablate.models.load import load_model
from ablate.models.model import Model
from ablate.models.spec import ModelSpec
from ablate.models.weights import put_in
from ablate.plan.manifest import model_names
from ablate.plugins import Registry
from ablate.recipe.recipe import Recipe
from ablate.record import Row, RunRecord
from ablate.store.records import StoredMask
from ablate.store.store import Store


@dataclass(frozen=True)
class Exportable:
    """A model, loaded dense, with the cell's trained weights if it has some, and what the cell keeps of it.

    rows: the cell's, one for each stage and task. keep: parameter name -> bool tensor, True = keep.
    """

    spec: ModelSpec
    model: Model
    rows: list[Row]
    mask: StoredMask
    keep: Mapping[str, Tensor]

    @property
    def name(self) -> str:
        return str(self.rows[0]["cell"])


def exportable(results: RunRecord, store: Store, registry: Registry, name: str) -> Exportable:
    """Finds a cell of a run and loads its model.

    Args:
        name: the cell as tables or rows call it, or its key or the beginning of it, as for `ablate diff`.

    Raises:
        AblateError: there is no such cell, it is dense, the name stands for several, its mask is not in the store, or
            the model is no longer the one that was run.
    """
    found = find(results, name)
    if len(found) > 1:
        ways = ", ".join(f"'{cell}' ({key})" for key, cell in found.items())
        raise AblateError(f"'{name}' stands for {len(found)} cells; name one by its key: {ways}")
    ((key, cell),) = found.items()
    rows = [row for row in results.rows if row["key"] == key]
    if cell == "dense":
        raise AblateError("'dense' is the model as it came, and there is nothing to export; name a cell")
    keys = store.mask_keys(key)
    mask = store.get_mask(keys[0]) if keys else None
    if mask is None:
        reason = next((row["reason"] for row in rows if row["reason"]), "")
        raise StoreError(f"{store.name}: has no mask of '{cell}'{f' ({reason})' if reason else ''}; run it again")
    recipe = Recipe.model_validate(results.about["recipe"])
    (spec,) = (
        spec for spec, given in zip(recipe.model, model_names(recipe.model), strict=True) if given == rows[0]["model"]
    )
    model = load_model(spec)
    ran = results.about["hashes"][rows[0]["model"]]["model"]
    if model.hash != ran:
        raise ModelError(
            f"model '{spec.name}' has changed since the run ({ran[:12]}, now {model.hash[:12]}); run again"
        )
    if mask.about.get("trained") is not None:
        put_in(model, read_weights(store, mask.about["trained"]))
    units = Units.of(mask.units, _granularities(recipe, registry))
    return Exportable(spec, model, rows, mask, units.keep(model))


def _granularities(recipe: Recipe, registry: Registry) -> list[Granularity]:
    entries = [*recipe.granularities, *(e for cell in recipe.cells for step in cell for e in step.granularities)]
    return [registry.granularity_class(e.granularity)(**(e.model_extra or {})) for e in entries]
