"""Options and formats that several commands share."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from ablate.cli import complete


class Format(StrEnum):
    table = "table"
    json = "json"
    csv = "csv"
    markdown = "markdown"
    latex = "latex"
    parquet = "parquet"


class StudyFormat(StrEnum):
    table = "table"
    json = "json"
    markdown = "markdown"


class ReportFormat(StrEnum):
    html = "html"
    markdown = "markdown"
    latex = "latex"
    csv = "csv"
    parquet = "parquet"


class Kind(StrEnum):
    """See :data:`ablate.plugins.KINDS`, whose import would slow down ``--help``."""

    scorer = "scorer"
    granularity = "granularity"
    task = "task"
    executor = "executor"
    architecture = "architecture"


Recipe = Annotated[Path, typer.Argument(help="A YAML recipe, such as recipes/sts.yaml.", show_default=False)]
Set = Annotated[list[str] | None, typer.Option("--set", metavar="a.b=c", help="Change a value of the recipe.")]
Store = Annotated[str, typer.Option("--store", help="Where results are stored: a SQLite file or a database URL.")]
Data = Annotated[
    str | None,
    typer.Option(
        "--data",
        help="auto, embedded, hub, senteval or senteval:DIR; default: the recipe's.",
        autocompletion=complete.data,
    ),
]
Form = Annotated[Format, typer.Option("--format", help="Format of the results.")]
StudyForm = Annotated[StudyFormat, typer.Option("--format", help="Format of the results.")]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="Write the results to this file, not to stdout.")]
Wide = Annotated[bool, typer.Option("--wide", help="Print every column; a table that is too wide continues below.")]
Dev = Annotated[
    Path | None,
    typer.Option(
        "--dev", metavar="FILE", help="Your own file that chooses: CSV, TSV, JSONL or Parquet.", show_default=False
    ),
]
Test = Annotated[
    Path | None, typer.Option("--test", metavar="FILE", help="Your own file that reports.", show_default=False)
]
Limit = Annotated[
    int | None, typer.Option("--limit", min=1, help="Evaluate only this many cells, the first of the plan.")
]
KeepGoing = Annotated[
    bool,
    typer.Option("--keep-going/--fail-fast", help="When a cell or one of several models fails: continue, or stop."),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Print the cells, what is cached and the estimated time; run nothing.")
]
Target = Annotated[
    str | None,
    typer.Argument(
        metavar="[RUN|RECIPE]",
        help="The id of a run, or a recipe, for its newest run; default: the newest run with rows.",
        show_default=False,
        autocompletion=complete.runs,
    ),
]
SetInTarget = Annotated[
    list[str] | None, typer.Option("--set", metavar="a.b=c", help="Change a value of the recipe, as for run.")
]
Run = Annotated[
    str | None,
    typer.Option("--run", help="The run's id; default: the newest with rows.", autocompletion=complete.runs),
]
OfModel = Annotated[
    str | None,
    typer.Option("--model", metavar="NAME", help="One of the run's models, as its tables name it.", show_default=False),
]
Device = Annotated[
    str | None,
    typer.Option(
        "--device",
        help="auto, cpu, cuda, cuda:N or mps; default: the recipe's, else auto.",
        autocompletion=complete.device,
    ),
]
Precision = Annotated[
    str | None,
    typer.Option(
        "--precision",
        help="Of the evaluation: float32, bf16 or fp16; default: the recipe's, else float32.",
        autocompletion=complete.precision,
    ),
]
Executor = Annotated[
    str | None,
    typer.Option(
        "--executor",
        metavar="NAME",
        help="Where cells are evaluated; default: the recipe's, else in-process.",
        autocompletion=complete.executors,
    ),
]
Jobs = Annotated[
    int | None, typer.Option("--jobs", min=1, help="Evaluate in this many processes, or workers of --executor.")
]
STORE = complete.STORE


@dataclass(frozen=True)
class Execution:
    """The options of the commands that run cells: ``run``, ``train`` and ``compare``."""

    data: Data = None
    store: Store = STORE
    dry_run: DryRun = False
    limit: Limit = None
    form: Form = Format.table
    output: Output = None
    wide: Wide = False
    keep_going: KeepGoing = True
    device: Device = None
    precision: Precision = None
    executor: Executor = None
    jobs: Jobs = None

    @property
    def where(self) -> dict[str, Any]:
        """What replaces keys of a recipe, as arguments of :func:`ablate.recipe.recipe.load_recipe`."""
        return {name: getattr(self, name) for name in ("device", "precision", "executor", "jobs")}


def takes_execution(command: Callable[..., None]) -> Callable[..., None]:
    """Replaces a command's parameter ``execution`` by one parameter for each field of :class:`Execution`.

    Typer makes an option of each parameter, and cannot take a dataclass apart.
    """
    # eval_str, because Typer needs the annotations as objects, and `from __future__` made them texts.
    signature, shared = (inspect.signature(function, eval_str=True) for function in (command, Execution))
    specific = [parameter for name, parameter in signature.parameters.items() if name != "execution"]

    @wraps(command)
    def flat(**values: Any) -> None:
        execution = Execution(**{name: values.pop(name) for name in shared.parameters})
        command(**values, execution=execution)

    parameters = [*specific, *shared.parameters.values()]
    flat.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    flat.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return flat
