"""Which runs of a store a report takes in, to compare scorers over calibration seeds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ablate.coordinator.model_run import ModelRun
from ablate.report.html.gather import gather
from ablate.report.html.material import Material
from ablate.report.html.page import render_html
from ablate.report.results import Results
from ablate.store.store import Store
from ablate.studies.stability import stability
from tests.bench import Bench, make_bench, pairs, write_set
from tests.report.html.test_html import Parsed

GRID: dict[str, Any] = {
    "scorers": ["align", "uniform", "combined"],
    # Masks of 32 neurons of 128 differ between calibration sets; those of 2 heads of 8 would often be the same.
    "granularities": ["neuron"],
    "confirm": {"tasks": ["stsb"], "cells": "all"},
    "controls": {"matched": 0},
    "statistics": {"resamples": 100},
}


def a_run(bench: Bench, seed: int, limit: int | None = None, **given: Any) -> Results:
    calibration = {"pairs": 16, "sentences": 24, "batch_size": 8, "calibration_seed": seed}
    return bench.run(limit=limit, **{**GRID, "calibration": calibration, **given})


def taken(bench: Bench, results: Results) -> set[str]:
    return {one.about.run for one in material(bench, results).companions}


def material(bench: Bench, results: Results) -> Material:
    with Store(bench.store) as store:
        return gather(store, results)


def shown(bench: Bench, results: Results) -> str:
    return " ".join(" ".join(Parsed(render_html(material(bench, results))).texts).split())


@pytest.fixture(name="bench")
def own_bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return make_bench(tmp_path, monkeypatch)


def test_four_seeds_are_too_few_and_five_are_compared(bench: Bench) -> None:
    made = [a_run(bench, seed) for seed in range(4)]
    page = shown(bench, made[0])
    assert "neuron 25 %: withheld, 4 blocks stand behind each scorer, and a test takes 5; a block is a model" in page
    assert "give the run again with other calibration seeds (--set calibration.calibration_seed=1)" in page
    assert "Friedman χ²" not in page
    made.append(a_run(bench, 4))
    # Whichever of them is reported takes in the others.
    for results in (made[0], made[4]):
        assert taken(bench, results) == {one.about.run for one in made} - {results.about.run}
    page = shown(bench, made[2])
    assert "Blocks: 5 calibration seeds of" in page
    assert "neuron 25 %: Friedman χ²" in page
    assert "withheld" not in page


def test_a_run_of_another_recipe_or_of_other_data_is_no_block(bench: Bench) -> None:
    results = a_run(bench, 0)
    a_run(bench, 1, sparsities=[0.5])
    a_run(bench, 2, scorers=["align", "uniform", "random"])
    a_run(bench, 3, confirm={"tasks": ["sickr"], "cells": "all"})
    calibration = {"pairs": 8, "sentences": 24, "batch_size": 8, "calibration_seed": 4}
    a_run(bench, 4, calibration=calibration)
    a_run(
        bench, 5, data="embedded", screen=["synthetic-dev"], confirm={"tasks": ["synthetic"], "cells": "all"}, limit=1
    )
    assert taken(bench, results) == set()
    # Of what changes neither cells nor tasks, each run may have its own.
    other = a_run(bench, 6, statistics={"resamples": 110}, controls={"matched": 1})
    assert taken(bench, results) == {other.about.run}


def test_data_that_changed_in_their_folder_are_other_data(bench: Bench) -> None:
    results = a_run(bench, 0)
    write_set(bench.data, "stsb", pairs(0, 39))
    a_run(bench, 1)
    assert taken(bench, results) == set()


def test_a_run_that_was_cut_short_is_no_block_and_hides_no_whole_one(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    results, whole = a_run(bench, 0), a_run(bench, 1)
    a_run(bench, 1, limit=2)
    outcomes = ModelRun.outcomes

    def broken(self: Any, stage: str, *rest: Any) -> Any:
        if stage == "confirm":
            raise KeyboardInterrupt
        return outcomes(self, stage, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(ModelRun, "outcomes", broken)
        for seed in (1, 2):
            with pytest.raises(KeyboardInterrupt):
                a_run(bench, seed)
    assert taken(bench, results) == {whole.about.run}


def test_of_one_seed_the_newest_run_that_can_be_read_is_taken(bench: Bench) -> None:
    results, _, newest, broken = (a_run(bench, seed) for seed in (0, 1, 1, 1))
    with Store(bench.store) as store:
        rows = store.rows(broken.about.run)
        store.put_rows(broken.about.run, [{"cell": row["cell"]} for row in rows], store.about(broken.about.run))
    assert taken(bench, results) == {newest.about.run}


def test_a_study_is_no_block(bench: Bench) -> None:
    results = a_run(bench, 0)
    with Store(bench.store) as store:
        stability(bench.job(**GRID, stability={"calibration_seeds": [0, 1], "sizes": [8]}), store)
        assert len(store.runs()) == 2
    assert taken(bench, results) == set()
