"""Chooses the prompt that is prepended to each sentence, before any weights load."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sentence_transformers import SentenceTransformer

from ablate.errors import ModelError, suggest
from ablate.models.checkpoint import Checkpoint, read_json
from ablate.models.spec import ModelSpec

_FILE = "config_sentence_transformers.json"


def prompt_of(spec: ModelSpec, checkpoint: Checkpoint) -> tuple[str, tuple[str, ...]]:
    """The prompt that a spec asks for, or else the model's default one, and remarks on the choice.

    Raises:
        ModelError: the model has no prompt of the name that is asked for.
    """
    if spec.prompt is not None:
        return spec.prompt, ()
    named, default = _prompts(checkpoint, spec.name)
    if spec.prompt_name is None:
        if default is not None:
            return named.get(default, ""), ()
        names = ", ".join(f"'{name}'" for name, text in named.items() if text)
        remark = f"has prompts {names} and no default: none is used; choose with `prompt_name`"
        return "", (remark,) if names else ()
    if spec.prompt_name not in named:
        listed = ", ".join(f"'{name}'" for name in named)
        has = (
            f"{suggest(spec.prompt_name, named)}; it has {listed}"
            if named
            else "it has none; give the text as `prompt`"
        )
        raise ModelError(f"model '{spec.name}': has no prompt '{spec.prompt_name}'; {has}")
    return named[spec.prompt_name], ()


def set_prompt(modules: SentenceTransformer, prompt: str) -> None:
    """Makes a prompt the default one of a SentenceTransformer, whose own prompts stay."""
    default = modules.default_prompt_name
    if prompt == (modules.prompts.get(default, "") if default else ""):
        return
    if not prompt:
        modules.default_prompt_name = None
        return
    name = next((name for name, text in modules.prompts.items() if text == prompt), "default")
    modules.prompts[name], modules.default_prompt_name = prompt, name


def _prompts(checkpoint: Checkpoint, model: str) -> tuple[Mapping[str, str], str | None]:
    """The prompts of a folder by their names, and the name of the default one, or None."""
    file: Path = checkpoint.folder / _FILE
    settings: Any = read_json(file, model) if checkpoint.modules and file.is_file() else {}
    prompts: Any = settings.get("prompts") or {} if isinstance(settings, dict) else {}
    if not isinstance(prompts, dict):
        raise ModelError(f"model '{model}': the `prompts` of {file} are not a mapping from names to texts")
    # The library reads a prompt that is null as an empty one.
    return {name: text or "" for name, text in prompts.items()}, settings.get("default_prompt_name")
