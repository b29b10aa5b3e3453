"""How fast this machine encodes with a model, and resamples: from the results that the store has, or by a probe."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from ablate.coordinator.model_run import ModelRun
from ablate.coordinator.tokens import PROBE, task_tokens
from ablate.interrupts import any_failure
from ablate.judge.plugin_statistic import statistic_of
from ablate.models.device import label
from ablate.models.encode import encode, prepare
from ablate.models.precision import in_precision
from ablate.plugins import registry
from ablate.statistics.resample import CHUNK, Joint, Judged
from ablate.tasks.base import WholeTask
from ablate.tasks.loaded import Loaded, panel_of
from ablate.tasks.result import Result

_KEYS = 8
"""Results that are resampled for an estimate: so many that what they share, the draws, takes little of the time."""


@dataclass(frozen=True)
class Resampling:
    """Seconds for each draw of one item: of one result's bootstrap, and of one cell's swaps."""

    bootstrap: float
    swaps: float


@dataclass(frozen=True)
class Speed:
    """Of one model on this machine.

    token: seconds to encode one. cells: from how many stored cells it is known; 0: from a probe.
    resampling: None if no task says how.
    """

    token: float
    cells: int
    resampling: Resampling | None


def speed(model_run: ModelRun, found: Iterable[Mapping[str, Result]], tasks: Sequence[Loaded]) -> Speed:
    """By what the store has found on the tasks; where there is nothing, by a probe, which takes a second.

    Args:
        found: of each of some cells the results, by the name of the task.
    """
    recorded = _recorded(model_run, found, tasks)
    token = median(recorded) if recorded else probed(model_run, tasks)
    return Speed(token, len(recorded), resampling(tasks))


def probed(model_run: ModelRun, tasks: Sequence[Loaded]) -> float:
    """Seconds per token, measured on the first sentences of the tasks after one warm-up."""
    sentences = [s for task in tasks for s in task.data.sentences][:PROBE]
    prepared = prepare(model_run.model, sentences)
    with in_precision(model_run.model, model_run.precision):
        encode(model_run.model, prepared)
        start = time.perf_counter()
        encode(model_run.model, prepared)
        return (time.perf_counter() - start) / max(prepared.tokens, 1)


def resampling(tasks: Sequence[Loaded]) -> Resampling | None:
    """Measured on random values of the first task that has values."""
    valued = next((task for task in tasks if len(task.data) and not isinstance(task.task, WholeTask)), None)
    if valued is None:
        return None
    name, panel = valued.name, panel_of(valued)
    values = np.random.default_rng(0).random((_KEYS, len(panel)), np.float32)
    try:
        joint = Joint({name: Judged(panel, statistic_of(valued.task, registry()))}, CHUNK, 0)
        start = time.perf_counter()
        joint.bootstrap({name: dict(zip(map(str, range(_KEYS)), values, strict=True))})
        middle = time.perf_counter()
        joint.permute({"": {name: [(values[0], values[1])]}})
        end = time.perf_counter()
    except any_failure():  # of a plug-in's statistic; the judgment says what fails
        return None
    each = CHUNK * len(panel)
    return Resampling((middle - start) / _KEYS / each, (end - middle) / each)


def _recorded(model_run: ModelRun, found: Iterable[Mapping[str, Result]], tasks: Sequence[Loaded]) -> list[float]:
    """Seconds per token of each cell that has results on all tasks, computed on a device like this one."""
    names, device = {task.name for task in tasks}, label(model_run.model.device)
    tokens = task_tokens(model_run, tasks)
    return [
        sum(results[name].seconds for name in names) / tokens
        for results in found
        if tokens and names <= results.keys() and all(results[name].about.get("device") == device for name in names)
    ]
