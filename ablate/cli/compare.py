"""``ablate compare``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ablate.cli import complete, options

if TYPE_CHECKING:
    from ablate.events import Watch
    from ablate.plan.job import Job


@options.takes_execution
def compare(
    scorers: Annotated[
        str,
        typer.Option(
            "--scorers",
            metavar="A,B",
            help="Scorers to compare.",
            show_default=False,
            autocompletion=complete.scorers,
        ),
    ],
    granularities: Annotated[
        str,
        typer.Option(
            metavar="A,B",
            help="Kinds of unit to remove.",
            # Typer truncates a long word; with spaces, it breaks the line instead.
            show_default="head, neuron, unstructured",
            autocompletion=complete.granularities,
        ),
    ] = "head,neuron,unstructured",
    sparsities: Annotated[
        str, typer.Option(metavar="X,Y", help="Fractions of the units to remove, or negative.")
    ] = "0.05,0.1,0.2",
    model: Annotated[
        str, typer.Option(help="minilm, a folder, or a Hub id (ID@REVISION).", autocompletion=complete.model)
    ] = "minilm",
    pooling: Annotated[
        str | None,
        typer.Option(
            help="mean, cls, cls_before_pooler, max, lasttoken or others; default: the model's.",
            autocompletion=complete.pooling,
        ),
    ] = None,
    prompt: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Text before each sentence; default: the model's.")
    ] = None,
    prompt_name: Annotated[
        str | None, typer.Option(metavar="NAME", help="One of the model's own prompts, by its name.")
    ] = None,
    tasks: Annotated[
        str | None,
        typer.Option(
            metavar="A,B",
            help="Tasks or groups, for every cell; default: sts-dev, or your own files.",
            show_default=False,
            autocompletion=complete.tasks,
        ),
    ] = None,
    task: Annotated[
        list[str] | None,
        typer.Option(
            "--task",
            metavar="NAME=FILE",
            help="Your own file as a task, for every cell; also NAME=KIND:FILE.",
        ),
    ] = None,
    dev: options.Dev = None,
    test: options.Test = None,
    seeds: Annotated[str, typer.Option(metavar="0,1", help="Seeds of scorers that use one.")] = "0,1,2",
    *,
    execution: options.Execution,
) -> None:
    """Compare scorers without a recipe. Every cell is evaluated on every task.

    No task is held out, unless --test is given: then the best cells are confirmed on this file.
    """
    from ablate.cli.execution import execute, loading

    def make(watch: Watch) -> Job:
        from ablate.recipe.from_flags import comparison
        from ablate.recipe.own_options import OwnFiles

        checked, document = comparison(
            scorers,
            granularities,
            sparsities,
            model,
            pooling,
            tasks,
            seeds,
            prompt=prompt,
            prompt_name=prompt_name,
            **execution.where,
            files=OwnFiles(dev, test, tuple(task or ())),
        )
        watch(loading(checked))
        from ablate.plan.job import prepare_job

        return prepare_job(checked, document, execution.data, execution.limit)

    execute(make, execution)
