"""Counts the trainings of scorers that are still to be made, such as those of gates, for a dry run."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field

from ablate.coordinator.mask_maker import MaskMaker
from ablate.plan.plan import Cell, Step


@dataclass
class ScorerTrainings:
    """The trainings of one scorer.

    label: the scorer's. stored: how many trainings are in the store, or not needed, because the mask is.
    to_do: the step of each training that is to be made, at most.
    """

    label: str
    stored: int = 0
    to_do: list[Step] = field(default_factory=list)

    @property
    def updates(self) -> int:
        """How many updates are to be made."""
        return sum(step.scorer.trains for step in self.to_do)

    def __str__(self) -> str:
        to_do, every = len(self.to_do), len(self.to_do) + self.stored
        return (
            f"trainings of {self.label}: at most {to_do}, {self.updates:,} updates; {self.stored} of {every} are stored"
        )


def scorer_trainings(masks: MaskMaker, cells: Sequence[Cell]) -> list[ScorerTrainings]:
    """The trainings that the masks of cells need, by the label of their scorer. Cells share those that are the same."""
    training = [cell for cell in cells if any(step.scorer.trains for step in cell.steps)]
    missing = set(masks.missing(training))
    by_training: dict[Hashable, tuple[Step, str, bool]] = {}
    for cell in training:
        for identity, step, label, stored in _trainings(masks, cell):
            done = cell not in missing or stored
            others = by_training.get(identity)
            by_training[identity] = (others[0], others[1], done and others[2]) if others else (step, label, done)
    found: dict[str, ScorerTrainings] = {}
    for step, label, stored in by_training.values():
        of_label = found.setdefault(label, ScorerTrainings(label))
        if stored:
            of_label.stored += 1
        else:
            of_label.to_do.append(step)
    return list(found.values())


def _trainings(masks: MaskMaker, cell: Cell) -> Iterator[tuple[Hashable, Step, str, bool]]:
    """What identifies each training of a cell, its step, the scorer's label, and whether it is stored."""
    for number, step in enumerate(cell.steps):
        members = [member for part in step.parts for member in (part.members or (part,)) if member.scorer.trains]
        for share in range(step.steps):
            for member in members:
                # Only contributions to the dense model can be looked up before the run.
                first = number == share == 0
                identity: Hashable = (cell.steps[: number + 1], share, member)
                if first:
                    identity = frozenset(masks.scores.keys(member).values())
                yield identity, member, step.label, first and not masks.scores.lacking([member])
