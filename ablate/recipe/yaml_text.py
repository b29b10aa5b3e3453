"""YAML as a recipe may use it: one that JSON can express too, of bounded size and depth."""

from __future__ import annotations

import io
import json
import re
import warnings
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.reader import ReaderError

from ablate.errors import RecipeError, one_line

VALUES = 50_000
"""The most values of a recipe, in which each alias counts as what it stands for: few aliases make billions of them."""
LEVELS = 40
"""The most levels of a recipe. A recipe needs about five."""

_BRACKETS = 10 * LEVELS
"""The most brackets that are open at once, those in texts among them, which need not be closed."""

_TOO_DEEP = "nested too deeply; a recipe needs about five levels"


def at(name: str, mark: tuple[int, int]) -> str:
    """``file:line:col`` of a mark, whose line and column count from 0."""
    return f"{name}:{mark[0] + 1}:{mark[1] + 1}"


def dump(tree: Any) -> str:
    """Plain JSON values as YAML that :func:`load` reads as the same values."""
    writer: Any = YAML(typ="safe", pure=True)
    writer.default_flow_style = False
    writer.allow_unicode = True
    writer.width = 4096
    writer.sort_base_mapping_type_on_output = False
    text = io.StringIO()
    writer.dump(tree, text)
    return text.getvalue()


def load(text: str, name: str) -> Any:
    """Reads YAML with the line and column of each value.

    Raises:
        RecipeError: it is not YAML, JSON cannot express it, or it is too large. The message has the place.
    """
    _refuse_brackets(text, name)
    # The round-trip loader is the one that keeps the line and column of each value.
    reader = YAML(typ="rt")
    try:
        # The library warns about spellings that older versions of YAML read otherwise.
        with warnings.catch_warnings(action="ignore"):
            tree = reader.load(io.StringIO(text))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = at(name, (mark.line, mark.column) if mark else (0, 0))
        raise RecipeError(f"{place}: {_problem(error)}") from None
    except ReaderError as error:
        line, column = text.count("\n", 0, error.position) + 1, error.position - text.rfind("\n", 0, error.position)
        raise RecipeError(f"{name}:{line}:{column}: a character that YAML forbids; remove it, or escape it") from None
    except RecursionError:
        raise RecipeError(f"{name}:1:1: {_TOO_DEEP}") from None
    except Exception as error:  # the library fails on some texts that are no YAML with whatever its code runs into
        raise RecipeError(f"{name}:1:1: not valid YAML: {one_line(error)[:200]}; fix it") from None
    _Check(name).values(tree, at(name, (0, 0)), ())
    return tree


def _refuse_brackets(text: str, name: str) -> None:
    """Refuses a text with hundreds of open brackets. The library is quadratic in their number."""
    depth = 0
    for found in re.finditer(r"[][{}]", text):
        depth += 1 if found[0] in "[{" else -1
        if depth > _BRACKETS:
            mark = (text.count("\n", 0, found.start()), found.start() - text.rfind("\n", 0, found.start()) - 1)
            raise RecipeError(f"{at(name, mark)}: {_TOO_DEEP}")


def _problem(error: MarkedYAMLError) -> str:
    if isinstance(error, DuplicateKeyError):
        return f"{str(error.problem).partition(' with value')[0]}; keep one of the two"
    problem = ", ".join(" ".join(str(part).split()) for part in (error.context, error.problem) if part)
    remedy = "indent with spaces" if "'\\t'" in problem else "fix the YAML there"
    return f"not valid YAML: {problem}; {remedy}"


@dataclass
class _Check:
    """Refuses YAML that JSON cannot express, and YAML that is too large.

    name: the start of every place.
    counted: the identity of a mapping or list -> how many values are in it.
    """

    name: str
    counted: dict[int, int] = field(default_factory=dict)

    def values(self, node: Any, place: str, above: tuple[int, ...]) -> int:
        """How many values a node stands for.

        Args:
            place: of the node.
            above: the identities of the nodes that contain this one.

        Raises:
            RecipeError: it has a tag, a key that is not text or a character that no value may have, contains itself, or
                is too deep or too large.
        """
        if id(node) in above:
            raise RecipeError(f"{place}: contains itself; write the value out")
        if len(above) > LEVELS:
            raise RecipeError(f"{place}: {_TOO_DEEP}")
        tag = getattr(getattr(node, "tag", None), "value", None)
        if tag:
            raise RecipeError(f"{place}: the tag '{tag}' means nothing in a recipe; remove it")
        if isinstance(node, str):
            self.text(node, place)
        if not isinstance(node, CommentedMap | CommentedSeq):
            return 1
        if id(node) not in self.counted:
            inside = 1
            for item, mark in self.items(node, place):
                inner = at(self.name, mark) if mark else place
                inside += self.values(item, inner, (*above, id(node)))
                if inside > VALUES:
                    raise RecipeError(
                        f"{inner}: more than {VALUES:,} values, each alias counted as what it stands for; a recipe has "
                        "about a hundred, so leave some out"
                    )
            self.counted[id(node)] = inside
        return self.counted[id(node)]

    def items(self, node: CommentedMap | CommentedSeq, place: str) -> list[tuple[Any, tuple[int, int] | None]]:
        """The values of a mapping or list, each with its mark; None for one that a merge (``<<``) brings."""
        if isinstance(node, CommentedSeq):
            return [(item, node.lc.item(i)) for i, item in enumerate(node)]
        items = [(node[key], node.lc.key(key) if key in (node.lc.data or {}) else None) for key in node]
        for key, (_, mark) in zip(node, items, strict=True):
            where = at(self.name, mark) if mark else place
            if not isinstance(key, str):
                raise RecipeError(f"{where}: the key {json.dumps(key, default=str)} is not a name; use text")
            self.text(key, where)
        return items

    def text(self, text: str, place: str) -> None:
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise RecipeError(f"{place}: half of a surrogate pair, which is not a character; remove it")
        if "\0" in text:
            raise RecipeError(f"{place}: a NUL, which no path and no name may have; remove it")
