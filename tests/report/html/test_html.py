"""The HTML report: what it says, that it stands alone, and that nothing in it is obeyed."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ablate.judge.effects import stages
from ablate.record import ContributionMap, Evidence, ModelHashes, OverModels, Row, from_plain
from ablate.report.curves import curves
from ablate.report.figures.intervals import forests, intervals_figure, reach
from ablate.report.figures.maps import heading, maps_figure, of_record
from ablate.report.figures.stability import settlings, stability_figure
from ablate.report.html.material import Material
from ablate.report.html.page import render_html
from ablate.report.html.provenance import Origin
from ablate.report.plane import points
from ablate.report.results import Results
from ablate.report.table import Block, Column, Line, Page, Table, TableCell
from ablate.statistics.ranking_agreement import Spread
from ablate.studies.prevalence_record import PrevalenceRecord, UnitContributions
from ablate.studies.stability_record import (
    Agreement,
    Overlap,
    SeedAgreement,
    SizeAgreement,
    StabilityEntry,
    StabilityRecord,
)
from tests.report.over_rows import failed, family, line, over, pooled
from tests.report_rows import SPARSITIES, a_comparison, a_run, about, an_item, cell, changed, row
from tests.workplace import RECIPE, Workplace

MARK = "document.documentElement.dataset.pwned=1"
# Each would leave a mark on the page if it ran.
HOSTILE = [
    f"<script>{MARK}</script>",
    f"</script><script>{MARK}</script>",
    f"<ScRiPt>{MARK}</sCrIpT>",
    f"<script src='data:text/javascript,{MARK}'></script>",
    f"<script\n>{MARK}</script\n>",
    f"<script/x>{MARK}</script>",
    f"<<script>{MARK}//<</script>",
    f"<img src=x onerror={MARK}>",
    f'<img src="x" onerror="{MARK}">',
    f"<img/src=x/onerror={MARK}>",
    f"<svg onload={MARK}>",
    f"<svg><script>{MARK}</script></svg>",
    f"<svg><animate onbegin={MARK} attributeName=x dur=1s>",
    f"<body onload={MARK}>",
    f"<iframe srcdoc='<script>parent.{MARK}</script>'></iframe>",
    f"<iframe src='javascript:parent.{MARK}'></iframe>",
    f"<details open ontoggle={MARK}>x</details>",
    f"<input autofocus onfocus={MARK}>",
    f"<video><source onerror={MARK}></video>",
    f"<audio src=x onerror={MARK}>",
    f"<marquee onstart={MARK}>x</marquee>",
    f"<style>@keyframes a{{}}</style><b style='animation:a' onanimationstart={MARK}>x</b>",
    f'" onmouseover="{MARK}" autofocus onfocus="{MARK}" x="',
    f"' autofocus onfocus='{MARK}' x='",
    f"--><script>{MARK}</script><!--",
    f"]]><script>{MARK}</script>",
    f"</title><script>{MARK}</script>",
    f"</style><script>{MARK}</script>",
    f"</text></svg><script>{MARK}</script>",
    f"</pre></details><img src=x onerror={MARK}>",
    f"{{{{ ''.__class__ }}}}{{% raw %}}<script>{MARK}</script>",
    f"&lt;script&gt;{MARK}&lt;/script&gt;<script>{MARK}</script>",
    f"javascript:{MARK}",
    f"\u202e\x00\x1b]<script>{MARK}</script>\ufffe",
]
assert len(HOSTILE) >= 30
OURS = {"html", "head", "meta", "title", "style", "body", "header", "p", "h1", "h2", "h3", "h4", "nav", "a", "main"}
OURS |= {"section", "div", "dl", "dt", "dd", "ul", "li", "figure", "figcaption", "table", "thead", "tbody", "tr", "th"}
OURS |= {"td", "button", "span", "strong", "details", "summary", "pre", "script"}
OURS |= {"svg", "g", "defs", "path", "text", "tspan", "line", "clippath", "rect", "lineargradient", "stop"}
CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
browser = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH to open the page in")


class Parsed(HTMLParser):
    """The elements of a page with their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def evidence(results: Results, verdict: Callable[[float], str]) -> tuple[Evidence, ...]:
    """An item for each cell and stage, against dense and against its draws, intervals of ± 0.3."""
    items = []
    for stage in stages(results):
        for group in stage.groups:
            delta = stage.effect(group).value
            if delta is None:
                continue
            shared: dict[str, Any] = {"margin": 0.2, "level": 0.05, "n": 99, "se": 0.15}
            ends: dict[str, Any] = {"delta": delta, "low": delta - 0.3, "high": delta + 0.3, "p_different": 0.02}
            said = verdict(delta)
            qs = {} if said == "undecided" else {f"q_{said}": 0.012}
            qs |= {"smallest_better": 0.42, "q_better": qs.get("q_better", 1.0)}
            qs |= {"p_harmless": 0.0005} if said == "harmless" else {}
            items.append(an_item(stage, group, **shared, **ends, **qs, against="dense", verdict=said))
            if len(group.matched) > 1:
                lift = delta - (stage.matched(group).value or 0.0)
                drawn: dict[str, Any] = {"delta": lift, "low": lift - 0.4, "high": lift + 0.4, "q_beats": 0.03}
                items.append(an_item(stage, group, **shared, **drawn, against="matched", draws=3, beaten=2))
    return tuple(items)


