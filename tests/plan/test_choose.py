"""Which cells are chosen, by rows made by hand."""

from __future__ import annotations

from typing import Any

import pytest

from ablate.plan.choose import choose, mean_deltas
from ablate.plan.make_plan import make_plan
from ablate.plan.plan import Plan
from ablate.plugins import registry
from ablate.recipe.document import Document
from ablate.recipe.recipe import Recipe
from ablate.record import Row


def plan(**given: Any) -> Plan:
    tree = {
        "model": "minilm",
        "scorers": ["magnitude"],
        "granularities": ["head"],
        "sparsities": [0.1, 0.2, 0.3],
    } | given
    recipe = Recipe.model_validate(tree)
    return make_plan(recipe, Document("recipe", tree), registry())


def texts(made: Plan, *means: float | None) -> list[str]:
    """What is chosen, given the mean of each cell of the plan in turn."""
    known = {cell: mean for cell, mean in zip(made.cells, means, strict=True) if mean is not None}
    return [str(cell) for cell in choose(made, known)]


def row(key: str, delta: float | None, clean: float | None = None, higher: bool = True) -> Row:
    return {"key": key, "delta": delta, "delta_clean": clean, "higher_is_better": higher}


def test_the_mean_over_tasks() -> None:
    rows = [row("a", 9, 1.0), row("b", 9, -1.0), row("a", 9, 2.0), row("b", 9, 5.0)]
    assert mean_deltas(rows, "drop") == {"a": 1.5, "b": 2.0}
    assert mean_deltas(rows, "keep") == {"a": 9, "b": 9}


def test_a_cell_that_lacks_a_task_has_no_mean() -> None:
    rows = [row("a", 1, 1.0), row("b", 1, None), row("b", 1, 8.0), row("a", None, None), row("c", 1, 0.0)]
    assert mean_deltas(rows, "drop") == {"c": 0.0}
    assert mean_deltas(rows, "keep") == {"b": 1, "c": 1}


def test_tasks_whose_lower_scores_are_better_are_turned_round() -> None:
    rows = [row("a", 0, 1.0), row("a", 0, -3.0, higher=False), row("b", 0, 2.0, higher=False)]
    assert mean_deltas(rows, "drop") == {"a": 2.0, "b": -2.0}


def test_the_best_sparsity_of_each_scorer_and_granularity() -> None:
    made = plan(scorers=["magnitude", "align"], granularities=["head", "neuron"], sparsities=[0.1, 0.2])
    assert texts(made, 1, 2, 4, 3, -5, -4, 0, 0.5) == [
        "head magnitude 20 %",
        "head align 10 %",
        "neuron magnitude 20 %",
        "neuron align 20 %",
    ]


def test_the_first_of_equals() -> None:
    assert texts(plan(), 1, 1, 1) == ["head magnitude 10 %"]
    assert texts(plan(), 0, 1, 1) == ["head magnitude 20 %"]


def test_cells_without_a_mean_are_not_eligible() -> None:
    assert texts(plan(), None, 0, -1) == ["head magnitude 20 %"]
    assert texts(plan(), None, None, None) == []


def test_scopes_compete() -> None:
    made = plan(scopes=["global", "layer"], sparsities=[0.1])
    assert texts(made, 1, 2) == ["head magnitude 10 % by layer"]


def test_seeds_stand_or_fall_together_by_their_mean() -> None:
    made = plan(scorers=["random"], seeds=[0, 1], sparsities=[0.1, 0.2])
    # One seed of the first sparsity is the best single cell; the second has the better mean.
    assert texts(made, 9, -9, 1, 2) == ["head random 20 % seed 0", "head random 20 % seed 1"]
    assert texts(made, 9, None, -1, -2) == ["head random 20 % seed 0", "head random 20 % seed 1"]


def test_explicit_cells_are_always_chosen_and_once() -> None:
    steps = [{"granularity": "head", "scorer": "magnitude", "sparsity": s} for s in (0.1, 0.3)]
    made = plan(cells=[[steps[0]], [steps[1], steps[0]]])
    assert texts(made, 5, 1, 1, 5, None) == ["head magnitude 10 %", "head magnitude 30 % > head magnitude 10 %"]
    assert texts(made, 0, 1, 0, 0, None)[0] == "head magnitude 20 %"
    assert len(texts(made, 0, 1, 0, 0, None)) == 3


def test_two_labels_of_one_scorer_are_chosen_apart() -> None:
    scorers = [{"scorer": "align", "sign": sign, "label": sign} for sign in ("signed", "absolute")]
    made = plan(scorers=scorers, sparsities=[0.1, 0.2])
    assert texts(made, 1, 0, 0, 1) == ["head signed 10 %", "head absolute 20 %"]


@pytest.mark.parametrize("limit", [1, 2, 3, 9])
def test_limit_counts_grid_and_explicit_cells(limit: int) -> None:
    made = plan(sparsities=[0.1, 0.2], cells=[[{"granularity": "head", "scorer": "align", "sparsity": 0.1}]])
    assert made.limited(limit).cells == made.cells[:limit]
