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
            metavar="CELL", help="The cell: its name in tables, its key or the start of its key.", show_default=False
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder; must not exist.", show_default=False)],
    run: options.Run = None,
    onnx: Annotated[bool, typer.Option("--onnx", help="Also write an ONNX model. Needs the extra `onnx`.")] = False,
    costs: Annotated[
        bool, typer.Option("--costs/--no-costs", help="Measure speed and memory, and those of the dense model.")
    ] = True,
    store: options.Store = options.STORE,
) -> None:
    """Write the model of a cell as a folder that SentenceTransformer loads, with a model card.

    Heads and neurons are physically removed; single weights become zeros. The folder is kept only if
    the model, loaded in a fresh process, gives the embeddings of the masked model.
    """
    from dataclasses import replace

    from rich.console import Console

    from ablate.cli.finished import confirming, finished
    from ablate.export.card import page
    from ablate.export.cell import exportable
    from ablate.export.export import check_target
    from ablate.export.export import export as write
    from ablate.judge.difference import find
    from ablate.plugins import registry
    from ablate.report.tables import print_page
    from ablate.store.store import Store

    def tell(text: str) -> None:
        print(f"{output}: {text}", file=sys.stderr)

    # Before the model is loaded, which takes seconds.
    check_target(output)
    with Store(store, create=False) as opened:
        results, confirmed_by = finished(opened, run), None
        keys = list(find(results, cell))
        if len(keys) == 1 and not any(row.key == keys[0] and row.stage == "confirm" for row in results.rows):
            # A later run may have screened a cell that an earlier one confirmed. Screen scores alone are optimistic.
            confirmed = confirming(opened, keys[0])
            if confirmed is not None and run is None:
                tell(f"the scores are those of run {confirmed.about.run}, which confirmed the cell")
                results, cell = confirmed, keys[0]
            elif confirmed is not None:
                confirmed_by = confirmed.about.run
        chosen = replace(exportable(results, opened, registry(), cell), confirmed_by=confirmed_by)
    exported = write(chosen, results, output, onnx=onnx, costs=costs, tell=tell)
    print_page(page(exported), Console())
