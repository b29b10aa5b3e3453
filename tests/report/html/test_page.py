"""The page in a browser: charts, tables, accessibility, print; and its limits."""

from __future__ import annotations

import base64
import hashlib
import re
import subprocess
from pathlib import Path

import pytest

from ablate.report.figures.figure import COLORS, INK, LINE, PAPER, SOFT
from ablate.report.html.material import Material
from ablate.report.html.page import MOST_LINES, render_html
from ablate.report.html.template import asset
from ablate.report.table import Block, Column, Line, Page, Table, TableCell
from tests.report.html.test_html import (
    CHROMIUM,
    FLAGS,
    Parsed,
    browser,
    full_page,
    in_chromium,
    scripts,
    stability,
    with_script,
)
from tests.report_rows import a_comparison

SHOW_ALL = "for (const figure of document.querySelectorAll('figure.chart')) await show(figure);"


@browser
def test_the_charts_become_interactive_under_the_policy(tmp_path: Path) -> None:
    # Our own script, changed so that it need not wait for the reader to scroll, with its hash in the policy.
    page = full_page()
    *_, own = scripts(page)
    changed = f"{own}\n(async () => {{ {SHOW_ALL} document.documentElement.dataset.shown = 1; }})();"
    digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (own, changed)]
    dom = in_chromium(page.replace(own, changed).replace(digests[0], digests[1]), tmp_path, budget=60_000)
    (root,) = Parsed(dom).named("html")
    assert root.get("data-shown") == "1"
    plots = [one for one in Parsed(dom).named("div") if one.get("class") == "plot"]
    assert len(plots) == dom.count('<p class="tools">') == 11
    assert all(int(plot["data-width"] or 0) > 300 for plot in plots)


@browser
def test_a_legend_toggles_by_mouse_and_keyboard_and_a_mark_says_its_values(tmp_path: Path) -> None:
    script = """(async () => {
      const figure = document.querySelector("figure.chart");
      await show(figure);
      const point = (at, ...kinds) => {
        const {x, y, width, height} = at.getBoundingClientRect();
        const place = {bubbles: true, clientX: x + width / 2, clientY: y + height / 2};
        for (const kind of kinds) at.dispatchEvent(new MouseEvent(kind, place));
        return new Promise((done) => setTimeout(done, 300));
      };
      const solid = () => [...figure.querySelectorAll(".mark-symbol.role-mark path")]
        .filter((mark) => mark.getAttribute("opacity") === "1");
      const colors = () => [...new Set(solid().map((mark) => mark.getAttribute("fill")))];
      await point(figure.querySelectorAll(".role-legend-symbol path")[1], "click");
      document.body.dataset.colors = colors();
      await point(solid()[0], "pointerover", "mouseover", "pointermove", "mousemove");
      document.body.dataset.said = document.querySelector(".vg-tooltip").textContent;
      const keys = [...figure.querySelectorAll(".keys button")];
      keys[0].focus();
      keys[0].click();
      await new Promise((done) => setTimeout(done, 300));
      document.body.dataset.both = colors();
      document.body.dataset.keys = keys.map((key) => `${key.ariaLabel} ${key.ariaPressed}`);
      const at = (element) => Object.values(element.getBoundingClientRect().toJSON()).map(Math.round);
      const entry = figure.querySelector("[class*=legend_entries] > g");
      document.body.dataset.place = [at(document.activeElement), at(entry)].join("|");
    })();"""
    (body,) = Parsed(in_chromium(with_script(full_page(), script), tmp_path, budget=60_000)).named("body")
    assert body["data-colors"] == COLORS[1]
    said = body["data-said"] or ""
    assert said.startswith("scoreruniformsparsity, %5Δ")
    assert "interval" in said
    # By keyboard, another entry is added. The focused button is on its entry of the legend.
    assert body["data-both"] == f"{COLORS[0]},{COLORS[1]}"
    assert body["data-keys"] == "align true,uniform true,combined false,magnitude false,random false"
    focused, entry = (body["data-place"] or "").split("|")
    assert focused == entry


@browser
def test_a_filter_leaves_the_lines_with_its_words(tmp_path: Path) -> None:
    lines = tuple(Line((TableCell(name), TableCell("1"))) for name in ("head align", "head uniform", *"abcdefgh"))
    table = Table("long", (Column("name", stub=True), Column("value")), lines, "row")
    material = Material(a_comparison(), stability=(stability([]), Page((), (Block(None, (table,)),), ())))
    typed = (
        "const field = document.querySelector('#stability .filter input'); field.value = 'ALIGN head';"
        " field.dispatchEvent(new Event('input'));"
    )
    dom = in_chromium(with_script(render_html(material), typed), tmp_path)
    section = dom.partition('id="stability"')[2].partition("</section>")[0]
    assert section.count('hidden=""') == 9
    assert "1 of 10</output>" in section


