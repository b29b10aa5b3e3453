"""What a process keeps between evaluations, so that it loads a model and reads a data set only once."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch

from ablate.data.items import Source
from ablate.engine.evaluator import Evaluator
from ablate.errors import AblateError, DataError, ModelError, PluginError, one_line
from ablate.executors.base import Evaluation, TaskToMeasure
from ablate.executors.chunk import Chunk
from ablate.interrupts import any_failure
from ablate.models.device import resolve
from ablate.models.load import load_model
from ablate.models.model import Model
from ablate.models.precision import check_precision
from ablate.models.spec import ModelSpec
from ablate.models.weights import Weights
from ablate.models.weights_file import WeightsFile
from ablate.store.keys import digest
from ablate.tasks.base import Task
from ablate.tasks.loaded import Loaded


@dataclass(frozen=True, eq=False)
class _Lent:
    """What a coordinator in this process has loaded for itself. tasks: by :func:`_task_key`."""

    spec: ModelSpec
    evaluator: Evaluator
    tasks: Mapping[str, Loaded]


class Worker:
    """Finds the model, data and weights of an evaluation: lent by a coordinator in this process, or loaded for it.

    It keeps the last model that it loaded, the data that it has read since then, and the last trained weights.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._lent: list[_Lent] = []
        self.clear()

    def clear(self) -> None:
        """Forgets everything that it has loaded, to free the memory."""
        with self._lock:
            self._loaded: tuple[ModelSpec, Evaluator] | None = None
            self._tasks: dict[str, Loaded] = {}
            self._weights: tuple[str, Weights] | None = None

    @contextmanager
    def borrowing(
        self, spec: ModelSpec, evaluator: Evaluator, tasks: Iterable[Loaded], source: Source
    ) -> Iterator[None]:
        """Lets evaluations in this process use what a coordinator has loaded, until the end of the block.

        Args:
            tasks: the loaded tasks; those whose data could not be read are skipped. source: where the data came from.
        """
        by_key: dict[str, Loaded] = {}
        for loaded in tasks:
            # A plug-in's ``identity`` may raise anything. Skip it: the cells that use the task will report the error.
            try:
                if loaded.fault is None:
                    by_key[_task_key(loaded.task, source, loaded.data.hash)] = loaded.at(None)
            except any_failure():
                continue
        lent = _Lent(spec, evaluator, by_key)
        self._lent.append(lent)
        try:
            yield
        finally:
            self._lent.remove(lent)
            self.clear()

    def evaluator(self, evaluation: Evaluation | Chunk) -> Evaluator:
        """The evaluator of the model of an evaluation, or of a chunk.

        Raises:
            ModelError: the model cannot be loaded here, or is not the coordinator's; or the device is not here.
        """
        device = _device(evaluation)
        with self._lock:
            for lent in reversed(self._lent):
                if lent.spec == evaluation.model and _is_right(lent.evaluator.model, evaluation, device):
                    return lent.evaluator
            loaded = self._loaded
            if loaded is None or loaded[0] != evaluation.model or not _is_right(loaded[1].model, evaluation, device):
                self.clear()  # before loading, since there may be no room for two models
                self._loaded = loaded = evaluation.model, Evaluator(load_model(evaluation.model, device))
            evaluator = loaded[1]
        model = evaluator.model
        if not _is_right(model, evaluation, device):
            raise ModelError(
                f"model '{evaluation.model.name}' is not the one that the run began with ({evaluation.model_hash[:12]} "
                f"with {evaluation.encoding}, now {model.hash[:12]} with {model.encoding}); run again"
            )
        return evaluator

    def task(self, wanted: TaskToMeasure, source: Source) -> Loaded:
        """A task with its data.

        Raises:
            DataError: the data are absent or malformed here, or are not the coordinator's.
            PluginError: the task is of another version here, or its code fails.
        """
        task = wanted.task
        check_version("task", task.name, task.version, wanted.version)
        key = _task_key(task, source, wanted.data_hash)
        with self._lock:
            for lent in reversed(self._lent):
                if key in lent.tasks:
                    return lent.tasks[key].at(wanted.dim)
            if key not in self._tasks:
                self._tasks[key] = _load(wanted, source)
            return self._tasks[key].at(wanted.dim)

    def weights(self, file: WeightsFile) -> Weights:
        """The trained weights in a file.

        Raises:
            StoreError: the file is missing, cut short or altered.
        """
        with self._lock:
            if self._weights is None or self._weights[0] != file.sha256:
                self._weights = None  # before reading, since there may be no room for two
                self._weights = file.sha256, file.read()
            return self._weights[1]


THIS_PROCESS = Worker()


def check_version(kind: str, name: str, here: int, wanted: int) -> None:
    """Refuses a plug-in whose version differs from the coordinator's: results would be stored under the wrong key.

    Raises:
        PluginError: the versions differ.
    """
    if here != wanted:
        raise PluginError(
            f"{kind} '{name}' is of version {here} where it is evaluated and of version {wanted} in the coordinator; "
            "install the same packages in both"
        )


def _device(evaluation: Evaluation | Chunk) -> torch.device:
    try:
        device = resolve(evaluation.device)
        check_precision(evaluation.precision, device)
    except ModelError as error:
        raise ModelError(f"device: {error}") from None
    return device


def _is_right(model: Model, evaluation: Evaluation | Chunk, device: torch.device) -> bool:
    return (model.hash, model.encoding, model.device) == (evaluation.model_hash, evaluation.encoding, device)


def _task_key(task: Task, source: Source, data_hash: str) -> str:
    return digest({"task": task.identity(), "source": source.label, "data": data_hash})


def _load(wanted: TaskToMeasure, source: Source) -> Loaded:
    task, data_hash = wanted.task, wanted.data_hash
    try:
        data = wanted.items(task.load(source))
    except AblateError:
        raise
    except any_failure() as error:  # a plug-in's code may raise anything
        raise PluginError(f"task '{task.name}' cannot read its items: {one_line(error)}") from error
    if data.hash != data_hash:
        raise DataError(
            f"the data of task '{task.name}' are not those that the run began with ({data_hash[:12]}, now "
            f"{data.hash[:12]}); run again"
        )
    return Loaded(task, data, np.ones(len(data), bool))
