"""Evidence as text: intervals, p-values, and what is said of the tests."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ablate.judge.effects import Stage
from ablate.judge.group import Group, label
from ablate.printable import number
from ablate.record import Evidence, FamilyEffect
from ablate.report.table import MARKS
from ablate.report.wording import counts, signed
from ablate.statistics.verdict import CLAIM_DRAWS

NO_DRAWS = "No cell has matched draws."

FEW_ITEMS = 200
"""Below it, the permutation test may find differences too often (docs/statistics.md)."""

SEARCHED = (
    "searched: Δ of the best on dev of as many random masks as the cell's search scored there; searches beaten, q beats"
    " searches: as of the draws; from two searches on, a cell that improves beats them too."
)
"""What the columns on random searches mean."""

DRAWS_MADE = (
    "draws made: 0 of a cell no better than dense, which cannot improve; none are added once a cell beats its draws for"
    " certain, or can hardly beat them with all (controls.stop_early); q beats draws allows for the looks."
)
"""What the column on draws that stop early means."""

NEARLY_ITSELF = 0.5
"""Below this share of the cell's units that a draw keeps, the draws are more the cell than other masks."""

Q_OF_VERDICT = "q of verdict: of the claim that the verdict makes, corrected."
P_DIFFERS = "p differs: of the claim that the cell differs from dense, not corrected."
Q_IMPROVES = "q improves: of the claim that it improves, corrected."
IMPROVES_FROM = "improves from: the gain that would be found to improve with 80 % power."
BETTER_FROM = "better from: the gain that would be found to be better than dense with 80 % power."

if TYPE_CHECKING:
    from ablate.statistics.compare import Comparison

_CORRECTIONS = {"bh": "Benjamini–Hochberg", "by": "Benjamini–Yekutieli", "holm": "Holm"}


def interval(item: Evidence | Comparison | FamilyEffect | None, places: int = 2) -> str:
    """``-0.12 to +0.80``. places: digits after the point, here and below."""
    return "–" if item is None else f"{signed(item.low, places)} to {signed(item.high, places)}"


def p_value(p: float | None) -> str:
    """``0.004``, ``0.21``; ``–`` if nothing was tested."""
    if p is None:
        return "–"
    # From 0.0995 on, p rounds to 0.10 or more, and two digits are enough.
    return "<0.001" if p < 0.001 else f"{p:.3f}" if p < 0.0995 else f"{p:.2f}"


def p_different(item: Evidence | None) -> str:
    """The p of a difference, as :func:`p_value` has it."""
    return p_value(item.p_different if item else None)


def q_verdict(item: Evidence | None) -> str:
    """The corrected p of the claim that the verdict makes, as :func:`p_value` has it."""
    return p_value(item.q_verdict if item else None)


def q_improves(item: Evidence | None) -> str:
    """The corrected p of the claim that the cell improves, as :func:`p_value` has it."""
    return p_value(item.q_improves if item else None)


def q_beats(item: Evidence | None) -> str:
    """The corrected p of the claim that the cell beats random units, as :func:`p_value` has it."""
    return p_value(item.q_beats if item else None)


def mark(item: Evidence) -> str:
    """The mark of a verdict; empty if there is no verdict."""
    return MARKS.get(item.verdict or "", "")


def word(item: Evidence | None) -> str:
    """``improves``, and of a mean the tasks that are harmed: ``improves; harms sickr``."""
    return "–" if item is None else str(item.said)


def improves_from(item: Evidence | None, places: int = 2) -> str:
    """The gain that would be found to improve with 80 % power; ``none`` if no gain would, ``–`` if none is tested."""
    if item is None or item.q_improves is None:
        return "–"
    return "none" if item.smallest_improves is None else f"{item.smallest_improves:.{places}f}"


def better_from(item: Evidence | None, places: int = 2) -> str:
    """The gain that would be found to be better than dense, as :func:`improves_from` has it."""
    if item is None or item.q_better is None:
        return "–"
    return "none" if item.smallest_better is None else f"{item.smallest_better:.{places}f}"


