"""Finds to which run, cell and task a damaged entry belongs, and the command that makes it again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, select

from ablate.doctor.array_entries import STREAM
from ablate.doctor.damage import Audit, Damage
from ablate.store import schema
from ablate.store.schema import Damaged, unpack


def belonging(connection: Connection, audit: Audit) -> dict[Damage, str]:
    """The command of each damage of ``audit``, as far as it is known. The damages are given what they belong to.

    It reads the runs once more, and only if something is damaged: to keep it from the first reading would take memory
    for every entry of the store.
    """
    if not audit.damages:
        return {}
    wanted = {damage.key for damage in audit.damages}
    # Rows have the first 16 digits of a mask's key.
    masks = {damage.key[:16]: damage.key for damage in audit.damages if damage.table is schema.masks}
    places: dict[str, tuple[str, str]] = {}
    command_of: dict[str, str] = {}
    for run, command, panels in _runs(connection):
        command_of[run] = command
        places.update({key: (f"run {run}", command) for key in panels if key in wanted})
        for row in _rows(connection, run):
            cell, task = row.get("cell"), row.get("task")
            if row.get("result") in wanted:
                places[row["result"]] = f"{task} of {cell}, run {run}", command
            if row.get("key") in masks:
                places[masks[row["key"]]] = f"{cell}, run {run}", command
    newest = next(reversed([command for command in command_of.values() if command]), "")
    commands: dict[Damage, str] = {}
    for place, damage in enumerate(audit.damages):
        of, command = places.get(damage.key, ("", command_of.get(damage.key, newest)))
        audit.damages[place] = known = replace(damage, of=of or damage.of)
        if command:
            commands[known] = command
    return commands


def _runs(connection: Connection) -> Iterator[tuple[str, str, set[str]]]:
    """Each run whose manifest is whole, oldest first: its id, its command, and the keys of its panels."""
    ids = connection.execute(select(schema.runs.c.id).order_by(schema.runs.c.number)).scalars().all()
    for run in ids:
        stored = connection.execute(select(schema.runs).where(schema.runs.c.id == run)).one()
        manifest = _content(run, stored.manifest)
        about = _content(run, stored.about)
        panels = [of_stage for of_stage in (about.get("panels") or {}).values() if isinstance(of_stage, dict)]
        yield run, str(manifest.get("command") or ""), {str(key) for of_stage in panels for key in of_stage.values()}


def _rows(connection: Connection, run: str) -> Iterator[dict[str, Any]]:
    rows = schema.rows.c
    query = select(rows.position, rows.entry).where(rows.run == run)
    for position, text in connection.execute(query, execution_options=STREAM):
        yield _content(f"{run} {position}", text)


def _content(owner: str, text: object) -> dict[str, Any]:
    try:
        content = unpack(owner, text)
    except Damaged:
        return {}
    return content if isinstance(content, dict) else {}
