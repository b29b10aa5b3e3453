"""``ablate stability``."""

from __future__ import annotations

from typing import Annotated

import typer

from ablate.cli import options


def stability(
    recipe: options.Recipe,
    set_: options.Set = None,
    data: options.Data = None,
    store: options.Store = options.STORE,
    scores: Annotated[
        bool, typer.Option("--scores/--no-scores", help="Also evaluate the cells of each calibration seed.")
    ] = True,
    form: options.StudyForm = options.StudyFormat.table,
    output: options.Output = None,
    wide: options.Wide = False,
    device: options.Device = None,
    precision: options.Precision = None,
    executor: options.Executor = None,
    jobs: options.Jobs = None,
) -> None:
    """Measure how much contributions, masks and scores depend on the calibration set.

    Results in the store are not computed again: the same command continues after an interruption.
    """
    from ablate.cli.study import study
    from ablate.report.stability_page import page
    from ablate.studies.stability import stability as measure

    study(
        recipe,
        set_ or (),
        data,
        store,
        form,
        output,
        lambda job, opened, watch: measure(job, opened, scores=scores, watch=watch),
        page,
        device=device,
        precision=precision,
        executor=executor,
        jobs=jobs,
        wide=wide,
    )
