"""``ablate choose``: the right cell, by sizes that are those of the exported model, and by measured latencies."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import ablate
from ablate.cli import app
from ablate.errors import AblateError
from ablate.export import timing
from ablate.export.choose import Choice, Needs, Option, choose, front
from ablate.export.measure import Cost
from ablate.export.sizes import Size
from ablate.export.timing import Timed
from ablate.judge.candidates import candidates
from ablate.plugins import registry
from ablate.report.results import Results
from ablate.store.store import Store
from tests.bench import Bench, module_bench  # noqa: F401  # one is a fixture
from tests.report_rows import a_run, judged

pytestmark = pytest.mark.usefixtures("results")


@pytest.fixture(scope="module")
def results(bench: Bench) -> Results:
    return bench.run(
        scorers=["magnitude"],
        granularities=["head", "neuron", "unstructured"],
        sparsities=[0.25],
        confirm={"tasks": ["stsb"], "cells": "all"},
        controls={"matched": 0},
        statistics={"resamples": 200},
    )


def command(bench: Bench, *words: str) -> Result:
    return CliRunner(env={"COLUMNS": "160"}).invoke(app, ["choose", *words, "--store", str(bench.store)])


def plain(bench: Bench, *words: str) -> Any:
    return json.loads(command(bench, *words, "--format", "json").stdout)


def cost(latency: float) -> Cost:
    return Cost(parameters=1, sentences_per_second=1.0, latency=latency, flops=1.0, memory=1)


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Latencies without the processes: the n-th model that is measured takes 1 / (1 + n) s, dense 1 s."""
    asked: list[int] = []

    def compare(specs: Any, *_: Any) -> list[Cost]:
        asked.append(len(specs))
        assert all((Path(spec.name) / "config.json").is_file() for spec in specs)
        return [cost(1 / (1 + number)) for number in range(len(specs))]

    monkeypatch.setattr(timing, "compare", compare)
    return asked


def test_within_a_wide_limit_the_smallest_is_chosen(bench: Bench, results: Results) -> None:
    found = plain(bench, "--within", "100")
    cells = {one["cell"]: one for one in found["cells"]}
    (chosen,) = (one for one in found["cells"] if one["chosen"])
    assert chosen["parameters"] == min(one["parameters"] for one in cells.values())
    # Zeros stay: nothing is smaller than dense.
    assert cells["unstructured × magnitude 25 %"]["parameters"] == found["dense"]["parameters"]
    row = next(row for row in results.rows if row.key == chosen["key"] and row.stage == "confirm")
    assert row.params_removed is not None
    assert chosen["parameters"] == row.params_total - row.params_removed
    assert chosen["gain"] == row.delta_clean


def test_the_command_that_it_prints_exports_that_cell(
    bench: Bench, results: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = command(bench, "--within", "100").stdout
    (line,) = (line for line in shown.splitlines() if line.startswith("ablate export"))
    assert results.about.run in line
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, [*shlex.split(line)[1:], "--no-costs"])
    assert done.exit_code == 0, done.exception
    (chosen,) = (one for one in plain(bench, "--within", "100")["cells"] if one["chosen"])
    manifest = json.loads((tmp_path / "small" / "ablate.json").read_text())
    assert (manifest["key"], manifest["parameters"]) == (chosen["key"], chosen["parameters"])
    # The file has a header too, of some kilobytes.
    assert 0 <= manifest["bytes"] - chosen["bytes"] < 10_000


def test_if_none_holds_the_limit_the_nearest_is_named(bench: Bench) -> None:
    done = command(bench, "--within", "0")
    assert done.exit_code == 1
    best = max(plain(bench)["cells"], key=lambda one: one["at_least"])
    said = f"within 0 points of dense; the nearest is '{best['cell']}', with a gain of"
    assert said in done.stderr
    assert f"at least {best['at_least']:+.2f}" in done.stderr
    assert "ablate export" not in done.stdout
    assert len(done.stderr.strip().splitlines()) == 1


def test_without_a_limit_nothing_is_chosen_or_measured(bench: Bench, measured: list[int]) -> None:
    done = command(bench)
    assert done.exit_code == 0
    assert done.stdout.startswith("Nothing is chosen: give --within or --faster.")
    assert measured == []


def test_latencies_are_measured_once_and_kept_with_the_machine(bench: Bench, measured: list[int]) -> None:
    found = plain(bench, "--faster", "1.5")
    assert len(measured) == 1
    timed = [one for one in found["cells"] if one["latency"]]
    # Dense, and the cells on the front.
    assert measured == [1 + len(timed)]
    assert all(re.match(r"cpu in float32, \d+ threads?, .+", one["measured_on"]) for one in timed)
    (chosen,) = (one for one in found["cells"] if one["chosen"])
    assert chosen["dense_latency"] / chosen["latency"] >= 1.5
    # By default the best score among the fast ones.
    assert chosen["at_least"] == max(one["at_least"] for one in timed)
    again = plain(bench, "--by", "latency", "--within", "100")
    assert len(measured) == 1
    (fastest,) = (one for one in again["cells"] if one["chosen"])
    assert fastest["latency"] == min(one["latency"] for one in timed)
    assert "times as fast; the nearest" not in command(bench, "--faster", "1.5").stderr
    slow = command(bench, "--faster", "99")
    assert slow.exit_code == 1
    assert "is 99 times as fast as dense; the nearest is" in slow.stderr
    command(bench, "--latency")
    assert len(measured) == 2


