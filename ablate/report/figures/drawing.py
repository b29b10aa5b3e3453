"""The common look of all figures, which can be read without color."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

from ablate.distribution import pip_install
from ablate.errors import AblateError
from ablate.printable import visible

if TYPE_CHECKING:
    from matplotlib.figure import FigureBase

# Okabe and Ito's colors, which can be distinguished with any color vision; without yellow, which is pale on white.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = ("o", "s", "D", "^", "v", "P", "X")
DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (5, 1.5, 1.5, 1.5)), (0, (8, 2)))
INK = "#222222"
FAINT = "#767676"
LONGEST = 44
"""The most characters of a label."""

_LOOK: dict[str, Any] = {
    # Labels come from recipes, and a $ in one is not the start of a formula.
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
class Sketch:
    """A figure that is still to be drawn, into a report or for a notebook.

    title: its heading.
    alt: what it shows, for readers who cannot see it.
    caption: how to read it, one sentence or more.
    size: width and height in inches, without the heading.
    paint: draws into an empty figure.
    name: distinguishes figures of the same title.
    """

    title: str
    alt: str
    caption: str
    size: tuple[float, float]
    paint: Callable[[FigureBase], None]
    name: str = ""


@contextmanager
def look(**more: Any) -> Iterator[None]:
    """Replaces the user's settings of matplotlib by the common look, and restores them at the end.

    Args:
        more: further settings of matplotlib, by name.

    Raises:
        AblateError: matplotlib is not installed.
    """
    try:
        from matplotlib import style
    except ImportError:
        raise AblateError(f"figures need matplotlib: {pip_install('report')}") from None
    settings: list[Any] = ["default", {**_LOOK, **more}]
    with style.context(settings):
        yield


def text(label: object, longest: int = LONGEST) -> str:
    """A label without control characters, shortened so that it leaves room for the figure."""
    whole = legal_in_xml(str(label))
    return whole if len(whole) <= longest else f"{whole[: longest - 1]}…"


def legal_in_xml(label: str) -> str:
    """A text without the characters that XML does not allow."""
    # `visible` keeps U+FFFE and U+FFFF, which Unicode does not count as control characters.
    return visible(label).replace("\ufffe", "?").replace("\uffff", "?")


@dataclass(frozen=True)
class Style:
    """How a label is drawn in a figure, different for each of the first 30 labels."""

    color: str
    marker: str
    dash: Any


def styles(labels: Iterable[str], controls: Collection[str] = ()) -> dict[str, Style]:
    """A style for each label; controls are gray and dotted."""
    style_of = {}
    for place, label in enumerate(dict.fromkeys(labels)):
        gray = label in controls
        # 6 and 5 have no common factor, so 30 labels have different pairs of color and dash.
        color, dash = (FAINT, (0, (1, 1.5))) if gray else (COLORS[place % 6], DASHES[place % 5])
        style_of[label] = Style(color, MARKERS[place % 7], dash)
    return style_of


def legend(figure: FigureBase, styled: Mapping[str, Style], lines: bool = True) -> None:
    """One legend below all panels."""
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=style.color, marker=style.marker, linestyle=style.dash if lines else "none")
        for style in styled.values()
    ]
    figure.legend(handles, list(map(text, styled)), loc="outside lower center", ncols=_legend_columns(styled))


def legend_height(styled: Collection[str]) -> float:
    """Inches to leave for the legend."""
    return 0.2 * ceil(len(styled) / _legend_columns(styled)) + 0.2


def _legend_columns(styled: Collection[str]) -> int:
    # About 120 characters fit on a line; the handle of an entry takes the room of 6.
    return max(1, min(6, len(styled), 120 // (6 + max(len(text(label)) for label in styled))))
