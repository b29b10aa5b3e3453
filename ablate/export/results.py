"""Writes the results of a cell beside its card, in the formats of plug-ins."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from ablate.errors import PluginError, one_line
from ablate.interrupts import any_failure
from ablate.plan.tasks import make_task
from ablate.plugins import Registry
from ablate.record import Row, RunAbout
from ablate.tasks.scored import Scored


def write_results(
    name: str, rows: list[Row], about: RunAbout, registry: Registry, folder: Path, tell: Callable[[str], None]
) -> None:
    """Writes what the plug-ins make of a cell's scores. A plug-in that fails is told, and costs no export.

    Args:
        name: of the exported folder. folder: where it is now.
        rows: the cell's.
    """
    if not registry.writers:
        return
    scored: dict[str, Scored] = {}
    for row in rows:
        if row.score is None or row.dim is not None:
            continue
        try:
            scored[row.task] = Scored(make_task(registry, row.task, about.tasks or {}), row.score)
        except any_failure() as error:  # the plug-in of a task may be gone, and its code may raise anything
            tell(f"{row.task}: {one_line(error)}")
    for entry in registry.writers:
        try:
            files = dict(entry.writer(name, list(scored.values())))
            _check(files, folder)
        except any_failure() as error:
            tell(f"plug-in {entry.origin} cannot write its results: {one_line(error)}")
            continue
        for path, text in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")


def _check(files: Mapping[str, str], folder: Path) -> None:
    for path in files:
        inside = (folder / path).resolve().is_relative_to(folder.resolve())
        if not inside or (folder / path).exists():
            raise PluginError(f"'{path}' is not in the folder, or is there already")
