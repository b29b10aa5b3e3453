"""One look for all figures, legible without color."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ablate.distribution import pip_install
from ablate.errors import AblateError
from ablate.report.formats import visible

if TYPE_CHECKING:
    from matplotlib.figure import FigureBase

# Okabe and Ito's colors that are told apart with any color vision, less yellow, which is pale on white.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = ("o", "s", "D", "^", "v", "P", "X")
DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (5, 1.5, 1.5, 1.5)), (0, (8, 2)))
INK = "#222222"
FAINT = "#767676"
LONGEST = 44
"""Characters of a label."""

_LOOK: dict[str, Any] = {
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
    """A figure yet to be drawn: into a report, or for a notebook.

    title: its heading. alt: what it shows, for whoever cannot see it. caption: how to read it, one sentence or more.
    size: width and height in inches, less the heading. paint: fills an empty figure. name: tells figures of one title
    apart.
    """

    title: str
    alt: str
    caption: str
    size: tuple[float, float]
    paint: Callable[[FigureBase], None]
    name: str = ""


@contextmanager
def look(**more: Any) -> Iterator[None]:
    """Draws as all figures are drawn, whatever the user's own settings are, which are as before when it ends.

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
    """A label that XML can hold and no terminal obeys, cut where it would leave no room for the figure."""
    whole = visible(str(label)).replace("\ufffe", "?").replace("\uffff", "?")
    return whole if len(whole) <= longest else f"{whole[: longest - 1]}…"


@dataclass(frozen=True)
class Style:
    """What tells one label from the others in a figure; no two of the first 30 are alike."""

    color: str
    marker: str
    dash: Any


def styles(labels: Iterable[str], controls: Collection[str] = ()) -> dict[str, Style]:
    """A style for each label; controls are gray and dotted."""
    made = {}
    for place, label in enumerate(dict.fromkeys(labels)):
        gray = label in controls
        color, dash = (FAINT, (0, (1, 1.5))) if gray else (COLORS[place % 6], DASHES[place % 5])
        made[label] = Style(color, MARKERS[place % 7], dash)
    return made


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
    return 0.2 * -(-len(styled) // _legend_columns(styled)) + 0.2


def _legend_columns(styled: Collection[str]) -> int:
    return max(1, min(6, len(styled), 120 // (6 + max(len(text(label)) for label in styled))))
