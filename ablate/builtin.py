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
            "kv-group": "ablate.granularities.kv_group.KvGroup",
        },
        "executor": {
            "in-process": "ablate.executors.in_process.InProcess",
            "processes": "ablate.executors.processes.Processes",
            "dask": "ablate.executors.dask.Dask",
        },
        "architecture": {
            "bert": "ablate.models.families.bert.Bert",
            "roberta": "ablate.models.families.bert.Roberta",
            "xlm-roberta": "ablate.models.families.bert.XlmRoberta",
            "camembert": "ablate.models.families.bert.Camembert",
            "electra": "ablate.models.families.bert.Electra",
            "ernie": "ablate.models.families.bert.Ernie",
            "distilbert": "ablate.models.families.distilbert.DistilBert",
            "mpnet": "ablate.models.families.mpnet.MPNet",
            "albert": "ablate.models.families.albert.Albert",
            "deberta": "ablate.models.families.deberta.Deberta",
            "deberta-v2": "ablate.models.families.deberta_v2.DebertaV2",
            "modernbert": "ablate.models.families.modernbert.ModernBert",
            "nomic_bert": "ablate.models.families.nomic_bert.NomicBert",
            "gte": "ablate.models.families.nomic_bert.Gte",
            "jina_embeddings_v3": "ablate.models.families.nomic_bert.JinaV3",
            "eurobert": "ablate.models.families.llama.EuroBert",
            "t5": "ablate.models.families.t5.T5",
            "mt5": "ablate.models.families.t5.MT5",
            "llama": "ablate.models.families.llama.Llama",
            "mistral": "ablate.models.families.llama.Mistral",
            "qwen2": "ablate.models.families.llama.Qwen2",
            "qwen3": "ablate.models.families.llama.Qwen3",
            "gemma3_text": "ablate.models.families.llama.Gemma3",
        },
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


@hookimpl
def ablate_register_architectures(register: Register) -> None:
    _register("architecture", register)


def _register(kind: str, register: Register) -> None:
    for place in BUILT_IN[kind].values():
        register(_imported(place))


def _imported(place: str) -> Any:
    module, _, name = place.rpartition(".")
    return getattr(import_module(module), name)
