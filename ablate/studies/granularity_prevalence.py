"""Measures the prevalence of detrimental units of one granularity in one model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ablate.coordinator.model_run import ModelRun
from ablate.plan.job import Job
from ablate.statistics.discovery import discoveries, p_better
from ablate.statistics.replication import Replication, replication
from ablate.statistics.share_above import Share, share_above
from ablate.statistics.true_discoveries import CountAbove, count_above
from ablate.studies.gains import Gains, gains_of
from ablate.studies.predicted import Predicted
from ablate.studies.removed import Groups, remove
from ablate.tasks.loaded import Loaded

RATE = 0.05
"""The false-discovery rate at which groups are found on the screen tasks."""


@dataclass(frozen=True)
class GranularityPrevalence:
    """The gains from the exact removal of each group. Groups are numbered by their place in ``groups``.

    predicted: scorer -> what its contributions predict.
    tasks: the screen tasks.
    unit: of the gains.
    gains: of every group on the screen tasks.
    effect: a group hurts if its true gain is above this, at least 0.
    count, share, replication: None if they cannot be estimated from the gains.
    found: the groups whose removal improves the score, lowest p first.
    level: of the test that confirms a group.
    confirmed_on: the tasks that confirm, empty until :meth:`confirm`.
    confirm_gains: of the found groups on those tasks; None if nothing was found.
    """

    model_run: ModelRun
    groups: Groups
    predicted: Mapping[str, Predicted]
    tasks: tuple[str, ...]
    unit: str
    gains: Gains
    effect: float
    count: CountAbove | None
    share: Share | None
    replication: Replication | None
    found: tuple[int, ...]
    level: float
    confirmed_on: tuple[str, ...] = ()
    confirm_gains: Gains | None = None

    @property
    def model(self) -> str:
        return self.model_run.model.name

    @property
    def granularity(self) -> str:
        return self.groups.granularity.name

    @property
    def devices(self) -> tuple[str, ...]:
        """The devices on which the results were computed."""
        return self.gains.devices + (self.confirm_gains.devices if self.confirm_gains else ())

    @property
    def found_names(self) -> list[str]:
        """The names of the found groups, such as ``layer 2 head 5``."""
        return [self.groups.name(place) for place in self.found]

    def confirm(self, job: Job, tasks: Sequence[Loaded]) -> GranularityPrevalence:
        """This measurement with the gains of the found groups on tasks that had no part in finding them.

        Raises:
            AblateError: dense has no score on a task, or the store fails.
        """
        confirmed_on = tuple(task.name for task in tasks)
        if not self.found:
            return replace(self, confirmed_on=confirmed_on)
        stage = f"{self.granularity} groups confirmed"
        gains = _removal_gains(job, self.model_run, self.groups, self.found, tasks, stage)
        return replace(self, confirmed_on=confirmed_on, confirm_gains=gains)


def measure(
    job: Job, model_run: ModelRun, groups: Groups, predicted: Mapping[str, Predicted], tasks: Sequence[Loaded]
) -> GranularityPrevalence:
    """Removes each group in turn and evaluates the model on the screen tasks.

    Raises:
        AblateError: dense has no score on a task, or the store fails.
    """
    settings = job.recipe.statistics
    gains = _removal_gains(job, model_run, groups, range(len(groups)), tasks, groups.stage, halves=True)
    with model_run.timings.measure("statistics"):
        effect = job.recipe.prevalence.effect
        any_known = len(gains.places) > 0 and len(gains.draws) > 1
        # A distribution of true gains cannot be estimated from one group.
        several = any_known and len(gains.places) > 1
        count = count_above(gains.gains, gains.draws, effect) if any_known else None
        return GranularityPrevalence(
            model_run=model_run,
            groups=groups,
            predicted=predicted,
            tasks=tuple(task.name for task in tasks),
            unit=tasks[0].task.unit,
            gains=gains,
            effect=effect,
            count=count,
            share=share_above(gains.gains, gains.draws, effect, count) if count and several else None,
            replication=replication(*gains.halves, gains.gains, gains.draws) if several and gains.halves else None,
            found=_found(gains),
            level=settings.level,
        )


def _found(gains: Gains) -> tuple[int, ...]:
    improves = discoveries(gains.gains, gains.errors, RATE)
    # A stable sort keeps groups with equal p-values in their order.
    ranked = np.argsort(p_better(gains.gains, gains.errors), kind="stable")
    return tuple(gains.places[i] for i in ranked if improves[i])


def _removal_gains(
    job: Job,
    model_run: ModelRun,
    groups: Groups,
    places: Sequence[int],
    tasks: Sequence[Loaded],
    stage: str,
    *,
    halves: bool = False,
) -> Gains:
    dense, removed = remove(model_run, groups, places, tasks, stage)
    settings = job.recipe.statistics
    with model_run.timings.measure("statistics"):
        bootstrap = settings.resamples, settings.statistics_seed
        return gains_of(dense, removed, tasks, job.recipe.overlap, bootstrap, halves)
