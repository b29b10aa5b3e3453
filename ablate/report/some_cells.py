"""Finds cells of a run by name, and keeps the results of some of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ablate.errors import AblateError, suggest
from ablate.judge.difference import find
from ablate.judge.effects import stages
from ablate.judge.group import label
from ablate.record import RunRecord
from ablate.report.cell import CellResult

FIELDS = ("model", "stage", "granularity", "scorer", "sparsity")
"""By which cells are kept; rows and evidence have them."""


def cells(record: RunRecord) -> tuple[CellResult, ...]:
    """The cells of a run, without dense and controls, in the order of its rows; of several seeds, one for each."""
    of_key: dict[str, list[int]] = {}
    for number, row in enumerate(record.rows):
        if row.cell != "dense" and row.control is None:
            of_key.setdefault(row.key, []).append(number)
    names = _names(record)
    rows = {key: tuple(record.rows[number] for number in numbers) for key, numbers in of_key.items()}
    return tuple(CellResult(names.get(key, of[0].cell), key, of, record) for key, of in rows.items())


def _names(record: RunRecord) -> dict[str, str]:
    """The key of each cell -> its name in tables."""
    return {
        next(iter(rows.values())).key: label(group, stage.groups)
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
    if len(found) > 1:
        keys = ", ".join(f"'{row.key}' ({row.model}, {row.cell})" for row in found)
        raise AblateError(f"'{name}' is the name of {len(found)} cells; give the key of one: {keys}")
    (row,) = found
    for cell in cells(record):
        if cell.key == row.key:
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
