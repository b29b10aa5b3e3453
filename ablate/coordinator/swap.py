"""Searches a step's mask by swaps on the screen tasks. The candidates of a round race on growing parts of the items.

A result on a part is stored as soon as it is there, under the key of its mask and its items. So an interrupted search
goes on where it was, and finds the same mask.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from statistics import fmean
from typing import Any

import numpy as np
import torch

from ablate.coordinator.contest import Contest, Rules, Seen
from ablate.coordinator.looks import looks_of, parts_of, sentences
from ablate.engine.evaluator import Evaluator
from ablate.engine.search import Exchange, Ranked, climb
from ablate.errors import AblateError, PluginError, Undefined
from ablate.events import Event, Watch
from ablate.granularities.units import Units
from ablate.plan.plan import Step
from ablate.plugins import Registry
from ablate.statistics.arrays import Values
from ablate.statistics.race import SHARES
from ablate.store.keys import mask_hash, result_key, roles_part
from ablate.store.store import Store
from ablate.tasks.loaded import Loaded
from ablate.tasks.result import Result
from ablate.timing import Timings

RULES = Rules(overlap="keep", level=0.05, resamples=500, seed=0, margin=0.0)
"""Of every race of a search, whatever the recipe says of others: the mask must depend on its cell alone."""

VERSION = 1
"""Part of the keys of searched masks. Increase it whenever a search would find other masks, as with other rules."""

Makers = Mapping[str, Callable[[], Units]]
"""Hash of a mask -> the mask, which is made when it is needed: masks of weights are large."""


@dataclass
class Swaps:
    """Searches by swaps for one model.

    tasks: the screen tasks that choose, with all their items.
    """

    tasks: Sequence[Loaded]
    registry: Registry
    evaluator: Evaluator
    store: Store
    timings: Timings
    watch: Watch
    _parts: list[list[Loaded]] = field(init=False)
    """The items that are new at each look; all at once if a task cannot be measured on a part of its items."""
    _seen: dict[int, Seen | None] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self._parts = [list(self.tasks)]
        if all(task.task.per_item and len(task.data) for task in self.tasks):
            looks = looks_of(self.tasks, RULES.seed)
            parts = [parts_of(self.tasks, looks, look, look) for look in range(len(SHARES) + 1)]
            self._parts = [part for part in parts if part]

    def without(self, tasks: Collection[str]) -> Swaps:
        """The same search, without these tasks."""
        return replace(self, tasks=[task for task in self.tasks if task.name not in tasks])

    def key(self) -> dict[str, Any]:
        """What a searched mask depends on besides its step, for keys."""
        tasks = [[task.task.identity(), task.data.hash] for task in self.tasks]
        return {"version": VERSION, "tasks": tasks, **roles_part(self.evaluator.model, self.tasks)}

    def search(self, step: Step, start: Units, ranked: Sequence[Ranked]) -> tuple[Units, dict[str, int]]:
        """The mask that swaps lead to from the scorer's mask, and what rows say of the search.

        ``evaluations``: masks that were scored on these tasks or a part of them, the scorer's own among them, each
        once. ``sentences``: how many were encoded for that, of stored results too. ``swaps``: how many were made.

        Raises:
            PluginError: the scorer's mask has no score, or a task no items.
        """
        assert step.search is not None
        if faults := [task.fault for task in self.tasks if task.fault is not None]:
            raise PluginError(f"search: swap: {faults[0]}")
        race = _Race(self, str(step))
        with self.timings.measure("search"):
            units, made = climb(start, ranked, step.search, step.scope == "layer", race.best_of)
        return units, {"swaps": made, "evaluations": len(race.looks), "sentences": race.sentences}

    def parts(self) -> list[list[Loaded]]:
        """The items that are new at each look."""
        return self._parts

    def seen(self, look: int) -> Seen | None:
        """What has been seen after a look; None if a task has no statistic, so that nothing can stop."""
        if look not in self._seen:
            marks = {task.name: np.zeros(len(task.data), bool) for task in self.tasks}
            for parts in self._parts[: look + 1]:
                for part in parts:
                    marks[part.name] |= True if part.part is None else part.part
            seen = [task.only(marks[task.name]) for task in self.tasks if marks[task.name].any()]
            try:
                self._seen[look] = Seen(RULES, self.registry, seen, self.tasks)
            except AblateError:  # the judge will say so, of whole cells
                self._seen[look] = None
        return self._seen[look]


class _Race:
    """The races of one search, one a round. What was measured in one holds in the next.

    looks: hash of a mask -> on how many looks it was measured. sentences: see :meth:`Swaps.search`.
    """

    def __init__(self, swaps: Swaps, name: str) -> None:
        self._swaps, self._name = swaps, name
        self._model = swaps.evaluator.model
        self._values: dict[str, dict[str, Values]] = {}
        self._round = 0
        self.looks: dict[str, int] = {}
        self.sentences = 0

    def best_of(self, current: Units, exchanges: Sequence[Exchange]) -> Exchange | None:
        """See :func:`ablate.engine.search.climb`. A candidate that cannot be the best any more stops."""
        self._round += 1
        here = _hash(current)
        by_hash = {_hash(exchange.made_in(current)): exchange for exchange in exchanges}
        makers: dict[str, Callable[[], Units]] = {here: lambda: current}
        makers |= {mask: partial(exchange.made_in, current) for mask, exchange in by_hash.items()}
        # The mask in force races too: candidates that cannot be better than it stop. It does not, since it is known.
        contest = Contest([(mask,) for mask in makers], frozenset({here}), here)
        base = current.keep(self._model)
        last = len(self._swaps.parts()) - 1
        for look in range(last + 1):
            self._measure({mask: makers[mask] for (mask,) in contest.units}, look, base)
            if here not in self._values:
                raise PluginError("search: swap: the scorer's mask cannot be measured on the screen")
            for (mask,) in [*contest.units]:
                if mask not in self._values:
                    contest.drop(mask)
            seen = self._swaps.seen(look) if look < last else None
            if seen is not None:
                contest.settle(seen, look, self._values)
            if not contest.open:
                return None
        scores = {mask: score for (mask,) in contest.units if (score := self._score(mask, mask == here)) is not None}
        best = max((mask for mask in scores if mask != here), key=scores.__getitem__, default=here)
        return by_hash[best] if scores[best] > scores[here] else None

    def _measure(self, makers: Makers, look: int, base: Mapping[str, torch.Tensor]) -> None:
        """Measures masks on what is new at a look, unless they were before. One without values has none at all then."""
        parts = self._swaps.parts()[look]
        new = [mask for mask in makers if self.looks.get(mask, 0) <= look]
        keys = {mask: {part.name: result_key(self._model, mask, part) for part in parts} for mask in new}
        stored = self._swaps.store.get_results(key for of_mask in keys.values() for key in of_mask.values())
        if new:
            text = f"{self._name}, round {self._round}, look {look + 1}"
            self._swaps.watch(Event("fit", text, len(new), part="swaps"))
        for mask in new:
            results = {name: stored[key] for name, key in keys[mask].items() if key in stored}
            missing = [part for part in parts if part.name not in results]
            if missing:
                embedded = self._swaps.evaluator.embed(makers[mask]().keep(self._model), missing, base=base)
                measured = {part.name: embedded.measure(part) for part in missing}
                self._swaps.store.put_results({keys[mask][name]: result for name, result in measured.items()})
                results |= measured
            self.looks[mask] = look + 1
            self.sentences += sentences(parts, self._model)
            self._take(mask, [(part, results[part.name]) for part in parts])
            self._swaps.watch(Event("step", "", cached=not missing))

    def _take(self, mask: str, results: Sequence[tuple[Loaded, Result]]) -> None:
        """Takes the values of a mask. An item that was not measured yet has NaN."""
        if any(result.values is None for _, result in results):
            self._values.pop(mask, None)
            # It has none at later looks either.
            self.looks[mask] = len(self._swaps.parts())
            return
        sizes = {task.name: len(task.data) for task in self._swaps.tasks}
        of_mask = self._values.setdefault(mask, {name: np.full(n, np.nan, np.float32) for name, n in sizes.items()})
        for part, result in results:
            assert result.values is not None
            of_mask[part.name][slice(None) if part.part is None else part.part] = result.values

    def _score(self, mask: str, needed: bool) -> float | None:
        """The mean score on all items of the tasks, negated where lower is better; None if a task has no score.

        Raises:
            PluginError: there is none, and it is ``needed``.
        """
        try:
            return fmean(self._score_on(task, self._values[mask][task.name]) for task in self._swaps.tasks)
        except Undefined as reason:
            if needed:
                raise PluginError(f"search: swap: the scorer's mask has no score on the screen: {reason}") from None
            return None

    def _score_on(self, task: Loaded, values: Values) -> float:
        score = task.task.score(task.data, values, np.ones(len(values), bool))
        return score if task.task.higher_is_better else -score


def _hash(units: Units) -> str:
    return mask_hash(units.masks) or ""