def judged(
    results: Results, verdict: Callable[[float], str] = lambda delta: "improves" if delta > 0.3 else "harms"
) -> Results:
    return Results(results.rows, replace(results.about, evidence=evidence(results, verdict)))


def geometry(results: Results) -> list[Row]:
    """The two geometry tasks for every screened row."""
    made = []
    for one in [one for one in results.rows if one.stage == "screen"]:
        for task, metric, dense in (("align-dev", "align loss", 0.4), ("uniform-dev", "uniform loss", -2.5)):
            delta = 0.0 if one.cell == "dense" else -0.01
            scores: dict[str, Any] = {"dense": dense, "delta": delta, "score": dense + delta}
            scores |= {f"{name}_clean": value for name, value in scores.items()}
            made.append(replace(one, **scores, task=task, metric=metric, unit="loss", higher_is_better=False))
    return made


def stability(scorers: list[str], granularity: str = "head", model: str = "minilm") -> StabilityRecord:
    """A record of ``ablate stability``, as far as it is drawn."""

    def spread(mean: float) -> Spread:
        return Spread(mean, mean - 0.1, mean + 0.01, 6)

    def size(count: int, mean: float) -> SizeAgreement:
        jaccard = (Overlap(0.1, "global", spread(mean)), Overlap(0.0, "global", None))
        compared = Agreement(None, spread(mean), jaccard)
        return SizeAgreement(count, count, count, 0.0, compared, compared)

    seeds = SeedAgreement((0, 1), 64, 64, 16, None, None, ())
    sizes = (size(64, 0.5), size(128, 0.95), size(256, 0.99))
    entries = (StabilityEntry(model, name, granularity, None, 24, 24, seeds, sizes, 128, (), ()) for name in scorers)
    return StabilityRecord({"models": [model]}, (), tuple(entries), "run-2", {})


def prevalence(maps: list[dict[str, Any]]) -> PrevalenceRecord:
    """A record of ``ablate prevalence`` with nothing but maps."""
    return PrevalenceRecord({"models": ["minilm"]}, (), tuple(UnitContributions(**one) for one in maps), "r", None, {})


