"""The tables of a run as HTML for a notebook's cell: no script, no color but the page's own and the marks'."""

from __future__ import annotations

from ablate.report.html.template import fill
from ablate.report.table import Page


def as_notebook(page: Page) -> str:
    """A page of tables as one element, to be read on light and on dark; it names no other file.

    The best is in bold and verdicts have their marks also where a viewer takes the style out.

    Raises:
        AblateError: jinja2 is not installed.
    """
    return fill("notebook.html.j2", style="notebook.css", head=page.head, blocks=page.blocks, foot=page.foot)
