"""``ablate prevalence``."""

from __future__ import annotations

from ablate.cli import options


def prevalence(
    recipe: options.Recipe,
    set_: options.Set = None,
    data: options.Data = None,
    store: options.Store = options.STORE,
    form: options.StudyForm = options.StudyFormat.table,
    output: options.Output = None,
) -> None:
    """Say how many units hurt, where they are, and how much can go.

    What the store holds is not computed again: after an interruption, the same command goes on where it stopped.
    """
    from ablate.cli.study import study
    from ablate.report.prevalence_page import page
    from ablate.studies.prevalence import prevalence as measure

    study(
        recipe,
        set_ or (),
        data,
        store,
        form,
        output,
        lambda job, opened, watch: measure(job, opened, watch=watch),
        page,
    )
