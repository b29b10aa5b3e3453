"""Hostile and misspelled recipes: one line with its place, exit status 2, at once, and in little memory."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ablate.errors import AblateError
from ablate.plan.job import prepare_job
from ablate.plan.training import prepare_training_job
from ablate.recipe.recipe import load_recipe
from tests.bench import pairs, write_set
from tests.faults.fuzz import SOURCES, mutated, typos
from tests.workplace import RECIPE, Workplace

pytestmark = pytest.mark.faults

PLACED = re.compile(r"r\.yaml:\d+:\d+: \S")
SECONDS, MEGABYTES = 1.0, 300


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Workplace:
    return Workplace(tmp_path, monkeypatch, capsys)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the data of :data:`SOURCES`, which is current and whose files the recipes find."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ABLATE_DATA", str(tmp_path / "data"))
    sizes = {"stsb-train": 600, "stsb-dev": 30, "stsb": 30, "sickr-train": 600, "sickr-dev": 30, "sickr": 30}
    for seed, (name, count) in enumerate(sizes.items()):
        write_set(tmp_path / "data", name, pairs(seed, count, 1))
    rows = (f"a {i},b {i},{i}\n" for i in range(12))
    (tmp_path / "7.csv").write_text("left,right,gold\n" + "".join(rows))
    return tmp_path


def refusal(content: bytes) -> str | None:
    """What `ablate run`, or `ablate train` if the recipe trains, says before a model is loaded; None if it says nothing."""
    Path("r.yaml").write_bytes(content)
    try:
        recipe, document = load_recipe("r.yaml")
        prepare_job(recipe, document)
        if recipe.train is not None:
            prepare_training_job(recipe, document)
    except AblateError as error:
        return str(error)
    return None


@pytest.mark.parametrize("seeds", [range(100), pytest.param(range(100, 1000), marks=pytest.mark.slow)], ids=str)
def test_fuzzed_recipes(seeds: range, data: Path) -> None:  # noqa: ARG001
    refused = {seed: said for seed in seeds if (said := refusal(mutated(seed))) is not None}
    assert [(seed, said) for seed, said in refused.items() if not PLACED.match(said)] == []
    # The rest are as good as before, such as recipes with another order or with a comment more.
    assert len(refused) > 0.8 * len(seeds)


def test_typos_are_understood(data: Path) -> None:  # noqa: ARG001
    count = 200
    said = {typo: refusal(typo.recipe.encode()) or "" for typo in typos(count)}
    assert [(typo.wrong, line) for typo, line in said.items() if not PLACED.match(line)] == []
    assert sum(f"did you mean '{typo.right}'?" in line for typo, line in said.items()) >= 0.95 * count


def test_what_is_changed_is_good_otherwise(data: Path) -> None:  # noqa: ARG001
    """Else the tests above could not fail."""
    for source in SOURCES:
        said = refusal(source)
        # What the recipe of every section has for `ablate run` cannot be trained, SparseCSE needs a file and a GPU, and
        # the folders of models.yaml are the user's.
        known = "masks of trained cells are not searched|needs a GPU|wiki1m|model 'models/.*': no such folder"
        assert said is None or re.search(known, said), said


BILLION = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 9))
BOUNDED = {
    BILLION: "r.yaml:5:5: more than 50,000 values",
    RECIPE + f"seeds: [{', '.join(map(str, range(10**6)))}]\n": "r.yaml:1:1: 7,889,072 bytes; a recipe has at most 262,144",
    RECIPE + f"seeds: [{', '.join(map(str, range(40_000)))}]\n": "r.yaml:1:1: 269,072 bytes",
    RECIPE + f"seeds: {'[' * 100_000}\n": "r.yaml:8:408: nested too deeply",
    RECIPE + "controls: {matched: 1000000000}\n": "r.yaml:8:12: controls.matched: must be at most 10000, not 1000000000",
    RECIPE + "controls: {screened: 1000000000}\n": "r.yaml:8:12: controls.screened: must be at most 10000",
    RECIPE + "controls: {searched: 1000000000}\n": "r.yaml:8:12: controls.searched: must be at most 10000",
    RECIPE + "steps: 1000000000\n": "r.yaml:8:1: steps: must be at most 10000, not 1000000000",
    RECIPE + "statistics: {resamples: 1000000000}\n": "r.yaml:8:14: statistics.resamples: must be at most 1000000",
    RECIPE + "truncate_dims: [1000000000]\n": "r.yaml:8:17: truncate_dims.0: must be at most 1000000",
    RECIPE + "stability: {sizes: [1000000000]}\n": "r.yaml:8:21: stability.sizes.0: must be at most 10000000",
    RECIPE + "prevalence: {groups: {head: 1000000000}}\n": "r.yaml:8:23: prevalence.groups.head: must be at most 10000000",
    RECIPE + "train: {batch_size: 1000000000}\n": "r.yaml:8:9: train.batch_size: must be at most 10000000",
    RECIPE + "train: {steps: 1000000000}\n": "r.yaml:8:9: train.steps: must be at most 10000000",
    RECIPE + "train: {gradual: {prunings: 1000000000}}\n": "r.yaml:8:19: train.gradual.prunings: must be at most 10000000",
    RECIPE.replace("batch_size: 4", "batch_size: 1000000000"): "r.yaml:3:40: calibration.batch_size: must be at most",
    RECIPE.replace("pairs: 8", "pairs: 1000000000"): "r.yaml:3:15: calibration.pairs: must be at most 10000000",
    RECIPE.replace("align", "{scorer: gates, updates: 1000000000}"): "r.yaml:4:27: scorer 'gates', updates: must be at",
    RECIPE.replace("[0.25]", f"[{', '.join(f'0.{i:04}' for i in range(1, 3000))}]")
    + f"seeds: [{', '.join(map(str, range(3000)))}]\n": "r.yaml:8:1: the grid has 8,999,999 cells, and may have 500,000",
    RECIPE.replace("[0.25]", f"[{', '.join(f'0.{i:04}' for i in range(1, 3000))}]")
    + "controls: {screened: 9999}\n": "r.yaml:8:12: 59,974,002 draws for 5,998 cells, and there may be 2,000,000",
    RECIPE.replace("pairs: 8", "positives: {file: /dev/zero}"): "r.yaml:3:27: /dev/zero: cannot be read as UTF-8 text",
    RECIPE.replace("pairs: 8", "positives: {file: fifo}"): "r.yaml:3:27: fifo: cannot be read as UTF-8 text: not a reg",
    RECIPE.replace("[sts-dev]", "[mine]") + "tasks: {mine: {kind: sts, file: zero.csv}}\n": "r.yaml:8:27: zero.csv: not a",
    RECIPE.replace("[sts-dev]", "[mine]") + "tasks: {mine: {kind: sts, file: fifo.csv}}\n": "r.yaml:8:27: fifo.csv: not a",
    RECIPE + 'tie_seed: "a\\0b"\n': "r.yaml:8:1: a NUL, which no path and no name may have; remove it",
    RECIPE.replace("model: model", 'model: "a\\0b"'): "r.yaml:1:1: a NUL, which no path and no name may have; remove it",
    RECIPE.replace("{senteval: data}", f"{{senteval: {'x' * 300}}}"): "r.yaml:2:8: senteval: there is no folder 'xxx",
    RECIPE.replace("pairs: 8", f"positives: {{file: {'x' * 300}}}"): "r.yaml:3:27: xxx",
    RECIPE.replace("model: model", f"model: {'x' * 300}"): "r.yaml:1:1: model 'xxx",
    RECIPE.replace("model: model", "model: ~nobody-has-this-name/m"): "r.yaml:1:1: model '~nobody",
}  # fmt: skip


def hostile_files() -> None:
    for name in ("fifo", "fifo.csv"):
        os.mkfifo(name)
    Path("zero.csv").symlink_to("/dev/zero")


@pytest.mark.parametrize(
    ("text", "said"), BOUNDED.items(), ids=[f"{i}-{said[:60]}" for i, said in enumerate(BOUNDED.values())]
)
def test_what_would_never_end(text: str, said: str, place: Workplace) -> None:
    hostile_files()
    place.nothing_may_load()
    place.run(RECIPE.replace("head", "hed"))  # imports and plug-ins are loaded before the clock runs
    start = time.perf_counter()
    assert place.refused(place.run(text)).startswith(said)
    # Twice the promise, for a machine that does other things too; without a bound it is minutes.
    assert time.perf_counter() - start < 2 * SECONDS


@pytest.mark.parametrize("recipe", ["/dev/zero", "fifo"])
def test_a_recipe_without_an_end(recipe: str, place: Workplace) -> None:
    hostile_files()
    said = place.refused(place("run", recipe))
    assert said == f"{recipe}: cannot be read (not a regular file); fix that, or name another recipe"


def test_few_aliases_need_little_memory(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(BILLION)
    ran = subprocess.run(
        [sys.executable, "-m", "ablate", "run", "r.yaml"], cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        # A hundredth of what the aliases stand for. torch reserves some gigabytes that it never uses.
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (MEGABYTES << 20, MEGABYTES << 20)),
    )  # fmt: skip
    assert (ran.returncode, ran.stdout) == (2, ""), ran.stderr[-2000:]
    assert ran.stderr.startswith("ablate: r.yaml:5:5: more than 50,000 values")
