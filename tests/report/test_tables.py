"""What is printed: widths, emphasis, missing values, and text that must not be obeyed."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from statistics import fmean, stdev
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from ablate.record import Row
from ablate.report.layout import build
from ablate.report.results import Results
from ablate.report.table import Table, meanings
from ablate.report.tables import render
from tests.bench import known
from tests.report.test_results import HOSTILE
from tests.report_rows import SEVEN, SPARSITIES, a_comparison, a_run, about, cell, judged, row, steps_cell


def printed(results: Results, width: int = 80, wide: bool = False, **given: Any) -> str:
    file = io.StringIO()
    render(results, Console(file=file, width=width, **given), wide)
    return file.getvalue()


def tables(results: Results) -> list[Table]:
    return [table for block in build(results).blocks for table in block.tables]


def line(table: Table, *stub: str) -> dict[str, str]:
    """A line by its first cells: column title -> text, with a ``*`` where it is the best."""
    for found in table.lines:
        if tuple(cell.text for cell in found.cells[: len(stub)]) == stub:
            texts = [cell.text + "*" * cell.best for cell in found.cells]
            return dict(zip((column.title for column in table.columns), texts, strict=True))
    raise AssertionError(f"no line {stub} in {table.title}")


def grid_of(*rows: Row, **given: Any) -> Table:
    return tables(Results([row(), *rows], about(confirm=[], **given)))[0]


@pytest.mark.parametrize("width", [60, 80, 120, 160])
@pytest.mark.parametrize("make", [a_run, a_comparison, lambda: a_run(("minilm", "simcse"))])
def test_no_line_is_wider_than_the_console(make: Any, width: int) -> None:
    text = printed(make(), width)
    assert max(map(cell_len, text.splitlines())) <= width
    assert "nan" not in text.lower()
    assert "None" not in text
    assert "…" not in text


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize("given", [{}, {"force_terminal": True, "color_system": "256"}], ids=["file", "terminal"])
def test_lines_are_laid_out_as_rich_does(width: int, given: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [
        judged(a_run()),
        judged(a_comparison()),
        Results([row(), *(cell("head", name, 0.1) for name in (*HOSTILE, "言語"))], about(confirm=[])),
    ]
    ours = [printed(results, width, **given) for results in runs]
    monkeypatch.setattr("ablate.report.tables._fitting", lambda *_: None)
    assert [printed(results, width, **given) for results in runs] == ours


def test_a_wide_console_needs_no_second_part() -> None:
    results = a_run()
    assert "achieved" not in next(line for line in printed(results, 80, wide=True).splitlines() if "flipped" in line)
    assert re.search(r"flipped +achieved", printed(results, 160))


def confirmed_part(text: str) -> str:
    """The first table of the confirmation, from its title to its notes."""
    return re.split(r"^Confirm", text, flags=re.M)[1].split("*: best")[0]


def left_out(text: str) -> set[str]:
    """The columns that a page says it leaves out."""
    (named,) = re.findall(r"Columns left out at this width: (.*?); --wide prints all", " ".join(text.split()))
    return set(named.split(", "))


def test_a_narrow_console_has_one_table_of_the_first_columns_and_names_the_others() -> None:
    results = judged(a_run())
    narrow, wide = printed(results, 80), printed(results, 80, wide=True)
    rules = [len(re.findall("─{30,}", confirmed_part(text))) for text in (narrow, wide)]
    assert rules[0] == 1 < rules[1]
    for title in ("95 %", "verdict"):
        assert title in confirmed_part(narrow)
    assert {"p differs", "seconds", "q improves"} <= left_out(narrow)
    assert "left out at this width" not in wide
    # The least important are left out first, whatever their place.
    found = next(table for table in tables(results) if table.title.startswith("Confirm"))
    ranks = {column.title: column.rank for column in found.columns}
    gone = left_out(printed(results, 120)) & ranks.keys()
    assert max(ranks[title] for title in ranks.keys() - gone) <= min(ranks[title] for title in gone)


def test_columns_that_are_empty_or_repeat_another_are_left_out() -> None:
    rows = [row(n_clean=1500, dense_clean=86.12)]
    rows += [cell("head", name, 0.1, delta=d, n_clean=1500) for name, d in (("align", 0.4), ("uniform", 0.2))]
    other = [*rows, cell("head", "magnitude", 0.1, delta=0.1, delta_clean=0.3, n_clean=1499)]
    timeless = [replace(made, seconds=None) for made in other]
    titles = [
        {column.title for column in tables(Results(made, about(confirm=[])))[1].columns}
        for made in (rows, other, timeless)
    ]
    assert [("all pairs" in found, "seconds" in found) for found in titles] == [
        (False, True),
        (True, True),
        (True, False),
    ]


def test_the_legend_is_said_once_and_only_of_what_is_there() -> None:
    results = judged(a_run(("minilm", "simcse")))
    text = " ".join(printed(results, 160).split())
    assert text.count("▼ harms: worse than dense by more than the margin") == 1
    assert text.count("q of verdict: of the claim") == 1
    items = tuple(replace(item, verdict="undecided") for item in results.evidence)
    text = printed(Results(results.rows, replace(results.about, evidence=items)), 160)
    assert "▼" not in text
    assert "○ undecided." in text


def test_a_note_is_said_once_below_the_tables_of_a_stage() -> None:
    made = tables(judged(a_comparison()))
    assert len(made) > 1
    notes = [note for table in made for note in table.notes]
    assert any(note.startswith("Δ = cell - dense") for note in made[0].notes)
    assert len(notes) == len(set(notes))


def test_the_answer_is_last_with_the_command_to_type_next() -> None:
    results = judged(a_run())
    lines = printed(results, 160).splitlines()
    assert lines.index("Answer") > max(place for place, text in enumerate(lines) if text.startswith("command: "))
    assert lines[lines.index("Answer") + 1].startswith("Yes: ")
    best = max(
        (made for made in results.summary() if made.stage == "confirm" and made.verdict == "improves"),
        key=lambda made: known(made.delta),
    )
    assert lines[-1] == f'ablate export "{best.cell}" -o small --store sqlite:///ablate.db'
    assert "ablate run recipes/sts.yaml --set controls.matched=20" in lines


def test_the_grid_has_means_and_sample_sds() -> None:
    results = a_run()
    grid = tables(results)[0]
    assert [column.title for column in grid.columns][:2] == ["granularity", "sparsity"]
    assert len(grid.lines) == 3 * len(SPARSITIES)
    drawn = [
        known(made.delta_clean)
        for made in results.rows
        if (made.stage, made.granularity, made.scorer, made.sparsity) == ("screen", "head", "random", 0.3)
    ]
    assert len(drawn) == 3
    assert line(grid, "head", "30 %")["random"] == f"{fmean(drawn):+.2f} ± {stdev(drawn):.2f}"
    for found in grid.lines:
        values = [float(made.text.split(" ")[0]) for made in found.cells[2:]]
        assert [made.best for made in found.cells[2:]] == [value == max(values) for value in values]


def test_granularities_are_set_apart_and_rise_in_sparsity() -> None:
    grid = tables(a_run())[0]
    assert [place for place, found in enumerate(grid.lines) if found.new] == [4, 8]
    assert [found.cells[1].text for found in grid.lines[:4]] == ["5 %", "10 %", "20 %", "30 %"]


def test_tasks_stand_in_the_order_of_the_run() -> None:
    rows = a_run().rows
    found = tables(Results([*rows[::-1]], about(confirm=["sickr", "sts12"])))[3]
    assert [column.title for column in found.columns[1:3]] == ["sickr", "sts12"]


def test_what_prints_the_same_is_equally_good() -> None:
    grid = grid_of(
        cell("head", "align", 0.1, delta=0.501),
        cell("head", "uniform", 0.1, delta=0.504),
        cell("head", "magnitude", 0.1, delta=0.49),
    )
    assert line(grid, "head") | {"sparsity": ""} == {
        "granularity": "head",
        "sparsity": "",
        "align": "+0.50*",
        "uniform": "+0.50*",
        "magnitude": "+0.49",
    }


def test_one_value_alone_is_no_best_and_zero_has_no_sign() -> None:
    grid = grid_of(cell("head", "align", 0.1, delta=-0.001))
    assert line(grid, "head")["align"] == "0.00"


def test_lower_is_better_where_the_task_says_so() -> None:
    given = {"higher_is_better": False, "metric": "loss", "unit": "nats"}
    rows = [row(**given)] + [cell("head", name, 0.1, delta=d, **given) for name, d in (("a", 0.5), ("b", -0.5))]
    grid, each = tables(Results(rows, about(confirm=[])))
    assert line(grid, "head") == {"granularity": "head", "sparsity": "10 %", "a": "+0.5000", "b": "-0.5000*"}
    assert [found.cells[1].text for found in each.lines] == ["head × b 10 %", "head × a 10 %"]
    assert "nats (loss, lower is better)" in grid.title


def test_what_has_no_value_is_never_a_number() -> None:
    results = a_comparison()
    grid, each, detail = tables(results)
    assert line(grid, "head", "20 %")["uniform"] == "failed"
    assert line(grid, "neuron", "20 %")["align"] == "undefined"
    assert line(each, "–", "neuron × align 20 %")["Δ"] == "undefined"
    assert line(detail, "neuron × align 20 %")["stsb"] == "undefined"
    assert line(detail, "neuron × align 20 %")["sts13"].startswith(("+", "-"))
    text = printed(results)
    assert text.count("out of memory") == 1
    assert "failed, stsb of head × uniform 20 % and 1 more: out of memory" in text
    assert "undefined, stsb of neuron × align 20 %: all similarities are the same" in text


def test_a_cell_without_a_dense_score_says_so() -> None:
    dense = row(status="failed", reason="out of memory", dense=None, dense_clean=None)
    made = cell("head", "align", 0.1, dense=None, dense_clean=None, delta=None, score=80.0, score_clean=80.0)
    results = Results([dense, made], about(confirm=[]))
    assert line(tables(results)[0], "head")["align"] == "undefined"
    text = printed(results, 120)
    assert "failed, stsb-dev of dense: out of memory" in text
    assert "undefined, stsb-dev of head × align 10 %: the dense model has no score to compare with" in text


def test_a_value_lost_with_the_seen_pairs_is_undefined_and_explained() -> None:
    made = cell("head", "align", 0.1, delta=1.0, delta_clean=None)
    results = Results([row(), made], about(confirm=[]))
    assert line(tables(results)[0], "head")["align"] == "undefined"
    assert "no score on the pairs that calibration and choice have not seen" in " ".join(printed(results).split())


def test_a_lost_mean_is_noted_only_where_there_is_one() -> None:
    note = "undefined, failed: a mean needs every task and seed"
    assert note in " ".join(printed(a_comparison()).split())
    assert note not in " ".join(printed(a_run()).split())


def test_what_was_not_run_is_a_dash() -> None:
    grid = grid_of(cell("head", "align", 0.1, delta=1.0), cell("neuron", "uniform", "negative", delta=1.0))
    assert line(grid, "head", "10 %")["uniform"] == "–"
    assert line(grid, "neuron", "negative")["align"] == "–"


def test_scopes_and_steps_get_a_column_only_where_they_differ() -> None:
    rows = [cell("head", "align", 0.1, scope=scope, delta=d) for scope, d in (("global", 0.1), ("layer", 0.2))]
    grid = grid_of(*rows)
    assert [column.title for column in grid.columns] == ["granularity", "sparsity", "scope", "align"]
    assert line(grid, "head", "10 %", "layer")["align"] == "+0.20"
    _, each = tables(Results([row(), *rows], about(confirm=[])))
    assert line(each, "1")["cell"] == "head × align 10 %, scope layer"


def test_the_confirmed_cells_stand_beside_their_controls() -> None:
    results = a_run()
    confirmed = next(table for table in tables(results) if table.title.startswith("Confirm (chosen on stsb-dev)"))
    assert len(confirmed.lines) == 16
    summed = {made.cell: made for made in results.summary() if made.stage == "confirm"}
    order = [found.cells[1].text for found in confirmed.lines]
    assert order == sorted(order, key=lambda label: -known(summed[label].delta))
    for place, found in enumerate(confirmed.lines):
        entries = dict(zip((column.title for column in confirmed.columns), found.cells, strict=True))
        made = summed[entries["cell"].text]
        assert entries["Δ"].text.startswith(f"{made.delta:+.2f}")
        assert entries["Δ"].best == (place == 0)
        assert entries["all pairs"].text == f"{made.delta_full:+.2f}"
        if made.matched is not None:
            assert entries["matched"].text == f"{made.matched:+.2f} ± {made.matched_sd:.2f}"
            assert entries["flipped"].text == f"{made.flipped:+.2f}"
    align = next(found for found in confirmed.lines if found.cells[1].text == "head × align 10 %")
    assert [made.text for made in align.cells[-5:]] == ["9.7 %", "7", "344,736", "1.5 %", "10.5"]
    assert "3 draws" in " ".join(confirmed.glossary)


def test_task_by_task_the_dense_scores_stand_on_top() -> None:
    detail = tables(a_run())[3]
    assert [column.title for column in detail.columns] == ["cell", *SEVEN]
    assert line(detail, "dense, all pairs")["sts12"] == "72.37"
    assert line(detail, "dense, clean")["sts12"] == "72.27"
    assert line(detail, "pairs dropped")["sts12"] == "17"


def test_the_head_says_what_chose_and_what_reports() -> None:
    text = " ".join(printed(a_run()).split())
    chose = "chosen on stsb-dev (dev); reported on sts12, sts13, sts14, sts15, sts16, stsb, sickr (test)"
    assert f"{chose}, without pairs already used for calibration or selection" in text
    assert "seconds: collect 61.2, score 3.5, mask 1.1, encode 402.0" in text
    assert "cells: 12 cached, 190 computed, 0 failed" in text
    assert "store: sqlite:///ablate.db, run 3f9a1c22b0d4e5f6a7b8" in text
    assert "exploratory: nothing held out; every cell on stsb, sts13 (test)" in printed(a_comparison(), 160)
    kept = " ".join(printed(Results(a_run().rows, about(overlap="keep"))).split())
    assert "sickr (test), overlapping pairs kept" in kept
    every = Results([replace(made, chosen=made.stage == "confirm") for made in a_run().rows], about())
    assert "chosen on stsb-dev (dev)" in " ".join(printed(every).split())
    every = Results([made for made in every.rows if made.stage == "confirm"], about(screen=[]))
    told = " ".join(printed(every).split())
    assert (
        "every cell reported on sts12, sts13, sts14, sts15, sts16, stsb, sickr (test), without pairs already used"
        in told
    )
    assert "Confirm, cell by cell" in told
    assert "(chosen on" not in told
    assert "all pairs" not in kept.replace("dense, all pairs", "")


def test_many_cells_of_which_none_is_chosen_are_cut_to_the_best_of_each() -> None:
    rows = [replace(made, chosen=False) for made in a_run().rows if made.stage == "screen"]
    found = tables(Results(rows, about(exploratory=True, confirm=[])))
    assert len(found[1].lines) == 15 + 1
    assert "best of each scorer × granularity on these same pairs" in found[1].title


def test_every_model_has_a_block_and_a_run_of_dense_alone_a_table() -> None:
    headings = [block.heading for block in build(a_run(("minilm", "simcse"))).blocks]
    assert headings == ["minilm", "simcse"]
    (alone,) = tables(Results([row()], about()))
    assert line(alone, "dense, all pairs")["stsb-dev"] == "86.12"
    assert "model: minilm" in printed(Results([], about()))


def test_many_scorers_go_on_below_under_the_same_stub() -> None:
    scorers = [f"scorer{place}" for place in range(9)]
    text = printed(a_run(scorers=scorers), wide=True)
    screen = text.split("Screen")[1]
    assert len(re.findall(r"^granularity", screen, re.M)) == 2
    assert len(re.findall(r"^head +10 %", screen, re.M)) == 2


def test_a_long_label_never_squashes_the_numbers() -> None:
    rows = [cell("g" * 90, "s" * 90, 0.1, delta=0.5), cell("head", "align", 0.1, delta=-12.25)]
    text = printed(Results([row(), *rows], about(confirm=[])), 60, wide=True)
    assert text.count("+0.50") >= 2  # in the grid and by cell
    assert text.count("-12.25") >= 2


def test_color_is_only_for_terminals_and_the_best_shows_without() -> None:
    results = a_run()
    assert "\x1b" not in printed(results)
    on_terminal = printed(results, force_terminal=True, color_system="standard", _environ={})
    assert re.search(r"\x1b\[1m *\+\d\.\d\d\*", on_terminal)
    assert re.search(r"\+\d\.\d\d\*", printed(results, no_color=True))


def test_an_encoding_that_lacks_our_signs_is_no_error() -> None:
    file = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    render(a_run(), Console(file=file, width=80))
    file.seek(0)
    text = file.read()
    assert "head x align 10 %" in text
    assert "mean delta on 7 tasks" in text


@settings(max_examples=60, deadline=None)
@given(st.text(min_size=1, max_size=60) | st.sampled_from(HOSTILE), st.sampled_from([60, 80, 160]))
def test_no_label_is_obeyed_and_none_breaks_the_width(label: str, width: int) -> None:
    task = {"task": label, "split": "test", "data": label, "model": label}
    rows = [row(**task), cell(label, label, 0.1, delta=0.5, **task), cell("head", "align", 0.1, delta=0.1, **task)]
    rows += [steps_cell(cell=f"{label} > {label}", delta=0.2, **task)]
    rows += [cell("head", "align", 0.3, status="failed", reason=label, **task)]
    results = Results(rows, about(models=[label], data=label, screen=[label], confirm=[], command=label))
    for terminal in (False, True):
        text = printed(results, width, force_terminal=terminal, color_system=None)
        assert max(map(cell_len, text.split("\n"))) <= width
        assert not any(ord(char) < 32 or 127 <= ord(char) < 160 for char in text.replace("\n", ""))
    markdown = results.to_markdown()
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]|<", markdown)
    for table in re.findall(r"(?:^\|.*\n)+", markdown, re.M):
        assert len({len(re.findall(r"(?<!\\)\|", found)) for found in table.splitlines()}) == 1


@pytest.mark.parametrize("label", HOSTILE)
def test_hostile_labels_are_printed_as_they_are(label: str) -> None:
    made = cell("head", "align", 0.1, status="failed", reason=label)
    text = printed(Results([row(), made], about(confirm=[])), force_terminal=True, color_system=None)
    assert f": {label}".replace("\n", " ").replace("\x1b", r"\x1b") in text


def test_markdown_has_the_same_tables() -> None:
    results = a_run()
    markdown = results.to_markdown()
    assert markdown.count("\n### ") == len(tables(results)) == 4
    grid = tables(results)[0]
    found = [made.text if not made.best else f"**{made.text}**" for made in grid.lines[0].cells]
    assert f"| {' | '.join(found)} |" in markdown
    assert "nan" not in markdown.lower()
    escaped = Results([row(data="a|b <b> *c*\nd")], about(data="a|b <b> *c*\nd")).to_markdown()
    assert r"* data: a\|b &lt;b&gt; \*c\* d" in escaped


VERDICTS = {"▼": "harms", "▲": "improves", "△": "better", "●": "harmless", "▽": "worse", "○": "undecided"}


def test_every_judged_number_has_its_mark() -> None:
    results = judged(a_run())
    by_place = {(e.stage, e.cell, e.task): e.verdict for e in results.evidence if e.against == "dense"}
    marked = 0
    for table, stage in zip(tables(results)[:4], ("screen", "screen", "confirm", "confirm"), strict=True):
        for found in table.lines:
            stub = [made.text for made in found.cells[:2]]
            for column, made in zip(table.columns, found.cells, strict=True):
                if made.verdict is None:
                    assert not set(made.text) & set(VERDICTS)
                    continue
                assert VERDICTS[made.text[-1]] == made.verdict
                scorer = f"{stub[0]} × {column.title} {stub[1]}"
                cell = {"Δ": stub[1]}.get(column.title, scorer if table.best_of == "row" else stub[0])
                task = column.title if table.best_of == "column" and column.title != "Δ" else None
                assert by_place[stage, cell, task] == made.verdict
                marked += 1
    assert marked == 60 + 1 + 16 + 16 * 7


def test_the_cells_table_shows_interval_verdict_power_and_matched_draws() -> None:
    results = judged(a_run())
    confirmed = tables(results)[2]
    titles = [column.title for column in confirmed.columns]
    assert titles[2:14] == [
        *(
            "Δ",
            "95 %",
            "verdict",
            "q of verdict",
            "improves from",
            "better from",
            "p differs",
            "q improves",
            "all pairs",
            "matched",
        ),
        *("draws beaten", "q beats draws"),
    ]
    for found in confirmed.lines:
        entries = dict(zip(titles, (made.text for made in found.cells), strict=True))
        dense, *_ = (
            e
            for e in results.evidence
            if (e.stage, e.cell, e.task, e.against) == ("confirm", entries["cell"], None, "dense")
        )
        assert entries["95 %"] == f"{dense.low:+.2f} to {dense.high:+.2f}"
        assert entries["verdict"] == dense.verdict
        assert entries["better from"] == "0.70"
        assert entries["improves from"] == ("–" if dense.q_improves is None else "0.80")
        assert entries["draws beaten"] == ("–" if "random" in entries["cell"] or ">" in entries["cell"] else "2 of 3")
        assert (entries["q improves"] == "–") == (dense.q_improves is None)
        assert (entries["q of verdict"] == "–") == (dense.verdict == "undecided")
        assert entries["p differs"] != "–"
    notes = " ".join(confirmed.notes)
    used = {e.verdict for e in results.evidence if (e.stage, e.task, e.against) == ("confirm", None, "dense")}
    assert confirmed.glossary[0] == f"{meanings({verdict for verdict in used if verdict})}."
    assert "Matched draws of a cell: 3; a claim takes at least 20 (controls.matched)." in notes
    for named in (
        "q of verdict: of the claim",
        "p differs: of the claim",
        "q improves: of the claim",
        "q beats draws: of",
    ):
        assert named in " ".join(confirmed.glossary)
    assert "Margin 0.2 points; tests at 0.05, corrected over these 16 cells (Benjamini–Hochberg)." in notes
    assert (
        "With 80 % power, the draws made and the p of the other cells as they are, a gain of 0.7 points would be found to"
        " be better than dense." in " ".join(tables(results)[0].notes)
    )


def test_a_cell_that_does_not_beat_its_draws_is_said_not_to() -> None:
    results = judged(a_run())
    weak = [
        e.cell
        for e in results.evidence
        if (e.stage, e.task, e.against) == ("confirm", None, "matched") and known(e.q_beats) > 0.05
    ]
    assert weak
    (said,) = (note for note in tables(results)[2].notes if note.startswith("Not shown to beat"))
    names = said.removeprefix("Not shown to beat their matched draws: ").removesuffix(".")
    assert sorted(names.split("; ")) == sorted(weak)
    none = [replace(e, q_beats=1.0) if e.against == "matched" else e for e in results.evidence]
    made = Results(results.rows, replace(results.about, evidence=tuple(none)))
    assert "No cell is shown to beat its matched draws." in tables(made)[2].notes


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"untested": "1 matched draws, and a test needs two"},
            "Not tested for 'improves': 1 matched draws, and a test needs two (controls.matched, controls.screened).",
        ),
        ({"studentized": False, "n": 199}, "p is too small below 200 items"),
        ({"n": 199}, "Below 200 items p is too small where"),
        ({"margin": None}, "No margin is set (statistics.margins): nothing is called harmless or harmful."),
        ({"correction": "holm"}, "tests at 0.05, corrected over these 2 cells (Holm)."),
    ],
)
def test_what_was_not_tested_is_said(change: dict[str, Any], said: str) -> None:
    results = judged(a_run())
    chosen = {"head × align 10 %", "head × uniform 10 %"}
    rows = [made for made in results.rows if made.cell in {"dense", *chosen}]
    kept = [e for e in results.evidence if e.cell in chosen]
    confirmed = [
        # A stage says a note once, below its first table.
        " ".join(
            note
            for table in tables(Results(rows, about_them))
            if table.title.startswith("Confirm")
            for note in table.notes
        )
        for about_them in (
            replace(results.about, evidence=tuple(evidence))
            for evidence in (kept, [replace(e, **change) if e.against == "dense" else e for e in kept])
        )
    ]
    assert [said in notes for notes in confirmed] == [False, True]


def test_a_mean_that_improves_names_the_tasks_that_are_harmed() -> None:
    results = judged(a_run())
    cell_name = "head × align 10 %"
    items = [
        replace(item, verdict="improves", harmed=("sickr",))
        if (item.cell, item.task, item.against) == (cell_name, None, "dense")
        else item
        for item in results.evidence
    ]
    results = Results(results.rows, replace(results.about, evidence=tuple(items)))
    by_cell = {found.cells[1].text: found for found in tables(results)[2].lines}
    entries = [made.text for made in by_cell[cell_name].cells]
    assert "improves; harms sickr" in entries
    said = "Tasks harmed under a mean that is not: head × align 10 % (sickr)."
    assert said in tables(results)[0].notes
    confirmed = next(line for line in results.summary() if (line.stage, line.cell) == ("confirm", cell_name))
    assert (confirmed.verdict, confirmed.harmed, confirmed.said) == ("improves", ("sickr",), "improves; harms sickr")
    for text in (results.to_markdown(), results.to_latex(), " ".join(printed(results, 200).split())):
        assert "improves; harms sickr" in text


def test_reasons_for_no_evidence_stand_at_the_foot() -> None:
    results = Results(a_run().rows, about(statistics={"withheld": ["sts12 (confirm): lost"]}))
    assert "no evidence, sts12 (confirm): lost" in printed(results)


@pytest.mark.parametrize("width", [60, 80, 120, 160])
def test_judged_tables_fit_and_read_without_color(width: int) -> None:
    text = printed(judged(a_run()), width)
    # Commands, and the comments above them, are not broken, so that they can be copied.
    assert max(cell_len(line) for line in text.splitlines() if not line.startswith(("ablate ", "# "))) <= width
    assert "nan" not in text.lower()
    assert "None" not in text
    for word in VERDICTS:
        assert word in text
    file = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    render(judged(a_run()), Console(file=file, width=width))
    file.seek(0)
    plain = " ".join(file.read().split())
    assert "v harms: worse than dense by more than the margin, ^ improves on dense" in plain
    assert "+ better than dense" in plain
    assert "- worse than dense" in plain
    assert "? undecided." in plain
    assert re.search(r"[+-]\d\.\d\d v", plain)


def test_colors_are_blue_and_orange() -> None:
    text = printed(judged(a_run()), force_terminal=True, color_system="256", _environ={})
    improves = re.findall(r"\x1b\[([\d;]*)m *[+-]\d\.\d\d(?: ± \d\.\d\d)? [▲△]", text)
    harms = re.findall(r"\x1b\[([\d;]*)m *[+-]\d\.\d\d(?: ± \d\.\d\d)? [▼▽]", text)
    assert improves
    assert harms
    assert all("38;5;33" in style for style in improves)
    assert all("38;5;208" in style for style in harms)


def test_markdown_has_the_marks_and_summary_the_numbers() -> None:
    results = judged(a_run())
    assert re.search(r"\| [+-]\d\.\d\d ▼ \|", results.to_markdown())
    line = next(line for line in results.summary() if line.verdict == "improves")
    assert known(line.low) < known(line.delta) < known(line.high)
    assert known(line.q_improves) <= 0.05
    assert line.matched_draws == 3
    assert {line.verdict for line in a_run().summary()} == {None}


def test_what_a_next_command_gives_stays_a_comment_at_any_width() -> None:
    text = printed(judged(a_run(("minilm", "a model with a long name"))), 60)
    _, _, steps = text.partition("\nNext\n")
    assert "# the model of a model with a long name without these units" in steps
    assert {said.split()[0] for said in steps.splitlines()} == {"#", "ablate"}
