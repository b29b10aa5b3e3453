"""YAML that remembers the place of each value, so that an error can name it as ``file:line:col``."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.reader import ReaderError
from ruamel.yaml.scalarbool import ScalarBoolean

from ablate.errors import RecipeError, suggest

Location = tuple[str | int, ...]
"""The keys and list indices that lead from the root of a document to a value."""


@dataclass
class Document:
    """A mapping and the places of its values.

    name: the start of every place: the file, or a name for a document that is not from a file.
    tree: the mapping as ruamel.yaml read it, or one of plain dicts and lists.
    given: location -> place, for values that did not come from the file but from options such as ``--scorers``.
    """

    name: str
    tree: Any
    given: dict[Location, str] = field(default_factory=dict)

    def plain(self) -> Any:
        """The tree in plain dicts, lists and scalars."""
        return _plain(self.tree)

    def place(self, location: Sequence[str | int]) -> str:
        """``file:line:col`` of the value at a location, or of the innermost value around it that has a place."""
        return self.split(location)[0]

    def split(self, location: Sequence[str | int]) -> tuple[str, Location]:
        """The :meth:`place` of a location, and the part of the location that the place does not name."""
        keys = tuple(location)
        for end in range(len(keys), 0, -1):
            if keys[:end] in self.given:
                return self.given[keys[:end]], keys[end:]
        if not isinstance(self.tree, CommentedMap):
            return ".".join(map(str, (self.name, *keys))), ()
        node, place = self.tree, _at(self.name, (self.tree.lc.line, self.tree.lc.col))
        for key in keys:
            if isinstance(node, CommentedMap) and key in node:
                # A key from a YAML merge (`<<`) is defined elsewhere and has no mark here.
                place = _at(self.name, node.lc.key(key)) if key in (node.lc.data or {}) else place
            elif isinstance(node, CommentedSeq) and isinstance(key, int) and key < len(node):
                place = _at(self.name, node.lc.item(key))
            elif isinstance(node, CommentedSeq) and isinstance(key, str):
                continue  # a list may be an abbreviation: `confirm: [sts]` means `confirm: {tasks: [sts]}`
            else:
                break
            node = node[key]
        return place, keys

    def override(self, text: str) -> None:
        """Sets a value.

        Args:
            text: ``a.b=c``, where c is YAML. For a list, the key is the index of the item, from 0.

        Raises:
            RecipeError: the text is not of that form, or the keys lead through a value that is not a mapping or list.
        """
        path, equals, value = text.partition("=")
        option, parts = f"--set {text}", path.split(".")
        if not equals or not all(parts):
            raise RecipeError(f"{option}: not of the form a.b=c; write it as in --set controls.matched=5")
        parsed = _load(value, option)
        node: Any = self.tree
        location: Location = ()
        for part in parts:
            key = _key(node, part, option, ".".join(map(str, location)))
            location = (*location, key)
            if len(location) == len(parts):
                node[key] = parsed
            elif isinstance(node, dict) and node.get(key) is None:
                node[key] = CommentedMap()
                self.given[location] = option
            else:
                # A copy, because a YAML alias elsewhere may refer to the same object, which must not change.
                node[key] = copy(node[key])
            node = node[key]
        # Options that set parts of the replaced value no longer count.
        others = {given: place for given, place in self.given.items() if given[: len(location)] != location}
        self.given = {**others, location: option}

    def set_options(self, *, executor: str | None = None, jobs: int | None = None, **options: str | None) -> None:
        """Sets keys of the root from options of the same names, such as ``--device``. None leaves a key as it is.

        Args:
            executor: keeps the parameters that the recipe has for this executor, if it names the same.
            jobs: the executor's parameter; if the recipe evaluates in this process, ``processes`` takes its place.
        """
        for name, value in options.items():
            if value is not None:
                self.tree[name] = value
                self.given[(name,)] = f"--{name}"
        if executor is None and jobs is None:
            return
        given = self.tree.get("executor", "in-process")
        entry = dict(given) if isinstance(given, dict) else {"name": given}
        if executor is not None and entry.get("name") != executor:
            entry = {"name": executor}
        if jobs is not None:
            entry = {**({"name": "processes"} if entry.get("name") == "in-process" else entry), "jobs": jobs}
        self.tree["executor"] = CommentedMap(entry)
        self.given[("executor", "name")] = "--jobs" if executor is None else "--executor"
        self.given[("executor", "jobs")] = "--jobs"


def _at(name: str, mark: tuple[int, int]) -> str:
    """``file:line:col`` of a mark, whose line and column count from 0."""
    return f"{name}:{mark[0] + 1}:{mark[1] + 1}"


def _key(node: Any, part: str, option: str, where: str) -> str | int:
    """The key or index that a part of ``a.b=c`` means in the value at ``where``."""
    if isinstance(node, dict):
        return part
    if not isinstance(node, list):
        value = json.dumps(_plain(node), default=str)
        raise RecipeError(f"{option}: {where} is {value}, which has no '{part}'; set {where} as a whole")
    if not part.isdecimal() or int(part) >= len(node):
        raise RecipeError(f"{option}: {where} is a list of length {len(node)}, numbered from 0, without '{part}'")
    return int(part)


def read(path: Path) -> Document:
    """Reads a YAML file that contains one mapping.

    Raises:
        RecipeError: the file is missing or unreadable, is not YAML or not a mapping, or has a duplicate key.
    """
    try:
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        folder = path if path.is_dir() else path.parent
        recipes = [str(near) for near in folder.glob("*.y*ml")] if folder.is_dir() else []
        remedy = suggest(str(path), recipes) if recipes else "name a YAML file, such as recipes/sts.yaml"
        what = "a folder, not a recipe" if isinstance(error, IsADirectoryError) else "no such recipe"
        raise RecipeError(f"{path}: {what}; {remedy}") from None
    except OSError as error:
        raise RecipeError(f"{path}: cannot be read ({error.strerror}); fix that, or name another recipe") from None
    try:
        # Editors on Windows may put a byte order mark at the start, which `utf-8-sig` removes.
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        raise RecipeError(f"{path}:{line}:{column}: not UTF-8 text; save the recipe as UTF-8") from None
    tree = _load(text, str(path))
    if not isinstance(tree, CommentedMap):
        what = "empty" if tree is None else "not a mapping"
        raise RecipeError(f"{path}:1:1: {what}; a recipe is a mapping such as `model: minilm`, see recipes/sts.yaml")
    return Document(str(path), tree)


def _load(text: str, name: str) -> Any:
    try:
        # The round-trip loader is the one that keeps the line and column of each value.
        tree = YAML(typ="rt").load(io.StringIO(text))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
        raise RecipeError(f"{place}: {_problem(error)}") from None
    except ReaderError as error:
        line, column = text.count("\n", 0, error.position) + 1, error.position - text.rfind("\n", 0, error.position)
        raise RecipeError(f"{name}:{line}:{column}: a character that YAML forbids; remove it, or escape it") from None
    except ValueError as error:
        raise RecipeError(f"{name}: not valid YAML: {error}; fix it") from None
    except RecursionError:
        raise RecipeError(f"{name}:1:1: nested too deeply; a recipe needs about five levels") from None
    _refuse_beyond_json(tree, name, name, ())
    return tree


def _problem(error: MarkedYAMLError) -> str:
    if isinstance(error, DuplicateKeyError):
        return f"{str(error.problem).partition(' with value')[0]}; keep one of the two"
    problem = ", ".join(" ".join(str(part).split()) for part in (error.context, error.problem) if part)
    remedy = "indent with spaces" if "'\\t'" in problem else "fix the YAML there"
    return f"not valid YAML: {problem}; {remedy}"


def _refuse_beyond_json(node: Any, name: str, place: str, above: tuple[int, ...]) -> None:
    """Refuses YAML that JSON cannot express: tags, keys that are not text, and values that contain themselves.

    Args:
        place: of the node.
        above: the identities of the nodes that contain this one.
    """
    if id(node) in above:
        raise RecipeError(f"{place}: contains itself; write the value out")
    tag = getattr(getattr(node, "tag", None), "value", None)
    if tag:
        raise RecipeError(f"{place}: the tag '{tag}' means nothing in a recipe; remove it")
    if isinstance(node, str) and any("\ud800" <= character <= "\udfff" for character in node):
        raise RecipeError(f"{place}: half of a surrogate pair, which is not a character; remove it")
    items: list[tuple[Any, tuple[int, int] | None]] = []
    if isinstance(node, CommentedMap):
        items = [(node[key], node.lc.key(key) if key in (node.lc.data or {}) else None) for key in node]
        for key, (_, mark) in zip(node, items, strict=True):
            if not isinstance(key, str):
                where = _at(name, mark) if mark else place
                raise RecipeError(f"{where}: the key {json.dumps(_plain(key), default=str)} is not a name; use text")
    elif isinstance(node, CommentedSeq):
        items = [(item, node.lc.item(i)) for i, item in enumerate(node)]
    for item, mark in items:
        inner = _at(name, mark) if mark else place
        _refuse_beyond_json(item, name, inner, (*above, id(node)))


def _plain(node: Any) -> Any:
    if isinstance(node, dict):
        return {_plain(key): _plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_plain(value) for value in node]
    # The scalars of ruamel.yaml are subclasses of int, float and str. A ScalarBoolean is an int, so it comes first.
    if isinstance(node, ScalarBoolean):
        return bool(node)
    for kind in (bool, int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return node
