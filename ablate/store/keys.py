"""The keys of a store. Each is a digest of everything that the stored thing depends on, and of nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ablate.data.calibration import UNGRADED, Calibration, Over
from ablate.granularities.base import Granularity
from ablate.models.masked import Mask
from ablate.models.model import Model
from ablate.models.spec import Precision
from ablate.recipe.training import Train
from ablate.scorers.base import NO_TASKS, Scorer, ScorerTasks
from ablate.scorers.statistics import GradientContribution
from ablate.tasks.loaded import Loaded


def digest(content: Mapping[str, Any]) -> str:
    """sha256 of a mapping's canonical JSON. Every key of the store is such a digest."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, allow_nan=False).encode()).hexdigest()


def mask_hash(units: Mapping[str, Mask]) -> str | None:
    """sha256 of the bits of the masks of all granularities; None if nothing is removed.

    Two scorers that choose the same units get the same hash, and so share the evaluation.
    """
    partial = {name: mask for name, mask in units.items() if not mask.all()}
    if not partial:
        return None
    digest = hashlib.sha256()
    for name in sorted(partial):
        digest.update(f"{name} {len(partial[name])} ".encode())
        digest.update(np.packbits(partial[name]).tobytes())
    return digest.hexdigest()


def scores_key(
    model: Model,
    calibration: Calibration,
    scorer: Scorer,
    granularity: Granularity,
    seed: int | None = None,
    in_force: str | None = None,
    tasks: ScorerTasks = NO_TASKS,
    together: Sequence[Granularity] = (),
    remove: Mapping[Granularity, int | None] | None = None,
) -> str:
    """The key of a scorer's contributions at one granularity.

    Args:
        seed: None unless the scorer uses one.
        in_force: hash of the mask in force, None for the dense model.
        tasks: at least those that the scorer names, loaded.
        together: all granularities that are scored together, if contributions at one depend on the others.
        remove: how many units the step removes of each granularity, if contributions depend on it.
    """
    return digest(
        {
            "stage": "scores",
            **_model(model),
            "scorer": scorer.identity(),
            "granularity": granularity.identity(),
            **data_key(scorer, calibration, tasks),
            "mask": in_force,
            "seed": seed,
            **roles_part(model, _named_by([scorer], tasks)),
            # Only for such scorers, so that the keys of all others are those that they had before.
            **({"together": [other.identity() for other in together]} if len(together) > 1 else {}),
            **({} if remove is None else {"remove": {other.name: count for other, count in remove.items()}}),
        }
    )


def mask_key(
    model: Model,
    calibration: Calibration,
    scorers: Sequence[Scorer],
    cell: Mapping[str, Any],
    tie_seed: int,
    tasks: ScorerTasks = NO_TASKS,
    search: Mapping[str, Any] | None = None,
    trained_on: Sequence[Loaded] = (),
) -> str:
    """The key of a cell, under which its mask is stored.

    Args:
        scorers: those of the cell's steps, in their order.
        cell: its identity.
        tie_seed: decides between equal contributions.
        tasks: at least those that the scorers name, loaded.
        search: what a search of the mask depends on besides the cell; None without one.
        trained_on: the tasks that choose the best checkpoint of the cell's training.
    """
    return digest(
        {
            "stage": "mask",
            **_model(model),
            "looks": [data_key(scorer, calibration, tasks) for scorer in scorers],
            "cell": cell,
            "tie_seed": tie_seed if scorers else None,
            **roles_part(model, [*_named_by(scorers, tasks), *trained_on]),
            **({} if search is None else {"search": search}),
        }
    )


def result_key(model: Model, mask: str | None, loaded: Loaded, precision: Precision = "float32") -> str:
    """The key of a masked model's result on one task.

    Args:
        mask: its hash, None for the dense model.
        precision: in which the model is evaluated. Scores and masks are computed in float32, so that their keys do not
            have it.
    """
    return digest(
        {
            "stage": "result",
            **_model(model),
            "encoding": {**model.encoding.as_dict(), "precision": precision},
            "mask": mask,
            "task": loaded.task.identity(),
            "data": loaded.data.hash,
            **roles_part(model, [loaded]),
            # Of truncated embeddings alone, so that the keys of all others are those that they had before.
            **({} if loaded.dim is None else {"dim": loaded.dim}),
        }
    )


def judgment_key(of_all: str, cell: Mapping[str, Any]) -> str:
    """The key of what is found of a cell before any correction.

    Args:
        of_all: a digest of what all cells of the stage have in common.
        cell: everything else that it depends on.
    """
    return digest({"stage": "judgment", "of_all": of_all, "cell": cell})


def training_key(
    model: Model, mask: str | None, gradual: str | None, settings: str, seed: int, tasks: Sequence[Loaded] = ()
) -> str:
    """The key of trained weights.

    Args:
        mask: hash of the mask that is in force from the start, or None.
        gradual: key of the cell whose mask grows while the model trains, or None.
        settings: see :func:`training_settings`.
        seed: of the training.
        tasks: those that choose the best checkpoint.
    """
    return digest(
        {
            "stage": "train",
            **_model(model),
            "mask": mask,
            "gradual": gradual,
            "settings": settings,
            "seed": seed,
            **roles_part(model, tasks),
            # Weights that were trained before training applied the prompt are not found again.
            **({"prompt": "applied"} if model.encoding.prompt else {}),
        }
    )


def trained_model_hash(model: Model, weights: str) -> str:
    """The hash of a model with trained weights, whose own hash is ``weights``."""
    return digest({"model": model.hash, "weights": weights})


def training_settings(spec: Train, examples: str, tasks: Sequence[Loaded], way: str = "train") -> str:
    """The digest of what all trainings of a recipe in one way have in common.

    Args:
        examples: hash of the training texts.
        tasks: the tasks that choose the best checkpoint.
    """
    dev = [[task.task.identity(), task.data.hash] for task in tasks]
    schedule = spec.gradual.model_dump() if way == "gradual" else None
    return digest({"train": spec.recipe(), "examples": examples, "dev": dev, "schedule": schedule})


def data_key(scorer: Scorer, calibration: Calibration, tasks: ScorerTasks) -> dict[str, Any]:
    """The part of a key that says which data a scorer looks at.

    Args:
        tasks: at least those that the scorer names, loaded.
    """
    parts = parts_used(scorer)
    data: dict[str, Any] = {"calibration": None if parts.isdisjoint(UNGRADED) else calibration.hash}
    if "graded" in parts:
        data["graded"] = calibration.graded_hash
    if scorer.tasks():
        data["tasks"] = {name: [task.data.hash for task in tasks[name]] for name in scorer.tasks()}
    return data


def parts_used(scorer: Scorer) -> frozenset[Over]:
    """The parts of the calibration set that a scorer looks at."""
    declared = {s.loss.over if isinstance(s, GradientContribution) else "sentences" for s in scorer.statistics()}
    return frozenset(declared | set(scorer.examples))


def roles_part(model: Model, tasks: Iterable[Loaded]) -> dict[str, Any]:
    """The part of a key that has the prompts of roles, if the model has some and texts of one of the tasks have roles.

    All other keys are those that they had before there were roles.
    """
    used = model.encoding.roles and any(task.data.roles for task in tasks)
    return {"roles": dict(model.encoding.roles)} if used else {}


def _named_by(scorers: Iterable[Scorer], tasks: ScorerTasks) -> list[Loaded]:
    return [task for scorer in scorers for name in scorer.tasks() for task in tasks[name]]


def _model(model: Model) -> dict[str, Any]:
    return {"model": model.hash, "encoding": model.encoding.as_dict()}
