"""Results in a notebook: the tables as HTML, and figures whose points are those of the rows."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import Collection
from matplotlib.figure import Figure

from ablate.errors import AblateError
from ablate.plan.manifest import _command
from ablate.report.figures.shown import Shown
from ablate.report.results import Results
from tests.bench import known
from tests.report.html.test_html import HOSTILE, Parsed, browser, contributions, geometry, in_chromium, pwned
from tests.report_rows import SPARSITIES, a_comparison, a_run, about, cell, judged, row

SCORERS = ("align", "uniform", "combined", "magnitude", "random")


def shown(results: Results) -> str:
    page = results._repr_html_()
    assert page is not None
    return page


def with_geometry(results: Results) -> Results:
    return Results(results.rows + geometry(results), results.about)


def a_training() -> Results:
    """The dense model trained, and a cell trained in two ways."""
    rows = [row(), replace(row(cell="dense", way="train", train_seed=0, delta=0.2), cell="train")]
    rows += [
        replace(cell("head", "align", share, way=way, train_seed=0, delta=gain), cell=f"{way} {share}")
        for way, gain in (("prune-then-train", 0.7), ("train-then-prune", -0.4))
        for share in (0.1, 0.2)
    ]
    return Results(rows, about(confirm=[]))


def panels(figure: Figure) -> dict[str, Axes]:
    return {axes.get_title("left"): axes for axes in figure.axes if axes.get_visible()}


def offsets(collection: Collection) -> list[tuple[float, float]]:
    return sorted((float(x), float(y)) for x, y in np.asarray(collection.get_offsets()))


def test_the_tables_are_those_of_the_run_and_well_formed() -> None:
    results = judged(a_run())
    page = shown(results)
    root = ElementTree.fromstring(page)
    assert root.attrib == {"class": "ablate-results"}
    tables = list(root.iter("table"))
    markdown = results.to_markdown()
    assert len(tables) == markdown.count("\n### ") > 2
    lines = [
        line.split(" | ") for line in markdown.splitlines() if line.startswith("| ") and not line.startswith("| -")
    ]
    found = ["".join(entry.itertext()).strip() for entry in root.iter() if entry.tag in ("td", "th")]
    printed = [unescape(entry.strip("| ").replace("**", "")).strip() for line in lines for entry in line]
    assert found == printed
    bold = sum(entry.startswith("**") for line in lines for entry in (part.strip("| ") for part in line))
    in_tables = [strong for table in tables for strong in table.iter("strong")]
    assert len(in_tables) == bold > 0
    marks = {mark.attrib["title"] for mark in root.iter("span")}
    assert marks <= {"harms", "improves", "better", "harmless", "worse", "undecided"}
    assert {"harmless", "harms"} <= marks


def test_it_stands_alone_and_sets_nothing_outside_itself() -> None:
    page = shown(judged(a_run()))
    for forbidden in ("<script", "@import", "url(", "href", "src=", "<button", " id="):
        assert forbidden not in page
    style = page.partition("<style>")[2].partition("</style>")[0]
    rules = [rule.strip() for rule in style.split("}") if rule.strip()]
    assert all(part.strip().startswith(".ablate-results") for rule in rules for part in rule.split("{")[0].split(","))


def test_a_training_is_shown_with_what_sparsity_added() -> None:
    page = " ".join(Parsed(shown(a_training())).texts)
    assert "dense, as it came" in page
    assert "sparsity added" in page
    assert "head × align 10 %, prune-then-train" in page


def hostile() -> Results:
    rows = [row(task=HOSTILE[0], model=HOSTILE[2])]
    for text in HOSTILE:
        given: dict[str, Any] = {"model": HOSTILE[2], "task": HOSTILE[0], "cell": text, "scope": text}
        rows += [cell(HOSTILE[7], text, share, delta=0.1, **given) for share in SPARSITIES[:2]]
        rows.append(cell(HOSTILE[8], text, 0.1, status="failed", reason=text, **given))
    named: dict[str, Any] = dict.fromkeys(("data", "data_why", "command", "store", "run"), " ".join(HOSTILE))
    maps = contributions(HOSTILE[:3], HOSTILE[2], HOSTILE[7])
    return judged(Results(rows, about(models=[HOSTILE[2]], screen=[HOSTILE[0]], confirm=[], maps=maps, **named)))


def test_no_text_of_a_run_is_obeyed() -> None:
    page = shown(hostile())
    ElementTree.fromstring(page.replace("\ufffe", "?"))
    parsed = Parsed(page)
    ours = {"div", "style", "ul", "li", "figure", "figcaption", "h4", "table", "thead", "tbody", "tr", "th", "td"}
    assert {tag for tag, _ in parsed.elements} <= ours | {"p", "span", "strong", "h3", "code"}
    allowed = {"class", "title", "role", "aria-label", "scope"}
    assert all(set(attributes) <= allowed for _, attributes in parsed.elements)
    seen = " ".join(" ".join(parsed.texts).split())
    for text in HOSTILE[:-1]:
        assert " ".join(text.split()) in seen


@browser
def test_nothing_hostile_runs_in_a_browser(tmp_path: Path) -> None:
    assert not pwned(in_chromium(f"<!DOCTYPE html><html><body>{shown(hostile())}</body></html>", tmp_path))


def test_hostile_names_are_drawn_as_they_are() -> None:
    results = hostile()
    for figure in (results.plot.sparsity(), results.plot.heads(granularity=HOSTILE[7])):
        assert isinstance(figure, Shown)
        assert "\x1b" not in figure.alt


def test_without_jinja2_the_line_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    assert a_run()._repr_html_() is None


def test_the_curves_go_through_the_rows() -> None:
    results = judged(a_run())
    figure = results.plot.sparsity()
    assert list(panels(figure)) == ["unstructured", "head", "neuron"]
    screened = [made for made in results.rows if made.stage == "screen" and made.scorer]
    for kind, axes in panels(figure).items():
        curves = axes.get_lines()[1:]  # the first is dense
        assert len(curves) == len(SCORERS)
        for scorer, curve in zip(SCORERS, curves, strict=True):
            own = [made for made in screened if (made.granularity, made.scorer) == (kind, scorer)]
            means = [np.mean([made.delta_clean for made in own if made.sparsity == s]) for s in SPARSITIES]
            assert list(np.asarray(curve.get_xdata())) == pytest.approx([100 * s for s in SPARSITIES])
            assert list(np.asarray(curve.get_ydata())) == pytest.approx(means)
        band = axes.collections[0].get_paths()[0].vertices
        align = next(item for item in results.evidence if (item.granularity, item.scorer) == (kind, "align"))
        assert {align.low, align.high} <= {float(y) for _, y in np.asarray(band)}


def test_tasks_choose_what_the_mean_is_over() -> None:
    results = judged(a_comparison())
    first = Results([made for made in results.rows if made.status == "ok"], results.about)
    for tasks in ("stsb", "sts13", ["stsb", "sts13"], "stsb, sts13"):
        names = tasks.split(", ") if isinstance(tasks, str) else tasks
        axes = panels(first.plot.sparsity(tasks))["head"]
        own = [m for m in first.rows if (m.granularity, m.scorer) == ("head", "magnitude") and m.task in names]
        means = [np.mean([m.delta_clean for m in own if m.sparsity == share]) for share in (0.05, 0.2)]
        drawn = [list(np.asarray(line.get_ydata())) for line in axes.get_lines()[1:]]
        assert any(ys == pytest.approx(means) for ys in drawn)
    (low, high) = next(
        (item.low, item.high)
        for item in results.evidence
        if (item.task, item.granularity, item.scorer, item.sparsity) == ("sts13", "head", "align", 0.05)
    )
    band = panels(first.plot.sparsity("sts13"))["head"].collections[0].get_paths()[0].vertices
    assert {low, high} <= {float(y) for _, y in np.asarray(band)}


def test_a_mean_over_some_tasks_has_no_interval() -> None:
    rows = [row(task=task) for task in ("stsb", "sts12", "sts13")]
    rows += [cell("head", "align", s, task=m.task, delta=s) for m in rows[:3] for s in (0.1, 0.2)]
    results = judged(Results(rows, about(screen=["stsb", "sts12", "sts13"], confirm=[])))
    assert panels(results.plot.sparsity())["head"].collections
    assert not panels(results.plot.sparsity(["stsb", "sts12"]))["head"].collections


def test_scores_are_drawn_before_losses_and_losses_on_request() -> None:
    results = with_geometry(a_run())
    assert panels(results.plot.sparsity())["head"].get_ylabel() == "Δ, points"
    loss = results.plot.sparsity("align-dev")
    assert panels(loss)["head"].get_ylabel() == "Δ, loss"
    assert all(y == pytest.approx(-0.01) for y in np.asarray(panels(loss)["head"].get_lines()[1].get_ydata()))


def test_the_maps_hold_the_contributions() -> None:
    payload = contributions(["align"])
    results = Results([row()], about(maps=payload))
    figure = results.plot.heads()
    assert next(iter(panels(figure))) == "oracle (exact)"
    for axes, one in zip(figure.axes, (payload[1], payload[0]), strict=True):
        drawn = np.asarray(axes.collections[0].get_array()).ravel()
        assert list(drawn) == pytest.approx(one["contributions"])


def test_the_plane_has_every_cell_where_its_losses_are() -> None:
    measured = with_geometry(a_run(scorers=("align", "magnitude")))
    shifted = [
        replace(made, score=known(made.score) + place / 1e4, score_clean=known(made.score) + place / 1e4)
        if made.task in ("align-dev", "uniform-dev") and made.scorer
        else made
        for place, made in enumerate(measured.rows)
    ]
    results = Results(shifted, measured.about)
    (axes,) = results.plot.plane().axes
    by_cell: dict[str, dict[str, Any]] = {}
    for made in results.rows:
        by_cell.setdefault(made.key, {})[made.task] = made.score_clean
    wanted = sorted((one["uniform-dev"], one["align-dev"]) for one in by_cell.values() if "align-dev" in one)
    drawn = sorted(point for collection in axes.collections for point in offsets(collection))
    np.testing.assert_allclose(drawn, wanted)
    assert offsets(axes.collections[-1]) == [(-2.5, 0.4)]  # the star


def test_a_figure_shows_itself_and_keeps_its_look() -> None:
    results = judged(a_run())
    first = results.plot.sparsity()
    assert isinstance(first, Shown)
    image, about_it = first._repr_png_()
    assert image.startswith(b"\x89PNG")
    assert about_it["alt"].startswith("Sparsity curves of minilm, screen: Δ on stsb-dev (dev)")
    before = dict(matplotlib.rcParams)
    with matplotlib.rc_context(
        {"text.color": "red", "figure.facecolor": "black", "font.size": 30, "xtick.color": "red"}
    ):
        again = results.plot.sparsity()
        assert isinstance(again, Shown)
        assert again is not first
        assert again._repr_png_()[0] == image
    assert dict(matplotlib.rcParams) == before
    plain = results.plot.sparsity(caption=False)
    assert plain.get_figheight() < first.get_figheight()


def test_figures_leave_pyplot_alone() -> None:
    code = """import sys
