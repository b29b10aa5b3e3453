"""What the records of studies say about devices and precision."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ablate.coordinator.model_run import ModelRun
from ablate.models.device import label
from ablate.plan.job import Job
from ablate.plan.manifest import manifest
from ablate.record import precision_note
from ablate.tasks.loaded import Loaded


def study_manifest_of(job: Job, study: str, store: str) -> dict[str, Any]:
    """The manifest of a study: what was asked for, by which command, and on which device."""
    return {**manifest(job).to_dict(), "study": study, "store": store, "device": label(job.device)}


def precision_notes(job: Job, model_run: ModelRun, tasks: Sequence[Loaded]) -> tuple[str, ...]:
    """A sentence on how much the precision changes the dense model's scores; none if it is float32."""
    effects = model_run.precision_effects("screen", tasks)
    if effects is None:
        return ()
    model = f"{model_run.model.name}: " if len(job.recipe.model) > 1 else ""
    units = ", ".join(dict.fromkeys(task.task.unit for task in tasks))
    return (model + precision_note(model_run.precision, effects, units),)
