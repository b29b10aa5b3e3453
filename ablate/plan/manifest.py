"""The first part of a run's record: what was asked for."""

from __future__ import annotations

import os
import platform
import shlex
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from ablate.distribution import DISTRIBUTION
from ablate.errors import RecipeError
from ablate.files import is_folder
from ablate.models.spec import ModelSpec
from ablate.plan.job import Job
from ablate.recipe.recipe import Recipe
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
    """The name of each model in rows: its label, or else its name, of a folder the last part of its path.

    Where several are alike, they have as much of the path as tells them apart; and one model in several ways has its
    revision, pooling, prompt and length.

    Raises:
        RecipeError: a model is listed twice, or two have one label.
    """
    names = [spec.label or _detailed(spec, _short(spec, specs), specs) for spec in specs]
    for i, name in enumerate(names):
        if name in names[:i] and specs[i].label:
            raise RecipeError(f"model: two models are called '{name}'; choose another label")
        if name in names[:i]:
            raise RecipeError(f"model: '{name}' is listed twice; list it once")
    return names


def lineages_of(specs: Sequence[ModelSpec]) -> dict[str, str]:
    """The lineage of each model, by its name in rows: that of the recipe, or else the name itself."""
    return {name: spec.lineage or name for spec, name in zip(specs, model_names(specs), strict=True)}


def models_of(about: Manifest, recipe: Recipe) -> dict[str, ModelSpec]:
    """The models of a stored run, by their names in its rows.

    The names are those that the run recorded, since the folder of a model may have moved.
    """
    return dict(zip(about.models, recipe.model, strict=True))


def _short(spec: ModelSpec, among: Sequence[ModelSpec]) -> str:
    """The name; of a folder, as few last parts of its path as no other folder ends in."""
    parts = _parts(spec)
    others = [other for one in among if (other := _parts(one)) != parts]
    for count in range(1, len(parts)):
        if not any(other[-count:] == parts[-count:] for other in others):
            return "/".join(parts[-count:])
    return "/".join(parts)


def _parts(spec: ModelSpec) -> list[str]:
    """The parts of a folder's path; a name that is no folder is one part."""
    path = Path(os.path.expanduser(spec.name))
    if spec.name == "minilm" or not is_folder(path):
        return [spec.name]
    return list(path.resolve().parts[1:]) or [spec.name]


def _detailed(spec: ModelSpec, short: str, among: Sequence[ModelSpec]) -> str:
    """The short name, with what the spec asks for where the same model is listed several times without a label."""
    if sum(_parts(one) == _parts(spec) and not one.label for one in among) == 1:
        return short
    length = f"max_length {spec.max_length}" if spec.max_length else None
    prompt = f"prompt_name {spec.prompt_name}" if spec.prompt_name else None
    if spec.prompt is not None:
        prompt = f"prompt {spec.prompt!r}" if spec.prompt else "no prompt"
    details = ", ".join(filter(None, (spec.revision, spec.pooling, prompt, length)))
    return f"{short} ({details})" if details else short


def _command() -> str | None:
    """The command line; None in a notebook, where it would be that of the kernel."""
    if "ipykernel" in sys.modules:
        return None
    program = Path(sys.argv[0]).name
    if program == "__main__.py":
        program = "python -m ablate"
    return without_passwords(f"{program} {shlex.join(sys.argv[1:])}".strip())
