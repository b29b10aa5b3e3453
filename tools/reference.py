"""docs/reference.md, made of the code: the public names, what plug-ins use, the hooks, every key and parameter."""

from __future__ import annotations

import inspect
import json
import re
from dataclasses import is_dataclass
from importlib import import_module
from typing import Any

import ablate
from ablate import hookspecs, plugin_api, testing
from ablate.plugins import KINDS, registry
from ablate.recipe.recipe import Recipe
from ablate.report.figures.plots import Plots
from tools.docstrings import prose

HEAD = """# Reference

Made of the code (`python -m tools.docs` writes this page): the public names of `ablate`, the hooks of a plug-in and what
plug-ins use, what is built in with its parameters, and every key of a recipe. The command line's is on
[its own page](commands.md).
"""


def reference_page() -> str:
    """The whole page."""
    names = [section(f"ablate.{name}", getattr(ablate, name)) for name in ablate.__all__ if name != "hookimpl"]
    names.append(section("ablate.report.figures.plots.Plots", Plots))
    hooks = [
        section(name, hook) for name, hook in sorted(vars(hookspecs).items()) if name.startswith("ablate_register")
    ]
    used = [section(f"{module}.{name}", getattr(import_module(module), name)) for module, name in for_plugins()]
    ours = [entry for kind in KINDS for entry in registry().of_kind(kind) if entry.built_in]
    built_in = [
        table(f"{one.kind} {one.plugin.name}", one.plugin.model_json_schema(), one.plugin.help)
        for one in ours
        if one.plugin.model_fields
    ]
    bare = [f"{one.kind} `{one.plugin.name}`" for one in ours if not one.plugin.model_fields]
    schema = Recipe.model_json_schema()
    keys = [table(name, one) for name, one in {"A recipe": schema, **dict(sorted(schema["$defs"].items()))}.items()]
    return "\n".join(
        [
            HEAD,
            "## In Python\n",
            *names,
            "## Hooks\n",
            *hooks,
            "## What plug-ins use\n",
            *used,
            "## Parameters of what is built in\n",
            f"`ablate list` has all names, those of plug-ins too. Without parameters: {', '.join(bare)}.\n",
            *built_in,
            "## Keys of a recipe\n",
            *[one for one in keys if one],
        ]
    )


def for_plugins() -> list[tuple[str, str]]:
    """Module and name of all that plug-ins and their tests use, the public names of ``ablate`` apart."""
    return [
        (module.__name__, name)
        for module in (plugin_api, testing)
        for name in module.__all__
        if name not in (*ablate.__all__, "API")
    ]


def section(name: str, thing: Any) -> str:
    """A name with its signature (of a class: its own methods and properties) and its docstring."""
    module, _, short = name.rpartition(".")
    start = f"from {module} import {short}\n\n" if "." in module else ""
    if not (inspect.isclass(thing) or inspect.isfunction(thing)):
        return f"### {name}\n\n```text\n{start}{short} = {plain(repr(thing))}\n```\n"
    text = f"### {name}\n\n```text\n{start}{short}{signature(thing)}\n```\n\n{prose(inspect.getdoc(thing) or '')}\n"
    if inspect.isclass(thing) and not issubclass(thing, Exception | Recipe):
        text += "".join(member(thing, part) for part in vars(thing) if not part.startswith("_"))
    return text


def signature(thing: Any) -> str:
    if inspect.isclass(thing) and not is_dataclass(thing):
        return f"({', '.join(base.__name__ for base in thing.__bases__)})"
    full = inspect.signature(thing)
    if inspect.isclass(thing):
        # What begins with an underscore is not for a caller to give. A record of nothing else is made by ablate alone.
        public = [one for one in full.parameters.values() if not one.name.startswith("_")]
        if full.parameters and not public:
            return ""
        full = full.replace(parameters=public)
    shape = plain(str(full))
    shape = re.sub(r"(: |-> )(['\"])(.*?)\2", r"\1\3", shape).replace("<factory>", "{}")
    shape = shape.removesuffix(" -> None") if inspect.isclass(thing) else shape
    return shape if len(shape) < 100 else lines(shape)


def lines(shape: str) -> str:
    """A long signature with an argument a line."""
    depth, text = 0, ""
    for mark in shape:
        depth += (mark in "([") - (mark in ")]")
        last = mark == ")" and depth == 0
        text += f",\n{mark}" if last else mark
        if mark in "(," and depth == 1:
            text += "\n   " + " " * (mark == "(")
    return text


def plain(text: str) -> str:
    """Functions and objects by their names alone: an address differs from run to run."""
    return re.sub(r"<(?:function |)([\w.<>]+?)(?: object)? at \w+>", r"\1", text)


def member(owner: type, name: str) -> str:
    """A method or property that says what it does."""
    thing = inspect.getattr_static(owner, name)
    thing = thing.fget if isinstance(thing, property) else getattr(thing, "__func__", thing)
    if not inspect.isfunction(thing) or not thing.__doc__:
        return ""
    shape = "" if isinstance(inspect.getattr_static(owner, name), property) else signature(thing)
    return f"\n#### {name}\n\n```text\n{name}{shape}\n```\n\n{prose(thing.__doc__)}\n"


def table(name: str, schema: dict[str, Any], about: str = "") -> str:
    """The keys of one mapping of a recipe, or the parameters of a plug-in. ``about``: in place of the docstring."""
    properties = schema.get("properties")
    if not properties:
        return ""
    text = f"{about}\n" if about else f"{prose(schema.get('description', ''))}\n"
    explained = any("description" in one for one in properties.values())
    head = ["key", "type", "default", *(["meaning"] if explained else [])]
    lines = [f"### {name}\n", text, f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    required = schema.get("required", [])
    for key, one in properties.items():
        default = "needed" if key in required else f"`{shown(one.get('default'))}`"
        meaning = [one.get("description", "")] if explained else []
        lines.append(f"| {' | '.join([f'`{key}`', kind(one), default, *meaning])} |")
    return "\n".join(lines) + "\n"


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
