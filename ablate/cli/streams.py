"""Keeps stdout for what ablate prints. What plug-ins and their libraries write to it goes to stderr."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress


def prepare_streams() -> None:
    """Makes stdout and stderr take every text."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            # It was closed. Else the next file that is opened would get its number, and what libraries print.
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
        stream = getattr(sys, name)
        # If the terminal's encoding lacks a character such as Δ, print an escape rather than a traceback. The locale C
        # has the handler `surrogateescape`, which only escapes what it has read itself.
        if isinstance(stream, io.TextIOWrapper) and stream.errors in ("strict", "surrogateescape"):
            stream.reconfigure(errors="backslashreplace")


@contextmanager
def stdout_alone() -> Iterator[None]:
    """Within, ``sys.stdout`` alone writes to stdout; its file descriptor is that of stderr.

    So are those of processes that are started. If ``sys.stdout`` is something else already, as in a test, nothing
    changes.
    """
    original = sys.stdout
    try:
        descriptors = original.fileno(), sys.stderr.fileno()
    except (OSError, ValueError):
        descriptors = None
    if descriptors != (1, 2):
        yield
        return
    own = os.dup(1)
    os.dup2(2, 1)
    # A terminal shows each line at once.
    lines = 1 if os.isatty(own) else -1
    sys.stdout = open(own, "w", lines, original.encoding, original.errors)  # noqa: SIM115
    try:
        yield
    finally:
        _flush_libraries()
        os.dup2(own, 1)
        mine, sys.stdout = sys.stdout, original
        with suppress(OSError):  # it has been flushed, and if that failed, it was said
            mine.close()


def discard_stdout() -> None:
    """Discards what is left to be written. Python flushes stdout again at exit, and would print a second error."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _flush_libraries() -> None:
    """Writes what code in C has printed, now: at exit, it would go to stdout."""
    import ctypes

    with suppress(OSError, TypeError, AttributeError):  # Windows has no such library
        ctypes.CDLL(None).fflush(None)
