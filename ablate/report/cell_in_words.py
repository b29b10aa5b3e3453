"""The cells of one granularity in sentences: which may go, what that gains, against what, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence

from ablate.judge.effects import Stage
from ablate.judge.group import Group, label
from ablate.judge.harmless import harmless_curves
from ablate.printable import number
from ablate.record import Evidence
from ablate.report import verdicts, wording
from ablate.report.prevalence_text import listed
from ablate.statistics.correction import adjust
from ablate.statistics.verdict import CLAIM_DRAWS

_CONCLUSIONS = {
    "improves": "better without them",
    "better": "better than dense, though random units are not excluded",
    "harmless": "no gain shown, but harmless",
}


def sentence(stage: Stage, cells: Sequence[Group]) -> str:
    """What is found of cells of one granularity.

    Args:
        cells: those that have a Δ, the best first.
    """
    if not cells:
        return "only controls have a Δ."
    known = [(group, item) for group in cells if (item := evidence(stage, group))]
    if not known:
        return f"best {cell_name(cells[0])}, {wording.effect(stage.effect(cells[0]))} {stage.measure.unit}; not judged."
    for verdict, conclusion in _CONCLUSIONS.items():
        of_verdict = [(group, item) for group, item in known if item.verdict == verdict]
        if of_verdict and verdict == "harmless":
            return _harmless(stage, known)
        if of_verdict:
            largest = max(of_verdict, key=lambda pair: _removed(pair[0]))
            text = f"{conclusion}: {_whole(stage, *of_verdict[0])}"
            if largest[0] is not of_verdict[0][0]:
                same = "improves" if verdict == "improves" else "is better"
                text += f" The largest sparsity that {same}: {cell_name(largest[0])}, {numbers(stage, largest[1])}."
            return text
    return f"{_no_gain([item for _, item in known])}: {_whole(stage, *known[0])}"


def _no_gain(items: Sequence[Evidence]) -> str:
    """What is concluded where no cell is harmless or better."""
    found = {item.verdict for item in items}
    if not found <= {"harms", "worse"}:
        return "undecided" if len(items) == 1 else "undecided; the best"
    how = "harms" if found == {"harms"} else "is worse"
    return f"it {how}" if len(items) == 1 else f"every cell {how}; the least"


def _whole(stage: Stage, group: Group, item: Evidence) -> str:
    """What is known of one cell: its size, the numbers against dense and against random units, and its tasks."""
    return (
        f"{cell_name(group)}{_size(group)}, {numbers(stage, item)}.{_power(stage, item)}"
        f"{_against(stage, group)}{_tasks(stage, group, item)}"
    )


def _harmless(stage: Stage, known: Sequence[tuple[Group, Evidence]]) -> str:
    """The largest harmless cell, if that is shown after correction over all cells that it is chosen from.

    The verdicts on single cells are corrected by the false-discovery rate, which says little of the largest of many.
    """
    items = {group.id: item for group, item in known}
    best, best_item = known[0]
    largest, corrected = _largest_harmless(stage, known)
    if largest is None:
        count = sum(item.verdict == "harmless" for item in items.values())
        named = "1 cell is" if count == 1 else f"{count} cells are"
        return (
            f"no gain shown. {named} harmless cell by cell, as the table has it, but none is shown to be, {corrected}"
            f" The highest Δ: {_whole(stage, best, best_item)}"
        )
    text = f"{_CONCLUSIONS['harmless']}: {_whole(stage, largest, items[largest.id])} Harmless {corrected}"
    return text if best.id == largest.id else f"{text} The highest Δ: {cell_name(best)}, {numbers(stage, best_item)}."


def _largest_harmless(stage: Stage, known: Sequence[tuple[Group, Evidence]]) -> tuple[Group | None, str]:
    """The harmless cell that removes most, and over what that is corrected, with the tasks that are not shown."""
    curves = harmless_curves(stage, [group for group, _ in known])
    if not curves:  # cells of several steps and trained cells have no curve
        ps = [item.p_harmless for _, item in known if item.p_harmless is not None]
        q = dict(
            zip((group.id for group, item in known if item.p_harmless is not None), adjust(ps, "holm"), strict=True)
        )
        passed = [group for group, item in known if q.get(group.id, 1.0) <= item.level]
        return max(passed, key=_removed, default=None), f"corrected over {number(len(known), 'cell')} (Holm)."
    first = curves[0]
    on = f", on the mean and on {len(stage.splits)} tasks" if len(stage.splits) > 1 else ""
    family = f"{number(first.cells, 'cell')} of {number(first.curves, 'scorer')}{on}"
    corrected = f"at {100 * first.level:g} %, corrected over {family}."
    shown = [(curve.largest, curve) for curve in curves if curve.largest is not None]
    if not shown:
        return None, corrected
    group, curve = max(shown, key=lambda pair: _removed(pair[0]))
    if curve.unshown:
        margin = f"{min(curve.task_margins):g} {stage.measure.unit}" if curve.task_margins else "their margin"
        corrected += f" Not shown to lose less than {margin}: {', '.join(curve.unshown)}."
    return group, corrected


def numbers(stage: Stage, item: Evidence) -> str:
    """``+0.85 points against dense [+0.21 to +1.49], q of 'improves' 0.012``."""
    over = "the dense model trained for the same number of steps" if item.against == "trained" else "dense"
    interval = verdicts.interval(item, stage.measure.places)
    text = f"{wording.signed(item.delta, stage.measure.places)} {stage.measure.unit} against {over} [{interval}]"
    if item.q_verdict is not None:
        text += f", q of '{item.verdict}' {verdicts.q_verdict(item)}"
    if item.verdict == "harmless" and item.margin is not None:
        text += f", margin {item.margin:g}"
    return text


def _power(stage: Stage, item: Evidence) -> str:
    """If the cell is undecided, from which gain it would have been found to improve, or to be better than dense."""
    if item.verdict != "undecided":
        return ""
    claim, size = "be better than dense", item.smallest_better
    if item.q_improves is not None:
        claim, size = "improve", item.smallest_improves
    if size is None:
        return f" With these draws and pairs no gain would have been found to {claim}."
    return f" A gain of {size:.{stage.measure.places}f} would have been found to {claim} with 80 % power."


def _tasks(stage: Stage, group: Group, item: Evidence) -> str:
    """Of a mean over tasks, which of them pay for it."""
    if len(stage.splits) < 2:
        return ""
    of_task = {task: found for task in stage.splits if (found := stage.evidence_on(group, task, item.against))}
    worse = [task for task, found in of_task.items() if found.verdict == "worse"]
    said = [f" It harms {listed(item.harmed)}."] if item.harmed else []
    said += [f" It is worse on {listed(worse)}."] if worse else []
    return "".join(said) or " No task is shown to lose."


def evidence(stage: Stage, group: Group) -> Evidence | None:
    """What the verdict on a cell rests on: for a trained cell, the evidence against training alone."""
    return stage.evidence_on(group, against="trained") or stage.evidence_on(group)


def _against(stage: Stage, group: Group) -> str:
    """How the cell compares with its matched draws and with random search."""
    if group.row.way is not None:
        return ""
    rival = stage.evidence_on(group, against="searched")
    searched = (
        f" It beats {rival.beaten} of {rival.draws} random searches, q {verdicts.q_beats(rival)}." if rival else ""
    )
    return _against_matched(stage, group) + searched


def _against_matched(stage: Stage, group: Group) -> str:
    if group.gainless:
        return " It is no better than dense, so no matched draws were made."
    item = stage.evidence_on(group, against="matched")
    if item is None:
        found = stage.evidence_on(group)
        if len(group.matched) < 2 or not found or not found.untested:
            return " It has too few matched draws to compare with." if len(group.matched) < 2 else ""
        return f" Not compared with matched draws: {found.untested}."
    by = f"{wording.signed(item.delta)} [{verdicts.interval(item)}] against their mean, q of beating them"
    by = f"{by} {verdicts.q_beats(item)}"
    few = f" (a claim takes at least {CLAIM_DRAWS})" if (item.draws_asked or item.draws or 0) < CLAIM_DRAWS else ""
    if item.draws_asked and len(group.matched) < item.draws_asked:
        few = f" (stopped early, of {item.draws_asked}){few}"
    return f" It beats {item.beaten} of {item.draws} matched draws of random units{few}, {by}."


def cell_name(group: Group) -> str:
    """The name of a cell on its own."""
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