def contributions(scorers: list[str], model: str = "minilm", granularity: str = "head") -> list[dict[str, Any]]:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=24)
    fixed = {"model": model, "granularity": granularity, "layers": [place // 12 for place in range(24)]}
    noisy = [
        {**fixed, "scorer": name, "contributions": (truth + rng.normal(size=24)).tolist(), "oracle": False}
        for name in scorers
    ]
    return [*noisy, {**fixed, "scorer": "oracle", "contributions": truth.tolist(), "oracle": True}]


@cache
def full_page() -> str:
    """A run with everything that a report can show."""
    run = a_run()
    results = judged(
        Results(
            run.rows + geometry(run),
            replace(run.about, recipe={"tie_seed": 7}, hashes={"minilm": ModelHashes("ab12", "cd34")}),
        )
    )
    page = Page(("model: minilm",), (), ())
    studies: dict[str, Any] = {
        "stability": (stability(["align", "uniform"]), page),
        "prevalence": (prevalence(contributions(["align"])), page),
    }
    moment = datetime(2026, 11, 24, 6, 30, tzinfo=UTC)
    origin = Origin("run-1", moment, moment, {"minilm": {"k": "head align 10 %"}}, moment, {"sts12": 1, "stsb": 3})
    others = tuple(of_seed(a_run(seed=seed), seed) for seed in range(1, 5))
    return render_html(Material(results, origin, **studies, companions=others))


def of_seed(results: Results, seed: int) -> Results:
    """The same run with another calibration seed."""
    return Results(results.rows, replace(results.about, recipe={"calibration": {"calibration_seed": seed}}))


@cache
def hostile() -> str:
    """A report whose every name, task, label, reason, command and number of units came from an attacker."""
    rows = [row(task=HOSTILE[0])]
    for place, text in enumerate(HOSTILE):
        given = {"model": HOSTILE[place % 3], "task": HOSTILE[place % 2], "metric": HOSTILE[4], "unit": HOSTILE[5]}
        rows.append(row(**given | {"split": HOSTILE[6]}))
        for sparsity in SPARSITIES[:2]:
            made = cell(HOSTILE[place % 4], text, sparsity, cell=text, scope=HOSTILE[8], data=text, **given)
            rows.append(made if place % 5 else changed(made, status="failed", reason=text))
            rows.append(replace(made, key=f"d{place}", control="matched", control_of=made.key, draw=place % 2))
        for task in map(str, range(5)):
            rows.append(cell("head", text, 0.1, task=task, stage="confirm", chosen=True, delta=place / 10))
    listed: dict[str, Any] = {name: [*HOSTILE] for name in ("screen", "confirm")}
    models = list(dict.fromkeys(one.model for one in rows))
    named: dict[str, Any] = dict.fromkeys(("data", "data_why", "command", "store", "run"), " ".join(HOSTILE))
    named |= {
        "overlap": "drop",
        "versions": {text: text for text in HOSTILE},
        "recipe": {"seeds": HOSTILE, HOSTILE[1]: 1},
    }
    named |= {
        "hashes": {HOSTILE[2]: {"model": HOSTILE[3], "calibration": HOSTILE[1]}},
        "statistics": {text: text for text in HOSTILE},
    }
    results = judged(Results(rows, about(models=models, timings=dict.fromkeys(HOSTILE, 1.0), **listed, **named)))
    results = Results(results.rows, replace(results.about, over_models=hostile_models()))
    cells = tuple(Line((TableCell(text, best=True, verdict=text), TableCell(text))) for text in HOSTILE)
    table = Table(HOSTILE[1], (Column(HOSTILE[2], stub=True), Column(HOSTILE[3])), cells, HOSTILE[9], tuple(HOSTILE))
    page = Page(tuple(HOSTILE), (Block(HOSTILE[7], (table,)),), tuple(HOSTILE))
    entries = [entry for text in HOSTILE[:4] for entry in stability(HOSTILE[:3], text, HOSTILE[1]).stability]
    maps = [one for text in HOSTILE[:3] for one in contributions([text, HOSTILE[9]], text, HOSTILE[8])]
    studies: dict[str, Any] = {
        "stability": (replace(stability([]), stability=tuple(entries)), page),
        "prevalence": (prevalence(maps), page),
    }
    choice = {text: {"key": text} for text in HOSTILE}
    return render_html(Material(results, Origin(HOSTILE[3], choice=choice, reads=dict.fromkeys(HOSTILE, 2)), **studies))


def hostile_models() -> OverModels:
    """What was found over models, of the same attacker."""
    lines = [
        line(
            HOSTILE[place % 3],
            by,
            text,
            lineage=text,
            cell=text,
            first=text,
            verdict=text,
            harmed=(text,),
            depth={text: (0.5, 0.3, 0.2)},
        )
        for by in ("granularity", "scorer")
        for place, text in enumerate(HOSTILE)
    ]
    gained = [pooled(by, text, untested=text) for by in ("all", "granularity", "scorer") for text in HOSTILE]
    return over([*lines, failed(HOSTILE[4], HOSTILE[5])], gained, tasks=tuple(HOSTILE[:2]), unit=HOSTILE[7])


FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync"]


def in_chromium(page: str, folder: Path, budget: int = 3000, width: int = 1280) -> str:
    """What the page has become once its scripts have run, for at most so many milliseconds of its own clock."""
    file = folder / "page.html"
    file.write_text(page)
    assert CHROMIUM
    flags = [*FLAGS, f"--virtual-time-budget={budget}", f"--window-size={width},2000", "--dump-dom"]
    ran = subprocess.run(
        [CHROMIUM, *flags, f"--user-data-dir={folder / 'profile'}", file.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return ran.stdout


def with_script(page: str, script: str) -> str:
    """The page without its policy, and with a script at its end."""
    head, _, tail = re.sub(r"<meta http-equiv[^>]*>", "", page).rpartition("</body>")
    return f"{head}<script>{script}</script></body>{tail}"


def scripts(page: str) -> list[str]:
    """The scripts that run, without data."""
    return re.findall(r"<script>(.*?)</script>", page, re.DOTALL)


def pwned(dom: str) -> bool:
    (root,) = Parsed(dom).named("html")
    return "data-pwned" in root


def test_no_element_and_no_attribute_comes_from_a_text() -> None:
    page = hostile()
    parsed = Parsed(page)
    tags = {tag for tag, _ in parsed.elements}
    assert tags <= OURS
    kinds = [script.get("type") for script in parsed.named("script")]
    assert kinds == ["application/json"] * (len(kinds) - 3) + [None] * 3
    assert len(parsed.named("style")) == 1
    assert not [attributes for _, attributes in parsed.elements if "style" in attributes]
    for _, attributes in parsed.elements:
        assert not [name for name in attributes if name.startswith("on")]
        for name in {"href", "src", "action", "data", "xlink:href"} & set(attributes):
            assert str(attributes[name]).startswith("#")
        assert all(
            found.startswith("#") for found in re.findall(r"url\(([^)]*)\)", " ".join(map(str, attributes.values())))
        )
    shown = " ".join(" ".join(parsed.texts).split())
    for text in HOSTILE[:-1]:
        assert " ".join(text.split()) in shown, text
    assert "\\u202e\\x00\\x1b]<script>" in shown
    assert "<class 'str'>" not in shown


def test_the_policy_lets_our_scripts_and_style_act_and_no_other() -> None:
    page = hostile()
    (policy,) = [meta["content"] for meta in Parsed(page).named("meta") if "http-equiv" in meta]

    def allowed(contents: list[str]) -> str:
        digests = [base64.b64encode(hashlib.sha256(content.encode()).digest()).decode() for content in contents]
        return " ".join(f"'sha256-{digest}'" for digest in digests)

    style = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    wanted = f"default-src 'none'; style-src {allowed(style)}; script-src {allowed(scripts(page))}; base-uri 'none';"
    assert policy == f"{wanted} form-action 'none'"
    assert page.index("Content-Security-Policy") < page.index("<title>")


def test_a_run_of_several_models_has_a_section_over_them() -> None:
    run = a_comparison()
    page = render_html(Material(Results(run.rows, replace(run.about, over_models=family()))))
    section = page[page.index('<section id="models">') : page.index("</section>", page.index('<section id="models">'))]
    assert section.count('<figure class="chart">') == 3
    assert "Best confirmed cell of each model × granularity" in section
    assert "failed: out of memory" in section
    assert '<section id="models">' not in render_html(Material(run))


@browser
def test_nothing_hostile_runs_in_chromium(tmp_path: Path) -> None:
    dom = in_chromium(hostile(), tmp_path)
    assert not pwned(dom)
    (root,) = Parsed(dom).named("html")
    assert root["class"] == "sortable", "our own script must run"


@browser
@pytest.mark.parametrize("policy", [False, True])
def test_the_strings_are_hostile_and_the_policy_alone_stops_them(policy: bool, tmp_path: Path) -> None:
    (head,) = re.findall(r'<meta http-equiv="Content-Security-Policy"[^>]*>', hostile())
    page = f"<!DOCTYPE html><html><head>{head if policy else ''}</head><body>{''.join(HOSTILE[:3])}{HOSTILE[7]}</body></html>"
    assert pwned(in_chromium(page, tmp_path)) is not policy


def test_the_same_run_makes_the_same_file() -> None:
    studied = prevalence(contributions(["align"])), Page((), (), ())
    material = Material(judged(a_comparison()), prevalence=studied)
    assert render_html(material) == render_html(material)


def test_it_names_no_other_file() -> None:
    page = full_page()
    # The runtime names the namespaces of SVG and the documentation of Vega-Lite, and the policy forbids to load either.
    for script in scripts(page):
        page = page.replace(script, "")
    assert "://" not in page.replace("sqlite:///ablate.db", "")
    assert "@import" not in page
    ids = [str(attributes["id"]) for _, attributes in Parsed(page).elements if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_everything_has_its_section() -> None:
    page = full_page()
    parsed = Parsed(page)
    figures = [attributes for attributes in parsed.named("div") if attributes.get("class") == "plot"]
    # Curves by measure, cells, tasks, ranks, plane, map, stability.
    assert len(figures) == len(parsed.named("svg")) == 3 + 1 + 1 + 3 + 1 + 1 + 1
    assert all(attributes["role"] == "img" and attributes["aria-label"] for attributes in figures)
    assert {attributes.get("aria-hidden") for attributes in parsed.named("svg")} == {"true"}
    assert len(page) < 2_000_000
    for text in (
        "recipe",
        "tie_seed",
        "ab12",
        "recorded",
        "3 times",
        "2026-11-24 06:30:00 UTC",
        "ablate run recipes/sts.yaml",
    ):
        assert text in " ".join(parsed.texts)


def test_what_is_absent_says_how_to_get_it() -> None:
    shown = " ".join(Parsed(render_html(Material(a_comparison()))).texts)
    for command in ("ablate prevalence RECIPE", "ablate stability RECIPE", "task group geometry"):
        assert command in shown
    assert "no cell was confirmed" in shown
    assert "Not in this report: Scorers as methods, Alignment and uniformity" in shown


def test_a_mean_that_improves_says_which_tasks_are_harmed() -> None:
    results = judged(a_run())
    items = [replace(item, harmed=("sickr",)) if item.verdict == "improves" else item for item in results.evidence]
    page = render_html(Material(Results(results.rows, replace(results.about, evidence=tuple(items)))))
    assert " It harms sickr." in page
    assert 'title="improves; harms sickr" role="img" aria-label="improves; harms sickr">▲</span>' in page
    assert "improves; harms sickr</td>" in page


def test_curves_rise_in_sparsity_and_have_the_right_bands() -> None:
    results = judged(a_run())
    screen = next(stage for stage in stages(results) if stage.name == "screen")
    found = {(curve.granularity, curve.label): curve for curve in curves(screen)}
    assert len(found) == 3 * 5
    align = found["head", "align"]
    assert [point.sparsity for point in align.points] == [5, 10, 20, 30]
    for point, group in zip(
        align.points,
        [g for g in screen.groups if g.row.granularity == "head" and g.row.scorer == "align"],
        strict=True,
    ):
        assert point.value == screen.effect(group).value
        assert (point.low, point.high) == pytest.approx((point.value - 0.3, point.value + 0.3))
    control = found["head", "random"]
    group = next(g for g in screen.groups if g.row.granularity == "head" and g.row.scorer == "random")
    sd = screen.effect(group).sd
    assert control.seeded
    assert sd is not None
    assert control.points[0].high == pytest.approx(control.points[0].value + sd)


def test_draws_that_are_far_away_do_not_flatten_the_intervals() -> None:
    results = judged(a_run())
    confirm = next(stage for stage in stages(results) if stage.name == "confirm")
    near = intervals_figure([confirm], "Cells")
    low, high = reach(forests([confirm]))
    assert near is not None
    assert "Arrows" not in near.caption
    rows = [
        replace(made, delta=-12.0, delta_clean=-12.0)
        if (made.control, made.granularity) == ("matched", "unstructured")
        else made
        for made in results.rows
    ]
    moved = next(stage for stage in stages(Results(rows, results.about)) if stage.name == "confirm")
    far = intervals_figure([moved], "Cells")
    assert far is not None
    assert "Arrows: draws beyond the edge." in far.caption
    after = reach(forests([moved]))
    assert after[1] == high
    assert after[0] <= low
    assert after[0] > -2 * (high - low)


def test_the_plane_has_dense_and_every_cell_by_their_scores() -> None:
    run = a_run()
    found = stages(Results(run.rows + geometry(run), run.about))
    put = points([stage for stage in found if stage.name == "screen"])
    assert put[0][:4] == ("dense", "dense", -2.5, 0.4)
    cells = 3 * 5 * len(SPARSITIES) + 1
    assert put[1][:4] == ("unstructured", "unstructured × align 5 %", -2.51, 0.39)
    assert len(put) == 1 + cells
    assert points([stage for stage in found if stage.name == "confirm"]) == []


def test_maps_are_laid_out_by_layer_with_the_oracle_first() -> None:
    payload = contributions(["align"])
    made = [from_plain(ContributionMap, one) for one in payload]
    wide = ContributionMap("minilm", "neuron", "align", False, (0,) * 65, (0.5,) * 65)
    ((place, maps),) = of_record([*made, wide, replace(made[0], layers=(0,))]).items()
    assert place == ("minilm", "head")
    assert [one.scorer for one in maps] == ["oracle", "align"]
    assert maps[0].grid.shape == (2, 12)
    assert maps[0].grid[1, 3] == payload[1]["contributions"][15]
    # Spearman by hand: 1 - 6 Σ d² / (n (n² - 1)).
    ranks = [np.argsort(np.argsort(one["contributions"])) for one in payload]
    rho = 1 - 6 * ((ranks[0] - ranks[1]) ** 2).sum() / (24 * (24**2 - 1))
    assert heading(maps[1], maps) == f"align, ρ {rho:.2f}"
    below = sum(value < 0 for value in payload[1]["contributions"])
    assert f"oracle (exact): {below} of 24 below 0" in maps_figure(maps, "minilm", "head").alt


def test_stability_draws_what_is_defined_and_says_what_is_enough() -> None:
    (entry,) = stability(["align"]).stability
    undefined = replace(entry.sizes[0], largest=Agreement(None, None, entry.sizes[0].largest.jaccard[1:]))
    curves = settlings([entry, replace(entry, sizes=(undefined,)), replace(entry, sizes=())])
    (curve,) = curves
    assert curve.correlations == ((64, 0.5, 0.4, 0.51), (128, 0.95, 0.85, 0.96), (256, 0.99, 0.89, 1.0))
    assert curve.overlaps == ((64, 0.5), (128, 0.95), (256, 0.99))
    (partial,) = settlings([replace(entry, sizes=(undefined, *entry.sizes[1:]))])
    assert [len(partial.correlations), len(partial.overlaps)] == [2, 2]
    figure = stability_figure(curves, "minilm")
    assert figure is not None
    assert "head align: 128" in figure.caption
    assert stability_figure(curves, "other") is None


def test_a_dollar_is_a_dollar_and_a_verdict_has_its_word() -> None:
    rows = [row(), *(cell("head", name, share, delta=0.1) for name in ("a$b$c", "x_{2}") for share in (0.1, 0.2))]
    page = render_html(Material(judged(Results(rows, about(confirm=[])), lambda _: "harmless")))
    svg = page[page.index("<svg") : page.index("</svg>")]
    assert ">a$b$c<" in svg
    assert ">x_{2}<" in svg
    assert 'title="harmless" role="img" aria-label="harmless">●</span>' in page


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Workplace:
    return Workplace(tmp_path, monkeypatch, capsys)


def test_the_command_reports_from_the_store_alone(place: Workplace) -> None:
    refused = place.refused
    assert refused(place("report")).startswith("there is no store at ablate.db yet")
    assert place.run(RECIPE, "--set", "tie_seed=5").code == 0
    assert place.run(RECIPE).code == 0
    place.nothing_may_evaluate()
    place.nothing_may_load()
    ran = place("report")
    assert (ran.code, ran.out) == (0, "")
    page = Path("report.html").read_text()
    newest = ran.err.split()[3].rstrip(":")
    assert newest in page
    assert place("report", "r.yaml", "-o", "again.html").code == 0
    assert Path("again.html").read_text() == page
    by_recipe = place("report", "r.yaml", "--set", "tie_seed=5", "--format", "csv", "-o", "rows.csv")
    older = by_recipe.err.split()[3].rstrip(":")
    assert older != newest
    assert place("report", older, "--format", "csv").out == Path("rows.csv").read_bytes().decode()
    assert place("show", older, "--format", "csv").out == Path("rows.csv").read_bytes().decode()
    assert refused(place("report", "r.yaml", "--set", "tie_seed=6")).endswith(
        f"no run of r.yaml, with these values, has rows; with other values it was run as {newest}: name that run, or add "
        "its --set; or give `ablate run r.yaml` first"
    )
    assert refused(place("report", "nope")).startswith("there is no run 'nope' in the store; valid: ")
    assert refused(place("report", "nope.yaml")).startswith("nope.yaml: no such recipe")
    assert refused(place("report", "r.yaml", "-o", "r.yaml")).endswith("name another file")


def test_the_command_writes_the_other_formats(place: Workplace) -> None:
    assert place.run(RECIPE).code == 0
    for form in ("markdown", "csv", "latex"):
        assert place("report", "--format", form).out == place("show", "--format", form).out != ""
    assert (
        place.refused(place("report", "--format", "parquet"))
        == "--format parquet: is a binary format; name a file with --output"
    )
    assert place("report", "--format", "parquet", "-o", "rows.parquet").code == 0
    assert place("show", "--format", "parquet", "-o", "same.parquet").code == 0
    assert Path("rows.parquet").read_bytes() == Path("same.parquet").read_bytes()
