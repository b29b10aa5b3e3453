"""The results by the number of components that embeddings are truncated to (``truncate_dims``)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ablate.judge.effects import Effect, Stage, stages
from ablate.judge.group import Group, label
from ablate.record import RunRecord
from ablate.report import verdicts, wording
from ablate.report.sections import marked
from ablate.report.table import Column, Line, Table, TableCell


def shown(results: RunRecord) -> list[Stage]:
    """The stages, without those whose truncated embeddings are the whole ones."""
    own = results.about.dims or {}
    return [one for one in stages(results) if one.measure.dim is None or one.measure.dim != own.get(one.model)]


def by_dimension(
    stage: Stage, of_model: Sequence[Stage], groups: Sequence[Group], results: RunRecord
) -> Iterator[Table]:
    """Of whole embeddings, a table of the cells with a column for each dimension; nothing if there are no others.

    Δ at a dimension is against the dense model at the same dimension.
    """
    whole = stage.measure
    alike = [other for other in of_model if other.name == stage.name and other.measure[:3] == whole[:3]]
    if whole.dim is not None or len(alike) < 2:
        return
    own = str((results.about.dims or {}).get(stage.model, "all"))
    titles = [own if one.measure.dim is None else str(one.measure.dim) for one in alike]
    columns = [_column(one, groups) for one in alike]
    first = [TableCell(f"dense, {'clean' if stage.clean else 'all pairs'}"), *(of[0] for of in columns)]
    lines = [Line(tuple(first))]
    for place, group in enumerate(groups):
        entries = (TableCell(label(group, groups)), *(of[1 + place] for of in columns))
        lines.append(Line(entries, new=place == 0))
    yield Table(
        f"{wording.name(stage, results)}, by dimension: {wording.delta(stage)}",
        (Column("cell", stub=True), *map(Column, titles)),
        tuple(lines),
        "column",
        (
            "Columns: how many components of the embeddings count; Δ = cell - dense at the same dimension.",
            *verdicts.legend(stage, groups, (None,)),
        ),
    )


def _column(stage: Stage, groups: Sequence[Group]) -> list[TableCell]:
    """The dense model's score at a dimension, then Δ of each cell."""
    of_id = {group.id: group for group in stage.groups}
    there = [of_id.get(group.id) for group in groups]
    effects: list[Effect | None] = [stage.effect(group) if group else None for group in there]
    dense = wording.plain(stage.dense_score(stage.clean), stage.measure.places)
    return [TableCell(dense), *marked(stage, effects, there)]
