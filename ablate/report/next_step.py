"""What to type after a run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

from ablate.judge.effects import Stage
from ablate.judge.reporting import reporting
from ablate.record import RunRecord
from ablate.report.answer import ranked
from ablate.report.cell_in_words import cell_name, evidence
from ablate.report.table import NextStep
from ablate.statistics.verdict import CLAIM_DRAWS

_DEFAULT_STORE = "ablate.db"
_FEWER_DRAWS = re.compile(r" --set[ =]controls\.matched=\d+(?= |$)")
_WORTH_EXPORTING = ("improves", "better", "harmless")


def next_steps(results: RunRecord) -> tuple[NextStep, ...]:
    """The commands that follow from what a run has found, the most useful one last."""
    found = reporting(results)
    report = NextStep(f"{_program(results)} report{_place(results)}", "the tables with their figures, as one HTML file")
    # Several models may have the same step.
    return tuple(dict.fromkeys([report, *(step for stage in found for step in _of_stage(results, stage))]))


def _of_stage(results: RunRecord, stage: Stage) -> Iterator[NextStep]:
    cells = [group for group in ranked(stage) if (item := evidence(stage, group)) and item.verdict in _WORTH_EXPORTING]
    if not cells:
        return
    best, name = cells[0], cell_name(cells[0])
    # The name in rows is ASCII, and so can be typed; cells of two scopes share it.
    typed = [group.row.cell for group in stage.groups]
    cell = best.row.cell if typed.count(best.row.cell) == 1 else best.row.key
    several = len(results.about.models) > 1
    of = f" of {stage.model}" if several else ""
    if stage.name != "confirm":
        if not results.about.confirm and _reruns(results):
            yield NextStep(f"{_reruns(results)} --set 'confirm=[sts]'", f"whether {name}{of} holds on test sets")
        return
    if best.matched and len(best.matched) < CLAIM_DRAWS and not best.row.draws_asked and _reruns(results):
        command = f"{_FEWER_DRAWS.sub('', _reruns(results) or '')} --set controls.matched={CLAIM_DRAWS}"
        yield NextStep(command, f"{CLAIM_DRAWS} matched draws for a claim; what is stored is not computed again")
    model = f" --model {shlex.quote(stage.model)}" if several else ""
    command = f'{_program(results)} export "{cell}"{model} -o small{_place(results)}'
    yield NextStep(command, f"the model{of} without these units, as a folder that sentence-transformers loads")


def _program(results: RunRecord) -> str:
    command = results.about.command or ""
    return "python -m ablate" if command.startswith("python -m ablate ") else "ablate"


def _place(results: RunRecord) -> str:
    store = results.about.store
    return "" if store == _DEFAULT_STORE else f" --store {shlex.quote(store)}"


def _reruns(results: RunRecord) -> str | None:
    """The command of a run of a recipe, which takes further ``--set``; None of any other."""
    command = results.about.command or ""
    return command if command.startswith(("ablate run ", "python -m ablate run ")) else None
