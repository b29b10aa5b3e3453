"""A run from end to end: every figure of a row against one worked out here."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from scipy.stats import spearmanr
from sentence_transformers import SentenceTransformer
from torch import Tensor

import ablate.coordinator.model_run
from ablate.coordinator.run import prepare_model_run
from ablate.engine.select import select
from ablate.errors import AblateError, StoreError
from ablate.judge.effects import stages
from ablate.record import FIELDS
from ablate.report.html.gather import gather
from ablate.report.html.page import render_html
from ablate.report.html.provenance import Origin, facts
from ablate.report.layout import of_models
from ablate.report.results import Results
from ablate.store.store import Store
from ablate.timing import Timings
from tests.bench import Bench, known, make_bench, of, one, pairs, write_set

HEADS, SIZE, WIDTH, NEURONS, LAYERS = 4, 8, 32, 64, 2
WEIGHTS = LAYERS * (4 * WIDTH * WIDTH + 2 * WIDTH * NEURONS)
PER_HEAD = 3 * (SIZE * WIDTH + SIZE) + WIDTH * SIZE
PER_NEURON = WIDTH + 1 + WIDTH
LINEARS = (
    "attention.self.query",
    "attention.self.key",
    "attention.self.value",
    "attention.output.dense",
    "intermediate.dense",
    "output.dense",
)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return make_bench(tmp_path, monkeypatch)


def backbone(model: SentenceTransformer) -> Any:
    return cast(Any, model[0]).model


def linear(model: SentenceTransformer, layer: int, name: str) -> Any:
    return backbone(model).get_submodule(f"encoder.layer.{layer}.{name}")


def lowest(contributions: Tensor, count: int) -> list[int]:
    return [int(i) for i in contributions.flatten().argsort()[:count]]


def head_magnitudes(model: SentenceTransformer) -> Tensor:
    """[layers × heads]: the L2 norm of each head's columns of the output projection."""
    weights = [linear(model, layer, "attention.output.dense").weight for layer in range(LAYERS)]
    return torch.cat([weight.detach().square().sum(0).view(HEADS, SIZE).sum(1).sqrt() for weight in weights])


def remove_heads(model: SentenceTransformer, heads: list[int]) -> None:
    for unit in heads:
        layer, head = divmod(unit, HEADS)
        linear(model, layer, "attention.output.dense").weight.data[:, head * SIZE : (head + 1) * SIZE] = 0


def remove_neurons(model: SentenceTransformer, neurons: list[int]) -> None:
    for unit in neurons:
        layer, neuron = divmod(unit, NEURONS)
        linear(model, layer, "output.dense").weight.data[:, neuron] = 0


def neuron_magnitudes(model: SentenceTransformer) -> Tensor:
    return torch.cat([linear(model, layer, "output.dense").weight.detach().norm(dim=0) for layer in range(LAYERS)])


def weights(model: SentenceTransformer) -> list[Tensor]:
    return [linear(model, layer, name).weight for layer in range(LAYERS) for name in LINEARS]


def score(model: SentenceTransformer, content: list[tuple[str, str, float]]) -> float:
    """Spearman × 100 of cosine and gold, from sentence-transformers' own embeddings."""
    left, right = (torch.tensor(model.encode([pair[side] for pair in content])) for side in (0, 1))
    cosines = torch.nn.functional.cosine_similarity(left, right)
    return 100 * float(spearmanr(cosines.numpy(), [gold for *_, gold in content]).statistic)


def dense_model(bench: Bench) -> SentenceTransformer:
    return SentenceTransformer(str(bench.model), device="cpu")


