"""Recipes: the forms that are understood, and where their values stand."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from ablate.errors import RecipeError
from ablate.models.spec import LABEL
from ablate.plan.make_plan import make_plan
from ablate.plugins import registry
from ablate.recipe.document import Document, read
from ablate.recipe.entries import ExecutorEntry
from ablate.recipe.recipe import Recipe, SentEvalFolder, load_recipe, parse

GRID = "model: minilm\nscorers: [align]\ngranularities: [head]\nsparsities: [0.1]\n"


def load(folder: Path, text: str, *overrides: str) -> Recipe:
    path = folder / "r.yaml"
    path.write_text(text)
    return load_recipe(path, overrides)[0]


def cells(folder: Path, text: str, *overrides: str) -> list[str]:
    path = folder / "r.yaml"
    path.write_text(text)
    return [str(cell) for cell in make_plan(*load_recipe(path, overrides), registry()).cells]


def test_short_forms(tmp_path: Path) -> None:
    short = load(tmp_path, GRID + "confirm: [stsb]\ndata: senteval:x\n")
    spelled_out = load(
        tmp_path,
        "model: [{name: minilm}]\nscorers: [{scorer: align}]\ngranularities: [{granularity: head}]\nsparsities: [0.1]\n"
        "confirm: {tasks: [stsb], cells: best}\ndata: {senteval: x}\n",
    )
    assert short == spelled_out
    assert short.data == SentEvalFolder(senteval=Path("x"))


def test_confirm_all_is_every_cell_on_the_test_sets(tmp_path: Path) -> None:
    confirm = load(tmp_path, GRID + "screen: []\nconfirm: all\n").confirm
    assert confirm is not None
    assert (confirm.tasks, confirm.cells) == (["sts"], "all")
    assert load(tmp_path, GRID + "confirm: null\n").confirm is None


def test_yaml_or_json_with_or_without_a_byte_order_mark(tmp_path: Path) -> None:
    recipe = load(tmp_path, GRID)
    assert load(tmp_path, json.dumps(recipe.model_dump(mode="json"))) == recipe
    (tmp_path / "r.yaml").write_bytes(b"\xef\xbb\xbf" + GRID.replace("\n", "\r\n").encode())
    assert load_recipe(tmp_path / "r.yaml")[0] == recipe


@pytest.mark.parametrize(("written", "value"), [("0", 0.0), ("-0.0", 0.0), ("1e-3", 0.001), ("0.999", 0.999)])
def test_sparsities(written: str, value: float, tmp_path: Path) -> None:
    (found,) = load(tmp_path, GRID.replace("0.1", written)).sparsities
    assert repr(found) == repr(value)


def test_anchored_values_keep_their_type(tmp_path: Path) -> None:
    recipe = load(
        tmp_path, GRID.replace("[0.1]", "[&s 0.1, *s, 0.2]") + "controls: {flipped: &t true, matched: &n 1}\n"
    )
    assert recipe.controls.flipped is True
    assert (recipe.controls.matched, recipe.sparsities) == (1, [0.1, 0.1, 0.2])


STEPS = """\
model: minilm
cells:
  - [&first {granularity: head, scorer: magnitude, sparsity: 0.1}]
  - [*first, {<<: *first, sparsity: 0.3}]
