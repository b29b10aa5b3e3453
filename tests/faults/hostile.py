"""A plug-in of scorers, tasks and a granularity that do what none should. The tests register it as a distribution."""

from __future__ import annotations

import _thread
import ctypes
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, NoReturn

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ablate.plugin_api import Executor, Granularity, Head, ItemSet, Scorer, Source, Task, Undefined, View, hookimpl
from ablate.tasks.sts import STS_TASKS

Sts: Any = next(task for task in STS_TASKS if task.name == "synthetic-dev")
HUGE = 5 * 2**20


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


class Loud(Exception):
    def __str__(self) -> str:
        return "x" * HUGE


class OfItsOwn(BaseException):
    """Neither an error nor a signal."""


def raises(error: BaseException) -> Callable[[], NoReturn]:
    def act() -> NoReturn:
        raise error

    return act


def recurses(depth: int = 0) -> int:
    return recurses(depth + 1) + 1


def writes() -> None:
    """To stdout, in each way that there is."""
    print("by print")
    sys.__stdout__.write("by the first stdout\n")  # type: ignore[union-attr]
    os.write(1, b"by the descriptor\n")
    ctypes.CDLL(None).printf(b"by C\n")
    os.system("echo by a child")


def hangs_on() -> None:
    threading.Thread(target=time.sleep, args=(600,), name="endless").start()


def moves() -> None:
    os.chdir(tempfile.gettempdir())
    os.environ["ABLATE_DATA"] = "/no/such"
    os.environ.pop("HOME", None)


ACTS: dict[str, Callable[[], object]] = {
    "exits-hard": lambda: os._exit(7),
    "segfaults": lambda: ctypes.string_at(0),
    "unspeakable": raises(Unspeakable()),
    "loud": raises(Loud()),
    "generator-exit": raises(GeneratorExit("done")),
    "system-exit": raises(SystemExit(0)),
    "keyboard-interrupt": raises(KeyboardInterrupt("mine")),
    "of-its-own": raises(OfItsOwn("odd")),
    "recurses": recurses,
    "writes": writes,
    "hangs-on": hangs_on,
    "moves": moves,
    "is-interrupted": _thread.interrupt_main,
}
"""Name -> what a scorer or a task of this name does before it works as any other."""


def scorer(act: str) -> type[Scorer]:
    class Hostile(Scorer):
        name: ClassVar[str] = act
        help: ClassVar[str] = "hostile"

        def score(self, view: View) -> Tensor:
            ACTS[act]()
            return torch.arange(len(view.layers), dtype=torch.float32)

    return Hostile


def findable(plugin: type[Any], act: str) -> type[Any]:
    """The class under a name of its own in this module, so that it can be pickled for other processes."""
    plugin.__name__ = plugin.__qualname__ = f"Task_{act}"
    globals()[plugin.__name__] = plugin
    return plugin


def task(act: str) -> type[Task]:
    class Hostile(Sts):  # type: ignore[misc]
        name: ClassVar[str] = f"task-{act}"
        help: ClassVar[str] = "hostile"

        def load(self, source: Source) -> ItemSet:
            return source.load("synthetic-dev")

        def measure(self, data: ItemSet, embeddings: Tensor) -> NDArray[np.float32]:
            # Only for a masked model, so that there is a dense model to compare with.
            values: NDArray[np.float32] = super().measure(data, embeddings)
            if masked(values):
                ACTS[act]()
            return values

    return findable(Hostile, act)


DENSE = Path(tempfile.gettempdir()) / "dense.npy"


def masked(values: NDArray[np.float32]) -> bool:
    """Whether these are other values than the first that were measured."""
    if not DENSE.exists():
        np.save(DENSE, values)
    return not np.allclose(np.load(DENSE), values, atol=1e-6)


class WrongShape(Scorer):
    name: ClassVar[str] = "wrong-shape"
    help: ClassVar[str] = "hostile"

    def score(self, view: View) -> Tensor:
        return torch.zeros(len(view.layers) + 3)


class NotFinite(Scorer):
    name: ClassVar[str] = "not-finite"
    help: ClassVar[str] = "hostile"

    def score(self, view: View) -> Tensor:
        return torch.full((len(view.layers),), torch.nan)


class Loudly(Sts):  # type: ignore[misc]
    name: ClassVar[str] = "task-undefined"
    help: ClassVar[str] = "hostile"

    def load(self, source: Source) -> ItemSet:
        return source.load("synthetic-dev")

    def measure(self, data: ItemSet, embeddings: Tensor) -> NDArray[np.float32]:  # noqa: ARG002
        raise Undefined("u" * HUGE)


class Kept(Head):
    name: ClassVar[str] = "killed-heads"
    help: ClassVar[str] = "hostile"

    def keep(self, model: Any, mask: Tensor) -> dict[str, Tensor]:  # noqa: ARG002
        os._exit(9)


class Lax(Executor):
    name: ClassVar[str] = "lax"
    help: ClassVar[str] = "hostile"

    def map(self, work: Any, items: Any) -> Any:  # noqa: ARG002
        raise GeneratorExit("no work today")
        yield


@hookimpl
def ablate_register_scorers(register: Callable[[type[Scorer]], None]) -> None:
    plugins: list[type[Scorer]] = [*map(scorer, ACTS), WrongShape, NotFinite]
    for plugin in plugins:
        register(plugin)


@hookimpl
def ablate_register_tasks(register: Callable[[type[Task]], None]) -> None:
    for plugin in [*map(task, ACTS), Loudly]:
        register(plugin)


@hookimpl
def ablate_register_granularities(register: Callable[[type[Granularity]], None]) -> None:
    register(Kept)


@hookimpl
def ablate_register_executors(register: Callable[[type[Executor]], None]) -> None:
    register(Lax)
