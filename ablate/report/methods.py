"""The table that compares scorers as methods over models and calibration seeds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ablate.judge.blocks import Block, Stratum, Withheld
from ablate.judge.methods import LEVEL, MethodComparison
from ablate.report import wording
from ablate.report.table import Column, Line, Table, TableCell
from ablate.report.verdicts import p_value

MORE_BLOCKS = (
    "More blocks: list several models, or give the run again with other calibration seeds (--set"
    " calibration.calibration_seed=1); `ablate report` puts the runs of one recipe together."
)


def methods_table(compared: Sequence[MethodComparison | Withheld]) -> Table | None:
    """The mean ranks at each granularity and sparsity. The notes say what is withheld and why. None without a grid.

    The columns are the granularity, the sparsity, the scorer, its mean rank (1 = best), its mean gain over the blocks,
    and the scorers from which it is not distinguished.
    """
    if not compared:
        return None
    several = len({comparison.measure for comparison in compared if comparison.measure}) > 1
    tested = [comparison for comparison in compared if isinstance(comparison, MethodComparison)]
    lines = [line for place, one in enumerate(tested) for line in _lines(one, several, place > 0)]
    columns = (
        *(Column(name, stub=True) for name in ("granularity", "sparsity", "scorer")),
        *map(Column, ("mean rank", "mean gain", "not told apart from")),
    )
    return Table("Scorers as methods", columns, tuple(lines), "granularity", tuple(_notes(compared, tested, several)))


def name(one: MethodComparison | Withheld, several_measures: bool = False) -> str:
    """``head 10 %``, and what distinguishes it."""
    parts = [stratum(one.stratum)]
    if several_measures and one.measure:
        parts.append(one.measure.metric)
    return ", ".join(parts)


def stratum(of: Stratum) -> str:
    """``head 10 %``, with its scope and steps unless they are the usual ones."""
    text = of.granularity if of.sparsity is None else f"{of.granularity} {wording.sparsity(of.sparsity)}"
    text += ", scope layer" if of.scope == "layer" else ""
    return text + (f", steps {of.steps}" if (of.steps or 1) > 1 else "")


def blocks(of: Sequence[Block]) -> str:
    """What the blocks are, and for what the ranks therefore speak."""
    models = list(dict.fromkeys(block.model for block in of))
    seeds = len({block.calibration_seed for block in of})
    if len(models) == 1:
        return f"calibration seeds of {models[0]}: the ranks speak for other calibration sets of this model"
    if seeds == 1:
        return "models: the ranks speak for other models like these"
    return f"{len(models)} models × calibration seeds: the ranks speak for other such models and calibration sets"


def _lines(one: MethodComparison, several: bool, new: bool) -> Iterator[Line]:
    kind = one.stratum.granularity + (f", {one.measure.metric}" if several else "")
    size = stratum(one.stratum).removeprefix(one.stratum.granularity).strip()
    best = min(one.mean_ranks)
    for place, (method, rank) in enumerate(zip(one.methods, one.mean_ranks, strict=True)):
        gain = sum(block[place] for block in one.gains) / len(one.gains)
        cells = (
            TableCell(kind),
            TableCell(size),
            TableCell(method),
            TableCell(f"{rank:.2f}", best=rank == best),
            TableCell(f"{gain:+.2f}"),
            TableCell(", ".join(one.alike(place)) or "–"),
        )
        yield Line(cells, new=place == 0 and new)


def _notes(
    compared: Sequence[MethodComparison | Withheld], tested: Sequence[MethodComparison], several: bool
) -> Iterator[str]:
    if tested:
        first = tested[0]
        on = "1 task" if len(first.tasks) == 1 else f"{len(first.tasks)} tasks"
        yield (
            f"A block is a model with a calibration seed; a gain there is the mean Δ over {on}. 1 = best of its"
            f" scorers in a block. Friedman's p is corrected over {len(tested)} (Holm); scorers are told apart by"
            f" Nemenyi's test at {100 * LEVEL:g} %, where Friedman's p is at most {LEVEL:g}."
        )
        yield f"Blocks: {len(first.blocks)} {blocks(first.blocks)}, not for other tasks."
    for one in tested:
        left_out = f"; left out, the same mask in several blocks: {', '.join(one.repeated)}" if one.repeated else ""
        yield (
            f"{name(one, several)}: Friedman χ² {one.chi_square:.2f}, p {p_value(one.p)}, {len(one.blocks)} blocks;"
            f" critical difference {one.critical_difference:.2f}{left_out}."
        )
    reasons = _reasons(compared, several)
    yield from (f"{', '.join(names)}: withheld, {reason}." for reason, names in reasons.items())
    if _few_blocks(reasons):
        yield MORE_BLOCKS


def untested(compared: Sequence[MethodComparison | Withheld]) -> str:
    """One sentence for a page without the table: that scorers are not compared in general, and why."""
    reasons = _reasons(compared, several=False)
    whys = [reason if len(reasons) == 1 else f"{', '.join(names)}: {reason}" for reason, names in reasons.items()]
    more = f" {MORE_BLOCKS}" if _few_blocks(reasons) else ""
    return f"This run judges single cells. It does not test which scorer is best in general: {'; '.join(whys)}.{more}"


def _few_blocks(reasons: Iterable[str]) -> bool:
    return any("a block is a model" in reason for reason in reasons)


def _reasons(compared: Sequence[MethodComparison | Withheld], several: bool) -> dict[str, list[str]]:
    """Each reason -> what is withheld for it; several sparsities are mostly withheld for one."""
    reasons: dict[str, list[str]] = {}
    for comparison in compared:
        if isinstance(comparison, Withheld):
            reasons.setdefault(comparison.reason, []).append(name(comparison, several))
    return reasons
