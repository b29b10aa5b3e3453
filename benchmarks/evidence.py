"""Processor seconds of statistics for one cell against those of encoding it, on the same tasks.

    python benchmarks/evidence.py [--data auto] [--tasks sts] [--resamples 2000] [--draws 20]

The dense model is encoded once. Values of cells are made from its own by adding noise: what statistics cost depends on
the number of pairs, not on where they came from. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import os
import time

import numpy as np
import torch

from ablate.data.sources import expand, resolve
from ablate.engine.evaluator import Evaluator
from ablate.models.load import load_model
from ablate.models.spec import ModelSpec
from ablate.plan.tasks import load_tasks, make_task
from ablate.plugins import registry
from ablate.statistics.resample import Joint, Judged
from ablate.statistics.samples import by_component
from ablate.tasks.loaded import panel_of


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", default="auto")
    parser.add_argument("--tasks", default="sts")
    parser.add_argument("--resamples", type=int, default=2000)
    parser.add_argument("--draws", type=int, default=20)
    arguments = parser.parse_args()
    source = resolve(arguments.data, os.environ).source
    tasks = load_tasks(
        [make_task(registry(), name, {}) for name in expand([arguments.tasks], source)], source, registry()
    )
    evaluator = Evaluator(load_model(ModelSpec(name="minilm")))
    evaluator.prepared(tasks)
    start = time.process_time()
    dense = evaluator.evaluate({}, tasks)
    encoding = time.process_time() - start

    rng = np.random.default_rng(0)
    values = {}
    for task in tasks:
        own = dense[task.name].values
        assert own is not None
        noise = rng.normal(0, 0.03, (arguments.draws + 1, len(own))).astype(np.float32)
        values[task.name] = {"dense": own, **{str(i): own + one for i, one in enumerate(noise)}}
    judged = {task.name: Judged(panel_of(task), task.task.statistic()) for task in tasks}
    joint = Joint(judged, arguments.resamples, 0)
    seconds = {}
    for name, keys in (("dense", ["dense"]), ("all", list(next(iter(values.values()))))):
        start = time.process_time()
        joint.bootstrap({task: {key: found[key] for key in keys} for task, found in values.items()})
        seconds[name] = time.process_time() - start
    one = (seconds.pop("all") - seconds["dense"]) / (arguments.draws + 1)
    start = time.process_time()
    joint.permute({"0": {task: [(found["0"], found["dense"])] for task, found in values.items()}})
    permutation = time.process_time() - start
    # Of one cell: the draws of components are made once for all.
    of_components = []
    for keys in (["dense"], ["dense", "0"]):
        start = time.process_time()
        connected = Joint(by_component(judged), arguments.resamples, 0)
        connected.bootstrap({task: {key: found[key] for key in keys} for task, found in values.items()})
        of_components.append(time.process_time() - start)
    cells = arguments.draws + 1
    print(f"{sum(len(j.panel) for j in judged.values()):,} pairs of {len(tasks)} tasks of {source.label},")
    print(f"{arguments.resamples} resamples, {torch.get_num_threads()} thread(s).\n")
    print("| what | processor seconds | of encoding the same |")
    print("|---|---|---|")
    rows = [
        ("draws, and the dense model (once a stage)", seconds["dense"], encoding),
        ("a cell against dense: bootstrap and permutation", one + permutation, encoding),
        (f"a cell against {arguments.draws} matched draws as well", one * cells + permutation, encoding * cells),
        ("a cell: bootstrap over components", of_components[1] - of_components[0], encoding),
    ]
    for what, spent, encoded in rows:
        print(f"| {what} | {spent:.2f} | {spent / encoded:.1%} |")
    print(f"\nEncoding one cell takes {encoding:.1f} processor seconds.")


if __name__ == "__main__":
    main()
