"""Chooses the prompt that is prepended to each sentence, before any weights load."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sentence_transformers import SentenceTransformer

from ablate.data.items import Role
from ablate.errors import ModelError, suggest
from ablate.models.checkpoint import Checkpoint, read_json
from ablate.models.spec import ModelSpec

_FILE = "config_sentence_transformers.json"


@dataclass(frozen=True)
class Prompts:
    """What is prepended to texts.

    plain: to every text; to those without a role, if there are ``roles``.
    roles: role -> to texts of that role. Empty if these get the plain prompt too.
    remarks: on the choice, one line each.
    named: those of the model by name; empty if the spec chooses one.
    """

    plain: str
    roles: tuple[tuple[Role, str], ...] = ()
    remarks: tuple[str, ...] = ()
    named: Mapping[str, str] = field(default_factory=dict)


NO_PROMPT = Prompts("")


def prompts_of(spec: ModelSpec, checkpoint: Checkpoint) -> Prompts:
    """The prompt that a spec asks for, for all texts; or else the model's default one, and those that it has for roles.

    Raises:
        ModelError: the model has no prompt of the name that is asked for.
    """
    if spec.prompt is not None:
        return Prompts(spec.prompt)
    named, default = _prompts(checkpoint, spec.name)
    if spec.prompt_name is None:
        plain = "" if default is None else named.get(default, "")
        roles = _roles(named, plain)
        return Prompts(plain, roles, _remarks(named, default, plain, dict(roles)), named)
    if spec.prompt_name not in named:
        has = suggest(spec.prompt_name, named) if named else "it has none; give the text as `prompt`"
        if has.startswith("did you mean"):
            has += "; it has " + ", ".join(f"'{name}'" for name in named)
        raise ModelError(f"model '{spec.name}': has no prompt '{spec.prompt_name}'; {has}")
    return Prompts(named[spec.prompt_name])


def _roles(named: Mapping[str, str], plain: str) -> tuple[tuple[Role, str], ...]:
    """What the library's ``encode_query`` and ``encode_document`` prepend.

    Once a model has one of these prompts, texts of the other role do not get the default one. ``encode_document`` also
    knows the names ``passage`` and ``corpus``, but never comes to them: in the library, each model has a prompt
    ``document``, which is empty unless its folder has one.
    """
    query, document = named.get("query", ""), named.get("document", "")
    if not (query or document) or query == document == plain:
        return ()
    return ("query", query), ("document", document)


def _remarks(named: Mapping[str, str], default: str | None, plain: str, roles: Mapping[Role, str]) -> tuple[str, ...]:
    names = ", ".join(f"'{name}'" for name, text in named.items() if text)
    if not roles:
        remark = f"has prompts {names} and no default: none is used; choose with `prompt_name`"
        return (remark,) if names and default is None else ()
    told = f"where a task tells them apart, {of_roles(roles)}; other texts get {_quoted(plain)}"
    remarks = [f"has prompts {names}: {told}; `prompt` or `prompt_name` chooses one for all"]
    others = [name for name in ("passage", "corpus") if named.get(name)]
    if others and not roles["document"]:
        remarks.append(
            f"its prompt '{others[0]}' is not used for documents, as sentence-transformers' encode_document does not "
            "use it; name it 'document' in config_sentence_transformers.json if the model was trained with it"
        )
    return tuple(remarks)


def of_roles(roles: Mapping[Role, str]) -> str:
    """Which prompts the roles get, in words."""
    return f"queries get the prompt {_quoted(roles['query'])} and documents {_quoted(roles['document'])}"


def _quoted(prompt: str) -> str:
    return repr(prompt) if prompt else "none"


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
    if not isinstance(prompts, dict) or not all(isinstance(text, str | None) for text in prompts.values()):
        raise ModelError(f"model '{model}': the `prompts` of {file} are not a mapping from names to texts")
    default = settings.get("default_prompt_name") if isinstance(settings, dict) else None
    if default is not None and default not in prompts:
        raise ModelError(
            f"model '{model}': the `default_prompt_name` of {file} is {default!r}, which is not one of its `prompts`; "
            f"{suggest(str(default), prompts)}"
        )
    # The library reads a prompt that is null as an empty one.
    return {name: text or "" for name, text in prompts.items()}, default
