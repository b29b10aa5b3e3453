"""The plug-in of `scale_simulation.py`: cells that cost nothing, so that the work of the coordinator is left.

Masks, keys, store and statistics are the real ones. Contributions are random. An executor draws the value of each item
at once, where a real one would encode.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from ablate.data.items import ItemSet, Source
from ablate.executors.base import Evaluated, Evaluation, Executor
from ablate.executors.dask import Dask
from ablate.granularities.head import Head
from ablate.granularities.neuron import Neuron
from ablate.granularities.unstructured import Unstructured
from ablate.hookspecs import hookimpl
from ablate.scorers.base import Scorer, View
from ablate.tasks.result import Result
from ablate.tasks.sts import Sts


class StubScorer(Scorer):
    """Random contributions, others for each number."""

    name: ClassVar[str] = "stub"
    help: ClassVar[str] = "random contributions, others for each number"
    seeded: ClassVar[bool] = True

    number: int = Field(0, description="which of the scorers this is")

    def score(self, view: View) -> Tensor:
        seed = (view.generator.initial_seed() + 1_000_003 * (1 + self.number)) % 2**62
        return torch.rand(len(view.layers), generator=torch.Generator().manual_seed(seed))


class OtherHead(Head):
    """A granularity of as many units."""

    name: ClassVar[str] = "stub-head"


class OtherNeuron(Neuron):
    """A granularity of as many units."""

    name: ClassVar[str] = "stub-neuron"


class OtherUnstructured(Unstructured):
    """A granularity of as many units."""

    name: ClassVar[str] = "stub-unstructured"


class StubTask(Sts):
    """Pairs whose gold is random, and whose embeddings nobody computes."""

    name: ClassVar[str] = "stub"
    help: ClassVar[str] = "pairs that nobody encodes"
    split: ClassVar[str] = "dev"

    items: int = Field(100, ge=1, description="how many pairs")

    def load(self, source: Source) -> ItemSet:  # noqa: ARG002
        return _items(self.items)


@cache
def _items(count: int) -> ItemSet:
    gold = np.random.default_rng(0).uniform(0, 5, count)
    rows = [((f"left {number}", f"right {number}"), float(value), "all") for number, value in enumerate(gold)]
    return ItemSet.from_rows("stub", "dev", "stub", rows)


def stub(evaluation: Evaluation) -> Evaluated:
    """What the evaluation of a cell returns, drawn instead of computed: the value of each item, by the mask's bits."""
    digest = hashlib.sha256(b"".join(part.bits for part in evaluation.mask)).digest()
    results: dict[str, Result] = {}
    for wanted in evaluation.tasks:
        data = wanted.task.load(evaluation.source)
        noise = np.random.default_rng([0, *digest[:4]]) if evaluation.mask else np.random.default_rng(0)
        model = np.random.default_rng(1).normal(size=len(data))
        values = (data.gold + model + 0.1 * noise.normal(size=len(data))).astype(np.float32)
        score = wanted.task.score(data, values, np.ones(len(data), bool))
        results[wanted.name] = Result("ok", None, score, values, 0.0, {"device": "cpu"})
    return Evaluated(evaluation.cell, results, {}, 0.0)


class Stubbed(Executor):
    """Evaluates nothing, in this process."""

    name: ClassVar[str] = "stubbed"
    help: ClassVar[str] = "evaluates nothing, in this process"

    def map(self, work: Callable[[Evaluation], Evaluated], items: Iterable[Evaluation]) -> Iterator[Evaluated]:  # noqa: ARG002
        return map(stub, items)


class StubbedDask(Dask):
    """Evaluates nothing, on the workers of a Dask cluster."""

    name: ClassVar[str] = "stubbed-dask"
    help: ClassVar[str] = "evaluates nothing, on the workers of a Dask cluster"

    def map(self, work: Callable[[Evaluation], Evaluated], items: Iterable[Evaluation]) -> Iterator[Evaluated]:  # noqa: ARG002
        return super().map(stub, items)


@hookimpl
def ablate_register_scorers(register: Callable[[Any], None]) -> None:
    register(StubScorer)


@hookimpl
def ablate_register_granularities(register: Callable[[Any], None]) -> None:
    for granularity in (OtherHead, OtherNeuron, OtherUnstructured):
        register(granularity)


@hookimpl
def ablate_register_tasks(register: Callable[[Any], None]) -> None:
    register(StubTask)


@hookimpl
def ablate_register_executors(register: Callable[[Any], None]) -> None:
    register(Stubbed)
    register(StubbedDask)
