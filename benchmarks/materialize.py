"""Evaluating a pruned cell by its mask and on the smaller model: processor seconds, in one process, interleaved.

    python benchmarks/materialize.py [--data auto] [--task stsb-dev] [--sentences 1000] [--rounds 5]

Prints a Markdown table: medians, their ratio, and the largest difference between embeddings. Units are drawn at random.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from statistics import median

import torch

from ablate.data.sources import expand, resolve
from ablate.granularities.head import Head
from ablate.granularities.neuron import Neuron
from ablate.models.encode import encode, prepare
from ablate.models.load import load_model
from ablate.models.masked import masked, merge
from ablate.models.materialize import materialized
from ablate.models.spec import ModelSpec


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", default="auto")
    parser.add_argument("--task", default="sts-dev")
    parser.add_argument("--sentences", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    source = resolve(arguments.data, os.environ).source
    sentences = [s for name in expand([arguments.task], source) for s in source.load(name).sentences]
    model = load_model(ModelSpec(name="minilm"))
    prepared = prepare(model, sentences[: arguments.sentences])
    generator = torch.manual_seed(0)

    def drawn(granularity: Head | Neuron, share: float) -> dict[str, torch.Tensor]:
        count = len(granularity.layers(model))
        mask = torch.ones(count, dtype=torch.bool)
        mask[torch.randperm(count, generator=generator)[: round(share * count)]] = False
        return granularity.keep(model, mask)

    cells = {
        "10 % of the heads": drawn(Head(), 0.1),
        "25 % of the heads": drawn(Head(), 0.25),
        "10 % of the neurons": drawn(Neuron(), 0.1),
        "30 % of the neurons": drawn(Neuron(), 0.3),
        "25 % of the heads and 10 % of the neurons": merge([drawn(Head(), 0.25), drawn(Neuron(), 0.1)]),
    }
    Way = Callable[..., AbstractContextManager[None]]
    ways: dict[str, Way] = {"mask": masked, "smaller": materialized}
    print(f"{prepared.sentences} sentences of {source.label}, {torch.get_num_threads()} threads.\n")
    print("| gone | by its mask, s | on the smaller model, s | ratio | largest difference |")
    print("|---|--:|--:|--:|--:|")
    for name, keep in cells.items():
        seconds: dict[str, list[float]] = {way: [] for way in ways}
        embeddings = {}
        for _ in range(arguments.rounds):
            for way, enter in ways.items():
                start = time.process_time()
                with enter(model, keep):
                    embeddings[way] = encode(model, prepared)
                seconds[way].append(time.process_time() - start)
        a, b = median(seconds["mask"]), median(seconds["smaller"])
        off = float((embeddings["mask"] - embeddings["smaller"]).abs().max())
        print(f"| {name} | {a:.2f} | {b:.2f} | {b / a:.2f} | {off:.1e} |")


if __name__ == "__main__":
    main()