@browser
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 420)])
def test_axe_finds_nothing(scheme: str, width: int, tmp_path: Path) -> None:
    """The WCAG 2.1 rules of level A and AA, contrast among them, and the best practices."""
    axe = pytest.importorskip("axe_core_python", reason="axe-core-python brings axe-core")
    source = (Path(axe.__file__).parent / "axe.min.js").read_text().replace("</script", "<\\/script")
    run = "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice']})"
    found = "found.violations.map((one) => [one.id, one.nodes.length, one.nodes[0].html.slice(0, 200)])"
    report = f"const found = await {run}; document.body.dataset.axe = JSON.stringify({found});"
    page = with_script(full_page(), f"{source};(async () => {{ {SHOW_ALL} {report} }})();")
    if scheme == "dark":
        page = page.replace("@media (prefers-color-scheme: dark)", "@media all")
    dom = in_chromium(page, tmp_path, budget=60_000, width=width)
    (body,) = Parsed(dom).named("body")
    assert body.get("data-axe") == "[]"
    assert dom.count('<p class="tools">') == 11


@browser
def test_it_prints_on_a4(tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text(full_page())
    assert CHROMIUM
    flags = [*FLAGS, f"--user-data-dir={tmp_path / 'profile'}", f"--print-to-pdf={tmp_path / 'page.pdf'}"]
    subprocess.run([CHROMIUM, *flags, file.as_uri()], capture_output=True, timeout=120, check=True)
    boxes = re.findall(rb"/MediaBox \[([^]]*)\]", (tmp_path / "page.pdf").read_bytes())
    # A4, and landscape for a table of many columns.
    assert {tuple(round(float(number)) for number in box.split()) for box in boxes} == {
        (0, 0, 595, 842),
        (0, 0, 842, 595),
    }


def test_each_color_of_a_figure_has_one_for_the_dark_page() -> None:
    style = asset("style.css")
    light, dark = (dict(re.findall(r"--(\w+): (#\w{6})", part)) for part in style.split("@media")[:2])
    assert light.keys() == dark.keys()
    for color in (*COLORS, INK, SOFT, LINE, PAPER):
        for attribute in ("fill", "stroke"):
            (name,) = re.findall(rf'\.plot \[{attribute}="{color}"\] {{ {attribute}: var\(--(\w+)\); }}', style)
            assert light[name] == color
            if color not in (LINE, PAPER):
                assert contrast(color, light["paper"]) >= 3
                assert contrast(dark[name], dark["paper"]) >= 3


def contrast(one: str, other: str) -> float:
    """The ratio of WCAG 2."""
    low, high = sorted(map(luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


def luminance(color: str) -> float:
    parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@browser
def test_a_click_sorts_a_table_by_number(tmp_path: Path) -> None:
    texts = ["+0.50 ± 0.1", "–", "-1,200", "12 %", "<0.001"]
    lines = tuple(Line((TableCell(name), TableCell(text))) for name, text in zip("abcde", texts, strict=True))
    tables = [Table(title, (Column("name", stub=True), Column("value")), lines, "row") for title in ("once", "twice")]
    material = Material(a_comparison(), stability=(stability([]), Page((), (Block(None, tuple(tables)),), ())))
    click = "document.querySelectorAll('#stability th:nth-child(2) button')[{}].click();"
    clicks = f"{click.format(0)}{click.format(1)}{click.format(1)}"
    dom = in_chromium(with_script(render_html(material), clicks), tmp_path)
    section = dom.partition('id="stability"')[2].partition("</section>")[0]
    assert "".join(re.findall(r'<th scope="row" class="stub">(\w)</th>', section)) == "daecb" + "ceadb"
    assert re.findall(r'aria-sort="(\w+)"', section) == ["none", "descending", "none", "ascending"]


def test_a_table_of_many_lines_shows_the_first_and_says_so() -> None:
    lines = tuple(Line((TableCell(f"line {place}"), TableCell("1"))) for place in range(MOST_LINES + 5))
    table = Table("long", (Column("name", stub=True), Column("value")), lines, "row")
    page = render_html(Material(a_comparison(), stability=(stability([]), Page((), (Block(None, (table,)),), ()))))
    assert f"line {MOST_LINES - 1}<" in page
    assert f"line {MOST_LINES}<" not in page
    assert "The first 1,000 of 1,005 lines." in page
