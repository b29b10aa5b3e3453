"""Searches by swaps, from end to end, on a model of 8 heads: against every neighbor of the mask that they find."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from ablate.coordinator.dry_run import preview
from ablate.coordinator.model_run import ModelRun
from ablate.coordinator.run import prepare_model_run
from ablate.data.items import ItemSet
from ablate.engine.evaluator import Embeddings, Evaluator
from ablate.errors import RecipeError
from ablate.granularities.units import Units
from ablate.interrupts import Interrupted
from ablate.plan.plan import Cell
from ablate.store.keys import mask_hash
from ablate.store.store import Store
from ablate.tasks.sts import Sts
from ablate.testing.state import State
from ablate.timing import Timings
from tests.bench import Bench, essence, known, make_bench, of, one, pairs, write_set

HEADS, PER_LAYER = 8, 4
NONE: dict[str, Any] = {key: [] for key in ("scorers", "granularities", "sparsities")}
STEP: dict[str, Any] = {"granularity": "head", "scorer": "magnitude", "sparsity": 0.25}
BOTH: dict[str, Any] = {
    "granularity": ["head", "neuron"],
    "scorer": "align",
    "sparsity": {"head": 0.25, "neuron": 0.125},
    "search": {"name": "swap", "border": 2, "most": 3},
}


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return make_bench(tmp_path, monkeypatch)


def recipe(*steps: dict[str, Any], **given: Any) -> dict[str, Any]:
    swapped: tuple[dict[str, Any], ...] = steps or ({**STEP, "search": "swap"},)
    more = {"controls": {"matched": 0}, "statistics": {"resamples": 100}}
    return {"cells": [list(swapped)], **NONE, **more, **given}


@contextmanager
def opened(bench: Bench, **given: Any) -> Iterator[tuple[ModelRun, Cell]]:
    """The run of a recipe's model, and the recipe's first cell."""
    job = bench.job(**recipe(**given) if "cells" not in given else given)
    with Store(bench.store) as store:
        yield prepare_model_run(job, job.recipe.model[0], store, Timings(), bench.watch), job.plan.cells[0]


@dataclass
class Spy:
    """What is encoded: how often, and how many distinct sentences in total. fail: at which time to be interrupted."""

    calls: int = 0
    sentences: int = 0
    fail: int | None = None

    def watch_over(self, monkeypatch: pytest.MonkeyPatch) -> None:
        embed = Evaluator.embed

        def spied(evaluator: Evaluator, keep: Any, tasks: Any, *args: Any, **more: Any) -> Embeddings:
            if self.calls == self.fail:
                raise Interrupted
            self.calls += 1
            self.sentences += len({sentence for task in tasks for sentence in task.data.sentences})
            return embed(evaluator, keep, tasks, *args, **more)

        monkeypatch.setattr(Evaluator, "embed", spied)


def score_of(model_run: ModelRun, units: Units) -> float:
    """The mean score on all items of the screen tasks, each evaluated as a whole."""
    assert model_run.masks.swaps is not None
    tasks = model_run.masks.swaps.tasks
    results = Evaluator(model_run.model).evaluate(units.keep(model_run.model), tasks)
    return fmean(known(results[task.name].score) * (1 if task.task.higher_is_better else -1) for task in tasks)


def neighbors(units: Units) -> list[Units]:
    """Every mask that one swap of two heads gives, by the numbers of the heads; no layer loses its last head."""
    ((name, mask),) = units.masks.items()
    found = []
    for back in np.flatnonzero(~mask):
        for out in np.flatnonzero(mask):
            other: NDArray[np.bool_] = mask.copy()
            other[back], other[out] = True, False
            if other.reshape(-1, PER_LAYER).any(1).all():
                found.append(Units({name: other}, units.granularities))
    return found


def climbed(model_run: ModelRun, start: Units, most: int = 8) -> list[Units]:
    """The masks of the steepest ascent, each neighbor evaluated in full."""
    path = [start]
    while len(path) <= most:
        best = max(neighbors(path[-1]), key=lambda units: score_of(model_run, units))
        if score_of(model_run, best) <= score_of(model_run, path[-1]):
            break
        path.append(best)
    return path


def hashes(masks: Sequence[Units]) -> list[str | None]:
    return [mask_hash(units.masks) for units in masks]


@pytest.mark.parametrize("screen", [["stsb-dev"], ["stsb-dev", "sickr-dev"]])
def test_it_is_the_steepest_ascent_and_ends_where_no_swap_is_better(bench: Bench, screen: list[str]) -> None:
    with opened(bench, screen=screen) as (model_run, cell):
        state = State.of(model_run.model)
        found = model_run.masks.make(cell)
        assert state.changes(model_run.model) == []
        (step,) = cell.steps
        start = model_run.masks.make(Cell((replace(step, search=None),)))
        path = climbed(model_run, start.units)
        assert len(path) > 1, "a case in which swaps gain nothing tests nothing"
        assert found.hash == hashes(path)[-1]
        end = score_of(model_run, found.units)
        assert all(score_of(model_run, units) <= end for units in neighbors(found.units))
        assert end > score_of(model_run, start.units)
        # A mask that is a neighbor twice is scored once.
        scored = {one for units in path for one in hashes([units, *neighbors(units)])}
        assert found.about["evaluations"] == len(scored)
        assert found.about["swaps"] == len(path) - 1
        assert found.about["units_removed"] == 2


def test_most_ends_it_and_a_narrow_border_has_fewer_candidates(bench: Bench) -> None:
    search = {"name": "swap", "border": 1, "most": 1}
    with opened(bench, cells=[[{**STEP, "search": search}]], **NONE) as (model_run, cell):
        found = model_run.masks.make(cell)
        assert found.about["evaluations"] == 2
        assert int(str(found.about["swaps"])) <= 1
        assert str(cell) == "head magnitude 25 % with swaps (border 1, most 1)"


def test_within_layers_where_units_are_ranked_by_layer(bench: Bench) -> None:
    with opened(bench, cells=[[{**STEP, "scope": "layer", "search": "swap"}]], **NONE) as (model_run, cell):
        found = model_run.masks.make(cell)
        ((_, mask),) = found.units.masks.items()
        assert mask.reshape(-1, PER_LAYER).sum(1).tolist() == [PER_LAYER - 1] * 2
        within = [
            units
            for units in neighbors(found.units)
            if all(m.reshape(-1, PER_LAYER).sum(1).tolist() == [PER_LAYER - 1] * 2 for m in units.masks.values())
        ]
        assert len(within) == 6
        assert all(score_of(model_run, units) <= score_of(model_run, found.units) for units in within)


def test_heads_and_neurons_of_a_step_are_swapped_in_one_search(bench: Bench) -> None:
    with opened(bench, cells=[[BOTH]], **NONE) as (model_run, cell):
        found = model_run.masks.make(cell)
        (step,) = cell.steps
        start = model_run.masks.make(Cell((replace(step, search=None),)))
        removed = {name: int((~mask).sum()) for name, mask in found.units.masks.items()}
        assert sorted(removed.values()) == [2, 16]
        assert removed == {name: int((~mask).sum()) for name, mask in start.units.masks.items()}
        assert int(str(found.about["swaps"])) > 0
        assert score_of(model_run, found.units) > score_of(model_run, start.units)
        # Twice 2 × 2 candidates in each of at most 3 rounds, and the scorer's mask.
        assert 1 + 8 <= int(str(found.about["evaluations"])) <= 1 + 3 * 8


def test_steps_in_shares_and_after_one_another(bench: Bench) -> None:
    """Later steps are scored under the mask that an earlier search has found, and leave it as it is."""
    search = {"name": "swap", "border": 2, "most": 2}
    steps = [{**STEP, "steps": 2, "search": search}, {**STEP, "sparsity": 0.25, "search": search}]
    with opened(bench, cells=[steps], **NONE) as (model_run, cell):
        both, first = model_run.masks.make(cell), model_run.masks.make(Cell(cell.steps[:1]))
        ((_, mask),), ((_, before),) = both.units.masks.items(), first.units.masks.items()
        assert int((~mask).sum()) == 4
        assert not mask[~before].any()
        assert int(str(both.about["evaluations"])) > int(str(first.about["evaluations"])) > 1


def test_controls_and_rows(bench: Bench) -> None:
    given = recipe(confirm=["stsb"], controls={"matched": 2, "flipped": True, "searched": 2})
    given["cells"].append([STEP])
    results = bench.run(**given)
    swapped = one(results, stage="screen", scorer="magnitude with swaps", control=None)
    plain = one(results, stage="screen", scorer="magnitude", control=None)
    assert known(swapped.score) > known(plain.score)
    assert (swapped.cell, swapped.units_removed, plain.evaluations) == ("head magnitude 25 % with swaps", 2, None)
    confirmed = one(results, stage="confirm", scorer="magnitude with swaps", control=None)
    assert confirmed.evaluations == swapped.evaluations
    rivals = of(results, control="searched")
    assert [row.evaluations for row in rivals] == [swapped.evaluations] * 2
    # Without a search, so it is the same mask.
    flipped = of(results, control="flipped")
    assert len(flipped) == 2
    assert len({row.result for row in flipped}) == 1
    assert len({row.key for row in flipped}) == 2
    text = results.to_markdown()
    count = swapped.evaluations
    assert f"Chosen with {count} evaluations on dev, and set against the best of {count} random masks." in text
    # The items of the screen tasks are not clean where they report too.
    seen = bench.run(store=bench.root / "other.db", **recipe(confirm=["stsb-dev"]))
    assert one(seen, stage="confirm", scorer="magnitude with swaps").n_clean == 0


def test_interrupted_it_goes_on_where_it_was(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, spy = bench.run(store=bench.root / "whole.db", **recipe()), Spy()
    with monkeypatch.context() as patch:
        spy.watch_over(patch)
        bench.run(store=bench.root / "counted.db", **recipe())
    uninterrupted = spy.calls
    assert uninterrupted > 40
    for fail in (5, 30):
        store, spy = bench.root / f"{fail}.db", Spy(fail=fail)
        with monkeypatch.context() as patch:
            spy.watch_over(patch)
            with pytest.raises(KeyboardInterrupt):
                bench.run(store=store, **recipe())
            assert spy.calls == fail
            spy.fail = None
            results = bench.run(store=store, **recipe())
            assert spy.calls == uninterrupted
            assert essence(results.rows) == essence(whole.rows)
            bench.run(store=store, **recipe())
            assert spy.calls == uninterrupted


def test_sentences_are_those_that_were_encoded(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(bench) as (model_run, cell), monkeypatch.context() as patch:
        spy = Spy()
        spy.watch_over(patch)
        assert model_run.masks.make(cell).about["sentences"] == spy.sentences > 0


def test_candidates_that_cannot_be_the_best_stop(bench: Bench) -> None:
    write_set(bench.data, "stsb-dev", pairs(1, 400))
    with opened(bench) as (model_run, cell):
        found = model_run.masks.make(cell)
        assert model_run.masks.swaps is not None
        (task,) = model_run.masks.swaps.tasks
        every = int(str(found.about["evaluations"])) * len(task.data.sentences)
        assert int(str(found.about["sentences"])) < 0.95 * every
        end = score_of(model_run, found.units)
        assert all(score_of(model_run, units) <= end for units in neighbors(found.units))


class Distance(Sts):
    """Lower is better, and a part of the items says nothing of the whole."""

    name: ClassVar[str] = "stsb-dev"
    split: ClassVar[str] = "dev"
    help: ClassVar[str] = "STS-B dev, the other way round"
    higher_is_better: ClassVar[bool] = False
    per_item: ClassVar[bool] = False

    def score(self, data: ItemSet, values: NDArray[np.float32], kept: NDArray[np.bool_]) -> float:
        return 100 - super().score(data, values, kept)


def test_where_lower_is_better_and_nothing_can_be_raced(bench: Bench) -> None:
    with opened(bench) as (model_run, cell):
        swaps, found = model_run.masks.swaps, model_run.masks.make(cell)
        assert swaps is not None
        tasks = [replace(task, task=Distance()) for task in swaps.tasks]
        model_run.masks.swaps = replace(swaps, tasks=tasks)
        (step,) = cell.steps
        start = model_run.masks.make(Cell((replace(step, search=None),)))
        model_run.masks._keys.clear()
        other = model_run.masks.make(cell)
        assert len(model_run.masks.swaps.parts()) == 1
        assert other.hash == found.hash
        assert score_of(model_run, other.units) > score_of(model_run, start.units)


def keys_of(bench: Bench, search: Mapping[str, Any] | str | None, **given: Any) -> str:
    with opened(bench, cells=[[{**STEP, "search": search}]], **NONE, **given) as (model_run, cell):
        return model_run.masks.key(cell)


def test_keys_have_the_search_and_its_data(bench: Bench) -> None:
    plain, swap = keys_of(bench, None), keys_of(bench, "swap")
    assert swap == keys_of(bench, {"name": "swap", "border": 6, "most": 8})
    others = [
        keys_of(bench, {"border": 5}),
        keys_of(bench, {"most": 9}),
        keys_of(bench, "swap", screen=["sickr-dev"]),
        keys_of(bench, "swap", screen=["stsb-dev", "sickr-dev"]),
    ]
    assert len({plain, swap, *others}) == 6
    # What judges does not search.
    assert swap == keys_of(bench, "swap", statistics={"level": 0.1, "resamples": 300})
    assert swap == keys_of(bench, "swap", evaluate={"racing_seed": 3})
    assert plain == keys_of(bench, None, screen=["sickr-dev"])


def test_a_step_without_a_search_is_recorded_as_before(bench: Bench) -> None:
    recorded = bench.recipe(cells=[[STEP], [{**STEP, "search": "swap"}]]).model_dump(mode="json", by_alias=True)
    without, searched = (cell[0] for cell in recorded["cells"])
    assert set(without) == {"granularity", "scorer", "sparsity", "scope", "seed", "steps"}
    assert searched["search"] == {"name": "swap", "border": 6, "most": 8}


def test_a_dry_run_knows_the_most(bench: Bench) -> None:
    given = recipe(confirm=["stsb"], controls={"matched": 0, "searched": 1})
    job = bench.job(**given)
    with Store(bench.store) as store:
        (model,) = preview(job, store).models
    # At most 4 of 8 heads come back for 4: 8 rounds of 16, and the scorer's mask.
    assert (model.forecast.swaps, model.forecast.searches) == (1 + 8 * 16, 1 + 8 * 16)
    results = bench.run(**given)
    count = known(one(results, stage="confirm", scorer="magnitude with swaps", control=None).evaluations)
    with Store(bench.store) as store:
        (model,) = preview(job, store).models
    assert (model.forecast.swaps, model.forecast.searches) == (0, count)


@pytest.mark.parametrize(
    ("step", "given", "said"),
    [
        ({"scorer": "random"}, {}, "'random' is a control, drawn at random; leave out search"),
        ({}, {"screen": ["stsb-train", "stsb"]}, "would look at 'stsb' of screen, a test set, which must not choose"),
        ({}, {"screen": ["align-dev"], "confirm": {"tasks": ["stsb"], "cells": "all"}}, "no screen task can compare"),
    ],
)
def test_what_has_no_meaning_is_refused(bench: Bench, step: dict[str, Any], given: dict[str, Any], said: str) -> None:
    with pytest.raises(RecipeError, match=said) as refused:
        bench.job(**recipe({**STEP, "search": "swap", **step}, **given))
    assert "search" in str(refused.value)
