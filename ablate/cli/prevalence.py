"""``ablate prevalence``."""

from __future__ import annotations

from typing import Annotated

import typer

from ablate.cli import options


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
        lambda job, opened, watch: measure(job, opened, watch=watch),
        page,
        device=device,
        precision=precision,
        executor=executor,
        jobs=jobs,
    )