from tests.report_rows import a_run
a_run().plot.sparsity()
print("matplotlib.pyplot" in sys.modules)"""
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "False\n"


TWO = a_run(models=("one", "two"), scorers=("align",))


@pytest.mark.parametrize(
    ("results", "call", "given", "message"),
    [
        (a_run(), "plane", {}, "add the task group geometry to the recipe's screen tasks"),
        (a_run(), "plane", {"stage": "confirm"}, "did not measure alignment and uniformity in its stage confirm"),
        (
            a_run(),
            "heads",
            {},
            "no contributions of granularity 'head' are stored with this run of minilm: run it with",
        ),
        (a_run(), "sparsity", {"stage": "confirm"}, r"no sparsity curve in stage confirm: .* confirm\.cells: all"),
        (a_run(), "sparsity", {"stage": "scren"}, "this run has no stage 'scren'; did you mean 'screen'"),
        (a_run(), "sparsity", {"tasks": "stsb-dex"}, "no task 'stsb-dex' was run here; did you mean 'stsb-dev'"),
        (a_run(), "sparsity", {"tasks": ["stsb", "stsb-dev"]}, "of several stages or measures; draw them"),
        (a_run(), "sparsity", {"tasks": []}, "none given"),
        (a_run(), "heads", {"model": "minilmm"}, "this run has no model 'minilmm'; did you mean 'minilm'"),
        (TWO, "sparsity", {}, "this run has 2 models: choose one with model=, of one, two"),
        (TWO, "heads", {}, "this run has 2 models"),
        (a_training(), "sparsity", {}, "trained cells have none"),
        (Results([row()], about()), "sparsity", {}, "no scorer has a Δ at two sparsities"),
        (Results([], about()), "sparsity", {}, "this run has no rows of minilm; finish it"),
        (
            Results([row()], about(maps=contributions(["align"], granularity="layer"))),
            "heads",
            {},
            r"\(it has: layer\)",
        ),
    ],
)
def test_what_cannot_be_drawn_is_one_line(results: Results, call: str, given: dict[str, Any], message: str) -> None:
    with pytest.raises(AblateError, match=message) as raised:
        getattr(results.plot, call)(**given)
    assert "\n" not in str(raised.value)


def test_of_two_models_one_is_drawn() -> None:
    figure = TWO.plot.sparsity(model="two")
    assert isinstance(figure, Shown)
    assert "of two, screen" in figure.alt


def test_without_matplotlib_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(AblateError, match=r"figures need matplotlib: pip install 'ablate-embeddings\[report\]'"):
        a_run().plot.sparsity()


def test_a_data_frame_has_the_same_types_whatever_the_rows_hold() -> None:
    pytest.importorskip("pandas")
    few, many = Results([row()], about()).to_pandas(), judged(a_run()).to_pandas()
    assert few.dtypes.equals(many.dtypes)
    assert str(few["delta"].dtype) == "Float64"
    assert few["scorer"].isna().all()
    negative = Results([row(), cell("head", "align", "negative")], about()).to_pandas()
    assert negative["sparsity"].tolist()[1] == "negative"


def test_the_command_of_a_notebook_is_not_how_its_kernel_was_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["ablate", "run"])
    assert _command() == "ablate run"
    monkeypatch.setitem(sys.modules, "ipykernel", sys)
    assert _command() is None
