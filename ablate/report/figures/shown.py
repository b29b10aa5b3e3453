"""A figure that a notebook shows, with no pyplot: nothing leaks from one call into the next."""

from __future__ import annotations

import io
import textwrap
from typing import Any

from matplotlib.figure import Figure

from ablate.report.figures.drawing import FAINT, Sketch, look, text

_SHARPNESS = 1.5
"""Pixels of the image for each pixel of the page."""

_CHARACTERS = 18
"""Of the caption, to an inch of its line."""


class Shown(Figure):
    """Ends a cell and is shown once: IPython by itself shows only figures that pyplot has made.

    alt: what the figure shows, for whoever cannot see it; an attribute of its image.
    """

    alt = ""

    def _repr_png_(self) -> tuple[bytes, dict[str, Any]]:
        file = io.BytesIO()
        with look():
            self.savefig(file, format="png", dpi=_SHARPNESS * self.dpi, metadata={"Software": None})
        width, height = (round(inches * self.dpi) for inches in self.get_size_inches())
        return file.getvalue(), {"width": width, "height": height, "alt": self.alt}


def shown(sketch: Sketch, caption: bool) -> Shown:
    """A figure with its title, and below it, if asked for, how to read it. For :func:`look` to surround."""
    wide, high = sketch.size
    title = textwrap.wrap(text(sketch.title, 300), round(9 * wide))
    below = textwrap.wrap(text(sketch.caption, 2000), round(_CHARACTERS * wide)) if caption else []
    heights = high + 0.2 * len(title) + 0.1, 0.13 * len(below) + 0.1
    figure = Shown(figsize=(wide, sum(heights)), layout="constrained")
    # A part of its own, since a legend outside the panels would stand on the caption.
    above, small = figure.subfigures(2, 1, squeeze=False, height_ratios=heights).flat
    sketch.paint(above)
    above.suptitle("\n".join(title), x=0.01, ha="left", fontsize=11, fontweight="bold")
    small.text(0.01, 1, "\n".join(below), va="top", fontsize=7.5, color=FAINT)
    # Ticks are made when first drawn: now, in the look of the rest, and not later in that of the user.
    figure.draw_without_rendering()
    figure.alt = text(sketch.alt, 2000)
    return figure
