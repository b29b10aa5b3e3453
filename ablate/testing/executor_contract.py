"""The contract of executors: they return every outcome once, and take an item only when they can work on it."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np

from ablate.engine.evaluate import evaluate
from ablate.engine.worker import THIS_PROCESS
from ablate.executors.base import Evaluated, Evaluation, Executor, ended
from ablate.executors.chunk import Chunk, ChunkDone
from ablate.models.model import Encoding, Model
from ablate.models.spec import ModelSpec
from ablate.tasks.result import Result
from ablate.testing.contract import Contract, keep_all, require
from ablate.testing.evaluations import sample_evaluations
from ablate.testing.plugin_contract import check_plugin
from ablate.testing.samples import SampleSource

_MANY = 2_000
"""More items than an executor may take before it returns an outcome."""

_CLOSE = 1e-5
"""How far values may be from those of this process. With another number of cores, sums are taken in another order."""


class _Refused(Exception):
    """An exception of a class that no executor knows."""


def _numbered(number: int) -> Evaluation:
    """An evaluation without a mask or tasks, for the checks of the order."""
    encoding = Encoding("mean", "", 8)
    return Evaluation(str(number), ModelSpec(name="none"), "", encoding, (), (), SampleSource())


def _square(evaluation: Evaluation) -> Evaluated:
    return Evaluated(evaluation.cell, {}, {}, float(evaluation.cell) ** 2)


def _refuse(evaluation: Evaluation) -> Evaluated:
    if evaluation.cell == "3":
        raise _Refused("item 3")
    return Evaluated(evaluation.cell, {}, {}, float(evaluation.cell))


def check_executor(plugin: type[Executor], **parameters: Any) -> None:
    """Checks that an executor keeps its contract.

    Raises:
        ContractBroken: what is wrong, in one line.
    """
    keep_all(executor_contracts(plugin, **parameters))


def executor_contracts(plugin: type[Executor], **parameters: Any) -> tuple[Contract, ...]:
    """The contracts that :func:`check_executor` checks."""

    def on_one(check: Callable[[Executor, str], None]) -> Callable[[], None]:
        def checked() -> None:
            executor = plugin.model_validate(parameters)
            with executor.running():
                check(executor, f"executor '{plugin.name}'")

        return checked

    return (
        Contract(
            "name, help, version and parameters",
            lambda: _check_class(plugin, parameters),
            first=True,
        ),
        Contract("every outcome, once", on_one(_check_outcomes), first=True),
        Contract("items are taken when they can be worked on", on_one(_check_lazy)),
        Contract("items are taken in the thread that asks for outcomes", on_one(_check_thread)),
        Contract("errors are raised as they are", on_one(_check_errors)),
        Contract("cells get the same scores as in process", on_one(_check_scores)),
        *([Contract("chunks are taken while an item is made", on_one(_check_chunks))] if plugin.chunks else []),
    )


def _check_class(plugin: type[Executor], parameters: dict[str, Any]) -> None:
    check_plugin(plugin, Executor, **parameters)


def _check_outcomes(executor: Executor, who: str) -> None:
    require(list(executor.map(_square, [])) == [], f"{who} returns outcomes without items")
    # Twice, because one executor serves all stages of a run.
    expected = [_square(_numbered(i)) for i in range(20)]
    for attempt in ("first", "second"):
        outcomes = list(executor.map(_square, map(_numbered, range(20))))
        require(
            sorted(outcomes, key=_number) == expected,
            f"{who} does not return the outcome of each item once ({attempt} use): it returns, for 0 to 19, "
            f"{[(outcome.cell, outcome.seconds) for outcome in outcomes]}",
        )


def _number(outcome: Evaluated) -> float:
    return float(outcome.cell)


def _check_lazy(executor: Executor, who: str) -> None:
    taken = 0

    def items() -> Iterator[Evaluation]:
        nonlocal taken
        for i in range(_MANY):
            taken += 1
            yield _numbered(i)

    # As a run that fails: not every outcome is asked for. An executor may take long for each.
    with ended(executor.map(_square, items())) as outcomes:
        first = next(iter(outcomes))
    require(first == _square(_numbered(int(first.cell))), f"{who} returns {first} for item {first.cell}")
    require(
        taken < _MANY,
        f"{who} took all {_MANY} items before it returned an outcome; each holds a mask, so take only as many items as "
        "it can work on",
    )


def _check_thread(executor: Executor, who: str) -> None:
    threads: set[int] = set()

    def items() -> Iterator[Evaluation]:
        for i in range(4):
            threads.add(threading.get_ident())
            yield _numbered(i)

    list(executor.map(_square, items()))
    require(
        threads == {threading.get_ident()},
        f"{who} takes items in another thread than the one that asks for outcomes, which owns the model and the store",
    )


def _check_errors(executor: Executor, who: str) -> None:
    before: list[Evaluated] = []
    try:
        for outcome in executor.map(_refuse, map(_numbered, range(6))):
            before.append(outcome)
    except _Refused:
        wrong = [one for one in before if one != _refuse(_numbered(int(one.cell)))]
        require(not wrong, f"{who} returns wrong outcomes before an error: {wrong}")
    except Exception as error:
        require(False, f"{who} raises {type(error).__name__} where the function raised {_Refused.__name__}")
    else:
        require(False, f"{who} swallows an error of the function")

    def failing() -> Iterator[Evaluation]:
        yield _numbered(1)
        raise _Refused("no second item")

    try:
        list(executor.map(_square, failing()))
    except _Refused:
        return
    require(False, f"{who} swallows an error of the iterator of items")


def _check_scores(executor: Executor, who: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        evaluations = sample_evaluations(Path(folder))
        try:
            expected = list(map(evaluate, evaluations))
            # The executor's evaluations must load models and data themselves.
            THIS_PROCESS.clear()
            actual = {outcome.cell: outcome for outcome in executor.map(evaluate, evaluations)}
        finally:
            THIS_PROCESS.clear()
    require(len(actual) == len(expected), f"{who} returns {len(actual)} outcomes for {len(expected)} cells")
    for expected_outcome in expected:
        outcome = actual.get(expected_outcome.cell)
        require(outcome is not None, f"{who} returns no outcome of {expected_outcome.cell}")
        difference = _difference(expected_outcome, cast("Evaluated", outcome))
        require(not difference, f"{who} changes the outcome of {expected_outcome.cell}: {difference}")


def _call(model: Model, given: int) -> int:  # noqa: ARG001
    return given


def _double(chunk: Chunk) -> ChunkDone:
    return ChunkDone(chunk.number, 2 * chunk.given)


def _check_chunks(executor: Executor, who: str) -> None:
    def doubled(numbers: range) -> list[tuple[int, int]]:
        about = ModelSpec(name="none"), "", Encoding("mean", "", 8), (), _call
        outcomes = executor.map(_double, (Chunk(number, *about, number) for number in numbers))
        return sorted((done.number, done.value) for done in outcomes)

    def items() -> Iterator[Evaluation]:
        for number in range(4):
            # As a run does that scores units to make the mask of the next cell.
            made = doubled(range(number, number + 3))
            expected = [(one, 2 * one) for one in range(number, number + 3)]
            require(made == expected, f"{who} returns {made} for chunks while an item is made, not {expected}")
            yield _numbered(number)

    cells = sorted(outcome.cell for outcome in executor.map(_square, items()))
    require(cells == ["0", "1", "2", "3"], f"{who} returns {cells} for 4 items that were made with the help of chunks")


def _difference(expected: Evaluated, actual: Evaluated) -> str:
    """The first difference of two outcomes in words; empty if there is none."""
    if list(actual.results) != list(expected.results):
        return f"results on {list(actual.results)}, not on {list(expected.results)}"
    if dict(actual.failures) != dict(expected.failures):
        return f"the failures are {dict(actual.failures)}, not {dict(expected.failures)}"
    for name, result in expected.results.items():
        difference = _result_difference(result, actual.results[name])
        if difference:
            return f"{name} {difference}"
    return ""


def _result_difference(expected: Result, actual: Result) -> str:
    if (actual.status, actual.reason) != (expected.status, expected.reason):
        return f"is {actual.status} ({actual.reason}), not {expected.status} ({expected.reason})"
    assert expected.values is not None
    if actual.values is None or actual.values.shape != expected.values.shape:
        return f"has the values {actual.values}, not {expected.values}"
    largest = float(np.abs(actual.values - expected.values).max())
    # Written so that NaN counts as a difference.
    return "" if largest <= _CLOSE else f"has values that differ by up to {largest:.1e} from those in this process"
