"""The commands of the golden record, the folder that they are given in, and what they are given."""

from __future__ import annotations

import importlib.util
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
INPUTS = HERE / "golden_inputs"
QUICK = HERE.parent / "recipes" / "quick.yaml"
PARTIAL = 5
"""Cells of the run that is left unfinished, for ``resume`` to finish."""


@dataclass(frozen=True)
class Step:
    """One command. name: of the file that keeps what it prints. words: what is typed after ``ablate``."""

    name: str
    words: tuple[str, ...]


def on_recipe(name: str, verb: str = "run", *more: str, store: str | None = None) -> tuple[str, ...]:
    return (verb, f"inputs/{name}.yaml", "--store", f"stores/{store or name}.db", *more)


def shown(store: str, form: str = "json") -> Step:
    return Step(f"{store}-show.{form}", ("show", "--store", f"stores/{store}.db", "--format", form))


def exported(store: str, folder: str, cell: str, *more: str) -> Step:
    output = ("-o", f"exports/{folder}", "--no-costs")  # costs are times
    return Step(f"export-{folder}.txt", ("export", cell, "--store", f"stores/{store}.db", *output, *more))


COMPARE = (
    *("compare", "--scorers", "align,random", "--granularities", "head", "--sparsities", "0.25,0.5"),
    *("--model", "inputs/tiny-bert", "--seeds", "0,1", "--tasks", "sts-dev,synthetic-train,geometry"),
    *("--data", "embedded", "--store", "stores/compare.db"),
)
# Steps of a chain follow one another; a store belongs to one chain.
CHAINS: tuple[tuple[Step, ...], ...] = (
    (
        Step("quick.txt", on_recipe("quick")),
        shown("quick"),
    ),
    (
        Step("grid.txt", on_recipe("grid")),
        shown("grid"),
        # Not a recipe with the correlation scorer: its dry run fails at the commit that is recorded.
        Step("steps-dry.txt", on_recipe("steps", "run", "--dry-run")),
        Step("steps.txt", on_recipe("steps")),
        shown("steps"),
        Step("partial.txt", on_recipe("negative", "run", "--limit", str(PARTIAL), store="partial")),
    ),
    (
        Step("negative.txt", on_recipe("negative")),
        shown("negative"),
        exported("negative", "sequence", "neuron oracle-sts negative"),
        Step("compare.txt", COMPARE),
        shown("compare"),
        shown("compare", "latex"),
        exported("compare", "onnx", "head align 25 %", "--onnx"),
    ),
    (
        Step("study.txt", on_recipe("study")),
        *(shown("study", form) for form in ("json", "csv", "markdown")),
        Step("study-diff.txt", ("diff", "head align 25 %", "neuron align 25 %", "--store", "stores/study.db")),
        Step("study-report.txt", ("report", "--store", "stores/study.db", "-o", "exports/report.html")),
        exported("study", "head", "head combined 25 %"),
        exported("study", "weights", "unstructured align 25 % by layer"),
        Step("stability.json", on_recipe("study", "stability", "--format", "json")),
        Step("stability.txt", on_recipe("study", "stability")),
        Step("prevalence.json", on_recipe("study", "prevalence", "--format", "json")),
        Step("prevalence.txt", on_recipe("study", "prevalence")),
    ),
    (
        Step("train-dry.txt", on_recipe("train", "train", "--dry-run")),
        Step("train.txt", on_recipe("train", "train")),
        shown("train"),
        exported("train", "trained", "head combined 25 %, gradual"),
        Step("train-pairs.txt", on_recipe("train-pairs", "train")),
        shown("train-pairs"),
    ),
)
RESUMED = (
    Step("partial-resumed.txt", on_recipe("negative", store="partial")),
    Step("negative-show.json", ("show", "--store", "stores/partial.db", "--format", "json")),
)
"""Finishes the unfinished run. The second is to print what it prints of the store of ``negative``."""


def code_at_hand() -> Path:
    """The folder that has the package which is tried."""
    found = importlib.util.find_spec("ablate")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).resolve().parents[1]


def environment(folder: Path) -> dict[str, str]:
    """What decides numbers and the layout of tables, fixed; data are the embedded ones, plug-ins the built-in ones."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ABLATE_", "FORCE_COLOR"))}
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    return (
        kept
        | threads
        | {
            "ABLATE_CACHE": str(folder / "cache"),
            "COLUMNS": "160",
            "CUDA_VISIBLE_DEVICES": "",
            "HF_HUB_OFFLINE": "1",
            "NO_COLOR": "1",
            "PYTHONPATH": str(code_at_hand()),
            "PYTHONUTF8": "1",
            "TOKENIZERS_PARALLELISM": "false",
        }
    )


def ablate(folder: Path, words: Sequence[str]) -> tuple[str, str]:
    """What a command prints on stdout and stderr; ends the program if the command fails."""
    command = [sys.executable, "-m", "ablate", "--no-plugins", *words]
    done = subprocess.run(command, cwd=folder, env=environment(folder), capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"golden: ablate {' '.join(words)}: status {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout, done.stderr


def make_inputs(folder: Path) -> None:
    """Recipes, tiny models with random weights, and files of pairs."""
    sys.path.insert(0, str(code_at_hand()))
    from ablate.testing.tiny import save_tiny

    shutil.copytree(INPUTS, folder)
    shutil.copy(QUICK, folder)
    save_tiny(folder / "tiny-bert", "bert")
    save_tiny(folder / "tiny-bert-1", "bert", seed=1)
    save_tiny(folder / "tiny-mpnet", "mpnet")
    save_tiny(folder / "tiny-distilbert", "distilbert", "transformers")
    rng = random.Random(0)
    words = ["man", "woman", "child", "dog", "cat", "plays", "runs", "eats", "reads", "big", "small", "red"]
    lines = []
    for i in range(24):
        a, b, c = rng.sample(words, 3)
        lines.append({"anchor": f"the {a} {i} {b}", "positive": f"a {a} {i} {b}", "negative": f"no {c} {i} {b}"})
    (folder / "pairs.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "pairs.tsv").write_text("".join(f"{line['anchor']}\t{line['positive']}\n" for line in lines))
