"""Hostile model folders: one line each, in seconds, and without much memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ablate.testing.tiny import save_tiny
from tests.bench import pairs, write_set
from tests.faults.forked import Forks, Job, Outcome
from tests.faults.models import HOSTILE
from tests.workplace import RECIPE

pytestmark = pytest.mark.faults

SECONDS = 20
BYTES = 10**9

Run = Callable[[Callable[[Path], None]], Outcome]


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    with Forks() as forks:
        yield forks


@pytest.fixture
def run(forks: Forks, tmp_path: Path) -> Run:
    """``ablate run`` with a model that was spoiled."""

    def run(spoil: Callable[[Path], None]) -> Outcome:
        spoil(save_tiny(tmp_path / "hostile"))
        for seed, (name, count) in enumerate({"stsb-train": 20, "stsb-dev": 20, "stsb": 20}.items()):
            write_set(tmp_path / "data", name, pairs(seed, count))
        (tmp_path / "r.yaml").write_text(RECIPE.replace("model: model", "model: ./hostile"))
        return forks.run(Job(("run", "r.yaml"), str(tmp_path), SECONDS))

    return run


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_folder_is_refused_in_a_line(name: str, run: Run) -> None:
    outcome = run(HOSTILE[name])
    assert (outcome.code, outcome.out) == (2, ""), outcome
    # Above it are the lines of progress.
    *above, line = outcome.err.splitlines()
    assert line.startswith("ablate: ")
    assert "model './hostile'" in line
    assert all(one.startswith(("data: ", "device: ")) for one in above), above
    assert outcome.seconds < SECONDS
    assert outcome.bytes < BYTES


def test_the_folder_that_they_are_made_of_runs(run: Run) -> None:
    assert run(lambda _: None).code == 0
