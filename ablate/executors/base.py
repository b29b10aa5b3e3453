"""What an executor is given and gives back: all that decides a cell's scores, and the scores."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from ablate.data.items import Source
from ablate.errors import PluginError, one_line
from ablate.granularities.base import Granularity
from ablate.models.masked import Mask
from ablate.models.model import Encoding
from ablate.models.spec import ModelSpec
from ablate.models.weights_file import WeightsFile
from ablate.plugin import Plugin
from ablate.tasks.base import Task
from ablate.tasks.result import Result


@dataclass(frozen=True)
class PackedMask:
    """A mask of one granularity.

    version: the granularity's version in the process that packed the mask. units: the number of units. bits: eight
    units to a byte, 1 = keep.
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
    """A task with its parameters. version: of its class. data_hash: of what it loads from the source."""

    task: Task
    version: int
    data_hash: str


@dataclass(frozen=True)
class Evaluation:
    """One cell to evaluate: everything that its results depend on, as plain data that can be pickled.

    Relative paths, of a model or in a task's parameters, start in the coordinator's working directory.

    cell: a text that tells it from the other evaluations of a run.
    model, model_hash, encoding: the model to load, and the hash and encoding that the loaded model must have.
    mask: the units that the cell keeps, of each granularity; empty for the dense model.
    tasks: at least one, with distinct names.
    source: where the tasks load their data from.
    weights: trained ones, in place of the model's own.
    materialize: run cells that lose whole heads or neurons on the smaller model.
    """

    cell: str
    model: ModelSpec
    model_hash: str
    encoding: Encoding
    mask: tuple[PackedMask, ...]
    tasks: tuple[TaskToMeasure, ...]
    source: Source
    weights: WeightsFile | None = None
    materialize: bool = False


@dataclass(frozen=True)
class Failure:
    """Why a task has no result.

    reason: in one line.
    culprit: what failed: the ``task``; what the granularities of the ``mask`` keep; or something ``other``: the model,
        the weights, the memory.
    error: the exception, available only in the process that raised it. Pickling sets it to None, because the errors of
        plug-ins may not be picklable.
    """

    reason: str
    culprit: Literal["task", "mask", "other"]
    error: BaseException | None = field(default=None, compare=False)

    @classmethod
    def of(cls, error: BaseException, culprit: Literal["task", "mask", "other"]) -> Failure:
        """The failure that an error means."""
        text = " ".join(str(error).split()) if isinstance(error, PluginError) else one_line(error)
        return cls(text, culprit, error)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "error": None}


@dataclass(frozen=True)
class Evaluated:
    """What an evaluation gave: for each of its tasks, by name, a result or a failure.

    cell: as the evaluation has it. seconds: spent, without waiting for the model or loading it.
    """

    cell: str
    results: Mapping[str, Result]
    failures: Mapping[str, Failure]
    seconds: float


class Executor(Plugin):
    """Decides where and when cells are evaluated. It never opens the store, which the coordinator alone writes."""

    @abstractmethod
    def map(self, work: Callable[[Evaluation], Evaluated], items: Iterable[Evaluation]) -> Iterator[Evaluated]:
        """Calls ``work`` with each item, and gives what it returns in the order of the items.

        ``work`` is a function of a module, and items and outcomes are plain data, so that all can be pickled for other
        processes. These need the working directory, the environment and the packages of this one. ``work`` may be
        called in several threads too: it lets one at a time use the model.

        Args:
            items: a lazy iterable. Making the next item may take long, and uses the model and the store. Take items
                only in the thread that iterates over the outcomes, and no more than can be worked on at a time.

        Raises:
            Exception: an error of ``work`` or ``items``, unchanged, after the outcomes of all earlier items.
        """
