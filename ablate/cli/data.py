"""`ablate data`: what is available and where it comes from; `ablate data fetch`: fills the cache."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ablate.cli import complete
from ablate.cli.examples import epilog
from ablate.errors import DataError

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
    """Show every data set, its pairs in the chosen source, and which sources have it."""
    if context.invoked_subcommand is not None:
        if data != "auto" or as_json:
            raise typer.BadParameter(f"--data and --json do not go with {context.invoked_subcommand}")
        return
    from ablate.data.sources import resolve

    chosen = resolve(data, os.environ)
    rows = _rows(chosen)
    if as_json:
        source = {"source": chosen.source.name, "label": chosen.source.label, "why": chosen.why}
        typer.echo(json.dumps({**source, "sets": rows}, indent=2))
    else:
        _print(chosen, rows)
    broken = [row["error"] for row in rows if row["error"]]
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
    """Fill the cache from the Hub, at pinned revisions. Needs the extra `hub`."""
    from ablate.data.cache import cache_folder
    from ablate.data.hub import HUB
    from ablate.data.hub import fetch as fill
    from ablate.data.names import GROUPS

    wanted = [member for name in names or HUB for member in GROUPS.get(name, (name,))]
    fill(wanted, cache_folder(os.environ), typer.echo)


def _rows(chosen: Chosen) -> list[dict[str, Any]]:
    """A row for each built-in data set: its pairs in the chosen source, and how each source stands to it."""
    from ablate.data.cache import cache_folder
    from ablate.data.hub import HubCache
    from ablate.data.names import KNOWN, split_of
    from ablate.data.senteval import SETS, SentEval
    from ablate.data.sources import providers

    source = chosen.source
    there = {"hub": HubCache(cache_folder(os.environ)).names()}
    if os.environ.get("ABLATE_DATA"):
        there["senteval"] = SentEval(Path(os.environ["ABLATE_DATA"]).expanduser()).names()
    there[source.name] = source.names()
    rows = []
    for name, about in KNOWN.items():
        ways = providers(name)
        here = {way: way == "embedded" or name in there.get(way, ()) for way in ways}
        pairs, error = None, None
        if name in source.names():
            try:
                pairs = len(source.load(name))
            except DataError as problem:
                error = str(problem)
        sources = {way: _HERE if here[way] else _ABSENT for way in ways}
        rows.append(
            {
                "name": name,
                "about": about,
                "split": split_of(name),
                "pairs": pairs,
                "standard": SETS.get(name) if source.name == "senteval" else None,
                "from": source.name if name in source.names() else None,
                "sources": sources,
                "error": error,
            }
        )
    return rows


def _print(chosen: Chosen, rows: list[dict[str, Any]]) -> None:
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table

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
    console = Console(highlight=False, markup=False, soft_wrap=True)
    console.print(f"data: {chosen.source.label} ({chosen.why})")
    console.print(table, soft_wrap=False)
    for row in rows:
        if row["pairs"] is not None and row["standard"] not in (None, row["pairs"]):
            console.print(f"{row['name']}: {row['pairs']:,} pairs, the standard set has {row['standard']:,}")
    console.print("The Hub's sickr is all 9,927 pairs, as in MTEB; SentEval's is the test split, 4,927.")
    for source, way in GET.items():
        if source != chosen.source.name:
            console.print(f"{source}: {way}")
