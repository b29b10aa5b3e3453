"""YAML that remembers where each value stands, so that an error can say ``file:line:col``."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from ablate.errors import RecipeError, suggest

Location = tuple[str | int, ...]


@dataclass
class Document:
    """A mapping, and the place of each value in it.

    name: what places begin with: the file, or an option such as ``--scorers``.
    tree: the mapping as read.
    given: places of values that did not come from the file, by location.
    """

    name: str
    tree: Any
    given: dict[Location, str] = field(default_factory=dict)

    def plain(self) -> Any:
        """The tree in plain dicts, lists and scalars."""
        return _plain(self.tree)

    def place(self, location: Sequence[str | int]) -> str:
        """``file:line:col`` of the value there, or of the nearest one around it that has a place."""
        for end in range(len(location), 0, -1):
            if tuple(location[:end]) in self.given:
                return self.given[tuple(location[:end])]
        node, place = self.tree, self.name
        for key in location:
            if isinstance(node, CommentedMap) and key in node:
                line, column = node.lc.key(key)
            elif isinstance(node, CommentedSeq) and isinstance(key, int) and key < len(node):
                line, column = node.lc.item(key)
            else:
                break
            place, node = f"{self.name}:{line + 1}:{column + 1}", node[key]
        return place

    def override(self, text: str) -> None:
        """Sets one value from ``a.b=c``.

        Raises:
            RecipeError: it has no ``=``, or leads through something that is no mapping or list.
        """
        path, equals, value = text.partition("=")
        option = f"--set {text}"
        if not equals or not path:
            raise RecipeError(f"{option}: not of the form a.b=c")
        parsed = _load(value, option)
        keys: list[str | int] = [int(k) if k.isdecimal() else k for k in path.split(".")]
        node = self.tree
        for depth, key in enumerate(keys):
            last = depth == len(keys) - 1
            if isinstance(node, dict) and isinstance(key, str):
                node[key] = parsed if last else node.get(key) or CommentedMap()
            elif isinstance(node, list) and isinstance(key, int) and key < len(node):
                node[key] = parsed if last else node[key]
            else:
                where = ".".join(map(str, keys[:depth])) or "the recipe"
                raise RecipeError(f"{option}: {where} has no '{key}' to set")
            node = node[key]
        self.given[tuple(keys)] = option

    def explain(self, error: ValidationError, model: type[BaseModel]) -> str:
        """The first error that pydantic found, as ``place: what; what to do``."""
        errors = error.errors(include_url=False)
        # A union reports one error for each of its members: the one that got furthest is the one that was meant.
        first = max(errors, key=lambda e: len(_within(e["loc"], self.tree)))
        location = _within(first["loc"], self.tree)
        kind, key = first["type"], first["loc"][-1] if first["loc"] else ""
        if kind == "extra_forbidden":
            names = _fields(model, location[:-1])
            return f"{self.place(location)}: unknown key '{key}'; {suggest(str(key), names)}"
        if kind == "missing":
            return f"{self.place(location)}: no '{key}'; add it"
        same = [e for e in errors if _within(e["loc"], self.tree) == location]
        what = " or ".join(dict.fromkeys(_what(e) for e in same))
        named = ".".join(map(str, location))
        return f"{self.place(location)}: {named + ': ' if named else ''}{what}"


def read(path: Path) -> Document:
    """Reads a YAML file that holds one mapping.

    Raises:
        RecipeError: it is absent, unreadable, no YAML, no mapping, or has a key twice.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        near = (
            suggest(path.name, (p.name for p in path.parent.glob("*.y*ml"))) if path.parent.is_dir() else ""
        )
        raise RecipeError(f"{path}: no such recipe; {near or 'there is no such folder'}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: cannot be read as UTF-8 text: {error}") from None
    tree = _load(text, str(path))
    if not isinstance(tree, CommentedMap):
        raise RecipeError(f"{path}:1:1: a recipe is a mapping such as `model: minilm`; see recipes/sts.yaml")
    return Document(str(path), tree)


def _load(text: str, name: str) -> Any:
    try:
        return YAML(typ="rt").load(io.StringIO(text))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
        problem = " ".join(str(error.problem or error.context).split())
        raise RecipeError(f"{place}: {problem}") from None
    except (YAMLError, ValueError) as error:
        raise RecipeError(f"{name}: {' '.join(str(error).split())}") from None


def _plain(node: Any) -> Any:
    if isinstance(node, dict):
        return {_plain(key): _plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_plain(value) for value in node]
    for kind in (bool, int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return node


def _within(location: Sequence[str | int], tree: Any) -> Location:
    """The part of pydantic's location that is the user's: pydantic adds the names of union members."""
    kept: list[str | int] = []
    for position, key in enumerate(location):
        inside = isinstance(tree, dict) and key in tree
        if inside or (isinstance(tree, list) and isinstance(key, int) and key < len(tree)):
            kept.append(key)
            tree = tree[key]
        elif isinstance(tree, dict) and position == len(location) - 1:
            kept.append(key)
    return tuple(kept)


def _what(error: Any) -> str:
    message = error["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    given = error["input"]
    return message if isinstance(given, dict | list | BaseModel) else f"{message}, not {given!r}"


def _fields(model: type[BaseModel], location: Sequence[str | int]) -> set[str]:
    """The keys that are valid at a location: those of every model class that may stand there."""
    found = {model}
    for key in location:
        if isinstance(key, int):
            continue
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
