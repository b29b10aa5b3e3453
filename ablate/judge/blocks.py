"""The blocks in which scorers are compared as methods: models and calibration seeds, at equal sparsity."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ablate.judge.effects import Measure, Stage, stages
from ablate.judge.group import Group
from ablate.recipe.recorded import calibration_seed
from ablate.record import RunRecord

FEWEST_METHODS = 3


class Stratum(NamedTuple):
    """Cells that may be compared. sparsity: as asked for; None stands for all sparsities of the granularity."""

    granularity: str
    sparsity: float | str | None = None
    scope: str | None = None
    steps: int | None = None


class Block(NamedTuple):
    """A model, and the seed of the calibration set on which its scores were computed; None if it is not known."""

    model: str
    calibration_seed: int | None


@dataclass(frozen=True)
class Withheld:
    """Why there is no comparison. measure: None if nothing was confirmed."""

    stratum: Stratum
    measure: Measure | None
    reason: str


@dataclass(frozen=True)
class Columns:
    """The gains of each scorer in each block, above 0 = better than dense.

    tasks: a gain is a mean over them. repeated: scorers that are left out, since two of their blocks have one mask.
    """

    stratum: Stratum
    measure: Measure
    tasks: tuple[str, ...]
    blocks: tuple[Block, ...]
    gains: dict[str, tuple[float, ...]]
    repeated: tuple[str, ...]


class _Confirmed(NamedTuple):
    block: Block
    stage: Stage


def strata(runs: Sequence[RunRecord]) -> Iterator[Columns | Withheld]:
    """What can be compared of runs of one recipe, and why the rest cannot."""
    # Scorers choose by whole embeddings, and are compared by them.
    staged = [(run, stage) for run in runs for stage in stages(run) if stage.measure.dim is None]
    kinds = dict.fromkeys(str(group.row.granularity) for _, stage in staged for group in _grid(stage))
    confirmed = [
        _Confirmed(Block(stage.model, calibration_seed(run.about.recipe)), stage)
        for run, stage in staged
        if stage.name == "confirm" and stage.groups
    ]
    if not confirmed:
        reason = "no cell was confirmed on tasks that had no part in its choice"
        yield from (Withheld(Stratum(kind), None, reason) for kind in kinds)
    for measure in dict.fromkeys(one.stage.measure for one in confirmed):
        alike = [one for one in confirmed if one.stage.measure == measure]
        for kind in kinds:
            yield from _of_kind(kind, measure, alike)


def _of_kind(kind: str, measure: Measure, confirmed: Sequence[_Confirmed]) -> Iterator[Columns | Withheld]:
    """The comparisons of one granularity: one for each sparsity that three scorers have in every block."""
    cells: dict[Stratum, dict[str, dict[Block, Group]]] = {}
    for block, stage in confirmed:
        for group in _grid(stage):
            row = group.row
            if row.granularity == kind:
                stratum = Stratum(kind, row.sparsity, row.scope, row.steps)
                cells.setdefault(stratum, {}).setdefault(str(row.scorer), {})[block] = group
    common = {
        stratum: {scorer: groups for scorer, groups in by_scorer.items() if len(groups) == len(confirmed)}
        for stratum, by_scorer in cells.items()
    }
    enough = {stratum: scorers for stratum, scorers in common.items() if len(scorers) >= FEWEST_METHODS}
    if not enough:
        listed = len({scorer for by_scorer in cells.values() for scorer in by_scorer})
        reason = (
            f"{listed} scorer{'s' * (listed != 1)}, and a comparison takes {FEWEST_METHODS}"
            if listed < FEWEST_METHODS
            else f"fewer than {FEWEST_METHODS} scorers were confirmed at the same sparsity (confirm.cells: all)"
        )
        yield Withheld(Stratum(kind), measure, reason)
    for stratum, scorers in enough.items():
        yield _columns(stratum, measure, confirmed, scorers)


def _columns(
    stratum: Stratum, measure: Measure, confirmed: Sequence[_Confirmed], scorers: dict[str, dict[Block, Group]]
) -> Columns | Withheld:
    tasks = tuple(confirmed[0].stage.splits)
    if any(set(stage.splits) != set(tasks) for _, stage in confirmed):
        return Withheld(stratum, measure, "the blocks have different tasks")
    repeated = tuple(scorer for scorer, groups in scorers.items() if _repeats(groups))
    own = {scorer: groups for scorer, groups in scorers.items() if scorer not in repeated}
    if len(own) < FEWEST_METHODS:
        reason = f"fewer than {FEWEST_METHODS} scorers have masks of their own in each block"
        return Withheld(
            stratum, measure, f"{reason} ({', '.join(repeated)}: the same mask at several calibration seeds)"
        )
    sign = measure.sign
    gains: dict[str, tuple[float, ...]] = {}
    for scorer, groups in own.items():
        values = []
        for block, stage in confirmed:
            value = stage.effect(groups[block]).value
            if value is None:
                return Withheld(stratum, measure, f"{scorer} has no Δ on all tasks of {block.model}")
            values.append(sign * value)
        gains[scorer] = tuple(values)
    return Columns(stratum, measure, tasks, tuple(block for block, _ in confirmed), gains, repeated)


def _repeats(groups: dict[Block, Group]) -> bool:
    """Whether two blocks have the same masks: of a scorer that does not look at the calibration set, such as magnitude.

    A result's key says which mask was evaluated, and on which model and data.
    """
    masks = [frozenset(row.result for row in group.rows()) for group in groups.values()]
    known = [results for results in masks if None not in results]
    return len(set(known)) < len(known)


def _grid(stage: Stage) -> list[Group]:
    return [group for group in stage.groups if not group.off_grid]
