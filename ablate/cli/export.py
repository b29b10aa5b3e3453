"""``ablate export``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ablate.cli import options


def export(
    cell: Annotated[
        str,
        typer.Argument(
            metavar="CELL", help="A cell as tables call it, or (the beginning of) its key.", show_default=False
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder; must not exist.", show_default=False)],
    run: options.Run = None,
    onnx: Annotated[bool, typer.Option("--onnx", help="Write an ONNX model beside. Needs the extra `onnx`.")] = False,
    costs: Annotated[
        bool, typer.Option("--costs/--no-costs", help="Measure speed and memory beside the dense model.")
    ] = True,
    store: options.Store = options.STORE,
) -> None:
    """Write a cell's model: heads and neurons physically gone, single weights as zeros, a model card beside.

    It loads with SentenceTransformer. It is loaded in a fresh process before it is kept, and must give the embeddings
    that were measured.
    """
    from rich.console import Console

    from ablate.cli.finished import finished
    from ablate.export.card import page
    from ablate.export.cell import exportable
    from ablate.export.export import check_target
    from ablate.export.export import export as write
    from ablate.plugins import registry
    from ablate.report.tables import print_page
    from ablate.store.store import Store

    check_target(output)
    with Store(store, create=False) as opened:
        results = finished(opened, run)
        chosen = exportable(results, opened, registry(), cell)
    exported = write(
        chosen, results, output, onnx=onnx, costs=costs, tell=lambda text: print(f"{output}: {text}", file=sys.stderr)
    )
    print_page(page(exported), Console())
