"""Simulations with a known answer: how often equal scorers are told apart, and how often unequal ones are.

A mask has a quality, which its scorer's luck decides (sd 0.5 points), and a task adds its own deviation to it (sd 0.47).
Equal scorers have the same mean quality.

    python -m tests.judge.test_methods_simulations      # prints the figures of docs/statistics.md
"""

from __future__ import annotations

import gc
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from ablate.judge.blocks import Block, Columns, Stratum
from ablate.judge.effects import Measure
from ablate.judge.methods import LEVEL, MethodComparison, compared, friedman
from ablate.statistics.correction import adjust

SCORERS = ("a", "b", "c", "d", "e")
TASKS = tuple(f"task {number}" for number in range(7))
QUALITY, TASK = 0.5, 0.47
MEASURE = Measure("spearman", "points", True)


def gains(rng: np.random.Generator, blocks: int, better: float = 0.0) -> NDArray[np.float64]:
    """[scorers, blocks, tasks]; the first scorer is better than the others by so much."""
    quality = rng.normal(0, QUALITY, (len(SCORERS), blocks, 1))
    quality[0] += better
    return quality + rng.normal(0, TASK, (len(SCORERS), blocks, len(TASKS)))


def tasks_tell_apart(rng: np.random.Generator) -> bool:
    """Whether the tasks of one model as blocks tell equal scorers apart, as it was once done."""
    return friedman(dict(zip(SCORERS, gains(rng, 1)[:, 0].tolist(), strict=True)))[1] <= LEVEL


def blocks_tell_apart(rng: np.random.Generator, blocks: int, sparsities: int = 1, better: float = 0.0) -> bool:
    """Whether any comparison finds a difference: one at each sparsity, whose masks are made from the same scores."""
    made = gains(rng, blocks, better)
    family = [
        Columns(
            Stratum("head", sparsity / 10),
            MEASURE,
            TASKS,
            tuple(Block("m", seed) for seed in range(blocks)),
            {
                name: tuple(values)
                for name, values in zip(SCORERS, (made + rng.normal(0, 0.2, made.shape)).mean(2).tolist(), strict=True)
            },
            (),
        )
        for sparsity in range(sparsities)
    ]
    found = compared(family)
    assert all(isinstance(one, MethodComparison) for one in found)
    return any(one.p <= LEVEL for one in found if isinstance(one, MethodComparison))


def share(told: list[bool]) -> float:
    return sum(told) / len(told)


@pytest.fixture(autouse=True)
def _frozen() -> Iterator[None]:
    """statsmodels collects garbage at each correction, which takes a while if all modules count."""
    adjust([0.5, 0.5], "holm")  # loads the modules that are not to count
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.slow
def test_equal_scorers_are_not_told_apart_by_blocks_and_were_by_tasks() -> None:
    rng = np.random.default_rng(0)
    assert 0.74 <= share([tasks_tell_apart(rng) for _ in range(1000)]) <= 0.82
    for trials, sparsities in ((600, 1), (200, 4)):
        assert share([blocks_tell_apart(rng, 5, sparsities) for _ in range(trials)]) <= 0.07


@pytest.mark.slow
def test_a_better_scorer_is_told_apart() -> None:
    rng = np.random.default_rng(1)
    assert share([blocks_tell_apart(rng, 10, better=1.0) for _ in range(200)]) >= 0.8


if __name__ == "__main__":
    gc.freeze()
    rng = np.random.default_rng(0)
    print(
        f"equal, 7 tasks of one model as blocks: told apart in {share([tasks_tell_apart(rng) for _ in range(1000)]):.1%}"
    )
    for better in (0.0, 1.0):
        for blocks, sparsities in ((5, 1), (10, 1), (5, 4)):
            told = share([blocks_tell_apart(rng, blocks, sparsities, better) for _ in range(1000)])
            print(f"one better by {better}, {blocks} blocks, {sparsities} sparsities: told apart in {told:.1%}")
