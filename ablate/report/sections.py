"""The three kinds of table: the grid, a line for each cell, and cells against tasks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from ablate.judge.effects import Effect, Stage
from ablate.judge.group import Group, differing, extra, label
from ablate.record import Evidence
from ablate.report import verdicts, wording
from ablate.report.table import MARKS, STOPPED, Column, Line, Table, TableCell


class _GridLine(NamedTuple):
    """A line of the grid. extras: its scope and steps, if the grid has several."""

    granularity: str
    sparsity: float | str
    extras: tuple[str, ...]


def grid(stage: Stage, groups: Sequence[Group], title: str, stopped: Sequence[Group] = ()) -> Table:
    """A line for each granularity and sparsity (and scope and steps, where they differ), a column for each scorer.

    Args:
        stopped: cells that racing has stopped.
    """
    placed = [(group.place, group) for group in (*groups, *stopped) if group.place is not None]
    seen = {group.id: stage.seen(group) for group in stopped}
    numbers = {count: number for number, count in enumerate(sorted(set(seen.values())), start=1)}
    scorers = list(dict.fromkeys(place.scorer for place, _ in placed))
    granularities = list(dict.fromkeys(place.granularity for place, _ in placed))
    extras = differing([*groups, *stopped])
    places: dict[_GridLine, dict[str, Group]] = {}
    for place, group in placed:
        line = _GridLine(place.granularity, place.sparsity, tuple(extra(group, name) for name in extras))
        places.setdefault(line, {})[place.scorer] = group
    lines: list[Line] = []
    previous: str | None = None
    # By granularity in the recipe's order, then by sparsity.
    for line in sorted(
        places, key=lambda line: (granularities.index(line.granularity), wording.sparsity_order(line.sparsity))
    ):
        stub = map(TableCell, (line.granularity, wording.sparsity(line.sparsity), *line.extras))
        entries = [places[line].get(scorer) for scorer in scorers]
        whole = [None if group is None or group.id in seen else group for group in entries]
        effects = marked(stage, [stage.effect(group) if group else None for group in whole], whole)
        for at, entry in enumerate(entries):
            if entry is not None and entry.id in seen:
                text = wording.effect(stage.effect(entry), stage.measure.places)
                effects[at] = TableCell(f"{text} {STOPPED}{numbers[seen[entry.id]]}")
        lines.append(Line((*stub, *effects), new=previous not in (None, line.granularity)))
        previous = line.granularity
    stubs = [Column(name, stub=True) for name in ("granularity", "sparsity", *extras)]
    columns = (*stubs, *(Column(scorer) for scorer in scorers))
    return Table(
        title,
        columns,
        tuple(lines),
        "row",
        (
            *wording.notes(stage, groups),
            *verdicts.legend(stage, groups, (None,)),
            *verdicts.power(stage, groups),
            *verdicts.harmed(stage, groups),
            *_of_stopped(stage, numbers),
        ),
    )


def _of_stopped(stage: Stage, numbers: Mapping[int, int]) -> tuple[str, ...]:
    """What the marks of stopped cells mean. numbers: how many pairs were seen -> the number beside the mark."""
    if not numbers:
        return ()
    counts = ", ".join(f"{STOPPED}{number} {count:,}" for count, number in numbers.items())
    every = sum((row.n_clean if stage.clean else row.n) or 0 for row in stage.dense.values())
    return (f"{STOPPED} stopped by racing, without a verdict: Δ of the first pairs only ({counts} of {every:,}).",)


def cells(stage: Stage, groups: Sequence[Group], title: str) -> Table:
    """A line for each cell: its effect, the verdict on it, its controls, and how much it removes."""
    effects = [stage.effect(group) for group in groups]
    places = [TableCell(wording.rank(stage, effects, effect)) for effect in effects]
    labels = [TableCell(label(group, groups)) for group in groups]
    digits = stage.measure.places
    columns = [
        (Column("#", stub=True), places),
        (Column("cell", stub=True), labels),
        (Column("Δ"), marked(stage, effects, groups)),
    ]
    notes = wording.notes(stage, groups)
    if any(items := [stage.evidence_on(group) for group in groups]):
        columns += _judged(items, digits)
        notes += verdicts.legend(stage, groups, (None,))
    if stage.clean:
        full = [replace(stage.effect_on_all(group), sd=None) for group in groups]
        meaning = "all pairs: Δ on every pair, as papers report it."
        columns.append((Column("all pairs", rank=5, repeats="Δ", meaning=meaning), _plain(stage, full)))
    matched = [stage.matched(group) for group in groups]
    if draws := sorted({effect.count for effect in matched if effect.count}):
        meaning = f"matched: Δ of random units, as many in each layer, {wording.counts(draws)} draws."
        columns.append((Column("matched", rank=3, meaning=meaning), _plain(stage, matched)))
        notes += verdicts.matching(groups)
        notes += () if any(items) else verdicts.draws(groups)
    if any(group.row.draws_asked for group in groups):
        made = Column("draws made", rank=5, meaning=verdicts.DRAWS_MADE)
        columns.append((made, [TableCell(verdicts.draws_made(group)) for group in groups]))
    drawn = [stage.evidence_on(group, against="matched") for group in groups]
    if any(drawn):
        columns.append((Column("draws beaten", rank=2, meaning=_BEATEN), _texts(verdicts.beaten, drawn)))
        columns.append((Column("q beats draws", rank=4, meaning=_Q_BEATS), _texts(verdicts.q_beats, drawn)))
        notes += verdicts.unbeaten(stage, groups)
    if any(group.searched for group in groups):
        searched = Column("searched", rank=4, meaning=verdicts.SEARCHED)
        columns.append((searched, _plain(stage, [stage.searched(group) for group in groups])))
    rivals = [stage.evidence_on(group, against="searched") for group in groups]
    if any(rivals):
        columns.append((Column("searches beaten", rank=4), _texts(verdicts.beaten, rivals)))
        columns.append((Column("q beats searches", rank=4), _texts(verdicts.q_beats, rivals)))
    notes += verdicts.searches(groups)
    if any(group.flipped for group in groups):
        meaning = "flipped: Δ with the highest contributions removed instead."
        flipped = [stage.flipped(group) for group in groups]
        columns.append((Column("flipped", rank=5, meaning=meaning), _plain(stage, flipped)))
    for name, entries in wording.sizes(groups):
        columns.append((Column(name, group=1, rank=_SIZES.get(name, 7)), [TableCell(entry) for entry in entries]))
    lines = zip(*(entries for _, entries in columns), strict=True)
    return Table(title, tuple(column for column, _ in columns), tuple(map(Line, lines)), "column", notes)


_BEATEN = "draws beaten: of a lower gain than the cell."
_Q_BEATS = "q beats draws: of the claim that the cell beats them, corrected."
_SIZES = {"of params": 3, "units removed": 5}


def _judged(items: Sequence[Evidence | None], digits: int) -> list[tuple[Column, list[TableCell]]]:
    """The columns on the verdicts."""
    named = any(item.harmed for item in items if item)
    return [
        (Column("95 %"), [TableCell(verdicts.interval(item, digits)) for item in items]),
        (Column("verdict", prose=named), _texts(verdicts.word, items)),
        (Column("q of verdict", rank=1, meaning=verdicts.Q_OF_VERDICT), _texts(verdicts.q_verdict, items)),
        (
            Column("improves from", rank=6, meaning=verdicts.IMPROVES_FROM),
            [TableCell(verdicts.improves_from(item, digits)) for item in items],
        ),
        (
            Column("better from", rank=6, meaning=verdicts.BETTER_FROM),
            [TableCell(verdicts.better_from(item, digits)) for item in items],
        ),
        (Column("p differs", rank=6, meaning=verdicts.P_DIFFERS), _texts(verdicts.p_different, items)),
        (Column("q improves", rank=6, meaning=verdicts.Q_IMPROVES), _texts(verdicts.q_improves, items)),
    ]


def _texts(show: Callable[[Evidence | None], str], items: Iterable[Evidence | None]) -> list[TableCell]:
    return [TableCell(show(item)) for item in items]


def detail(stage: Stage, groups: Sequence[Group], title: str) -> Table:
    """A line for each cell, a column for each task, below the scores of the dense model. Δ is a mean over seeds."""
    tasks = list(stage.splits)
    columns = (Column("cell", stub=True), *(Column(task) for task in tasks))
    dense, digits = [stage.dense.get(task) for task in tasks], stage.measure.places
    reduced = stage.clean and any(wording.dropped(row) not in ("0", "–") for row in dense)
    whole = "dense, all pairs" if reduced or not stage.clean else "dense"
    lines = [_line(whole, [wording.score(row, False, digits) for row in dense])]
    if reduced:
        lines.append(_line("dense, clean", [wording.score(row, True, digits) for row in dense]))
        lines.append(_line("pairs dropped", [wording.dropped(row) for row in dense]))
    by_task = [[replace(stage.effect(group, tasks=(task,)), sd=None) for group in groups] for task in tasks]
    columns_of = [marked(stage, effects, groups, task) for task, effects in zip(tasks, by_task, strict=True)]
    for place, group in enumerate(groups):
        title_cell = TableCell(label(group, groups))
        lines.append(Line((title_cell, *(column[place] for column in columns_of)), new=place == 0))
    notes = wording.seeds(groups, "Where a cell has seeds, Δ is the mean over")
    return Table(title, columns, tuple(lines), "column", (*notes, *verdicts.legend(stage, groups, tasks)))


def _line(name: str, entries: Iterable[str]) -> Line:
    return Line((TableCell(name), *map(TableCell, entries)))


def _plain(stage: Stage, effects: Iterable[Effect]) -> list[TableCell]:
    return [TableCell(wording.effect(effect, stage.measure.places)) for effect in effects]


def marked(
    stage: Stage, effects: Sequence[Effect | None], groups: Sequence[Group | None], task: str | None = None
) -> list[TableCell]:
    """Effects with their verdicts and a mark on the best. Effects that print the same are equally good."""
    best = wording.best(stage, [effect for effect in effects if effect])
    return [
        _cell(effect, best, stage.evidence_on(group, task), stage.measure.places)
        if effect and group
        else TableCell("–")
        for effect, group in zip(effects, groups, strict=True)
    ]


def _cell(effect: Effect, best: float | None, item: Evidence | None, places: int) -> TableCell:
    verdict = item.verdict if item else None
    text = " ".join([wording.effect(effect, places), *([MARKS[verdict]] if verdict else [])])
    is_best = effect.value is not None and wording.shown(effect, places) == best
    return TableCell(text, is_best, verdict, item.said if item else None)
