"""Results in a notebook: the tables as HTML, and figures whose points are those of the rows."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from ablate.errors import AblateError
from ablate.plan.manifest import _command
from ablate.report.figures.figure import Figure
from ablate.report.results import Results
from tests.bench import known
from tests.report.figures.specs import Values, domain, layers, panels, values
from tests.report.html.test_html import HOSTILE, Parsed, browser, contributions, geometry, in_chromium, pwned
from tests.report_rows import SEVEN, SPARSITIES, a_comparison, a_run, about, cell, judged, row

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


def drawn(figure: Figure, title: str = "head") -> Values:
    """What the panel of that title draws."""
    return values(figure, panels(figure)[title])


def curve(figure: Figure, scorer: str, title: str = "head") -> Values:
    return [point for point in drawn(figure, title) if point["scorer"] == scorer]


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
        assert "\x1b" not in json.dumps(figure.spec, ensure_ascii=False) + json.dumps(figure._repr_mimebundle_()[1])


def test_without_jinja2_the_line_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    assert a_run()._repr_html_() is None


def test_the_curves_go_through_the_rows() -> None:
    results = judged(a_run())
    figure = results.plot.sparsity()
    assert list(panels(figure)) == ["unstructured", "head", "neuron"]
    screened = [made for made in results.rows if made.stage == "screen" and made.scorer]
    for kind in panels(figure):
        assert {point["scorer"] for point in drawn(figure, kind)} == set(SCORERS)
        for scorer in SCORERS:
            own = [made for made in screened if (made.granularity, made.scorer) == (kind, scorer)]
            means = [np.mean([made.delta_clean for made in own if made.sparsity == s]) for s in SPARSITIES]
            found = curve(figure, scorer, kind)
            assert [point["sparsity"] for point in found] == pytest.approx([100 * s for s in SPARSITIES])
            assert [point["value"] for point in found] == pytest.approx(means)
        band = [end for point in curve(figure, "align", kind) for end in (point["low"], point["high"])]
        align = next(item for item in results.evidence if (item.granularity, item.scorer) == (kind, "align"))
        assert {align.low, align.high} <= set(band)


def test_tasks_choose_what_the_mean_is_over() -> None:
    results = judged(a_comparison())
    first = Results([made for made in results.rows if made.status == "ok"], results.about)
    for tasks in ("stsb", "sts13", ["stsb", "sts13"], "stsb, sts13"):
        names = tasks.split(", ") if isinstance(tasks, str) else tasks
        found = curve(first.plot.sparsity(tasks), "magnitude")
        own = [m for m in first.rows if (m.granularity, m.scorer) == ("head", "magnitude") and m.task in names]
        means = [np.mean([m.delta_clean for m in own if m.sparsity == share]) for share in (0.05, 0.2)]
        assert [point["value"] for point in found] == pytest.approx(means)
    (low, high) = next(
        (item.low, item.high)
        for item in results.evidence
        if (item.task, item.granularity, item.scorer, item.sparsity) == ("sts13", "head", "align", 0.05)
    )
    assert (low, high) in [(p["low"], p["high"]) for p in curve(first.plot.sparsity("sts13"), "align")]


def test_a_mean_over_some_tasks_has_no_interval() -> None:
    rows = [row(task=task) for task in ("stsb", "sts12", "sts13")]
    rows += [cell("head", "align", s, task=m.task, delta=s) for m in rows[:3] for s in (0.1, 0.2)]
    results = judged(Results(rows, about(screen=["stsb", "sts12", "sts13"], confirm=[])))
    assert layers(panels(results.plot.sparsity())["head"], "area")
    assert not layers(panels(results.plot.sparsity(["stsb", "sts12"]))["head"], "area")


def test_scores_are_drawn_before_losses_and_losses_on_request() -> None:
    results = with_geometry(a_run())
    units = [
        layers(panels(figure)["head"], "line")[0]["encoding"]["y"]["title"]
        for figure in (results.plot.sparsity(), results.plot.sparsity("align-dev"))
    ]
    assert units == ["Δ, points", "Δ, loss"]
    assert all(point["value"] == pytest.approx(-0.01) for point in drawn(results.plot.sparsity("align-dev")))


def test_the_intervals_are_those_of_the_evidence_best_first() -> None:
    results = judged(a_run())
    figure = results.plot.intervals()
    found = [one for one in drawn(figure, "") if "kind" in one]
    assert [one["value"] for one in found] == sorted((one["value"] for one in found), reverse=True)
    wanted = ("confirm", "dense", None)
    items = {item.cell: item for item in results.evidence if (item.stage, item.against, item.task) == wanted}
    judged_cells = [one for one in found if one["kind"] == "cell"]
    assert len(judged_cells) == 13
    for one in judged_cells:
        assert (one["low"], one["high"]) == (items[one["cell"]].low, items[one["cell"]].high)
    draws = [one["value"] for one in drawn(figure, "") if "edge" in one]
    matched = [made for made in results.rows if made.control == "matched"]
    assert len(draws) == len(matched) / len(SEVEN)


def test_the_best_cells_are_drawn_task_by_task() -> None:
    results = judged(a_run())
    found = drawn(results.plot.tasks(), "")
    best = [one["cell"] for one in drawn(results.plot.intervals(), "") if one.get("kind") == "cell"][:6]
    assert list(dict.fromkeys(one["cell"] for one in found)) == best
    assert list(dict.fromkeys(one["task"] for one in found)) == ["mean", *SEVEN]
    for one in found[len(best) :]:
        (made,) = [
            row.delta_clean
            for row in results.rows
            if (row.cell, row.task, row.control) == (one["cell"], one["task"], None)
        ]
        assert one["value"] == pytest.approx(made)


def test_the_maps_hold_the_contributions() -> None:
    payload = contributions(["align"])
    results = Results([row()], about(maps=payload))
    figure = results.plot.heads()
    assert next(iter(panels(figure))) == "oracle (exact)"
    for title, one in zip(panels(figure), (payload[1], payload[0]), strict=True):
        found = drawn(figure, title)
        assert [unit["contribution"] for unit in found] == one["contributions"]
        assert [unit["layer"] for unit in found] == one["layers"]
        # The middle of the colors is 0, and the map has its color bar.
        (heat,) = layers(panels(figure)[title], "rect")
        low, high = heat["encoding"]["color"]["scale"]["domain"]
        assert -low == high == max(map(abs, one["contributions"]))
        assert heat["encoding"]["color"]["legend"]


def test_the_plane_has_every_cell_where_its_losses_are() -> None:
    measured = with_geometry(a_run(scorers=("align", "magnitude")))
    shifted = [
        replace(made, score=known(made.score) + place / 1e4, score_clean=known(made.score) + place / 1e4)
        if made.task in ("align-dev", "uniform-dev") and made.scorer
        else made
        for place, made in enumerate(measured.rows)
    ]
    results = Results(shifted, measured.about)
    found = drawn(results.plot.plane(), "")
    by_cell: dict[str, dict[str, Any]] = {}
    for made in results.rows:
        by_cell.setdefault(made.key, {})[made.task] = made.score_clean
    wanted = sorted((one["uniform-dev"], one["align-dev"]) for one in by_cell.values() if "align-dev" in one)
    np.testing.assert_allclose(sorted((one["uniform"], one["align"]) for one in found), wanted)
    assert [(one["uniform"], one["align"]) for one in found if one["kind"] == "dense"] == [(-2.5, 0.4)]


def test_a_figure_shows_itself_alike_each_time_and_can_be_saved(tmp_path: Path) -> None:
    results = judged(a_run())
    first, again = (results.plot.sparsity() for _ in range(2))
    bundle, about_it = first._repr_mimebundle_()
    assert bundle["image/png"].startswith(b"\x89PNG")
    assert bundle == again._repr_mimebundle_()[0]
    (interactive,) = [kind for kind in bundle if kind.startswith("application/vnd.vegalite.v")]
    said = json.dumps(bundle[interactive], ensure_ascii=False)
    assert "0 is the dense model" in said
    assert about_it["image/png"]["alt"].startswith("Sparsity curves of minilm, screen: Δ on stsb-dev (dev)")
    plain = results.plot.sparsity(caption=False)
    assert "0 is the dense model" not in json.dumps(plain.chart.to_dict(), ensure_ascii=False)
    first.save(tmp_path / "curves.svg")
    assert "Sparsity curves of minilm" in (tmp_path / "curves.svg").read_text()


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
        (TWO, "plane", {}, "this run has 2 models: choose one with model=, of one, two"),
        (TWO, "heads", {}, "this run has 2 models"),
        (Results([row()], about()), "intervals", {}, "no cell of this run has an interval or matched draws; give"),
        (a_run(), "tasks", {}, "no cell of this run has an interval; give the command of the run again"),
        (a_run(), "tasks", {"stage": "screen"}, "no stage of several tasks in stage screen"),
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


def test_of_two_models_one_is_drawn_or_both_on_one_scale() -> None:
    alone = TWO.plot.sparsity(model="two")
    assert "of two, screen" in alone.alt
    assert list(panels(alone)) == ["unstructured", "head", "neuron"]
    both = TWO.plot.sparsity()
    assert list(panels(both)) == [f"{kind}, {model}" for kind in panels(alone) for model in ("one", "two")]
    for kind in panels(alone):
        assert domain(panels(both)[f"{kind}, one"], "y") == domain(panels(both)[f"{kind}, two"], "y")
    every = judged(TWO).plot.intervals()
    assert list(panels(every)) == ["one", "two"]
    assert domain(panels(every)["one"], "x") == domain(panels(every)["two"], "x")


def test_without_altair_the_extra_is_named() -> None:
    code = """import sys
sys.modules["altair"] = None
from ablate.errors import AblateError
from tests.report_rows import a_run
a_run()._repr_html_()
try:
    a_run().plot
except AblateError as error:
    print(error)"""
    said = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert said == "figures need Altair and vl-convert: pip install 'ablate-embeddings[report]'\n"


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
