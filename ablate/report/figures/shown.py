"""A figure that a notebook shows without pyplot, which would keep it in memory and mix in the user's settings."""

from __future__ import annotations

import io
import textwrap
from typing import Any

from matplotlib.figure import Figure

from ablate.report.figures.drawing import FAINT, Sketch, look, text

_SHARPNESS = 1.5
"""Pixels of the image for each pixel of the page."""

_CHARACTERS = 18
"""How many characters of the caption fit on an inch."""


class Shown(Figure):
    """A figure that shows itself at the end of a cell. IPython by itself shows only figures that pyplot made.

    alt: the text of the image for readers who cannot see it.
    """

    alt = ""

    def _repr_png_(self) -> tuple[bytes, dict[str, Any]]:
        file = io.BytesIO()
        with look():
            self.savefig(file, format="png", dpi=_SHARPNESS * self.dpi, metadata={"Software": None})
        width, height = (round(inches * self.dpi) for inches in self.get_size_inches())
        return file.getvalue(), {"width": width, "height": height, "alt": self.alt}


def shown(sketch: Sketch, caption: bool) -> Shown:
    """A figure with its title and, if asked for, its caption. The caller must be in :func:`look`."""
    width, height = sketch.size
    title = textwrap.wrap(text(sketch.title, 300), round(9 * width))
    lines = textwrap.wrap(text(sketch.caption, 2000), round(_CHARACTERS * width)) if caption else []
    heights = height + 0.2 * len(title) + 0.1, 0.13 * len(lines) + 0.1
    figure = Shown(figsize=(width, sum(heights)), layout="constrained")
    # The caption has a part of its own, or a legend outside the panels would cover it.
    above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=heights).flat
    sketch.paint(above)
    above.suptitle("\n".join(title), x=0.01, ha="left", fontsize=11, fontweight="bold")
    below.text(0.01, 1, "\n".join(lines), va="top", fontsize=7.5, color=FAINT)
    # Matplotlib makes ticks when it first draws them. Drawn now, they have the look of the rest, not that of the user.
    figure.draw_without_rendering()
    figure.alt = text(sketch.alt, 2000)
    return figure


def drawn(sketch: Sketch, form: str) -> bytes:
    """A figure with its title and its caption, as a file.

    Args:
        form: ``svg``, ``png`` or ``pdf``.

    Raises:
        AblateError: matplotlib is not installed.
    """
    file = io.BytesIO()
    with look():
        shown(sketch, caption=True).savefig(file, format=form, dpi=150)
    return file.getvalue()
