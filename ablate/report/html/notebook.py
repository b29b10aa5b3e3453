"""The tables and the answer of a run as HTML for a notebook, without scripts and in the colors of the notebook."""

from __future__ import annotations

from ablate.report.html.template import fill
from ablate.report.table import Page


def as_notebook(page: Page) -> str:
    """A page of tables as one self-contained element, legible on a light and on a dark background.

    If a viewer removes the style, the best entries are still in bold and the verdicts still have their marks.

    Raises:
        AblateError: jinja2 is not installed.
    """
    return fill("notebook.html.j2", style="notebook.css", page=page)
