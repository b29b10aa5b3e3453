"""Gives chunks of a scorer's or a study's work to the workers of an executor."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from ablate.engine.on_chunk import work_on
from ablate.errors import PluginError
from ablate.executors.base import Executor, PackedMask, ended
from ablate.executors.chunk import Chunk
from ablate.granularities.units import Units
from ablate.models.chunks import Chunks, InTurn
from ablate.models.model import Model
from ablate.models.spec import ModelSpec, Precision


@dataclass(frozen=True)
class OnWorkers:
    """Calls functions in the processes of an executor.

    spec: from which they load the model. device: as the recipe says. units: the masks in force during the calls.
    """

    executor: Executor
    spec: ModelSpec
    model: Model
    device: str
    units: Units = field(default_factory=Units)

    @property
    def divides(self) -> bool:
        return True

    def map(
        self, call: Callable[[Model, Any], Any], given: Iterable[Any], precision: Precision = "float32"
    ) -> Iterator[tuple[int, Any]]:
        mask = packed_masks(self.units)
        about = self.spec, self.model.hash, self.model.encoding, mask, call
        chunks = (Chunk(number, *about, value, self.device, precision) for number, value in enumerate(given))
        with ended(self.executor.map(work_on, chunks)) as outcomes:
            for done in outcomes:
                if done.failure is not None:
                    raise PluginError(done.failure.reason)
                yield done.number, done.value


def chunks_of(executor: Executor, spec: ModelSpec, model: Model, device: str) -> Chunks:
    """Where the work on a model is done: by the executor's workers if it takes chunks, otherwise in this process."""
    return OnWorkers(executor, spec, model, device) if executor.chunks else InTurn(model)


def under(chunks: Chunks, units: Units) -> Chunks:
    """The same place, with masks in force. In this process the caller has the model under them."""
    return replace(chunks, units=units) if isinstance(chunks, OnWorkers) else chunks


def packed_masks(units: Units) -> tuple[PackedMask, ...]:
    """The masks of an evaluation or a chunk."""
    return tuple(PackedMask.of(units.granularities[name], mask) for name, mask in units.masks.items())
