"""200 kills of coordinators and workers at random moments: nothing stored is lost, nothing is stored twice."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from tests.faults.grid import BEGUN, PATIENT, Grid, made, quiet

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grid]:
    with made(tmp_path_factory.mktemp("kills")) as grid:
        yield grid


def kill_coordinators(grid: Grid, count: int, seed: int) -> None:
    """Kills a command at random moments, until it was killed so often; a grid that gets finished begins anew."""
    moments, killed, number = random.Random(seed), 0, 0
    longest = 1.2 * grid.run("timed.db").seconds
    while killed < count:
        store, code = f"{seed}-{number}.db", -9
        grid.watched(store)
        while code == -9:
            limit = moments.uniform(0.2, longest) if killed < count else 300.0
            outcome = grid.run(store, call=PATIENT, seconds=limit)
            code = outcome.code
            assert quiet(outcome)
            assert code in (0, -9), outcome
            killed += code == -9
        grid.check(store)
        number += 1


def test_kills_of_the_coordinator(grid: Grid) -> None:
    kill_coordinators(grid, 5, seed=1)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_160_kills_of_the_coordinator(grid: Grid) -> None:
    kill_coordinators(grid, 160, seed=2)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("executor", "workers", "coordinators"), [("processes", 20, 4), ("dask", 13, 3)])
def test_kills_of_workers_and_their_coordinator(executor: str, workers: int, coordinators: int, grid: Grid) -> None:
    """Of each run a few workers are killed, and then its coordinator, which ends the other workers."""
    if executor == "dask":
        pytest.importorskip("distributed")
    moments, killed = random.Random(executor), 0
    store = f"{executor}.db"
    grid.watched(store)
    for number in range(coordinators):
        # All workers of this round are killed first, most of them while they load the model or evaluate.
        share = workers * (number + 1) // coordinators - workers * number // coordinators
        kills = [moments.uniform(0.0, 2.0) for _ in range(share)]
        given = {"call": PATIENT, "kills": kills, "seed": number, "begun": BEGUN}
        (grid.folder / BEGUN).unlink(missing_ok=True)
        outcome = grid.run(store, "--executor", executor, "--jobs", "2", seconds=moments.uniform(0, 2), **given)
        assert quiet(outcome), outcome
        assert (outcome.code, outcome.killed) == (-9, share), outcome
        killed += share + 1
    outcome = grid.run(store, "--executor", executor, "--jobs", "2", call=PATIENT, seconds=900.0)
    assert quiet(outcome)
    assert outcome.code == 0, outcome
    grid.check(store)
    assert killed == workers + coordinators
