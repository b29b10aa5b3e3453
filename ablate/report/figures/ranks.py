"""Draws the critical-difference diagram of scorers compared as methods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ablate.judge.methods import LEVEL, MethodComparison, nemenyi
from ablate.report.figures.drawing import INK, Sketch, text
from ablate.report.methods import blocks, stratum
from ablate.report.verdicts import p_value

if TYPE_CHECKING:
    from matplotlib.figure import FigureBase


def ranks_figure(compared: MethodComparison) -> Sketch:
    """Mean ranks on a line. A bar joins the scorers that Nemenyi's test does not distinguish.

    Raises:
        AblateError: scikit-posthocs is not installed.
    """
    names = [text(method, 28) for method in compared.methods]
    p = nemenyi(compared)

    def paint(figure: FigureBase) -> None:
        import pandas as pd
        from scikit_posthocs import critical_difference_diagram

        axes = figure.subplots()
        # Drawn with numbers for names, because labels that were shortened may be equal.
        places = [str(place) for place in range(len(names))]
        drawn = critical_difference_diagram(
            dict(zip(places, compared.mean_ranks, strict=True)),
            pd.DataFrame(p, index=places, columns=places),
            alpha=LEVEL,
            ax=axes,
            label_fmt_left="{label}",
            label_fmt_right="{label}",
            color_palette=dict.fromkeys(places, INK),
            elbow_props={"linewidth": 0.8},
            marker_props={"s": 18},
            crossbar_props={"linewidth": 3},
        )
        for label in drawn["labels"]:
            place = int(label.get_text())
            label.set_text(f"{names[place]} ({compared.mean_ranks[place]:.2f})")

    place = stratum(compared.stratum)
    title = f"Scorers at {place}, by mean rank"
    listed = ", ".join(f"{name} {rank:.2f}" for name, rank in zip(names, compared.mean_ranks, strict=True))
    caption = (
        f"Mean rank over {len(compared.blocks)} blocks, 1 = best. Blocks: {blocks(compared.blocks)}, not for other"
        f" tasks. A bar joins scorers that are not told apart at {100 * LEVEL:g} % by Nemenyi's test, which is made"
        f" where Friedman's test finds a difference (critical difference {compared.critical_difference:.2f}). Friedman:"
        f" χ² {compared.chi_square:.2f}, corrected p {p_value(compared.p)}."
    )
    return Sketch(title, f"{title}: {listed}.", caption, (7.2, 1.1 + 0.22 * len(names)), paint, place)
