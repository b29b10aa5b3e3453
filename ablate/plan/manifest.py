"""What a run is, for its record."""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ablate.distribution import OURS
from ablate.errors import RecipeError
from ablate.models.spec import ModelSpec
from ablate.plan.job import Job
from ablate.recipe.schedule import steps_of

_PACKAGES = ("torch", "transformers", "sentence-transformers", "scipy")


def manifest(job: Job) -> dict[str, Any]:
    """What was asked, of what, with which versions.

    Raises:
        RecipeError: a model stands twice.
    """
    return {
        "models": model_names(job.recipe.model),
        "data": job.chosen.source.label,
        "data_why": job.chosen.why,
        "screen": [task.name for task in job.tasks.screen],
        "choosing": [task.name for task in job.choosing],
        "confirm": [task.name for task in job.tasks.confirm],
        "tasks": job.tasks.parameters,
        "overlap": job.recipe.overlap,
        "training": _training(job),
        "exploratory": any(task.split == "test" for task in job.tasks.screen),
        "command": _command(),
        "recipe": job.recipe.model_dump(mode="json", by_alias=True),
        "versions": versions(),
    }


def _training(job: Job) -> dict[str, Any] | None:
    """What cells are trained on; None where none is."""
    if job.texts is None:
        return None
    texts, train = job.texts, job.recipe.train
    assert train is not None
    return {
        "examples": len(texts.examples),
        "kind": "pairs" if texts.supervised else "sentences",
        "source": texts.label,
        "hash": texts.hash,
        "steps": steps_of(train, len(texts.examples)),
    }


def versions() -> dict[str, str]:
    """What computes, by name."""
    return {"python": platform.python_version(), "ablate": version(OURS), **{name: version(name) for name in _PACKAGES}}


def model_names(specs: Sequence[ModelSpec]) -> list[str]:
    """What rows call each model: its name, with what tells it from others of that name.

    Raises:
        RecipeError: a model stands twice.
    """
    plain = [spec.name for spec in specs]
    names = [_detailed(spec) if plain.count(spec.name) > 1 else spec.name for spec in specs]
    for i, name in enumerate(names):
        if name in names[:i]:
            raise RecipeError(f"model: '{name}' stands twice; list it once")
    return names


def _detailed(spec: ModelSpec) -> str:
    length = f"max_length {spec.max_length}" if spec.max_length else None
    details = ", ".join(filter(None, (spec.revision, spec.pooling, length)))
    return f"{spec.name} ({details})" if details else spec.name


def _command() -> str | None:
    """What was typed; None in a notebook, where it would be how the kernel was started."""
    return None if "ipykernel" in sys.modules else " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])
