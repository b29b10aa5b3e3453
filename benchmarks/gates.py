"""What gates cost and gain on dev sets, beside exact removal in three passes and random masks in equal time.

    ABLATE_DATA=... python benchmarks/gates.py [--seeds 3] [--long 600] [--only gates,exact,random,rivals]

Each way makes one mask of MiniLM: a quarter of the heads and a tenth of the neurons. Prints a Markdown table of the
processor seconds of making it, what it builds on included, and of its gains on all pairs of STS-B dev and SICK trial.
No test set is read. The rivals are scorers of the plug-ins ablate-taylor and ablate-wanda, which must be installed for
them; some of these are for single weights.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from ablate.coordinator.model_run import ModelRun
from ablate.coordinator.run import prepare_model_run
from ablate.events import silent
from ablate.granularities.head import Head
from ablate.granularities.neuron import Neuron
from ablate.granularities.units import Units
from ablate.models.encode import encode, prepare
from ablate.models.masked import masked
from ablate.models.model import Model
from ablate.plan.job import prepare_job
from ablate.plan.plan import Cell
from ablate.recipe.document import Document
from ablate.recipe.recipe import Recipe
from ablate.store.store import Store
from ablate.tasks.loaded import Loaded
from ablate.timing import Timings

Steps = list[dict[str, Any]]

CALIBRATION: dict[str, Any] = {
    "splits": ["stsb-train", "sickr-train"],
    "graded": {"stsb-train": 5696, "sickr-train": 4480},
}
TASKS = ["stsb-dev", "sickr-dev"]
BOTH: dict[str, Any] = {"granularity": ["head", "neuron"], "sparsity": {"head": 0.25, "neuron": 0.1}}
HEADS: dict[str, Any] = {"granularity": "head", "sparsity": 0.25}
NEURONS: dict[str, Any] = {"granularity": "neuron", "scorer": "correlation", "sparsity": 0.1}


def gates(**parameters: Any) -> dict[str, Any]:
    return {"scorer": "gates", "batch_size": 32, **parameters}


@dataclass(frozen=True)
class Way:
    """The steps that make a mask, and the way whose stored contributions they build on."""

    name: str
    steps: Steps
    after: str | None = None


GATES = "gates on both"


def ways(seeds: int, updates: int) -> list[Way]:
    """The neurons are learned with the heads, or follow them by a cheap scorer."""
    means = [
        Way(
            f"{GATES}, mean of {count} seeds",
            [{**BOTH, "scorer": gates(gate_seeds=[*range(count)])}],
            f"{GATES}, mean of {count - 1} seeds" if count > 2 else GATES,
        )
        for count in range(2, seeds + 1)
    ]
    return [
        Way("gates on heads; neurons by `correlation`", [{**HEADS, "scorer": gates()}, NEURONS]),
        Way(GATES, [{**BOTH, "scorer": gates()}]),
        *means,
        Way(f"{GATES}, {updates} updates", [{**BOTH, "scorer": gates(updates=updates)}]),
        Way(f"{GATES}, then swaps", [{**BOTH, "scorer": gates(), "search": {"border": 3, "most": 3}}], GATES),
    ]


def exact() -> list[Way]:
    oracle = {"scorer": "oracle", "on": TASKS}
    steps = [{**HEADS, "scorer": oracle, "steps": 3}, NEURONS]
    return [Way("exact removal of heads in three passes; neurons by `correlation`", steps)]


def rivals() -> list[Way]:
    """Scorers that see the same gold scores, one granularity after the other; and scorers of single weights."""
    fitted = [{"scorer": name, "loss": "correlation"} for name in ("fisher-rearranged", "fisher", "taylor")]
    units: list[Way] = [
        Way(
            f"`{scorer['scorer']}` on heads, then on neurons",
            [{**HEADS, "scorer": scorer}, {**NEURONS, "scorer": scorer}],
        )
        for scorer in fitted
    ]
    weights = [
        Way(f"`{name}`, 30 % of single weights", [{"granularity": "unstructured", "scorer": name, "sparsity": 0.3}])
        for name in ("obs", "wanda", "magnitude")
    ]
    return units + weights


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--long", type=int, default=600)
    parser.add_argument("--only", default="gates,exact,random")
    given = parser.parse_args()
    only = given.only.split(",")
    kinds = {"gates": ways(given.seeds, given.long), "exact": exact(), "rivals": rivals()}
    chosen = [way for kind, of_kind in kinds.items() if kind in only for way in of_kind]
    print(f"{torch.get_num_threads()} threads\n\n| mask by | processor seconds | {' | '.join(TASKS)} | mean |")
    print("|---|--:|--:|--:|--:|", flush=True)
    with TemporaryDirectory() as folder, Store(Path(folder) / "gates.db") as store:
        run, cells, dev = _prepared([way.steps for way in chosen], store)
        seconds: dict[str, float] = {}
        for way, cell in zip(chosen, cells, strict=True):
            start = time.process_time()
            units = run.masks.make(cell).units
            seconds[way.name] = time.process_time() - start + (seconds[way.after] if way.after else 0)
            _show(way.name, seconds[way.name], dev.gains(units))
        if "random" in only:
            _random(run, dev, seconds[GATES])


def _prepared(cells: Sequence[Steps], store: Store) -> tuple[ModelRun, tuple[Cell, ...], Dev]:
    recipe = Recipe.model_validate({"model": "minilm", "calibration": CALIBRATION, "cells": cells, "screen": TASKS})
    job = prepare_job(recipe, Document("recipe", recipe.model_dump(mode="json", by_alias=True)))
    run = prepare_model_run(job, recipe.model[0], store, Timings(), silent)
    return run, job.plan.cells, Dev(run.model, job.load(job.tasks.screen))


class Dev:
    """Scores a model on the unseen pairs of some tasks, against the model as it is now."""

    def __init__(self, model: Model, tasks: Sequence[Loaded]) -> None:
        self._model = model
        self._tasks = [(task, prepare(model, task.data.sentences)) for task in tasks]
        self._dense = list(self._scores())

    def gains(self, units: Units | None = None) -> list[float]:
        """Above dense, in points, on each task, under a mask."""
        with masked(self._model, units.keep(self._model) if units else {}):
            return [score - dense for score, dense in zip(self._scores(), self._dense, strict=True)]

    def _scores(self) -> Iterator[float]:
        for loaded, prepared in self._tasks:
            values = loaded.task.measure(loaded.data, encode(self._model, prepared))
            yield loaded.task.score(loaded.data, values, loaded.kept)


def _random(run: ModelRun, dev: Dev, seconds: float) -> None:
    """The best of as many random masks as can be scored in the time that one training of gates takes."""
    generator = np.random.default_rng(0)
    start, best, count = time.process_time(), [float("-inf")], 0
    while time.process_time() - start < seconds:
        units = Units()
        for granularity in (Head(), Neuron()):
            total = len(run.masks.scores.layers_of(granularity))
            removed = generator.choice(total, round(BOTH["sparsity"][granularity.name] * total), replace=False)
            units = units.with_mask(granularity, ~np.isin(np.arange(total), removed))
        best, count = max(best, dev.gains(units), key=np.mean), count + 1
    _show(f"the best of {count} random masks", time.process_time() - start, best)


def _show(name: str, seconds: float, gains: Sequence[float]) -> None:
    print(f"| {name} | {seconds:.0f} | {' | '.join(f'{gain:+.2f}' for gain in [*gains, fmean(gains)])} |", flush=True)


if __name__ == "__main__":
    main()
