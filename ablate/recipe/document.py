"""YAML that remembers the place of each value, so that an error can name it as ``file:line:col``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.scalarbool import ScalarBoolean

from ablate.arguments import argument
from ablate.errors import RecipeError, suggest
from ablate.files import is_folder, require_regular
from ablate.recipe.yaml_text import at, load

Location = tuple[str | int, ...]
"""The keys and list indices that lead from the root of a document to a value."""

LARGEST = 1 << 18
"""The most bytes of a recipe. It takes a second or two to read as many, and a recipe has about a thousandth of them."""


@dataclass
class Document:
    """A mapping and the places of its values.

    name: the start of every place: the file, or a name for a document that is not from a file.
    tree: the mapping as ruamel.yaml read it, or one of plain dicts and lists.
    given: location -> place, for values that did not come from the file but from an argument such as ``scorers``.
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
        node, place = self.tree, at(self.name, (self.tree.lc.line, self.tree.lc.col))
        for key in keys:
            if isinstance(node, CommentedMap) and key in node:
                # A key from a YAML merge (`<<`) is defined elsewhere and has no mark here.
                place = at(self.name, node.lc.key(key)) if key in (node.lc.data or {}) else place
            elif isinstance(node, CommentedSeq) and isinstance(key, int) and key < len(node):
                place = at(self.name, node.lc.item(key))
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
        option, parts = argument("overrides", text), path.split(".")
        if not equals or not all(parts):
            example = argument("overrides", "controls.matched=5")
            raise RecipeError(f"{option}: not of the form a.b=c; write it as in {example}")
        parsed = load(value, option)
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
        """Sets keys of the root from arguments of the same names, such as ``device``. None leaves a key as it is.

        Args:
            executor: keeps the parameters that the recipe has for this executor, if it names the same.
            jobs: the executor's parameter; if the recipe evaluates in this process, ``processes`` takes its place.
        """
        for name, value in options.items():
            if value is not None:
                self.tree[name] = value
                self.given[(name,)] = argument(name)
        if executor is None and jobs is None:
            return
        given = self.tree.get("executor", "in-process")
        entry = dict(given) if isinstance(given, dict) else {"name": given}
        if executor is not None and entry.get("name") != executor:
            entry = {"name": executor}
        if jobs is not None:
            entry = {**({"name": "processes"} if entry.get("name") == "in-process" else entry), "jobs": jobs}
        self.tree["executor"] = CommentedMap(entry)
        self.given[("executor", "name")] = argument("jobs" if executor is None else "executor")
        self.given[("executor", "jobs")] = argument("jobs")


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
        size = require_regular(path)
        if size > LARGEST:
            raise RecipeError(f"{path}:1:1: {size:,} bytes; a recipe has at most {LARGEST:,}, so name another file")
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        folder = path if is_folder(path) else path.parent
        recipes = [str(near) for near in folder.glob("*.y*ml")] if is_folder(folder) else []
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
    tree = load(text, str(path))
    if not isinstance(tree, CommentedMap):
        what = "empty" if tree is None else "not a mapping"
        raise RecipeError(f"{path}:1:1: {what}; a recipe is a mapping such as `model: minilm`, see recipes/sts.yaml")
    return Document(str(path), tree)


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
