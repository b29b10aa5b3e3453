"""The best confirmed cells of each model: of each granularity, by each scorer, and of all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ablate.errors import Undefined
from ablate.judge.effects import Stage
from ablate.judge.group import Group, label
from ablate.plan.choose import mean_gains
from ablate.record import Evidence, ModelLine, RunRecord
from ablate.statistics.depth import thirds

HARMLESS = ("improves", "better", "harmless")


@dataclass(frozen=True)
class ModelCell:
    """A cell of one model that reports.

    on_dev: its mean gain on the screen tasks that choose; None if it has none.
    """

    group: Group
    item: Evidence
    gain: float
    on_dev: float | None


def cells_of(results: RunRecord, stage: Stage) -> list[ModelCell]:
    """The cells of a stage that have evidence on the mean over its tasks, without controls and trained cells."""
    on_dev = _on_dev(results, stage.model)
    sign = stage.measure.sign
    found = []
    for group in stage.groups:
        item = stage.evidence_on(group)
        if item is None or group.is_control or group.row.way is not None:
            continue
        found.append(ModelCell(group, item, sign * item.delta, on_dev.get(group.row.key)))
    return found


def _on_dev(results: RunRecord, model: str) -> Mapping[str, float]:
    """The mean gain of each screened cell on the tasks that chose, by its key in rows."""
    about = results.about
    unfit = (about.cannot_choose or {}).get(model, {})
    choosing = [task for task in about.chosen_on if task not in unfit]
    rows = [row for row in results.rows if row.model == model and row.stage == "screen" and row.task in choosing]
    return mean_gains([row for row in rows if row.control is None], about.clean)


def first(cells: Sequence[ModelCell]) -> ModelCell | None:
    """The cell that comes first on dev, or the only one; None if the screen does not tell."""
    if len(cells) == 1:
        return cells[0]
    known = [(cell.on_dev, cell) for cell in cells if cell.on_dev is not None]
    return max(known, key=lambda pair: pair[0])[1] if len(known) == len(cells) > 0 else None


def kinds(cells: Sequence[ModelCell]) -> Iterator[tuple[str, str, list[ModelCell]]]:
    """``by``, ``name`` and the cells of each line; see :class:`~ablate.record.ModelLine`."""
    yield "all", "all", list(cells)
    for kind in dict.fromkeys(cell.group.kind for cell in cells):
        yield "granularity", kind, [cell for cell in cells if cell.group.kind == kind]
    for scorer in dict.fromkeys(cell.group.row.scorer for cell in cells):
        if scorer is not None:  # a cell of several steps may have one for each
            yield "scorer", scorer, [cell for cell in cells if cell.group.row.scorer == scorer]


def line_of(
    results: RunRecord, stage: Stage, lineage: str, by: str, name: str, cells: Sequence[ModelCell]
) -> ModelLine:
    """The line of one model. cells: those it is about, at least one."""
    best, at_first = max(cells, key=lambda cell: cell.gain), first(cells)
    verdicts = [cell.item.verdict for cell in cells]
    item, row = best.item, best.group.row
    return ModelLine(
        model=stage.model,
        lineage=lineage,
        by=by,
        name=name,
        reason=None,
        cells=len(cells),
        improving=verdicts.count("improves"),
        harmless=sum(verdict in HARMLESS for verdict in verdicts),
        cell=label(best.group, stage.groups),
        group=best.group.id,
        granularity=row.granularity,
        scorer=row.scorer,
        sparsity=row.sparsity,
        delta=item.delta,
        low=item.low,
        high=item.high,
        verdict=item.verdict,
        harmed=item.harmed,
        first=label(at_first.group, stage.groups) if at_first else None,
        first_group=at_first.group.id if at_first else None,
        first_delta=at_first.item.delta if at_first else None,
        first_low=at_first.item.low if at_first else None,
        first_high=at_first.item.high if at_first else None,
        depth=_depth(results, stage.model, row.key),
    )


def _depth(results: RunRecord, model: str, key: str) -> dict[str, tuple[float, ...]] | None:
    found = {}
    for one in results.about.removed or ():
        if (one.model, one.key) == (model, key):
            try:
                found[one.granularity] = thirds(one.removed)
            except Undefined:
                continue
    return found or None


def without(model: str, lineage: str, reason: str) -> ModelLine:
    """The line of a model that has no cell to report, with the reason."""
    return ModelLine(
        model=model, lineage=lineage, reason=reason, by="all", name="all", cells=0, improving=0, harmless=0
    )
