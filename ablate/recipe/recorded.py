"""Reads recipes as runs have recorded them, also those of an older ablate, which lack keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ablate.recipe.recipe import Recipe

_IRRELEVANT = ("stability", "prevalence", "statistics", "controls", "executor", "device", "evaluate", "truncate_dims")
"""The keys of a recipe that change neither its cells nor what its tasks find of whole embeddings."""


def recorded_recipe(record: Any) -> Recipe:
    """A recipe as a run has recorded it.

    Raises:
        ValidationError: this ablate cannot read it.
    """
    match record:
        case {"evaluate": {"materialize": _, **others}}:
            # A key of an older ablate, which had no effect on cells, masks or keys.
            record = {**record, "evaluate": others}
    return Recipe.model_validate(record)


def relevant(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """What decides the cells and the tasks. Two recipes with the same are those of the same cells on the same tasks."""
    # The record of an older ablate lacks the precision, which was always this one.
    return {"precision": "float32", **{key: value for key, value in recipe.items() if key not in _IRRELEVANT}}


def calibration_seed(recipe: Mapping[str, Any] | None) -> int | None:
    """The calibration seed; None if the record does not have it."""
    seed = ((recipe or {}).get("calibration") or {}).get("calibration_seed")
    return seed if isinstance(seed, int) else None
