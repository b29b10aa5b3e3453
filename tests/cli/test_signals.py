"""Signals in this process; how commands end by them is tried in tests/faults."""

from __future__ import annotations

import os
import signal

import pytest

from ablate.cli.signals import handled

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="no such signal here")


def test_a_notice_after_the_end_does_not_kill_the_process() -> None:
    before = signal.signal(signal.SIGUSR1, signal.SIG_DFL)
    try:
        with handled():
            pass
        os.kill(os.getpid(), signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_the_handler_of_the_program_around_comes_back() -> None:
    seen = []
    before = signal.signal(signal.SIGUSR1, lambda number, _: seen.append(number))
    try:
        with handled():
            pass
        os.kill(os.getpid(), signal.SIGUSR1)
        assert seen == [signal.SIGUSR1]
    finally:
        signal.signal(signal.SIGUSR1, before)
