"""Figures as the page holds them: an image for readers without scripts, and what the script draws in its place."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from xml.etree import ElementTree

import vl_convert

from ablate.report.figures.figure import Figure, legal_in_xml

_REFERENCE = re.compile(r"""#([^"')\s]+)""")
"""A reference to an id, as in ``href="#a"`` and ``url(#a)``."""


@dataclass(frozen=True)
class Drawing:
    """A drawn figure.

    title: its heading.
    alt: what it shows, for readers who cannot see it.
    svg: the image, as markup.
    spec: the Vega-Lite specification, as JSON that may stand in a script element.
    caption: how to read it, one sentence or more, as plain text.
    """

    title: str
    alt: str
    svg: str
    spec: str
    caption: str


def draw(figure: Figure, key: str) -> Drawing:
    """A figure as markup that a page can hold.

    Args:
        key: begins the ids of its image, which must be unique in the page.
    """
    spec = json.dumps(figure.spec, ensure_ascii=True, separators=(",", ":")).replace("<", "\\u003c")
    image = _inline(vl_convert.vegalite_to_svg(figure.spec), key)
    return Drawing(figure.title, legal_in_xml(figure.alt), image, spec, figure.caption)


def runtime() -> str:
    """The script that draws Vega-Lite: Vega, Vega-Lite and Vega-Embed, about 0.9 MB."""
    # Inside a script element, only these end it or change how it is read; both are the same in a JavaScript string.
    bundle = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return bundle.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _inline(svg: str, key: str) -> str:
    """Markup without namespaces and style attributes, which the policy of the page forbids, and with ids of its own."""
    root = ElementTree.fromstring(svg)  # nosec B314 # drawn by vl-convert just now
    ids = {found: f"{key}-{place}" for place, found in enumerate(dict.fromkeys(_REFERENCE.findall(svg)))}
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        for name in list(element.attrib):
            value = element.attrib.pop(name)
            local = name.rpartition("}")[2]
            if local == "id" and value in ids:
                element.set("id", ids[value])
            elif local not in ("id", "style", "class"):
                element.set(
                    local, _REFERENCE.sub(lambda found: f"#{ids[found[1]]}", value) if "url(" in value else value
                )
    root.attrib.pop("version", None)
    # The page names the figure as a whole.
    root.set("aria-hidden", "true")
    return ElementTree.tostring(root, encoding="unicode")
