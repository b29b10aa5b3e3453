"""Options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ablate.cli import complete


class Format(StrEnum):
    table = "table"
    json = "json"
    csv = "csv"
    markdown = "markdown"
    latex = "latex"
    parquet = "parquet"


Recipe = Annotated[Path, typer.Argument(help="A YAML recipe, such as recipes/sts.yaml.", show_default=False)]
Set = Annotated[list[str] | None, typer.Option("--set", metavar="a.b=c", help="Change a value of it.")]
Store = Annotated[str, typer.Option("--store", help="Where results are kept: a SQLite file or a database URL.")]
Data = Annotated[
    str | None,
    typer.Option(
        "--data",
        help="auto, embedded, hub, senteval or senteval:DIR; default: the recipe's.",
        autocompletion=complete.data,
    ),
]
Form = Annotated[Format, typer.Option("--format", help="How results are printed.")]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="Write the results there, not to stdout.")]
Limit = Annotated[int | None, typer.Option("--limit", min=1, help="Evaluate only the first so many cells.")]
KeepGoing = Annotated[
    bool,
    typer.Option("--keep-going/--fail-fast", help="After a cell that fails: go on, or stop with its error."),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Print the cells, what is cached and an estimate; run nothing.")
]
Run = Annotated[
    str | None,
    typer.Option("--run", help="The run's id; default: the newest with rows.", autocompletion=complete.runs),
]
STORE = complete.STORE
