"""Contributions of all gradient scorers at all granularities, beside plain forward and backward passes; and the memory.

    python benchmarks/scoring.py [--rounds 5] [--model minilm|base]

The plain passes compute the two losses over the same calibration set, one forward and one backward pass for each, and
keep nothing but the gradients. Processor seconds are medians of interleaved rounds. ``base`` has BERT-base's shape and
random weights. The memory is the most that the process has held, Python and its libraries included, and is measured
before the plain passes run.
"""

from __future__ import annotations

import argparse
import os
import resource
import time
from collections.abc import Callable
from statistics import median

import torch
from torch.nn.functional import normalize

from ablate.data.calibration import Calibration, CalibrationSpec, calibrate, splits_of
from ablate.data.sources import resolve
from ablate.engine.collect import collect
from ablate.engine.passes import Request
from ablate.engine.score import score
from ablate.granularities.base import Granularity
from ablate.granularities.head import Head
from ablate.granularities.neuron import Neuron
from ablate.granularities.unstructured import Unstructured
from ablate.models.load import load_model
from ablate.models.losses import ALIGN, UNIFORM
from ablate.models.model import Model
from ablate.models.spec import ModelSpec
from ablate.plan.plan import Step
from ablate.scorers.align import Align
from ablate.scorers.combined import Combined
from ablate.scorers.uniform import Uniform
from ablate.testing.tiny import tiny_model

GRANULARITIES: tuple[Granularity, ...] = (Head(), Neuron(), Unstructured())
SCORERS = (Align(), Uniform(), Combined(), *(scorer(sign="absolute") for scorer in (Align, Uniform, Combined)))
STEPS = [Step(((g, 0.1),), scorer, scorer.name) for scorer in SCORERS for g in GRANULARITIES]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--model", choices=["minilm", "base"], default="minilm")
    given = parser.parse_args()
    source = resolve("auto", os.environ).source
    if given.model == "minilm":
        model = load_model(ModelSpec(name="minilm"), torch.device("cpu"))
    else:
        model = tiny_model(layers=12, heads=12, width=768, neurons=3072)
    spec = CalibrationSpec()
    calibration = calibrate(spec, splits_of(spec, source))
    ours, plain = [], []
    ours.append(seconds(model, calibration, scored))
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    for number in range(given.rounds):
        if number:
            ours.append(seconds(model, calibration, scored))
        plain.append(seconds(model, calibration, passes))
    weights = sum(parameter.numel() for parameter in model.backbone.parameters()) * 4
    ratio = median(ours) / median(plain)
    print(f"{given.model}, {source.label}, {torch.get_num_threads()} threads, {given.rounds} rounds: ablate takes")
    print(
        f"{median(ours):.1f} s, plain passes {median(plain):.1f} s, ratio {ratio:.2f}; memory {held / 2**30:.2f} GiB, "
    )
    print(f"{held / weights:.1f} times the {weights / 2**20:.0f} MiB of weights")


def seconds(model: Model, calibration: Calibration, work: Callable[[Model, Calibration], None]) -> float:
    start = time.process_time()
    work(model, calibration)
    return time.process_time() - start


def scored(model: Model, calibration: Calibration) -> None:
    requests: list[Request] = [request for step in STEPS for request in step.requests]
    collected = collect(model, calibration, requests)
    for step in STEPS:
        score(model, calibration, step, collected, {g: g.layers(model) for g in step.granularities})


def passes(model: Model, calibration: Calibration) -> None:
    for loss in (ALIGN, UNIFORM):
        for batch in calibration.batches(loss.over):
            model.backbone.requires_grad_(True)
            embeddings = normalize(model.embed(model.pad(model.tokenize(list(batch.sentences)))), dim=1)
            loss.of(embeddings, batch.gold).backward()  # type: ignore[no-untyped-call]
            model.backbone.zero_grad()
    model.backbone.requires_grad_(False)


if __name__ == "__main__":
    main()
