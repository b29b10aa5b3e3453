"""Exact removal of every head, and of groups of neurons: the whole model for each, beside what ablate does.

    python benchmarks/oracle.py [--sentences 256] [--rounds 5] [--token-budget N]

Sentences are those of STS-B dev, of the embedded data without ABLATE_DATA. Rounds are interleaved; processor seconds
are medians. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import os
import time
from statistics import median

import torch
from torch import Tensor

from ablate.data.sources import resolve
from ablate.granularities.base import Granularity
from ablate.granularities.head import Head
from ablate.granularities.neuron import Neuron
from ablate.granularities.replay import removals
from ablate.models.encode import Prepared, encode, prepare
from ablate.models.load import load_model
from ablate.models.masked import masked
from ablate.models.model import Model
from ablate.models.spec import ModelSpec

GROUPS = 12
"""Of the neurons in each layer."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sentences", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--token-budget", type=int)
    given = parser.parse_args()
    source = resolve("auto", os.environ).source
    (name,) = source.groups()["sts-dev"]
    model = load_model(ModelSpec(name="minilm"), torch.device("cpu"))
    sentences = source.load(name).sentences[: given.sentences]
    prepared = prepare(model, sentences, given.token_budget)
    print(f"{len(sentences)} sentences of {source.label}, {prepared.tokens:,} tokens, {given.rounds} rounds, ")
    print(f"{torch.get_num_threads()} threads.\n")
    print("| removed | whole model, s | ablate, s | ratio | largest difference |")
    print("|---|--:|--:|--:|--:|")
    heads, neurons = Head(), Neuron()
    each = [torch.tensor([unit]) for unit in range(len(heads.layers(model)))]
    report(
        "each head", model, prepared, heads, [torch.tensor([unit]) for unit in range(len(heads.layers(model)))], given
    )
    layers = neurons.layers(model)
    groups = [
        part for layer in range(int(layers.max()) + 1) for part in (layers == layer).nonzero().flatten().chunk(GROUPS)
    ]
    report(f"{GROUPS} groups of neurons in each layer", model, prepared, neurons, groups, given)


def report(
    what: str,
    model: Model,
    prepared: Prepared,
    granularity: Granularity,
    groups: list[Tensor],
    given: argparse.Namespace,
) -> None:
    keeps = []
    for units in groups:
        mask = torch.ones(len(granularity.layers(model)), dtype=torch.bool)
        mask[units] = False
        keeps.append(granularity.keep(model, mask))
    naive, ours, off = [], [], 0.0
    for _ in range(given.rounds):
        start = time.process_time()
        whole = []
        for keep in keeps:
            with masked(model, keep):
                whole.append(encode(model, prepared))
        naive.append(time.process_time() - start)
        start = time.process_time()
        found = dict(removals(model, prepared, granularity, groups))
        ours.append(time.process_time() - start)
        off = max(float((found[index] - embeddings).abs().max()) for index, embeddings in enumerate(whole))
    a, b = median(naive), median(ours)
    print(f"| {what} | {a:.1f} | {b:.1f} | {b / a:.2f} | {off:.1e} |")


if __name__ == "__main__":
    main()
