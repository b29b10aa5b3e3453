"""The question of a run and its answer in sentences, for the terminal, the notebook and the report."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from ablate.judge.effects import Stage, stages
from ablate.judge.group import Group
from ablate.judge.reporting import reporting
from ablate.record import Evidence, Row, RunRecord
from ablate.report import wording
from ablate.report.answer_over_models import answer_over
from ablate.report.cell_in_words import cell_name, evidence, numbers, sentence
from ablate.report.prevalence_text import sentences as prevalence_sentences
from ablate.report.table import MARKS, Answer
from ablate.studies.prevalence_record import PrevalenceEntry

_ARE = {
    "harms": ("harms", "harm"),
    "improves": ("improves", "improve"),
    "better": (
        "is better than dense, though random units are not excluded",
        "are better than dense, though random units are not excluded",
    ),
    "harmless": ("is harmless", "are harmless"),
    "worse": ("is worse than dense", "are worse than dense"),
    "undecided": ("is undecided", "are undecided"),
}
"""A verdict on one cell, and on several."""

EMBEDDED = " The data are embedded and synthetic: they show how ablate works, and nothing of the model."


def question(results: RunRecord) -> str:
    """The question that every run asks."""
    models = " and ".join(results.about.models)
    many = len(results.about.models) > 1
    return f"Which parameters of {models} hurt {'them' if many else 'it'}, how many, and what happens if they go?"


def answers(results: RunRecord, prevalence: Sequence[PrevalenceEntry] = ()) -> list[Answer]:
    """An answer for each model, from the stage that reports: the confirmation, or else the screen. Then one over all.

    Args:
        prevalence: what ``ablate prevalence`` found: how many units hurt.
    """
    by_model = {stage.model: stage for stage in reporting(results)}
    answers: list[Answer] = []
    for model in dict.fromkeys(stage.model for stage in stages(results)):
        stage = by_model.get(model)
        if stage is None:
            answers.append(Answer(model, f"Only the dense model was run: no answer about {model}.", ()))
        else:
            entries = [entry for entry in prevalence if entry.model == model]
            answers.append(_answer(stage, entries))
    for model, reason in (results.about.failed_models or {}).items():
        if model not in by_model:
            answers.append(Answer(model, f"No answer: the model failed: {reason}", ()))
    if results.about.over_models is not None:
        over = answer_over(results.about.over_models)
        rows = [row for row in results.rows if row.stage == results.about.over_models.stage]
        answers.append(replace(over, headline=f"{over.headline}{_of_data(rows)}"))
    return answers


def _of_data(rows: Iterable[Row]) -> str:
    """What is to be known of the data of these rows. Those of own files are not embedded, whatever calibrates."""
    return EMBEDDED if any(row.data.startswith("embedded") for row in rows) else ""


def _answer(stage: Stage, prevalence: Sequence[PrevalenceEntry]) -> Answer:
    cells = ranked(stage)
    kinds = list(dict.fromkeys(group.kind for group in stage.groups))
    how_many = {entry.granularity: " ".join(prevalence_sentences(entry)) for entry in prevalence}
    sentences: list[tuple[str, str]] = []
    for kind in dict.fromkeys([*kinds, *how_many]):
        if kind in kinds:
            sentences.append((kind, sentence(stage, [group for group in cells if group.kind == kind])))
        if kind in how_many:
            sentences.append((f"{kind}: how many?", how_many[kind]))
    tasks, splits = list(stage.splits), ", ".join(dict.fromkeys(stage.splits.values()))
    on = tasks[0] if len(tasks) == 1 else f"the mean of {len(tasks)} tasks"
    headline = f"{_headline(stage, cells)} Judged on {on} ({splits}).{_caution(stage)}{_of_data(stage.dense.values())}"
    return Answer(stage.model, headline, tuple(sentences))


def _headline(stage: Stage, cells: Sequence[Group]) -> str:
    known = {group.id: item for group in cells if (item := evidence(stage, group))}
    if not cells:
        return (
            f"No answer: no cell of {stage.model} has a Δ; the reasons are with the seconds and the store of the run."
        )
    if not known:
        best = cells[0]
        return (
            f"Not judged: this run has no intervals and no tests. The best cell is {cell_name(best)}:"
            f" {wording.effect(stage.effect(best))} {stage.measure.unit}. To judge it, give the command of this run"
            " again; what is in the store is not computed again."
        )
    better = [group for group in cells if group.id in known and known[group.id].verdict == "improves"]
    if better:
        best, count = better[0], len(better)
        found = f"{cell_name(best)}: {numbers(stage, known[best.id])}."
        if len(cells) == 1:
            return f"Yes: {stage.model} improves without the units of {found}"
        if count == 1:
            return f"Yes: 1 of {len(cells)} cells improves {stage.model}. It is {found}"
        return f"Yes: {count} of {len(cells)} cells improve {stage.model}. The best is {found}"
    return f"{_none_improves(stage, cells, known.values())}{_uncounted(stage)}"


def _none_improves(stage: Stage, cells: Sequence[Group], known: Collection[Evidence]) -> str:
    counts = {name: sum(item.verdict == name for item in known) for name in MARKS}
    if len(known) == 1:
        (verdict,) = (name for name, count in counts.items() if count)
        alone = f"the only cell judged, {cell_name(next(group for group in cells if evidence(stage, group)))}"
        return f"No: {alone}, is not shown to improve {stage.model}; it {_ARE[verdict][0]}."
    said = [f"{count} {_ARE[name][count > 1]}" for name, count in counts.items() if count]
    every = "both" if len(known) == 2 else "all"
    alike = f"{every} {_ARE[next(name for name, count in counts.items() if count)][1]}"
    what = alike if len(said) == 1 else " and ".join([", ".join(said[:-1]), said[-1]])
    return f"No: of {len(known)} cells, none is shown to improve {stage.model}; {what}."


def _uncounted(stage: Stage) -> str:
    at_random = any(group.row.seed is not None for group in stage.groups)
    return " Cells at random are not counted." if at_random else ""


def _caution(stage: Stage) -> str:
    if stage.name == "confirm":
        return ""
    return " No cell was confirmed on tasks that had no part in the choice, so the best results are optimistic."


def ranked(stage: Stage) -> list[Group]:
    """The cells with a Δ, the best first, without those at random: the best of these says nothing about what hurts."""
    sign = stage.measure.sign
    cells = [group for group in stage.groups if not group.is_control]
    valued = [(sign * value, group) for group in cells if (value := stage.effect(group).value) is not None]
    return [group for _, group in sorted(valued, key=lambda pair: -pair[0])]
