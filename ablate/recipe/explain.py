"""What pydantic found wrong, in one line: where, what, and what to do."""

from __future__ import annotations

import json
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ablate.errors import RecipeError, suggest
from ablate.recipe.document import Document, Location

M = TypeVar("M", bound=BaseModel)

_MUST = {
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
MINE = "recipe"
"""The type of errors that a recipe's own validators raise: whole sentences. ``ctx["at"]`` may say where, from there."""


def check(model: type[M], content: Any, document: Document, at: Location = (), subject: str = "") -> M:
    """Validates what stands in a document, as strictly as JSON would be: no text for a number, no 1 for true.

    Args:
        content: plain dicts, lists and scalars.
        at: where in the document it stands.
        subject: what it belongs to, for the message, such as ``scorer 'align'``.

    Raises:
        RecipeError: the one thing wrong that was most likely meant, with its place and what to do.
    """
    try:
        return model.model_validate_json(json.dumps(content, default=str), strict=True)
    except ValidationError as error:
        raise RecipeError(explain(error, model, content, document, at, subject)) from None


def explain(
    error: ValidationError, model: type[BaseModel], content: Any, document: Document, at: Location, subject: str
) -> str:
    """See :func:`check`."""
    found = [(_within(one, content), one) for one in error.errors(include_url=False)]
    # A union reports an error for each of its members: the one that got furthest is the one that was meant. And an
    # unknown key is likely a misspelling of the key that is lacking.
    location, first = max(found, key=lambda pair: (len(pair[0]), pair[1]["type"] == "extra_forbidden"))
    kind, context = first["type"], first.get("ctx", {})
    if kind == "json_invalid":
        return f"{document.place(at)}: nested too deeply; a recipe needs some five levels"
    place, rest = document.split((*at, *location, *context.get("at", ())))
    if kind == MINE:
        return f"{place}: {first['msg']}"
    if kind == "extra_forbidden":
        key, what = str(location[-1]), "parameter" if subject else "key"
        whose = f"{subject}: " if subject else ""
        return f"{place}: {whose}unknown {what} '{key}'; {suggest(key, _fields(model, location[:-1]))}"
    if kind == "missing":
        owner = ".".join(map(str, location[:-1])) or subject or "the recipe"
        return f"{document.place((*at, *location[:-1]))}: {owner} has no '{location[-1]}'; add it"
    named = location if subject else rest
    if all(isinstance(key, int) for key in named):
        named = ()
    about = [subject] if subject else []
    about += [".".join(map(str, named))] if named else []
    parts = list(dict.fromkeys(_must(one) for where, one in found if where == location))
    if None in parts:
        what = first["msg"].removeprefix("Value error, ")
    else:
        what = f"must be {' or '.join(map(str, parts))}, not {shown(first['input'])}"
    return f"{place}: {', '.join(about)}{': ' if about else ''}{what}"


def shown(value: Any) -> str:
    """A value as a recipe would have it, in brief."""
    if isinstance(value, list | dict) and value:
        return "a list" if isinstance(value, list) else "a mapping"
    if isinstance(value, str):
        return repr(value if len(value) <= 40 else f"{value[:39]}…")
    return json.dumps(value, default=str)


def _must(error: ErrorDetails) -> str | None:
    """What the value must be, or None where only pydantic can say."""
    kind, context = error["type"], error.get("ctx", {})
    if kind in ("literal_error", "enum"):
        return str(context["expected"])
    if kind in _BOUNDS:
        words, bound = _BOUNDS[kind]
        limit = context[bound]
        return f"{words} {int(limit) if limit == int(limit) else limit}"
    if kind in ("too_short", "string_too_short"):
        return f"{'text' if 'string' in kind else 'a list'} that is not empty"
    return _MUST.get(kind)


def _within(error: ErrorDetails, tree: Any) -> Location:
    """The part of pydantic's location that is the user's: pydantic adds the names of union members."""
    kept: list[str | int] = []
    for position, key in enumerate(error["loc"]):
        inside = isinstance(tree, dict) and key in tree
        if inside or (isinstance(tree, list) and isinstance(key, int) and key < len(tree)):
            kept.append(key)
            tree = tree[key]
        elif error["type"] == "missing" and position == len(error["loc"]) - 1:
            kept.append(key)
    return tuple(kept)


def _fields(model: type[BaseModel], location: Location) -> set[str]:
    """The keys that are valid at a location: those of every model class that may stand there."""
    found = {model}
    for key in location:
        if isinstance(key, str):
            found = {
                inner
                for outer in found
                if key in outer.model_fields
                for inner in _models(outer.model_fields[key].annotation)
            }
    return {f.alias or name for m in found for name, f in m.model_fields.items()}


def _models(annotation: Any) -> set[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {annotation}
    return {m for argument in getattr(annotation, "__args__", ()) for m in _models(argument)}
