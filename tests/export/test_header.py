"""The header of a card, by the Hub's own library: what it says, and that it says nothing that nobody has said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard
from huggingface_hub.repocard import metadata_load
from huggingface_hub.repocard_data import model_index_to_eval_results

from ablate.errors import AblateError
from ablate.export.card import card, title
from ablate.export.origin import Given, Origin, given_by, origin_of
from ablate.models.spec import ModelSpec
from ablate.recipe import yaml_text
from ablate.recipe.recipe import Recipe
from ablate.testing.tiny import save_tiny
from tests.export.test_card import exported
from tests.report_rows import about, cell

ROW = replace(cell("head", "align", 0.1, task="stsb", stage="confirm", delta=0.4), low=0.2, high=0.6, verdict="better")
KNOWN = Origin("all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2", None, {"license": "apache-2.0"}, ("en",))


def read(origin: Origin = KNOWN, row: Any = ROW, **of_run: Any) -> Any:
    made = replace(exported(row, 20), origin=origin)
    # The library refuses metadata that are not of its form.
    return ModelCard(card(replace(made, about=replace(made.about, **of_run))), ignore_metadata_errors=False)


def test_the_header_is_what_the_hub_reads() -> None:
    data = read().data
    assert data.base_model == "sentence-transformers/all-MiniLM-L6-v2"
    assert (data.license, data.language, data.library_name) == ("apache-2.0", "en", "sentence-transformers")
    assert {"pruned", "ablate"} <= set(data.tags)
    score, difference = data.eval_results
    assert (score.dataset_type, score.dataset_split, score.metric_type) == ("stsb", "test", "spearman")
    assert (score.metric_value, difference.metric_value) == (ROW.score, ROW.delta_clean)
    assert (difference.metric_args["low"], difference.metric_args["high"]) == (0.2, 0.6)
    assert "95 % interval +0.20 to +0.60" in difference.metric_name


def test_the_library_writes_what_it_has_read(tmp_path: Path) -> None:
    made = read()
    made.save(tmp_path / "README.md")
    again = metadata_load(tmp_path / "README.md")
    assert again is not None
    assert again == made.data.to_dict()
    name, results = model_index_to_eval_results(again["model-index"])
    assert (name, len(results)) == ("small", 2)


def test_data_of_the_hub_have_its_ids() -> None:
    score = read(row=replace(ROW, data="hub")).data.eval_results[0]
    assert (score.dataset_type, score.dataset_revision[:7]) == ("mteb/stsbenchmark-sts", "b0fddb5")


def test_scores_that_chose_the_cell_are_no_results() -> None:
    assert read(row=replace(ROW, stage="screen")).data.eval_results is None


def test_what_nobody_has_said_is_left_out_and_named() -> None:
    made = read(Origin("mine"))
    assert not {"license", "language", "base_model"} & set(made.data.to_dict())
    said = "Nobody has said the id of the original model and its license and its language, so the header leaves"
    assert said in made.text
    assert "Nobody has said" not in read().text


def test_the_title_says_what_it_is() -> None:
    made = exported(ROW, 20)
    assert title(replace(made, origin=KNOWN)) == "all-MiniLM-L6-v2 without 7 of 72 heads"
    both = (("head", 7, 72), ("neuron", 100, 9216), ("unstructured", 0, 10))
    assert title(replace(made, units=both)) == "an-encoder without 7 of 72 heads and 100 of 9,216 neurons"
    trained = replace(ROW, way="train", train_seed=0)
    assert title(replace(made, rows=[trained], units=())) == "an-encoder, trained"
    assert title(replace(made, origin=Origin("[a](b)<c>"), units=())) == "\\[a\\](b)&lt;c&gt;"


def test_the_recipe_is_yaml_that_is_read_again() -> None:
    grid = {"scorers": ["align"], "granularities": ["head"], "sparsities": [0.1]}
    recipe = Recipe.model_validate({"model": "/home/ann/mine", **grid})
    plain = recipe.model_dump(mode="json", by_alias=True)
    text = read(recipe=plain, command="ablate run '/home/ann b/x.yaml'").text
    block = text.split("```yaml\n")[1].split("```")[0]
    again = Recipe.model_validate(yaml_text.load(block, "card"))
    assert again == recipe.model_copy(update={"model": again.model})
    assert again.model[0].name == "mine"
    assert "ann" not in text


def test_no_text_of_a_recipe_closes_its_block() -> None:
    text = read(recipe={"model": "```\n# A heading"}).text
    block = text.split("````yaml\n")[1].split("````")[0]
    assert yaml_text.load(block, "card") == {"model": "```\n# A heading"}


def folder(place: Path, header: str | None = None, **files: str) -> ModelSpec:
    save_tiny(place)
    if header is not None:
        (place / "README.md").write_text(f"---\n{header}\n---\n# A model\n")
    for name, text in files.items():
        (place / f"{name}.json").write_text(text)
    return ModelSpec(name=str(place))


@pytest.mark.parametrize(
    ("header", "license_", "language"),
    [
        (None, {}, ()),
        ("license: mit\nlanguage: [en, de]", {"license": "mit"}, ("en", "de")),
        ("license: other\nlicense_name: mine\nlanguage: en", {"license": "other", "license_name": "mine"}, ("en",)),
        ("license: [mit]\nlanguage: no", {}, ()),
        ("license: [unclosed", {}, ()),
        ("base_model: org/another", {}, ()),
    ],
)
def test_license_and_language_are_those_of_the_original(
    header: str | None, license_: dict[str, str], language: tuple[str, ...], tmp_path: Path
) -> None:
    found = origin_of(folder(tmp_path / "mine", header), Given())
    assert (found.name, found.hub_id, found.license, found.language) == ("mine", None, license_, language)


def test_the_embedded_model_is_known_by_its_hash() -> None:
    assert origin_of(ModelSpec(name="minilm"), Given()) == KNOWN


def test_a_title_has_the_label_and_never_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = folder(tmp_path / "mine", None)
    assert origin_of(spec.model_copy(update={"label": "our model, v2"}), Given()).name == "our model, v2"
    assert origin_of(ModelSpec(name="minilm", label="small"), Given()).name == "small"
    monkeypatch.chdir(tmp_path / "mine")
    assert origin_of(ModelSpec(name="."), Given()).name == "mine"


def test_a_folder_that_ablate_wrote_names_its_own_original(tmp_path: Path) -> None:
    spec = folder(tmp_path / "small", "base_model: org/first", ablate='{"mask": "1"}')
    assert origin_of(spec, Given()).hub_id == "org/first"


def test_what_the_user_says_goes_first(tmp_path: Path) -> None:
    spec = folder(tmp_path / "mine", "license: mit\nlanguage: en")
    found = origin_of(spec, given_by("apache-2.0", "de, fr", "org/mine"))
    assert (found.hub_id, found.license, found.language) == ("org/mine", {"license": "apache-2.0"}, ("de", "fr"))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("my license", None, None), "--license 'my license': the Hub takes an id"),
        ((None, "en,,de", None), "--language '': the Hub takes codes"),
        ((None, None, "/home/ann/x"), "--base-model '/home/ann/x': the Hub takes an id, such as ORG/NAME"),
    ],
)
def test_what_the_hub_does_not_take_is_refused(given: tuple[str | None, ...], said: str) -> None:
    with pytest.raises(AblateError, match=said):
        given_by(*given)


def test_a_run_without_a_command_line_is_one_of_a_notebook() -> None:
    assert "by `ablate in a notebook`" in read(command=None).text
    assert about().command is not None
