"""Evaluations of a tiny model, to compare executors by. Another process can load the model, too."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ablate.data.items import ItemSet
from ablate.executors.base import Evaluation, PackedMask, TaskToMeasure
from ablate.granularities.base import Granularity
from ablate.granularities.head import Head
from ablate.granularities.neuron import Neuron
from ablate.granularities.unstructured import Unstructured
from ablate.models.load import load_model
from ablate.models.model import Model
from ablate.models.spec import ModelSpec
from ablate.tasks.base import Task
from ablate.tasks.geometry import GEOMETRY_TASKS
from ablate.tasks.sts import STS_TASKS, Sts
from ablate.testing.samples import SampleSource
from ablate.testing.tiny import save_tiny


class Failing(Sts):
    """An STS task that fails, as a plug-in's task may."""

    name: ClassVar[str] = "failing"
    help: ClassVar[str] = "raises when it measures"
    split: ClassVar[str] = "dev"

    def measure(self, data: ItemSet, embeddings: Tensor) -> NDArray[np.float32]:  # noqa: ARG002
        raise KeyError("broken on purpose")


def sample_evaluations(folder: Path) -> list[Evaluation]:
    """Evaluations of a tiny model, dense and under several masks. Each is on three tasks, one of which fails.

    Args:
        folder: where the model is saved. It must exist as long as evaluations run.
    """
    spec = ModelSpec(name=str(save_tiny(folder / "model")))
    model = load_model(spec)
    source = SampleSource()
    tasks: Sequence[Task] = (STS_TASKS[0](), GEOMETRY_TASKS[1](), Failing())
    to_measure = tuple(TaskToMeasure(task, task.version, task.load(source).hash) for task in tasks)
    granularities = (Head(), Neuron(), Unstructured())
    head, neuron, unstructured = (_mask(granularity, model, seed) for seed, granularity in enumerate(granularities))
    masks = [(), (head,), (neuron,), (unstructured,), (head, neuron), (_mask(Head(), model, 3),)]
    return [
        Evaluation(f"cell {number}", spec, model.hash, model.encoding, mask, to_measure, source)
        for number, mask in enumerate(masks)
    ]


def _mask(granularity: Granularity, model: Model, seed: int) -> PackedMask:
    """A random mask of half of the units."""
    units = len(granularity.layers(model))
    order = torch.randperm(units, generator=torch.Generator().manual_seed(seed))
    return PackedMask.of(granularity, (order < units // 2).numpy())
