"""The first part of a run's record: what was asked for."""

from __future__ import annotations

import platform
import shlex
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from ablate.distribution import DISTRIBUTION
from ablate.errors import RecipeError
from ablate.models.spec import ModelSpec
from ablate.plan.job import Job
from ablate.recipe.schedule import steps_of
from ablate.record import Manifest, TrainingData
from ablate.redact import without_passwords

_PACKAGES = ("torch", "transformers", "sentence-transformers", "scipy")


def manifest(job: Job) -> Manifest:
    """What was asked for, on which models and data, and with which versions.

    Raises:
        RecipeError: a model is listed twice.
    """
    return Manifest(
        models=tuple(model_names(job.recipe.model)),
        data=job.chosen.source.label,
        data_why=job.chosen.why,
        screen=tuple(task.name for task in job.tasks.screen),
        choosing=tuple(task.name for task in job.choosing),
        confirm=tuple(task.name for task in job.tasks.confirm),
        tasks={task: dict(given) for task, given in job.tasks.parameters.items()},
        overlap=job.recipe.overlap,
        training=_training(job),
        exploratory=any(task.split == "test" for task in job.tasks.screen),
        command=_command(),
        recipe=job.recipe.model_dump(mode="json", by_alias=True),
        versions=versions(),
    )


def _training(job: Job) -> TrainingData | None:
    """What cells are trained on; None if no cell is trained."""
    if job.texts is None:
        return None
    texts, train = job.texts, job.recipe.train
    assert train is not None
    return TrainingData(
        examples=len(texts.examples),
        kind="pairs" if texts.supervised else "sentences",
        source=texts.label,
        hash=texts.hash,
        steps=steps_of(train, len(texts.examples)),
    )


def versions() -> dict[str, str]:
    """The versions of Python, ablate and the libraries that compute, by name."""
    return {
        "python": platform.python_version(),
        "ablate": version(DISTRIBUTION),
        **{name: version(name) for name in _PACKAGES},
    }


def model_names(specs: Sequence[ModelSpec]) -> list[str]:
    """The name of each model in rows, with revision, pooling, prompt and length if several models have the same name.

    Raises:
        RecipeError: a model is listed twice.
    """
    plain = [spec.name for spec in specs]
    names = [_detailed(spec) if plain.count(spec.name) > 1 else spec.name for spec in specs]
    for i, name in enumerate(names):
        if name in names[:i]:
            raise RecipeError(f"model: '{name}' is listed twice; list it once")
    return names


def _detailed(spec: ModelSpec) -> str:
    length = f"max_length {spec.max_length}" if spec.max_length else None
    prompt = f"prompt_name {spec.prompt_name}" if spec.prompt_name else None
    if spec.prompt is not None:
        prompt = f"prompt {spec.prompt!r}" if spec.prompt else "no prompt"
    details = ", ".join(filter(None, (spec.revision, spec.pooling, prompt, length)))
    return f"{spec.name} ({details})" if details else spec.name


def _command() -> str | None:
    """The command line; None in a notebook, where it would be that of the kernel."""
    if "ipykernel" in sys.modules:
        return None
    program = Path(sys.argv[0]).name
    if program == "__main__.py":
        program = "python -m ablate"
    return without_passwords(f"{program} {shlex.join(sys.argv[1:])}".strip())
