"""The tables over the models of a run: the best cells of each, what is pooled, and where in depth units are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ablate.printable import number
from ablate.record import Held, ModelLine, OverModels, PooledLine
from ablate.report.table import MARKS, Column, Line, Table, TableCell
from ablate.report.verdicts import p_value
from ablate.report.wording import signed

NOTHING_CONFIRMED = (
    "No cell was confirmed: these are the screen's numbers, of the pairs that chose, and no answer comes from them."
)

_KINDS = ("granularity", "scorer")
_FIRST = (
    "first on dev: Δ of the cell that was first on the tasks that choose, or the only one. No choice was made on the"
    " pairs that report, so this is the cell whose gain is pooled."
)
_HOLDS = (
    "improves, harmless: on how many models a confirmed cell improves, and on how many one improves, is better or is"
    " harmless."
)
_BY_LINEAGE = (
    " In brackets, on every model of how many lineages, and on some of how many more. Models of one lineage count once"
    " in the pooled gain, a mean over lineages."
)


def tables(over: OverModels | None) -> tuple[Table, ...]:
    """The tables, in their order; none of a run of one model, or one that was not judged."""
    if over is None:
        return ()
    found = [_best(over, by) for by in _KINDS if over.of(by)]
    return (*found, *_pooled(over), *_depths(over))


def places(over: OverModels) -> int:
    """How many decimal places to print, as of the stages."""
    return 2 if over.unit == "points" else 4


def measured(over: OverModels) -> str:
    """``mean Δ on 7 tasks, points (spearman)``."""
    on = over.tasks[0] if len(over.tasks) == 1 else f"{len(over.tasks)} tasks"
    lower = "" if over.higher_is_better else ", lower is better"
    return f"{'mean Δ' if len(over.tasks) > 1 else 'Δ'} on {on}, {over.unit} ({over.metric}{lower})"


def interval(low: float | None, high: float | None, digits: int) -> str:
    """``-0.12 to +0.80``."""
    return "–" if low is None or high is None else f"{signed(low, digits)} to {signed(high, digits)}"


def depth_said(shares: Sequence[float]) -> str:
    """``62 / 25 / 13``."""
    return " / ".join(f"{100 * share:.0f}" for share in shares)


def same_lineages(over: OverModels) -> bool:
    """Whether each model is a lineage of its own."""
    lineages = {line.model: line.lineage for line in over.lines}
    return len(set(lineages.values())) == len(lineages)


def held(claim: Held, line: PooledLine, plain: bool) -> str:
    """``4 of 6 [2 of 3, 1 more]``. plain: whether each model is a lineage of its own, so that the count says all."""
    said = f"{claim.models} of {line.models}"
    if plain:
        return said
    return f"{said} [{claim.lineages} of {line.lineages}{f', {claim.some} more' if claim.some else ''}]"


def _best(over: OverModels, by: str) -> Table:
    """A line for each model and granularity, or scorer; and one of each model that failed."""
    digits = places(over)
    lines: list[Line] = []
    for model in dict.fromkeys(line.model for line in over.lines):
        own = [line for line in over.lines if line.model == model]
        without = [line for line in own if line.reason is not None]
        for place, line in enumerate([*without, *(line for line in own if line.by == by)]):
            lines.append(Line(tuple(_entries(line, digits)), new=bool(lines) and place == 0))
    confirmed = over.stage == "confirm"
    columns = (
        Column("model", stub=True),
        Column("lineage", rank=3, repeats="model", prose=True),
        Column(by, stub=True),
        Column("best confirmed cell" if confirmed else "best screened cell", prose=True),
        Column("Δ"),
        Column("95 %"),
        Column("verdict", rank=1, prose=True),
        Column("first on dev", rank=2, meaning=_FIRST),
        Column("of cells", rank=4),
    )
    title = f"{'Best confirmed' if confirmed else 'Screen only, best'} cell of each model × {by}: {measured(over)}"
    failed = {line.model: line.reason for line in over.lines if line.reason is not None}
    # Below the first of the tables, so that a long reason takes no room from the columns.
    why = [f"{model}: {reason}" for model, reason in failed.items()] if by == _KINDS[0] else []
    notes = (*(() if confirmed else (NOTHING_CONFIRMED,)), *why)
    return Table(title, columns, tuple(lines), "column", notes).compact()


def _entries(line: ModelLine, digits: int) -> Iterator[TableCell]:
    yield TableCell(line.model)
    yield TableCell(line.lineage)
    if line.delta is None:
        yield from (TableCell("–"), TableCell((line.reason or "–").split(":")[0]), *[TableCell("–")] * 5)
        return
    yield TableCell(line.name)
    yield TableCell(str(line.cell))
    yield TableCell(
        f"{signed(line.delta, digits)} {MARKS.get(line.verdict or '', '')}", verdict=line.verdict, said=line.said
    )
    yield TableCell(interval(line.low, line.high, digits))
    yield TableCell(line.said or "–")
    yield TableCell("–" if line.first_delta is None else signed(line.first_delta, digits))
    yield TableCell(str(line.cells))


def _pooled(over: OverModels) -> Iterator[Table]:
    if not over.pooled:
        return
    digits, plain = places(over), same_lineages(over)
    lines = [
        Line(tuple(_pooled_entries(line, digits, plain)), new=place > 0 and line.by != over.pooled[place - 1].by)
        for place, line in enumerate(over.pooled)
    ]
    columns = (
        Column("cells", stub=True),
        Column("models"),
        Column("lineages", rank=2),
        Column("improves", meaning=_HOLDS if plain else _HOLDS + _BY_LINEAGE),
        Column("harmless"),
        Column("pooled gain"),
        Column("95 %"),
        Column("lineages that gain", rank=1),
        Column("q of signs", rank=1),
    )
    table = Table(f"Over models: {measured(over)}", columns, tuple(lines), "column", tuple(_pooled_notes(over)))
    yield table.compact()


def _pooled_entries(line: PooledLine, digits: int, plain: bool) -> Iterator[TableCell]:
    yield TableCell("all" if line.by == "all" else line.name)
    yield TableCell(str(line.models))
    yield TableCell("–" if plain else str(line.lineages))
    yield TableCell(held(line.improves, line, plain))
    yield TableCell(held(line.harmless, line, plain))
    gain = line.pooled
    yield TableCell("–" if gain is None else signed(gain.gain, digits) + (" (opt.)" if gain.optimistic else ""))
    yield TableCell("–" if gain is None else interval(gain.low, gain.high, digits))
    yield TableCell("–" if line.signs is None else f"{line.signs.above} of {line.signs.lineages}")
    yield TableCell("–" if line.signs is None else p_value(line.signs.q))


def _pooled_notes(over: OverModels) -> Iterator[str]:
    gains = [line.pooled for line in over.pooled if line.pooled]
    yield (
        "Pooled gain: above 0 is better than dense. Its 95 % interval is of a bootstrap in which all models have the"
        " same pairs; the models are taken as given, so it says nothing of other models."
    )
    if any(gain.optimistic for gain in gains):
        yield "(opt.): optimistic, for the cell of some model was picked on these pairs."
    if any(line.signs for line in over.pooled):
        yield "q of signs: two-sided sign test over lineages, corrected over the granularities or scorers (Holm)."
    yield from (f"No p-value: {reason}." for reason in dict.fromkeys(no_p(line) for line in over.pooled) if reason)


def no_p(line: PooledLine) -> str | None:
    """Why there is no sign test; None if there is one."""
    if line.untested is None:
        return None
    return f"{number(line.lineages, 'lineage')}; {line.untested}"


def _depths(over: OverModels) -> Iterator[Table]:
    """Where in depth the units are that the best cell of each granularity removes, and the mean over lineages."""
    of_models = [line for line in over.of("granularity") if line.depth]
    if not of_models:
        return
    means = [line for line in over.pooled if line.by == "granularity" and line.depth]
    found = [(line.model, line.name, line.depth) for line in of_models]
    found += [("mean", line.name, line.depth) for line in means]
    lines: list[Line] = []
    previous = found[0][0]
    for model, kind, depth in found:
        for units, shares in (depth or {}).items():
            texts = (model, kind, units, *(f"{100 * share:.0f} %" for share in shares))
            lines.append(Line(tuple(map(TableCell, texts)), new=model != previous))
            previous = model
    columns = (
        Column("model", stub=True),
        Column("cell of", stub=True),
        Column("units", rank=1, repeats="cell of", prose=True),
        *map(Column, ("first", "middle", "last")),
    )
    title = "Where in depth the removed units are: their share in each third of the layers"
    note = "Of the best cells; mean: over lineages. If they were spread evenly, each third would have 33 %."
    yield Table(title, columns, tuple(lines), "column", (note,)).compact()
