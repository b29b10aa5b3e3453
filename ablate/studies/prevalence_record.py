"""The record of ``ablate prevalence``. docs/prevalence.md lists its keys.

Gains, errors and effects are in the unit of the tasks, such as points. A gain above 0 means that the model is better
without the units. Layers and groups are numbered from 0.
"""

from __future__ import annotations

from dataclasses import dataclass

from ablate.statistics.replication import Replication
from ablate.statistics.share_above import Share
from ablate.studies.records import StudyRecord


@dataclass(frozen=True)
class Prediction:
    """The predictions of one scorer from first-order contributions.

    share: the share of units with a contribution below 0, in [0, 1].
    spearman: correlation of a group's summed contribution with the score that is lost when the group is removed, in
        [-1, 1]; None if all values of one of the two are equal.
    """

    scorer: str
    share: float
    spearman: float | None


@dataclass(frozen=True)
class Removals:
    """The groups that were removed and have a score on every task. Each field has one entry for each of these groups.

    gains: means over the tasks.
    errors: standard errors of the gains, at least 0.
    """

    groups: tuple[int, ...]
    layers: tuple[int, ...]
    gains: tuple[float, ...]
    errors: tuple[float, ...]


@dataclass(frozen=True)
class ConfirmGain:
    """The gain of a group on the confirm tasks. error: its standard error, at least 0."""

    gain: float
    error: float
    confirmed: bool


@dataclass(frozen=True)
class FoundGroup:
    """A group whose removal improves the score on the screen tasks.

    p: one-sided and uncorrected, in [0, 1].
    confirm: None if the group was not removed on confirm tasks, or has no score there.
    """

    name: str
    group: int
    layer: int
    gain: float
    error: float
    p: float
    confirm: ConfirmGain | None


@dataclass(frozen=True)
class Confirmation:
    """How many of the found groups improve the score on tasks that had no part in finding them.

    pairs: how many pairs count; None if nothing was found, so that nothing was removed.
    level: of the one-sided test of each group, in (0, 1).
    expected: how many groups would pass by chance if none truly improved the score.
    """

    tasks: tuple[str, ...]
    pairs: int | None
    level: float
    confirmed: int
    expected: float


@dataclass(frozen=True)
class Hurting:
    """Bounds on the number of groups that hurt. Those of all layers hold together, in 95 % of data sets."""

    at_least: int
    at_most: int


@dataclass(frozen=True)
class LayerPrevalence:
    """The units of one layer.

    groups: how many groups were removed and have a score.
    predicted: scorer -> share of the layer's units with a contribution below 0, in [0, 1].
    hurting: how many of its groups hurt; None if the granularity has no bounds.
    gain: the mean over the groups; None if no group has a score.
    """

    layer: int
    groups: int
    predicted: dict[str, float]
    hurting: Hurting | None
    gain: float | None
    found: int
    confirmed: int


@dataclass(frozen=True)
class HarmlessSparsity:
    """The largest sparsity of one scorer that an earlier run shows to be harmless.

    scope: ``global`` or ``layer``.
    steps: in how many shares the units were removed, at least 1.
    stage: ``confirm`` or ``screen``.
    tasks: those of the stage.
    tried: sparsities in [0, 1), ascending.
    sparsity: one of them; None if not even the smallest is shown to be harmless.
    margin: in ``unit``; the mean over the tasks is shown to lose less. task_margins: those of the tasks, in order.
    harmed: the tasks that it harms. unshown: the other tasks that are not shown to lose less than their margin.
    level: of all statements on the granularity together, in (0, 1): on ``cells`` cells of ``scorers`` scorers (counted
        once for each scope and number of steps), on the mean and on each task.
    """

    scorer: str
    scope: str
    steps: int
    stage: str
    tasks: tuple[str, ...]
    tried: tuple[float, ...]
    sparsity: float | None
    margin: float | None
    task_margins: tuple[float, ...]
    unit: str
    harmed: tuple[str, ...]
    unshown: tuple[str, ...]
    level: float
    cells: int
    scorers: int


@dataclass(frozen=True)
class BestCell:
    """The cell of an earlier run with the highest Δ on its screen tasks, and its evidence on the confirm tasks.

    The evidence is that of the mean over the confirm ``tasks`` against dense: ``delta`` with its interval ``low`` to
    ``high``, in ``unit``; ``p_different`` and ``q_improves``, the p of these claims, in [0, 1]; the ``verdict`` with
    the tasks that are harmed (``improves; harms sickr``); ``n`` pairs; ``margin`` within which a loss is harmless.

    scope: ``global`` or ``layer``.
    steps: in how many shares the units were removed, at least 1.
    sparsity: in [0, 1), or ``negative``.
    chosen_on: the screen tasks that choose.
    """

    cell: str
    scorer: str
    scope: str
    steps: int
    sparsity: float | str
    chosen_on: tuple[str, ...]
    tasks: tuple[str, ...]
    delta: float
    low: float
    high: float
    unit: str
    p_different: float | None
    q_improves: float | None
    verdict: str
    n: int
    margin: float | None


@dataclass(frozen=True)
class PrevalenceEntry:
    """The prevalence of detrimental units of one granularity in one model.

    group_size: units of the largest group; 1 if each unit was removed alone.
    tasks: the screen tasks that choose.
    unit: of gains, errors and ``effect``.
    pairs: how many pairs of these tasks count.
    undefined: how many groups have no score.
    effect: a group hurts if its true gain is above this, at least 0.
    hurting: how many hurt; None if no group has a score.
    share: an estimate of the share that hurt; None if fewer than two groups have a score.
    replication: None if no group gains on any half of the pairs, or fewer than two have a score.
    rate: the false-discovery rate of ``found``, in [0, 1].
    found: lowest p first.
    confirm: None if no confirm task was read.
    layers: lowest first.
    harmless, best: from the newest run of the same cells in the store; empty and None if there is none.
    """

    model: str
    granularity: str
    units: int
    groups: int
    group_size: int
    tasks: tuple[str, ...]
    unit: str
    pairs: int
    undefined: int
    predicted: tuple[Prediction, ...]
    removed: Removals
    effect: float
    hurting: Hurting | None
    share: Share | None
    replication: Replication | None
    rate: float
    found: tuple[FoundGroup, ...]
    confirm: Confirmation | None
    layers: tuple[LayerPrevalence, ...]
    harmless: tuple[HarmlessSparsity, ...] = ()
    best: BestCell | None = None


@dataclass(frozen=True)
class UnitContributions:
    """The contribution of each unit of a granularity by one scorer.

    layers: the layer of each unit.
    contributions: one for each unit.
    oracle: whether they are exact: the score that is lost when the unit is removed, in the unit of the tasks.
    """

    model: str
    granularity: str
    layers: tuple[int, ...]
    scorer: str
    contributions: tuple[float, ...]
    oracle: bool


@dataclass(frozen=True)
class PrevalenceRecord(StudyRecord):
    """The record of one run of ``ablate prevalence``.

    prevalence: one entry for each model and granularity.
    maps: of the granularities whose units were removed one at a time.
    run: the id of the run.
    earlier: the id of the run that ``harmless`` and ``best`` come from; None if the store has no such run.
    timings: stage -> seconds.
    notes: on how the scores were computed, if not all are from one device in float32.
    """

    study = "prevalence"
    prevalence: tuple[PrevalenceEntry, ...]
    maps: tuple[UnitContributions, ...]
    run: str
    earlier: str | None
    timings: dict[str, float]
    notes: tuple[str, ...] = ()
