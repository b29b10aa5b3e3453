"""``ablate choose``."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ablate.cli import complete, options
from ablate.cli.options import StudyFormat


class By(StrEnum):
    score = "score"
    parameters = "parameters"
    size = "size"
    latency = "latency"


CHARTS = (".svg", ".png", ".pdf")


def check_chart(file: Path, store: str) -> None:
    """Refuses a file of another kind, and one that cannot be written, before anything is computed.

    Raises:
        AblateError: it is one of these.
    """
    from ablate.cli.output import check_output
    from ablate.errors import AblateError

    if file.suffix not in CHARTS:
        raise AblateError(f"--chart {file}: name a file that ends in {', '.join(CHARTS)}")
    check_output(file, store=store)


def choose(
    within: Annotated[
        float | None,
        typer.Option(
            min=0, metavar="X", help="At most X worse than dense, shown by the corrected bound.", show_default=False
        ),
    ] = None,
    faster: Annotated[
        float | None,
        typer.Option(min=0, metavar="X", help="At least X times as fast as dense, as measured.", show_default=False),
    ] = None,
    by: Annotated[
        By | None,
        typer.Option(
            help="Which of these cells: the best score, or the least of a cost; default: parameters; without --within, "
            "score."
        ),
    ] = None,
    tasks: Annotated[
        str | None,
        typer.Option(
            metavar="A,B",
            help="Confirmed tasks on each of which --within has to hold; default: the mean over all.",
            show_default=False,
            autocompletion=complete.tasks,
        ),
    ] = None,
    latency: Annotated[bool, typer.Option("--latency", help="Measure the cells on the front now.")] = False,
    chart: Annotated[
        Path | None,
        typer.Option("--chart", metavar="FILE", help="Draw scores and costs: .svg, .png or .pdf.", show_default=False),
    ] = None,
    run: options.Run = None,
    model: options.OfModel = None,
    store: options.Store = options.STORE,
    form: options.StudyForm = StudyFormat.table,
    output: options.Output = None,
    device: options.Device = None,
    precision: Annotated[
        str | None,
        typer.Option(
            "--precision",
            help="Of the measurement: float32, bf16 or fp16; default: float32.",
            autocompletion=complete.precision,
        ),
    ] = None,
) -> None:
    """Choose a confirmed cell by what you need, and print the command that exports it.

    Parameters and file size are computed. Latency is measured, by --faster, --by latency or --latency,
    of the cells on the front, and kept in the store. Exit status 1: no cell holds the limits.
    """
    from ablate.cli.console import make_console
    from ablate.cli.finished import finished
    from ablate.cli.measured import measured_on
    from ablate.cli.output import as_text, check_output, put
    from ablate.cli.say import say
    from ablate.export import choice_page
    from ablate.export.choose import Needs
    from ablate.export.choose import choose as work
    from ablate.judge.of_model import of_model
    from ablate.plugins import registry
    from ablate.report.formats import as_markdown
    from ablate.report.tables import print_page
    from ablate.store.store import Store

    check_output(output, store=store)
    if chart is not None:
        check_chart(chart, store)
    # Opened to be read first, because opened to be written it would be made.
    with Store(store, create=False) as opened:
        whole = finished(opened, run)
    results = of_model(whole, model)
    listed = tuple(filter(None, map(str.strip, tasks.split(",")))) if tasks else ()
    needs = Needs.of(within, faster, by, listed, latency)
    place, measured_in = measured_on(device or (results.about.recipe or {}).get("device", "auto"), precision)
    with Store(store) as opened:
        choice = work(
            results,
            opened,
            registry(),
            needs,
            device=place,
            precision=measured_in,
            tell=lambda line: say(line, err=True),
        )
    where = results.about.run, store, len(whole.about.models) > 1
    if form is StudyFormat.json:
        put(json.dumps(choice_page.plain(choice, *where), indent=2, allow_nan=False) + "\n", output)
    elif form is StudyFormat.markdown:
        put(as_markdown(choice_page.page(choice, *where)), output)
    elif output is not None:
        put(as_text(choice_page.page(choice, *where)), output)
    else:
        print_page(choice_page.page(choice, *where), make_console())
    if chart is not None:
        put(choice_page.chart_file(choice, chart.suffix[1:]), chart)
    if choice.chosen is None and (within is not None or faster is not None):
        say(f"ablate: {choice_page.unmet(choice)}", err=True)
        raise typer.Exit(1)
