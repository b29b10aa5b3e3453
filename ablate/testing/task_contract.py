"""The contract of tasks: items, a finite value for each of them, and a score of only the items that count."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property, partial
from typing import Any, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ablate.data.items import ItemSet, Role, Source
from ablate.errors import DataError, Undefined
from ablate.models.encode import encode, prepare
from ablate.statistics.arrays import Values
from ablate.tasks.base import Task, WholeTask
from ablate.testing.contract import Contract, ContractBroken, DoesNotApply, keep_all, require
from ablate.testing.plugin_contract import FAMILIES, check_plugin
from ablate.testing.samples import EmptySource, SampleSource
from ablate.testing.tiny import tiny_model

_SPLITS = ("train", "dev", "test")
_WIDTH = 8


def check_task(plugin: type[Task], source: Source | None = None, **parameters: Any) -> None:
    """Checks that a task keeps its contract.

    Args:
        source: the source to load its items from, by default :class:`~ablate.testing.samples.SampleSource`.

    Raises:
        ContractBroken: what is wrong, in one line.
    """
    keep_all(task_contracts(plugin, source, **parameters))


def task_contracts(plugin: type[Task], source: Source | None = None, **parameters: Any) -> tuple[Contract, ...]:
    """The contracts that :func:`check_task` checks."""
    checks = _TaskChecks(plugin, source or SampleSource(), parameters)
    return (
        Contract("name, help, version and parameters", checks.plugin, first=True),
        Contract("split, metric, unit and direction", checks.description, first=True),
        Contract("the same items each time", checks.items, first=True),
        Contract("missing data is a DataError", checks.missing),
        Contract("one finite value for each item, deterministic", checks.values, first=True),
        Contract("a score of only the items that count", checks.scores, first=True),
        Contract("values of an item that do not depend on the others, if it says so", checks.per_item),
        Contract("scores in their range", checks.range),
        Contract("statistic() gives the score", checks.statistic),
    )


class _TaskChecks:
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
        """Family -> the values of its tiny model."""
        if isinstance(self._task, WholeTask):
            raise DoesNotApply("it has one score, and no value of each item (WholeTask)")
        measured: dict[str, Values] = {}
        for family in FAMILIES:
            model = tiny_model(family)
            embeddings = encode(model, prepare(model, self._data.sentences))
            measured[family] = _values(self._task, self._data, embeddings, f"{self._who} on tiny {family}")
        return measured

    def plugin(self) -> None:
        self._task.identity()
        # `tasks` and `screen` may name a task without parameters.
        require(
            not any(field.is_required() for field in self._plugin.model_fields.values()),
            f"{self._who} cannot be created without parameters; give each a default, and list in `required` those that "
            "have to be given",
        )

    def description(self) -> None:
        for attribute, kind in (
            *(("split", str), ("metric", str), ("unit", str)),
            *(("higher_is_better", bool), ("family", str)),
        ):
            value = getattr(self._plugin, attribute, None)
            require(isinstance(value, kind), f"{self._who} has no {attribute}: {kind.__name__}")
        split = self._plugin.split
        require(split in _SPLITS, f"{self._who}: split {split!r} is none of {', '.join(_SPLITS)}")
        lowest, highest = self._plugin.range
        require(lowest < highest, f"{self._who}: range {self._plugin.range} is not a lowest and a highest score")

    def items(self) -> None:
        _check_data(self._data, self._who)
        again = self._task.load(self._source).hash
        require(again == self._data.hash, f"{self._who}: load returns other items the second time")

    def missing(self) -> None:
        try:
            data = self._task.load(EmptySource())
        except DataError:
            return
        except Exception as error:
            raise ContractBroken(
                f"{self._who}: load raises {type(error).__name__} if the source lacks its data; do not catch the "
                "source's DataError"
            ) from error
        require(
            data.hash == self._data.hash,
            f"{self._who}: load makes up {len(data)} items if the source lacks its data",
        )
        raise DoesNotApply("it has data of its own")

    def values(self) -> None:
        if isinstance(self._task, WholeTask):
            self._whole(self._task)
            return
        require(set(self._measured) == set(FAMILIES), f"{self._who}: has no values")
        for kind, embeddings in _degenerate(len(self._data.sentences)):
            _check_values(self._task.measure(self._data, embeddings), len(self._data), f"{self._who} of {kind}")

    def _whole(self, task: WholeTask) -> None:
        model = tiny_model()
        embeddings = encode(model, prepare(model, self._data.sentences))
        score = _score_of(partial(task.whole, self._data, embeddings))
        require(isinstance(score, float) and math.isfinite(score), f"{self._who}: whole returns {score!r}")
        again = _score_of(partial(task.whole, self._data, embeddings))
        require(score == again, f"{self._who}: whole is not deterministic")

    def scores(self) -> None:
        for family, values in self._measured.items():
            _check_score(self._task, self._data, values, f"{self._who} on tiny {family}")

    def per_item(self) -> None:
        if not self._plugin.per_item:
            raise DoesNotApply("its values are of all items together (per_item)")
        half = np.arange(len(self._data)) % 2 == 0
        try:
            data = self._data.only(half)
        except DataError as error:
            raise ContractBroken(f"{self._who}: per_item is True, and {error}") from error
        for family, values in self._measured.items():
            model = tiny_model(family)
            embeddings = encode(model, prepare(model, self._data.sentences))
            row = {sentence: i for i, sentence in enumerate(self._data.sentences)}
            of_half = self._task.measure(data, embeddings[[row[sentence] for sentence in data.sentences]])
            require(
                bool(np.allclose(of_half, values[half], rtol=1e-5, atol=1e-5)),
                f"{self._who} on tiny {family}: the value of an item depends on the other items; set per_item to False",
            )

    def range(self) -> None:
        lowest, highest = self._plugin.range
        if math.isinf(lowest) and math.isinf(highest):
            raise DoesNotApply("it states no range")
        assert self._measured
        # Rounding may move a score a little beyond the end of its range.
        all_items, tolerance = np.ones(len(self._data), bool), 1e-6 * (highest - lowest)
        measured = {f"tiny {family}": values for family, values in self._measured.items()}
        for kind, embeddings in _degenerate(len(self._data.sentences)):
            measured[kind] = self._task.measure(self._data, embeddings)
        for kind, values in measured.items():
            try:
                score = self._task.score(self._data, values, all_items)
            except Undefined:
                continue
            require(
                lowest - tolerance <= score <= highest + tolerance,
                f"{self._who} on {kind}: the score is {score:g}, outside its range {lowest:g} to {highest:g}",
            )

    def statistic(self) -> None:
        data, statistic = self._data, self._task.statistic()
        for family, values in self._measured.items():
            for kept in (np.ones(len(data), bool), np.arange(len(data)) % 2 == 0):
                score = _score(self._task, data, values, kept)
                value = _score_of(partial(statistic.value, values[kept], data.gold[kept]))
                # A resample in which every item is drawn once is the set itself.
                counts = np.ones((1, int(kept.sum())))
                resampled = float(statistic.resampled(values[kept], data.gold[kept], counts)[0])
                for method, result in (("value", value), ("resampled", resampled)):
                    require(
                        bool(np.isclose(result, score, rtol=1e-5, atol=1e-5, equal_nan=True)),
                        f"{self._who} on tiny {family}: statistic().{method} gives {result:g}, and score {score:g}",
                    )
            # Against the same values in another order, with every other item swapped.
            swapped = (values, values[::-1].copy(), data.gold, np.arange(len(data))[None] % 2 == 0)
            plain, by_item = statistic.exchanged(*swapped), statistic.exchanged_by_item(*swapped)[0]
            require(
                bool(np.allclose(plain, by_item, equal_nan=True)),
                f"{self._who} on tiny {family}: statistic().exchanged_by_item gives another difference than exchanged",
            )


def _degenerate(sentences: int) -> tuple[tuple[str, Tensor], ...]:
    """Embeddings that a mask may leave in the worst case: all the same, all zero, and on two opposite points."""
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


def _check_data(data: ItemSet, who: str) -> None:
    count = len(data)
    require(count > 0, f"{who}: load returns no items")
    lengths = {"texts": count, "gold": len(data.gold), "subsets": len(data.subsets)}
    require(set(lengths.values()) == {count}, f"{who}: the columns of its items differ in length: {lengths}")
    require(bool(np.isfinite(data.gold).all()), f"{who}: load returns gold scores that are not finite")
    if data.roles:
        sentences = len(data.sentences)
        require(
            len(data.roles) == sentences, f"{who}: its items have {len(data.roles)} roles for {sentences} sentences"
        )
        unknown = set(data.roles) - set(get_args(Role))
        require(not unknown, f"{who}: its items have the roles {sorted(unknown)}; there are query and document")


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
        f"{who}: measure returns {_described(values)}, not one float32 for each of {items} items",
    )
    require(bool(np.isfinite(np.asarray(values)).all()), f"{who}: measure returns values that are not finite")


def _check_score(task: Task, data: ItemSet, values: Values, who: str) -> None:
    all_items, before = np.ones(len(data), bool), values.copy()
    try:
        score = task.score(data, values, all_items)
    except Undefined as reason:
        # A few items may be too few for a score.
        require(len(data) < 10, f"{who}: has no score on {len(data)} items: {reason}")
        return
    require(isinstance(score, float) and math.isfinite(score), f"{who}: score returns {score!r}, not a finite float")
    require(task.score(data, values, all_items) == score, f"{who}: score is not deterministic")
    half = np.arange(len(data)) % 2 == 0
    # The same values on this half, and others on the half that is left out.
    changed = np.where(half, values, values[::-1] + 1).astype(np.float32)
    require(
        task.score(data, values, half) == task.score(data, changed, half),
        f"{who}: score depends on items that `kept` leaves out",
    )
    require(np.array_equal(values, before), f"{who}: score changes the values that it was given")
    no_items = np.zeros(len(data), bool)
    try:
        undefined = task.score(data, values, no_items)
    except Undefined:
        return
    require(False, f"{who}: score returns {undefined!r} for no items; raise Undefined with the reason")


def _described(values: object) -> str:
    if isinstance(values, np.ndarray):
        return f"{values.dtype} {list(values.shape)}"
    return type(values).__name__
