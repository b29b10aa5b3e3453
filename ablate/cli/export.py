"""``ablate export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ablate.cli import complete, options
from ablate.cli.say import say


def export(
    cell: Annotated[
        str,
        typer.Argument(
            metavar="CELL", help="The cell: its name in tables, its key or the start of its key.", show_default=False
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder; must not exist.", show_default=False)],
    run: options.Run = None,
    model: options.OfModel = None,
    onnx: Annotated[bool, typer.Option("--onnx", help="Also write an ONNX model. Needs the extra `onnx`.")] = False,
    costs: Annotated[
        bool, typer.Option("--costs/--no-costs", help="Measure speed and memory, and those of the dense model.")
    ] = True,
    license_: Annotated[
        str | None,
        typer.Option("--license", metavar="ID", help="For the card, such as mit; default: the original's, if known."),
    ] = None,
    language: Annotated[
        str | None,
        typer.Option("--language", metavar="en,de", help="For the card; default: the original's, if known."),
    ] = None,
    base_model: Annotated[
        str | None,
        typer.Option("--base-model", metavar="ID", help="For the card: the original on the Hub; default: if known."),
    ] = None,
    store: options.Store = options.STORE,
    device: options.Device = None,
    precision: Annotated[
        str | None,
        typer.Option(
            "--precision",
            help="Of the costs: float32, bf16 or fp16; default: float32. The weights are float32.",
            autocompletion=complete.precision,
        ),
    ] = None,
) -> None:
    """Write the model of a cell as a folder that SentenceTransformer loads, with a model card.

    Heads and neurons are physically removed; single weights become zeros. The folder is kept only if
    the model, loaded in a fresh process, gives the embeddings of the masked model.
    """
    from dataclasses import replace

    from ablate.cli.console import make_console
    from ablate.cli.finished import confirming, finished
    from ablate.cli.measured import measured_on
    from ablate.export.export import check_target
    from ablate.export.export import export as write
    from ablate.export.origin import given_by
    from ablate.export.page import page
    from ablate.judge.of_model import of_model
    from ablate.plugins import registry
    from ablate.report.stored_cell import exportable, only
    from ablate.report.tables import print_page
    from ablate.store.store import Store

    def tell(text: str) -> None:
        say(f"{output}: {text}", err=True)

    # Before the model is loaded, which takes seconds.
    check_target(output)
    given = given_by(license_, language, base_model)
    with Store(store, create=False) as opened:
        results, confirmed_by = of_model(finished(opened, run), model), None
        row = only(results, cell)
        if not any(other.key == row.key and other.stage == "confirm" for other in results.rows):
            # A later run may have screened a cell that an earlier one confirmed. Screen scores alone are optimistic.
            confirmed = confirming(opened, row.key)
            if confirmed is not None and run is None:
                tell(f"the scores are those of run {confirmed.about.run}, which confirmed the cell")
                known = row.model in confirmed.about.models
                results, cell = of_model(confirmed, row.model if known else None), row.key
            elif confirmed is not None:
                confirmed_by = confirmed.about.run
        place, measured_in = measured_on(device or (results.about.recipe or {}).get("device", "auto"), precision)
        chosen = replace(exportable(results, opened, registry(), cell, place), confirmed_by=confirmed_by)
    exported = write(chosen, results, output, onnx=onnx, costs=costs, precision=measured_in, given=given, tell=tell)
    print_page(page(exported), make_console())
