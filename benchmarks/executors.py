"""One grid in this process, in two processes and on two Dask workers of this machine: wall time, and equal rows.

    ABLATE_DATA=… python benchmarks/executors.py --rounds 3

Grids: 60 cells of a tiny model, 20 cells of MiniLM on STS-B dev, and exact removal of MiniLM's 72 heads on the align
loss. Each run is a process of its own with a fresh store; executors take turns, and medians are printed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from ablate.testing.tiny import save_tiny

EXECUTORS: dict[str, list[str]] = {
    "in process": [],
    "2 processes": ["--executor", "processes", "--jobs", "2"],
    "dask, 2 workers": ["--executor", "dask", "--jobs", "2"],
}

SCORED = ("score", "score_clean", "dense", "delta")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tiny = save_tiny(folder / "tiny")
        print("| grid | executor | wall time, s | against in process | largest difference of a score |")
        print("|---|---|--:|--:|--:|")
        for grid, recipe in recipes(str(tiny)).items():
            _measure(grid, recipe, folder, given.rounds)


def recipes(tiny: str) -> dict[str, dict[str, Any]]:
    """The recipe of each grid, in JSON, which is YAML."""
    common = {"screen": ["stsb-dev"], "controls": {"matched": 0}}
    sparsities = [0.1, 0.2, 0.3, 0.4, 0.5]
    return {
        "60 cells of a tiny model": {
            "model": tiny,
            "scorers": ["align", "uniform", "combined", "magnitude"],
            "granularities": ["head", "neuron", "unstructured"],
            "sparsities": sparsities,
            **common,
        },
        "20 cells of MiniLM": {
            "model": "minilm",
            "scorers": ["align", "magnitude"],
            "granularities": ["head", "neuron"],
            "sparsities": sparsities,
            **common,
        },
        "exact removal of 72 heads, and 1 cell": {
            "model": "minilm",
            "scorers": [{"scorer": "oracle", "on": "align"}],
            "granularities": ["head"],
            "sparsities": [0.1],
            **common,
        },
    }


def _measure(grid: str, recipe: dict[str, Any], folder: Path, rounds: int) -> None:
    path = folder / "recipe.yaml"
    path.write_text(json.dumps(recipe))
    seconds: dict[str, list[float]] = {name: [] for name in EXECUTORS}
    rows: dict[str, list[dict[str, Any]]] = {}
    for _ in range(rounds):
        for name, options in EXECUTORS.items():
            with tempfile.TemporaryDirectory(dir=folder) as fresh:
                program = [sys.executable, "-m", "ablate", "run", str(path), "--store", f"{fresh}/store.db"]
                start = time.perf_counter()
                out = subprocess.run([*program, *options, "--format", "json"], check=True, capture_output=True).stdout
                seconds[name].append(time.perf_counter() - start)
            rows[name] = json.loads(out)
    base = median(seconds["in process"])
    for name in EXECUTORS:
        wall = median(seconds[name])
        apart = _apart(rows["in process"], rows[name])
        print(f"| {grid} | {name} | {wall:.1f} | {wall / base:.2f} | {apart:.1e} |", flush=True)


def _apart(expected: list[dict[str, Any]], found: list[dict[str, Any]]) -> float:
    """The largest difference of a score. Everything else that tells cells apart has to be equal."""
    same = ("key", "task", "status", "units_removed", "chosen", "n")
    assert [[row[name] for name in same] for row in expected] == [[row[name] for name in same] for row in found]
    pairs = zip(expected, found, strict=True)
    return max((abs(a[name] - b[name]) for a, b in pairs for name in SCORED if a[name] is not None), default=0.0)


if __name__ == "__main__":
    main()
