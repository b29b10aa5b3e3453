"""Figures as inline SVG: one look for all, legible without colour, the same bytes for the same data."""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from ablate.errors import AblateError
from ablate.report.export import visible

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito's colours that are told apart with any colour vision, less yellow, which is pale on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = ("o", "s", "D", "^", "v", "P", "X")
DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (5, 1.5, 1.5, 1.5)), (0, (8, 2)))
INK = "#222222"
FAINT = "#767676"
LONGEST = 44
"""Characters of a label."""

_LOOK: dict[str, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.size": 9,
    "font.family": "sans-serif",
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "lines.markersize": 4.5,
    "lines.linewidth": 1.5,
    "axes.unicode_minus": True,
}


@dataclass(frozen=True)
class Drawing:
    """title: its heading. svg: markup. caption: how to read it, one sentence or more, plain text."""

    title: str
    svg: str
    caption: str


def draw(
    title: str, alt: str, caption: str, size: tuple[float, float], paint: Callable[[Figure], None], name: str = ""
) -> Drawing:
    """Lets ``paint`` fill a figure.

    Args:
        alt: what the figure shows, for whoever cannot see it.
        size: width and height in inches; the page scales it.
        name: tells figures of one title apart.

    Raises:
        AblateError: matplotlib is not installed.
    """
    try:
        from matplotlib import style
        from matplotlib.figure import Figure
    except ImportError:
        raise AblateError("the figures of a report need matplotlib: pip install 'ablate[report]'") from None
    file = io.StringIO()
    # From matplotlib's defaults, so that a user's own settings do not change the file.
    look: list[Any] = ["default", {**_LOOK, "svg.hashsalt": f"{title} {name}"}]
    with style.context(look):
        figure = Figure(figsize=size, layout="constrained")
        paint(figure)
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(file, format="svg", metadata=nothing, transparent=True)
    return Drawing(title, _inline(file.getvalue(), alt, size[0]), caption)


def text(label: object, longest: int = LONGEST) -> str:
    """A label that XML can hold and no terminal obeys, cut where it would leave no room for the figure."""
    whole = visible(str(label)).replace("\ufffe", "?").replace("\uffff", "?")
    return whole if len(whole) <= longest else f"{whole[: longest - 1]}…"


@dataclass(frozen=True)
class Style:
    """What tells one label from the others in a figure; no two of the first 30 are alike."""

    colour: str
    marker: str
    dash: Any


def styles(labels: Iterable[str], controls: Collection[str] = ()) -> dict[str, Style]:
    """A style for each label; controls are grey and dotted."""
    made = {}
    for place, label in enumerate(dict.fromkeys(labels)):
        grey = label in controls
        colour, dash = (FAINT, (0, (1, 1.5))) if grey else (COLOURS[place % 6], DASHES[place % 5])
        made[label] = Style(colour, MARKERS[place % 7], dash)
    return made


def legend(figure: Figure, styled: Mapping[str, Style], lines: bool = True) -> None:
    """One legend below all panels."""
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=style.colour, marker=style.marker, linestyle=style.dash if lines else "none")
        for style in styled.values()
    ]
    figure.legend(handles, list(map(text, styled)), loc="outside lower center", ncols=_legend_columns(styled))


def legend_height(styled: Collection[str]) -> float:
    """Inches to leave for the legend."""
    return 0.2 * -(-len(styled) // _legend_columns(styled)) + 0.2


def _legend_columns(styled: Collection[str]) -> int:
    return max(1, min(6, len(styled), 120 // (6 + max(len(text(label)) for label in styled))))


def _inline(svg: str, alt: str, width: float) -> str:
    """Without what HTML needs not: declarations, namespaces, metadata, styles that would reach the whole page."""
    root = ElementTree.fromstring(svg)
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag.rpartition("}")[2] in ("metadata", "style"):
                parent.remove(child)
    content = ElementTree.tostring(root, encoding="unicode")
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        for name in list(element.attrib):
            value = element.attrib.pop(name)
            local = name.rpartition("}")[2]
            if local != "id" or f"#{value}" in content:
                element.set(local, value)
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    root.set("role", "img")
    root.set("aria-label", visible(alt).replace("\ufffe", "?").replace("\uffff", "?"))
    root.set("style", f"max-width: {round(width * 7.6)}rem; stroke-linejoin: round; stroke-linecap: butt")
    return ElementTree.tostring(root, encoding="unicode")
