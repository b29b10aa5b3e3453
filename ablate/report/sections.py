"""The three kinds of table: the grid, cell by cell, and task by task."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from ablate.judge.effects import Effect, Group, Stage, label
from ablate.report import verdicts, wording
from ablate.report.table import MARKS, Column, Line, Table, TableCell


class _Place(NamedTuple):
    """A line of the grid. ``extras``: its scope and steps, where the grid has several."""

    granularity: str
    sparsity: float | str
    extras: tuple[str, ...]


def grid(stage: Stage, groups: Sequence[Group], title: str) -> Table:
    """Granularity × sparsity (× scope × steps where they differ) against scorers."""
    scorers = list(dict.fromkeys(group.row["scorer"] for group in groups))
    kinds = list(dict.fromkeys(group.row["granularity"] for group in groups))
    extras = [name for name in ("scope", "steps") if len({str(group.row[name]) for group in groups}) > 1]
    places: dict[_Place, dict[str, Group]] = {}
    for group in groups:
        row = group.row
        place = _Place(row["granularity"], row["sparsity"], tuple(str(row[name]) for name in extras))
        places.setdefault(place, {})[row["scorer"]] = group
    lines: list[Line] = []
    before: str | None = None
    for place in sorted(places, key=lambda p: (kinds.index(p.granularity), wording.sparsity_order(p.sparsity))):
        stub = map(TableCell, (place.granularity, wording.sparsity(place.sparsity), *place.extras))
        found = [places[place].get(scorer) for scorer in scorers]
        effects = _marked(stage, [stage.effect(group) if group else None for group in found], found)
        lines.append(Line((*stub, *effects), new=before not in (None, place.granularity)))
        before = place.granularity
    stubs = [Column(name, stub=True) for name in ("granularity", "sparsity", *extras)]
    columns = (*stubs, *(Column(scorer) for scorer in scorers))
    return Table(
        title, columns, tuple(lines), "row", (*wording.notes(stage, groups), *verdicts.legend(stage, groups, (None,)))
    )


def cells(stage: Stage, groups: Sequence[Group], title: str) -> Table:
    """One line a cell: its effect and the verdict on it beside its controls, then what it removes."""
    effects = [stage.effect(group) for group in groups]
    places = [TableCell(wording.rank(stage, effects, effect)) for effect in effects]
    labels = [TableCell(label(group, groups)) for group in groups]
    digits = stage.measure.places
    columns = [
        (Column("#", stub=True), places),
        (Column("cell", stub=True), labels),
        (Column("Δ"), _marked(stage, effects, groups)),
    ]
    notes = wording.notes(stage, groups)
    found = [stage.found(group) for group in groups]
    if any(found):
        columns.append((Column("95 %"), [TableCell(verdicts.interval(item, digits)) for item in found]))
        columns.append((Column("verdict"), [TableCell(verdicts.word(item)) for item in found]))
        columns.append((Column("smallest effect"), [TableCell(verdicts.smallest(item, digits)) for item in found]))
        columns.append((Column("p"), [TableCell(verdicts.p_of(item, "p")) for item in found]))
        columns.append((Column("q"), [TableCell(verdicts.p_of(item, "q")) for item in found]))
        notes += (*verdicts.legend(stage, groups, (None,)), "p: of no difference from dense; q: of no gain, corrected.")
    if stage.decide:
        full = [replace(stage.effect(group, ""), sd=None) for group in groups]
        columns.append((Column("full set"), _plain(stage, full)))
        notes += ("full set: Δ on every pair, as others report it.",)
    matched = [stage.matched(group) for group in groups]
    if draws := sorted({effect.count for effect in matched if effect.count}):
        columns.append((Column("matched"), _plain(stage, matched)))
        notes += (f"matched: Δ of random units, as many in each layer, {wording.counts(draws)} draws.",)
    drawn = [stage.found(group, against="matched") for group in groups]
    if any(drawn):
        columns.append((Column("draws beaten"), [TableCell(verdicts.beaten(item)) for item in drawn]))
        columns.append((Column("q matched"), [TableCell(verdicts.p_of(item, "q")) for item in drawn]))
        notes += ("draws beaten: of a lower gain; q matched: of a random draw doing as well, corrected.",)
        notes += verdicts.unbeaten(stage, groups)
    if any(group.flipped for group in groups):
        columns.append((Column("flipped"), _plain(stage, [stage.flipped(group) for group in groups])))
        notes += ("flipped: Δ with the highest contributions removed instead.",)
    for name, entries in wording.sizes(groups):
        columns.append((Column(name, group=1), [TableCell(entry) for entry in entries]))
    lines = zip(*(entries for _, entries in columns), strict=True)
    return Table(title, tuple(column for column, _ in columns), tuple(map(Line, lines)), "column", notes)


def detail(stage: Stage, groups: Sequence[Group], title: str) -> Table:
    """Cells against tasks, means over seeds, under the dense model's scores."""
    tasks = list(stage.splits)
    columns = (Column("cell", stub=True), *(Column(task) for task in tasks))
    dense, digits = [stage.dense.get(task) for task in tasks], stage.measure.places
    lines = [_line("dense, full set", [wording.score(row, "score", digits) for row in dense])]
    if stage.decide:
        lines.append(_line("dense, clean", [wording.score(row, "score_clean", digits) for row in dense]))
        lines.append(_line("pairs dropped", [wording.dropped(row) for row in dense]))
    if any(stage.found(group, task) for group in groups for task in tasks):
        lines.append(_line("smallest effect", [verdicts.largest_smallest(stage, groups, task) for task in tasks]))
    by_task = [[replace(stage.effect(group, tasks=(task,)), sd=None) for group in groups] for task in tasks]
    marked = [_marked(stage, effects, groups, task) for task, effects in zip(tasks, by_task, strict=True)]
    for place, group in enumerate(groups):
        title_cell = TableCell(label(group, groups))
        lines.append(Line((title_cell, *(column[place] for column in marked)), new=place == 0))
    notes = wording.seeds(groups, "Where a cell has seeds, Δ is the mean over")
    return Table(title, columns, tuple(lines), "column", (*notes, *verdicts.legend(stage, groups, tasks)))


def _line(name: str, entries: Iterable[str]) -> Line:
    return Line((TableCell(name), *map(TableCell, entries)))


def _plain(stage: Stage, effects: Iterable[Effect]) -> list[TableCell]:
    return [TableCell(wording.effect(effect, stage.measure.places)) for effect in effects]


def _marked(
    stage: Stage, effects: Sequence[Effect | None], groups: Sequence[Group | None], task: str | None = None
) -> list[TableCell]:
    """Effects side by side with their verdicts, the best marked; those that print the same are equally good."""
    best = wording.best(stage, [effect for effect in effects if effect])
    return [
        _cell(effect, best, stage.found(group, task), stage.measure.places) if effect and group else TableCell("–")
        for effect, group in zip(effects, groups, strict=True)
    ]


def _cell(effect: Effect, best: float | None, found: verdicts.Found, places: int) -> TableCell:
    verdict = found["verdict"] if found else None
    text = " ".join([wording.effect(effect, places), *([MARKS[verdict]] if verdict else [])])
    return TableCell(text, effect.value is not None and wording.shown(effect, places) == best, verdict)
