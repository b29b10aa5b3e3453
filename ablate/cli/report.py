"""``ablate report``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from ablate.cli import options
from ablate.cli.options import ReportFormat
from ablate.cli.say import say


def report(
    target: options.Target = None,
    set_: options.SetInTarget = None,
    store: options.Store = options.STORE,
    form: Annotated[
        ReportFormat, typer.Option("--format", help="html has the figures; csv and parquet are the rows.")
    ] = (ReportFormat.html),
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file; default: report.html, for text formats stdout.")
    ] = None,
) -> None:
    """Write the report of a run: answer, tables, figures and provenance, in one file that opens offline.

    Nothing is computed. If the store lacks something, the report says how to get it.
    """
    from ablate.cli.collector import no_collection
    from ablate.cli.finished import finished
    from ablate.cli.output import check_output, put
    from ablate.report.html.gather import find_run, gather
    from ablate.store.store import Store

    if output is None and form is ReportFormat.html:
        output = Path("report.html")
    recipe = Path(target) if target and os.path.isfile(target) else None
    # Before the figures are drawn, which takes seconds.
    check_output(output, recipe, store, form=form)
    with no_collection():
        with Store(store, create=False) as opened:
            results = finished(opened, find_run(opened, target, set_ or ()))
            material = gather(opened, results)
        if form is ReportFormat.html:
            # Its figures need an extra, which the other formats do without.
            from ablate.report.html.page import render_html

            put(render_html(material), output)
        elif form is ReportFormat.parquet:
            put(results.to_parquet(), output)
        else:
            texts = {
                ReportFormat.markdown: results.to_markdown,
                ReportFormat.latex: results.to_latex,
                ReportFormat.csv: results.to_csv,
            }
            put(texts[form](), output)
    if output is not None:
        say(f"report of run {results.about.run}: {output}", err=True)
    if results.any_failed:
        raise typer.Exit(1)
