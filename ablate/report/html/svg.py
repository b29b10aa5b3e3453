"""Draws figures as inline SVG, with the same bytes for the same data."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from xml.etree import ElementTree

from ablate.report.figures.drawing import Sketch, legal_in_xml, look

_REFERENCE = re.compile(r"""#([^"')\s]+)""")
"""A reference to an id, as in ``href="#a"`` and ``url(#a)``."""


@dataclass(frozen=True)
class Drawing:
    """A drawn figure.

    title: its heading.
    svg: markup.
    caption: how to read it, one sentence or more, as plain text.
    """

    title: str
    svg: str
    caption: str


def draw(sketch: Sketch) -> Drawing:
    """A figure as markup that a page can hold.

    Raises:
        AblateError: matplotlib is not installed.
    """
    file = io.StringIO()
    # Text stays text, so that it can be searched and read aloud. The salt replaces the random part of matplotlib's ids.
    with look(**{"svg.fonttype": "none", "svg.hashsalt": f"{sketch.title} {sketch.name}"}):
        from matplotlib.figure import Figure

        figure = Figure(figsize=sketch.size, layout="constrained")
        sketch.paint(figure)
        # None leaves an entry out; the date would differ from one report to the next.
        no_metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(file, format="svg", metadata=no_metadata, transparent=True)
    return Drawing(sketch.title, _inline(file.getvalue(), sketch.alt, sketch.size[0]), sketch.caption)


def _inline(svg: str, alt: str, width: float) -> str:
    """Markup without the parts that do not belong in HTML: declarations, namespaces, metadata and style sheets.

    A style sheet in an inline SVG would apply to the whole page.
    """
    root = ElementTree.fromstring(svg)  # nosec B314 # drawn by matplotlib just now
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag.rpartition("}")[2] in ("metadata", "style"):
                parent.remove(child)
    referred = set(_REFERENCE.findall(ElementTree.tostring(root, encoding="unicode")))
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        for name in list(element.attrib):
            value = element.attrib.pop(name)
            local = name.rpartition("}")[2]
            # An id that nothing refers to may be the same in two figures of a page, where ids must be unique.
            if local != "id" or value in referred:
                element.set(local, value)
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    root.set("role", "img")
    root.set("aria-label", legal_in_xml(alt))
    # The stroke settings of the style sheet that was removed.
    root.set("style", f"max-width: {round(width * 7.6)}rem; stroke-linejoin: round; stroke-linecap: butt")
    return ElementTree.tostring(root, encoding="unicode")
