"""What a task owes: items, one finite value for each, and a score of the items that count and of no others."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property, partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ablate.data.items import ItemSet, Source
from ablate.errors import DataError, Undefined
from ablate.models.encode import encode, prepare
from ablate.statistics.arrays import Values
from ablate.tasks.base import Task
from ablate.testing.contract import Contract, ContractBroken, DoesNotApply, keep_all, require
from ablate.testing.plugin_contract import FAMILIES, check_plugin
from ablate.testing.samples import EmptySource, SampleSource
from ablate.testing.tiny import tiny_model

_SPLITS = ("train", "dev", "test")
_WIDTH = 8


def check_task(plugin: type[Task], source: Source | None = None, **parameters: Any) -> None:
    """Checks that a task keeps its contract.

    Args:
        source: where it loads its items from; by default :class:`~ablate.testing.samples.SampleSource`.

    Raises:
        ContractBroken: what is wrong, in one line.
    """
    keep_all(task_contracts(plugin, source, **parameters))


def task_contracts(plugin: type[Task], source: Source | None = None, **parameters: Any) -> tuple[Contract, ...]:
    """All that :func:`check_task` checks, one by one."""
    checks = _Checks(plugin, source or SampleSource(), parameters)
    return (
        Contract("name, help, version and parameters", checks.plugin, first=True),
        Contract("split, metric, unit and direction", checks.description, first=True),
        Contract("the same items each time", checks.items, first=True),
        Contract("missing data is a DataError", checks.missing),
        Contract("one finite value an item, deterministic", checks.values, first=True),
        Contract("a score of the items that count alone", checks.scores, first=True),
        Contract("scores in their range", checks.range),
        Contract("statistic() gives the score", checks.statistic),
    )


class _Checks:
    def __init__(self, plugin: type[Task], source: Source, parameters: dict[str, Any]) -> None:
        self._plugin, self._source, self._parameters = plugin, source, parameters
        self._who = f"task '{getattr(plugin, 'name', plugin)}'"

    @cached_property
    def _task(self) -> Task:
        return check_plugin(self._plugin, Task, **self._parameters)

    @cached_property
    def _data(self) -> ItemSet:
        return self._task.load(self._source)

    @cached_property
    def _measured(self) -> dict[str, Values]:
        """The values of each family's tiny model."""
        found: dict[str, Values] = {}
        for family in FAMILIES:
            model = tiny_model(family)
            embeddings = encode(model, prepare(model, self._data.sentences))
            found[family] = _values(self._task, self._data, embeddings, f"{self._who} on tiny {family}")
        return found

    def plugin(self) -> None:
        self._task.identity()
        require(
            not _needs_parameters(self._plugin), f"{self._who} cannot be made without parameters; give each a default"
        )

    def description(self) -> None:
        for attribute, kind in (("split", str), ("metric", str), ("unit", str), ("higher_is_better", bool)):
            value = getattr(self._plugin, attribute, None)
            require(isinstance(value, kind), f"{self._who} has no {attribute}: {kind.__name__}")
        split = self._plugin.split
        require(split in _SPLITS, f"{self._who}: split {split!r} is none of {', '.join(_SPLITS)}")
        lowest, highest = self._plugin.range
        require(lowest < highest, f"{self._who}: range {self._plugin.range} is not a lowest and a highest score")

    def items(self) -> None:
        _check_data(self._data, self._who)
        again = self._task.load(self._source).hash
        require(again == self._data.hash, f"{self._who}: load gives other items the second time")

    def missing(self) -> None:
        try:
            found = self._task.load(EmptySource())
        except DataError:
            return
        except Exception as error:
            raise ContractBroken(
                f"{self._who}: load raises {type(error).__name__} where the source lacks its data; let the source's "
                "DataError through"
            ) from error
        require(
            found.hash == self._data.hash,
            f"{self._who}: load makes up {len(found)} items where the source lacks its data",
        )
        raise DoesNotApply("it has data of its own")

    def values(self) -> None:
        require(set(self._measured) == set(FAMILIES), f"{self._who}: has no values")
        for kind, embeddings in _odd(len(self._data.sentences)):
            _check_values(self._task.measure(self._data, embeddings), len(self._data), f"{self._who} of {kind}")

    def scores(self) -> None:
        for family, values in self._measured.items():
            _check_score(self._task, self._data, values, f"{self._who} on tiny {family}")

    def range(self) -> None:
        lowest, highest = self._plugin.range
        if math.isinf(lowest) and math.isinf(highest):
            raise DoesNotApply("it states no range")
        everything, slack = np.ones(len(self._data), bool), 1e-6 * (highest - lowest)
        odd = {kind: self._task.measure(self._data, embeddings) for kind, embeddings in _odd(len(self._data.sentences))}
        for kind, values in {**{f"tiny {family}": v for family, v in self._measured.items()}, **odd}.items():
            try:
                score = self._task.score(self._data, values, everything)
            except Undefined:
                continue
            require(
                lowest - slack <= score <= highest + slack,
                f"{self._who} on {kind}: the score is {score:g}, outside its range {lowest:g} to {highest:g}",
            )

    def statistic(self) -> None:
        data, statistic = self._data, self._task.statistic()
        for family, values in self._measured.items():
            for kept in (np.ones(len(data), bool), np.arange(len(data)) % 2 == 0):
                score = _score(self._task, data, values, kept)
                one = _score_of(partial(statistic.value, values[kept], data.gold[kept]))
                counts = np.ones((1, int(kept.sum())))
                many = float(statistic.resampled(values[kept], data.gold[kept], counts)[0])
                for way, found in (("value", one), ("resampled", many)):
                    require(
                        bool(np.isclose(found, score, rtol=1e-5, atol=1e-5, equal_nan=True)),
                        f"{self._who} on tiny {family}: statistic().{way} gives {found:g}, and score {score:g}",
                    )


