"""Up to which sparsity units can go: by hand, and by simulations in which too much is never harmless.

python -m tests.judge.test_harmless      # prints the figures of docs/statistics.md
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from numpy.typing import NDArray

from ablate.judge.effects import Stage, stages
from ablate.judge.harmless import HarmlessCurve, harmless_curves
from ablate.report.results import Results
from ablate.statistics.sequence import Levels, largest_harmless
from tests.report_rows import about, an_item, cell, row

LEVEL, MEAN, TASK = 0.05, 0.2, 0.5
SPARSITIES = (0.05, 0.1, 0.2, 0.3)
Ps = Mapping[tuple[str, float, str | None], float]


def a_stage(tasks: tuple[str, ...], scorers: tuple[str, ...]) -> Stage:
    rows = [row(task=task) for task in tasks]
    rows += [cell("head", name, size, task=task) for name in scorers for size in SPARSITIES for task in tasks]
    (stage,) = stages(Results(rows, about(screen=list(tasks), confirm=[])))
    return stage


def curves(stage: Stage, ps: Ps, harmed: tuple[str, ...] = ()) -> dict[str, HarmlessCurve]:
    stage.evidence.clear()
    for group in stage.groups:
        for task in (None, *stage.splits):
            p = ps.get((str(group.row.scorer), float(str(group.row.sparsity)), task), 1.0)
            said = "harms" if task in harmed else "undecided"
            numbers = {
                "delta": 0.0,
                "low": 0.0,
                "high": 0.0,
                "se": 0.1,
                "level": LEVEL,
                "margin": TASK if task else MEAN,
            }
            item = an_item(stage, group, task=task, against="dense", p_harmless=p, verdict=said, **numbers)
            stage.evidence[group.id, task, "dense"] = item
    return {str(curve.groups[0].row.scorer): curve for curve in harmless_curves(stage, stage.groups)}


def test_the_levels_by_hand() -> None:
    assert Levels.of(0.05, 5, 1) == Levels(0.01, 0.01)
    assert Levels.of(0.05, 5, 5) == Levels(0.005, 0.001)


def test_a_curve_goes_on_at_its_share_of_the_level_and_names_tasks() -> None:
    stage = a_stage(("one", "two", "three"), ("a", "b"))
    # Of the mean 0.05 / 2 / 2 = 0.0125, of a task a third of it.
    ps: dict[tuple[str, float, str | None], float] = {
        ("a", 0.05, None): 0.012,
        ("a", 0.1, None): 0.0125,
        ("a", 0.2, None): 0.013,
        ("b", 0.05, None): 0.02,
    }
    ps |= {("a", size, task): 0.004 for size, task in ((0.05, "one"), (0.1, "one"), (0.05, "two"))}
    ps["a", 0.1, "two"] = 0.005
    found = curves(stage, ps, harmed=("three",))
    assert (found["a"].sparsity, found["b"].sparsity) == (0.1, None)
    assert (found["a"].harmed, found["a"].unshown) == (("three",), ("two",))
    assert (found["a"].cells, found["a"].curves, found["a"].margin) == (8, 2, MEAN)
    assert found["a"].task_margins == (TASK,) * 3


def test_on_a_single_task_the_mean_is_the_task() -> None:
    stage = a_stage(("one",), ("a", "b"))
    found = curves(stage, {("a", 0.05, None): 0.02})
    assert (found["a"].sparsity, found["a"].unshown) == (0.05, ())


def simulated(
    rng: np.random.Generator, truth: NDArray[np.float64], pairs: int = 150, draws: int = 2000
) -> NDArray[np.float64]:
    """p of being harmless, [scorers, sparsities, 1 + tasks] (the mean first), of these true gains, by bootstrap.

    The gains of one scorer's cells are correlated over pairs, as those of nested masks are.
    """
    scorers, sizes, tasks = truth.shape
    ps = np.empty((scorers, sizes, 1 + tasks))
    boots = np.zeros((draws, scorers, sizes))
    for task in range(tasks):
        shared = rng.normal(0, 2, (pairs, scorers, 1)) + rng.normal(0, 1.5, (pairs, scorers, sizes))
        gains = truth[:, :, task] + shared
        weights = rng.multinomial(pairs, [1 / pairs] * pairs, draws) / pairs
        of_task = np.tensordot(weights, gains, 1)
        boots += of_task / tasks
        ps[:, :, 1 + task] = (1 + (of_task <= -(TASK if tasks > 1 else MEAN)).sum(0)) / (1 + draws)
    ps[:, :, 0] = (1 + (boots <= -MEAN).sum(0)) / (1 + draws)
    return ps


def truths(scorers: int, tasks: int, edge: int, harmed: bool = False) -> NDArray[np.float64]:
    """True gains: 0 below the sparsity number ``edge``, and minus the margin of the mean from there on.

    harmed: one task loses its own margin already below the edge, and the others gain as much.
    """
    truth = np.zeros((scorers, len(SPARSITIES), tasks))
    truth[:, edge:] = -MEAN
    if harmed:
        truth[:, :, 0] -= TASK
        truth[:, :, 1:] += TASK / (tasks - 1)
    return truth


def wrong(rng: np.random.Generator, stage: Stage, truth: NDArray[np.float64]) -> tuple[bool, bool]:
    """Whether anything false is said, and whether the best of the scorers was wrong as it was once taken."""
    scorers = tuple(dict.fromkeys(str(group.row.scorer) for group in stage.groups))
    tasks = tuple(stage.splits)
    ps = simulated(rng, truth)
    named = {
        (scorer, size, task): ps[i, j, k]
        for i, scorer in enumerate(scorers)
        for j, size in enumerate(SPARSITIES)
        for k, task in enumerate((None, *tasks))
    }
    said = false = False
    for i, curve in enumerate(curves(stage, named).values()):
        if curve.largest is not None:
            true = truth[i, curve.groups.index(curve.largest)]
            lost = [task for k, task in enumerate(tasks) if true[k] <= -TASK + 1e-9]
            said |= true.mean() <= -MEAN + 1e-9 or not set(lost) <= {*curve.unshown, *curve.harmed}
        once = largest_harmless(SPARSITIES, list(ps[i, :, 0]), LEVEL)
        false |= once is not None and truth[i, SPARSITIES.index(once)].mean() <= -MEAN + 1e-9
    return bool(said), bool(false)


CASES = {
    "5 scorers, 1 task": (5, 1, 0, False),
    "5 scorers, 1 task, the smallest harmless": (5, 1, 1, False),
    "5 scorers, 7 tasks": (5, 7, 0, False),
    "5 scorers, 7 tasks, one loses its margin": (5, 7, 2, True),
}


def rates(case: str, trials: int) -> tuple[float, float]:
    scorers, tasks, edge, harmed = CASES[case]
    stage = a_stage(tuple(f"task {k}" for k in range(tasks)), tuple("abcdefgh"[:scorers]))
    rng = np.random.default_rng([5, len(case)])
    found = [wrong(rng, stage, truths(scorers, tasks, edge, harmed)) for _ in range(trials)]
    return sum(said for said, _ in found) / trials, sum(once for _, once in found) / trials


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_no_more_than_5_of_100_statements_are_false(case: str) -> None:
    trials = 200
    said, once = rates(case, trials)
    assert said <= LEVEL + 2 * (LEVEL * (1 - LEVEL) / trials) ** 0.5
    assert "one loses" in case or once >= 0.1


if __name__ == "__main__":
    for case in CASES:
        said, once = rates(case, 400)
        print(f"{case}: something false is said in {said:.1%}; of the best scorer, as it was once taken, in {once:.1%}")
