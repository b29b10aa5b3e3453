"""The question of a run and its answer, in sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ablate.judge.effects import Stage, stages
from ablate.judge.group import Group, label
from ablate.judge.harmless import harmless_curves
from ablate.record import Evidence, RunRecord
from ablate.report import verdicts, wording
from ablate.report.plane import ALIGN, UNIFORM
from ablate.report.prevalence_text import sentences as prevalence_sentences
from ablate.report.table import MARKS
from ablate.statistics.correction import adjust
from ablate.statistics.verdict import CLAIM_DRAWS
from ablate.studies.prevalence_record import PrevalenceEntry

_CONCLUSIONS = {
    "improves": "better without them",
    "better": "better than dense, though random units are not excluded",
    "harmless": "no gain shown, but harmless",
}


@dataclass(frozen=True)
class Answer:
    """The answer for one model. by_granularity: (granularity, sentence)."""

    model: str
    headline: str
    by_granularity: tuple[tuple[str, str], ...]


def question(results: RunRecord) -> str:
    """The question that every run asks."""
    models = " and ".join(results.about.models)
    many = len(results.about.models) > 1
    return f"Which parameters of {models} hurt {'them' if many else 'it'}, how many, and what happens if they go?"


def answers(results: RunRecord, prevalence: Sequence[PrevalenceEntry] = ()) -> list[Answer]:
    """An answer for each model, from the stage that reports: the confirmation, or else the screen.

    Args:
        prevalence: what ``ablate prevalence`` found: how many units hurt.
    """
    run_stages = stages(results)
    answers: list[Answer] = []
    for model in dict.fromkeys(stage.model for stage in run_stages):
        stage = _reporting([stage for stage in run_stages if stage.model == model])
        if stage is None:
            answers.append(Answer(model, f"Only the dense model was run: no answer about {model}.", ()))
        else:
            answers.append(_answer(stage, [entry for entry in prevalence if entry.model == model]))
    return answers


def _reporting(of_model: Sequence[Stage]) -> Stage | None:
    """The stage that the answer rests on: a confirmation is preferred to a screen, and scores to losses.

    A better loss is not the goal: orderings by a loss can run against the gain in the scores.
    """
    with_cells = [stage for stage in of_model if stage.groups]
    return min(with_cells, key=_preference, default=None)


def _preference(stage: Stage) -> tuple[bool, bool, bool]:
    """The lower, the better the stage answers: by whole embeddings, as cells are chosen by them."""
    return stage.name != "confirm", stage.measure.metric in (ALIGN, UNIFORM), stage.measure.dim is not None


def _answer(stage: Stage, prevalence: Sequence[PrevalenceEntry]) -> Answer:
    # The best of the random draws says nothing about which parameters hurt.
    ranked = _ranked(stage, [group for group in stage.groups if not group.is_control])
    kinds = list(dict.fromkeys(group.kind for group in stage.groups))
    how_many = {entry.granularity: " ".join(prevalence_sentences(entry)) for entry in prevalence}
    sentences: list[tuple[str, str]] = []
    for kind in dict.fromkeys([*kinds, *how_many]):
        if kind in kinds:
            sentences.append((kind, _sentence(stage, [group for group in ranked if group.kind == kind])))
        if kind in how_many:
            sentences.append((f"{kind}: how many?", how_many[kind]))
    tasks, splits = list(stage.splits), ", ".join(dict.fromkeys(stage.splits.values()))
    on = tasks[0] if len(tasks) == 1 else f"the mean of {len(tasks)} tasks"
    headline = f"{_headline(stage, ranked)} Judged on {on} ({splits}).{_caution(stage)}"
    return Answer(stage.model, headline, tuple(sentences))


def _headline(stage: Stage, ranked: Sequence[Group]) -> str:
    known = {group.id: item for group in ranked if (item := _evidence(stage, group))}
    if not ranked:
        return f"No answer: no cell of {stage.model} has a Δ; the reasons are in the section Provenance."
    if not known:
        best = ranked[0]
        return (
            f"Not judged: this run has no intervals and no tests. The best cell is {_label(best)}:"
            f" {wording.effect(stage.effect(best))} {stage.measure.unit}. To judge it, give the command of this run"
            " again; what is in the store is not computed again."
        )
    better = [group for group in ranked if group.id in known and known[group.id].verdict == "improves"]
    if better:
        best, count = better[0], len(better)
        numbers = _numbers(stage, known[best.id])
        if len(ranked) == 1:
            return f"Yes: {_label(best)} improves {stage.model}: {numbers}."
        many = f"{count} of {len(ranked)} cells improve" if count > 1 else f"One of {len(ranked)} cells improves"
        return f"Yes: {many} {stage.model}. The best is {_label(best)}: {numbers}."
    counts = {name: sum(item.verdict == name for item in known.values()) for name in MARKS}
    listed = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    verdicts = "verdict" if len(known) == 1 else "verdicts"
    random = "" if len(ranked) == len(stage.groups) else " (those at random are not counted)"
    cells = f"{wording.number(len(known), 'cell')}{random}"
    return f"No cell is shown to improve {stage.model}. The {verdicts} on its {cells}: {listed}."


def _sentence(stage: Stage, ranked: Sequence[Group]) -> str:
    if not ranked:
        return "only controls have a Δ."
    known = [(group, item) for group in ranked if (item := _evidence(stage, group))]
    if not known:
        return f"best {_label(ranked[0])}, {wording.effect(stage.effect(ranked[0]))} {stage.measure.unit}; not judged."
    for verdict, conclusion in _CONCLUSIONS.items():
        of_verdict = [(group, item) for group, item in known if item.verdict == verdict]
        if of_verdict and verdict == "harmless":
            return _harmless(stage, known)
        if of_verdict:
            largest = max(of_verdict, key=lambda pair: _removed(pair[0]))
            group, item = of_verdict[0]
            text = f"{conclusion}: {_label(group)}{_size(group)}, {_numbers(stage, item)}{_against(stage, group)}."
            if largest[0] is not group:
                same = "improves" if verdict == "improves" else "is better"
                text += f" The largest sparsity that {same}: {_label(largest[0])}, {_numbers(stage, largest[1])}."
            return text
    group, item = known[0]
    verdicts_found = {item.verdict for _, item in known}
    conclusion = "undecided; the best"
    if verdicts_found <= {"harms", "worse"}:
        conclusion = "every cell harms; the least" if verdicts_found == {"harms"} else "every cell is worse; the least"
    return f"{conclusion}: {_label(group)}{_size(group)}, {_numbers(stage, item)}{_against(stage, group)}."


def _harmless(stage: Stage, known: Sequence[tuple[Group, Evidence]]) -> str:
    """The largest harmless cell, if that is shown after correction over all cells that it is chosen from.

    The verdicts on single cells are corrected by the false-discovery rate, which says little of the largest of many.
    """
    items = {group.id: item for group, item in known}
    best, best_item = known[0]
    of_best = f"The highest Δ: {_label(best)}, {_numbers(stage, best_item)}{_against(stage, best)}."
    largest, corrected = _largest_harmless(stage, known)
    if largest is None:
        count = sum(item.verdict == "harmless" for item in items.values())
        named = "1 cell is harmless" if count == 1 else f"{count} cells are harmless"
        return f"no gain shown; {named} one by one, but none is shown to be, {corrected} {of_best}"
    numbers = f"{_numbers(stage, items[largest.id])}{_against(stage, largest)}"
    text = f"{_CONCLUSIONS['harmless']}: {_label(largest)}{_size(largest)}, {numbers}; {corrected}"
    return text if best.id == largest.id else f"{text} {of_best}"


def _largest_harmless(stage: Stage, known: Sequence[tuple[Group, Evidence]]) -> tuple[Group | None, str]:
    """The harmless cell that removes most, and over what that is corrected, with the tasks that are not shown."""
    curves = harmless_curves(stage, [group for group, _ in known])
    if not curves:  # cells of several steps and trained cells have no curve
        ps = [item.p_harmless for _, item in known if item.p_harmless is not None]
        q = dict(
            zip((group.id for group, item in known if item.p_harmless is not None), adjust(ps, "holm"), strict=True)
        )
        passed = [group for group, item in known if q.get(group.id, 1.0) <= item.level]
        return max(passed, key=_removed, default=None), f"corrected over {wording.number(len(known), 'cell')} (Holm)."
    first = curves[0]
    on = f", on the mean and on {len(stage.splits)} tasks" if len(stage.splits) > 1 else ""
    family = f"{wording.number(first.cells, 'cell')} of {wording.number(first.curves, 'scorer')}{on}"
    corrected = f"at {100 * first.level:g} %, corrected over {family}."
    shown = [(curve.largest, curve) for curve in curves if curve.largest is not None]
    if not shown:
        return None, corrected
    group, curve = max(shown, key=lambda pair: _removed(pair[0]))
    if curve.unshown:
        margin = f"{min(curve.task_margins):g} {stage.measure.unit}" if curve.task_margins else "their margin"
        corrected += f" Not shown to lose less than {margin}: {', '.join(curve.unshown)}."
    return group, corrected


def _numbers(stage: Stage, item: Evidence) -> str:
    """``+0.85 points [+0.21 to +1.49], q 0.012``; if the verdict is undecided, also the gain that would be found."""
    over = " over the dense model trained for as many steps" if item.against == "trained" else ""
    text = f"{wording.signed(item.delta)} {stage.measure.unit}{over} [{verdicts.interval(item)}]"
    if item.q_verdict is not None:
        text += f", q of '{item.verdict}' {verdicts.q_verdict(item)}"
    if item.verdict == "undecided":
        text += _power(stage, item)
    if item.verdict == "harmless" and item.margin is not None:
        text += f", margin {item.margin:g}"
    if item.harmed and item.verdict != "harms":
        text += f"; it harms {', '.join(item.harmed)}"
    return text


def _power(stage: Stage, item: Evidence) -> str:
    """From which gain on the cell would have been found to improve, or to be better where that is not tested."""
    claim, size = "be better", item.smallest_better
    if item.q_improves is not None:
        claim, size = "improve", item.smallest_improves
    if size is None:
        return f"; with these draws and pairs no gain would have been found to {claim}"
    return f"; a gain of {size:.{stage.measure.places}f} would have been found to {claim} with 80 % power"


def _evidence(stage: Stage, group: Group) -> Evidence | None:
    """The evidence that the verdict on a cell rests on: for a trained cell, that against training alone."""
    return stage.evidence_on(group, against="trained") or stage.evidence_on(group)


def _against(stage: Stage, group: Group) -> str:
    """How the cell compares with its matched draws and with random search."""
    if group.row.way is not None:
        return ""
    rival = stage.evidence_on(group, against="searched")
    searched = (
        f"; it beats {rival.beaten} of {rival.draws} random searches, q {verdicts.q_beats(rival)}" if rival else ""
    )
    return _against_matched(stage, group) + searched


def _against_matched(stage: Stage, group: Group) -> str:
    item = stage.evidence_on(group, against="matched")
    if item is None:
        found = stage.evidence_on(group)
        if len(group.matched) < 2 or not found or not found.untested:
            return "; it has too few matched draws to compare with" if len(group.matched) < 2 else ""
        return f"; not compared with matched draws: {found.untested}"
    by = f"by {wording.signed(item.delta)} [{verdicts.interval(item)}], q of beating them {verdicts.q_beats(item)}"
    few = f" (a claim takes at least {CLAIM_DRAWS})" if (item.draws_asked or item.draws or 0) < CLAIM_DRAWS else ""
    if item.draws_asked and len(group.matched) < item.draws_asked:
        few = f" (stopped early, of {item.draws_asked}){few}"
    return f"; it beats {item.beaten} of {item.draws} matched draws of random units{few}, {by}"


def _caution(stage: Stage) -> str:
    if stage.name == "confirm":
        return ""
    return " No cell was confirmed on tasks that had no part in the choice, so the best results are optimistic."


def _ranked(stage: Stage, groups: Sequence[Group]) -> list[Group]:
    sign = 1 if stage.measure.higher_is_better else -1
    valued = [(sign * value, group) for group in groups if (value := stage.effect(group).value) is not None]
    return [group for _, group in sorted(valued, key=lambda pair: -pair[0])]


def _label(group: Group) -> str:
    return label(group, ())


def _removed(group: Group) -> float:
    return float(group.row.params_removed or 0)


def _size(group: Group) -> str:
    row = group.row
    parts = []
    if row.units_removed is not None and row.units_total:
        parts.append(f"{row.units_removed:,} of {row.units_total:,} units")
    if row.params_removed is not None and row.params_total:
        parts.append(f"{100 * row.params_removed / row.params_total:.1f} % of the parameters")
    return f" ({', '.join(parts)})" if parts else ""
