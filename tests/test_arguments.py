"""Names of arguments in messages: keywords in Python, options on the command line."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path

import pytest

from ablate.arguments import argument, named_as_options


@pytest.mark.parametrize(
    ("given", "python", "option"),
    [
        (("model",), "model", "--model"),
        (("prompt_name",), "prompt_name", "--prompt-name"),
        (("jobs", 1), "jobs=1", "--jobs 1"),
        (("latency", True), "latency=True", "--latency"),
        (("dev", Path("a.csv")), "dev='a.csv'", "--dev a.csv"),
        (("overrides",), "overrides", "--set"),
        (("overrides", "a.b=c"), "overrides=['a.b=c']", "--set a.b=c"),
        (("files", "mine=a.csv"), "files=['mine=a.csv']", "--task mine=a.csv"),
    ],
)
def test_an_argument_by_its_two_names(given: tuple[str, object], python: str, option: str) -> None:
    assert argument(*given) == python
    with named_as_options():
        assert argument(*given) == option
    assert argument(*given) == python


def test_a_thread_of_the_command_line_names_options() -> None:
    told: list[str] = []
    with named_as_options():
        thread = threading.Thread(target=lambda: told.append(argument("store")))
        thread.start()
        thread.join()
    assert told == ["--store"]


def test_python_stays_python_after_a_command_line_that_failed() -> None:
    with suppress(ZeroDivisionError), named_as_options():
        with named_as_options():
            pass
        assert argument("store") == "--store"
        raise ZeroDivisionError
    assert argument("store") == "store"
