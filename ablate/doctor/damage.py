"""What is damaged in a store: which entry, what is wrong with it, and what makes it whole again."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from sqlalchemy import Connection, Table, delete, update

from ablate.doctor.finding import Finding
from ablate.redact import without_passwords
from ablate.store import schema

SHOWN = 10
"""How many damaged entries of a kind are listed; the others are counted."""

KINDS = {
    schema.results: "result",
    schema.scores: "contributions",
    schema.masks: "mask",
    schema.trained: "trained weights",
    schema.panels: "panel",
    schema.judgments: "judgment",
    schema.costs: "measured cost",
    schema.runs: "run",
    schema.rows: "rows of run",
    schema.reads: "read of a test set",
}


@dataclass(frozen=True)
class Damage:
    """One entry of a store that is not as it was stored.

    table: where the entry is; None for a file of arrays that no entry names.
    key: of the entry; the id of a run, also for its rows; the name of a file.
    what: what is wrong, in one clause.
    of: what it belongs to, such as a cell and a task, as far as it is known.
    present: whether there is something to delete: False for what is lost.
    """

    table: Table | None
    key: str
    what: str
    of: str = ""
    present: bool = True

    @property
    def name(self) -> str:
        kind = "file" if self.table is None else KINDS[self.table]
        return f"{kind} {self.key if self.table in (schema.runs, schema.rows) else self.key[:16]}"


@dataclass
class Audit:
    """What was checked, and what is damaged. checked: how many entries of each kind. notes: what was not checked."""

    checked: Counter[str] = field(default_factory=Counter)
    damages: list[Damage] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)

    def add(self, table: Table | None, key: str, what: object, of: str = "", *, present: bool = True) -> None:
        self.damages.append(Damage(table, key, str(what), of, present))


def findings(audit: Audit, commands: dict[Damage, str], where: str, dropped: bool) -> list[Finding]:
    """The lines of the doctor's page on the entries of a store.

    Args:
        commands: the command that makes each damaged entry again, as far as it is known.
        where: the store, as `--store` takes it.
        dropped: whether what is damaged is deleted now.
    """
    kinds = ", ".join(f"{kind}: {count}" for kind, count in audit.checked.items())
    lines = [Finding("checked", kinds or "nothing is stored yet")]
    lines += [Finding("not checked", f"{count} {note}") for note, count in audit.notes.items()]
    remedy = "" if dropped else f"`{_drop_command(where)}` deletes what is damaged"
    shown: Counter[Table | None] = Counter()
    for damage in audit.damages:
        shown[damage.table] += 1
        if shown[damage.table] <= SHOWN:
            state = f"{damage.what}{f' ({damage.of})' if damage.of else ''}"
            lines.append(Finding(damage.name, state, _fix(damage, commands.get(damage), where, remedy)))
    for table, count in shown.items():
        if count > SHOWN:
            kind = "file" if table is None else KINDS[table]
            lines.append(Finding("and", f"{count - SHOWN} more damaged: {kind}", remedy or None))
    return lines


def _fix(damage: Damage, command: str | None, where: str, remedy: str) -> str | None:
    """What to do. remedy: how to delete what is damaged; empty if it is deleted now."""
    again = f"`{_in_store(command, where)}`" if command else "the command that needs it"
    if not damage.present:
        makes = (
            "makes a record that this version reads" if damage.table is schema.runs else "computes again what is lost"
        )
        return f"{again} {makes}"
    if damage.table is None or damage.table is schema.reads:
        return remedy or None
    if damage.table in (schema.runs, schema.rows):
        makes = f"{again} makes the record of run {damage.key} again, from the stored results"
    else:
        makes = f"{again} computes it again"
    return f"{remedy}, and then {makes}" if remedy else makes


def _drop_command(where: str) -> str:
    return f"ablate doctor --drop-damaged{_option(where)}"


def _in_store(command: str, where: str) -> str:
    """A recorded command, for the store as it is called now: it may have been moved or copied."""
    bare = re.sub(r" --store[= ]\S+", "", command)
    return command if "://" in where else bare + _option(where)


def _option(where: str) -> str:
    return "" if where == "ablate.db" else f" --store {without_passwords(where)}"


def drop(connection: Connection, damages: Iterable[Damage]) -> int:
    """Deletes the damaged entries in the database, and returns how many there were.

    A run whose rows are damaged counts as unfinished afterwards. Its manifest, its choice and the log of reads stay.
    """
    count = 0
    for damage in damages:
        if damage.table is None or not damage.present:
            continue
        count += 1
        if damage.table in (schema.rows, schema.runs):
            connection.execute(delete(schema.rows).where(schema.rows.c.run == damage.key))
            of_run = schema.runs.c.id == damage.key
            if damage.table is schema.runs:
                connection.execute(delete(schema.runs).where(of_run))
            else:
                connection.execute(update(schema.runs).where(of_run).values(about=None, finished=None))
        elif damage.table is schema.reads:
            connection.execute(delete(schema.reads).where(schema.reads.c.number == int(damage.key)))
        else:
            connection.execute(delete(damage.table).where(damage.table.c.key == damage.key))
    return count
