"""docs/reference.md, made of the code: the public names, the hooks, and every key of a recipe."""

from __future__ import annotations

import inspect
import json
import re
from typing import Any

import ablate
from ablate import hookspecs
from ablate.experiment.recipe import Recipe

HEAD = """# Reference

Made of the code (`python -m tests.test_docs` writes this page): the public names of `ablate`, the hooks of a plug-in, and every
key of a recipe. The command line's is on [its own page](commands.md).
"""


def page() -> str:
    """The whole page."""
    names = [section(f"ablate.{name}", getattr(ablate, name)) for name in ablate.__all__ if name != "hookimpl"]
    hooks = [
        section(name, hook) for name, hook in sorted(vars(hookspecs).items()) if name.startswith("ablate_register")
    ]
    schema = Recipe.model_json_schema()
    keys = [table("A recipe", schema), *(table(name, one) for name, one in sorted(schema["$defs"].items()))]
    return "\n".join(
        [HEAD, "## In Python\n", *names, "## Hooks\n", *hooks, "## Keys of a recipe\n", *[one for one in keys if one]]
    )


def section(name: str, thing: Any) -> str:
    """A name with its signature (of a class: its own methods and properties) and its docstring."""
    text = f"### {name}\n\n```text\n{name.removeprefix('ablate.')}{signature(thing)}\n\n{inspect.getdoc(thing)}\n```\n"
    if inspect.isclass(thing) and not issubclass(thing, Exception | Recipe):
        text += "".join(member(thing, part) for part in vars(thing) if not part.startswith("_"))
    return text


def signature(thing: Any) -> str:
    if inspect.isclass(thing):
        return f"({', '.join(base.__name__ for base in thing.__bases__)})"
    return re.sub(r"<function (\w+) at \w+>", r"\1", str(inspect.signature(thing)).replace("'", ""))


def member(owner: type, name: str) -> str:
    """A method or property that says what it does."""
    thing = inspect.getattr_static(owner, name)
    thing = thing.fget if isinstance(thing, property) else getattr(thing, "__func__", thing)
    if not inspect.isfunction(thing) or not thing.__doc__:
        return ""
    shape = "" if isinstance(inspect.getattr_static(owner, name), property) else signature(thing)
    first = " ".join(inspect.cleandoc(thing.__doc__).split("\n\n")[0].split())
    return f"\n* `{name}{shape}`: {first}\n"


def table(name: str, schema: dict[str, Any]) -> str:
    """The keys of one mapping of a recipe."""
    properties = schema.get("properties")
    if not properties:
        return ""
    lines = [f"### {name}\n", f"{said(schema)}\n", "| key | type | default |", "|---|---|---|"]
    required = schema.get("required", [])
    for key, one in properties.items():
        default = "needed" if key in required else f"`{shown(one.get('default'))}`"
        lines.append(f"| `{key}` | {kind(one)} | {default} |")
    return "\n".join(lines) + "\n"


def said(schema: dict[str, Any]) -> str:
    """The docstring as a list, where it goes on key by key."""
    return "\n".join(["```text", str(schema.get("description", "")), "```"])


def kind(schema: dict[str, Any]) -> str:
    """A type in words."""
    if "$ref" in schema:
        return f"[{schema['$ref'].rpartition('/')[2]}](#{schema['$ref'].rpartition('/')[2].lower()})"
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(kind(one) for one in schema["anyOf"]))
    if schema.get("type") == "array":
        return f"list of {kind(schema.get('items', {}))}"
    if schema.get("type") == "object":
        return "mapping"
    bounds = [
        f"{word} {schema[name]:g}"
        for name, word in (
            ("minimum", "from"),
            ("exclusiveMinimum", "above"),
            ("maximum", "to"),
            ("exclusiveMaximum", "below"),
        )
        if name in schema and abs(schema[name]) < 2**62
    ]
    words = {
        "integer": "whole number",
        "number": "number",
        "boolean": "true or false",
        "string": "text",
        "null": "null",
    }
    return " ".join([words.get(schema.get("type", ""), "anything"), *bounds])


def shown(value: Any) -> str:
    """A default as a recipe would have it."""
    return value if isinstance(value, str) else json.dumps(value).replace('"', "")
