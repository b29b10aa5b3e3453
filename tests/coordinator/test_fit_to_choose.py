"""A task on which no gain could be seen does not choose, and says so; if no other can, the run ends in one line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from sentence_transformers import SentenceTransformer

from ablate.errors import DataError
from ablate.report.html.gather import gather
from ablate.report.html.page import render_html
from ablate.store.store import Store
from tests.bench import Bench, make_bench, of, one, pairs


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    made = make_bench(tmp_path, monkeypatch)
    rows = pairs(7, 30)
    _write(made, "good.csv", ["text1,text2,score", *(f"{a},{b},{gold}" for a, b, gold in rows)])
    # The positive is the anchor itself, so that every model is right.
    triplets = [(a, a, b) for a, b, gold in rows if gold < 5]
    _write(made, "right.csv", ["anchor,positive,negative", *map(",".join, triplets)])
    _write(made, "wrong.csv", ["anchor,positive,negative", *(f"{a},{n},{p}" for a, p, n in triplets)])
    # Two words more, but one sentence: every pair has cosine 1.
    _write(made, "flat.csv", ["text1,text2,score", *(f"{a},{a},{gold}" for a, _, gold in rows)])
    _write(made, "level.csv", ["text1,text2,label", *(f"{a},{a},{i % 2}" for i, (a, _, _) in enumerate(rows))])
    return made


def _write(bench: Bench, name: str, lines: Sequence[str]) -> None:
    (bench.root / name).write_text("\n".join(lines))


def _recipe(bench: Bench, *names: str, **given: Any) -> dict[str, Any]:
    kinds = {"right": "triplets", "wrong": "triplets", "level": "pairs", "few": "triplets"}
    tasks = {name: {"kind": kinds.get(name, "sts"), "file": str(bench.root / f"{name}.csv")} for name in names}
    return {
        "scorers": ["magnitude", "align"],
        "sparsities": [0.25, 0.5],
        "tasks": tasks,
        "screen": [*names],
        "confirm": ["sickr"],
        "controls": {"matched": 0},
        "statistics": {"resamples": 200},
    } | given


WHY = {
    "right": "dense has 100 points, the best there is",
    "wrong": "dense has 0 points, the worst there is, so that texts or gold may be swapped",
    "flat": "dense has no score: all 30 similarities are equal",
    "level": "dense has the same value on all 30 items",
}


@pytest.mark.parametrize("name", WHY)
@pytest.mark.parametrize("racing", [False, True])
def test_alone_it_ends_the_run_before_any_cell(bench: Bench, name: str, racing: bool) -> None:
    with pytest.raises(DataError) as refused:
        bench.run(**_recipe(bench, name, evaluate={"racing": racing}))
    assert str(refused.value) == (
        f"task '{name}' cannot choose: {WHY[name]}; screen on a task with more or harder items, or confirm "
        "{tasks: [...], cells: all}"
    )
    assert bench.encodes == 1, "dense alone"
    assert not bench.passes


@pytest.mark.parametrize("name", WHY)
@pytest.mark.parametrize("racing", [False, True])
def test_beside_another_it_does_not_choose(bench: Bench, name: str, racing: bool) -> None:
    given = {"evaluate": {"racing": racing}} if racing else {}
    results = bench.run(**_recipe(bench, "good", name, **given))
    assert f"task '{name}' cannot choose: {WHY[name]}" in [event.text for event in bench.events]
    about = results.about
    assert about.cannot_choose == {about.models[0]: {name: WHY[name]}}
    assert about.choosing == ("good",)
    alone = bench.run(store=bench.root / "other.db", **_recipe(bench, "good", **given))
    chosen = {row.cell for row in of(alone, stage="confirm") if row.chosen}
    assert chosen
    assert {row.cell for row in of(results, stage="confirm") if row.chosen} == chosen
    # Cells are evaluated on it as on any screen task.
    assert of(results, stage="screen", task=name)
    text = results.to_markdown().replace("\\", "")
    assert f"{name} did not choose: {WHY[name]}" in text
    assert "chosen on good (dev)" in text
    with Store(bench.store) as store:
        assert f"{name} did not choose: {WHY[name]}" in render_html(gather(store, results))
    assert alone.about.cannot_choose is None
    assert "cannot_choose" not in alone.about.to_dict()


def test_all_are_named(bench: Bench) -> None:
    with pytest.raises(DataError, match=r"task 'right' cannot choose: .*, nor can flat; screen on"):
        bench.run(**_recipe(bench, "right", "flat"))


def test_where_nothing_is_chosen_the_run_goes_on(bench: Bench) -> None:
    for given in ({"confirm": None}, {"confirm": {"tasks": ["sickr"], "cells": "all"}}):
        results = bench.run(**_recipe(bench, "right", **given))
        assert (results.about.cannot_choose or {}).popitem()[1] == {"right": WHY["right"]}
        assert one(results, cell="dense", task="right").score == 100


def test_a_search_by_swaps_needs_a_task_that_can_choose(bench: Bench) -> None:
    step = {"granularity": "head", "scorer": "magnitude", "sparsity": 0.25, "search": {"name": "swap", "most": 1}}
    given: dict[str, Any] = {"scorers": [], "granularities": [], "sparsities": [], "cells": [[step]], "confirm": None}
    with pytest.raises(DataError, match="task 'right' cannot choose: .*; screen on a task with more or harder items$"):
        bench.run(**_recipe(bench, "right", **given))
    both = bench.run(**_recipe(bench, "good", "right", **given))
    alone = bench.run(store=bench.root / "other.db", **_recipe(bench, "good", **given))
    units = [{row.key: row.evaluations for row in of(run, task="good")} for run in (both, alone)]
    assert units[0] == units[1], "the same mask under the same key"


def test_dense_counts_as_computed_in_the_run_that_evaluated_it(bench: Bench) -> None:
    for racing in (False, True):
        store = bench.root / f"{racing}.db"
        recipe = _recipe(bench, "good", evaluate={"racing": racing}, confirm=None)
        first, second = bench.run(store, **recipe), bench.run(store, **recipe)
        assert not one(first, cell="dense").cached
        assert one(second, cell="dense").cached
        assert (first.about.cached, first.about.computed) == (0, 5)
        assert (second.about.cached, second.about.computed) == (5, 0)


def test_standard_sets_are_not_looked_at(bench: Bench) -> None:
    results = bench.run(confirm=["sickr"], controls={"matched": 0})
    assert results.about.cannot_choose is None
    assert "screen, dense" not in [event.text for event in bench.events]


def _triplets(bench: Bench) -> tuple[list[str], list[str]]:
    """Triplets that dense gets right, and those that it gets wrong."""
    model = SentenceTransformer(str(bench.model), device="cpu")
    right: list[str] = []
    wrong: list[str] = []
    for i, ((anchor, one_text, _), (_, other, _)) in enumerate(zip(pairs(1, 40), pairs(2, 40), strict=True)):
        a, b, c = model.encode([f"{anchor} {i}", one_text, other], normalize_embeddings=True)
        better, worse = (one_text, other) if a @ b > a @ c else (other, one_text)
        if i % 2:
            right.append(f"{anchor} {i},{better},{worse}")
        else:
            wrong.append(f"{anchor} {i},{worse},{better}")
    return right, wrong


@pytest.mark.parametrize(("mistakes", "p"), [(1, 1.0), (5, 0.0625), (6, None)])
def test_too_few_items_for_what_is_left_to_gain(bench: Bench, mistakes: int, p: float | None) -> None:
    """Of m mistakes a perfect model makes none: by signs, the exact p is 2 / 2^m."""
    right, wrong = _triplets(bench)
    _write(bench, "few.csv", ["anchor,positive,negative", *right[:14], *wrong[:mistakes]])
    recipe = _recipe(bench, "few", statistics={"resamples": 20_000}, scorers=["magnitude"])
    if p is None:
        assert bench.run(**recipe).about.cannot_choose is None
        return
    with pytest.raises(DataError) as refused:
        bench.run(**recipe)
    told = re.match(
        rf"task 'few' cannot choose: its {14 + mistakes} items cannot tell dense, at {1400 / (14 + mistakes):.1f} points, "
        r"from a model that makes no mistake \(p = ([\d.]+), one test at 0.05\), let alone from one that gains less; screen",
        str(refused.value),
    )
    assert told
    assert float(told[1]) == pytest.approx(p, abs=0.006)
