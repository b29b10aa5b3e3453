"""Compares two cells of a finished run, using only the store."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from statistics import fmean

import numpy as np

from ablate.errors import AblateError, Undefined, suggest
from ablate.judge.effects import Stage, stages
from ablate.judge.group import RowsByTask, label, stored_result
from ablate.judge.judge import read
from ablate.plugins import Registry
from ablate.recipe.recipe import Statistics
from ablate.record import Row, RunRecord
from ablate.statistics.compare import Comparison, contrast, permutation_p
from ablate.statistics.resample import Joint
from ablate.store.store import Store

MIN_PREFIX = 4
"""The fewest first characters by which a key may be abbreviated."""

_HEX = re.compile(r"[0-9a-f]{16}")
_LISTED = 12


@dataclass(frozen=True)
class Difference:
    """A compared with B on one task.

    task: None for the mean over the stage's tasks, if there are several.
    a, b: the scores in the stage's unit on the pairs that decide, means over seeds.
    p: two-sided, by permutation. studentized: whether each difference was divided by its own standard error.
    pairs: how many pairs were counted.
    devices: on which the results were computed, each once.
    """

    task: str | None
    a: float
    b: float
    compared: Comparison
    p: float
    studentized: bool
    pairs: int
    devices: tuple[str, ...] = ()


def differences(
    results: RunRecord, store: Store, registry: Registry, a: str, b: str, settings: Statistics
) -> list[tuple[Stage, list[Difference]]]:
    """A minus B in every stage in which both were run, for every model.

    Args:
        a, b: ``dense``; a cell's name in tables (all its seeds) or in rows (``cell``); or a row's ``key`` or the
            beginning of one.

    Raises:
        AblateError: there is no such cell, several keys begin so, or no stage has both cells.
    """
    run_stages = stages(results)
    known = [_cells(stage) for stage in run_stages]
    for name in (a, b):
        _check_whole(name, run_stages)
    sides = [[_find(name, cells) for cells in known] for name in (a, b)]
    for name, side in zip((a, b), sides, strict=True):
        if not any(side):
            raise _unknown(name, known)
    in_both = [
        (stage, rows_a, rows_b) for stage, rows_a, rows_b in zip(run_stages, *sides, strict=True) if rows_a and rows_b
    ]
    if not in_both:
        raise AblateError(f"no stage has both '{a}' and '{b}'; choose two cells of one table of `ablate show`")
    return [
        (stage, list(compared(results, stage, rows_a, rows_b, store, registry, settings)))
        for stage, rows_a, rows_b in in_both
    ]


def find(results: RunRecord, name: str) -> list[Row]:
    """A row of each cell of this name, of any model and in any stage.

    Raises:
        AblateError: there is no such cell, or several keys begin so.
    """
    run_stages = stages(results)
    known = [_cells(stage) for stage in run_stages]
    _check_whole(name, run_stages)
    rows = [next(iter(tasks.values())) for cells in known for tasks in _find(name, cells)]
    if not rows:
        raise _unknown(name, known)
    return list({(row.model, row.key): row for row in rows}.values())


def compared(
    results: RunRecord,
    stage: Stage,
    ours: Sequence[RowsByTask],
    theirs: Sequence[RowsByTask],
    store: Store,
    registry: Registry,
    settings: Statistics,
) -> Iterator[Difference]:
    """``ours`` minus ``theirs``, means over the cells of each, on every task with all scores, and on their mean.

    A task on which most resamples have no score is left out.

    Raises:
        AblateError: the store lacks something, or a task's statistic fails.
    """
    sides = (ours, theirs)
    tasks = [task for task in stage.splits if all(_has_score(stage, rows, task) for rows in (*ours, *theirs))]
    if not tasks:
        return
    keys = {task: [[stored_result(rows[task]) for rows in side] for side in sides] for task in tasks}
    data = {task: read(results, stage, task, chain(*keys[task]), store, registry) for task in tasks}
    values = {task: by_key for task, (_, by_key) in data.items()}
    joint = Joint({task: judged for task, (judged, _) in data.items()}, settings.resamples, settings.statistics_seed)
    boots = joint.bootstrap(values)
    means = {task: [np.mean([boots[task][key] for key in side], axis=0) for side in keys[task]] for task in tasks}
    # Every seed of ours with every seed of theirs: the permutation then tests the difference of the two means.
    pairs = {task: [(values[task][x], values[task][y]) for x in keys[task][0] for y in keys[task][1]] for task in tasks}
    exchanged = joint.permute({"": pairs})[""]
    places: list[tuple[str | None, list[str]]] = [(task, [task]) for task in tasks]
    if len(tasks) == len(stage.splits) > 1:
        places.append((None, tasks))
    for place, members in places:
        a, b = (_mean_score(stage, side, members) for side in sides)
        resampled = np.mean([means[task][0] - means[task][1] for task in members], axis=0)
        swapped = exchanged[place or ""]
        counted = sum(len(data[task][0].panel) for task in members)
        try:
            found, p = contrast(a - b, resampled), permutation_p(swapped.observed, swapped.differences)
        except Undefined:
            continue
        devices = (rows[task].device for side in sides for rows in side for task in members)
        used = tuple(dict.fromkeys(device for device in devices if device is not None))
        yield Difference(place, a, b, found, p, swapped.studentized, counted, used)


def _has_score(stage: Stage, rows: RowsByTask, task: str) -> bool:
    return task in rows and stage.score_of(rows[task]) is not None


def _mean_score(stage: Stage, cells: Sequence[RowsByTask], tasks: Sequence[str]) -> float:
    scores = (stage.score_of(rows[task]) for rows in cells for task in tasks)
    return fmean(score for score in scores if score is not None)


def _check_whole(name: str, run_stages: Sequence[Stage]) -> None:
    """Refuses a cell that racing has stopped."""
    for stage in run_stages:
        if not stage.stopped or name == "dense" or _find(name, _cells(stage)):
            continue
        if _find(name, _cells(replace(stage, groups=[*stage.groups, *stage.stopped]))):
            raise AblateError(
                f"'{name}' was stopped by racing and has no whole result; run it without evaluate.racing, or name "
                "another cell"
            )


def _cells(stage: Stage) -> dict[str, list[RowsByTask]]:
    """Each name of a cell -> its rows, with one mapping for each seed."""
    by_table_name = {"dense": [stage.dense]}
    by_row: dict[str, list[RowsByTask]] = {}
    for group in stage.groups:
        by_table_name[label(group, stage.groups)] = list(group.seeds.values())
        controls = (group.matched, group.searched, group.flipped)
        for rows in (*group.seeds.values(), *(rows for draws in controls for rows in draws.values())):
            row = next(iter(rows.values()))
            by_row[row.key] = [rows]
            # Cells that differ in their train seed alone have the same text.
            by_row.setdefault(row.cell, []).append(rows)
    # A name in tables, which stands for all seeds, goes before the same text in rows.
    return by_row | by_table_name


def _find(name: str, cells: Mapping[str, list[RowsByTask]]) -> list[RowsByTask]:
    """The cell of this name, or the only one whose key begins with it; empty if there is none."""
    if name in cells:
        return cells[name]
    keys = [key for key in cells if len(name) >= MIN_PREFIX and key.startswith(name) and _HEX.fullmatch(key)]
    if len(keys) > 1:
        raise AblateError(f"{len(keys)} cells have a key that begins with '{name}': {', '.join(keys)}; give more of it")
    return cells[keys[0]] if keys else []


def _unknown(name: str, known: Sequence[Mapping[str, list[RowsByTask]]]) -> AblateError:
    names = {text for cells in known for text in cells if not _HEX.fullmatch(text)}
    remedy = suggest(name, names)
    if remedy.startswith("valid") and len(names) > _LISTED:
        remedy = "`ablate show` lists them"
    return AblateError(f"the run has no cell '{name}'; {remedy}")
