"""Finds cells of a run by name, and keeps the results of some of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ablate.errors import AblateError, suggest
from ablate.judge.difference import find
from ablate.judge.effects import stages
from ablate.judge.group import label
from ablate.record import Row, RunRecord
from ablate.report.cell import CellResult

FIELDS = ("model", "stage", "granularity", "scorer", "sparsity")
"""By which cells are kept; rows and evidence have them."""


def cells(record: RunRecord) -> tuple[CellResult, ...]:
    """The cells of a run, without dense and controls, in the order of its rows; of several seeds, one for each."""
    # Models with the same weights have the same keys.
    of_cell: dict[tuple[str, str], list[Row]] = {}
    for row in record.rows:
        if row.cell != "dense" and row.control is None:
            of_cell.setdefault((row.model, row.key), []).append(row)
    names = _names(record)
    return tuple(
        CellResult(names.get(place, rows[0].cell), place[1], tuple(rows), record) for place, rows in of_cell.items()
    )


def _names(record: RunRecord) -> dict[tuple[str, str], str]:
    """The model and the key of each cell -> its name in tables."""
    return {
        (stage.model, next(iter(rows.values())).key): label(group, stage.groups)
        for stage in stages(record)
        for group in stage.groups
        for rows in group.seeds.values()
    }


def one_cell(record: RunRecord, name: str) -> CellResult:
    """The cell of a name in tables or rows, or of a key or the beginning of one.

    Raises:
        AblateError: there is no such cell, it is dense or a control, or there are several: of several models or seeds.
    """
    found = find(record, name)
    models = list(dict.fromkeys(row.model for row in found))
    if len(models) > 1:
        options = " or ".join(f"`filter(model={model!r})`" for model in models)
        raise AblateError(f"'{name}' is a cell of {len(models)} models; take it from {options}")
    if len(found) > 1:
        keys = ", ".join(f"'{row.key}' ({row.cell})" for row in found)
        raise AblateError(f"'{name}' is the name of {len(found)} cells; give the key of one: {keys}")
    (row,) = found
    for cell in cells(record):
        if (cell.model, cell.key) == (row.model, row.key):
            return cell
    raise AblateError(f"'{name}' is dense or a control; its rows are in `rows`")


def filtered(record: RunRecord, wanted: Mapping[str, str | float | None]) -> RunRecord:
    """The results of the cells that have these values, with those of dense and of their controls.

    Raises:
        AblateError: a field is none of :data:`FIELDS`, or no cell has these values.
    """
    for name in wanted:
        if name not in FIELDS:
            raise AblateError(f"cells cannot be filtered by '{name}'; {suggest(name, FIELDS)}")

    def wants(one: object, names: tuple[str, ...] = FIELDS) -> bool:
        return all(getattr(one, name) == wanted[name] for name in names if name in wanted)

    keys = {row.key for row in record.rows if row.cell != "dense" and row.control is None and wants(row)}
    if not keys:
        given = ", ".join(f"{name} {value}" for name, value in wanted.items())
        raise AblateError(f"no cell has {given}; `cells` has them all")
    rows = [
        row
        for row in record.rows
        if wants(row, ("model", "stage")) and (row.cell == "dense" or not keys.isdisjoint((row.key, row.control_of)))
    ]
    evidence = None if record.about.evidence is None else tuple(one for one in record.evidence if wants(one))
    # What was found over models is of all cells.
    return RunRecord(rows, replace(record.about, evidence=evidence, over_models=None))