"""


def test_anchors_and_merges(tmp_path: Path) -> None:
    assert cells(tmp_path, STEPS) == [
        "head magnitude 10 %",
        "head magnitude 10 % > head magnitude 30 %",
    ]


def test_setting_a_value_leaves_its_aliases_alone(tmp_path: Path) -> None:
    assert cells(tmp_path, STEPS, "cells.0.0.sparsity=0.2", "cells.1.1.scope=layer") == [
        "head magnitude 20 %",
        "head magnitude 10 % > head magnitude 30 % by layer",
    ]


def test_a_merged_value_that_is_wrong_has_the_place_of_what_merges_it(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"r\.yaml:3:6: a sparsity is .* not 3;"):
        load(tmp_path, "model: minilm\ncells:\n  - [{<<: {granularity: head, scorer: align, sparsity: 3}}]\n")


def step_of(folder: Path, step: str) -> list[str]:
    return cells(folder, f"model: minilm\ncells:\n  - - {step}\n")


@pytest.mark.parametrize(
    ("step", "cell"),
    [
        ("granularity: [head, neuron], sparsity: {neuron: 0.1, head: 0.2}", "head+neuron combined 20 % + 10 %"),
        ("granularity: [head, neuron], sparsity: 0.1, steps: 4", "head+neuron combined 10 % + 10 % in 4 steps"),
        (
            "granularity: [{granularity: neuron, min_keep: 8}, head, unstructured], sparsity: 0, scope: layer",
            "neuron+head+unstructured combined 0 % + 0 % + 0 % by layer",
        ),
        ("granularity: [head], sparsity: 0.2", "head combined 20 %"),
        ("granularity: head, sparsity: {head: 0.2}", "head combined 20 %"),
    ],
)
def test_a_step_of_several_granularities(step: str, cell: str, tmp_path: Path) -> None:
    assert step_of(tmp_path, f"{{{step}, scorer: combined}}") == [cell]


@pytest.mark.parametrize(
    ("step", "told"),
    [
        ("granularity: [head, neuron], sparsity: {head: 0.2}", r":3:\d+: sparsity has no 'neuron'; add it"),
        ("granularity: [head, neuron], sparsity: {head: 0.2, nuron: 1}", r":3:59: a sparsity is .* not 1$"),
        (
            "granularity: [head, neuron], sparsity: {head: 0.2, nuron: 0.1}",
            r":3:59: 'nuron' is not one of the step's granularities; did you mean 'neuron'\?",
        ),
        (
            "granularity: [head, neuron, head], sparsity: 0.2",
            r":3:8: 'head' is listed twice in granularity; list it once",
        ),
        ("granularity: [head, nuron], sparsity: 0.2", r":3:28: unknown granularity 'nuron'; did you mean 'neuron'"),
        ("granularity: [head, {granularity: neuron, kep: 1}], sparsity: 0", r":3:50: .*unknown parameter 'kep'"),
        ("granularity: [head, 5], sparsity: 0.2", r":3:28: a granularity is a name"),
        ("granularity: [], sparsity: 0.2", r":3:8: a granularity is a name"),
        ("granularity: [head, neuron], sparsity: [0.1, 0.2]", r":3:37: a sparsity is .* not a list"),
        (
            "granularity: [head, neuron], sparsity: {head: negative, neuron: 0.1}",
            r":3:48: `negative` removes .* which scorer 'combined' \(.*:3:\d+\) never gives",
        ),
    ],
)
def test_a_step_of_several_granularities_that_is_wrong(step: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=told):
        step_of(tmp_path, f"{{{step}, scorer: combined}}")


def test_a_step_of_several_granularities_is_kept_as_it_was_written(tmp_path: Path) -> None:
    step = "{granularity: [head, neuron], scorer: align, sparsity: {head: 0.2, neuron: negative}}"
    recipe = load(tmp_path, f"model: minilm\ncells:\n  - - {step}\n")
    assert Recipe.model_validate(recipe.model_dump(mode="json")) == recipe
    ((entry,),) = recipe.cells
    assert entry.sparsities == [0.2, "negative"]
    assert [g.granularity for g in entry.granularities] == ["head", "neuron"]


@pytest.mark.parametrize(
    ("override", "field", "value"),
    [
        (
            "controls.matched=5",
            "controls",
            {"matched": 5, "screened": 0, "searched": 0, "flipped": False, "control_seed": 0},
        ),
        ("seeds=[3, 4]", "seeds", [3, 4]),
        ("sparsities.0=0.7", "sparsities", [0.7]),
        ("steps=2", "steps", 2),
        ("data=senteval:x", "data", {"senteval": "x"}),
        ("confirm=null", "confirm", None),
        ("confirm.tasks=[stsb]", "confirm", {"tasks": ["stsb"], "cells": "best"}),
        ("scorers.0={scorer: align, label: a=b}", "scorers", [{"scorer": "align", "label": "a=b"}]),
    ],
)
def test_set(override: str, field: str, value: Any, tmp_path: Path) -> None:
    assert load(tmp_path, GRID, override).model_dump(mode="json")[field] == value


def test_the_last_set_wins_and_is_blamed(tmp_path: Path) -> None:
    assert load(tmp_path, GRID, "steps=0", "steps=3").steps == 3
    with pytest.raises(RecipeError, match=r"^overrides=\['controls=\{matched: x\}'\]: matched: must be a whole number"):
        load(tmp_path, GRID, "controls.matched=2", "controls={matched: x}")
    with pytest.raises(RecipeError, match=r"^overrides=\['controls.matched=x'\]: must be a whole number"):
        load(tmp_path, GRID, "controls={matched: 2}", "controls.matched=x")


@pytest.mark.parametrize("label", ["[red]x[/red]", "[/]", "é 中文 🎉", 'a,b"c|d', "=cmd()", "x" * LABEL])
def test_labels_are_text(label: str, tmp_path: Path) -> None:
    scorer = json.dumps({"scorer": "align", "label": label}, ensure_ascii=False)
    assert cells(tmp_path, GRID.replace("[align]", f"[{scorer}]")) == [f"head {label} 10 %"]


@pytest.mark.parametrize(
    "label", ["", " ", "a\nb", "a\tb", "\x1b[31m", "x" * (LABEL + 1), "a\N{RIGHT-TO-LEFT OVERRIDE}b"]
)
def test_labels_are_printable_and_short(label: str, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"r\.yaml:2:31: a label is 1 to 40 printable characters") as caught:
        load(tmp_path, GRID.replace("[align]", f"[{json.dumps({'scorer': 'align', 'label': label})}]"))
    assert "\n" not in str(caught.value)


def test_a_recipe_made_in_python() -> None:
    recipe = Recipe.model_validate(
        {"model": "minilm", "scorers": ["align"], "granularities": ["head"], "sparsities": [0.1]}
    )
    assert recipe.model[0].name == "minilm"
    document = Document("recipe", recipe.model_dump(mode="json"))
    assert make_plan(recipe, document, registry()).cells
    with pytest.raises(ValidationError, match="a sparsity is the fraction removed"):
        Recipe.model_validate(recipe.model_dump() | {"sparsities": [1]})
    unknown = recipe.model_copy(update={"executor": ExecutorEntry(name="none")})
    with pytest.raises(RecipeError, match=r"^recipe\.executor\.name: unknown executor 'none'"):
        make_plan(unknown, document, registry())


def test_a_mapping_is_read_as_a_file_is_and_stays_as_it_is() -> None:
    given: dict[str, Any] = {"model": "minilm", "scorers": ["align"], "granularities": ["head"], "sparsities": [0.1]}
    before = deepcopy(given)
    recipe, document = load_recipe(given, ["sparsities=[0.2]"], device="cpu")
    assert (recipe.sparsities, recipe.device, given) == ([0.2], "cpu", before)
    assert document.place(("scorers", 0)) == "recipe.scorers.0"
    again, _ = load_recipe(recipe)
    assert again == recipe
    with pytest.raises(RecipeError, match=r"^recipe\.scorrs: unknown key 'scorrs'; did you mean 'scorers'"):
        load_recipe({"scorrs" if key == "scorers" else key: value for key, value in given.items()})
    with pytest.raises(RecipeError, match=r"^recipe: of type list; give a YAML file, a mapping or a Recipe$"):
        load_recipe([given])  # type: ignore[arg-type]


def test_places(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text("# a comment\n\nmodel: minilm\nconfirm:\n  - stsb\nscorers:\n  - scorer: align\n    sign: signed\n")
    document = read(path)

    def place(*location: str | int) -> str:
        return document.place(location).removeprefix(str(path))

    assert place() == place("nothing") == ":3:1"
    assert place("confirm", 0) == place("confirm", "tasks", 0) == ":5:5"
    assert place("scorers", 0) == place("scorers", 0, "label") == ":7:5"
    assert place("scorers", 0, "sign") == ":8:5"
    assert place("scorers", 7) == ":6:1"


def test_draws_that_stop_early_are_asked_for(tmp_path: Path) -> None:
    stops = load(tmp_path, GRID + "controls: {matched: 1, stop_early: true}\n")
    assert stops.controls.model_dump(mode="json")["stop_early"] is True
    told = r"r\.yaml:5:24: no draws are asked for, so none can stop early; set matched or screened, or leave it out"
    with pytest.raises(RecipeError, match=told):
        load(tmp_path, GRID + "controls: {matched: 0, stop_early: true}\n")
    # The record of a run without it is what it was before there was such a key.
    assert list(load(tmp_path, GRID + "controls: {stop_early: false}\n").controls.model_dump()) == [
        "matched",
        "screened",
        "searched",
        "flipped",
        "control_seed",
    ]


@pytest.mark.parametrize(
    ("search", "said"),
    [
        ("swaps", "cells.0.0.search: must be 'swap', not 'swaps'"),
        ({"name": "swap", "border": 0}, "cells.0.0.search.border: must be at least 1, not 0"),
        ({"name": "swap", "most": 1.5}, "cells.0.0.search.most: must be a whole number, not 1.5"),
        ({"borders": 3}, "unknown key 'borders'; did you mean 'border'?"),
        (True, "a search is a name, or a mapping such as {name: NAME}, not true"),
    ],
)
def test_a_search_is_a_name_or_its_parameters(search: object, said: str) -> None:
    step = {"granularity": "head", "scorer": "align", "sparsity": 0.25, "search": search}
    with pytest.raises(RecipeError) as refused:
        parse(Document("recipe", {"model": "minilm", "cells": [[step]]}))
    assert said in str(refused.value)