def power(stage: Stage, groups: Sequence[Group]) -> tuple[str, ...]:
    """From which gains on cells would be found to improve, and to be better, with 80 % power."""
    items = [item for group in groups if (item := stage.evidence_on(group))]
    unit = stage.measure.unit
    draws = "all draws" if any(group.row.draws_asked for group in groups) else "the draws made"
    sized = {
        "to improve": [item.smallest_improves for item in items if item.q_improves is not None],
        "to be better than dense": [item.smallest_better for item in items if item.q_better is not None],
    }
    said = []
    for claim, sizes in sized.items():
        known = [size for size in sizes if size is not None]
        if known:
            said.append(f"a gain of {_range(known)} {unit} would be found {claim}")
        if len(known) < len(sizes):
            said.append(f"of {len(sizes) - len(known)} of {len(sizes)} effects no gain would be found {claim}")
    as_made = f"With 80 % power, {draws} and the p of the other cells as they are,"
    return (f"{as_made} {'; '.join(said)}.",) if said else ()


def beaten(item: Evidence | None) -> str:
    """``18 of 20``."""
    return "–" if item is None else f"{item.beaten} of {item.draws}"


def draws_made(group: Group) -> str:
    """How many matched draws were made: ``5 of 20`` if they stop early, ``20`` if not; ``–`` if none were asked for."""
    if not group.matched and not group.gainless:
        return "–"
    return f"{len(group.matched)}" + (f" of {group.row.draws_asked}" if group.row.draws_asked else "")


def legend(stage: Stage, groups: Sequence[Group], tasks: Sequence[str | None]) -> tuple[str, ...]:
    """By which margin and which tests a table's verdicts are.

    Args:
        tasks: the tasks that the table shows; None stands for the mean over all of them.
    """
    items = [item for group in groups for task in tasks if (item := stage.evidence_on(group, task))]
    if not items:
        return ()
    # The level and the correction are settings of the run, and so the same for all evidence.
    unit, first = stage.measure.unit, items[0]
    margins = _range(item.margin for item in items if item.margin is not None)
    corrected = _CORRECTIONS.get(first.correction, first.correction)
    count = sum(stage.evidence_on(group, tasks[0]) is not None for group in stage.groups)
    over = "this cell alone" if count == 1 else f"these {count} cells"
    tested = f"ests at {first.level:g}, corrected over {over} ({corrected})."
    lines = [
        f"Margin {margins} {unit}; t{tested}" if margins else f"T{tested}",
        *draws(groups),
        *untested(items),
        *approximate(items),
    ]
    if not margins:
        lines.append("No margin is set (statistics.margins): nothing is called harmless or harmful.")
    return tuple(lines)


def draws(groups: Sequence[Group]) -> tuple[str, ...]:
    """How many matched draws stand behind these cells, and how many a claim takes; empty where none have any."""
    drawn = [group for group in groups if group.matched or group.gainless]
    if not drawn:
        return ()
    numbers = sorted({len(group.matched) for group in drawn})
    key = "screened" if any(group.row.stage == "screen" for group in groups) else "matched"
    asked = sorted({group.row.draws_asked or len(group.matched) for group in drawn})
    few = "" if asked[0] >= CLAIM_DRAWS else f"; a claim takes at least {CLAIM_DRAWS} (controls.{key})"
    of = f" of {counts(asked)}" if any(group.row.draws_asked for group in groups) else ""
    return (f"Matched draws of a cell: {counts(numbers)}{of}{few}.",)


