"""Keeps two threads from changing one model at the same time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ablate.errors import ModelError


class Guard:
    """A lock that a thread holds while it masks a model or exchanges its weights, and computes with it.

    Masks and weights change the model's own parameters, so a second thread would compute with the first one's mask. The
    thread that holds the guard may take it again, so that masks can be nested.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()

    # A lock cannot be copied or pickled. The copy of a model gets a guard of its own, since it has its own parameters.
    def __reduce__(self) -> tuple[type[Guard], tuple[()]]:
        return Guard, ()

    @contextmanager
    def hold(self, *, wait: bool = False) -> Iterator[None]:
        """Holds the guard within a ``with`` block.

        Args:
            wait: wait until no other thread holds it, instead of raising.

        Raises:
            ModelError: another thread holds it, and ``wait`` is False.
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
