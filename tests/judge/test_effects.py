"""Means over tasks, seeds and draws, and which cells belong together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from statistics import fmean, stdev
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ablate.judge.effects import Effect, Stage, over_draws, over_tasks, stages
from ablate.record import Row
from ablate.report.results import Results
from tests.report_rows import SEVEN, a_run, about, cell, judged, row, steps_cell

points = st.floats(-50, 50)


def the_stage(rows: list[Row], **given: object) -> Stage:
    (stage,) = stages(Results(rows, about(**given)))
    return stage


@given(st.lists(points, min_size=1, max_size=6))
def test_a_mean_over_tasks(deltas: list[float]) -> None:
    rows = {str(place): row(delta=delta) for place, delta in enumerate(deltas)}
    found = over_tasks(rows, list(rows), lambda made: made.delta)
    assert found.status == "ok"
    assert found.value == pytest.approx(fmean(deltas))


@pytest.mark.parametrize(
    ("made", "status"),
    [
        (row(status="failed", reason="x"), "failed"),
        (row(status="undefined", reason="x"), "undefined"),
        (row(delta_clean=None), "undefined"),
        (None, "missing"),
    ],
)
def test_no_mean_unless_every_task_has_a_value(made: Row | None, status: str) -> None:
    rows = {"a": row(delta=1.0)} | ({"b": made} if made else {})
    assert over_tasks(rows, ["a", "b"], lambda made: made.delta_clean) == Effect(None, None, 1, status)


@given(st.lists(points, min_size=2, max_size=6))
def test_sample_sd_over_seeds(values: list[float]) -> None:
    found = over_draws(Effect(value, None, 1, "ok") for value in values)
    assert found.value == pytest.approx(fmean(values))
    assert found.sd == pytest.approx(stdev(values))
    assert found.count == len(values)


def test_by_hand() -> None:
    found = over_draws(Effect(value, None, 1, "ok") for value in (1.0, 2.0, 4.5))
    assert found.value == 2.5
    assert found.sd == pytest.approx(3.25**0.5)  # (1.5² + 0.5² + 2²) / (3 - 1)
    assert over_draws([Effect(1.0, None, 1, "ok")]).sd is None
    assert over_draws([]).status == "missing"


def test_one_failed_seed_leaves_no_mean() -> None:
    rows = [row(), *(cell("head", "random", 0.1, seed=seed, delta=1.0) for seed in (0, 1))]
    rows.append(cell("head", "random", 0.1, seed=2, status="failed", reason="x"))
    stage = the_stage(rows)
    assert stage.effect(stage.groups[0]) == Effect(None, None, 3, "failed")


def test_the_pairs_that_decide_follow_the_overlap() -> None:
    rows = [row(), cell("head", "align", 0.1, delta=1.0, delta_clean=-1.0)]
    dropped, kept = the_stage(rows), the_stage(rows, overlap="keep")
    assert dropped.effect(dropped.groups[0]).value == -1.0
    assert dropped.effect_on_all(dropped.groups[0]).value == 1.0
    assert kept.effect(kept.groups[0]).value == 1.0


def test_cells_apart_in_anything_but_the_seed_are_apart() -> None:
    base: dict[str, Any] = {"granularity": "head", "scorer": "align", "sparsity": 0.1}
    base |= {"scope": "global", "steps": 1, "delta": 0.0}
    other: dict[str, Any] = {"granularity": "neuron", "scorer": "uniform", "sparsity": "negative"}
    other |= {"scope": "layer", "steps": 4}
    rows = [cell(**base)]
    rows += [cell(**(base | {name: value})) for name, value in other.items()]
    rows += [steps_cell(delta=0.0), steps_cell(delta=0.0, cell="another > sequence"), cell(**base, seed=1)]
    stage = the_stage([row(), *rows])
    assert [len(group.seeds) for group in stage.groups] == [2] + [1] * 7


def test_controls_go_to_their_own_cell_even_where_two_share_a_key() -> None:
    a, b = (cell("head", scorer, 0.1, delta=0.0, key="same") for scorer in ("align", "uniform"))
    c = cell("head", "magnitude", 0.1, delta=0.0, key="other")
    controls = [
        cell("head", "random", 0.1, control="matched", control_of="same", draw=draw, delta=float(draw))
        for draw in (0, 1)
    ]
    # Controls may come before their cell.
    stage = the_stage([row(), *controls, a, b, c])
    assert [stage.matched(group).value for group in stage.groups] == [0.5, 0.5, None]
    assert [stage.flipped(group).status for group in stage.groups] == ["missing"] * 3


def test_tasks_of_another_measure_are_not_averaged_with_these() -> None:
    loss = {"task": "align-loss", "metric": "align", "unit": "nats", "higher_is_better": False}
    rows = [row(), row(**loss), cell("head", "align", 0.1, delta=1.0), cell("head", "align", 0.1, delta=-3.0, **loss)]
    found = stages(Results(rows, about(confirm=[])))
    assert [stage.effect(stage.groups[0]).value for stage in found] == [1.0, -3.0]


def test_stages_of_a_whole_run() -> None:
    found = stages(a_run(("minilm", "simcse")))
    assert [(stage.model, stage.name) for stage in found] == [
        (model, name) for model in ("minilm", "simcse") for name in ("screen", "confirm")
    ]
    assert [len(stage.groups) for stage in found] == [61, 16, 61, 16]
    assert list(found[1].splits) == list(SEVEN)
    assert sum(group.chosen for group in found[0].groups) == 15


def test_evidence_is_looked_through_once_however_many_stages_there_are() -> None:
    class Counted(tuple[Any, ...]):
        looks = 0

        def __iter__(self) -> Iterator[Any]:
            Counted.looks += 1
            return super().__iter__()

    results = judged(a_run())
    assert len(stages(results)) > 1
    assert results.evidence
    counted = Results(results.rows, replace(results.about, evidence=Counted(results.evidence)))
    found = stages(counted)
    assert Counted.looks <= 1
    assert sum(len(stage.evidence) for stage in found) == len(results.evidence)
