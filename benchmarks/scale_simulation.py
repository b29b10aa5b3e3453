"""A study of many cells with the real plan, masks, store, statistics and tables, in which no cell is evaluated.

    python benchmarks/scale_simulation.py [--sizes 1x480,1x2400] [--items 100] [--resamples 2000] [--commands run,show]
        [--shape small|base] [--executor stubbed|stubbed-dask] [--output FILE.json] [--chart FILE.svg]

A size is models x cells of each. Each command of `ablate` runs in a process of its own, so that its processor time and
its highest memory are known. `scale_stubs.py` is the plug-in that takes the place of the encoder.
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

GRANULARITIES = ("head", "neuron", "unstructured", "stub-head", "stub-neuron", "stub-unstructured")
SPARSITIES = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5)
SCORERS, SEEDS = 10, 5
PER_MODEL = SCORERS * SEEDS * len(GRANULARITIES) * len(SPARSITIES)
"""The cells of a model."""

SHAPES = {
    "small": {"layers": 2, "heads": 12, "width": 24, "neurons": 96},
    "base": {"layers": 12, "heads": 12, "width": 768, "neurons": 3072},
}
"""``base`` has the layers of BERT-base; ``small`` has so few weights that masks take no time."""

COMMANDS = {
    "dry-run": ["run", "recipe.yaml", "--dry-run"],
    "run": ["run", "recipe.yaml"],
    "again": ["run", "recipe.yaml"],
    "show": ["show"],
    "json": ["show", "--format", "json"],
    "report": ["report", "--output", "report.html"],
}

MAKE = """
import json, sys
from pathlib import Path
from ablate.testing.tiny import save_tiny

for number, name in enumerate(sys.argv[2:]):
    if not Path(name).exists():
        save_tiny(Path(name), seed=number, **json.loads(sys.argv[1]))
"""
"""Makes the models, in a process of its own: the memory of this one counts in that of those that it starts."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="1x480,1x1440,1x2400")
    parser.add_argument("--items", type=int, default=100, help="of the task")
    parser.add_argument("--resamples", type=int, default=2000, help="of the bootstrap, and of the permutations")
    parser.add_argument("--commands", default=",".join(COMMANDS))
    parser.add_argument("--shape", choices=SHAPES, default="small")
    parser.add_argument("--granularities", default=",".join(GRANULARITIES))
    parser.add_argument("--executor", choices=("stubbed", "stubbed-dask"), default="stubbed")
    parser.add_argument("--profile", type=Path, help="a folder for a profile of each command")
    parser.add_argument("--folder", type=Path, help="for stores and models; by default one that is removed")
    parser.add_argument("--output", type=Path, help="a JSON file to write")
    parser.add_argument("--chart", type=Path, help="an SVG file to write")
    given = parser.parse_args()
    with TemporaryDirectory(dir=given.folder) as folder:
        measured = [one for size in given.sizes.split(",") for one in study(Path(folder), size, given)]
    if given.output:
        given.output.write_text(json.dumps(measured, indent=1) + "\n")
    if given.chart:
        draw(measured, given.chart)


def study(folder: Path, size: str, given: argparse.Namespace) -> list[dict[str, Any]]:
    """What each command took for one size."""
    models, cells = map(int, size.split("x"))
    environment = with_stubs(folder)
    names = [f"model-{number}" for number in range(models)]
    made = [sys.executable, "-c", MAKE, json.dumps(SHAPES[given.shape]), *names]
    subprocess.run(made, cwd=folder, env=environment, check=True)
    (folder / "recipe.yaml").write_text(json.dumps(recipe_of(names, cells, given)))
    store = folder / f"{size}.db"
    measured = []
    for command in given.commands.split(","):
        profile = ["-m", "cProfile", "-o", str(given.profile / f"{size}-{command}")] if given.profile else []
        arguments = [sys.executable, *profile, "-m", "ablate", *COMMANDS[command], "--store", store.name]
        one = {"command": command, "models": models, "cells": cells, **measure(arguments, folder, environment)}
        if command == "run":
            one["store"] = sizes(store)
        if command == "report":
            one["bytes"] = (folder / "report.html").stat().st_size
        print(json.dumps(one), flush=True)
        measured.append(one)
    return measured


def with_stubs(folder: Path) -> dict[str, str]:
    """The environment of a process that finds the plug-in, as if it was installed."""
    info = folder / "scale_stubs-1.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: scale-stubs\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[ablate]\nstubs = scale_stubs\n")
    path = [str(folder.resolve()), str(Path(__file__).resolve().parent), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path), "OMP_NUM_THREADS": "1"}


def recipe_of(models: Sequence[str], cells: int, given: argparse.Namespace) -> dict[str, Any]:
    """A grid of about so many cells for each model."""
    scorers = max(1, round(SCORERS * cells / PER_MODEL))
    return {
        "model": models,
        "data": "embedded",
        "scorers": [{"scorer": "stub", "number": number, "label": f"stub-{number}"} for number in range(scorers)],
        "granularities": given.granularities.split(","),
        "sparsities": SPARSITIES,
        "seeds": list(range(SEEDS)),
        "screen": ["stub"],
        "tasks": {"stub": {"items": given.items}},
        "executor": given.executor,
        "statistics": {"resamples": given.resamples},
    }


def measure(arguments: Sequence[str], folder: Path, environment: Mapping[str, str]) -> dict[str, float]:
    """Processor seconds, highest memory in MB and bytes on stdout of a command."""
    output = folder / "stdout"
    with output.open("wb") as stdout:
        process = subprocess.Popen(arguments, cwd=folder, env=environment, stdout=stdout)
        _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"`{' '.join(arguments)}` failed")
    seconds = usage.ru_utime + usage.ru_stime
    return {"seconds": seconds, "memory": usage.ru_maxrss / 1024, "bytes": output.stat().st_size}


def sizes(store: Path) -> dict[str, int]:
    """The bytes of each table with its index, and of the files of arrays."""
    pages = "select tbl_name, sum(pgsize) from dbstat join sqlite_schema using (name) group by tbl_name"
    with closing(sqlite3.connect(store)) as connection:
        tables: dict[str, int] = dict(connection.execute(pages).fetchall())
    return {**tables, "arrays": sum(file.stat().st_size for file in Path(f"{store}.files").glob("*.safetensors"))}


def draw(measured: Sequence[Mapping[str, Any]], file: Path) -> None:
    """Processor time and memory of each command, against the cells of the study."""
    # Here, for the same reason as MAKE.
    from matplotlib import style
    from matplotlib.figure import Figure

    from ablate.report.figures.figure import COLORS

    titles = {"seconds": "processor time, s", "memory": "highest memory, MB"}
    with style.context(["default", {"svg.fonttype": "none", "svg.hashsalt": "scale", "font.size": 9}]):
        figure = Figure(figsize=(8, 3.2), layout="constrained")
        for axes, (field, title) in zip(figure.subplots(1, 2), titles.items(), strict=True):
            for color, command in zip(COLORS, dict.fromkeys(one["command"] for one in measured), strict=False):
                of_command = [one for one in measured if one["command"] == command]
                cells = [one["models"] * one["cells"] for one in of_command]
                axes.loglog(cells, [one[field] for one in of_command], "o-", color=color, label=command)
            axes.set(xlabel="cells", title=title)
        axes.legend()
        figure.savefig(file, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))


if __name__ == "__main__":
    main()
