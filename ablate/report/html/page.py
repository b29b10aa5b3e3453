"""A run as one self-contained HTML file: the answer, the figures, the tables, and where every number came from."""

from __future__ import annotations

import base64
import hashlib
from functools import cache

from ablate.report.answer import answers, question
from ablate.report.circumstances import foot, head
from ablate.report.dims import shown
from ablate.report.html.drawing import runtime
from ablate.report.html.material import Material
from ablate.report.html.provenance import facts, recipe_text
from ablate.report.html.sections import sections
from ablate.report.html.template import asset, fill

MOST_LINES = 1000
"""The most lines of a table that the report shows; a browser needs seconds for many more."""


def render_html(material: Material) -> str:
    """The whole file, which loads no other file.

    Every text is escaped, and the policy in its head allows only our own scripts and our own style.

    Raises:
        AblateError: jinja2, Altair or vl-convert is not installed.
    """
    results = material.results
    every = list(sections(material))
    drawn = any(section.drawings for section in every)
    scripts = [asset("tables.js"), *([_runtime(), asset("charts.js")] if drawn else [])]
    return fill(
        "page.html.j2",
        style="style.css",
        scripts=scripts,
        title=f"ablate: {', '.join(results.about.models)}",
        script_hashes=[_hash(script) for script in scripts],
        style_hash=_hash(asset("style.css")),
        question=question(results),
        answers=answers(results, material.prevalence[0].prevalence if material.prevalence else ()),
        head=(*head(results, shown(results)), *(results.about.other_verdicts or ())),
        foot=foot(results),
        sections=[section for section in every if not section.absent],
        absent=[section for section in every if section.absent],
        most=MOST_LINES,
        facts=facts(results, material.origin),
        recipe=recipe_text(results),
    )


@cache  # takes seconds
def _runtime() -> str:
    return runtime()


def _hash(content: str) -> str:
    """As a content security policy names a script or style that it allows, so that no other one can act."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"
