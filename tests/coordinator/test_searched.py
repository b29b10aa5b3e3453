"""Random search as a control: the best on dev of as many random masks as found the cell, on the confirm tasks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ablate.coordinator.run import prepare_model_run
from ablate.coordinator.searched import candidates, counted
from ablate.report.html.gather import gather
from ablate.report.html.page import render_html
from ablate.report.results import Results
from ablate.store.store import Store
from ablate.timing import Timings
from tests.bench import Bench, known, make_bench, of, one


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return make_bench(tmp_path, monkeypatch)


def a_run(bench: Bench, searched: int, **given: Any) -> Results:
    tree: dict[str, Any] = {
        "scorers": ["magnitude"],
        "sparsities": [0.25, 0.375, 0.5],
        "confirm": ["stsb"],
        "controls": {"matched": 3, "searched": searched},
        "statistics": {"resamples": 200},
    }
    return bench.run(**tree | given)


def test_the_best_random_mask_on_dev_is_judged_on_test(bench: Bench) -> None:
    results = a_run(bench, 2)
    cell = one(results, stage="confirm", control=None, scorer="magnitude")
    assert cell.evaluations == 3
    rivals = of(results, control="searched")
    assert [(row.stage, row.control_of, row.evaluations, row.units_removed) for row in rivals] == [
        ("confirm", cell.key, 3, cell.units_removed)
    ] * 2
    # Draws 0 to 2 are the first search, 3 to 5 the second. The same masks, as matched controls of a screened cell.
    wanted = [row.draw for row in rivals]
    screened = bench.run(
        store=bench.root / "other.db",
        sparsities=[cell.sparsity],
        controls={"matched": 0, "screened": 6},
        statistics={"resamples": 200},
    )
    on_dev = {row.draw: known(row.delta_clean) for row in of(screened, control="matched")}
    for search, drawn in zip(wanted, ((0, 1, 2), (3, 4, 5)), strict=True):
        assert search in drawn
        assert on_dev[search] == max(on_dev[draw] for draw in drawn)
    (item,) = (e for e in results.evidence if (e.task, e.against) == (None, "searched"))
    mean = sum(known(row.delta_clean) for row in rivals) / 2
    assert item.delta == pytest.approx(known(cell.delta_clean) - mean)
    assert item.draws == 2
    (dense,) = (e for e in results.evidence if (e.stage, e.task, e.against) == ("confirm", None, "dense"))
    (matched,) = (e for e in results.evidence if (e.task, e.against) == (None, "matched"))
    better = known(dense.p_different) if dense.delta > 0 else 1.0
    assert dense.q_improves == pytest.approx(max(better, known(matched.p_beats), known(item.p_beats)))
    (summary,) = (line for line in results.summary() if line.stage == "confirm")
    assert (summary.evaluations, summary.searches) == (3, 2)
    assert summary.searched == pytest.approx(mean)
    text = results.to_markdown()
    assert "searches beaten" in text
    assert "from two searches on, a cell that improves beats them too" in text
    assert "not set against the best" not in text
    assert "Chosen with 3 evaluations on dev, and set against the best of 3 random masks." in text
    assert results.about.failed == 0
    with Store(bench.store) as store:
        assert f"It beats {item.beaten} of 2 random searches, q" in render_html(gather(store, results))


def test_without_it_the_table_says_so(bench: Bench) -> None:
    results = a_run(bench, 0)
    said = "Chosen with 3 evaluations on dev, and not set against the best of 3 random masks (controls.searched)."
    assert said in results.to_markdown()
    assert not of(results, control="searched")
    # Alone, no search found it.
    alone = a_run(bench, 1, sparsities=[0.25])
    assert one(alone, stage="confirm", control=None, scorer="magnitude").evaluations is None
    text = alone.to_markdown()
    assert "evaluations on dev" not in text
    assert "no random search (controls.searched): no confirmed cell was found by a search on dev" in text
    assert not of(alone, control="searched")


def test_one_search_is_shown_and_not_tested(bench: Bench) -> None:
    results = a_run(bench, 1)
    assert len(of(results, control="searched")) == 1
    assert not [e for e in results.evidence if e.against == "searched"]
    assert "searched: Δ of the best on dev" in results.to_markdown()


def test_exact_removal_on_dev_has_a_rival_too(bench: Bench) -> None:
    """An explicit cell, chosen by nothing but its scorer: 8 heads one by one."""
    cells = [[{"granularity": "head", "scorer": {"scorer": "oracle", "on": "stsb-dev"}, "sparsity": 0.25}]]
    none: dict[str, Any] = {key: [] for key in ("scorers", "granularities", "sparsities")}
    results = a_run(bench, 1, cells=cells, **none)
    (rival,) = of(results, control="searched")
    assert (rival.evaluations, rival.stage) == (8, "confirm")
    assert rival.draw in range(8)


def test_what_is_finished_is_not_computed_again(bench: Bench) -> None:
    first = a_run(bench, 1)
    bench.clear()
    again = a_run(bench, 1)
    assert bench.encodes == 0
    assert [row.draw for row in of(again, control="searched")] == [row.draw for row in of(first, control="searched")]


def test_random_searches_do_not_share_masks(bench: Bench) -> None:
    job = bench.job(sparsities=[0.25, 0.5], confirm=["stsb"], controls={"searched": 3, "control_seed": 7})
    with Store(bench.store) as store:
        model_run = prepare_model_run(job, job.recipe.model[0], store, Timings(), bench.watch)
        counts = counted(job, model_run, job.plan.cells)
        assert list(counts.values()) == [2, 2]
        for searches in candidates(job, counts).values():
            assert [[mask.draw for mask in drawn] for drawn in searches] == [[7, 8], [9, 10], [11, 12]]
