"""The prevalence of detrimental units of one granularity in one model, as it is gathered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ablate.coordinator.model_run import ModelRun
from ablate.plan.job import Job
from ablate.statistics.discovery import discoveries, p_better
from ablate.statistics.hurting_share import Share, share
from ablate.statistics.replication import Replication, replication
from ablate.studies.gains import Gains, gains_of
from ablate.studies.predicted import Predicted
from ablate.studies.removed import Groups, remove
from ablate.tasks.loaded import Loaded

RATE = 0.05
"""The false-discovery rate of what is found on the screen tasks."""


@dataclass
class GranularityPrevalence:
    """predicted: by scorer. gains: of every group on the screen ``tasks``. found: places of groups, lowest p first.

    confirmed_by, fresh: the tasks that confirm, and the gains of the found groups there.
    """

    model_run: ModelRun
    groups: Groups
    predicted: Mapping[str, Predicted]
    tasks: Sequence[str]
    gains: Gains
    share: Share | None
    replication: Replication | None
    found: tuple[int, ...]
    level: float
    confirmed_by: Sequence[str] = ()
    fresh: Gains | None = None

    @classmethod
    def measured(
        cls, job: Job, model_run: ModelRun, groups: Groups, predicted: Mapping[str, Predicted], tasks: Sequence[Loaded]
    ) -> GranularityPrevalence:
        """Removes every group on the screen tasks.

        Raises:
            AblateError: dense has no score on a task, or the store fails.
        """
        settings = job.recipe.statistics
        dense, removed = remove(model_run, groups, range(len(groups)), tasks, f"{groups.granularity.name} groups")
        with model_run.timings.measure("statistics"):
            joint = settings.resamples, settings.statistics_seed
            gains = gains_of(dense, removed, tasks, job.recipe.overlap, joint, halves=True)
            several = len(gains.places) > 1
            rng = np.random.default_rng([settings.statistics_seed, 4])
            found = discoveries(gains.gains, gains.errors, RATE)
            ranked = [i for i in np.argsort(p_better(gains.gains, gains.errors), kind="stable") if found[i]]
            return cls(
                model_run,
                groups,
                predicted,
                [task.name for task in tasks],
                gains,
                share(gains.gains, gains.errors, gains.shifts, rng) if several else None,
                None if gains.first is None or gains.second is None else replication(gains.first, gains.second, rng),
                tuple(gains.places[i] for i in ranked),
                settings.level,
            )

    @property
    def model(self) -> str:
        return self.model_run.model.name

    @property
    def granularity(self) -> str:
        return self.groups.granularity.name

    @property
    def named(self) -> list[str]:
        """The found groups, in words."""
        return [self.groups.name(place) for place in self.found]

    def confirm(self, job: Job, tasks: Sequence[Loaded]) -> None:
        """Removes the found groups on tasks that had no part in finding them."""
        self.confirmed_by = [task.name for task in tasks]
        if not self.found:
            return
        settings = job.recipe.statistics
        dense, removed = remove(self.model_run, self.groups, self.found, tasks, f"{self.granularity} groups confirmed")
        with self.model_run.timings.measure("statistics"):
            joint = settings.resamples, settings.statistics_seed
            self.fresh = gains_of(dense, removed, tasks, job.recipe.overlap, joint)
