"""Recipes that older versions have recorded are read."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from ablate.recipe.recipe import Recipe
from ablate.recipe.recorded import recorded_recipe, relevant

SIMPLE = {"model": "minilm", "scorers": ["align"], "granularities": ["head"], "sparsities": [0.1]}


@pytest.mark.parametrize("evaluate", [{"materialize": True}, {"materialize": False}])
def test_a_key_that_is_gone_is_left_out(evaluate: dict[str, bool]) -> None:
    recipe = Recipe.model_validate(SIMPLE)
    record = {**recipe.model_dump(mode="json"), "evaluate": evaluate}
    assert recorded_recipe(record) == recipe
    assert record["evaluate"] == evaluate, "the record itself stays as it is"
    assert relevant(record) == relevant(recipe.model_dump(mode="json"))


SIMPLE_ = 0


def test_a_recipe_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(ValidationError, match="evaluat"):
        recorded_recipe({**SIMPLE, "evaluate": {"materialise": True}})


def test_a_recipe_with_a_key_that_is_gone_is_told_what_to_do() -> None:
    with pytest.raises(ValidationError, match="materialize is gone: .* with the same scores; delete this key"):
        Recipe.model_validate({**SIMPLE, "evaluate": {"materialize": True}})
