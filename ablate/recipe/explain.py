"""Explains the errors of pydantic in one line: where, what is wrong, and what to do."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ablate.errors import RecipeError, nearest, suggest
from ablate.plugin import Plugin
from ablate.recipe.document import Document, Location

M = TypeVar("M", bound=BaseModel)

_REQUIRED = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "text",
    "path_type": "a path",
    "list_type": "a list, such as [a, b]",
    "tuple_type": "a list, such as [a, b]",
    "model_type": "a mapping, such as {key: value}",
    "dict_type": "a mapping, such as {key: value}",
    "none_required": "null",
}
_BOUNDS = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("above", "gt"),
    "less_than_equal": ("at most", "le"),
    "less_than": ("below", "lt"),
}
CUSTOM_ERROR = "recipe"
"""The type of the errors that our own validators raise, see :func:`ablate.recipe.values.wrong`.

Their message is complete. ``ctx["at"]`` may hold keys that lead from the validated value to the wrong one.
"""


def check(
    model: type[M],
    content: Any,
    document: Document,
    at: Location = (),
    subject: str = "",
    also: Iterable[str] = (),
) -> M:
    """Validates a part of a document without converting types: a text is not a number, and 1 is not ``true``.

    Args:
        content: the part, as plain dicts, lists and scalars.
        at: its location in the document.
        subject: what the part belongs to, such as ``scorer 'align'``. The message names it.
        also: keys beside those of the model that may have been meant, since they are valid at this place.

    Raises:
        RecipeError: the most helpful of pydantic's errors, with its place and what to do.
    """
    try:
        # From JSON and not from Python, because strict validation of JSON still accepts a list as a tuple and a text as
        # a path.
        checked = model.model_validate_json(json.dumps(content, default=str), strict=True)
    except ValidationError as error:
        raise RecipeError(explain(error, model, content, document, at, subject, also)) from None
    if isinstance(checked, Plugin) and (missing := checked.missing(content)):
        raise RecipeError(f"{document.place(at)}: {subject} has no {listed(missing)}; add it")
    return checked


def listed(missing: Mapping[str, str]) -> str:
    """Parameters that are missing, from their names to their descriptions."""
    return " and ".join(f"'{name}' ({what})" if what else f"'{name}'" for name, what in missing.items())


def explain(
    error: ValidationError,
    model: type[BaseModel],
    content: Any,
    document: Document,
    at: Location,
    subject: str,
    also: Iterable[str] = (),
) -> str:
    """The message of one error, see :func:`check`."""
    errors = [(_user_location(e, content), e) for e in error.errors(include_url=False)]
    # A union reports an error for each of its members. The user most likely meant the member whose error is deepest. At
    # equal depth, report an unknown key rather than a missing one, because it is likely a misspelling of the latter.
    location, chosen = max(errors, key=lambda pair: (len(pair[0]), pair[1]["type"] == "extra_forbidden"))
    kind, context = chosen["type"], chosen.get("ctx", {})
    if kind == "json_invalid":
        return f"{document.place(at)}: nested too deeply; a recipe needs about five levels"
    place, rest = document.split((*at, *location, *context.get("at", ())))
    if kind == CUSTOM_ERROR:
        return f"{place}: {chosen['msg']}"
    if kind == "extra_forbidden":
        key, what = str(location[-1]), "parameter" if subject else "key"
        prefix = f"{subject}: " if subject else ""
        valid = _keys_at(model, location[:-1])
        # Those beside the parameters are offered only if one is near, because a list of what is valid is of parameters.
        return (
            f"{place}: {prefix}unknown {what} '{key}'; {suggest(key, {*valid, *also} if nearest(key, also) else valid)}"
        )
    if kind == "missing":
        written = _written_for(str(location[-1]), _inside(content, location[:-1]), _keys_at(model, location[:-1]))
        if written is not None:
            place = document.place((*at, *location[:-1], written))
            return f"{place}: unknown key '{written}'; did you mean '{location[-1]}'?"
        owner = ".".join(map(str, location[:-1])) or subject or "the recipe"
        return f"{document.place((*at, *location[:-1]))}: {owner} has no '{location[-1]}'; add it"
    named = location if subject else rest
    if all(isinstance(key, int) for key in named):
        named = ()
    prefixes = [subject] if subject else []
    prefixes += [".".join(map(str, named))] if named else []
    requirements = list(dict.fromkeys(_requirement(e) for other, e in errors if other == location))
    if None in requirements:
        what = chosen["msg"].removeprefix("Value error, ")
    else:
        what = f"must be {' or '.join(map(str, requirements))}, not {shown(chosen['input'])}"
        words = [word for other, e in errors if other == location for word in _words(e)]
        if isinstance(chosen["input"], str) and (close := nearest(chosen["input"], words)):
            what += f"; did you mean '{close}'?"
    return f"{place}: {', '.join(prefixes)}{': ' if prefixes else ''}{what}"


def shown(value: Any) -> str:
    """A value as a message shows it: short, and spelled as in a recipe."""
    if isinstance(value, list | dict) and value:
        return "a list" if isinstance(value, list) else "a mapping"
    if isinstance(value, str):
        return repr(value if len(value) <= 40 else f"{value[:39]}…")
    return json.dumps(value, default=str)


def _requirement(error: ErrorDetails) -> str | None:
    """What the value must be; None if only pydantic's own message says it."""
    kind, context = error["type"], error.get("ctx", {})
    if kind in ("literal_error", "enum"):
        return str(context["expected"])
    if kind in _BOUNDS:
        words, bound = _BOUNDS[kind]
        limit = context[bound]
        return f"{words} {int(limit) if limit == int(limit) else limit}"
    if kind in ("too_short", "string_too_short"):
        return f"{'text' if 'string' in kind else 'a list'} that is not empty"
    return _REQUIRED.get(kind)


def _words(error: ErrorDetails) -> list[str]:
    """The words of which the value must be one; none if it may be something else."""
    return re.findall("'([^']*)'", error["ctx"]["expected"]) if error["type"] in ("literal_error", "enum") else []


def _inside(content: Any, location: Location) -> Any:
    for key in location:
        content = content[key]
    return content


def _written_for(missing: str, content: Any, known: set[str]) -> str | None:
    """The key of a mapping that seems to be written for the one that is missing."""
    return nearest(missing, [key for key in content if key not in known]) if isinstance(content, dict) else None


def _user_location(error: ErrorDetails, tree: Any) -> Location:
    """The location of an error in the user's document. Pydantic's own also has the names of union members."""
    location: list[str | int] = []
    for position, key in enumerate(error["loc"]):
        inside = isinstance(tree, dict) and key in tree
        if inside or (isinstance(tree, list) and isinstance(key, int) and key < len(tree)):
            location.append(key)
            tree = tree[key]
        elif error["type"] == "missing" and position == len(error["loc"]) - 1:
            location.append(key)
    return tuple(location)


def _keys_at(model: type[BaseModel], location: Location) -> set[str]:
    """The keys that are valid at a location: those of every model class that is allowed there."""
    models = {model}
    for key in location:
        if isinstance(key, str):
            models = {
                inner
                for outer in models
                if key in outer.model_fields
                for inner in _models(outer.model_fields[key].annotation)
            }
    return {f.alias or name for m in models for name, f in m.model_fields.items()}


def _models(annotation: Any) -> set[type[BaseModel]]:
    """The model classes in an annotation, such as those of a union."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {annotation}
    return {m for argument in getattr(annotation, "__args__", ()) for m in _models(argument)}
