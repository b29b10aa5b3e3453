"""The names of models in rows."""

from __future__ import annotations

import pytest

from ablate.errors import RecipeError
from ablate.models.spec import ModelSpec
from ablate.plan.manifest import model_names


def test_models_of_one_name_are_told_apart() -> None:
    specs = [
        ModelSpec(name="a"),
        ModelSpec(name="a", prompt_name="query"),
        ModelSpec(name="a", prompt="query: ", pooling="mean"),
        ModelSpec(name="a", prompt=""),
        ModelSpec(name="b", prompt="query: "),
    ]
    assert model_names(specs) == ["a", "a (prompt_name query)", "a (mean, prompt 'query: ')", "a (no prompt)", "b"]
    with pytest.raises(RecipeError, match="'a \\(no prompt\\)' is listed twice"):
        model_names([*specs, specs[3]])
