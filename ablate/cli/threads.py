"""Lets a command end although a plug-in has left a thread running."""

from __future__ import annotations

import os
import sys
import threading
import time

from ablate.cli.say import say

SECONDS = 10.0
"""How long a finished command waits for threads."""


def end_without_threads(code: int) -> None:
    """Ends the process in :data:`SECONDS`, if threads that Python waits for have kept it alive so long."""
    if _waited_for():
        threading.Thread(target=_end, args=(code,), daemon=True).start()


def _waited_for() -> list[str]:
    running = (thread for thread in threading.enumerate() if thread is not threading.main_thread())
    return [thread.name for thread in running if not thread.daemon]


def _end(code: int) -> None:
    time.sleep(SECONDS)
    names = ", ".join(map(repr, _waited_for()))
    say(f"ablate: everything is done; not waiting for threads that do not end: {names}", err=True)
    sys.stderr.flush()
    os._exit(code)
