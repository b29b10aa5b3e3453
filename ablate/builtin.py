"""ablate's own plug-in: it registers the built-in classes through the hooks that every plug-in uses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any

from ablate.hookspecs import hookimpl

Register = Callable[[type[Any]], None]

BUILT_IN: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "scorer": {
            "align": "ablate.scorers.align.Align",
            "uniform": "ablate.scorers.uniform.Uniform",
            "combined": "ablate.scorers.combined.Combined",
            "correlation": "ablate.scorers.correlation.Correlation",
            "magnitude": "ablate.scorers.magnitude.Magnitude",
            "random": "ablate.scorers.random.Random",
            "gates": "ablate.scorers.gates.Gates",
            "oracle": "ablate.scorers.oracle.Oracle",
        },
        "granularity": {
            "unstructured": "ablate.granularities.unstructured.Unstructured",
            "head": "ablate.granularities.head.Head",
            "neuron": "ablate.granularities.neuron.Neuron",
        },
        "executor": {"in-process": "ablate.executors.in_process.InProcess"},
    }
)
"""Kind -> name -> the place of the class. To register a new class, add a line."""

TASKS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "ablate.tasks.sts.STS_TASKS": (
            *("sts12", "sts13", "sts14", "sts15", "sts16"),
            *("stsb", "stsb-dev", "stsb-train", "sickr", "sickr-dev", "sickr-train"),
            *("synthetic", "synthetic-dev", "synthetic-train"),
        ),
        "ablate.tasks.geometry.GEOMETRY_TASKS": ("align-dev", "uniform-dev", "align-test", "uniform-test"),
        "ablate.tasks.transfer.TRANSFER_TASKS": (
            *("mr", "cr", "subj", "mpqa", "sst2", "trec", "mrpc", "synthetic-tense"),
        ),
    }
)
"""The place of the classes of a group of tasks -> their names."""

NAMES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        **{kind: tuple(classes) for kind, classes in BUILT_IN.items()},
        "task": tuple(name for names in TASKS.values() for name in names),
    }
)
"""Kind -> the names that the hooks below register.

For shell completion, which must not import torch, as the hooks do. A test compares both lists.
"""


@hookimpl
def ablate_register_scorers(register: Register) -> None:
    _register("scorer", register)


@hookimpl
def ablate_register_granularities(register: Register) -> None:
    _register("granularity", register)


@hookimpl
def ablate_register_tasks(register: Register) -> None:
    for place in TASKS:
        for task in _imported(place):
            register(task)


@hookimpl
def ablate_register_executors(register: Register) -> None:
    _register("executor", register)


def _register(kind: str, register: Register) -> None:
    for place in BUILT_IN[kind].values():
        register(_imported(place))


def _imported(place: str) -> Any:
    module, _, name = place.rpartition(".")
    return getattr(import_module(module), name)
