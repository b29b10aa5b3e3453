"""``ablate prevalence``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from ablate.cli import options

if TYPE_CHECKING:
    from ablate.events import Watch
    from ablate.studies.prevalence_record import PrevalenceEntry


def prevalence(
    recipe: options.Recipe,
    set_: options.Set = None,
    data: options.Data = None,
    store: options.Store = options.STORE,
    effect: Annotated[
        float | None,
        typer.Option(
            "--effect", min=0, help="A unit hurts if the model gains more than this without it; default: the recipe's."
        ),
    ] = None,
    form: options.StudyForm = options.StudyFormat.table,
    output: options.Output = None,
    wide: options.Wide = False,
    device: options.Device = None,
    precision: options.Precision = None,
    executor: options.Executor = None,
    jobs: options.Jobs = None,
) -> None:
    """Measure how many units hurt the model, where they are, and how many can be removed.

    Results in the store are not computed again: the same command continues after an interruption.
    """
    from ablate.cli.study import study
    from ablate.report.prevalence_page import page
    from ablate.studies.prevalence import prevalence as measure

    study(
        recipe,
        [*(set_ or ()), *([] if effect is None else [f"prevalence.effect={effect}"])],
        data,
        store,
        form,
        output,
        lambda job, opened, watch: measure(
            job, opened, watch=watch, done=lambda of_model: _tell(of_model, watch, len(job.recipe.model))
        ),
        page,
        device=device,
        precision=precision,
        executor=executor,
        jobs=jobs,
        wide=wide,
    )


def _tell(of_model: Sequence[PrevalenceEntry], watch: Watch, models: int) -> None:
    """Prints what is found of one of several models as soon as it is, since the others may take hours."""
    if models == 1:
        return
    from ablate.events import Event
    from ablate.report.prevalence_text import sentences

    for entry in of_model:
        watch(Event("note", f"{entry.model}, {entry.granularity}: {' '.join(sentences(entry))}"))
