"""Builds the page of a run as plain data, which :mod:`.tables`, :mod:`.formats` and :mod:`.latex` print."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from ablate.judge.effects import Stage
from ablate.judge.group import Group
from ablate.record import RunRecord
from ablate.report import circumstances, wording
from ablate.report.dims import by_dimension, shown
from ablate.report.oracle_agreement import oracle_agreement_table
from ablate.report.over_models import tables as tables_over
from ablate.report.samples import samples_table
from ablate.report.sections import cells, detail, grid
from ablate.report.table import Block, Page, Table
from ablate.report.training import training

FEW = 24
"""Up to this number, all cells are listed one by one; beyond it, only the best of each scorer and granularity."""


def build(results: RunRecord) -> Page:
    """Everything that ``ablate run`` prints."""
    # Imported here, because they import numpy and scipy, which nothing else in this module needs.
    from ablate.judge.methods import compare_methods
    from ablate.report.answer import answers
    from ablate.report.methods import methods_table, untested
    from ablate.report.next_step import next_steps

    run_stages, compared = shown(results), compare_methods(results)
    methods = methods_table(compared)
    # Where nothing was confirmed, nobody expects a comparison of scorers.
    told = methods is None or methods.lines or all(one.measure is None for one in compared)
    return Page(
        circumstances.head(results, run_stages),
        (*of_models(results, run_stages), *_of_all(results, methods)),
        (*circumstances.foot(results), *(() if told else (untested(compared),))),
        tuple(answers(results)),
        results.about.other_verdicts or (),
        next_steps(results),
    )


def of_models(results: RunRecord, run_stages: Sequence[Stage]) -> tuple[Block, ...]:
    """The tables of the cells, model by model."""
    models = list(dict.fromkeys(stage.model for stage in run_stages))
    blocks = []
    for model in models:
        of_model = [stage for stage in run_stages if stage.model == model]
        tables = [table for stage in of_model for table in _of_stage(stage, of_model, results)]
        blocks.append(Block(model if len(models) > 1 else None, tuple(tables)))
    return tuple(blocks)


def _of_all(results: RunRecord, methods: Table | None) -> tuple[Block, ...]:
    """The tables over all models, and of the scorers: rank correlation with exact removal, and mean ranks."""
    candidates = (
        *tables_over(results.about.over_models),
        oracle_agreement_table(results.about.agreement or ()),
        methods,
    )
    tables = [table for table in candidates if table and table.lines]
    heading = "all models" if len(results.about.models) > 1 else None
    return (Block(heading, tuple(tables)),) if tables else ()


def _tables(stage: Stage, of_model: Sequence[Stage], results: RunRecord) -> Iterable[Table]:
    """The tables of a stage. If a confirmation follows, a screen shows only its grid."""
    name, what = wording.name(stage, results), wording.delta(stage)
    truncated = stage.measure.dim is not None
    if not stage.groups:
        yield detail(stage, (), f"{name}: dense alone, {wording.measure(stage)}")
        return
    listed, why = _listed(stage, of_model, results.about.chosen_on)
    reports = stage.name == "confirm" or all(other.name != "confirm" for other in of_model)
    if any(group.row.way for group in stage.groups):
        yield training(stage, f"{name}: {what}")
        if len(stage.splits) > 1:
            yield detail(stage, stage.groups, f"{name}, task by task: Δ in {wording.measure(stage)}")
        yield from _samples(stage, stage.groups, name)
        yield from by_dimension(stage, of_model, stage.groups, results)
        return
    in_grid = [group for group in stage.groups if not group.off_grid]
    if in_grid and not truncated and (stage.name != "confirm" or len(listed) < len(stage.groups) or not why):
        yield grid(stage, in_grid, f"{name}: {what}", stage.stopped)
    if reports:
        yield cells(stage, listed, f"{name}{why or ', cell by cell'}: {what}")
    elif not truncated and len(in_grid) < len(stage.groups):
        several = [group for group in stage.groups if group.off_grid]
        yield detail(stage, several, f"{name}, cells of several steps or granularities: Δ in {wording.measure(stage)}")
    if reports and len(stage.splits) > 1:
        yield detail(stage, listed, f"{name}, task by task: Δ in {wording.measure(stage)}")
    if reports:
        yield from _samples(stage, listed, name)
    yield from by_dimension(stage, of_model, listed, results)


def _samples(stage: Stage, listed: Sequence[Group], name: str) -> Iterable[Table]:
    """The table that takes the tasks as a sample, if anything is said of that."""
    table = samples_table(stage, listed, f"{name}, tasks as a sample: {wording.delta(stage)}")
    return () if table is None else (table,)


def _of_stage(stage: Stage, of_model: Sequence[Stage], results: RunRecord) -> Iterable[Table]:
    """The tables of a stage, below which a note on how to read them is said once."""
    said: set[str] = set()
    for table in _tables(stage, of_model, results):
        fresh = replace(table, notes=tuple(note for note in table.notes if note not in said))
        said.update(table.notes)
        # What limits the figures stands below each table, since a table may be read alone.
        yield _qualified(fresh, stage, results)


def _qualified(table: Table, stage: Stage, results: RunRecord) -> Table:
    """The table with notes on tasks whose data are not the published set, and on how its scores were computed."""
    about = results.about
    notes = (*wording.deviations(about, stage.splits), *wording.computed(stage, about), *table.notes)
    return replace(table.compact(), notes=notes)


def _listed(stage: Stage, of_model: Sequence[Stage], choosing: Sequence[str]) -> tuple[list[Group], str]:
    """The cells to list one by one, best first, and how they were chosen, for the title."""
    sign = -stage.measure.sign
    effects = [(stage.effect(group).value, group) for group in stage.groups]
    valued = [(sign * value, group) for value, group in effects if value is not None]
    ranked = [group for _, group in sorted(valued, key=lambda pair: pair[0])]
    ranked += [group for value, group in effects if value is None]
    if any(screen.name == "screen" and screen.selects for screen in of_model):
        # Explicit cells are confirmed without a choice, so all of them are listed.
        listed = [group for group in ranked if group.chosen or group.off_grid]
        return listed, f" (chosen on {', '.join(choosing)})"
    if len(ranked) <= FEW:
        return ranked, ""
    best: dict[object, Group] = {}
    for group in ranked:
        row = group.row
        best.setdefault(row.cell if group.off_grid else (row.granularity, row.scorer), group)
    return list(best.values()), " (best of each scorer × granularity on these same pairs)"
