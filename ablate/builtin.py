"""ablate's own plug-in: it registers the built-in classes through the hooks that every plug-in uses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from ablate.hookspecs import hookimpl

Register = Callable[[type[Any]], None]

NAMES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "scorer": ("align", "uniform", "combined", "correlation", "magnitude", "random", "oracle"),
        "granularity": ("unstructured", "head", "neuron"),
        "task": (
            *("sts12", "sts13", "sts14", "sts15", "sts16"),
            *("stsb", "stsb-dev", "stsb-train", "sickr", "sickr-dev", "sickr-train"),
            *("synthetic", "synthetic-dev", "synthetic-train"),
            *("align-dev", "uniform-dev", "align-test", "uniform-test"),
            *("mr", "cr", "subj", "mpqa", "sst2", "trec", "mrpc", "synthetic-tense"),
        ),
        "executor": ("in-process",),
    }
)
"""Kind -> the names that the hooks below register.

For shell completion, which must not import torch, as the hooks do. A test compares both lists.
"""


@hookimpl
def ablate_register_scorers(register: Register) -> None:
    from ablate.scorers.align import Align
    from ablate.scorers.combined import Combined
    from ablate.scorers.correlation import Correlation
    from ablate.scorers.magnitude import Magnitude
    from ablate.scorers.oracle import Oracle
    from ablate.scorers.random import Random
    from ablate.scorers.uniform import Uniform

    for scorer in (Align, Uniform, Combined, Correlation, Magnitude, Random, Oracle):
        register(scorer)


@hookimpl
def ablate_register_granularities(register: Register) -> None:
    from ablate.granularities.head import Head
    from ablate.granularities.neuron import Neuron
    from ablate.granularities.unstructured import Unstructured

    for granularity in (Unstructured, Head, Neuron):
        register(granularity)


@hookimpl
def ablate_register_tasks(register: Register) -> None:
    from ablate.tasks.geometry import GEOMETRY_TASKS
    from ablate.tasks.sts import STS_TASKS
    from ablate.tasks.transfer import TRANSFER_TASKS

    tasks: tuple[type[Any], ...] = (*STS_TASKS, *GEOMETRY_TASKS, *TRANSFER_TASKS)
    for task in tasks:
        register(task)


@hookimpl
def ablate_register_executors(register: Register) -> None:
    from ablate.executors.in_process import InProcess

    register(InProcess)
