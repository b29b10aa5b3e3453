"""The page that ``ablate export`` prints."""

from __future__ import annotations

import shlex

from ablate.data.own_records import described
from ablate.export import snippets
from ablate.export.folder import Weights
from ablate.export.measure import Cost
from ablate.export.record import Exported
from ablate.record import Row
from ablate.report import wording
from ablate.report.table import MARKS, MEANINGS, Block, Column, Line, Page, Table, TableCell
from ablate.statistics.verdict import CLAIM_DRAWS


def page(exported: Exported) -> Page:
    """The cost of the exported model next to that of the dense model, and its scores."""
    head: tuple[str, ...] = (
        f"cell: {exported.cell}",
        f"folder: {exported.folder}",
        f"largest difference from the masked model's embeddings: {exported.difference:.1e}, in a fresh process",
    )
    if exported.onnx is not None:
        head += (f"the same for ONNX Runtime: {exported.onnx.difference:.1e}, in a process without torch",)
    load = snippets.load(str(exported.folder), exported.plain)
    upload = f"hf upload YOUR-NAME/{exported.folder.name} {shlex.quote(str(exported.folder))}"
    code = ("# to load it in Python", *load, "# to put it on the Hub, in a shell", upload)
    return Page(head, tables(exported), (), code=code)


def tables(exported: Exported) -> tuple[Block, ...]:
    """The tables of the page and of the card."""
    return (Block(None, (_costs(exported), _scores(exported))),)


UNCONFIRMED = "Not confirmed: the scores are on the tasks that the cells were chosen by, so they are optimistic."


def _unconfirmed(exported: Exported) -> tuple[str, ...]:
    if any(row.stage == "confirm" for row in exported.rows):
        return ()
    if exported.confirmed_by is None:
        return (UNCONFIRMED,)
    return (UNCONFIRMED, f"Run {exported.confirmed_by} confirmed this cell; its scores are the ones to report.")


def _costs(exported: Exported) -> Table:
    row = exported.rows[0]
    lines = [
        (
            "parameters",
            f"{row.params_total:,}",
            f"{exported.parameters:,}",
            exported.parameters / row.params_total,
        )
    ]
    if exported.dense is not None and exported.cost is not None:
        lines += _measured(exported.dense, exported.cost)
    columns = (Column("cost", stub=True), Column("dense"), Column("exported"), Column("ratio"))
    notes = [
        _size(exported.size, exported.original),
        f"{exported.zeros:,} weights that the mask removes are stored as zeros." if exported.zeros else "",
        f"Medians of rounds in which the models take turns, in processes of their own, on {exported.measured_on}."
        if exported.cost
        else "",
    ]
    return Table(
        "Cost",
        columns,
        tuple(Line((TableCell(a), TableCell(b), TableCell(c), TableCell(f"{ratio:.2f}"))) for a, b, c, ratio in lines),
        "row",
        tuple(note for note in notes if note),
    )


def _size(size: int, original: Weights) -> str:
    note = f"Weights on disk: {size / 2**20:.2f} MiB; those of the original model: {original.bytes / 2**20:.2f} MiB."
    if original.dtype == "float32":
        return note
    return (
        f"{note} The original's are {original.dtype}. The exported ones are float32, in which they were scored; "
        "after loading, `model.half()` makes them float16."
    )


def _measured(dense: Cost, cost: Cost) -> list[tuple[str, str, str, float]]:
    pairs = (
        ("sentences a second", 0, dense.sentences_per_second, cost.sentences_per_second),
        ("latency of one, ms", 2, 1000 * dense.latency, 1000 * cost.latency),
        ("MFLOP a sentence", 1, dense.flops / 1e6, cost.flops / 1e6),
        ("peak memory, MiB", 0, dense.memory / 2**20, cost.memory / 2**20),
    )
    return [
        (name, f"{before:,.{places}f}", f"{after:,.{places}f}", after / before) for name, places, before, after in pairs
    ]


def _scores(exported: Exported) -> Table:
    titles = ("metric", "dense", "exported", "Δ", "95 %")
    clean = exported.about.clean
    data = ", ".join(dict.fromkeys(row.data for row in exported.rows)) or exported.about.data
    return Table(
        "Evaluation",
        (Column("task", stub=True), *map(Column, titles)),
        tuple(Line(tuple(map(TableCell, _score(row, clean)))) for row in exported.rows),
        "row",
        (
            f"Data: {data}. Δ = exported - dense, with its 95 % interval by bootstrap and verdict.",
            *((f"{MEANINGS}.", _draws(exported)) if any(row.verdict for row in exported.rows) else ()),
            *((wording.CLEAN,) if clean else ()),
            *_near_duplicates(exported),
            *wording.deviations(exported.about, {row.task for row in exported.rows}),
            *(f"{task} is {what}." for task, what in described(exported.about.tasks or {}).items()),
            f"Chose cells: {', '.join(exported.about.choosing or ['none'])}.",
            *_searched(exported),
            *_unconfirmed(exported),
        ),
    )


def _near_duplicates(exported: Exported) -> tuple[str, ...]:
    found, tasks = exported.about.near_duplicates, {row.task for row in exported.rows}
    return () if found is None else tuple(f"{line}." for line in found.lines_of(tasks))


def _searched(exported: Exported) -> tuple[str, ...]:
    """How many masks were scored on dev to find this one."""
    count = max((row.evaluations or 0 for row in exported.rows), default=0)
    return (f"Found with {count} evaluations on dev.",) if count else ()


def _draws(exported: Exported) -> str:
    """How many matched draws stand behind the verdicts."""
    asked = max((row.draws_asked or 0 for row in exported.rows), default=0)
    if asked and not exported.draws:
        return f"Matched draws of the cell: none of {asked}, for it is no better than dense."
    few = "" if max(exported.draws, asked) >= CLAIM_DRAWS else f"; a claim takes at least {CLAIM_DRAWS}"
    of = f" of {asked}, stopped early" if asked > exported.draws else ""
    return f"Matched draws of the cell: {exported.draws or 'none'}{of}{few}."


def _score(row: Row, clean: bool) -> tuple[str, ...]:
    task = f"{row.task} ({row.split})"
    dense, score, delta = row.dense_on(clean), row.score_on(clean), row.delta_on(clean)
    if delta is None:
        return task, row.metric, "–", row.status, "–", "–"
    places = 2 if row.unit == "points" else 4
    mark = MARKS.get(row.verdict or "", "")
    interval = "–" if row.low is None else f"{row.low:+.{places}f} to {row.high:+.{places}f}"
    change = f"{wording.signed(delta, places)} {mark}".rstrip()
    return task, row.metric, f"{dense:.{places}f}", f"{score:.{places}f}", change, interval
