"""The tables and the answer over the models of a run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ablate.errors import AblateError
from ablate.record import Held, ModelLine, OverModels
from ablate.report.answer import answers
from ablate.report.answer_over_models import answer_over
from ablate.report.layout import build
from ablate.report.over_models import tables
from ablate.report.results import Results
from tests.report.over_rows import TOO_FEW, failed, family, line, over, pooled, signs
from tests.report_rows import a_run


def texts(found: OverModels, title: str) -> list[list[str]]:
    """The entries of the table whose title begins so, below its headings."""
    (table,) = [table for table in tables(found) if table.title.startswith(title)]
    return [[column.title for column in table.columns], *([cell.text for cell in one.cells] for one in table.lines)]


def notes(found: OverModels, title: str) -> str:
    (table,) = [table for table in tables(found) if table.title.startswith(title)]
    return " ".join(table.notes)


def test_a_line_has_the_best_cell_of_a_model_with_its_verdict_and_the_tasks_harmed() -> None:
    assert texts(family(), "Best confirmed cell of each model × granularity: mean Δ on 2 tasks, points") == [
        ["model", "lineage", "granularity", "best confirmed cell", "Δ", "95 %", "verdict", "first on dev", "of cells"],
        ["a", "fam", "head", "head × align 10 %", "+0.60 ▲", "+0.40 to +0.80", "improves", "+0.50", "3"],
        ["b", "fam", "head", "head × align 10 %", "-0.30 ○", "-0.50 to -0.10", "undecided", "-0.40", "3"],
        ["c", "c", "head", "head × align 10 %", "+1.10 ▲", "+0.90 to +1.30", "improves; harms sickr", "+1.00", "3"],
        ["d", "d", "–", "failed", "–", "–", "–", "–", "–"],
    ]
    assert texts(family(), "Best confirmed cell of each model × scorer")[1][2:4] == ["align", "align × align 10 %"]


def test_the_count_says_models_and_lineages() -> None:
    assert texts(family(), "Over models") == [
        ["cells", "models", "lineages", "improves", "harmless", "pooled gain", "95 %"],
        ["all", "3", "2", "2 of 3 [1 of 2, 1 more]", "3 of 3 [2 of 2]", "+0.40", "+0.10 to +0.70"],
        ["head", "3", "2", "2 of 3 [1 of 2, 1 more]", "3 of 3 [2 of 2]", "+0.40", "+0.10 to +0.70"],
        ["align", "3", "2", "2 of 3 [1 of 2, 1 more]", "3 of 3 [2 of 2]", "+0.40", "+0.10 to +0.70"],
    ]
    assert f"No p-value: 2 lineages; {TOO_FEW}." in notes(family(), "Over models")


def six() -> OverModels:
    """Six models without a common lineage, of which five gain."""
    of_all = {"models": 6, "lineages": 6, "improves": Held(models=5, lineages=5, some=0), **signs(5, 6)}
    lines = [line(f"m{place}", by, "head" if by == "granularity" else "all") for place in range(6) for by in KINDS]
    return over(lines, [pooled(**of_all), pooled("granularity", "head", **of_all)])


KINDS = ("all", "granularity")


def test_a_sign_test_is_shown_where_there_is_one() -> None:
    assert texts(six(), "Over models")[0][-2:] == ["lineages that gain", "q of signs"]
    assert texts(six(), "Over models")[1][-2:] == ["5 of 6", "0.031"]
    assert texts(six(), "Over models")[1][:3] == ["all", "6", "5 of 6"]  # no lineages: each model is its own
    assert "No p-value" not in notes(six(), "Over models")
    assert "5 of 6 lineages gain (two-sided sign test, q 0.031)." in answer_over(six()).headline


def test_depth_has_a_line_for_each_model_and_the_mean() -> None:
    assert texts(family(), "Where in depth") == [
        ["model", "cell of", "first", "middle", "last"],
        *([model, "head", "50 %", "30 %", "20 %"] for model in ("a", "b", "c", "mean")),
    ]
    steps = line("a", "granularity", "several steps", depth={"head": (1.0, 0.0, 0.0), "neuron": (0.2, 0.2, 0.6)})
    assert texts(over([steps, line("b")], [pooled()]), "Where in depth") == [
        ["model", "cell of", "units", "first", "middle", "last"],
        ["a", "several steps", "head", "100 %", "0 %", "0 %"],
        ["a", "several steps", "neuron", "20 %", "20 %", "60 %"],
    ]


def test_the_answer_says_on_how_many_models_and_what_the_gain_is() -> None:
    found = answer_over(family())
    assert found.model == "all 4 models"
    assert found.headline == (
        "A confirmed cell improves 2 of 3 models (of 2 lineages: every model of 1, some models of 1); one is"
        " harmless or better on each of 3 models of 2 lineages. Judged on the mean of 2 tasks. Without d, for the reasons in the"
        " table. The cells that were first on dev gain +0.40 points [+0.10 to +0.70] on the mean over lineages. No"
        f" p-value over models: 2 lineages; {TOO_FEW}."
    )
    assert [kind for kind, _ in found.by_granularity] == ["head", "by align"]
    assert found.by_granularity[0][1].endswith(
        "Of the head units that the best cells remove, 50 / 30 / 20 % are in the first, middle and last third of the"
        " layers."
    )


@pytest.mark.parametrize(
    ("models", "said"), [(0, "none of 6 models;"), (6, "each of 6 models;"), (4, "4 of 6 models;")]
)
def test_models_without_a_common_lineage_are_counted_alone(models: int, said: str) -> None:
    first = replace(six().pooled[0], improves=Held(models=models, lineages=models, some=0))
    found = answer_over(replace(six(), pooled=(first,)))
    assert found.headline.startswith(f"A confirmed cell improves {said} one is harmless")


def test_what_was_picked_on_the_same_pairs_is_said_to_be_optimistic() -> None:
    gain = pooled().pooled
    assert gain is not None
    every = pooled(pooled=replace(gain, optimistic=True))
    found = replace(family(), pooled=(every,))
    assert texts(found, "Over models")[1][5] == "+0.40 (opt.)"
    assert "optimistic" in notes(found, "Over models")
    assert "which is optimistic: these pairs picked them." in answer_over(found).headline


def test_where_nothing_was_confirmed_no_answer_is_given() -> None:
    screened = over([line("a", "granularity", "head"), line("b", "granularity", "head")], stage="screen")
    said = "No cell was confirmed: these are the screen's numbers"
    assert answer_over(screened).headline.startswith(said)
    assert answer_over(screened).by_granularity == ()
    assert said in notes(screened, "Screen only, best cell of each model × granularity")
    assert [table.title.split(",")[0] for table in tables(screened)] == ["Screen only"]
    assert "best screened cell" in texts(screened, "Screen only")[0]


def with_over(found: OverModels | None) -> Results:
    results = a_run(models=("a", "b"))
    return Results(results.rows, replace(results.about, over_models=found))


def test_the_page_has_it_after_the_models_and_the_answer_last() -> None:
    page = build(with_over(family()))
    assert [block.heading for block in page.blocks] == ["a", "b", "all models"]
    assert page.blocks[-1].tables[0].title.startswith("Best confirmed cell of each model")
    assert [answer.model for answer in page.answers] == ["a", "b", "all 4 models"]
    assert [answer.model for answer in build(with_over(None)).answers] == ["a", "b"]
    assert with_over(family()).answer.endswith(answer_over(family()).by_granularity[-1][1])


def test_a_failed_model_has_an_answer_and_a_line_below_the_tables() -> None:
    results = with_over(family())
    results = Results(results.rows, replace(results.about, failed_models={"d": "out of memory"}))
    assert answers(results)[2].headline == "No answer: the model failed: out of memory"
    assert "failed, model d: out of memory" in build(results).foot


def test_the_answer_over_models_says_that_data_are_synthetic() -> None:
    results = with_over(family())
    embedded = Results([replace(row, data="embedded (synthetic)") for row in results.rows], results.about)
    assert answers(embedded)[-1].headline.endswith("they show how ablate works, and nothing of the model.")
    assert "synthetic" not in answers(results)[-1].headline


def test_the_lines_are_data(family_run: Results) -> None:
    lines = family_run.models()
    assert lines == list(family().lines)
    assert lines[-1].reason == "failed: out of memory"
    assert isinstance(lines[0], ModelLine)
    pandas = pytest.importorskip("pandas")
    assert len(pandas.DataFrame(lines)) == len(lines)
    assert family_run.filter(model="a").models() == []


@pytest.fixture
def family_run() -> Results:
    return with_over(family())


def test_the_figures_are_those_of_the_run(family_run: Results) -> None:
    assert family_run.plot.models().title.startswith("The best confirmed cell of each model × granularity")
    assert family_run.plot.models("depth").title == "Where in depth the removed units are"
    with pytest.raises(AblateError, match="models are not drawn by 'scorers'; did you mean 'scorer'"):
        family_run.plot.models("scorers")
    with pytest.raises(AblateError, match="this run has nothing over several models"):
        a_run().plot.models()
    with pytest.raises(AblateError, match="nothing to draw by depth"):
        with_over(over([line("a"), failed("b")], [pooled()])).plot.models("depth")
