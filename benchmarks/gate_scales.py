"""As many continuous scales as there are gates, fitted to the same pairs with nothing removed: a control of gates.

    ABLATE_DATA=... python benchmarks/gate_scales.py [--rate 0.01] [--updates 600] [--tasks stsb-dev,sickr-dev]

Every head and neuron of MiniLM gets a number, at first 1, with which its output is multiplied. All of them are trained
like gates: on the same loss and batches, but with no share to close. Prints the gain on each task, without the pairs
that were trained on. Naming test sets reads them.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory

import torch
from gates import CALIBRATION, TASKS, Dev, gates
from torch import Tensor

from ablate.coordinator.run import prepare_model_run
from ablate.events import silent
from ablate.granularities.base import ColumnGranularity
from ablate.granularities.gated import gradients_of_gates
from ablate.granularities.head import Head
from ablate.granularities.neuron import Neuron
from ablate.models.losses import CORRELATION
from ablate.models.model import Model
from ablate.plan.job import prepare_job
from ablate.recipe.document import Document
from ablate.recipe.recipe import Recipe
from ablate.scorers.gate_training import Batches, GateTraining
from ablate.store.store import Store
from ablate.timing import Timings

Scales = Mapping[ColumnGranularity, Tensor]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=0.01)
    parser.add_argument("--updates", type=int, default=600)
    parser.add_argument("--tasks", default=",".join(TASKS))
    given = parser.parse_args()
    cell = [{"granularity": "head", "scorer": gates(), "sparsity": 0.25}]
    fields = {"model": "minilm", "calibration": CALIBRATION, "cells": [cell], "screen": TASKS}
    recipe = Recipe.model_validate(fields)
    job = prepare_job(recipe, Document("recipe", recipe.model_dump(mode="json", by_alias=True)))
    with TemporaryDirectory() as folder, Store(Path(folder) / "scales.db") as store:
        run = prepare_model_run(job, recipe.model[0], store, Timings(), silent)
    tasks = job.load(job.make(given.tasks.split(",")), run.calibration.seen)
    training = GateTraining(((1.0, CORRELATION),), given.updates, 32, given.rate, 0.0)
    generator = torch.Generator().manual_seed(0)
    dev = Dev(run.model, tasks)
    scales = _fitted(run.model, Batches(run.model, run.calibration, CORRELATION, training, generator), training)
    with _scaled(run.model, scales):
        gains = dev.gains()
    print(f"| {' | '.join(task.name for task in tasks)} | mean |\n|{'--:|' * (len(tasks) + 1)}")
    print(f"| {' | '.join(f'{gain:+.2f}' for gain in [*gains, fmean(gains)])} |")


def _fitted(model: Model, batches: Batches, training: GateTraining) -> Scales:
    scales = {g: torch.ones(len(g.layers(model))).requires_grad_() for g in (Head(), Neuron())}
    optimizer = torch.optim.Adam(list(scales.values()), lr=training.rate)
    with gradients_of_gates(model):
        for update in range(training.updates):
            loss = batches.next_loss(scales, update)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return {g: scale.detach() for g, scale in scales.items()}


@contextmanager
def _scaled(model: Model, scales: Scales) -> Iterator[None]:
    """The outputs of units are multiplied with their scales inside the block."""
    originals: dict[str, Tensor] = {}
    try:
        for granularity, values in scales.items():
            for name, columns in granularity.columns(model, values).items():
                originals[name] = model.weight(name).data
                model.weight(name).data = originals[name] * columns
        yield
    finally:
        for name, original in originals.items():
            model.weight(name).data = original


if __name__ == "__main__":
    main()
