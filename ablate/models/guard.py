"""Keeps two threads from changing one model at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ablate.errors import ModelError


class Guard:
    """Held by the thread that masks a model, exchanges its weights, or computes with it meanwhile.

    All of these work on the model's own parameters, so a second thread would compute with the first one's mask. The
    thread that holds the guard may take it again, for masks within masks. A copy of a guard is a new one, as it belongs
    to another model.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()

    def __reduce__(self) -> tuple[type[Guard], tuple[()]]:
        return Guard, ()

    @contextmanager
    def hold(self, *, wait: bool = False) -> Iterator[None]:
        """Holds it within a ``with`` block.

        Args:
            wait: until another thread lets go of it, rather than raise.

        Raises:
            ModelError: another thread holds it.
        """
        if not self._lock.acquire(blocking=wait):
            raise ModelError(
                "another thread has this model under a mask or with other weights; use it in one thread at a time, or "
                "load it once for each"
            )
        try:
            yield
        finally:
            self._lock.release()
