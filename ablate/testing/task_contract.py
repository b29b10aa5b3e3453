"""What a task owes: pairs, one finite value for each, and a score of the pairs that count and of no others."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ablate.data.pairs import PairSet, Source
from ablate.errors import Undefined
from ablate.models.encode import encode, prepare
from ablate.tasks.base import Task
from ablate.testing.plugin_contract import FAMILIES, check_plugin, require
from ablate.testing.samples import SampleSource
from ablate.testing.tiny import tiny_model

_SPLITS = ("train", "dev", "test")


def check_task(plugin: type[Task], source: Source | None = None, **parameters: Any) -> None:
    """Checks that a task keeps its contract.

    Args:
        source: where it loads its pairs from; by default :class:`~ablate.testing.samples.SampleSource`.

    Raises:
        ContractBroken: what is wrong, in one line.
    """
    task = check_plugin(plugin, Task, **parameters)
    who = f"task '{plugin.name}'"
    require(not _needs_parameters(plugin), f"{who} cannot be made without parameters; give each a default")
    for attribute, kind in (("split", str), ("metric", str), ("unit", str), ("higher_is_better", bool)):
        value = getattr(plugin, attribute, None)
        require(isinstance(value, kind), f"{who} has no {attribute}: {kind.__name__}")
    require(plugin.split in _SPLITS, f"{who}: split {plugin.split!r} is none of {', '.join(_SPLITS)}")
    data = task.load(source or SampleSource())
    _check_data(data, who)
    require(task.load(source or SampleSource()).hash == data.hash, f"{who}: load gives other pairs the second time")
    for family in FAMILIES:
        model = tiny_model(family)
        _check_measure(task, data, encode(model, prepare(model, data.sentences)), f"{who} on tiny {family}")


def _needs_parameters(plugin: type[Task]) -> bool:
    return any(field.is_required() for field in plugin.model_fields.values())


def _check_data(data: PairSet, who: str) -> None:
    n = len(data)
    require(n > 0, f"{who}: load gives no pairs")
    lengths = {"left": len(data.left), "right": len(data.right), "gold": len(data.gold), "subsets": len(data.subsets)}
    require(set(lengths.values()) == {n}, f"{who}: the columns of its pairs differ in length: {lengths}")
    require(bool(np.isfinite(data.gold).all()), f"{who}: load gives gold scores that are not finite")


def _check_measure(task: Task, data: PairSet, embeddings: Tensor, who: str) -> None:
    n, given = len(data), embeddings.clone()
    values = task.measure(data, embeddings)
    require(
        isinstance(values, np.ndarray) and values.shape == (n,) and values.dtype == np.float32,
        f"{who}: measure gives {_described(values)}, not one float32 for each of {n} pairs",
    )
    require(bool(np.isfinite(values).all()), f"{who}: measure gives values that are not finite")
    require(torch.equal(embeddings, given), f"{who}: measure changes the embeddings that it was given")
    require(np.array_equal(task.measure(data, embeddings), values), f"{who}: measure is not deterministic")
    _check_score(task, data, values, who)


def _check_score(task: Task, data: PairSet, values: np.ndarray[Any, np.dtype[np.float32]], who: str) -> None:
    everything, before = np.ones(len(data), bool), values.copy()
    try:
        score = task.score(data, values, everything)
    except Undefined as reason:
        require(len(data) < 10, f"{who}: has no score on {len(data)} pairs: {reason}")
        return
    require(isinstance(score, float) and math.isfinite(score), f"{who}: score gives {score!r}, not a finite float")
    require(task.score(data, values, everything) == score, f"{who}: score is not deterministic")
    half = np.arange(len(data)) % 2 == 0
    elsewhere = np.where(half, values, values[::-1] + 1).astype(np.float32)
    require(
        task.score(data, values, half) == task.score(data, elsewhere, half),
        f"{who}: score depends on pairs that `kept` leaves out",
    )
    require(np.array_equal(values, before), f"{who}: score changes the values that it was given")
    nothing = np.zeros(len(data), bool)
    try:
        undefined = task.score(data, values, nothing)
    except Undefined:
        return
    require(False, f"{who}: score gives {undefined!r} of no pairs; raise Undefined with the reason")


def _described(values: object) -> str:
    if isinstance(values, np.ndarray):
        return f"{values.dtype} {list(values.shape)}"
    return type(values).__name__
