"""From the results of removed groups to gains over dense with standard errors, and to gains on halves of the pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ablate.errors import AblateError, Undefined
from ablate.judge.plugin_statistic import statistic_of
from ablate.plugins import registry
from ablate.statistics.arrays import Floats, Values
from ablate.statistics.compare import contrast
from ablate.statistics.halves import on_halves
from ablate.statistics.resample import Joint, Judged
from ablate.studies.removed import TaskResults
from ablate.tasks.loaded import Loaded, panel_of

SPLITS = 100
"""Random splits of the pairs into halves."""

_DENSE = "dense"


@dataclass(frozen=True)
class Gains:
    """places: the groups that have a score on every task. gains, errors: float64 [places], means over tasks.

    shifts: float64 [draws], what each bootstrap draw of the pairs moves the mean over the places by.
    first, second: float64 [splits, places], the gains on either half of the pairs, None where these were not asked for;
    splits with a half that has no score are left out. pairs: how many counted.
    """

    places: tuple[int, ...]
    gains: Floats
    errors: Floats
    shifts: Floats
    pairs: int
    first: Floats | None = None
    second: Floats | None = None


def gains_of(
    dense: TaskResults,
    removed: Mapping[int, TaskResults],
    tasks: Sequence[Loaded],
    overlap: str,
    joint: tuple[int, int],
    halves: bool = False,
) -> Gains:
    """Sets each removal against dense on the same pairs, by a bootstrap over clusters of identical pairs.

    Args:
        overlap: ``drop`` counts the pairs that nothing has seen, ``keep`` all.
        joint: draws and seed of the bootstrap.
        halves: whether gains on halves are wanted.

    Raises:
        AblateError: the dense model has no score on a task.
    """
    judged = {task.name: Judged(panel_of(task).judged(overlap), statistic_of(task.task, registry())) for task in tasks}
    values: dict[str, dict[str, Values]] = {name: {} for name in judged}
    scores: dict[str, dict[str, float]] = {}
    for key, results in {_DENSE: dense, **{str(place): of for place, of in removed.items()}}.items():
        own = {task.name: _judged_values(results[task.name].values, task, overlap) for task in tasks}
        try:
            scores[key] = {name: one.statistic.value(own[name], one.panel.gold) for name, one in judged.items()}
        except Undefined as reason:
            if key == _DENSE:
                raise AblateError(f"the dense model has no score to set removals against: {reason}") from None
            continue
        for name in judged:
            values[name][key] = own[name]
    turn = {task.name: 1.0 if task.task.higher_is_better else -1.0 for task in tasks}
    boots = Joint(judged, *joint).bootstrap(values)
    places, gains, errors, draws = [], [], [], []
    for key in scores:
        if key == _DENSE:
            continue
        gain = float(np.mean([turn[name] * (scores[key][name] - scores[_DENSE][name]) for name in judged]))
        drawn = np.mean([turn[name] * (boots[name][key] - boots[name][_DENSE]) for name in judged], axis=0)
        try:
            errors.append(contrast(gain, drawn).se)
        except Undefined:
            continue
        places.append(int(key))
        gains.append(gain)
        draws.append(drawn - gain)
    pairs = sum(len(one.panel) for one in judged.values())
    shifts = np.mean(draws, axis=0) if draws else np.zeros(0)
    found = Gains(tuple(places), np.array(gains), np.array(errors), shifts[np.isfinite(shifts)], pairs)
    return _with_halves(found, judged, values, turn, joint[1]) if halves and places else found


def _judged_values(values: Values | None, task: Loaded, overlap: str) -> Values:
    if values is None:
        return np.zeros(0, np.float32)
    return values[task.kept] if overlap == "drop" else values


def _with_halves(
    found: Gains,
    judged: Mapping[str, Judged],
    values: Mapping[str, Mapping[str, Values]],
    turn: Mapping[str, float],
    seed: int,
) -> Gains:
    keys = [_DENSE, *map(str, found.places)]
    scores = on_halves(judged, values, keys, SPLITS, np.random.default_rng([seed, 3]))
    halves = [np.mean([turn[t] * (h[i][:, 1:] - h[i][:, :1]) for t, h in scores.items()], axis=0) for i in (0, 1)]
    defined = np.isfinite(halves[0]).all(1) & np.isfinite(halves[1]).all(1)
    return replace(found, first=halves[0][defined], second=halves[1][defined])
