"""Compares the norms of `combined` on dev evidence: dev sets and train pairs, several models and calibration seeds.

    python benchmarks/defaults.py --model NAME_OR_DIR [--model ...] [--granularities head,neuron,unstructured]
        [--sparsities 0.1,0.2] [--seeds 0,1,2] [--pairs 500] [--precision float32] [--store defaults.db]

The tasks are STS-B dev, SICK trial, and a seeded sample of ``--pairs`` pairs of each of their train sets; pairs of the
calibration set are not counted. No test set is read. Prints a Markdown table: the mean Δ over the tasks and the seeds
by each norm, and the difference of `layer` and `global` with its 95 % t-interval over the seeds; then its mean over
the models, with a t-interval over the models. A store that holds results goes on where it stopped.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any, ClassVar

import numpy as np
from scipy import stats

import ablate
from ablate.data.items import ItemSet, Source
from ablate.plugins import Entry, registry
from ablate.recipe.document import Document
from ablate.recipe.recipe import parse
from ablate.tasks.sts import Sts

NORMS = ("global", "layer")


class _Sample(Sts):
    """A seeded sample of a train set."""

    split: ClassVar[str] = "train"
    help: ClassVar[str] = "a sample of a train set"
    train_set: ClassVar[str]

    pairs: int = 500

    def load(self, source: Source) -> ItemSet:
        data = source.load(self.train_set)
        picked = np.sort(np.random.default_rng(0).permutation(len(data))[: self.pairs])
        texts, subsets = tuple(data.texts[i] for i in picked), tuple(data.subsets[i] for i in picked)
        return replace(data, name=self.name, texts=texts, gold=data.gold[picked], subsets=subsets)


class StsbSample(_Sample):
    name: ClassVar[str] = "stsb-train-sample"
    train_set: ClassVar[str] = "stsb-train"


class SickSample(_Sample):
    name: ClassVar[str] = "sickr-train-sample"
    train_set: ClassVar[str] = "sickr-train"


def _list(text: str) -> list[str]:
    return text.split(",")


def _gains(model: str, seed: int, given: argparse.Namespace) -> dict[tuple[str, float, str], float]:
    """Granularity, sparsity and norm -> the mean Δ over the tasks, on pairs outside the calibration set."""
    samples = (StsbSample.name, SickSample.name)
    recipe: dict[str, Any] = {
        "model": model,
        "precision": given.precision,
        "calibration": {"calibration_seed": seed},
        "scorers": [{"scorer": "combined", "normalize": norm, "label": norm} for norm in NORMS],
        "granularities": given.granularities,
        "sparsities": [float(sparsity) for sparsity in given.sparsities],
        "screen": ["stsb-dev", "sickr-dev", *samples],
        "tasks": {sample: {"pairs": given.pairs} for sample in samples},
        # Only the scores are used here.
        "statistics": {"resamples": 100},
    }
    results = ablate.run(parse(Document("recipe", recipe)), store=given.store)
    deltas = defaultdict(list)
    for row in results.rows:
        if row.scorer is not None:
            assert row.granularity is not None
            assert row.delta_clean is not None, row.reason
            deltas[row.granularity, float(row.sparsity or 0), row.scorer].append(row.delta_clean)
    return {cell: fmean(values) for cell, values in deltas.items()}


def _interval(values: list[float]) -> str:
    """The mean, with its 95 % t-interval."""
    low, high = stats.t.interval(0.95, len(values) - 1, fmean(values), stats.sem(values))
    return f"{fmean(values):+.2f} [{low:+.2f} to {high:+.2f}]"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", action="append", required=True)
    parser.add_argument("--granularities", type=_list, default=["head", "neuron", "unstructured"])
    parser.add_argument("--sparsities", type=_list, default=["0.1", "0.2"])
    parser.add_argument("--seeds", type=_list, default=["0", "1", "2"])
    parser.add_argument("--pairs", type=int, default=500)
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--store", default="defaults.db")
    given = parser.parse_args()
    registry().entries += [Entry("task", sample, "benchmark 0") for sample in (StsbSample, SickSample)]
    differences = defaultdict(list)
    print("| model | granularity | sparsity | global | layer | layer − global |\n|---|---|---|---|---|---|")
    for model in given.model:
        by_seed = [_gains(model, int(seed), given) for seed in given.seeds]
        for granularity, sparsity in dict.fromkeys((cell[0], cell[1]) for cell in by_seed[0]):
            by_norm = {norm: [gains[granularity, sparsity, norm] for gains in by_seed] for norm in NORMS}
            difference = [a - b for a, b in zip(by_norm["layer"], by_norm["global"], strict=True)]
            differences[granularity, sparsity].append(fmean(difference))
            means = " | ".join(f"{fmean(values):+.2f}" for values in by_norm.values())
            print(
                f"| {Path(model).name} | {granularity} | {100 * sparsity:g} % | {means} | {_interval(difference)} |",
                flush=True,
            )
    for (granularity, sparsity), values in differences.items():
        if len(values) > 2:
            print(f"| {len(values)} models | {granularity} | {100 * sparsity:g} % | | | {_interval(values)} |")


if __name__ == "__main__":
    main()