def _odd(sentences: int) -> tuple[tuple[str, Tensor], ...]:
    """Embeddings as an unlucky mask may leave them: all the same, all zero, and on two opposite points."""
    same = torch.ones(sentences, _WIDTH)
    opposite = same * (1 - 2 * (torch.arange(sentences) % 2))[:, None]
    return ("equal embeddings", same), ("embeddings of zeros", 0 * same), ("opposite embeddings", opposite)


def _score(task: Task, data: ItemSet, values: Values, kept: NDArray[np.bool_]) -> float:
    return _score_of(lambda: task.score(data, values, kept))


def _score_of(score: Callable[[], float]) -> float:
    try:
        return score()
    except Undefined:
        return math.nan


def _needs_parameters(plugin: type[Task]) -> bool:
    return any(field.is_required() for field in plugin.model_fields.values())


def _check_data(data: ItemSet, who: str) -> None:
    n = len(data)
    require(n > 0, f"{who}: load gives no items")
    lengths = {"texts": n, "gold": len(data.gold), "subsets": len(data.subsets)}
    require(set(lengths.values()) == {n}, f"{who}: the columns of its items differ in length: {lengths}")
    require(bool(np.isfinite(data.gold).all()), f"{who}: load gives gold scores that are not finite")


def _values(task: Task, data: ItemSet, embeddings: Tensor, who: str) -> Values:
    given = embeddings.clone()
    values = task.measure(data, embeddings)
    _check_values(values, len(data), who)
    require(torch.equal(embeddings, given), f"{who}: measure changes the embeddings that it was given")
    require(np.array_equal(task.measure(data, embeddings), values), f"{who}: measure is not deterministic")
    return values


def _check_values(values: object, items: int, who: str) -> None:
    require(
        isinstance(values, np.ndarray) and values.shape == (items,) and values.dtype == np.float32,
        f"{who}: measure gives {_described(values)}, not one float32 for each of {items} items",
    )
    require(bool(np.isfinite(np.asarray(values)).all()), f"{who}: measure gives values that are not finite")


def _check_score(task: Task, data: ItemSet, values: Values, who: str) -> None:
    everything, before = np.ones(len(data), bool), values.copy()
    try:
        score = task.score(data, values, everything)
    except Undefined as reason:
        require(len(data) < 10, f"{who}: has no score on {len(data)} items: {reason}")
        return
    require(isinstance(score, float) and math.isfinite(score), f"{who}: score gives {score!r}, not a finite float")
    require(task.score(data, values, everything) == score, f"{who}: score is not deterministic")
    half = np.arange(len(data)) % 2 == 0
    elsewhere = np.where(half, values, values[::-1] + 1).astype(np.float32)
    require(
        task.score(data, values, half) == task.score(data, elsewhere, half),
        f"{who}: score depends on items that `kept` leaves out",
    )
    require(np.array_equal(values, before), f"{who}: score changes the values that it was given")
    nothing = np.zeros(len(data), bool)
    try:
        undefined = task.score(data, values, nothing)
    except Undefined:
        return
    require(False, f"{who}: score gives {undefined!r} of no items; raise Undefined with the reason")


def _described(values: object) -> str:
    if isinstance(values, np.ndarray):
        return f"{values.dtype} {list(values.shape)}"
    return type(values).__name__
