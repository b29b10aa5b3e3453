"""Exact removal of every head: the whole model for each head, against the lower layers replayed.

python benchmarks/oracle.py                 # embedded data; ABLATE_DATA: STS-B dev
"""

from __future__ import annotations

import os
import time
from statistics import median

import torch

from ablate.data.sources import resolve
from ablate.granularities.head import Head
from ablate.granularities.replay import removals
from ablate.models.encode import encode, prepare
from ablate.models.load import load_model
from ablate.models.masked import masked
from ablate.models.spec import ModelSpec

ROUNDS = 3
SENTENCES = 512


def main() -> None:
    source = resolve("auto", os.environ).source
    (name,) = source.groups()["sts-dev"]
    model, head = load_model(ModelSpec(name="minilm")), Head()
    prepared = prepare(model, source.load(name).sentences[:SENTENCES])
    units = len(head.layers(model))
    groups = [torch.tensor([unit]) for unit in range(units)]
    naive, replayed = [], []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        whole = []
        for unit in range(units):
            mask = torch.ones(units, dtype=torch.bool)
            mask[unit] = False
            with masked(model, head.keep(model, mask)):
                whole.append(encode(model, prepared))
        naive.append(time.perf_counter() - start)
        start = time.perf_counter()
        found = dict(removals(model, prepared, head, groups))
        replayed.append(time.perf_counter() - start)
        assert all(torch.equal(found[unit], whole[unit]) for unit in range(units))
    ratios = [fast / slow for fast, slow in zip(replayed, naive, strict=True)]
    threads = torch.get_num_threads()
    print(f"data: {source.label} {name}, {prepared.sentences} sentences, {units} heads, {threads} threads")
    print(f"whole model for each head: {median(naive):.1f} s; lower layers replayed: {median(replayed):.1f} s")
    print(f"ratio, median of {ROUNDS} interleaved rounds: {median(ratios):.2f}; all embeddings equal, bit for bit")


if __name__ == "__main__":
    main()