def test_one_cell_of_heads_against_a_model_masked_by_hand(bench: Bench) -> None:
    results = bench.run(sparsities=[0.25], screen=["stsb-dev", "sickr-dev"])
    model = dense_model(bench)
    dense = {"stsb-dev": score(model, pairs(1, 30)), "sickr-dev": score(model, pairs(4, 12, 1.0))}
    gone = lowest(head_magnitudes(model), 2)
    remove_heads(model, gone)
    masked = {"stsb-dev": score(model, pairs(1, 30)), "sickr-dev": score(model, pairs(4, 12, 1.0))}
    assert len(results) == 4
    for task, n in (("stsb-dev", 30), ("sickr-dev", 12)):
        row = one(results, task=task, cell="dense")
        assert {row.scorer, row.granularity, row.scope, row.seed, row.sparsity} == {None}
        assert (row.steps, row.units_removed, row.params_removed, row.sparsity_achieved) == (0, 0, 0, 0)
        assert row.score == row.dense == pytest.approx(dense[task], abs=1e-3)
        assert row.delta == 0
        row = one(results, task=task, scorer="magnitude")
        assert row.score == pytest.approx(masked[task], abs=1e-3)
        assert row.delta == known(row.score) - known(row.dense) != 0
        assert (row.n, row.n_clean, row.status, row.reason) == (n, n, "ok", None)
        assert (row.metric, row.unit, row.higher_is_better, row.split) == (
            "spearman",
            "points",
            True,
            "dev",
        )
        assert (row.granularity, row.scope, row.seed, row.sparsity, row.steps) == (
            "head",
            "global",
            None,
            0.25,
            1,
        )
        assert (row.units_removed, row.units_total, row.sparsity_achieved) == (2, 8, 0.25)
        assert row.params_removed == 2 * PER_HEAD == 2 * 1048
        assert row.params_total == sum(p.numel() for p in backbone(dense_model(bench)).parameters())
        assert known(row.seconds) > 0
        assert (row.stage, row.data, row.model) == ("screen", "senteval", "model")
    assert results.about.computed == 2
    assert (results.about.cached, results.about.failed) == (0, 0)


def test_neurons_and_weights_against_a_model_masked_by_hand(bench: Bench) -> None:
    results = bench.run(granularities=["neuron", "unstructured"], sparsities=[0.3])
    row, model = one(results, granularity="neuron"), dense_model(bench)
    remove_neurons(model, lowest(neuron_magnitudes(model), 38))
    assert (row.units_removed, row.params_removed) == (38, 38 * PER_NEURON) == (38, 38 * 65)
    assert row.sparsity_achieved == 38 / 128
    assert row.score == pytest.approx(score(model, pairs(1, 30)), abs=1e-3)
    row, model = one(results, granularity="unstructured"), dense_model(bench)
    threshold = torch.cat([w.detach().abs().flatten() for w in weights(model)]).sort().values[round(0.3 * WEIGHTS) - 1]
    for weight in weights(model):
        weight.data[weight.data.abs() <= threshold] = 0
    assert row.units_total == WEIGHTS == 16384
    assert row.units_removed == row.params_removed == round(0.3 * WEIGHTS)
    assert row.score == pytest.approx(score(model, pairs(1, 30)), abs=1e-3)


def step(granularity: str, sparsity: float, scorer: str | dict[str, Any] = "magnitude", **more: Any) -> dict[str, Any]:
    return {"granularity": granularity, "scorer": scorer, "sparsity": sparsity, **more}


def run_cells(bench: Bench, *cells: list[dict[str, Any]]) -> Results:
    return bench.run(scorers=[], granularities=[], sparsities=[], cells=list(cells))


def test_a_cell_of_two_granularities(bench: Bench) -> None:
    results = run_cells(bench, [step("head", 0.25), step("neuron", 0.1)], [step("neuron", 0.1), step("head", 0.25)])
    heads_first, neurons_first = of(results, task="stsb-dev")[1:]
    for row in (heads_first, neurons_first):
        assert {row.granularity, row.scorer, row.sparsity, row.scope, row.seed} == {None}
        assert row.units_removed is row.units_total is row.sparsity_achieved is None
        assert row.params_removed == 2 * PER_HEAD + 13 * PER_NEURON
        assert row.steps == 2
    assert heads_first.cell == "head magnitude 25 % > neuron magnitude 10 %"
    # The order is part of what a cell is; magnitude finds the same units in either, so they share the evaluation.
    assert heads_first.key != neurons_first.key
    assert heads_first.score == neurons_first.score
    assert bench.encodes == 2
    model = dense_model(bench)
    remove_heads(model, lowest(head_magnitudes(model), 2))
    remove_neurons(model, lowest(neuron_magnitudes(model), 13))
    assert heads_first.score == pytest.approx(score(model, pairs(1, 30)), abs=1e-3)


def test_a_later_step_scores_the_model_that_the_earlier_left(bench: Bench) -> None:
    signed = {"scorer": "align", "sign": "signed"}
    cells = [
        [step("head", 0.25, scorer=signed), step("head", 0.25, scorer=signed)],
        [step("head", 0.5, scorer=signed)],
    ]
    twice, once = of(run_cells(bench, *cells), task="stsb-dev")[1:]
    assert (twice.units_removed, once.units_removed) == (4, 4)
    assert bench.passes == ["pass: gradient of align"] * 2
    assert twice.granularity is None
    assert once.granularity == "head"


