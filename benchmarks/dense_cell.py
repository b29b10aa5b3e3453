"""One dense cell, tokenizing included, beside other evaluators; and its encoding beside the rate of matrix products.

    python benchmarks/dense_cell.py [--tasks sts] [--rounds 5] [--senteval DIR]

Peers are in benchmarks/peers.py. One model is loaded before the clock starts. Each round runs every way once; processor
seconds are medians, so all of them have the same threads. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median

import torch
from peers import Pairs, Scores, pairs_of, peers
from sentence_transformers import SentenceTransformer
from torch.nn.functional import linear

from ablate.data.sources import expand, resolve
from ablate.engine.evaluator import Evaluator
from ablate.models.checkpoint import find_checkpoint
from ablate.models.encode import Prepared, encode
from ablate.models.load import load_model
from ablate.models.model import Model
from ablate.models.spec import ModelSpec
from ablate.plan.tasks import load_tasks, make_task
from ablate.plugins import registry
from ablate.tasks.loaded import Loaded

Way = Callable[[], Scores]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", default="sts")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--senteval", type=Path)
    given = parser.parse_args()
    source = resolve("auto", os.environ).source
    names = expand(given.tasks.split(","), source)
    tasks = load_tasks([make_task(registry(), name, {}) for name in names], source, registry())
    spec = ModelSpec(name="minilm")
    model = load_model(spec, torch.device("cpu"))
    peer = SentenceTransformer(str(find_checkpoint(spec).folder), device="cpu", local_files_only=True)
    sets: Sequence[Pairs] = [pairs_of(task) for task in tasks]
    ways: dict[str, Way] = {"ablate": partial(by_ablate, model, tasks)}
    ways |= {name: partial(way, peer, sets) for name, way in peers(given.senteval).items()}

    _, prepared = Evaluator(model).prepared(tasks)
    products, encoding = [], []
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    scores: dict[str, Scores] = {}
    for _ in range(given.rounds):
        products.append(seconds_of(lambda: multiply(model, prepared)))
        encoding.append(seconds_of(lambda: encode(model, prepared)))
        for name, way in ways.items():
            start = time.process_time()
            scores[name] = way()
            seconds[name].append(time.process_time() - start)

    pairs = sum(len(one.gold) for one in sets)
    print(f"{pairs:,} pairs of {source.label}, {prepared.sentences:,} distinct sentences, {prepared.tokens:,} tokens,")
    print(f"{torch.get_num_threads()} threads, {given.rounds} rounds.\n")
    print("| a dense cell by | processor seconds | times ablate's | largest difference of a score |")
    print("|---|--:|--:|--:|")
    ours = median(seconds["ablate"])
    for name, spent in seconds.items():
        off = max(abs(scores[name][task] - score) for task, score in scores["ablate"].items())
        print(f"| {name} | {median(spent):.1f} | {median(spent) / ours:.2f} | {off:.4f} |")
    print(f"\nThe linear layers' products alone take {median(products):.1f} s at the same shapes: ")
    print(f"{median(products) / median(encoding):.2f} of the {median(encoding):.1f} s of encoding.")


def by_ablate(model: Model, tasks: Sequence[Loaded]) -> Scores:
    results = Evaluator(model).evaluate({}, tasks)
    return {name: result.score for name, result in results.items() if result.score is not None}


def seconds_of(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def multiply(model: Model, prepared: Prepared) -> None:
    """The matrix products of the encoder's linear layers, on numbers that are in the cache already where they fit."""
    weights = [model.weight(name) for layer in model.architecture.layers for name in layer.linears]
    inputs = {
        (tokens, weight.shape[1]): torch.randn(tokens, weight.shape[1])
        for tokens in {batch.features["input_ids"].numel() for batch in prepared.batches}
        for weight in weights
    }
    with torch.inference_mode():
        for batch in prepared.batches:
            for weight in weights:
                linear(inputs[batch.features["input_ids"].numel(), weight.shape[1]], weight)


if __name__ == "__main__":
    main()
