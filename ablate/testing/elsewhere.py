"""Computes contributions in another Python process, in which strings have other hashes, to compare them with ours.

The process runs this module (``python -m ablate.testing.elsewhere``). It serves all contracts of its parent, because
the import of torch takes seconds. It reads pickled requests from stdin and writes pickled answers to stdout.
"""

from __future__ import annotations

import atexit
import os
import pickle
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from operator import attrgetter
from typing import Any

import torch
from torch import Tensor

from ablate.errors import one_line
from ablate.granularities.base import Granularity
from ablate.interrupts import any_failure
from ablate.plugin import Plugin
from ablate.scorers.base import Scorer
from ablate.testing.contract import ContractBroken, DoesNotApply


def scores_elsewhere(scorer: Scorer, family: str, granularities: Sequence[Granularity]) -> list[Tensor | None]:
    """The scorer's contributions from another process: float32 [units] for each granularity, None if it refuses it.

    Raises:
        ContractBroken: the scorer raises an exception there.
        DoesNotApply: the other process cannot import the class of the scorer or of a granularity.
    """
    for plugin in (scorer, *granularities):
        if not _importable(type(plugin)):
            raise DoesNotApply(
                f"{type(plugin).__qualname__} is not a top-level class of a module, so another process cannot import it"
            )
    plugins = [_described(plugin) for plugin in (scorer, *granularities)]
    process = _process()
    assert process.stdin is not None
    assert process.stdout is not None
    pickle.dump((sys.path, torch.get_num_threads(), family, plugins), process.stdin)
    process.stdin.flush()
    scores, error = pickle.load(process.stdout)  # nosec B301 # from our own child process
    if error:
        raise ContractBroken(f"scorer '{scorer.name}' raises an exception in a fresh process: {error}")
    return [None if values is None else torch.tensor(values) for values in scores]


def _importable(plugin: type[Any]) -> bool:
    if plugin.__module__ == "__main__":
        return False
    try:
        return attrgetter(plugin.__qualname__)(sys.modules[plugin.__module__]) is plugin
    except (AttributeError, KeyError):
        return False


def _described(plugin: Plugin) -> tuple[str, str, dict[str, Any]]:
    kind = type(plugin)
    return kind.__module__, kind.__qualname__, plugin.model_dump(mode="json", by_alias=True, exclude_unset=True)


@cache
def _process() -> subprocess.Popen[bytes]:
    # The order of a set of strings depends on their hashes, and so differs between the two processes.
    seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    process = subprocess.Popen(
        [sys.executable, "-m", "ablate.testing.elsewhere"],
        env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    atexit.register(process.kill)
    return process


def _serve() -> None:
    # Answers go to a copy of stdout, and stdout itself to stderr, so that what a plug-in prints is not taken for one.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    while True:
        try:
            path, threads, family, plugins = pickle.load(sys.stdin.buffer)  # nosec B301 # from our own parent process
        except EOFError:
            return
        sys.path[:] = path
        # With another number of threads, sums are taken in another order.
        torch.set_num_threads(threads)
        try:
            answer: tuple[Any, str | None] = (_scores(family, *(_instance(*plugin) for plugin in plugins)), None)
        except any_failure() as error:
            answer = (None, one_line(error))
        pickle.dump(answer, answers)
        answers.flush()


def _instance(module: str, name: str, parameters: dict[str, Any]) -> Any:
    return attrgetter(name)(import_module(module)).model_validate(parameters)


def _scores(family: str, scorer: Scorer, *granularities: Granularity) -> list[Any]:
    from ablate.errors import PluginError
    from ablate.plugins import registry
    from ablate.testing.scored import Case

    scores: list[Any] = []
    resolved = scorer.resolved(registry().scorer)
    for granularity in granularities:
        try:
            scores.append(Case(resolved, granularity, family).scores().tolist())
        except PluginError:
            scores.append(None)
    return scores


if __name__ == "__main__":
    _serve()
