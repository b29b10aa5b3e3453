"""ablate's encoding against ``SentenceTransformer.encode`` on one task set: seconds, in one process, interleaved.

    python benchmarks/encode.py [--data auto] [--task stsb-dev] [--rounds 5]

Prints a Markdown table: the median of each, their ratio, and the largest difference between embeddings.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from sentence_transformers import SentenceTransformer

from ablate.data.sources import expand, resolve
from ablate.models.checkpoint import find_checkpoint
from ablate.models.encode import encode, prepare
from ablate.models.load import load_model
from ablate.models.spec import ModelSpec


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", default="auto")
    parser.add_argument("--task", default="sts-dev")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    source = resolve(arguments.data, os.environ).source
    sentences = [s for name in expand([arguments.task], source) for s in source.load(name).sentences]
    spec = ModelSpec(name="minilm")
    model = load_model(spec)
    peer = SentenceTransformer(str(find_checkpoint(spec).folder), device="cpu", local_files_only=True)

    start = time.perf_counter()
    prepared = prepare(model, sentences)
    tokenizing = time.perf_counter() - start
    ways: dict[str, Callable[[], torch.Tensor]] = {
        "ablate (tokenized once)": lambda: encode(model, prepared),
        "SentenceTransformer.encode, batch 32": lambda: torch.from_numpy(peer.encode(sentences)),
        "SentenceTransformer.encode, batch 128": lambda: torch.from_numpy(peer.encode(sentences, batch_size=128)),
    }
    embeddings = {name: way() for name, way in ways.items()}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(arguments.rounds):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            seconds[name].append(time.perf_counter() - start)
    ours = statistics.median(seconds["ablate (tokenized once)"])
    threads = torch.get_num_threads()
    print(f"{len(sentences)} sentences of {source.label}, {threads} threads, {arguments.rounds} rounds;")
    print(f"tokenizing takes ablate {tokenizing:.2f} s, once for a model and task set.\n")
    print("| way | seconds (median) | times ablate's | largest difference |")
    print("|---|---|---|---|")
    for name, times in seconds.items():
        difference = np.abs((embeddings[name] - next(iter(embeddings.values()))).numpy()).max()
        median = statistics.median(times)
        print(f"| {name} | {median:.2f} | {median / ours:.2f} | {difference:.1e} |")


if __name__ == "__main__":
    main()
