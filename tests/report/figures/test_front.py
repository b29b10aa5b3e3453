"""The chart of scores and costs: a panel for each cost that is known, and the chosen cell by its name."""

from __future__ import annotations

from matplotlib.figure import Figure

from ablate.report.figures.front import front_figure
from ablate.report.front import FrontPoint

DENSE = FrontPoint("dense", 0, 0, 0, 100, 4.0, 1.0)
CELLS = [
    FrontPoint("head 10 %", 0.2, 0.1, 0.3, 90, 3.6, 0.8, front=True, chosen=True),
    FrontPoint("head 20 %", -0.4, -0.6, -0.1, 95, 3.8, None),
]


def test_each_known_cost_has_a_panel_and_the_chosen_cell_its_name() -> None:
    sketch = front_figure(DENSE, CELLS, "Score and cost", "points")
    assert "Chosen: head 10 % (square)." in sketch.caption
    assert "2 cells, on the front: head 10 %." in sketch.alt
    figure = Figure(figsize=sketch.size)
    sketch.paint(figure)
    assert [axes.get_xlabel() for axes in figure.axes] == [
        "parameters, millions",
        "weights on disk, MiB",
        "latency, % of dense",
    ]
    for axes in figure.axes:
        assert [label.get_text() for label in axes.texts] == ["head 10 %"]
    # Of a cell that was not measured, there is no point.
    assert [len(axes.containers) for axes in figure.axes] == [2, 2, 1]


def test_without_a_latency_there_is_no_panel_of_it() -> None:
    sketch = front_figure(DENSE, CELLS[1:], "Score and cost", "points")
    figure = Figure(figsize=sketch.size)
    sketch.paint(figure)
    assert len(figure.axes) == 2