def matching(groups: Sequence[Group]) -> tuple[str, ...]:
    """By what draws are matched beyond the layer, whether an older ablate made them, and which are nearly the cell."""
    drawn = [(group, rows) for group in groups if (rows := group.rows_of_draws())]
    more = dict.fromkeys(row.matching for _, rows in drawn for row in rows if row.matching)
    lines = [f"Matched by more than the layer: {'; '.join(more)}."] if more else []
    # Draws of single weights have been matched by magnitude ever since rows say by what.
    if any(row.granularity == "unstructured" and not row.matching for _, rows in drawn for row in rows):
        lines.append("The draws of unstructured cells are matched by layer alone: an older ablate made them.")
    shares = {label(group, groups): [row.redrawn for row in rows if row.redrawn is not None] for group, rows in drawn}
    nearly = [
        f"{name} ({100 * (1 - max(found)):.4g} %)"
        for name, found in shares.items()
        if found and max(found) < NEARLY_ITSELF
    ]
    if nearly:
        lines.append(f"Draws that remove mostly the units of their cell: {'; '.join(nearly)}.")
    return tuple(lines)


def searches(groups: Sequence[Group]) -> tuple[str, ...]:
    """How many evaluations on dev found the cells, and whether they are set against random search.

    Cells are named where not all are alike.
    """
    lines = []
    every = sum(group.row.evaluations is not None for group in groups)
    for searched in (True, False):
        found = [group for group in groups if bool(group.searched) is searched and group.row.evaluations is not None]
        for count in sorted({group.row.evaluations or 0 for group in found}):
            alike = [group for group in found if group.row.evaluations == count]
            names = "" if len(alike) == every else f": {'; '.join(label(group, groups) for group in alike)}"
            rivals = f"the best of {number(count, 'random mask')}"
            against = f"set against {rivals}" if searched else f"not set against {rivals} (controls.searched)"
            lines.append(f"Chosen with {number(count, 'evaluation')} on dev, and {against}{names}.")
    return tuple(lines)


def untested(items: Sequence[Evidence]) -> tuple[str, ...]:
    """Why cells have no test of the claim that they improve; empty where all have one."""
    reasons = dict.fromkeys(item.untested for item in items if item.untested)
    if not reasons:
        return ()
    remedy = " (controls.matched, controls.screened)" if any("and a test needs two" in one for one in reasons) else ""
    return (f"Not tested for 'improves': {'; '.join(reasons)}{remedy}.",)


def approximate(items: Sequence[Evidence]) -> tuple[str, ...]:
    """A warning where p is of a test that needs many items, and there are few; empty where there is no such p."""
    few = [item for item in items if item.p_different is not None and item.n < FEW_ITEMS]
    if any(not item.studentized for item in few):
        return (
            f"p is too small below {FEW_ITEMS} items, for the task's statistic does not say what each item adds to it:"
            " up to 14 of 100 such p are 0.05 or less by chance.",
        )
    if few:
        return (
            f"Below {FEW_ITEMS} items p is too small where two models are wrong in different ways: up to 8 of 100 such"
            " p are 0.05 or less by chance.",
        )
    return ()


def harmed(stage: Stage, groups: Sequence[Group]) -> tuple[str, ...]:
    """A sentence that names the tasks that cells harm whose mean does not; empty if there are none."""
    items = [(group, stage.evidence_on(group)) for group in groups]
    names = [
        f"{label(group, groups)} ({', '.join(item.harmed)})"
        for group, item in items
        if item and item.harmed and item.verdict != "harms"
    ]
    return (f"Tasks harmed under a mean that is not: {'; '.join(names)}.",) if names else ()


def unbeaten(stage: Stage, groups: Sequence[Group]) -> tuple[str, ...]:
    """A sentence that names the cells that do not beat their matched draws; empty if there are none."""
    items = [(group, stage.evidence_on(group, against="matched")) for group in groups]
    names = [
        label(group, groups) for group, item in items if item and item.q_beats is not None and item.q_beats > item.level
    ]
    tested = [item for _, item in items if item and item.q_beats is not None]
    if len(names) == len(tested) > 1:
        return ("No cell is shown to beat its matched draws.",)
    return (f"Not shown to beat {'its' if len(names) == 1 else 'their'} matched draws: {'; '.join(names)}.",) * bool(
        names
    )


def _range(values: Iterable[float]) -> str:
    """``0.2``, or ``0.31–0.78`` if the values differ."""
    ends = sorted(values)
    return "–".join(dict.fromkeys(f"{end:.2g}" for end in (ends[0], ends[-1]))) if ends else ""
