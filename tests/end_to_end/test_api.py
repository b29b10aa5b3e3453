"""The public names, as a notebook uses them."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console
from sentence_transformers import SentenceTransformer

import ablate
from tests.bench import Bench, essence, make_bench


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return make_bench(tmp_path, monkeypatch)


def yaml(bench: Bench, **given: Any) -> Path:
    file = bench.root / "recipe.yaml"
    file.write_text(json.dumps(bench.tree(**given)))  # JSON is YAML
    return file


def test_importing_ablate_imports_next_to_nothing() -> None:
    code = (
        "import sys, ablate; dir(ablate); heavy = {'torch', 'transformers', 'pydantic', 'scipy', 'numpy', 'sqlalchemy'}"
        "; print(sorted(heavy & set(sys.modules)), ablate.hookimpl, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("[] ")
    assert done.stdout.endswith(" False\n")


def test_every_public_name_is_there_and_no_other() -> None:
    for name in ablate.__all__:
        assert getattr(ablate, name) is not None
    assert set(ablate.__all__) <= set(dir(ablate))
    from ablate.plugin_api import hookimpl
    from ablate.report.results import Results
    from ablate.scorers.base import Scorer

    assert (ablate.hookimpl, ablate.Results, ablate.Scorer) == (hookimpl, Results, Scorer)
    with pytest.raises(AttributeError, match="module 'ablate' has no attribute 'prune'"):
        ablate.prune  # noqa: B018


def test_progress_is_shown_in_a_terminal_unless_it_is_silenced(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    ablate.run(bench.recipe(), store=bench.store)
    assert capfd.readouterr() == ("", ""), "neither a terminal nor a notebook"
    shown = io.StringIO()
    terminal = Console(file=shown, force_terminal=True, force_jupyter=False, width=80)
    monkeypatch.setattr("ablate.api.Console", lambda **_: terminal)
    ablate.run(bench.recipe(), store=bench.root / "silent.db", watch=ablate.silent)
    ablate.run(bench.recipe(), store=bench.root / "mine.db", watch=bench.watch)
    assert shown.getvalue() == ""
    ablate.run(bench.recipe(), store=bench.root / "shown.db")
    assert "elapsed 0:0" in shown.getvalue()
    assert "screen: 2 cells in " in shown.getvalue()


def test_run_takes_a_file_or_a_recipe(bench: Bench) -> None:
    file = yaml(bench)
    results = ablate.run(file, store=bench.store)
    assert isinstance(results, ablate.Results)
    recipe, _ = ablate.load_recipe(file)
    assert isinstance(recipe, ablate.Recipe)
    again = ablate.run(recipe, store=f"sqlite:///{bench.store}")
    assert again.about.computed == 0
    assert essence(again.rows) == essence(results.rows)
    assert essence(ablate.run(str(file), store=str(bench.store)).rows) == essence(results.rows)


@pytest.mark.parametrize("as_file", [True, False])
def test_overrides_and_data_take_the_place_of_the_recipes(bench: Bench, as_file: bool) -> None:
    file = yaml(bench, data="embedded")
    recipe = file if as_file else ablate.load_recipe(file)[0]
    overrides = ["sparsities=[0.5]", "screen=[sickr-dev]"]
    results = ablate.run(recipe, overrides=overrides, data=f"senteval:{bench.data}", store=bench.store)
    assert [(row.task, row.sparsity, row.data) for row in results.rows] == [
        ("sickr-dev", None, "senteval"),
        ("sickr-dev", 0.5, "senteval"),
    ]
    with pytest.raises(ablate.AblateError, match="sparsitys"):
        ablate.run(recipe, overrides=["sparsitys=[0.5]"], store=bench.store)


def test_compare_is_a_run_of_every_cell_on_every_task(bench: Bench) -> None:
    results = ablate.compare(
        ["magnitude", "random"],
        granularities=["head"],
        sparsities=[0.25],
        model=bench.model,
        tasks=["stsb", "sickr"],
        seeds=[0, 1],
        data=f"senteval:{bench.data}",
        store=bench.store,
    )
    assert [row.task for row in results.rows] == ["stsb", "sickr"] * 4
    assert [row.seed for row in results.rows[2::2]] == [None, 0, 1]
    assert results.about.exploratory is True
    assert {row.stage for row in results.rows} == {"screen"}
    texts = ablate.compare(
        "magnitude, random",
        "head",
        "0.25",
        model=str(bench.model),
        tasks="stsb,sickr",
        seeds="0,1",
        data=f"senteval:{bench.data}",
        store=bench.store,
    )
    assert texts.about.computed == 0
    assert essence(texts.rows) == essence(results.rows)


def test_compare_reuses_what_a_recipe_computed(bench: Bench) -> None:
    ablate.run(yaml(bench), store=bench.store)
    results = ablate.compare(
        ["magnitude"],
        ["head"],
        [0.25],
        model=bench.model,
        tasks=["stsb-dev"],
        data=f"senteval:{bench.data}",
        store=bench.store,
    )
    assert (results.about.computed, results.about.cached) == (0, 2)


def test_a_mistake_is_an_ablate_error_in_one_line(bench: Bench) -> None:
    with pytest.raises(ablate.AblateError, match="did you mean 'magnitude'") as raised:
        ablate.compare(["magnitud"], model=bench.model, data=f"senteval:{bench.data}", store=bench.store)
    assert "\n" not in str(raised.value)
    assert not bench.store.exists()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"scorers": "magnitud"}, "scorers: unknown scorer 'magnitud'; did you mean 'magnitude'?"),
        ({"granularities": "heads"}, "granularities: unknown granularity 'heads'; did you mean 'head'?"),
        ({"sparsities": [2]}, "sparsities: a sparsity is the fraction removed"),
        ({"seeds": [0.5]}, "seeds: must be a whole number, not 0.5"),
        ({"tasks": "nope"}, "tasks: unknown task 'nope'; "),
        ({"prompt": "a", "prompt_name": "b"}, "model: give `prompt` or `prompt_name`, not both"),
        ({"limit": 0}, "limit: at least 1 cell, not 0"),
        ({"device": "gpu"}, "device: a device is auto, cpu, "),
        ({"precision": "fp8"}, "precision: must be "),
        ({"jobs": 0}, "jobs: "),
        ({"executor": "nope"}, "executor: unknown executor 'nope'"),
        ({"data": "nope"}, "data: unknown source 'nope'"),
        ({"files": ["mine"]}, "files=['mine']: not of the form NAME=FILE or NAME=KIND:FILE; write it as in files=['mi"),
        ({"dev": "no.csv"}, "dev='no.csv': no.csv: No such file or directory"),
        ({"store": "nowhere/s.db"}, "the store nowhere/s.db: there is no folder "),
    ],
)
def test_errors_name_arguments_of_python_and_not_options(bench: Bench, given: dict[str, Any], told: str) -> None:
    right = {"scorers": "magnitude", "model": bench.model, "data": f"senteval:{bench.data}", "store": bench.store}
    with pytest.raises(ablate.AblateError) as raised:
        ablate.compare(**{**right, **given})
    assert str(raised.value).startswith(told)
    assert "--" not in str(raised.value)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"scorer": "alig"}, "scorer: unknown scorer 'alig'; did you mean 'align'?"),
        ({"granularity": "heads"}, "granularity: unknown granularity 'heads'; did you mean 'head'?"),
        ({"scorer": {"scorer": "align", "sign": "x"}}, "scorer: scorer 'align', sign: "),
        ({"seed": -1}, "seed: "),
        ({"device": "gpu"}, "device: "),
        ({"model": 3}, "model: of type int; give a name, a folder or a SentenceTransformer"),
    ],
)
def test_errors_of_scores_name_its_arguments(bench: Bench, given: dict[str, Any], told: str) -> None:
    right = {"model": str(bench.model), "scorer": "align", "granularity": "head", "data": f"senteval:{bench.data}"}
    with pytest.raises(ablate.AblateError) as raised:
        ablate.scores(**{**right, **given})
    assert str(raised.value).startswith(told)


def test_a_loaded_model_is_scored_as_its_folder_is(bench: Bench) -> None:
    loaded = SentenceTransformer(str(bench.model), device="cpu")
    before = {name: value.clone() for name, value in loaded.state_dict().items()}
    given: dict[str, Any] = {"scorer": "magnitude", "granularity": "head", "data": f"senteval:{bench.data}"}
    ours, theirs = (ablate.scores(model, **given) for model in (loaded, bench.model))
    np.testing.assert_array_equal(ours.values, theirs.values)
    assert all(torch.equal(value, before[name]) for name, value in loaded.state_dict().items())


def test_models_with_the_same_weights_have_cells_of_their_own(bench: Bench) -> None:
    results = bench.run(model=[str(bench.model), {"name": str(bench.model), "label": "again"}], confirm=["stsb"])
    assert [(cell.model, len(cell.rows)) for cell in results.cells] == [("model", 2), ("again", 2)]
    (cell,) = results.filter(model="again").cells
    assert results.filter(model="again")[cell.key].rows == cell.rows
    told = "is a cell of 2 models; take it from `filter(model='model')` or `filter(model='again')`"
    for name in (cell.name, cell.key):
        with pytest.raises(ablate.AblateError, match=re.escape(told)):
            results[name]


def test_what_is_of_another_type_is_refused_in_a_line(bench: Bench, tmp_path: Path) -> None:
    results: Any = bench.run()
    model = SentenceTransformer(str(bench.model), device="cpu")

    def use(cell: Any) -> None:
        with ablate.masked(model, cell):
            pass

    wrongs: dict[Callable[[], Any], str] = {
        lambda: results[0]: "the name of a cell is of type int; give its text in tables, or a key",
        lambda: use("head"): "cell: of type str; give a cell of results, such as results['head × align 10 %']",
        lambda: use(None): "cell: of type NoneType; give a cell of results",
        lambda: ablate.choose("r.yaml", within=1): "results: of type str; give those that `ablate.run` returns",  # type: ignore[arg-type]
        lambda: ablate.choose(results, within="x"): "within: must be a number, not of type str",  # type: ignore[arg-type]
        lambda: ablate.load(tmp_path / "none"): f"'{tmp_path / 'none'}': no such folder; name one that",
    }
    for wrong, told in wrongs.items():
        with pytest.raises(ablate.AblateError) as raised:
            wrong()
        assert str(raised.value).startswith(told)


@pytest.mark.parametrize("as_file", [True, False])
def test_errors_of_a_run_name_overrides(bench: Bench, as_file: bool) -> None:
    recipe = yaml(bench) if as_file else ablate.load_recipe(yaml(bench))[0]
    for override, told in {
        "sparsities": "overrides=['sparsities']: not of the form a.b=c; write it as in overrides=['controls.matched=5']",
        "sparsities=[2]": "overrides=['sparsities=[2]']: a sparsity is the fraction removed",
        "scorers=[alig]": "overrides=['scorers=[alig]']: unknown scorer 'alig'",
    }.items():
        with pytest.raises(ablate.AblateError) as raised:
            ablate.run(recipe, overrides=[override], store=bench.store)
        assert str(raised.value).startswith(told)


def test_rows_as_a_data_frame(bench: Bench) -> None:
    pandas = pytest.importorskip("pandas")
    results = ablate.run(
        yaml(bench, sparsities=[0.25, "negative"], scorers=[{"scorer": "align", "sign": "signed"}]), store=bench.store
    )
    frame = results.to_pandas()
    assert set(frame.columns) == set(results.rows[0].to_dict())
    assert frame["scorer"].isna().tolist() == [True, False, False]
    assert frame["units_removed"].dtype == pandas.Int64Dtype()
    assert frame["delta"].tolist() == [row.delta for row in results.rows]
    assert json.loads(results.to_json()) == [row.to_dict() for row in results.rows]


def test_a_run_that_fails_fast_raises_what_was_raised(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise ZeroDivisionError("by hand")

    monkeypatch.setattr("ablate.tasks.sts.Sts.measure", broken)
    with pytest.raises(ZeroDivisionError, match="by hand"):
        ablate.run(yaml(bench), store=bench.store, keep_going=False)
    results = ablate.run(yaml(bench), store=bench.store)
    assert {row.reason for row in results.rows} == {"ZeroDivisionError: by hand"}
