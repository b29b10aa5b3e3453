"""`ablate data` lists the data sets and their sources, downloads them (`fetch`), and checks a user's own files."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ablate.cli import complete
from ablate.cli.examples import epilog
from ablate.cli.say import say
from ablate.errors import DataError
from ablate.files import expanded

if TYPE_CHECKING:
    from ablate.data.sources import Chosen

app = typer.Typer(
    help="Show the data sets and their sources, or fetch them.", epilog=epilog("data"), no_args_is_help=False
)

_HERE, _ABSENT, _NEVER = "here", "absent", "-"


@app.callback(invoke_without_command=True)
def show(
    context: typer.Context,
    data: Annotated[
        str,
        typer.Option(
            metavar="SOURCE", help="auto, embedded, hub, senteval or senteval:DIR.", autocompletion=complete.data
        ),
    ] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show every data set, how many pairs the chosen source has of it, and which sources have it."""
    if context.invoked_subcommand is not None:
        if data != "auto" or as_json:
            raise typer.BadParameter(f"--data and --json cannot be combined with {context.invoked_subcommand}")
        return
    from ablate.cli.output import put
    from ablate.data.sources import resolve

    chosen = resolve(data, os.environ)
    rows = _rows(chosen)
    if as_json:
        source = {"source": chosen.source.name, "label": chosen.source.label, "why": chosen.why}
        put(json.dumps({**source, "sets": rows}, indent=2) + "\n", None)
    else:
        _print(chosen, rows)
    broken = [row["error"] for row in rows if row["error"]]
    # Raised after the table, which shows the data sets that can be read.
    if broken:
        raise DataError(broken[0])


@app.command(epilog=epilog("data fetch"))
def fetch(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAMES]...",
            help="Data sets or groups; all by default.",
            autocompletion=complete.data_sets,
        ),
    ] = None,
) -> None:
    """Download data sets from the Hub into the cache, at pinned revisions. Needs the extra `hub`."""
    from ablate.data.cache import cache_folder
    from ablate.data.hub import HUB
    from ablate.data.hub import fetch as fetch_data_sets
    from ablate.data.names import GROUPS

    wanted = [member for name in names or HUB for member in GROUPS.get(name, (name,))]
    fetch_data_sets(wanted, cache_folder(os.environ), say)


@app.command(epilog=epilog("data check"))
def check(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="CSV, TSV, JSONL, Parquet, or a folder of BEIR or datasets.")
    ],
    kind: Annotated[str | None, typer.Option(metavar="KIND", help="As sts or retrieval; guessed by default.")] = None,
    columns: Annotated[
        list[str] | None, typer.Option("--column", metavar="ROLE=NAME", help="Which column is what, as first=text_a.")
    ] = None,
    power: Annotated[
        bool, typer.Option("--power", help="Measure with a model which gain each file can show; takes up to a minute.")
    ] = False,
    model: Annotated[
        str, typer.Option(metavar="MODEL", help="The model of --power.", autocompletion=complete.model)
    ] = "minilm",
) -> None:
    """Say what your own files are taken for: kind, columns, rows, scores, repeated items; and what files share.

    The last line of each is what a recipe has under `tasks`.
    """
    from ablate.data.check import read_as, report

    for line in report(files, kind, columns or []):
        say(line)
    if power:
        from ablate.models.spec import ModelSpec
        from ablate.studies.power_of_file import power_of_file

        for path in files:
            for taken, file in read_as(path, kind, columns or []):
                say(f"{path}: {power_of_file(file, taken, ModelSpec(name=model))}")


def _rows(chosen: Chosen) -> list[dict[str, Any]]:
    """A row for each data set that ablate knows.

    pairs: how many the chosen source has; None if it lacks the data set. standard: how many the published set has, for
    the source senteval. deviation: how the sizes differ from it, or None.
    sources: source -> whether it has the data set. error: what is wrong with it, or None.
    """
    from ablate.data.cache import cache_folder
    from ablate.data.hub import HubCache
    from ablate.data.names import KNOWN, split_of
    from ablate.data.senteval import SentEval
    from ablate.data.sources import providers
    from ablate.data.standard import SETS

    source = chosen.source
    available = {"hub": HubCache(cache_folder(os.environ)).names()}
    if os.environ.get("ABLATE_DATA"):
        available["senteval"] = SentEval(expanded(os.environ["ABLATE_DATA"])).names()
    available[source.name] = source.names()
    rows = []
    for name, about in KNOWN.items():
        # The embedded data are part of the package, so they are always available.
        has_it = {p: p == "embedded" or name in available.get(p, ()) for p in providers(name)}
        pairs, error, deviation = None, None, ""
        if name in source.names():
            try:
                data = source.load(name)
                pairs, deviation = len(data), data.deviation
            except DataError as problem:
                error = str(problem)
        rows.append(
            {
                "name": name,
                "about": about,
                "split": split_of(name),
                "pairs": pairs,
                "standard": SETS.get(name) if source.name == "senteval" else None,
                "deviation": deviation or None,
                "from": source.name if name in source.names() else None,
                "sources": {provider: _HERE if has else _ABSENT for provider, has in has_it.items()},
                "error": error,
            }
        )
    return rows


def _print(chosen: Chosen, rows: list[dict[str, Any]]) -> None:
    from rich.box import SIMPLE
    from rich.table import Table

    from ablate.cli.console import make_console
    from ablate.data.sources import GET

    table = Table(box=SIMPLE, padding=(0, 1, 0, 0))
    for column in ("data set", "what", "split"):
        table.add_column(column, overflow="fold")
    table.add_column("pairs", justify="right", overflow="fold")
    for column in GET:
        table.add_column(column, overflow="fold")
    for row in rows:
        pairs = "broken" if row["error"] else _NEVER if row["pairs"] is None else f"{row['pairs']:,}"
        cells = ["used" if row["from"] == source else row["sources"].get(source, _NEVER) for source in GET]
        table.add_row(row["name"], row["about"], row["split"], pairs, *cells)
    console = make_console(highlight=False, markup=False, soft_wrap=True)
    console.print(f"data: {chosen.source.label} ({chosen.why})")
    console.print(table, soft_wrap=False)
    for row in rows:
        if row["deviation"]:
            console.print(f"{row['name']}: {row['deviation']}")
    console.print("The Hub's sickr is all 9,927 pairs, as in MTEB; SentEval's is the test split, 4,927.")
    for source, instructions in GET.items():
        if source != chosen.source.name:
            console.print(f"{source}: {instructions}")
