"""Hostile model folders: one line each, in seconds, and without much memory."""

from __future__ import annotations

import shutil

import pytest

from ablate.testing.tiny import save_tiny
from tests.bench import pairs, write_set
from tests.faults.forked import Job, Outcome, run_forked
from tests.faults.models import HOSTILE
from tests.workplace import RECIPE

pytestmark = pytest.mark.faults

SECONDS = 20
BYTES = 10**9


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    """What ``ablate run`` does with each; and with the good one, of which they are made."""
    folder = tmp_path_factory.mktemp("models")
    save_tiny(folder / "good")
    for seed, (name, count) in enumerate({"stsb-train": 20, "stsb-dev": 20, "stsb": 20}.items()):
        write_set(folder / "data", name, pairs(seed, count))
    jobs = {}
    for number, (name, spoil) in enumerate({**HOSTILE, "good": lambda _: None}.items()):
        model, recipe = folder / f"m{number}", folder / f"r{number}.yaml"
        shutil.copytree(folder / "good", model)
        spoil(model)
        recipe.write_text(RECIPE.replace("model: model", f"model: ./{model.name}"))
        jobs[name] = Job(("run", recipe.name), str(folder), SECONDS)
    return dict(zip(jobs, run_forked(list(jobs.values())), strict=True))


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_folder_is_refused_in_a_line(name: str, outcomes: dict[str, Outcome]) -> None:
    outcome = outcomes[name]
    assert (outcome.code, outcome.out) == (2, ""), outcome
    # Above it are the lines of progress.
    *above, line = outcome.err.splitlines()
    assert line.startswith("ablate: ")
    assert "model './m" in line
    assert all(one.startswith(("data: ", "device: ")) for one in above), above
    assert outcome.seconds < SECONDS
    assert outcome.bytes < BYTES


def test_the_good_one_runs(outcomes: dict[str, Outcome]) -> None:
    assert outcomes["good"].code == 0, outcomes["good"]
