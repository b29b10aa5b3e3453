"""What a store of 10,000 cells costs: processor seconds and peak memory of each command, in a process of its own.

    python benchmarks/cached.py [--folder DIR] [--rounds 3]

Prints two Markdown tables: of the commands (medians), and of the statistics of a fresh run beside its encoding. The
first time it computes 10,098 cells of a tiny model, which takes ten minutes; with --folder they are kept for the next.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from ablate.store.store import Store

WORDS = ["man", "woman", "child", "dog", "cat", "plays", "runs", "eats", "reads", "big", "small", "red", "new"]
SPARSITIES = [round(i / 100, 2) for i in range(1, 100)]
LABELS = 102

Cost = tuple[float, float]
"""Processor seconds and peak MiB."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    with TemporaryDirectory() as temporary:
        folder = (arguments.folder or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        make(folder)
        run = "run", "cells.yaml", "--store", "cells.db"
        commands = {
            "imports of a command that loads a model": ("-c", "import ablate.coordinator.dry_run"),
            "`ablate run --dry-run`, 10,098 cells, all cached": ("-m", "ablate", *run, "--dry-run"),
            "`ablate run`, 10,098 cells, all cached": ("-m", "ablate", *run),
            "`ablate show`": ("-m", "ablate", "show", "--store", "cells.db"),
            "`ablate report`": ("-m", "ablate", "report", "--store", "cells.db", "--output", "report.html"),
            "`ablate run --dry-run`, 99,990 cells": ("-m", "ablate", "run", "plan.yaml", "--dry-run"),
        }
        print("| command | processor seconds | peak MiB |\n|---|--:|--:|")
        for name, command in commands.items():
            costs = [cost_of(folder, *command) for _ in range(arguments.rounds)]
            seconds, memory = (median(column) for column in zip(*costs, strict=True))
            print(f"| {name} | {seconds:.1f} | {memory:.0f} |", flush=True)
        print("\n| fresh run | encoding, s | statistics, s | share |\n|---|--:|--:|--:|")
        recipe = Path(__file__).parents[1] / "recipes" / "quick.yaml"
        (folder / "quick.db").unlink(missing_ok=True)
        cost_of(folder, "-m", "ablate", "run", str(recipe), "--set", "data=embedded", "--store", "quick.db")
        with Store(folder / "quick.db", create=False) as store:
            timings = store.about(store.run_ids()[-1])["timings"]
        encode, statistics = timings["encode"], timings["statistics"]
        print(f"| `recipes/quick.yaml`, embedded data | {encode:.1f} | {statistics:.1f} | {statistics / encode:.1%} |")


def make(folder: Path) -> None:
    """A model, pairs, the recipes, and the store; those of an earlier call are kept."""
    if (folder / "cells.db").exists():
        return
    # In a process of its own: a process inherits the peak of the one that began it, so that this one has to stay small.
    cost_of(folder, "-c", "from ablate.testing.tiny import save_tiny as s; from pathlib import Path; s(Path('model'))")
    sets = folder / "data" / "STS" / "STSBenchmark"
    sets.mkdir(parents=True, exist_ok=True)
    (sets / "sts-dev.csv").write_text(pairs(0, 30))
    (sets / "sts-train.csv").write_text(pairs(1, 60))
    scorers = "".join(
        f"  - {{scorer: combined, lambda: {(i + 1) / (LABELS + 1):.6f}, label: c{i}}}\n" for i in range(LABELS)
    )
    common = "model: model\ndata: {senteval: data}\nscreen: [stsb-dev]\n"
    (folder / "cells.yaml").write_text(
        f"{common}calibration: {{pairs: 8, sentences: 16, batch_size: 4}}\nscorers:\n{scorers}"
        f"granularities: [unstructured]\nsparsities: {SPARSITIES}\nstatistics: {{resamples: 500}}\n"
    )
    (folder / "plan.yaml").write_text(
        f"{common}scorers: [random]\ngranularities: [head, neuron, unstructured]\n"
        f"sparsities: {SPARSITIES[:50:5]}\nseeds: {list(range(3333))}\n"
    )
    cost_of(folder, "-m", "ablate", "run", "cells.yaml", "--store", "cells.db")


def pairs(seed: int, count: int) -> str:
    """Pairs in the format of SentEval: the more words they share, the higher the score."""
    drawn = random.Random(seed)
    lines = []
    for i in range(count):
        words, shared = drawn.choices(WORDS, k=6), drawn.randint(0, 6)
        other = words[:shared] + drawn.choices(WORDS, k=6 - shared)
        texts = (f"{seed} {i} {' '.join(text)}" for text in (words, other))
        lines.append("\t".join(("main", "file", "2012", str(i), f"{5 * shared / 6:.2f}", *texts)))
    return "\n".join(lines) + "\n"


def cost_of(folder: Path, *arguments: str) -> Cost:
    with subprocess.Popen(
        [sys.executable, *arguments], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        errors = process.stderr.read().decode()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(arguments)}: {errors}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


if __name__ == "__main__":
    main()
