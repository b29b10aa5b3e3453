"""The gains of removed groups over dense, with standard errors, and their gains on halves of the pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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
"""How many random splits of the pairs into halves there are."""

_DENSE = "dense"


@dataclass(frozen=True)
class Gains:
    """How much better the model is without each group, as a mean over tasks, in their unit.

    places: the groups that have a score on every task.
    gains, errors: float64 [places]; errors are standard errors.
    draws: float64 [draws, places], the gains on each bootstrap draw of the pairs, which all places share. A draw is
        left out if a place has no score on it.
    pairs: how many pairs count, on all tasks together.
    devices: on which the results were computed, each once.
    halves: the gains on the first and on the second half of the pairs, float64 [splits, places] each. A split is left
        out if a half has no score. None if halves were not asked for, or no group has a score.
    """

    places: tuple[int, ...]
    gains: Floats
    errors: Floats
    draws: Floats
    pairs: int
    halves: tuple[Floats, Floats] | None = None
    devices: tuple[str, ...] = ()


@dataclass(frozen=True)
class _ScoredGroups:
    """The tasks, and the values of dense and of each group that has a score on every task.

    The keys are ``dense``, then the numbers of the groups as texts.

    signs: task -> 1, or -1 if lower scores are better.
    values: task -> key -> float32 [pairs of the task's panel].
    scores: key -> task -> score.
    """

    judged: Mapping[str, Judged]
    signs: Mapping[str, float]
    values: Mapping[str, Mapping[str, Values]]
    scores: Mapping[str, Mapping[str, float]]

    @property
    def groups(self) -> list[str]:
        return [key for key in self.scores if key != _DENSE]


def gains_of(
    dense: TaskResults,
    removed: Mapping[int, TaskResults],
    tasks: Sequence[Loaded],
    overlap: str,
    bootstrap: tuple[int, int],
    halves: bool = False,
) -> Gains:
    """Compares each removal with dense on the same pairs, by a bootstrap over clusters of identical pairs.

    Args:
        removed: by group.
        overlap: ``drop`` counts the pairs that neither calibration nor choice has seen, ``keep`` all.
        bootstrap: draws and seed.
        halves: whether gains on halves of the pairs are wanted.

    Raises:
        AblateError: the dense model has no score on a task.
    """
    scored = _scored(dense, removed, tasks, overlap)
    draws = Joint(scored.judged, *bootstrap).bootstrap(scored.values)
    places, gains, errors, joint = [], [], [], []
    for key in scored.groups:
        gain = float(np.mean([s * (scored.scores[key][t] - scored.scores[_DENSE][t]) for t, s in scored.signs.items()]))
        drawn = np.mean([s * (draws[t][key] - draws[t][_DENSE]) for t, s in scored.signs.items()], axis=0)
        try:
            errors.append(contrast(gain, drawn).se)
        except Undefined:
            continue
        places.append(int(key))
        gains.append(gain)
        joint.append(drawn)
    by_draw = np.array(joint, np.float64).reshape(len(places), -1).T
    return Gains(
        tuple(places),
        np.array(gains),
        np.array(errors),
        by_draw[np.isfinite(by_draw).all(axis=1)],
        sum(len(judged.panel) for judged in scored.judged.values()),
        _on_halves(scored, places, bootstrap[1]) if halves and places else None,
        tuple(
            dict.fromkeys(
                result.about.get("device", "cpu")
                for results in (dense, *removed.values())
                for result in results.values()
            )
        ),
    )


def _scored(
    dense: TaskResults, removed: Mapping[int, TaskResults], tasks: Sequence[Loaded], overlap: str
) -> _ScoredGroups:
    judged = {task.name: Judged(panel_of(task).judged(overlap), statistic_of(task.task, registry())) for task in tasks}
    values: dict[str, dict[str, Values]] = {name: {} for name in judged}
    scores: dict[str, dict[str, float]] = {}
    by_key = {_DENSE: dense, **{str(place): results for place, results in removed.items()}}
    for key, results in by_key.items():
        counted = {task.name: _counted(results[task.name].values, task, overlap) for task in tasks}
        try:
            scores[key] = {name: on.statistic.value(counted[name], on.panel.gold) for name, on in judged.items()}
        except Undefined as reason:
            if key == _DENSE:
                raise AblateError(f"the dense model has no score to compare removals with: {reason}") from None
            continue
        for name in judged:
            values[name][key] = counted[name]
    signs = {task.name: 1.0 if task.task.higher_is_better else -1.0 for task in tasks}
    return _ScoredGroups(judged, signs, values, scores)


def _counted(values: Values | None, task: Loaded, overlap: str) -> Values:
    """The values of the pairs that count, in the order of the task's panel."""
    if values is None:
        return np.zeros(0, np.float32)
    return values[task.kept] if overlap == "drop" else values


def _on_halves(scored: _ScoredGroups, places: Sequence[int], seed: int) -> tuple[Floats, Floats]:
    keys = [_DENSE, *map(str, places)]
    # The number gives these draws a stream of their own, apart from the other statistics with the same seed.
    scores = on_halves(scored.judged, scored.values, keys, SPLITS, np.random.default_rng([seed, 3]))

    def gains(half: int) -> Floats:
        # Dense is the first column.
        over_dense = [
            scored.signs[task] * (halves[half][:, 1:] - halves[half][:, :1]) for task, halves in scores.items()
        ]
        return np.asarray(np.mean(over_dense, axis=0), np.float64)

    first, second = gains(0), gains(1)
    defined = np.isfinite(first).all(1) & np.isfinite(second).all(1)
    return first[defined], second[defined]
