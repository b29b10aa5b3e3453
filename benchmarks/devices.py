"""Sentences a second in each precision, and how far scores move: `python benchmarks/devices.py --device cuda`.

The models are MiniLM and one of BERT-base's shape with random weights. Each round encodes the sentences of the tasks in
every precision; the rates are medians. Seconds on the CPU are process time, so run it with one thread there.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from statistics import median

import torch

from ablate.data.sources import resolve as resolve_data
from ablate.engine.evaluator import Evaluator
from ablate.errors import ModelError
from ablate.models.device import label, resolve
from ablate.models.encode import encode
from ablate.models.load import load_model
from ablate.models.model import Model
from ablate.models.precision import check_precision, in_precision
from ablate.models.spec import ModelSpec, Precision
from ablate.plan.tasks import load_tasks, make_task
from ablate.plugins import registry
from ablate.tasks.loaded import Loaded
from ablate.testing.tiny import tiny_model


def base(device: torch.device) -> Model:
    """A model of BERT-base's shape; its words are few, and its embeddings mean nothing."""
    model = tiny_model(layers=12, heads=12, width=768, neurons=3072)
    model.network.to(device)
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--data", default="auto")
    parser.add_argument("--models", default="minilm,base")
    parser.add_argument("--tasks", default="stsb-dev,sickr-dev")
    parser.add_argument("--precisions", default="float32,bf16,fp16")
    given = parser.parse_args()
    device = resolve(given.device)
    source = resolve_data(given.data, os.environ).source
    tasks = load_tasks([make_task(registry(), name, {}) for name in given.tasks.split(",")], source, registry())
    makers: dict[str, Callable[[], Model]] = {
        "minilm": lambda: load_model(ModelSpec(name="minilm"), device),
        "base": lambda: base(device),
    }
    print(f"{label(device)}, torch {torch.__version__}, {torch.get_num_threads()} threads, {source.label}")
    for name in given.models.split(","):
        measure(name, makers[name](), tasks, given.rounds, given.precisions.split(","))


def measure(name: str, model: Model, tasks: list[Loaded], rounds: int, precisions: list[Precision]) -> None:
    """Prints a line for each precision that the device has."""
    evaluator = Evaluator(model)
    texts, prepared = evaluator.prepared(tasks)
    clock = time.process_time if model.device.type == "cpu" else time.perf_counter
    seconds: dict[Precision, list[float]] = {}
    for precision in precisions:
        try:
            check_precision(precision, model.device)
            seconds[precision] = []
        except ModelError as error:
            print(f"{name} {precision}: {error}")
    for number in range(rounds + 1):
        for precision, spent in seconds.items():
            with in_precision(model, precision):
                start = clock()
                encode(model, prepared)
            # The first round warms up.
            spent += [clock() - start] if number else []
    scores = {}
    for precision in seconds:
        embedded = evaluator.embed({}, tasks, precision=precision)
        scores[precision] = [embedded.measure(task).score or 0.0 for task in tasks]
    print(f"{name}: {len(texts)} sentences, {prepared.tokens} tokens, batches of {prepared.token_budget} tokens")
    for precision, spent in seconds.items():
        moved = [
            f"{task.name} {score:.3f} ({score - exact:+.3f})"
            for task, score, exact in zip(tasks, scores[precision], scores["float32"], strict=True)
        ]
        print(f"  {precision}: {len(texts) / median(spent):,.0f} sentences a second; {', '.join(moved)}")


if __name__ == "__main__":
    main()
