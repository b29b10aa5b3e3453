"""Results: their checks, JSON, CSV and data frame."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ablate.errors import AblateError
from ablate.record import FIELDS, Row, RunAbout
from ablate.report.results import Results
from tests.bench import known
from tests.report_rows import SEVEN, a_comparison, a_run, about, cell, row

HOSTILE = ["[bold]x[/]", "a|b", "two\nlines", "<script>alert(1)</script>", "=cmd()", "\x1b[31mred", 'quo"te, comma']


def test_the_fields_are_those_of_the_agreement() -> None:
    agreed = """model data granularity scorer scope seed sparsity sparsity_achieved units_removed params_removed steps
        task split metric unit higher_is_better n score dense delta n_clean score_clean dense_clean delta_clean
        status seconds key"""
    extra = "cell stage control control_of draw chosen reason cached params_total units_total result device matching redrawn evaluations low high p_different q_harms q_improves q_better q_harmless q_worse verdict mean_verdict smallest_improves smallest_better way train_seed"
    assert [*agreed.split(), *extra.split()] == list(FIELDS)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"score": float("nan")}, "row of dense on stsb-dev: score is nan; what is undefined must be None"),
        ({"seconds": float("inf")}, "row of dense on stsb-dev: seconds is inf"),
        ({"delta_clean": np.float64("nan")}, "row of dense on stsb-dev: delta_clean is nan"),
        ({"status": "fine"}, "status 'fine'"),
        ({"status": "failed"}, "status failed with score"),
        ({"score": None}, "status ok with score None"),
    ],
)
def test_a_malformed_row_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(row(), **change)
    plain = {name: float(value) if isinstance(value, float) else value for name, value in change.items()}
    with pytest.raises(ValueError, match=message):
        Row.from_dict(row().to_dict() | plain)


def test_an_absent_or_unknown_field_is_refused_by_name() -> None:
    made = row().to_dict()
    with pytest.raises(TypeError, match="'color'"):
        Row(**made | {"color": "red"})
    del made["n_clean"]
    with pytest.raises(TypeError, match="'n_clean'"):
        Row(**made)
    with pytest.raises(ValueError, match="overlap: is absent"):
        RunAbout.from_dict({name: value for name, value in about().to_dict().items() if name != "overlap"})


def test_failed_and_undefined_rows_are_listed() -> None:
    results = a_comparison()
    assert len(results) == 2 + 3 * 2 * 2 * 2
    assert [made.scorer for made in results.failed] == ["uniform", "uniform"]
    assert [made.reason for made in results.undefined] == ["all similarities are the same"]
    assert repr(results) == "<Results of minilm: 26 rows (23 ok, 1 undefined, 2 failed)>"


def test_json_is_one_strict_array_of_all_rows() -> None:
    results = a_comparison()
    text = results.to_json()
    read = json.loads(text, parse_constant=lambda name: pytest.fail(f"not strict: {name}"))
    assert read == [made.to_dict() for made in results.rows]
    assert [list(made) for made in read] == [list(FIELDS)] * len(results)
    assert text.startswith('[\n  {\n    "model": "minilm"')
    assert text.isascii()
    assert json.loads(Results([], about()).to_json()) == []


def test_csv_has_every_field_and_none_is_empty() -> None:
    results = a_comparison()
    text = results.to_csv()
    lines = list(csv.DictReader(io.StringIO(text, newline="")))
    assert text.splitlines()[0] == ",".join(FIELDS)
    assert text.count("\r\n") == len(results) + 1
    for read, made in zip(lines, results.rows, strict=True):
        for field, value in made.to_dict().items():
            if value is None:
                assert read[field] == ""
            elif isinstance(value, bool):
                assert read[field] == ("true" if value else "false")
            elif isinstance(value, float):
                assert float(read[field]) == value


def test_csv_spares_spreadsheets_formulas_but_leaves_numbers_alone() -> None:
    made = cell("head", "=cmd()", 0.1, delta=-1.5, reason="-2+3", task="@x", data="\x1b[31m")
    read = next(csv.DictReader(io.StringIO(Results([made], about()).to_csv(), newline="")))
    assert (read["scorer"], read["reason"], read["task"]) == ("'=cmd()", "'-2+3", "'@x")
    assert read["delta"] == "-1.5"
    assert read["data"] == r"\x1b[31m"


@given(st.text() | st.sampled_from(HOSTILE))
def test_exports_survive_any_label(label: str) -> None:
    results = Results([cell(label, label, 0.1, delta=0.5, reason=label)], about())
    assert json.loads(results.to_json())[0]["scorer"] == label
    text = results.to_csv()
    (read,) = csv.DictReader(io.StringIO(text, newline=""))
    assert len(read) == len(FIELDS)
    assert None not in read
    assert not read["scorer"].startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert not set(text) & {"\x1b", "\x00", "\x9b", "\x7f"}


def test_to_pandas_keeps_integers_and_what_is_absent() -> None:
    pd = pytest.importorskip("pandas")
    results = a_comparison()
    frame = results.to_pandas()
    assert tuple(frame.columns) == FIELDS
    assert len(frame) == len(results)
    assert frame.units_removed.tolist() == [made.units_removed for made in results.rows]
    assert frame["units_removed"].dtype == pd.Int64Dtype()
    absent = [made.score is None for made in results.rows]
    assert frame["score"].isna().tolist() == absent
    assert any(absent)
    mean = np.mean([made.delta for made in results.rows if made.delta is not None])
    assert frame["delta"].mean() == pytest.approx(mean)


def test_to_pandas_without_pandas_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(AblateError, match=r"pip install 'ablate-embeddings\[pandas\]'"):
        a_comparison().to_pandas()


def test_the_report_imports_neither_torch_nor_pandas() -> None:
    code = """import sys, ablate.report.results, ablate.report.tables
print([name for name in ("torch", "transformers", "pandas", "numpy") if name in sys.modules])"""
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"


def test_summary_joins_seeds_and_sets_controls_beside() -> None:
    results = a_run()
    lines = results.summary()
    assert len(lines) == (60 + 1) + (15 + 1)
    lines = [line for line in lines if line.stage == "confirm"]
    align = next(line for line in lines if (line.granularity, line.scorer) == ("head", "align"))
    assert (align.seeds, align.sd, align.matched_draws) == (1, None, 3)
    assert align.tasks == SEVEN
    own = [made for made in results.rows if made.stage == "confirm" and made.cell == "head × align 10 %"]
    plain = [known(made.delta_clean) for made in own if made.control is None]
    flipped = [known(made.delta_clean) for made in own if made.control == "flipped"]
    draws = [[known(made.delta_clean) for made in own if made.draw == draw] for draw in range(3)]
    assert align.delta == pytest.approx(np.mean(plain))
    assert align.flipped == pytest.approx(np.mean(flipped))
    assert align.matched == pytest.approx(np.mean(draws))
    assert align.matched_sd == pytest.approx(np.std(np.mean(draws, axis=1), ddof=1))
