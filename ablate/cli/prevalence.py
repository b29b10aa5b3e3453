"""``ablate prevalence``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ablate.cli import options
from ablate.cli.study import Form, Format


def prevalence(
    recipe: Annotated[Path, typer.Argument(help="A YAML recipe, such as recipes/sts.yaml.", show_default=False)],
    set_: Annotated[list[str] | None, typer.Option("--set", metavar="a.b=c", help="Change a value of it.")] = None,
    data: options.Data = None,
    store: options.Store = options.STORE,
    form: Form = Format.table,
    output: options.Output = None,
) -> None:
    """Say how many units hurt, where they are, and how much can go.

    What the store holds is not computed again: after an interruption, the same command goes on where it stopped.
    """
    from ablate.cli.study import study
    from ablate.report.prevalence import page
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
