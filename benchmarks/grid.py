"""A grid of 45 cells with nothing stored, to the table, beside each cell by sentence-transformers on a masked copy.

    python benchmarks/grid.py [--raced] [--sparsities 0.05,0.1,0.2,0.3,0.5]

On STS-B dev and the trial split of SICK. ablate plans, scores, masks, evaluates, judges and stores; the peer gets the
masks, copies the model, zeroes the weights and runs its own evaluator for each data set. Prints a Markdown table of
processor seconds.
"""

from __future__ import annotations

import argparse
import copy
import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from ablate.export.cell import granularities_of
from peers import by_sentence_transformers, pairs_of
from sentence_transformers import SentenceTransformer

import ablate
from ablate.data.sources import resolve
from ablate.granularities.units import Units
from ablate.models.checkpoint import find_checkpoint
from ablate.models.load import load_model
from ablate.models.spec import ModelSpec
from ablate.plan.tasks import load_tasks, make_task
from ablate.plugins import registry
from ablate.recipe.recipe import Recipe
from ablate.store.store import Store

TASKS = ("stsb-dev", "sickr-dev")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--raced", action="store_true", help="also run the grid by racing")
    parser.add_argument("--sparsities", default="0.05,0.1,0.2,0.3,0.5")
    given = parser.parse_args()
    recipe = Recipe.model_validate(
        {
            "model": "minilm",
            "scorers": ["combined", "magnitude", "random"],
            "granularities": ["head", "neuron", "unstructured"],
            "sparsities": [float(sparsity) for sparsity in given.sparsities.split(",")],
            "screen": list(TASKS),
        }
    )
    # Libraries and the embedded model are loaded once before the clock starts.
    model = load_model(ModelSpec(name="minilm"), torch.device("cpu"))
    peer = SentenceTransformer(str(find_checkpoint(ModelSpec(name="minilm")).folder), device="cpu")
    rows: list[tuple[str, float]] = []
    with TemporaryDirectory() as folder:
        store = Path(folder) / "whole.db"
        start = time.process_time()
        results = ablate.run(recipe, store=store)
        rows.append(("ablate", time.process_time() - start))
        if given.raced:
            start = time.process_time()
            ablate.run(recipe, store=Path(folder) / "raced.db", overrides=["evaluate.racing=true"])
            rows.append(("ablate, raced", time.process_time() - start))
        cells = {row.key: row.cell for row in results.rows}
        with Store(store) as opened:
            masks = {}
            for key in cells:
                found = opened.get_mask(opened.mask_keys(key)[0]) if opened.mask_keys(key) else None
                units = Units.of(found.units, granularities_of(recipe, registry())) if found else None
                masks[key] = units.keep(model) if units else {}
    source = resolve("auto", os.environ).source
    sets = [pairs_of(task) for task in load_tasks([make_task(registry(), n, {}) for n in TASKS], source, registry())]
    start = time.process_time()
    scores = {key: by_sentence_transformers(_masked_copy(peer, keep), sets) for key, keep in masks.items()}
    rows.append(("sentence-transformers on masked copies", time.process_time() - start))
    off = max(abs(scores[row.key][row.task] - row.score) for row in results.rows if row.score is not None)
    print(f"{len(cells)} cells with dense, {source.label}, {torch.get_num_threads()} threads;")
    print(f"scores differ by {off:.4f} at most.\n")
    print("| by | processor seconds | times ablate's |")
    print("|---|--:|--:|")
    for name, seconds in rows:
        print(f"| {name} | {seconds:.0f} | {seconds / rows[0][1]:.2f} |")


def _masked_copy(peer: SentenceTransformer, keep: dict[str, torch.Tensor]) -> SentenceTransformer:
    masked = copy.deepcopy(peer)
    parameters = dict(masked[0].named_parameters())
    for name, kept in keep.items():
        (parameter,) = (found for path, found in parameters.items() if path.endswith(f".{name}"))
        parameter.data *= kept
    return masked


if __name__ == "__main__":
    main()
