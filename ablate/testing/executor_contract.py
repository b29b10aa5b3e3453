"""What an executor owes: every outcome, in order, of items made no earlier than they can be worked on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ablate.executors.base import Executor
from ablate.testing.contract import Contract, keep_all, require
from ablate.testing.plugin_contract import check_plugin

_MANY = 2_000


class _Refused(Exception):
    """An error that no executor knows of."""


def _square(item: int) -> int:
    return item * item


def _refuse(item: int) -> int:
    if item == 3:
        raise _Refused("item 3")
    return item


def check_executor(plugin: type[Executor], **parameters: Any) -> None:
    """Checks that an executor keeps its contract.

    Raises:
        ContractBroken: what is wrong, in one line.
    """
    keep_all(executor_contracts(plugin, **parameters))


def executor_contracts(plugin: type[Executor], **parameters: Any) -> tuple[Contract, ...]:
    """All that :func:`check_executor` checks, one by one."""

    def on_one(check: Callable[[Executor, str], None]) -> Callable[[], None]:
        return lambda: check(plugin.model_validate(parameters), f"executor '{plugin.name}'")

    return (
        Contract(
            "name, help, version and parameters",
            lambda: _check_class(plugin, parameters),
            first=True,
        ),
        Contract("every outcome, in order", on_one(_check_outcomes), first=True),
        Contract("items are taken when they can be worked on", on_one(_check_lazy)),
        Contract("errors come through as they are", on_one(_check_errors)),
    )


def _check_class(plugin: type[Executor], parameters: dict[str, Any]) -> None:
    check_plugin(plugin, Executor, **parameters)


def _check_outcomes(executor: Executor, who: str) -> None:
    require(list(executor.map(_square, [])) == [], f"{who} gives outcomes for no items")
    for attempt in ("first", "second"):
        found = list(executor.map(_square, range(20)))
        require(
            found == [i * i for i in range(20)],
            f"{who} gives other outcomes, or in another order, than its items ask ({attempt} use): {found}",
        )


def _check_lazy(executor: Executor, who: str) -> None:
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        for i in range(_MANY):
            taken += 1
            yield i

    outcomes = iter(executor.map(_square, items()))
    require(next(outcomes) == 0, f"{who} does not give the first item's outcome first")
    require(
        taken < _MANY,
        f"{who} took all {_MANY} items before it gave one outcome; each holds a mask, so take no more than can be "
        "under way",
    )
    require(sum(1 for _ in outcomes) == _MANY - 1, f"{who} loses items")


def _check_errors(executor: Executor, who: str) -> None:
    before: list[int] = []
    try:
        for outcome in executor.map(_refuse, range(6)):
            before.append(outcome)
    except _Refused:
        require(before == [0, 1, 2], f"{who} loses the outcomes before an error: {before} is all it gave")
    except Exception as error:
        require(False, f"{who} raises {type(error).__name__} where the work raised {_Refused.__name__}")
    else:
        require(False, f"{who} swallows an error of the work")

    def failing() -> Iterator[int]:
        yield 1
        raise _Refused("no second item")

    try:
        list(executor.map(_square, failing()))
    except _Refused:
        return
    require(False, f"{who} swallows an error of whatever makes the items")
