"""What slow scorers have still to do: trainings, such as those of gates, and scorings, such as removals."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field

from ablate.coordinator.mask_maker import MaskMaker
from ablate.coordinator.model_run import ModelRun
from ablate.coordinator.tokens import UPDATE, learning_tokens, scoring_tokens
from ablate.interrupts import any_failure
from ablate.plan.plan import Cell, Step
from ablate.scorers.base import Work


@dataclass
class Scorings:
    """What one slow scorer does for the cells: its trainings if it trains, or else how often it scores.

    label: the scorer's. trains: whether it trains.
    stored: how many are in the store, or not needed, because the mask is.
    to_do: the step of each that is to be made, at most.
    """

    label: str
    trains: bool
    stored: int = 0
    to_do: list[Step] = field(default_factory=list)

    @property
    def updates(self) -> int:
        """How many updates of trainings are to be made."""
        return sum(step.scorer.trains for step in self.to_do)

    def __str__(self) -> str:
        to_do, every = len(self.to_do), len(self.to_do) + self.stored
        return (
            f"trainings of {self.label}: at most {to_do}, {self.updates:,} updates; {self.stored} of {every} are stored"
        )


@dataclass(frozen=True)
class OfScorer:
    """What a slow scorer has to do at one granularity. steps: as many as it tells of."""

    scored: str
    steps: int
    seconds: float


def scorings(masks: MaskMaker, cells: Sequence[Cell]) -> list[Scorings]:
    """What the masks of cells need of slow scorers, by the label of each. Cells share what is the same."""
    slow = [cell for cell in cells if any(step.scorer.slow for step in cell.steps)]
    missing = set(masks.missing(slow))
    by_identity: dict[Hashable, tuple[Step, bool]] = {}
    for cell in slow:
        for identity, step, stored in _of_cell(masks, cell):
            done = cell not in missing or stored
            others = by_identity.get(identity)
            by_identity[identity] = (others[0], done and others[1]) if others else (step, done)
    found: dict[str, Scorings] = {}
    for step, stored in by_identity.values():
        of_label = found.setdefault(step.label, Scorings(step.label, step.scorer.trains > 0))
        if stored:
            of_label.stored += 1
        else:
            of_label.to_do.append(step)
    return list(found.values())


def _of_cell(masks: MaskMaker, cell: Cell) -> Iterator[tuple[Hashable, Step, bool]]:
    """What identifies each training or scoring for a cell, its step, and whether it is stored."""
    for number, step in enumerate(cell.steps):
        members = [member for part in step.parts for member in (part.members or (part,)) if member.scorer.slow]
        for share in range(step.steps):
            for member in members:
                # Only contributions to the dense model can be looked up before the run.
                first = number == share == 0
                identity: Hashable = (cell.steps[: number + 1], share, member)
                if first:
                    identity = frozenset(masks.scores.keys(member).values())
                yield identity, member, first and not masks.scores.lacking([member])


def of_scorers(model_run: ModelRun, steps: Sequence[Step], rate: float) -> tuple[tuple[OfScorer, ...], tuple[str, ...]]:
    """What slow scorers do for these steps, and the labels of those whose time is not known."""
    known: dict[str, OfScorer] = {}
    unknown: list[str] = []
    for step in steps:
        work = _work(model_run, step)
        if work is None:
            unknown.append(step.label)
            continue
        count, tokens = work
        before = known.get(step.scored, OfScorer(step.scored, 0, 0.0))
        known[step.scored] = OfScorer(step.scored, before.steps + count, before.seconds + rate * tokens)
    return tuple(known.values()), tuple(dict.fromkeys(unknown))


def _work(model_run: ModelRun, step: Step) -> tuple[int, float] | None:
    """The steps that a slow scorer tells of, and the tokens that take as long as they do; None if it is not known."""
    if step.scorer.trains:
        return step.scorer.trains, UPDATE * learning_tokens(model_run, step)
    works = []
    for granularity in step.granularities:
        layers = model_run.masks.scores.layers_of(granularity)
        try:
            works.append(step.scorer.work(len(layers), int(layers[-1]) + 1))
        except any_failure():  # a plug-in's code may raise anything; an estimate is not worth a run
            return None
    if not all(isinstance(work, Work) for work in works):
        return None
    encodings = sum(work.encodings for work in works if work)
    return sum(work.steps for work in works if work), encodings * scoring_tokens(model_run, step)
