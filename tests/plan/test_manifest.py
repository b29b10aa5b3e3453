"""The names of models in rows."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from ablate.errors import RecipeError
from ablate.models.spec import ModelSpec
from ablate.plan.manifest import lineages_of, model_names


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


def test_a_folder_is_called_by_its_last_part_and_by_more_where_that_is_not_its_own(tmp_path: Path) -> None:
    for folder in ("one/model", "two/model", "other"):
        (tmp_path / folder).mkdir(parents=True)
    one, two, other = (ModelSpec(name=str(tmp_path / folder)) for folder in ("one/model", "two/model", "other"))
    assert model_names([one]) == ["model"]
    assert model_names([one, two, other]) == ["one/model", "two/model", "other"]
    # A Hub id is no folder, and keeps its owner.
    assert model_names([ModelSpec(name="org/model", revision="abc"), one]) == ["org/model", "model"]
    twice = [one, one.model_copy(update={"pooling": "mean"})]
    assert model_names(twice) == ["model", "model (mean)"]


def test_a_label_takes_the_place_of_the_name(tmp_path: Path) -> None:
    here = ModelSpec(name=str(tmp_path), label="ours")
    assert model_names([here, ModelSpec(name="b")]) == ["ours", "b"]
    # A label tells one model in two ways apart by itself.
    assert model_names([here, here.model_copy(update={"label": None, "pooling": "mean"})]) == ["ours", tmp_path.name]
    with pytest.raises(RecipeError, match="two models are called 'ours'; choose another label"):
        model_names([here, ModelSpec(name="c", label="ours")])
    with pytest.raises(ValidationError, match="a label is 1 to 40 printable characters"):
        ModelSpec(name="a", label="a\nb")
    assert "label" not in ModelSpec(name="a").model_dump()


def test_models_have_the_lineage_of_the_recipe_or_their_own() -> None:
    specs = [ModelSpec(name="a", label="ours", lineage="a"), ModelSpec(name="a"), ModelSpec(name="b")]
    assert lineages_of(specs) == {"ours": "a", "a": "a", "b": "b"}
    with pytest.raises(ValidationError, match="a lineage is 1 to 40 printable characters"):
        ModelSpec(name="a", lineage=" ")
    assert "lineage" not in ModelSpec(name="a").model_dump()
    assert ModelSpec(name="a", lineage="b").model_dump()["lineage"] == "b"
