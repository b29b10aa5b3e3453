"""Signals that end a command: it says so and how to go on, and its exit status tells which signal it was.

SIGTERM (a batch system's, at the end of a job) and SIGHUP (a closed terminal) are as SIGINT (`Ctrl-C`). SIGUSR1 is a
notice, as ``sbatch --signal=USR1@60`` asks for: the cell under way is finished and stored, and then the command ends.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from ablate.events import Event
from ablate.interrupts import Interrupted, interruptible

STOPPED = 75
"""The exit status after a notice: EX_TEMPFAIL of sysexits.h, give the same command again."""

_ENDS = {"SIGTERM": "terminated", "SIGHUP": "the terminal was closed"}
_NOTICE = "SIGUSR1"
_noticed = False


class Ended(Interrupted):
    """A signal other than SIGINT asks the command to end.

    code: the exit status.
    """

    def __init__(self, code: int, why: str) -> None:
        super().__init__(why)
        self.code = code


def told(interrupt: KeyboardInterrupt, remedy: str) -> tuple[str, int]:
    """The line that says why a command ended and how to go on, and its exit status: 128 + the signal's number."""
    if isinstance(interrupt, Ended):
        return f"ablate: {interrupt}; {remedy}", interrupt.code
    return f"ablate: interrupted; {remedy}", 128 + signal.SIGINT


@contextmanager
def handled() -> Iterator[None]:
    """Within, SIGINT, SIGTERM and SIGHUP raise an :class:`Interrupted`. A notice is kept for :func:`stop_if_noticed`.

    A signal that is ignored from outside, as by ``nohup``, stays ignored. Windows does not have all of them.
    """
    global _noticed
    _noticed = False
    if threading.current_thread() is not threading.main_thread():  # only the main thread may handle signals
        yield
        return
    previous = {}
    for name in (*_ENDS, _NOTICE):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            previous[number] = signal.signal(number, _notice if name == _NOTICE else _end)
    try:
        with interruptible():
            yield
    finally:
        for number, handler in previous.items():
            # A notice that comes too late finds a process that is about to end; by default it would be killed.
            if signal.Signals(number).name != _NOTICE or handler is not signal.SIG_DFL:
                signal.signal(number, handler)


def stop_if_noticed(event: Event) -> None:
    """Called with each event of a run, at which everything before is stored.

    Raises:
        Ended: there was a notice. Not within a cell or within the statistics, which are finished first.
    """
    if _noticed and event.kind in ("note", "pass", "begin", "cell") and event.part != "statistics":
        raise Ended(STOPPED, "stopped on notice (SIGUSR1)")


def _end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    name = signal.Signals(number).name
    raise Ended(128 + number, f"{_ENDS[name]} ({name})")


def _notice(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    global _noticed
    _noticed = True
