"""Tells what a signal raises, which ends the work, from what a plug-in raises, which fails one cell of it."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn


class Interrupted(KeyboardInterrupt):
    """A signal asks the work to end."""


def any_failure() -> tuple[type[BaseException], ...]:
    """The exceptions to catch around a plug-in's code: all that it may raise, and none that a signal raises.

    ``SystemExit`` is one of them, because a plug-in that exits must not end a run as if the run had succeeded.
    ``GeneratorExit`` and a ``KeyboardInterrupt`` of the plug-in's own are others.

    It looks at the exception that is being handled, so it is called in the except clause: ``except any_failure():``.
    """
    return () if from_a_signal(sys.exception()) else (BaseException,)


def from_a_signal(error: BaseException | None) -> bool:
    """Whether an exception asks the work to end. If that cannot be told, it does."""
    if not isinstance(error, KeyboardInterrupt) or isinstance(error, Interrupted):
        return isinstance(error, Interrupted)
    # Signals are handled in the main thread. If their handler there is not Python's own, somebody else raised this.
    in_main = threading.current_thread() is threading.main_thread()
    return in_main and signal.getsignal(signal.SIGINT) not in (_interrupt, signal.SIG_IGN)


@contextmanager
def interruptible() -> Iterator[None]:
    """Within, `Ctrl-C` raises :class:`Interrupted`. A handler that is not Python's own is left as it is."""
    ours = (
        threading.current_thread() is threading.main_thread()  # only there may a handler be set
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )
    if ours:
        signal.signal(signal.SIGINT, _interrupt)
    try:
        yield
    finally:
        if ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001
    raise Interrupted
