"""What an executor gets and returns: everything that decides a cell's scores, and the scores.

Chunks of scorers' and studies' work go the same way; see :mod:`ablate.executors.chunk`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol, TypeVar

import numpy as np

from ablate.data.items import ItemSet, Source
from ablate.data.names import name_at
from ablate.errors import PluginError, message, one_line
from ablate.granularities.base import Granularity
from ablate.models.masked import Mask
from ablate.models.model import Encoding
from ablate.models.spec import ModelSpec, Precision
from ablate.models.weights_file import WeightsFile
from ablate.plugin import Plugin
from ablate.tasks.base import Task
from ablate.tasks.loaded import Loaded
from ablate.tasks.result import Result


class ToDo(Protocol):
    """What work is done on. device: as the recipe says."""

    @property
    def device(self) -> str: ...

    def failed(self, failure: Failure) -> Any:
        """The outcome of an item that could not be worked on."""


class Done(Protocol):
    """What work gives. misplaced: why the place of the work cannot do what others can; None if it can."""

    @property
    def misplaced(self) -> str | None: ...


Item = TypeVar("Item", bound=ToDo)
"""What an executor takes: an :class:`Evaluation`, or a :class:`~ablate.executors.chunk.Chunk`."""

Outcome = TypeVar("Outcome", bound=Done)
"""What it gives back: an :class:`Evaluated`, or a :class:`~ablate.executors.chunk.ChunkDone`."""


@dataclass(frozen=True)
class PackedMask:
    """A mask of one granularity.

    version: the granularity's version in the process that packed the mask.
    units: the number of units.
    bits: eight units in each byte, 1 = keep.
    """

    granularity: Granularity
    version: int
    units: int
    bits: bytes

    @classmethod
    def of(cls, granularity: Granularity, mask: Mask) -> PackedMask:
        """Packs bool [units], True = keep."""
        return cls(granularity, granularity.version, len(mask), np.packbits(mask).tobytes())

    def unpacked(self) -> Mask:
        """bool [units], True = keep."""
        return np.unpackbits(np.frombuffer(self.bits, np.uint8), count=self.units).view(np.bool_)


@dataclass(frozen=True)
class TaskToMeasure:
    """A task with its parameters.

    version: the version of the task's class in the coordinator.
    data_hash: the hash of the items that the coordinator has loaded.
    part: which of the task's items these are, eight in each byte, 1 = measured; None if these are all.
    dim: the task measures the first so many components of the embeddings; None for all.
    """

    task: Task
    version: int
    data_hash: str
    part: bytes | None = None
    dim: int | None = None

    @property
    def name(self) -> str:
        """By which its result or failure is given back: the task's name; at a dimension, with it."""
        return name_at(self.task.name, self.dim)

    @classmethod
    def of(cls, loaded: Loaded) -> TaskToMeasure:
        """A loaded task."""
        part = None if loaded.part is None else np.packbits(loaded.part).tobytes()
        return cls(loaded.task, loaded.task.version, loaded.data.hash, part, loaded.dim)

    def items(self, data: ItemSet) -> ItemSet:
        """The items to measure, from all of the task's.

        Raises:
            DataError: a part is asked for of items that have none.
        """
        if self.part is None:
            return data
        bits = np.frombuffer(self.part, np.uint8)
        if len(bits) != -(-len(data) // 8):
            return data  # of another length than the coordinator's, which the hash of the data says
        return data.only(np.unpackbits(bits, count=len(data)).view(np.bool_))


@dataclass(frozen=True)
class Evaluation:
    """One cell to evaluate: everything that its results depend on, as plain data that can be pickled.

    Relative paths, of a model or in a task's parameters, start in the coordinator's working directory.

    cell: a text that identifies it among the evaluations of a run.
    model, model_hash, encoding: the model to load, and the hash and encoding that the loaded model must have.
    mask: the units that the cell keeps, of each granularity; empty for the dense model.
    tasks: at least one, with distinct names.
    source: where the tasks load their data from.
    weights: trained weights, in place of the model's own.
    device: as the recipe says, such as ``auto``; the process that evaluates finds out which device that is there.
    precision: in which the model is evaluated. Embeddings come back in float32.
    """

    cell: str
    model: ModelSpec
    model_hash: str
    encoding: Encoding
    mask: tuple[PackedMask, ...]
    tasks: tuple[TaskToMeasure, ...]
    source: Source
    weights: WeightsFile | None = None
    device: str = "cpu"
    precision: Precision = "float32"

    def failed(self, failure: Failure) -> Evaluated:
        """The outcome in which every task fails."""
        return Evaluated(self.cell, {}, {wanted.name: failure for wanted in self.tasks}, 0.0)


Culprit = Literal["task", "mask", "place", "data", "other"]


@dataclass(frozen=True)
class Failure:
    """Why a task has no result.

    reason: in one line.
    culprit: what failed: the ``task``; what the granularities of the ``mask`` keep; or something ``other``, such as the
        memory. The ``place`` of the evaluation, if it lacks the model or the packages of the coordinator;
        the ``data`` of the task, if they are not those of the coordinator there.
    error: the exception, available only in the process that raised it. Pickling sets it to None, because the errors of
        plug-ins may not be picklable.
    """

    reason: str
    culprit: Culprit
    error: BaseException | None = field(default=None, compare=False)

    @property
    def of_place(self) -> bool:
        """Whether another place may succeed."""
        return self.culprit in ("place", "data")

    @classmethod
    def of(cls, error: BaseException, culprit: Culprit) -> Failure:
        """The failure for an error."""
        # A PluginError is a message for users. Any other error is only clear together with its type.
        return cls((message if isinstance(error, PluginError) else one_line)(error), culprit, error)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "error": None}