def test_a_chart_is_drawn_in_the_form_that_its_name_says(bench: Bench, tmp_path: Path) -> None:
    assert command(bench, "--within", "100", "--chart", str(tmp_path / "a.svg")).exit_code == 0
    assert "<svg" in (tmp_path / "a.svg").read_text()
    wrong = command(bench, "--chart", str(tmp_path / "a.bmp")).exception
    assert str(wrong) == f"--chart {tmp_path / 'a.bmp'}: name a file that ends in .svg, .png, .pdf"


def test_mistakes_are_told_before_a_model_loads(bench: Bench, tmp_path: Path) -> None:
    assert "has confirmed nothing on 'sickr'" in str(command(bench, "--tasks", "sickr").exception)
    missing = CliRunner().invoke(app, ["choose", "--store", str(tmp_path / "none.db")])
    assert isinstance(missing.exception, AblateError)
    assert not (tmp_path / "none.db").exists()


def options(*given: tuple[float, int, float | None]) -> list[Option]:
    """Options of a gain, parameters, and how many times as fast as dense."""
    one = candidates(judged(a_run())).found[0]
    return [
        Option(
            replace(one, gain=gain),
            Size(size, 4 * size),
            None if fast is None else Timed(cost(1 / fast), cost(1), "here"),
        )
        for gain, size, fast in given
    ]


@pytest.mark.parametrize(
    ("given", "on_it"),
    [
        ([(0.1, 90, None), (0.2, 80, None), (0.0, 70, None)], [1, 2]),
        ([(0.2, 80, None), (0.2, 80, None)], [0, 1]),
        # Worse and larger, and on the front, because it is faster.
        ([(0.1, 90, 2.0), (0.2, 80, 1.5)], [0, 1]),
        # Dense is at least as good as a cell that removes nothing and gains nothing, unless it is faster.
        ([(-0.1, 100, None), (0.1, 100, None), (0.05, 90, None)], [1, 2]),
        ([(-0.1, 100, 1.2)], [0]),
    ],
)
def test_the_front_is_what_nothing_beats(given: list[tuple[float, int, float | None]], on_it: list[int]) -> None:
    assert front(options(*given), Size(100, 400)) == on_it


def test_choose_shares_one_model(bench: Bench, results: Results) -> None:
    with Store(bench.store) as store:
        made = choose(results, store, registry(), Needs(within=100))
    assert isinstance(made, Choice)
    assert made.chosen is not None
    assert made.nearest is None


def test_in_python_it_chooses_the_same_cell(bench: Bench, results: Results) -> None:
    found = ablate.choose(results, within=100)
    assert found.to_dict() == plain(bench, "--within", "100")
    assert found.cell is not None
    assert found.cell.name == "head × magnitude 25 %"
    assert found.answer.startswith("Chosen: head × magnitude 25 %. Gain ")
    assert found.command == found.to_dict()["export"]
    assert found.answer in repr(found)
    page = found._repr_html_()
    assert page is not None
    assert page.count("Chosen: head × magnitude 25 %") == 1
    assert page.count("<table") == 1
    by_score = ("--within", "100", "--by", "score")
    assert ablate.choose(results, within=100, by="score").to_dict() == plain(bench, *by_score)


def test_in_python_what_is_not_chosen_has_its_reason(results: Results) -> None:
    unmet: list[tuple[dict[str, Any], str]] = [
        ({}, "give within or faster."),
        ({"within": 0}, "no confirmed cell is shown to be within 0 "),
    ]
    for needs, said in unmet:
        found = ablate.choose(results, **needs)
        assert (found.cell, found.command) == (None, None)
        assert found.answer.startswith(f"Nothing is chosen: {said}")
    refused: list[tuple[dict[str, Any], str]] = [
        ({"within": -1}, "within: must be at least 0, not -1"),
        ({"faster": float("nan")}, "faster: must be at least 0, not nan"),
        ({"by": "scor"}, "by: there is no 'scor'; did you mean 'score'?"),
        ({"model": "other"}, f"model: run {results.about.run} has no model 'other'"),
        ({"tasks": ["sickr"]}, f"tasks: run {results.about.run} has confirmed nothing on 'sickr'"),
        ({"store": "none.db"}, "there is no store at none.db yet: make one with `ablate run`, or give another store"),
        ({"device": "gpu"}, "'gpu' is no device; use auto, cpu, cuda, cuda:N or mps"),
        ({"precision": "fp8"}, "'fp8' is no precision; use float32, bf16, fp16"),
    ]
    for wrong, told in refused:
        with pytest.raises(AblateError, match=f"^{re.escape(told)}"):
            ablate.choose(results, **wrong)


def test_options_are_named_on_the_command_line_and_arguments_in_a_notebook(bench: Bench, results: Results) -> None:
    assert command(bench).stdout.startswith("Nothing is chosen: give --within or --faster.")
    page = ablate.choose(results)._repr_html_()
    assert page is not None
    assert "Nothing is chosen: give within or faster." in page
