"""LaTeX tables: what TeX would obey is escaped, marks are legible, and TeX itself takes them where it is installed."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ablate.record import FIELDS
from ablate.report.latex import PREAMBLE, as_latex, escape
from ablate.report.layout import build
from ablate.report.results import Results
from ablate.report.table import MARKS, Block, Column, Line, Page, Table, TableCell
from tests.report_rows import a_run, about, cell, row

HOSTILE = [
    r"\input{/etc/passwd}",
    r"\write18{rm -rf .}",
    r"\end{document}",
    r"\\[2em] *",
    "50 % & more_of #this$ {here} ~^",
    "[0.1, 0.2]",
    "*starred*",
    "--set `a` 'b' \"c\" <<d>> |e|",
    "two\nlines\r%",
    "^^5c^^5cinput",
    "\x1b[31m\x00",
    "café ñandú",
]
_COMMANDS = {"textbackslash", "textasciicircum", "textasciitilde", "textless", "textgreater", "textbar", "ldots"}
_MATHS = {"Delta", "chi", "pm", "times", "leq", "geq", "blacktriangle", "blacktriangledown", "vartriangle"}
_MATHS |= {"triangledown", "bullet", "circ", "blacksquare", "square", "blacklozenge", "lozenge", "rightarrow"}


def page(*texts: str) -> Page:
    lines = tuple(
        Line((TableCell(text), TableCell(text, best=True)), new=bool(place)) for place, text in enumerate(texts)
    )
    table = Table(texts[0], (Column("stub", stub=True), Column(texts[-1])), lines, "column", texts)
    return Page(texts, (Block(texts[0], (table,)),), texts)


@given(st.text())
@settings(max_examples=300)
def test_nothing_that_tex_obeys_is_left(text: str) -> None:
    """What remains when the escapes are taken out has no special character, and every command is one of ours."""
    left = escape(text)
    for command in re.findall(r"\\([A-Za-z]+)", left):
        assert command in _COMMANDS | _MATHS
    left = re.sub(r"\$[^$\\]*(\\[A-Za-z]+)?\$|\\[A-Za-z]+\{\}|\\[&%$#_{}]|\{[-`'\[\]*\"]\}", "", left)
    assert not set(left) & set("\\{}$&#%_^~<>|\"`'[]*\n\r\t\x00\x1b"), left


def test_escapes_by_hand() -> None:
    assert escape(r"50 % & a_b #1 $x {y} \z") == r"50 \% \& a\_b \#1 \$x \{y\} \textbackslash{}z"
    assert escape("[0.1] --x ^~") == r"{[}0.1{]} {-}{-}x \textasciicircum{}\textasciitilde{}"
    assert escape("+0.50 ± 0.10 ▲, Δ – two\nlines") == r"+0.50 $\pm$ 0.10 $\blacktriangle$, $\Delta$ -- two lines"
    assert all(re.fullmatch(r"\$\\\w+\$", escape(mark)) for mark in MARKS.values())


def test_a_table_line_by_line() -> None:
    text = as_latex(page("one", "two"))
    assert text.splitlines()[:2] == [PREAMBLE, "% one"]
    table = text[text.index(r"\begin{tabular}") : text.index(r"\end{tabular}")].splitlines()
    assert table == [
        r"\begin{tabular}{@{}lr@{}}",
        r"\toprule",
        r"stub & two \\",
        r"\midrule",
        r"one & \textbf{one} \\",
        r"\midrule",
        r"two & \textbf{two} \\",
        r"\bottomrule",
    ]
    assert r"\par\smallskip\footnotesize one two Bold: best of its column." in text
    assert r"\subsection*{one}" in text


def test_a_run_has_each_of_its_tables_and_every_cell() -> None:
    results = a_run()
    text = results.to_latex()
    tables = [table for block in build(results).blocks for table in block.tables]
    assert text.count(r"\begin{table}") == text.count(r"\end{table}") == len(tables)
    for table in tables:
        assert rf"\caption{{{escape(table.title)}}}" in text
        for line in table.lines:
            assert escape(line.cells[0].text) in text
    assert text.count(r" \\") == sum(1 + len(table.lines) for table in tables)


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex on PATH")
@pytest.mark.parametrize("made", [as_latex(page(*HOSTILE)), a_run().to_latex()], ids=["hostile", "a run"])
def test_tex_takes_it(made: str, tmp_path: Path) -> None:
    packages = PREAMBLE.partition("needs ")[2]
    file = tmp_path / "page.tex"
    file.write_text(f"\\documentclass{{article}}{packages}\\begin{{document}}\n{made}\\end{{document}}\n")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", file.name]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False, timeout=120)
    assert ran.returncode == 0, ran.stdout[-2000:]
    assert file.with_suffix(".pdf").exists()


def test_parquet_gives_the_rows_back() -> None:
    pd = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    results = Results([row(), cell("head", "align", 0.1), cell("head", "random", 0.25, seed=0)], about())
    frame = pd.read_parquet(io.BytesIO(results.to_parquet()))
    assert list(frame.columns) == list(FIELDS)
    assert frame["sparsity"].tolist()[1:] == [0.1, 0.25]
    assert str(frame["seed"].dtype) == "Int64"
    assert frame.score.tolist() == [made.score for made in results.rows]
    assert frame["scorer"].isna().tolist() == [True, False, False]
    mixed = Results([*results.rows, cell("head", "align", "negative")], about())
    read = pd.read_parquet(io.BytesIO(mixed.to_parquet()))["sparsity"]
    assert read.tolist()[1:] == ["0.1", "0.25", "negative"]
