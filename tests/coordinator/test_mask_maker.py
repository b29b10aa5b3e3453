"""The masks of cells whose steps span granularities, against masks that are put together here."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray
from torch import Tensor

from ablate.coordinator.mask_maker import MaskMaker
from ablate.coordinator.model_run import ModelRun
from ablate.coordinator.run import prepare_model_run
from ablate.engine.collect import collect
from ablate.granularities.base import Granularity
from ablate.granularities.head import Head
from ablate.granularities.neuron import Neuron
from ablate.granularities.units import Units, name_of
from ablate.models.losses import ALIGN, UNIFORM
from ablate.models.masked import masked
from ablate.plan.plan import Cell, Step
from ablate.recipe.values import Sparsity
from ablate.scorers.base import Scorer, View
from ablate.scorers.combined import Combined
from ablate.scorers.oracle import Oracle
from ablate.scorers.statistics import GradientContribution
from ablate.store.store import Store
from ablate.testing.samples import sample_calibration, sample_tasks
from ablate.timing import Timings
from tests.bench import Bench, make_bench, of, one, pairs
from tests.coordinator.test_run import (
    HEADS,
    LAYERS,
    NEURONS,
    PER_HEAD,
    PER_NEURON,
    dense_model,
    remove_heads,
    remove_neurons,
    score,
)

HEAD, NEURON = Head(min_keep=0), Neuron(min_keep=0)
UNITS: dict[Granularity, int] = {HEAD: LAYERS * HEADS, NEURON: LAYERS * NEURONS}
BOTH = {
    "granularity": [{"granularity": "head", "min_keep": 0}, {"granularity": "neuron", "min_keep": 0}],
    "scorer": "combined",
    "sparsity": {"head": 0.25, "neuron": 0.125},
}
LABEL = "head+neuron combined 25 % + 12.5 %"


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return make_bench(tmp_path, monkeypatch)


@pytest.fixture
def model_run(bench: Bench) -> Iterator[ModelRun]:
    """Of a recipe that has a calibration set drawn."""
    job = bench.job(scorers=["combined", "correlation"])
    with Store(bench.store) as store:
        yield prepare_model_run(job, job.recipe.model[0], store, Timings(), bench.watch)


def step(*sparsities: tuple[Granularity, Sparsity], scorer: Scorer | None = None, **more: Any) -> Step:
    return Step(sparsities, scorer or Combined(), "combined", **more)


def mask_of(masks: MaskMaker, *steps: Step) -> dict[str, NDArray[np.bool_]]:
    return masks.make(Cell(steps)).units.masks


def gone(units: Mapping[str, NDArray[np.bool_]], granularity: Granularity) -> list[int]:
    return np.flatnonzero(~units[name_of(granularity)]).tolist()


def combined_by_hand(model_run: ModelRun, granularity: Granularity, units: Units) -> NDArray[np.float64]:
    """``½ |align| / ‖align‖ + ½ |uniform| / ‖uniform‖`` of a model whose units are removed."""
    statistics = [GradientContribution(loss, "absolute") for loss in (ALIGN, UNIFORM)]
    with masked(model_run.model, units.keep(model_run.model)):
        found = collect(model_run.model, model_run.calibration, [(granularity, s) for s in statistics]).gradients
    align, uniform = (found[granularity, statistic].double().numpy() for statistic in statistics)
    total: NDArray[np.float64] = align / np.linalg.norm(align) / 2 + uniform / np.linalg.norm(uniform) / 2
    return total


def test_it_is_the_two_masks_that_are_scored_on_the_dense_model(bench: Bench, model_run: ModelRun) -> None:
    masks = model_run.masks
    both = masks.make(Cell((step((HEAD, 0.25), (NEURON, 0.125)),)))
    assert bench.passes == ["pass: gradient of align", "pass: gradient of uniform"], "one collect for both"
    alone = mask_of(masks, step((HEAD, 0.25))) | mask_of(masks, step((NEURON, 0.125)))
    assert len(bench.passes) == 2, "the contributions are those of steps of one granularity"
    assert both.units.masks.keys() == alone.keys()
    for granularity, count in ((HEAD, 2), (NEURON, 16)):
        by_hand = combined_by_hand(model_run, granularity, Units()).argsort()[:count]
        assert gone(both.units.masks, granularity) == sorted(by_hand.tolist()) == gone(alone, granularity)
    assert both.about == {
        "cell": LABEL,
        "units_total": None,
        "units_removed": None,
        "sparsity_achieved": None,
        "params_removed": 2 * PER_HEAD + 16 * PER_NEURON,
    }


def test_it_is_not_the_sequence(model_run: ModelRun) -> None:
    masks = model_run.masks
    both = mask_of(masks, step((HEAD, 0.5), (NEURON, 0.25)))
    heads_first = mask_of(masks, step((HEAD, 0.5)), step((NEURON, 0.25)))
    assert gone(both, HEAD) == gone(heads_first, HEAD)
    # Neurons are scored without those heads there, with them here.
    assert gone(both, NEURON) != gone(heads_first, NEURON)
    units = Units().with_mask(HEAD, heads_first[name_of(HEAD)])
    assert gone(heads_first, NEURON) == sorted(combined_by_hand(model_run, NEURON, units).argsort()[:32].tolist())


def test_in_steps_both_are_scored_again_under_the_mask_of_both(bench: Bench, model_run: ModelRun) -> None:
    found = mask_of(model_run.masks, step((HEAD, 0.375), (NEURON, 0.1875), steps=3))
    assert sorted(bench.passes) == ["pass: gradient of align"] * 3 + ["pass: gradient of uniform"] * 3
    units = Units()
    for _ in range(3):
        scores = {g: combined_by_hand(model_run, g, units) for g in (HEAD, NEURON)}
        for granularity, share in ((HEAD, 1), (NEURON, 8)):
            mask = units.masks.get(name_of(granularity), np.ones(UNITS[granularity], bool)).copy()
            left = np.flatnonzero(mask)
            mask[left[scores[granularity][left].argsort()[:share]]] = False
            units = units.with_mask(granularity, mask)
    assert {name: mask.tolist() for name, mask in found.items()} == {n: m.tolist() for n, m in units.masks.items()}
    at_once = mask_of(model_run.masks, step((HEAD, 0.375), (NEURON, 0.1875)))
    assert gone(at_once, NEURON) != gone(found, NEURON)


def test_controls_take_as_many_of_each_layer_and_granularity_and_the_highest(model_run: ModelRun) -> None:
    masks, cell = model_run.masks, Cell((step((HEAD, 0.375), (NEURON, 0.1875)),))
    chosen = masks.make(cell).units.masks
    layers = {name_of(g): g.layers(model_run.model).numpy() for g in (HEAD, NEURON)}
    per_layer = {name: np.bincount(layers[name][~mask], minlength=2).tolist() for name, mask in chosen.items()}
    draws = [masks.make(cell.as_control("matched", seed)).units.masks for seed in range(6)]
    for drawn in draws:
        assert {n: np.bincount(layers[n][~mask], minlength=2).tolist() for n, mask in drawn.items()} == per_layer
    assert len({drawn[name_of(HEAD)].tobytes() for drawn in draws}) > 1
    assert len({drawn[name_of(NEURON)].tobytes() for drawn in draws}) == 6
    flipped = masks.make(cell.as_control("flipped")).units.masks
    for granularity, count in ((HEAD, 3), (NEURON, 24)):
        highest = combined_by_hand(model_run, granularity, Units()).argsort()[-count:]
        assert gone(flipped, granularity) == sorted(highest.tolist())


class Heaviest(Scorer):
    """A unit's weight as a share of all units' that are scored with it: those of several granularities compete."""

    name: ClassVar[str] = "heaviest"
    help: ClassVar[str] = "for a test"
    calls: ClassVar[list[list[str]]] = []

    def statistics(self) -> tuple[GradientContribution, ...]:
        return (GradientContribution(ALIGN, "absolute"),)

    def score(self, view: View) -> Tensor:
        return self.score_together({view.granularity: view})[view.granularity]

    def score_together(self, views: Mapping[Granularity, View]) -> Mapping[Granularity, Tensor]:
        self.calls.append([granularity.name for granularity in views])
        by_granularity = {g: view.gradients[self.statistics()[0]] for g, view in views.items()}
        total = sum(contributions.sum() for contributions in by_granularity.values())
        return {g: contributions / total for g, contributions in by_granularity.items()}


def test_what_is_scored_together_is_stored_as_such(bench: Bench, model_run: ModelRun) -> None:
    Heaviest.calls.clear()
    masks, both = model_run.masks, step((HEAD, 0.25), (NEURON, 0.125), scorer=Heaviest())
    masks.collect_for([Cell((both,))])
    assert Heaviest.calls == [["head", "neuron"]]
    together = masks.scores.of_dense(both)
    assert together is not None
    assert sum(float(of.sum()) for of in together.values()) == pytest.approx(1)
    mask_of(masks, both)
    mask_of(masks, step((HEAD, 0.5), (NEURON, 0.5), scorer=Heaviest()))
    assert Heaviest.calls == [["head", "neuron"]], "out of the store"
    assert bench.passes == ["pass: gradient of align"]
    mask_of(masks, step((HEAD, 0.25), scorer=Heaviest()))
    assert Heaviest.calls == [["head", "neuron"], ["head"]], "another set of granularities gives others"
    alone = masks.scores.of_dense(step((HEAD, 0.0), scorer=Heaviest()))
    assert alone is not None
    assert float(alone[HEAD].sum()) == pytest.approx(1)


def test_contributions_that_take_a_pass_are_not_made_by_asking(bench: Bench, model_run: ModelRun) -> None:
    assert model_run.masks.scores.of_dense(step((HEAD, 0.25), (NEURON, 0.125))) is None
    assert bench.passes == []


class TrainedHeaviest(Heaviest):
    name: ClassVar[str] = "trained-heaviest"

    @property
    def trains(self) -> int:
        return 1


@pytest.mark.parametrize(("scorer", "again"), [(Heaviest(), True), (TrainedHeaviest(), False)])
def test_a_map_repeats_a_pass_but_no_training(model_run: ModelRun, scorer: Scorer, again: bool) -> None:
    found = model_run.masks.scores.of_dense(step((HEAD, 0.25), scorer=scorer), done=True)
    assert (found is not None) is again


def test_the_copies_keep_all_but_what_they_change(model_run: ModelRun) -> None:
    tasks = sample_tasks(["sts-dev"])
    masks = dataclasses.replace(model_run.masks, tasks=tasks)
    masks.scores.layers_of(HEAD)
    other = dataclasses.replace(masks.model, hash="other")
    calibration = sample_calibration()
    cell = Cell((step((HEAD, 0.25)),))
    for copy, changed in ((masks.for_model(other), "model"), (masks.with_calibration(calibration), "calibration")):
        # Other weights are not in other processes.
        differs = (changed, "chunks") if changed == "model" else (changed,)
        fields = [f.name for f in dataclasses.fields(MaskMaker) if f.init and f.name not in differs]
        assert all(getattr(copy, name) is getattr(masks, name) for name in fields)
        assert copy.key(cell) != masks.key(cell)
        assert copy.scores._layers == {}
    assert (masks.for_model(other).model, masks.with_calibration(calibration).calibration) == (other, calibration)
    looks_at_tasks = Cell((step((HEAD, 0.25), scorer=Oracle()),))
    assert masks.with_calibration(calibration).key(looks_at_tasks) == masks.key(looks_at_tasks)


RUN: dict[str, Any] = {
    "scorers": [],
    "granularities": [],
    "sparsities": [],
    "cells": [[BOTH], [BOTH | {"steps": 2}]],
    "controls": {"matched": 2, "flipped": True},
    "confirm": ["stsb"],
    "statistics": {"resamples": 200},
}


def test_a_run_from_end_to_end(bench: Bench, model_run: ModelRun) -> None:
    results = bench.run(**RUN)
    row = one(results, cell=LABEL, stage="confirm", control=None)
    assert {row.granularity, row.scorer, row.sparsity, row.scope, row.seed} == {None}
    assert row.units_total is row.units_removed is row.sparsity_achieved is None
    assert row.params_removed == 2 * PER_HEAD + 16 * PER_NEURON
    assert (row.status, row.steps, row.chosen) == ("ok", 1, True)
    assert row.verdict is not None
    heads, neurons = (combined_by_hand(model_run, g, Units()).argsort() for g in (HEAD, NEURON))
    model = dense_model(bench)
    remove_heads(model, heads[:2].tolist())
    remove_neurons(model, neurons[:16].tolist())
    assert row.score == pytest.approx(score(model, pairs(0, 40)), abs=1e-3)
    controls = of(results, control_of=row.key, stage="confirm")
    assert [(c.control, c.draw) for c in controls] == [("matched", 0), ("matched", 1), ("flipped", None)]
    assert {c.params_removed for c in controls} == {row.params_removed}
    assert one(results, stage="screen", steps=2).cell == f"{LABEL} in 2 steps"
    bench.clear()
    again = bench.run(**RUN)
    assert (again.about.computed, again.about.failed, bench.passes) == (0, 0, [])
    assert [r.score for r in again.rows] == [r.score for r in results.rows]