def test_removed_units_are_not_removed_again(bench: Bench) -> None:
    cells = [step("head", 0.25), step("unstructured", 0.1)], [step("head", 0.25), step("head", 0.25)]
    mixed, twice = of(run_cells(bench, *cells), task="stsb-dev")[1:]
    # A head's weights in the prunable linears are gone already; its biases are no units.
    assert mixed.params_removed == 2 * PER_HEAD + round(0.1 * WEIGHTS)
    assert (twice.units_removed, twice.params_removed) == (4, 4 * PER_HEAD)
    model = dense_model(bench)
    remove_heads(model, lowest(head_magnitudes(model), 4))
    assert twice.score == pytest.approx(score(model, pairs(1, 30)), abs=1e-3)


@pytest.mark.parametrize("granularity", ["head", "neuron"])
@pytest.mark.parametrize("scope", ["global", "layer"])
def test_a_later_step_removes_its_share_beyond_what_is_gone(bench: Bench, granularity: str, scope: str) -> None:
    # The first step takes unevenly from the layers; the second asks for the same share of each, of what is left.
    first, second = step(granularity, 0.3), step(granularity, 0.15, scope=scope)
    row = of(run_cells(bench, [first, second]))[1]
    units = known(row.units_total)
    assert row.units_removed == round(0.3 * units) + round(0.15 * units)


def test_the_weights_of_a_cell_of_heads_then_weights(bench: Bench) -> None:
    row = of(run_cells(bench, [step("head", 0.25), step("unstructured", 0.1)]))[1]
    model = dense_model(bench)
    heads = lowest(head_magnitudes(model), 2)
    for unit in heads:
        layer, head = divmod(unit, HEADS)
        rows = slice(head * SIZE, (head + 1) * SIZE)
        for name in LINEARS[:3]:
            linear(model, layer, name).weight.data[rows] = 0
            linear(model, layer, name).bias.data[rows] = 0
    remove_heads(model, heads)
    left = torch.cat([w.detach().abs()[w != 0] for w in weights(model)]).sort().values
    for weight in weights(model):
        weight.data[weight.data.abs() <= left[round(0.1 * WEIGHTS) - 1]] = 0
    assert row.score == pytest.approx(score(model, pairs(1, 30)), abs=1e-3)


def test_steps_score_again_between_and_remove_as_many_in_all(bench: Bench) -> None:
    results = bench.run(scorers=["align", "uniform", "magnitude"], sparsities=[0.5], steps=3)
    assert sorted(bench.passes) == ["pass: gradient of align"] * 3 + ["pass: gradient of uniform"] * 3
    for scorer in ("align", "uniform", "magnitude"):
        row = one(results, scorer=scorer)
        assert (row.units_removed, row.steps, row.sparsity) == (4, 3, 0.5)
    with Store(bench.store) as store:
        for scorer in ("align", "uniform", "magnitude"):
            job = bench.job(scorers=[scorer], sparsities=[0.5])
            subject = prepare_model_run(job, job.recipe.model[0], store, Timings(), bench.events.append)
            assert subject.masks.make(job.plan.cells[0]).about["units_removed"] == 4


