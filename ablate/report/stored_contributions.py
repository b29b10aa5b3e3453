"""The contributions behind a cell of a finished run, under the keys that the run gave them."""

from __future__ import annotations

from ablate.coordinator.run import prepare_model_run
from ablate.errors import AblateError
from ablate.events import silent
from ablate.granularities.units import Units
from ablate.plan.job import prepare_job
from ablate.plan.manifest import models_of
from ablate.recipe.document import Document
from ablate.recipe.recorded import recorded_recipe
from ablate.record import RunRecord
from ablate.report.unit_values import UnitValues
from ablate.store.store import Store
from ablate.timing import Timings


def contributions(record: RunRecord, model: str, key: str, name: str) -> dict[str, UnitValues]:
    """The dense model's contributions by the scorer of a cell's first step, at each of the step's granularities.

    Args:
        model: its name in the run. key, name: of the cell.

    Raises:
        AblateError: the model or the data are not those of the run any more.
    """
    about = record.about
    recipe = recorded_recipe(about.recipe)
    job = prepare_job(recipe, Document("recipe", recipe.model_dump(mode="json", by_alias=True)))
    spec = models_of(about, recipe)[model]
    with Store(about.store, create=False) as store:
        model_run = prepare_model_run(job, spec, store, Timings(), silent)
        by_key = {model_run.masks.key(one): one for one in job.plan.cells}
        planned = next((one for full, one in by_key.items() if full.startswith(key)), None)
        if planned is None:
            raise AblateError(f"'{name}': its model, its data or a plug-in has changed since the run; run again")
        scored = model_run.masks.scores.of(planned.steps[0], Units())
    return {of.name: UnitValues.of(of, model_run.model, values) for of, values in scored.items()}
