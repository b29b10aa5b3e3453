"""How many evaluations on dev found a cell: counted by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from ablate.granularities.base import Granularity
from ablate.granularities.head import Head
from ablate.granularities.neuron import Neuron
from ablate.plan.plan import Cell, Plan, Step
from ablate.plan.searched import among, evaluations, tasks_looked_at
from ablate.recipe.recipe import Recipe
from ablate.scorers.base import Scorer, View
from ablate.scorers.magnitude import Magnitude
from ablate.scorers.oracle import Oracle
from ablate.scorers.random import Random

HEAD, NEURON = Head(), Neuron()
UNITS: Mapping[Granularity, int] = {HEAD: 12, NEURON: 30}


def layers_of(granularity: Granularity) -> NDArray[np.int64]:
    """Three layers of 4 heads and 10 neurons."""
    return np.repeat(np.arange(3), UNITS[granularity] // 3)


def cell(scorer: Scorer, sparsity: float, granularity: Granularity = HEAD, steps: int = 1, label: str = "s") -> Cell:
    return Cell((Step(((granularity, sparsity),), scorer, label, steps=steps),))


def plan(grid: tuple[Cell, ...] = (), explicit: tuple[Cell, ...] = (), confirm: Any = ("stsb",)) -> Plan:
    tree = {"model": "minilm", "scorers": ["magnitude"], "granularities": ["head"], "sparsities": [0.1]}
    given = list(confirm) if isinstance(confirm, tuple) else confirm
    return Plan(Recipe.model_validate(tree | {"confirm": given}), grid, explicit, None)  # type: ignore[arg-type]


def test_a_choice_among_cells_counts_them() -> None:
    one, two, three = (cell(Magnitude(), sparsity) for sparsity in (0.1, 0.2, 0.3))
    other = cell(Magnitude(), 0.1, NEURON)
    made = plan((one, two, three, other))
    assert among(made, one) == (one, two, three)
    assert [evaluations(made, each, layers_of) for each in (one, three)] == [3, 3]
    # Alone of its scorer and granularity, it was not chosen; nor where every cell is confirmed.
    assert evaluations(made, other, layers_of) is None
    everything = plan((one, two, three), confirm={"tasks": ["stsb"], "cells": "all"})
    assert evaluations(everything, one, layers_of) is None
    assert evaluations(plan((), (one,)), one, layers_of) is None


def test_exact_removal_on_dev_counts_what_it_removes() -> None:
    oracle = Oracle(on=("stsb-dev",))
    # 12 heads; 25 % in 3 shares removes 1 head each: 12 + 11 + 10.
    assert evaluations(plan((), (alone := cell(oracle, 0.25, steps=3),)), alone, layers_of) == 33
    # Groups of 4 of 10 neurons: 3 in each of 3 layers.
    grouped = cell(Oracle(on=("stsb-dev",), group=4), 0.1, NEURON)
    assert evaluations(plan((), (grouped,)), grouped, layers_of) == 9
    # One step after the other, of which the second counts heads that are left: 12, then 9.
    both = Cell((*cell(oracle, 0.25).steps, *cell(oracle, 0.1).steps))
    assert evaluations(plan((), (both,)), both, layers_of) == 21
    # On a loss of the calibration set it does not read dev.
    on_loss = cell(Oracle(on=("align",)), 0.25)
    assert evaluations(plan((), (on_loss,)), on_loss, layers_of) is None
    assert tasks_looked_at(both) == ("stsb-dev",)


def test_rivals_share_what_was_measured_on_dense() -> None:
    oracle = Oracle(on=("stsb-dev",))
    one_shot = tuple(cell(oracle, sparsity) for sparsity in (0.25, 0.5))
    assert evaluations(plan(one_shot), one_shot[0], layers_of) == 2 + 12
    # Two shares: 12 on dense for both, then 12 - 2 for 25 % (half of 3, to even) and 12 - 3 for 50 %.
    stepped = tuple(cell(oracle, sparsity, steps=2) for sparsity in (0.25, 0.5))
    assert evaluations(plan(stepped), stepped[0], layers_of) == 2 + 12 + 10 + 9


def test_cells_at_random_are_not_searched() -> None:
    random = cell(Random(), 0.25)
    assert evaluations(plan((random, cell(Random(), 0.5))), random, layers_of) is None


class Probing(Scorer):
    """A plug-in's scorer from before scorers said how many masks they score."""

    name: ClassVar[str] = "probing"
    slow: ClassVar[bool] = True

    def tasks(self) -> tuple[str, ...]:
        return ("stsb-dev",)

    def score(self, view: View) -> Tensor:
        return torch.zeros(len(view.layers))


@pytest.mark.parametrize(("granularity", "units"), [(HEAD, 12), (NEURON, 30)])
def test_a_scorer_that_does_not_say_counts_as_one_for_each_unit(granularity: Granularity, units: int) -> None:
    probed = cell(Probing(), 0.25, granularity)
    assert evaluations(plan((), (probed,)), probed, layers_of) == units
