"""How the work of a scorer or study is done in chunks: one after another here, or by the workers of an executor."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from ablate.models.model import Model
from ablate.models.spec import Precision


class Chunks(Protocol):
    """Calls a function with a model and each of several values.

    divides: whether calls are made at the same time, so that it pays to make several of one.
    """

    @property
    def divides(self) -> bool: ...

    def map(
        self, call: Callable[[Model, Any], Any], given: Iterable[Any], precision: Precision = "float32"
    ) -> Iterator[tuple[int, Any]]:
        """Calls ``call(model, value)`` for each value, and yields the position of the value with what the call returns.

        Positions come in any order. Errors of a call are raised; if calls divide, as a :class:`PluginError`.

        Args:
            call: a function of a module. It, the values and what it returns can be pickled.
            given: a lazy iterable: a value is taken when work on it begins.
            precision: which the device must have. The call itself sets it.
        """


@dataclass(frozen=True)
class InTurn:
    """One call after another in this process."""

    model: Model

    @property
    def divides(self) -> bool:
        return False

    def map(
        self,
        call: Callable[[Model, Any], Any],
        given: Iterable[Any],
        precision: Precision = "float32",  # noqa: ARG002
    ) -> Iterator[tuple[int, Any]]:
        for position, value in enumerate(given):
            yield position, call(self.model, value)
