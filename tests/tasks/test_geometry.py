"""Alignment and uniformity as tasks: against the losses, pair by pair, and in a run, where they choose nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import normalize

from ablate.data.items import ItemSet
from ablate.data.names import GEOMETRY
from ablate.data.senteval import SentEval
from ablate.data.sources import expand, resolve
from ablate.errors import DataError, RecipeError, Undefined
from ablate.models.losses import align_loss, uniform_loss
from ablate.plan.choose import mean_gains
from ablate.tasks import geometry
from ablate.tasks.geometry import (
    GEOMETRY_TASKS,
    AlignDev,
    AlignTask,
    AlignTest,
    Geometry,
    UniformDev,
    UniformTest,
    closeness,
)
from ablate.testing.samples import SampleSource
from tests.bench import Bench, essence, make_bench, of, write_set

EMBEDDED = resolve("embedded", {}).source


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return make_bench(tmp_path, monkeypatch)


def drawn(data: ItemSet, seed: int = 0, dim: int = 8) -> Tensor:
    return torch.randn(len(data.sentences), dim, generator=torch.manual_seed(seed))


def every(data: ItemSet) -> NDArray[np.bool_]:
    return np.ones(len(data), bool)


def score(task: Geometry, data: ItemSet, embeddings: Tensor) -> float:
    return task.score(data, task.measure(data, embeddings), every(data))


def pseudo(unit: Tensor) -> NDArray[np.float64]:
    """The stored values, term by term."""
    points = unit.double().numpy()
    n = len(points)
    mean = [np.mean([np.exp(-2 * np.sum((points[i] - points[j]) ** 2)) for j in range(n) if j != i]) for i in range(n)]
    values: NDArray[np.float64] = 2 * np.array(mean) - np.mean(mean)
    return values


def test_the_positives_are_the_pairs_with_gold_strictly_above_four() -> None:
    whole, positives = EMBEDDED.load("synthetic-dev"), AlignDev().load(EMBEDDED)
    expected = [
        (a, b, g, s) for a, b, g, s in zip(whole.left, whole.right, whole.gold, whole.subsets, strict=True) if g > 4
    ]
    assert 0 < len(expected) < len(whole)
    assert list(zip(positives.left, positives.right, positives.gold, positives.subsets, strict=True)) == expected
    assert (positives.name, positives.split, positives.source) == ("align-dev", "dev", EMBEDDED.label)


def test_uniformity_is_of_the_distinct_sentences() -> None:
    data = UniformDev().load(EMBEDDED)
    assert data.columns(1) == (data.sentences,) == (EMBEDDED.load("synthetic-dev").sentences,)


@pytest.mark.parametrize("task", [AlignDev(), AlignTest()])
def test_the_align_task_is_the_align_loss(task: Geometry) -> None:
    data = task.load(SampleSource())
    embeddings = drawn(data)
    unit = normalize(embeddings, dim=1)
    at = {sentence: unit[i] for i, sentence in enumerate(data.sentences)}
    left, right = (torch.stack([at[s] for s in side]) for side in (data.left, data.right))
    assert score(task, data, embeddings) == pytest.approx(float(align_loss(left, right)), abs=1e-6)
    values = task.measure(data, embeddings)
    assert values[1] == pytest.approx(float(((left[1] - right[1]) ** 2).sum()), rel=1e-5)
    assert task.score(data, values, np.arange(len(data)) == 1) == pytest.approx(values[1])
    assert task.measure(data, 7 * embeddings) == pytest.approx(values, abs=1e-5)


@pytest.mark.parametrize("task", [UniformDev(), UniformTest()])
@pytest.mark.parametrize("block", [1, 97, 1 << 22])
def test_the_uniform_task_is_the_uniform_loss_of_all_sentences(
    task: Geometry, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(geometry, "_BLOCK", block)
    data = task.load(EMBEDDED)
    embeddings = drawn(data)
    unit = normalize(embeddings, dim=1)
    assert score(task, data, embeddings) == pytest.approx(float(uniform_loss(unit)), abs=1e-5)
    assert float(uniform_loss(unit)) == pytest.approx(
        float(torch.pdist(unit).square().mul(-2).exp().mean().log()), abs=1e-5
    )


@settings(deadline=None, max_examples=30)
@given(st.integers(2, 9), st.integers(0, 1000))
def test_the_values_of_uniformity_term_by_term(n: int, seed: int) -> None:
    sentences = tuple((f"s {i}",) for i in range(n))
    data = ItemSet("x", "dev", "", sentences, np.full(n, 5.0), ("",) * n)
    embeddings = drawn(data, seed, 3)
    expected = pseudo(normalize(embeddings, dim=1))
    assert UniformDev().measure(data, embeddings) == pytest.approx(expected, abs=1e-6)


def test_equal_embeddings_are_at_the_end_of_the_scale_and_zeros_are_equal() -> None:
    for task in (AlignDev(), UniformDev()):
        data = task.load(SampleSource())
        for embeddings in (torch.ones(len(data.sentences), 4), torch.zeros(len(data.sentences), 4)):
            assert score(task, data, embeddings) == pytest.approx(0, abs=1e-6)
    data = AlignDev().load(SampleSource())
    opposite = torch.tensor([[1.0, 0], [-1, 0]]).repeat(len(data), 1)
    assert score(AlignDev(), data, opposite) == pytest.approx(4)


def test_resampling_the_values_of_uniformity_has_the_spread_that_resampling_sentences_has() -> None:
    generator = torch.manual_seed(0)
    n, dim = 60, 4
    shift = torch.tensor([1.0, 0, 0, 0])
    truth = [
        float(closeness(normalize(torch.randn(n, dim, generator=generator) + shift, dim=1)).mean().log())
        for _ in range(600)
    ]
    rng = np.random.default_rng(0)
    spreads: list[float] = []
    plain: list[float] = []
    for _ in range(60):
        h = closeness(normalize(torch.randn(n, dim, generator=generator) + shift, dim=1)).numpy()
        for found, values in ((spreads, 2 * h - h.mean()), (plain, h)):
            found.append(float(np.std([np.log(values[rng.integers(n, size=n)].mean()) for _ in range(200)])))
    assert np.mean(spreads) == pytest.approx(np.std(truth), rel=0.1)
    assert np.mean(plain) < 0.6 * np.std(truth)


def test_what_has_no_value_says_why() -> None:
    for task in (AlignDev(), UniformDev()):
        data = task.load(SampleSource())
        with pytest.raises(Undefined, match="no items"):
            task.score(data, task.measure(data, drawn(data)), np.zeros(len(data), bool))
    data = UniformDev().load(SampleSource())
    with pytest.raises(Undefined, match="no logarithm"):
        UniformDev().score(data, np.full(len(data), -0.1, np.float32), every(data))


def test_every_source_has_them(bench: Bench) -> None:
    folder = SentEval(bench.data)
    assert expand(["geometry", "sts-dev"], folder) == ("align-dev", "uniform-dev", "stsb-dev")
    assert expand(["geometry"], EMBEDDED) == GEOMETRY
    for source, names in ((folder, ("stsb-dev", "stsb")), (EMBEDDED, ("synthetic-dev", "synthetic"))):
        for tasks, name in zip((GEOMETRY_TASKS[:2], GEOMETRY_TASKS[2:]), names, strict=True):
            align, uniform = (task().load(source) for task in tasks)
            whole = source.load(name)
            assert uniform.sentences == whole.sentences
            assert set(align.keys) == {key for key, gold in zip(whole.keys, whole.gold, strict=True) if gold > 4}
            assert {align.split, uniform.split} == {whole.split}


def test_a_set_without_positives_is_refused(bench: Bench) -> None:
    write_set(bench.data, "stsb-dev", [("a b", "a c", 4.0), ("a b", "c", 1.0)])
    with pytest.raises(DataError, match="task 'align-dev': no pair of 'senteval' has gold above 4"):
        AlignDev().load(SentEval(bench.data))
    assert len(UniformDev().load(SentEval(bench.data))) == 3
    write_set(bench.data, "stsb-dev", [("a b", "a b", 5.0)])
    with pytest.raises(DataError, match="task 'uniform-dev': 'senteval' has 1 sentences, and the task needs 2"):
        UniformDev().load(SentEval(bench.data))


GRID: dict[str, Any] = {
    "scorers": ["magnitude", "align"],
    "granularities": ["head", "neuron"],
    "sparsities": [0.125, 0.25, 0.5],
    "confirm": ["stsb"],
    "controls": {"matched": 0},
}


def test_it_changes_neither_the_choice_nor_what_counts_as_seen(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = bench.run(**GRID, screen=["sts-dev"])
    score = AlignTask.score
    # So large that with a say in it, it would decide alone.
    monkeypatch.setattr(AlignTask, "score", lambda *args: 1e6 * score(*args))
    beside = bench.run(bench.root / "other.db", **GRID, screen=["sts-dev", "geometry"])
    assert {row.task for row in beside.rows} == {"stsb-dev", "stsb", *GEOMETRY}
    rest = [row for row in beside.rows if row.task not in GEOMETRY]
    assert essence(rest) == essence(plain.rows)
    with_a_say = mean_gains(of(beside, stage="screen"), clean=True)
    grid = {row.key: row for row in of(beside, stage="screen") if row.scorer}
    rivals = {key: (row.granularity, row.scorer) for key, row in grid.items()}
    best = {max((key for key in grid if rivals[key] == pair), key=with_a_say.__getitem__) for pair in rivals.values()}
    assert best != {key for key, row in grid.items() if row.chosen}
    for metric, task in (("align loss", "align-dev"), ("uniform loss", "uniform-dev")):
        (found,) = {(r.metric, r.unit, r.higher_is_better, r.split) for r in of(beside, task=task)}
        assert found == (metric, "loss", False, "dev")
        assert any(row.delta for row in of(beside, task=task))


def test_a_geometry_task_that_fails_vetoes_no_cell(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> NDArray[np.float32]:
        raise RuntimeError("no memory")

    monkeypatch.setattr(UniformDev, "measure", fail)
    results = bench.run(**GRID, screen=["sts-dev", "geometry"])
    assert {row.status for row in of(results, task="uniform-dev")} == {"failed"}
    assert sum(row.chosen for row in of(results, stage="confirm")) == 4


def test_alone_it_has_nothing_to_choose_by(bench: Bench) -> None:
    with pytest.raises(RecipeError, match=r"align-dev, uniform-dev cannot choose cells.*add a task such as sts-dev"):
        bench.job(**GRID, screen=["geometry"])
    for confirm in ({"tasks": ["stsb"], "cells": "all"}, None):
        job = bench.job(**{**GRID, "confirm": confirm}, screen=["geometry"])
        assert tuple(task.name for task in job.tasks.screen) == GEOMETRY


def test_a_group_mistyped_is_suggested(bench: Bench) -> None:
    with pytest.raises(RecipeError, match="did you mean 'geometry'"):
        bench.job(screen=["geometri"])
