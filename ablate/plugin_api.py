"""Everything that an author of a plug-in imports, for scorers, granularities, tasks, executors and architectures.

A name that is here keeps its meaning as long as :data:`API` has this value. Everything else in ablate may move. The
contract tests, and tiny models for tests of a plug-in, are in :mod:`ablate.testing`.
"""

from ablate.data.calibration import Calibration
from ablate.data.classes import ClassSet
from ablate.data.encoded import EncodedSet
from ablate.data.items import ItemSet, Role, Source
from ablate.data.lines import cells, read_lines, sentence
from ablate.data.queries import QuerySet
from ablate.data.texts import Text
from ablate.errors import DataError, ModelError, PluginError, Undefined
from ablate.executors.base import Evaluated, Evaluation, Executor, Item, Outcome, lost
from ablate.granularities.base import ColumnGranularity, Granularity
from ablate.granularities.gated import embed_gated, gradients_of_gates
from ablate.granularities.head import Head
from ablate.granularities.kv_group import KvGroup
from ablate.granularities.neuron import Neuron
from ablate.granularities.replay import removals
from ablate.granularities.unstructured import Unstructured
from ablate.hookspecs import API, hookimpl
from ablate.models.dropout import dropout
from ablate.models.encode import encode, prepare
from ablate.models.family import Family
from ablate.models.losses import ALIGN, CORRELATION, UNIFORM, Loss, contrastive
from ablate.models.masked import masked
from ablate.models.model import Layer, Model, Rows
from ablate.plugin import Plugin
from ablate.scorers.base import LossScorer, Scorer, View, Work
from ablate.scorers.examples import Batches
from ablate.scorers.statistics import GradientContribution, InputNorm, SecondOrder
from ablate.statistics.average_precision import AVERAGE_PRECISION
from ablate.statistics.metric import EQUAL_WITHIN, LOG_MEAN, MEAN, SPEARMAN, Mean, Spearman, Statistic
from ablate.tasks.base import Task, WholeTask
from ablate.tasks.finder import Found, TaskFinder
from ablate.tasks.loaded import Loaded
from ablate.tasks.scored import ResultWriter, Scored

__all__ = [
    "ALIGN",
    "API",
    "AVERAGE_PRECISION",
    "CORRELATION",
    "EQUAL_WITHIN",
    "LOG_MEAN",
    "MEAN",
    "SPEARMAN",
    "UNIFORM",
    "Batches",
    "Calibration",
    "ClassSet",
    "ColumnGranularity",
    "DataError",
    "EncodedSet",
    "Evaluated",
    "Evaluation",
    "Executor",
    "Family",
    "Found",
    "GradientContribution",
    "Granularity",
    "Head",
    "InputNorm",
    "Item",
    "ItemSet",
    "KvGroup",
    "Layer",
    "Loaded",
    "Loss",
    "LossScorer",
    "Mean",
    "Model",
    "ModelError",
    "Neuron",
    "Outcome",
    "Plugin",
    "PluginError",
    "QuerySet",
    "ResultWriter",
    "Role",
    "Rows",
    "Scored",
    "Scorer",
    "SecondOrder",
    "Source",
    "Spearman",
    "Statistic",
    "Task",
    "TaskFinder",
    "Text",
    "Undefined",
    "Unstructured",
    "View",
    "WholeTask",
    "Work",
    "cells",
    "contrastive",
    "dropout",
    "embed_gated",
    "encode",
    "gradients_of_gates",
    "hookimpl",
    "lost",
    "masked",
    "prepare",
    "read_lines",
    "removals",
    "sentence",
]