@dataclass(frozen=True)
class Evaluated:
    """The outcome of an evaluation: for each of its tasks, by name, a result or a failure.

    cell: the evaluation's ``cell``.
    seconds: the time spent, without loading the model or waiting for it.
    """

    cell: str
    results: Mapping[str, Result]
    failures: Mapping[str, Failure]
    seconds: float

    @property
    def misplaced(self) -> str | None:
        """Why the evaluation's place cannot do what the coordinator can; None if it can."""
        return next((failure.reason for failure in self.failures.values() if failure.of_place), None)


class Executor(Plugin):
    """Decides where and when cells are evaluated. It never opens the store, which the coordinator alone writes.

    isolates: whether a cell that ends its process leaves the coordinator alive.
    chunks: whether it also takes chunks of scorers' and studies' work. Its workers are then other processes, and
        :meth:`map` may be called while an item of an earlier call is being made.
    """

    isolates: ClassVar[bool] = False
    chunks: ClassVar[bool] = False

    def running(self) -> AbstractContextManager[None]:
        """Held open by a run for all its calls of :meth:`map`: the place to start workers, and to end them.

        By default it does nothing.

        Raises:
            PluginError: the workers cannot be started, or do not fit this process.
        """
        return nullcontext()

    @abstractmethod
    def map(self, work: Callable[[Item], Outcome], items: Iterable[Item]) -> Iterator[Outcome]:
        """Calls ``work`` with each item, and yields what it returns as it arrives, in any order.

        ``work`` is a function of a module, and items and outcomes are plain data, so that all of them can be pickled
        for other processes. These need the working directory, the environment and the packages of this process.
        ``work`` may also be called in several threads, of which it lets one at a time use the model. It raises only
        what ends a process. Of an item that cannot be worked on, because its processes end, yield
        :func:`lost`: the run goes on, and the item's cell is a failed row.

        Args:
            items: a lazy iterable. Making the next item may take long, and uses the model and the store. Take items
                only in the thread that iterates over the outcomes, and only as many as can be worked on at a time.

        Raises:
            Exception: an error of ``work`` or ``items``, unchanged.
        """


@contextmanager
def ended(outcomes: Iterator[Outcome]) -> Iterator[Iterator[Outcome]]:
    """Ends an executor's threads or processes at the end of the block, without waiting for garbage collection."""
    try:
        yield outcomes
    finally:
        if isinstance(outcomes, Generator):
            outcomes.close()


def lost(item: ToDo, reason: str, culprit: Culprit = "other") -> Any:
    """The outcome of an item that could not be worked on. Of an evaluation, every task fails.

    Args:
        reason: in one line, such as ``its process was ended by SIGSEGV, 3 times``.
    """
    return item.failed(Failure(reason, culprit))
