"""The page that ``ablate choose`` prints, and its chart."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from ablate.arguments import argument
from ablate.export.choose import Choice, Option
from ablate.export.sizes import Size
from ablate.export.timing import Timed
from ablate.report import wording
from ablate.report.front import FrontPoint
from ablate.report.table import Block, Column, Line, Page, Table, TableCell

if TYPE_CHECKING:
    from ablate.report.figures.figure import Figure

MEBIBYTE = 2**20


def page(choice: Choice, run: str, store: str, several_models: bool) -> Page:
    """The answer, the table of the candidates, and the command that exports the one that was chosen.

    Args:
        several_models: whether the run has further models, so that the command has to name this one.
    """
    code = () if choice.chosen is None else (command(choice.chosen, run, store, several_models),)
    return Page(answer(choice), (Block(None, (_table(choice),)),), (), code=code)


def command(option: Option, run: str, store: str, several_models: bool) -> str:
    """The command line that exports the cell."""
    row = option.candidate.row
    words = ["ablate", "export", option.candidate.name, "-o", "small", "--run", run]
    words += ["--model", row.model] if several_models else []
    words += ["--store", store] if store != "ablate.db" else []
    return shlex.join(words)


def answer(choice: Choice) -> tuple[str, ...]:
    """What was chosen, in words; nothing if no cell holds the limits, which :func:`unmet` says."""
    chosen, unit = choice.chosen, choice.candidates.stage.measure.unit
    if chosen is None:
        return (f"Nothing is chosen: give {argument('within')} or {argument('faster')}.",) if _unasked(choice) else ()
    one = chosen.candidate
    places = choice.candidates.stage.measure.places
    share = chosen.size.parameters / choice.dense.parameters
    faster = f", {chosen.timed.faster:.2f} times as fast as dense" if chosen.timed else ""
    return (
        f"Chosen: {one.name}. Gain {wording.signed(one.gain, places)} {unit} on {_on(choice, one.task)}, shown to be "
        f"at least {wording.signed(one.at_least, places)}; {chosen.size.parameters:,} parameters "
        f"({100 * share:.1f} % of dense){faster}.",
    )


def unmet(choice: Choice) -> str:
    """One line on why nothing is chosen, with the cell that comes nearest."""
    places, unit = choice.candidates.stage.measure.places, choice.candidates.stage.measure.unit
    if choice.nearest is None:
        return f"no cell that holds {argument('within')} was measured; run it again with {argument('latency', True)}"
    option, limit = choice.nearest
    one = option.candidate
    if limit == "within":
        return (
            f"no confirmed cell is shown to be within {choice.needs.within:g} {unit} of dense; the nearest is "
            f"'{one.name}', with a gain of {wording.signed(one.gain, places)} that is shown to be at least "
            f"{wording.signed(one.at_least, places)}"
        )
    assert option.timed is not None
    return (
        f"no confirmed cell{' within the limit' if choice.needs.within is not None else ''} is {choice.needs.faster:g} "
        f"times as fast as dense; the nearest is '{one.name}', {option.timed.faster:.2f} times as fast"
    )


def _unasked(choice: Choice) -> bool:
    return choice.needs.within is None and choice.needs.faster is None


def _on(choice: Choice, task: str | None) -> str:
    splits = list(choice.candidates.stage.splits)
    return task or (splits[0] if len(splits) == 1 else f"the mean over {len(splits)} tasks")


def _table(choice: Choice) -> Table:
    timed = next((option.timed for option in choice.options if option.timed), None)
    titles = ["gain", "95 %", "at least", "params, M", "MiB", *(["faster"] if timed else []), "front"]
    dense = ["dense", "0", "–", "–", *_size(choice.dense)]
    dense += ["1.00"] if timed else []
    # The smallest last, as along the front.
    ordered = sorted(choice.options, key=lambda option: -option.size.parameters)
    lines = [[*dense, "–"], *(_line(choice, option, timed is not None) for option in ordered)]
    return Table(
        f"Confirmed cells, {choice.candidates.stage.model}: {wording.measure(choice.candidates.stage)}",
        (Column("cell", stub=True), *map(Column, titles)),
        tuple(Line(tuple(map(TableCell, line))) for line in lines),
        "row",
        _notes(choice, timed),
    )


def _line(choice: Choice, option: Option, timed: bool) -> list[str]:
    one, places = option.candidate, choice.candidates.stage.measure.places
    marked = "chosen" if option is choice.chosen else "yes" if option.front else "–"
    costs = _size(option.size)
    if timed:
        costs.append("–" if option.timed is None else f"{option.timed.faster:.2f}")
    interval = f"{wording.signed(one.low, places)} to {wording.signed(one.high, places)}"
    return [one.name, wording.signed(one.gain, places), interval, wording.signed(one.at_least, places), *costs, marked]


def _size(size: Size) -> list[str]:
    return [f"{size.parameters / 1e6:.2f}", f"{size.bytes / MEBIBYTE:.1f}"]


def _notes(choice: Choice, timed: Timed | None) -> tuple[str, ...]:
    found = choice.candidates
    on = f"each of {', '.join(found.tasks)}" if found.tasks else _on(choice, None)
    bounds = f" for all {found.bounds} bounds together, whichever cell is chosen (Bonferroni)"
    together = bounds if found.bounds > 1 else ""
    notes = [
        f"gain: over dense on {on}, above 0 is better. at least: what the gain is shown to exceed, with confidence "
        f"{100 * (1 - found.level):g} %{together}.",
        "params, M: parameters of the encoder, in millions. MiB: of all weights, in float32. Single weights that "
        "are removed stay as zeros.",
        "front: no other cell, and not dense, is at least as good in every respect.",
    ]
    if found.tasks:
        notes.append("Of several tasks, a line has the one with the lowest bound.")
    if found.stage.clean:
        notes.append(wording.CLEAN)
    if timed:
        notes.append(
            "faster: the latency of one sentence of dense, by that of the cell, measured in turn; medians without an "
            f"interval. Dense takes {1000 * timed.dense.latency:.2f} ms on {timed.where}."
        )
    else:
        notes.append(f"No latency was measured; {argument('latency', True)} does it for the cells on the front.")
    notes += [f"No candidate: {name}, since {why}." for name, why in found.without.items()]
    return tuple(notes)


def chart_file(choice: Choice, form: str) -> bytes:
    """The chart as a file, with its title and caption. form: ``svg``, ``png`` or ``pdf``.

    Raises:
        AblateError: the extra ``report`` is not installed.
    """
    from ablate.report.figures.figure import file_of

    return file_of(chart(choice), form)


def chart(choice: Choice) -> Figure:
    """Gains against parameters, file size and latency."""
    # Imported here, because its package needs the extra `report`.
    from ablate.report.figures.front import front_figure

    stage = choice.candidates.stage
    dense = FrontPoint("dense", 0, 0, 0, choice.dense.parameters, choice.dense.bytes / MEBIBYTE, 1.0)
    cells = [_point(choice, option) for option in choice.options]
    return front_figure(dense, cells, f"Score and cost, {stage.model}", stage.measure.unit)


def _point(choice: Choice, option: Option) -> FrontPoint:
    one, timed = option.candidate, option.timed
    return FrontPoint(
        one.name,
        one.gain,
        one.low,
        one.high,
        option.size.parameters,
        option.size.bytes / MEBIBYTE,
        1 / timed.faster if timed else None,
        option.front,
        option is choice.chosen,
    )


def plain(choice: Choice, run: str, store: str, several_models: bool) -> dict[str, Any]:
    """The choice as JSON values."""
    return {
        "run": run,
        "model": choice.candidates.stage.model,
        "tasks": list(choice.candidates.tasks or choice.candidates.stage.splits),
        "unit": choice.candidates.stage.measure.unit,
        "within": choice.needs.within,
        "faster": choice.needs.faster,
        "by": choice.needs.by,
        "level": choice.candidates.level,
        "bounds": choice.candidates.bounds,
        "dense": {"parameters": choice.dense.parameters, "bytes": choice.dense.bytes},
        "cells": [_plain(choice, option) for option in choice.options],
        "without": choice.candidates.without,
        "export": None if choice.chosen is None else command(choice.chosen, run, store, several_models),
    }


def _plain(choice: Choice, option: Option) -> dict[str, Any]:
    one, timed = option.candidate, option.timed
    return {
        "cell": one.name,
        "key": one.row.key,
        "task": one.task,
        "gain": one.gain,
        "low": one.low,
        "high": one.high,
        "at_least": one.at_least,
        "parameters": option.size.parameters,
        "bytes": option.size.bytes,
        "latency": timed.cost.latency if timed else None,
        "dense_latency": timed.dense.latency if timed else None,
        "measured_on": timed.where if timed else None,
        "front": option.front,
        "chosen": option is choice.chosen,
    }
