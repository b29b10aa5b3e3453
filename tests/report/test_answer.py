"""The answer in words: what may go, what that gains, against what, how sure it is, and what to type next."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ablate.judge.effects import stages
from ablate.report.answer import answers
from ablate.report.next_step import next_steps
from ablate.report.results import Results
from tests.report.html.test_html import geometry, judged
from tests.report_rows import a_comparison, a_run, about, cell, row


def test_the_answer_is_yes_with_its_numbers() -> None:
    results = judged(a_run())
    (answer,) = answers(results)
    best = max(
        (stage.effect(group).value or 0, group.name)
        for stage in stages(results)
        if stage.name == "confirm"
        for group in stage.groups
        if not group.is_control
    )
    assert answer.headline.startswith("Yes: ")
    assert (
        f"The best is {best[1]}: {best[0]:+.2f} points against dense [{best[0] - 0.3:+.2f} to {best[0] + 0.3:+.2f}], q"
        " of 'improves' 0.012" in answer.headline
    )
    assert answer.headline.endswith("Judged on the mean of 7 tasks (test).")
    said = dict(answer.by_granularity)
    assert list(said) == ["unstructured", "head", "neuron", "several steps"]
    assert said["head"].startswith(
        "better without them: head × uniform 10 % (7 of 72 units, 1.5 % of the parameters), +0.60"
    )
    assert "It beats 2 of 3 matched draws of random units (a claim takes at least 20), +" in said["head"]
    assert "q of beating them 0.030" in said["head"]
    assert said["unstructured"].startswith("every cell harms; the least: unstructured × magnitude 10 %")


def test_the_answer_says_that_draws_stopped_early() -> None:
    rows = [
        replace(row, draws_asked=20) if row.control is None and row.cell != "dense" else row for row in a_run().rows
    ]
    made = judged(Results(rows, a_run().about))
    items = tuple(replace(e, draws_asked=20) if e.against == "matched" else e for e in made.evidence)
    (answer,) = answers(Results(rows, replace(made.about, evidence=items)))
    said = dict(answer.by_granularity)["head"]
    assert "It beats 2 of 3 matched draws of random units (stopped early, of 20), +" in said


def test_the_answer_says_why_the_best_cell_has_no_draws() -> None:
    made = cell("head", "align", 0.1, stage="confirm", task="stsb", delta=-0.1, draws_made=0, draws_asked=20)
    rows = [row(stage="confirm", task="stsb"), made]
    (answer,) = answers(judged(Results(rows, about(screen=[], confirm=["stsb"]))))
    said = dict(answer.by_granularity)["head"]
    assert "It is no better than dense, so no matched draws were made." in said
    assert "too few" not in said


@pytest.mark.parametrize(
    ("verdict", "headline", "sentence"),
    [
        (
            "harmless",
            "all are harmless",
            "no gain shown, but harmless: ",
        ),
        (
            "undecided",
            "all are undecided",
            "undecided; the best: ",
        ),
        (
            "better",
            "all are better than dense, though random units are not excluded",
            "better than dense, though random units are not excluded: ",
        ),
        (
            "worse",
            "all are worse than dense",
            "every cell is worse; the least: ",
        ),
        (
            "harms",
            "all harm",
            "every cell harms; the least: ",
        ),
    ],
)
def test_the_answer_is_no_in_its_shades(verdict: str, headline: str, sentence: str) -> None:
    (answer,) = answers(judged(a_run(), lambda _: verdict))
    start = f"No: of 13 cells, none is shown to improve minilm; {headline}. Cells at random are not counted. Judged on"
    assert answer.headline.startswith(start)
    # There is one cell of several steps.
    alone = sentence.replace("; the best", "").replace("every cell", "it").replace("; the least", "")
    for kind, said in answer.by_granularity:
        assert said.startswith(alone if kind == "several steps" else sentence)
    assert ("A gain of 0.42 would have been found to be better" in answer.by_granularity[0][1]) == (
        verdict == "undecided"
    )


def test_a_mean_that_improves_says_which_tasks_are_harmed() -> None:
    results = judged(a_run())
    items = [replace(item, harmed=("sickr",)) if item.verdict == "improves" else item for item in results.evidence]
    results = Results(results.rows, replace(results.about, evidence=tuple(items)))
    (answer,) = answers(results)
    assert any(" It harms sickr." in said for _, said in answer.by_granularity)


def test_what_is_harmless_does_not_hide_the_highest_gain() -> None:
    rows = [row(), cell("head", "align", 0.1, delta=0.4), cell("head", "uniform", 0.3, delta=0.1)]
    (answer,) = answers(judged(Results(rows, about(confirm=[])), lambda _: "harmless"))
    ((_, said),) = answer.by_granularity
    assert said.startswith("no gain shown, but harmless: head × uniform 30 %")
    assert " The highest Δ: head × align 10 %, +0.40 points" in said


def test_without_evidence_the_answer_is_that_there_is_none() -> None:
    (answer,) = answers(a_run())
    assert answer.headline.startswith("Not judged: ")
    assert all("not judged" in said for _, said in answer.by_granularity)
    (unconfirmed,) = answers(judged(a_comparison()))
    assert "No cell was confirmed" in unconfirmed.headline
    (nothing,) = answers(Results([row()], about()))
    assert nothing.headline == "Only the dense model was run: no answer about minilm."


def test_a_random_cell_never_is_the_answer() -> None:
    rows = [row(), cell("head", "random", 0.1, seed=0, delta=9.0), cell("head", "align", 0.1, delta=1.0)]
    (answer,) = answers(judged(Results(rows, about(confirm=[]))))
    assert "head × align 10 %" in answer.headline


def test_geometry_is_not_the_answer_though_it_stands_first() -> None:
    rows = [row(), cell("head", "align", 0.1, delta=1.0)]
    results = Results([*geometry(Results(rows, about())), *rows], about(confirm=[]))
    (answer,) = answers(judged(results))
    assert "Judged on stsb-dev (dev)." in answer.headline


def one_cell(verdict: str) -> Results:
    return judged(Results([row(), cell("head", "align", 0.1, delta=0.4)], about(confirm=[])), lambda _: verdict)


@pytest.mark.parametrize(
    ("verdict", "headline", "said"),
    [
        (
            "improves",
            "Yes: minilm improves without the units of head × align 10 %: +0.40 points",
            "better without them: ",
        ),
        (
            "harmless",
            "No: the only cell judged, head × align 10 %, is not shown to improve minilm; it is harmless.",
            "",
        ),
        (
            "harms",
            "No: the only cell judged, head × align 10 %, is not shown to improve minilm; it harms.",
            "it harms: ",
        ),
        ("undecided", "No: the only cell judged, head × align 10 %,", "undecided: head × align 10 %"),
    ],
)
def test_of_one_cell_the_answer_is_in_the_singular(verdict: str, headline: str, said: str) -> None:
    (answer,) = answers(one_cell(verdict))
    assert answer.headline.startswith(headline)
    assert answer.by_granularity[0][1].startswith(said)
    assert "1 cells" not in f"{answer}"


def test_one_of_several_cells_improves_in_the_singular() -> None:
    rows = [row(), cell("head", "align", 0.1, delta=0.4), cell("head", "uniform", 0.1, delta=-0.1)]
    (answer,) = answers(judged(Results(rows, about(confirm=[]))))
    assert answer.headline.startswith("Yes: 1 of 2 cells improves minilm. It is head × align 10 %: +0.40 points")


def test_the_embedded_data_are_said_to_show_nothing_of_the_model() -> None:
    of_source = [
        answers(Results([replace(row, data=data) for row in one_cell("harms").rows], about))[0].headline
        # A run on embedded data may be judged on a file of one's own.
        for about in [replace(one_cell("harms").about, data="embedded (synthetic)")]
        for data in ("embedded (synthetic)", "mine.csv (sha256 0123)")
    ]
    assert ["nothing of the model" in headline for headline in of_source] == [True, False]


def test_results_have_the_answer_as_text() -> None:
    results = judged(a_run())
    (answer,) = answers(results)
    lines = [answer.headline, *(f"{kind}: {said}" for kind, said in answer.by_granularity)]
    assert results.answer.splitlines() == lines
    assert results.to_markdown().count("## Answer for minilm") == 1


def test_the_next_command_names_the_store_the_program_and_the_model() -> None:
    two = judged(a_run(("minilm", "a b")))
    commands = [step.command for step in next_steps(two)]
    assert commands[0] == "ablate report --store sqlite:///ablate.db"
    assert commands.count("ablate run recipes/sts.yaml --set controls.matched=20") == 1
    assert any(" --model 'a b' -o small" in command for command in commands)
    module = replace(two.about, command="python -m ablate run x.yaml", store="ablate.db")
    assert next_steps(Results(two.rows, module))[0].command == "python -m ablate report"
    few = replace(two.about, command="ablate run x.yaml --set controls.matched=2 --set seeds=[0]")
    assert (
        next_steps(Results(two.rows, few))[1].command == "ablate run x.yaml --set seeds=[0] --set controls.matched=20"
    )
    # Nothing that harms is offered for export.
    bad = judged(a_run(), lambda _: "harms")
    assert [step.command.split()[1] for step in next_steps(bad)] == ["report"]
