"""The chart of scores and costs: a panel for each cost that is known, and the chosen cell by its name."""

from __future__ import annotations

from typing import Any

from ablate.report.figures.figure import Figure, file_of
from ablate.report.figures.front import front_figure
from ablate.report.front import FrontPoint

DENSE = FrontPoint("dense", 0, 0, 0, 100, 4.0, 1.0)
CELLS = [
    FrontPoint("head 10 %", 0.2, 0.1, 0.3, 90, 3.6, 0.8, front=True, chosen=True),
    FrontPoint("head 20 %", -0.4, -0.6, -0.1, 95, 3.8, None),
]


def panels(figure: Figure) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = figure.spec["concat"]
    return made


def values(figure: Figure, panel: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of the points of a panel."""
    (points,) = [
        layer for layer in panel["layer"] if layer["mark"]["type"] == "point" and "tooltip" in layer["encoding"]
    ]
    source: dict[str, Any] = points.get("data") or panel["data"]
    rows: list[dict[str, Any]] = source["values"] if "values" in source else figure.spec["datasets"][source["name"]]
    return rows


def test_each_known_cost_has_a_panel_and_the_chosen_cell_its_name() -> None:
    figure = front_figure(DENSE, CELLS, "Score and cost", "points")
    assert "Chosen: head 10 % (square)." in figure.caption
    assert "2 cells, on the front: head 10 %." in figure.alt
    titles = [panel["layer"][1]["encoding"]["x"]["title"] for panel in panels(figure)]
    assert titles == ["parameters, millions", "weights on disk, MiB", "latency, % of dense"]
    for panel in panels(figure):
        assert [row["label"] for row in values(figure, panel) if row["label"]] == ["head 10 %"]
    # Of a cell that was not measured, there is no point.
    assert [len(values(figure, panel)) for panel in panels(figure)] == [2, 2, 1]
    assert values(figure, panels(figure)[2])[0]["cost"] == 80


def test_without_a_latency_there_is_no_panel_of_it() -> None:
    assert len(panels(front_figure(DENSE, CELLS[1:], "Score and cost", "points"))) == 2


def test_it_is_written_as_each_kind_of_file() -> None:
    figure = front_figure(DENSE, CELLS, "Score and cost", "points")
    svg = file_of(figure, "svg").decode()
    assert "head 10 %" in svg
    assert "gain over dense, points" in svg
    assert file_of(figure, "png").startswith(b"\x89PNG")
    assert file_of(figure, "pdf").startswith(b"%PDF")
