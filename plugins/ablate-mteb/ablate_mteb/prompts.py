"""Refuses a model to which MTEB gives another prompt, or another similarity, than ablate."""

from __future__ import annotations

from collections.abc import Collection

from mteb.abstasks.task_metadata import TaskMetadata
from mteb.models.abs_encoder import get_prompt_name
from mteb.types import PromptType

from ablate.plugin_api import Model, PluginError, Role


def require_prompts(model: Model, about: TaskMetadata, roles: Collection[Role | None]) -> None:
    """Checks what a model with prompts of its own gives texts of these roles.

    MTEB looks for a prompt by the name of the task, then by its type, each for the role first, and last by the role.
    ablate gives a text the prompt of its role, or the default one. Where the recipe chooses a prompt for all texts,
    that is what was asked for.

    Raises:
        PluginError: they differ.
    """
    if model.similarity != "cosine" and "query" in roles:
        raise PluginError(
            f"model '{model.name}' asks for the similarity {model.similarity}, by which MTEB searches, and ablate "
            f"searches by cosine; leave out {about.name}, or set similarity_fn_name: cosine in the model's "
            "config_sentence_transformers.json"
        )
    if not model.prompts:
        return
    # The library gives every model these two, empty unless its folder has others.
    named = {"query": "", "document": "", **model.prompts}
    for role in roles:
        name = get_prompt_name(named, about, PromptType(role) if role else None)
        ours = dict(model.encoding.roles).get(role, model.encoding.prompt) if role else model.encoding.prompt
        if name is not None and named[name] != ours:
            raise PluginError(
                f"model '{model.name}': MTEB gives {f'a {role}' if role else 'each text'} of {about.name} the prompt "
                f"'{name}' ({named[name]!r}), and ablate {ours!r}; run this task apart, with model: {{prompt_name: "
                f"'{name}'}}"
            )
