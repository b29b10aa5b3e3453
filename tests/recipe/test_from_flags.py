"""``ablate compare``: a plan from flags."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ablate
from ablate.errors import RecipeError
from ablate.plan.make_plan import make_plan
from ablate.plugins import registry
from ablate.recipe.from_flags import comparison
from ablate.recipe.recipe import Recipe
from tests.workplace import Workplace

FLAGS = ("--model", "model", "--data", "senteval:data", "--granularities", "head", "--sparsities", "0.25")
SPARSITY = "a sparsity is the fraction removed, a number from 0 to below 1, or `negative`, not"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Workplace:
    return Workplace(tmp_path, monkeypatch, capsys)


def recipe(**given: Any) -> Recipe:
    flags = {
        "scorers": "align",
        "granularities": "head",
        "sparsities": "0.1",
        "model": "minilm",
        "pooling": None,
        "tasks": "sts-dev",
        "seeds": "0",
    }
    return comparison(**(flags | given))[0]


def test_lists_may_be_texts_or_sequences() -> None:
    from_texts = recipe(
        scorers="align, uniform,", granularities="head,neuron", sparsities="0.1,negative", tasks="a,b", seeds="3,4"
    )
    assert [entry.scorer for entry in from_texts.scorers] == ["align", "uniform"]
    assert (from_texts.sparsities, from_texts.screen, from_texts.seeds) == ([0.1, "negative"], ["a", "b"], [3, 4])
    assert from_texts.confirm is None
    from_lists = recipe(
        scorers=["align", "uniform"],
        granularities=("head", "neuron"),
        sparsities=[np.float64(0.1), "negative"],
        tasks=["a", "b"],
        seeds=np.arange(3, 5),
    )
    assert from_lists == from_texts


def test_a_fraction_is_no_seed() -> None:
    with pytest.raises(RecipeError, match="^seeds: must be a whole number, not 1.5"):
        recipe(seeds=[1.5])


def test_model_at_revision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (spec,) = recipe(model="someone/encoder@abc", pooling="cls").model
    assert (spec.name, spec.revision, spec.pooling) == ("someone/encoder", "abc", "cls")
    (spec,) = recipe(prompt="query: ").model
    assert (spec.prompt, spec.prompt_name) == ("query: ", None)
    (spec,) = recipe(prompt_name="query").model
    assert (spec.prompt, spec.prompt_name) == (None, "query")
    with pytest.raises(RecipeError, match="^model: give `prompt` or `prompt_name`, not both$"):
        recipe(prompt="query: ", prompt_name="query")
    monkeypatch.chdir(tmp_path)
    Path("a@b").mkdir()
    (spec,) = recipe(model="a@b").model
    assert (spec.name, spec.revision) == ("a@b", None)


REFUSED = {
    ("--scorers", "algin"): "unknown scorer 'algin'; did you mean 'align'?",
    ("--scorers", ","): "empty grid: no scorers; list at least one of each",
    (
        "--scorers",
        "align,align",
    ): "'align' is listed twice in scorers; list it once, or give one of them a label of its own",
    ("--granularities", "heads"): "unknown granularity 'heads'; did you mean 'head'?",
    ("--granularities", ""): "empty grid: no granularities; list at least one of each",
    ("--sparsities", "0.1,1"): f"{SPARSITY} 1.0",
    ("--sparsities", "20"): f"{SPARSITY} 20.0; write 0.2 for 20 %",
    ("--sparsities", "nan"): f"{SPARSITY} NaN",
    ("--sparsities", "-0.1"): f"{SPARSITY} -0.1",
    ("--sparsities", "a few"): f"{SPARSITY} 'a few'",
    ("--sparsities", "negative"): (
        "`negative` removes units with a contribution below 0, which scorer 'magnitude' (--scorers) never gives; "
        "use a number, or a signed scorer (sign: signed)"
    ),
    ("--sparsities", ""): "empty grid: no sparsities; list at least one of each",
    ("--seeds", "1.5"): "must be a whole number, not '1.5'",
    ("--seeds", "-1"): "must be at least 0, not -1",
    ("--seeds", ""): "must be a list that is not empty, not []",
    ("--pooling", "maximum"): (
        "must be 'mean', 'cls', 'cls_before_pooler', 'max', 'lasttoken', 'weightedmean', 'avg_first_last' or "
        "'avg_top2', not 'maximum'; did you mean 'max'?"
    ),
    ("--tasks", "stsx"): "unknown task 'stsx'; did you mean 'sts'?",
    ("--tasks", ""): "nothing to measure: no screen and no confirm tasks; list at least one",
    ("--model", ""): "name: must be text that is not empty, not ''",
    ("--data", "embeded"): "unknown source 'embeded'; did you mean 'embedded'?",
}


@pytest.mark.parametrize(("flag", "message"), REFUSED.items())
def test_errors_name_the_flag(flag: tuple[str, str], message: str, place: Workplace) -> None:
    place.nothing_may_load()
    assert place.refused(place("compare", "--scorers", "magnitude", *FLAGS, *flag)) == f"{flag[0]}: {message}"
    assert place.files() == {}


def test_a_task_that_the_source_lacks(place: Workplace) -> None:
    line = place.refused(place("compare", "--scorers", "magnitude", *FLAGS, "--tasks", "stsb,sts13"))
    assert line.startswith("--tasks: 'sts13' is not in the source 'senteval', which has ")


def test_scorers_are_asked_for(place: Workplace) -> None:
    ran = place("compare")
    assert (ran.code, ran.out) == (2, "")
    assert "--scorers" in ran.err


def test_defaults_are_those_of_the_function() -> None:
    found, document = comparison("align", "head", "0.1", "minilm", None, "sts-dev", "0")
    assert found.data == "auto"
    assert found.controls.screened == 0
    assert len(make_plan(found, document, registry()).cells) == 1


def test_every_cell_on_every_task_with_nothing_held_out(place: Workplace) -> None:
    scorers = ("--scorers", "magnitude,random", "--seeds", "0,1", "--tasks", "stsb,stsb-dev")
    ran = place("compare", *scorers, *FLAGS, "--format", "json")
    assert ran.code == 0, ran.err
    rows = json.loads(ran.out)
    assert {(row["cell"], row["task"]) for row in rows} == {
        (cell, task)
        for cell in ("dense", "head magnitude 25 %", "head random 25 % seed 0", "head random 25 % seed 1")
        for task in ("stsb", "stsb-dev")
    }
    assert {row["stage"] for row in rows} == {"screen"}
    assert not any(row["control"] or row["chosen"] for row in rows)
    assert "exploratory: nothing held out" in " ".join(place("show").out.split())

    place.nothing_may_evaluate()
    again = place("compare", *scorers, *FLAGS, "--format", "json")
    assert again.code == 0, again.err
    assert [row["score"] for row in json.loads(again.out)] == [row["score"] for row in rows]


def test_a_dev_set_is_not_called_exploratory(place: Workplace) -> None:
    ran = place("compare", "--scorers", "magnitude", *FLAGS, "--tasks", "sts-dev")
    assert ran.code == 0, ran.err
    assert "exploratory" not in ran.out


def test_a_comparison_and_a_recipe_share_the_store(place: Workplace) -> None:
    assert place("compare", "--scorers", "magnitude", *FLAGS).code == 0
    text = "model: model\ndata: {senteval: data}\nscorers: [magnitude]\ngranularities: [head]\nsparsities: [0.25]\n"
    place.nothing_may_evaluate()
    assert place.run(text).code == 0


def test_in_python(place: Workplace) -> None:
    given: dict[str, Any] = {"model": Path("model"), "data": "senteval:data", "granularities": ["head"]}
    results = ablate.compare(["magnitude"], sparsities=[0.25], store="api.db", **given)
    assert [row.cell for row in results.rows] == ["dense", "head magnitude 25 %"]
    with pytest.raises(RecipeError, match="^limit: at least 1 cell, not 0$"):
        ablate.compare(["magnitude"], limit=0, **given)
    assert "api.db" in place.files()
