"""A chunk of the work of a scorer or a study, for an executor whose workers are other processes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ablate.executors.base import Failure, PackedMask
from ablate.models.model import Encoding, Model
from ablate.models.spec import ModelSpec, Precision


@dataclass(frozen=True)
class Chunk:
    """A call of a function with a model, as plain data that can be pickled.

    number: identifies it among those under way.
    model, model_hash, encoding, device: as in :class:`~ablate.executors.base.Evaluation`.
    mask: in force during the call; empty for the dense model.
    call: a function of a module.
    given: what it is called with besides the model.
    precision: which the device must have.
    """

    number: int
    model: ModelSpec
    model_hash: str
    encoding: Encoding
    mask: tuple[PackedMask, ...]
    call: Callable[[Model, Any], Any]
    given: Any
    device: str = "cpu"
    precision: Precision = "float32"

    def failed(self, failure: Failure) -> ChunkDone:
        """The outcome without a value."""
        return ChunkDone(self.number, None, failure)


@dataclass(frozen=True)
class ChunkDone:
    """The outcome of a chunk. value: what its call returned, if there is no failure."""

    number: int
    value: Any
    failure: Failure | None = None

    @property
    def misplaced(self) -> str | None:
        """Why the place of the work cannot do what the coordinator can; None if it can."""
        return self.failure.reason if self.failure is not None and self.failure.of_place else None
