"""What a plug-in raises is caught, and what a signal raises is not."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import suppress

import pytest

from ablate.interrupts import Interrupted, any_failure, interruptible


class Odd(BaseException):
    pass


def caught(error: BaseException) -> bool:
    """Whether the exception of a plug-in is caught; it passes otherwise."""
    with suppress(BaseException):
        try:
            raise error
        except any_failure():
            return True
    return False


def test_any_exception_of_a_plug_in_is_caught() -> None:
    with interruptible():
        for error in (ValueError(), SystemExit(0), GeneratorExit(), KeyboardInterrupt(), Odd(), RecursionError()):
            assert caught(error), error


def test_a_real_interrupt_passes() -> None:
    def is_interrupted() -> None:
        try:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(5)
        except any_failure():
            pytest.fail("it was taken for an error of a plug-in")

    with interruptible(), pytest.raises(Interrupted):
        is_interrupted()


def test_where_it_cannot_be_told_it_is_a_real_one() -> None:
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert not caught(KeyboardInterrupt())
    assert caught(GeneratorExit())


def test_no_signal_raises_in_another_thread() -> None:
    found: list[bool] = []
    thread = threading.Thread(target=lambda: found.append(caught(KeyboardInterrupt())))
    thread.start()
    thread.join()
    assert found == [True]


def test_a_handler_of_somebody_else_stays() -> None:
    def mine(*_: object) -> None: ...

    signal.signal(signal.SIGINT, mine)
    try:
        with interruptible():
            assert signal.getsignal(signal.SIGINT) is mine
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
