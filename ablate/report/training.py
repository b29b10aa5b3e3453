"""The table of trained cells, compared with the untrained model and with training alone."""

from __future__ import annotations

from ablate.judge.effects import Effect, Stage
from ablate.judge.group import Group, label
from ablate.record import Evidence
from ablate.report import verdicts, wording
from ablate.report.table import MARKS, Column, Line, Table, TableCell
from ablate.statistics.verdict import FEWEST_SEEDS

TITLES: tuple[str, ...] = (
    "score",
    "Δ",
    "95 %",
    "sparsity added",
    "95 %",
    "verdict",
    "q of verdict",
    "better from",
    "p differs",
)
TITLES += ("over random masks", "q beats random", "of params")
_RANKS = {
    "of params": 1,
    "q of verdict": 2,
    "over random masks": 3,
    "q beats random": 4,
    "better from": 5,
    "p differs": 5,
}
"""Which columns are left out first."""

_MEANINGS = {
    "q of verdict": verdicts.Q_OF_VERDICT,
    "better from": "better from: the gain over training alone that would be found to be better with 80 % power.",
    "p differs": "p differs: of the claim that the cell differs from training alone, on these trained models, not "
    "corrected.",
    "over random masks": "over random masks: Δ over random masks trained alike.",
    "q beats random": "q beats random: of the claim that the cell beats them, over train seeds too, corrected.",
}


def training(stage: Stage, title: str) -> Table:
    """Lines for the untrained dense model, for the trained dense model, and for the pruned cells, best first.

    Args:
        stage: a stage whose cells are trained.
    """
    alone = [group for group in stage.groups if group.row.way == "train"]
    pruned = [group for group in stage.groups if group not in alone]
    sign = -stage.measure.sign
    ranked = sorted(pruned, key=lambda group: _order(stage.effect(group), sign))
    digits = stage.measure.places
    lines = [Line(_cells(["dense, as it came", wording.plain(stage.dense_score(stage.clean), digits)]))]
    lines += [_line(stage, group) for group in alone]
    lines += [_line(stage, group, new=place == 0) for place, group in enumerate(ranked)]
    groups = [*alone, *ranked]
    notes = (
        "Δ = cell - dense as it came; sparsity added = cell - dense trained for the same number of steps at the same"
        " train seeds.",
        *wording.seeds(groups, "Means over"),
        *_legend(stage, ranked),
    )
    columns = (
        Column("cell", stub=True),
        *(
            Column(name, group=place > 2, rank=_RANKS.get(name, 0), meaning=_MEANINGS.get(name, ""))
            for place, name in enumerate(TITLES)
        ),
    )
    return Table(title, columns, tuple(lines), "column", notes, explained=True)


def _order(effect: Effect, sign: float) -> tuple[bool, float]:
    return (True, 0.0) if effect.value is None else (False, sign * effect.value)


def _line(stage: Stage, group: Group, new: bool = False) -> Line:
    digits = stage.measure.places
    effect, dense, added = stage.effect(group), stage.evidence_on(group), stage.evidence_on(group, against="trained")
    score, random = stage.score(group), stage.evidence_on(group, against="random")
    entries = [
        label(group, stage.groups),
        wording.plain(score, digits),
        wording.effect(effect, digits),
        verdicts.interval(dense, digits),
        "–" if added is None else f"{wording.signed(added.delta, digits)} {verdicts.mark(added)}",
        verdicts.interval(added, digits),
        verdicts.word(added),
        verdicts.q_verdict(added),
        verdicts.better_from(added, digits),
        verdicts.p_different(added),
        "–" if random is None else wording.signed(random.delta, digits),
        verdicts.q_beats(random),
        dict(wording.sizes([group]))["of params"][0],
    ]
    cells = [TableCell(entry) for entry in entries]
    # The verdict is on the sparsity that was added to training, and not on Δ.
    if added is not None:
        cells[4] = TableCell(entries[4], verdict=added.verdict, said=added.said)
    return Line(tuple(cells), new=new)


def _cells(entries: list[str]) -> tuple[TableCell, ...]:
    return tuple(map(TableCell, [*entries, *["–"] * (1 + len(TITLES) - len(entries))]))


def _legend(stage: Stage, groups: list[Group]) -> tuple[str, ...]:
    items = [item for group in groups if (item := stage.evidence_on(group, against="trained"))]
    if not items:
        return ("No comparison with training alone: the trained dense model has no score here.",)
    margin, unit = items[0].margin, stage.measure.unit
    within = f" (less than {margin:g} {unit} worse)" if margin is not None else ""
    said = {
        "improves": "improves on training alone and on random masks trained alike, over train seeds too",
        "better": "better than training alone, on these trained models",
        "harmless": f"harmless{within}",
        "worse": "worse than training alone",
    }
    given = {item.verdict for item in items}
    marks = ", ".join(f"{mark} {said.get(name, name)}" for name, mark in MARKS.items() if name in given)
    return (
        *((f"{marks}.",) if marks else ()),
        *_untested(items),
        *verdicts.approximate(items),
    )


def _untested(items: list[Evidence]) -> tuple[str, ...]:
    """Why cells are not said to improve."""
    reasons = dict.fromkeys(item.untested for item in items if item.untested)
    remedy = f"it takes {FEWEST_SEEDS} train seeds (train.train_seeds) and a random mask (scorers: random)"
    return (f"Not tested for 'improves': {'; '.join(reasons)}; {remedy}.",) if reasons else ()
