"""The figures over models: a panel for each on one scale."""

from __future__ import annotations

from ablate.report.figures.over_models import best_figure, depth_figure
from tests.report.figures.specs import domain, panels, values
from tests.report.over_rows import family, line, over


def test_every_model_and_the_pooled_gain_have_a_panel_of_one_scale() -> None:
    figure = best_figure(family(), "granularity")
    assert figure is not None
    drawn = panels(figure)
    assert list(drawn) == ["a", "b", "c", "pooled over lineages"]
    (edges,) = {tuple(domain(panel, "x")) for panel in drawn.values()}
    assert edges[0] < -0.5  # the end of b's interval
    assert edges[1] > 1.3
    (of_c,) = [row for row in values(figure, drawn["c"]) if "low" in row]
    assert (of_c["value"], of_c["low"], of_c["high"]) == (1.1, 1.1 - 0.2, 1.1 + 0.2)
    assert of_c["verdict"] == "improves; harms sickr"
    assert "c: head × align 10 % +1.10 ▲, interval +0.90 to +1.30" in figure.alt
    assert "first on dev" in figure.caption


def test_of_a_screen_no_gain_is_pooled() -> None:
    figure = best_figure(over([line("a", "scorer", "align"), line("b", "scorer", "align")], stage="screen"), "scorer")
    assert figure is not None
    assert list(panels(figure)) == ["a", "b"]
    assert "No cell was confirmed" in figure.caption


def test_depth_is_drawn_in_per_cent_of_the_removed_units() -> None:
    figure = depth_figure(family())
    assert figure is not None
    drawn = panels(figure)
    assert list(drawn) == ["a", "b", "c"]
    shares = [row["share"] for row in values(figure, drawn["a"]) if "share" in row]
    assert shares == [50.0, 30.0, 20.0]
    assert {tuple(domain(panel, "y")) for panel in drawn.values()} == {(0, 100)}


def test_nothing_is_drawn_of_nothing() -> None:
    assert best_figure(over([line("a"), line("b")]), "granularity") is None
    assert depth_figure(over([line("a"), line("b")])) is None