def test_steps_take_equal_shares(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    gone: list[int] = []

    def counted(*args: Any, **named: Any) -> Any:
        mask = select(*args, **named)
        gone.append(int((~mask).sum()))
        return mask

    monkeypatch.setattr("ablate.engine.prune.select", counted)
    bench.run(granularities=["neuron"], sparsities=[0.25], steps=4)
    assert gone == [8, 16, 24, 32]


def test_scorers_that_choose_the_same_units_share_one_evaluation(bench: Bench) -> None:
    scorers = [{"scorer": "align", "label": "a"}, {"scorer": "combined", "lambda": 1.0, "label": "b"}]
    results = bench.run(scorers=scorers)
    a, b = one(results, scorer="a"), one(results, scorer="b")
    assert a.key != b.key
    assert (a.score, a.cached, b.cached) == (b.score, False, True)
    assert bench.encodes == 2
    assert (results.about.computed, results.about.cached) == (2, 1)


def test_removing_nothing_is_dense(bench: Bench) -> None:
    row = one(bench.run(sparsities=[0.0]), scorer="magnitude")
    assert (row.delta, row.units_removed, row.params_removed) == (0, 0, 0)
    assert bench.encodes == 1


def test_the_cells_begin_when_all_is_collected(bench: Bench) -> None:
    bench.run(scorers=["align", "uniform"], granularities=["head", "neuron"])
    events = [event for event in bench.events if event.kind not in ("forecast", "load") and event.part != "statistics"]
    assert [event.text for event in events][2:4] == ["pass: gradient of align", "pass: gradient of uniform"]
    assert [event.kind for event in events] == ["note"] * 2 + ["pass"] * 2 + ["begin"] + ["cell"] * 5
    assert events[4].total == 5


def test_how_a_model_was_loaded_is_noted_and_recorded(bench: Bench) -> None:
    weights = load_file(bench.model / "model.safetensors")
    save_file(weights | {"cls.bias": torch.zeros(2)}, bench.model / "model.safetensors", metadata={"format": "pt"})
    results = bench.run(scorers=["magnitude"], granularities=["head"])
    remark = "1 weights of the checkpoint are not used, such as 'cls.bias'"
    assert f"model 'model': {remark}" in [event.text for event in bench.events if event.kind == "note"]
    assert results.about.remarks == {"model": (remark,)}
    (_, run), *_ = facts(results, Origin())
    assert dict(run)["model, as loaded"] == remark


def test_a_set_of_another_size_than_the_published_one_is_named_in_every_table(bench: Bench) -> None:
    results = bench.run(
        scorers=["magnitude"], granularities=["head"], screen=["stsb-dev", "align-dev"], confirm=["stsb"]
    )
    deviation = "30 pairs, and the standard set has 1,500"
    assert results.about.deviations == {
        "stsb-dev": deviation,
        "align-dev": deviation,
        "stsb": "40 pairs, and the standard set has 1,379",
    }
    said = f"stsb-dev is not the standard set: {deviation}. Its scores are not comparable with published ones."
    tables = [table for block in of_models(results, stages(results)) for table in block.tables]
    named = [[note.split()[0] for note in table.notes if "is not the standard set" in note] for table in tables]
    assert named == [["stsb-dev"], ["align-dev"], ["stsb"], ["stsb"]][: len(tables)]
    assert said in tables[0].notes
    with Store(bench.store) as store:
        assert said in render_html(gather(store, results))


def test_screening_and_confirming(bench: Bench) -> None:
    results = bench.run(
        scorers=["align", "magnitude", "random"],
        sparsities=[0.25, 0.5],
        seeds=[0, 1],
        controls={"matched": 2, "flipped": True},
        confirm=["stsb", "sickr"],
    )
    screen, confirmed = of(results, stage="screen"), of(results, stage="confirm")
    assert len(screen) == 1 + 2 * (2 + 2)
    picked = {row.key: row for row in screen if row.chosen}
    for scorer in ("align", "magnitude"):
        deltas = {row.sparsity: known(row.delta_clean) for row in screen if row.scorer == scorer}
        (best,) = [row for row in picked.values() if row.scorer == scorer]
        assert deltas[best.sparsity] == max(deltas.values())
    assert len([row for row in picked.values() if row.scorer == "random"]) == 2
    for task in ("stsb", "sickr"):
        rows = [row for row in confirmed if row.task == task]
        plain = [row for row in rows if row.control is None and row.cell != "dense"]
        assert {row.key for row in plain} == set(picked)
        assert all(row.chosen for row in plain)
        controls = [row for row in rows if row.control]
        assert not any(row.chosen for row in controls)
        for row in plain:
            mine = [control for control in controls if control.control_of == row.key]
            own = sorted(((control.control, control.draw) for control in mine), key=str)
            assert own == ([] if row.scorer == "random" else [("flipped", None), ("matched", 0), ("matched", 1)])
    assert results.about.exploratory is False


def test_several_models_in_one_recipe(bench: Bench) -> None:
    models = [{"name": str(bench.model)}, {"name": str(bench.model), "pooling": "cls"}]
    results = bench.run(model=models, confirm=["stsb"])
    names = ["model", "model (cls)"]
    assert list(results.about.models) == names
    scores = {name: one(results, model=name, task="stsb", control=None, scorer="magnitude").score for name in names}
    assert scores[names[0]] != scores[names[1]]
    stages = [(row.model, row.stage) for row in results.rows]
    assert list(dict.fromkeys(stages)) == [(name, stage) for stage in ("screen", "confirm") for name in names]
    with Store(bench.store) as store:
        choice = store.runs()[-1].choice
    assert choice is not None
    assert list(choice) == names


def test_the_same_model_twice_is_refused(bench: Bench) -> None:
    with pytest.raises(AblateError, match="is listed twice; list it once"):
        bench.run(model=[str(bench.model), str(bench.model)])


def matched_units(bench: Bench, **given: Any) -> tuple[dict[str, Any], list[dict[str, Any]], list[dict[str, Any]]]:
    """The units of a recipe's only cell, of 5 matched draws and of the flipped control."""
    job = bench.job(**given)
    with Store(bench.store) as store:
        subject = prepare_model_run(job, job.recipe.model[0], store, Timings(), bench.events.append)
        (cell,) = job.plan.cells
        draws = [subject.masks.make(cell.as_control("matched", draw)).units.masks for draw in range(5)]
        flipped = subject.masks.make(cell.as_control("flipped")).units.masks
        return subject.masks.make(cell).units.masks, draws, [flipped]


@pytest.mark.parametrize("granularity", ["head", "neuron", "unstructured"])
def test_matched_controls_take_as_many_of_each_layer_and_flipped_the_highest(bench: Bench, granularity: str) -> None:
    base, draws, (flipped,) = matched_units(bench, granularities=[granularity], sparsities=[0.4])
    ((name, mask),) = base.items()
    per_layer = mask.reshape(LAYERS, -1).sum(1).tolist()
    assert [draw[name].reshape(LAYERS, -1).sum(1).tolist() for draw in draws] == [per_layer] * 5
    assert len({draw[name].tobytes() for draw in draws}) > 1
    model = dense_model(bench)
    magnitudes = {
        "head": head_magnitudes(model),
        "neuron": neuron_magnitudes(model),
        "unstructured": torch.cat([w.detach().abs().flatten() for w in weights(model)]),
    }[granularity].numpy()
    count = int((~mask).sum())
    assert int((~flipped[name]).sum()) == count
    kept, gone = magnitudes[flipped[name]], magnitudes[~flipped[name]]
    if granularity == "unstructured":
        assert gone.min() >= kept.max()
    else:  # every layer keeps its (now) highest: min_keep
        assert gone.mean() > kept.mean()
        assert gone.min() >= np.sort(kept)[: len(kept) - LAYERS].max(initial=0)


def test_a_matched_control_of_several_steps_removes_as_much(bench: Bench) -> None:
    given = {
        "scorers": [],
        "granularities": [],
        "sparsities": [],
        "cells": [[step("head", 0.4), step("unstructured", 0.3)]],
    }
    job = bench.job(**given)
    with Store(bench.store) as store:
        subject = prepare_model_run(job, job.recipe.model[0], store, Timings(), bench.events.append)
        (cell,) = job.plan.cells
        base = subject.masks.make(cell).about["params_removed"]
        assert base == 3 * PER_HEAD + round(0.3 * WEIGHTS)
        assert [subject.masks.make(cell.as_control("matched", d)).about["params_removed"] for d in range(4)] == [
            base
        ] * 4


def test_negative_sparsity_and_its_flipped_control_remove_as_many(bench: Bench) -> None:
    given = {"scorers": [{"scorer": "align", "sign": "signed"}], "sparsities": ["negative"]}
    base, draws, (flipped,) = matched_units(bench, **given)
    ((name, mask),) = base.items()
    with Store(bench.store) as store:
        subject = prepare_model_run(bench.job(**given), bench.recipe().model[0], store, Timings(), bench.events.append)
        ((key, step_),) = [(name, cell.steps[0]) for cell in bench.job(**given).plan.cells]
        found = subject.masks.scores.of_dense(step_)
        assert found is not None
        contributions = found[step_.granularity]
    assert 0 < int((~mask).sum()) < 8
    assert mask.tolist() == (contributions >= 0).tolist()
    assert int((~flipped[key]).sum()) == int((~mask).sum())
    assert len(draws) == 5


def test_limit_takes_the_first_cells_of_the_plan(bench: Bench) -> None:
    results = bench.run(scorers=["magnitude", "align"], limit=1)
    assert [row.scorer for row in results.rows] == [None, "magnitude"]
    assert bench.passes == []


def test_a_run_that_looks_at_no_calibration_needs_no_train_split(bench: Bench) -> None:
    (bench.data / "STS/STSBenchmark/sts-train.csv").unlink()
    assert one(bench.run(), scorer="magnitude").status == "ok"
    with pytest.raises(AblateError, match="sts-train"):
        bench.run(scorers=["align"])


def test_a_disk_that_fills_up_is_a_store_error_and_earlier_results_stay(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    puts = 0
    real = Store.put_results

    def put_results(self: Store, results: Any) -> None:
        nonlocal puts
        puts += 1
        if puts == 3:
            raise StoreError("store.db: database or disk is full")
        real(self, results)

    given: dict[str, Any] = {"sparsities": [0.25, 0.5, 0.7]}
    monkeypatch.setattr(Store, "put_results", put_results)
    with pytest.raises(StoreError, match="full"):
        bench.run(**given)
    monkeypatch.setattr(Store, "put_results", real)
    bench.clear()
    results = bench.run(**given)
    assert (results.about.cached, results.about.computed) == (2, 2)
    assert bench.encodes == 2


@pytest.mark.parametrize("method", ["put_scores", "put_mask"])
def test_a_disk_that_fills_up_while_scoring_is_a_store_error(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    def full(*_: Any) -> None:
        raise StoreError("store.db: database or disk is full")

    monkeypatch.setattr(Store, method, full)
    with pytest.raises(StoreError, match="full"):
        bench.run(scorers=["align"])


def test_rows_of_finished_stages_are_stored_when_a_run_breaks(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    real = ablate.coordinator.model_run.ModelRun.outcomes

    def outcomes(self: Any, stage: str, *rest: Any) -> Any:
        if stage == "confirm":
            raise KeyboardInterrupt
        return real(self, stage, *rest)

    monkeypatch.setattr(ablate.coordinator.model_run.ModelRun, "outcomes", outcomes)
    with pytest.raises(KeyboardInterrupt):
        bench.run(confirm=["stsb"])
    with Store(bench.store) as store:
        (info,) = store.runs()
        rows, about = store.rows(info.id), store.about(info.id)
    assert [(row["stage"], row["cell"]) for row in rows] == [("screen", "dense"), ("screen", "head magnitude 25 %")]
    assert set(rows[0]) == set(FIELDS)
    assert len(Results.from_plain(rows, about)) == 2
    assert info.choice is not None


def test_a_cell_listed_beside_the_grid_too_is_one_cell(bench: Bench) -> None:
    results = bench.run(cells=[[step("head", 0.25)]], confirm=["stsb"], controls={"matched": 0})
    assert len(of(results, stage="screen")) == len(of(results, stage="confirm")) == 2


def test_data_of_few_pairs_or_constant_gold_is_undefined_and_the_run_goes_on(bench: Bench) -> None:
    write_set(bench.data, "sickr-dev", pairs(9, 2, 1.0))
    write_set(bench.data, "sickr", [(a, b, 3.0) for a, b, _ in pairs(10, 8, 1.0)])
    results = bench.run(screen=["stsb-dev", "sickr-dev", "sickr"])
    for task, reason in (("sickr-dev", "2 pairs, fewer than 3"), ("sickr", "all 8 gold scores are equal")):
        for row in of(results, task=task):
            assert (row.status, row.reason) == ("undefined", reason)
            assert row.score is row.delta is row.dense is row.score_clean is row.delta_clean is None
    assert one(results, task="stsb-dev", scorer="magnitude").status == "ok"
    assert results.about.failed == 0
    assert "fewer than 3" in results.to_markdown()
    bench.clear()
    bench.run(screen=["stsb-dev", "sickr-dev", "sickr"])
    assert bench.encodes == 0


def test_a_model_that_gives_one_embedding_for_everything_is_undefined(bench: Bench) -> None:
    from safetensors.torch import load_file, save_file

    file = bench.model / "model.safetensors"
    tensors = load_file(file)
    for name in tensors:
        if name.endswith("layer.1.output.LayerNorm.weight"):
            tensors[name].zero_()
        if name.endswith("layer.1.output.LayerNorm.bias"):
            tensors[name].copy_(torch.linspace(0.3, 1.7, WIDTH))
    save_file(tensors, file, {"format": "pt"})
    for row in bench.run().rows:
        assert (row.status, row.reason) == ("undefined", "all 30 similarities are equal")
        assert row.score is None
