"""Which stage of each model reports: the one that the answer about the model rests on."""

from __future__ import annotations

from ablate.judge.effects import Stage, stages
from ablate.record import RunRecord


def reporting(results: RunRecord) -> list[Stage]:
    """The stage of each model that its answer rests on; of a model that was run dense alone, there is none.

    A confirmation is preferred to a screen, and scores to losses, which are lower where better: a better loss is not
    the goal, and orderings by a loss can run against the gain in the scores.
    """
    found: dict[str, Stage] = {}
    for stage in sorted((one for one in stages(results) if one.groups), key=_preference):
        found.setdefault(stage.model, stage)
    return [found[model] for model in dict.fromkeys(stage.model for stage in stages(results)) if model in found]


def _preference(stage: Stage) -> tuple[bool, bool, bool]:
    """The lower, the better the stage answers: by whole embeddings, as cells are chosen by them."""
    return stage.name != "confirm", not stage.measure.higher_is_better, stage.measure.dim is not None
